"""Losses in one pass over the scores."""

from __future__ import annotations

import math

from numpy import ndarray

from .jit import kernel


@kernel
def cross_entropy(x: ndarray, t: ndarray, error: ndarray) -> tuple[float, bool]:
    """Write softmax(x) − one-hot(t) into `error`; return Σ −log softmax(x)[t], and whether there are such labels.

    Shapes (N, classes) and (N,).
    """
    loss = 0.0
    for i in range(x.shape[0]):
        scores, y, label = x[i], error[i], t[i]
        if not 0 <= label < scores.size:
            return loss, False
        top = scores[0]
        for c in range(scores.size):
            top = max(top, scores[c])
        total = y.dtype.type(0)
        for c in range(scores.size):
            y[c] = math.exp(scores[c] - top)
            total += y[c]
        for c in range(scores.size):
            y[c] /= total
        loss += math.log(total) - (scores[label] - top)
        y[label] -= 1
    return loss, True
