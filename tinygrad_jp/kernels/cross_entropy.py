"""Softmax with cross entropy on arrays: the losses' sum, and the error y Σt − t that the gradient is made of.

The book, equations 3.10 and 4.3, figure 5-30 (where Σt = 1). Scores have shape (N, classes).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from .fast import compiled

Array = np.ndarray[Any, Any]

FEW = 64
"""Rows of at most this many scores are reduced faster as columns: NumPy runs a loop for each row (measured)."""
WORTH_COMPILING = 256
"""Scores from which on loading the compiled kernel (half a second, once) is worth it."""


def check_labels(t: Array, classes: int) -> None:
    """Refuse whole numbers that are no class."""
    unsigned = t.view(f"u{t.itemsize}")  # in which a negative label is a huge one: one pass finds both
    if t.size and np.maximum.reduce(unsigned, axis=None) >= classes:
        raise ArgumentError(f"softmax_cross_entropy: labels must lie in 0…{classes - 1}, got {t.min()}…{t.max()}")


def of_labels(x: Array, t: Array) -> tuple[Any, Array]:
    """Return Σ −log softmax(x)[t] and the error, for whole-number labels of shape (N,), which are checked."""
    fast = compiled(x.dtype) if x.size >= WORTH_COMPILING else None
    if fast is not None:
        error = np.empty(x.shape, x.dtype)
        loss, valid = fast.cross_entropy(np.ascontiguousarray(x), np.ascontiguousarray(t, np.intp), error)
        if not valid:
            check_labels(t, x.shape[1])
        return x.dtype.type(loss), error
    check_labels(t, x.shape[1])
    shifted, y, total = _softmax(x)
    rows = np.arange(len(t))
    loss = np.add.reduce(np.log(total) - shifted[t, rows])
    y[t, rows] -= 1
    return loss, y.T


def of_probabilities(x: Array, t: Array) -> tuple[Any, Array]:
    """Return Σ −t log softmax(x) and the error, for targets of the shape of the scores."""
    shifted, y, total = _softmax(x)
    targets = t.T.astype(x.dtype, copy=False)
    weight = np.add.reduce(targets, 0)
    return (weight * np.log(total)).sum() - (targets * shifted).sum(), (y * weight - targets).T


def _softmax(x: Array) -> tuple[Array, Array, Array]:
    """Return x − max x, its softmax and the sum that this was divided by: classes by examples."""
    scores = x.T.copy() if x.shape[1] <= FEW else x.T
    shifted = scores - np.maximum.reduce(scores, 0, initial=-np.inf)
    y = np.exp(shifted)
    total = np.add.reduce(y, 0)
    y /= total
    return shifted, y, total
