"""Fused ops: what would be several nodes as one, for speed or accuracy; each with its decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError, ShapeError
from .linalg import _dot_dx, _dot_dy
from .reduce import add_reduce, floating, log_softmax, max_reduce, min_reduce, softmax
from .table import Array, op


@op(
    symbol="affine",
    family="bilinear",
    vjp={
        "x": lambda g, x_shape, w: _dot_dx(g, x_shape, w),
        "w": lambda g, x, w_shape: _dot_dy(g, x, w_shape),
        "b": lambda g: g,
    },
    decomposition=lambda x, w, b: np.dot(x, w) + b,
)
def affine(x: Array, w: Array, b: Array, /) -> Array:
    """Affine transformation x · W + b (the book, figure 5-27).

    Parameters
    ----------
    x
        Shape (N, D) or (D,).
    w
        Weights, shape (D, M).
    b
        Bias, shape (M,).
    """
    if not np.ndim(x) or np.ndim(w) != 2:
        raise ShapeError(
            f"affine: needs x of shape (N, D) or (D,) and w of shape (D, M), got {np.shape(x)}, {np.shape(w)}"
        )
    out = np.dot(x, w)
    if np.shape(b) not in (out.shape[-1:], (1,), ()):
        raise ShapeError(f"affine: the bias of shape {np.shape(b)} does not fit x · W of shape {out.shape}")
    if np.result_type(b) != out.dtype:
        return out + b
    out += b
    return out


def _check_targets(t: Array, shape: tuple[int, ...]) -> None:
    """Refuse targets that are neither labels nor rows of probabilities for scores of this shape."""
    if t.shape == shape:
        return
    if t.shape != shape[:-1]:
        raise ShapeError(
            f"softmax_cross_entropy: scores of shape {shape} need labels of shape {shape[:-1]} or one-hot targets of "
            f"shape {shape}, got {t.shape}"
        )
    if t.dtype.kind not in "iu":
        raise DtypeError(f"softmax_cross_entropy: labels must be whole numbers, got dtype {t.dtype}; use t.astype(int)")
    if t.size and (min_reduce(t, axis=None) < 0 or max_reduce(t, axis=None) >= shape[-1]):
        raise ArgumentError(f"softmax_cross_entropy: labels must lie in 0…{shape[-1] - 1}, got {t.min()}…{t.max()}")


def one_hot(t: Array, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Return targets as rows of probabilities: one-hot rows for labels, the rows themselves if given.

    Parameters
    ----------
    t
        Whole-number labels of shape (N,), or () for a single example; or probabilities of shape `shape`.
    shape
        (N, classes) or (classes,).
    dtype
        Of the rows made for labels.
    """
    t = np.asarray(t)
    if t.shape == shape:
        return t
    rows = np.zeros(shape, dtype)
    rows[_places(t)] = 1
    return rows


def _places(t: Array) -> Any:
    """Index of each label's element in the scores."""
    return (np.arange(len(t)), t) if t.ndim else t


def _batch(shape: tuple[int, ...]) -> int:
    return shape[0] if len(shape) == 2 else 1


def _cross_entropy_vjp(g: Array, x: Array, t: Array) -> Array:
    """(y Σt − t) · g / N (the book, figure 5-30, where Σt = 1)."""
    rows = one_hot(t, x.shape, x.dtype)
    y = softmax.dispatch(x)
    if np.ndim(t) == x.ndim:
        y = y * add_reduce(rows, axis=-1, keepdims=True)
    return (y - rows) * (g / _batch(x.shape))


def _cross_entropy_as_primitives(x: Array, t: Array) -> Array:
    e = np.exp(x)
    y = e / np.sum(e, -1, keepdims=True)
    return -np.sum(one_hot(t, x.shape, x.dtype) * np.log(y)) / _batch(x.shape)


@op(
    symbol="softmax + cross entropy",
    family="along_axis",
    vjp={"x": _cross_entropy_vjp},
    decomposition=_cross_entropy_as_primitives,
)
def softmax_cross_entropy(x: Array, t: Array, /) -> Array:
    """Softmax with cross-entropy loss, the mean of −Σ t log softmax(x) over the batch.

    The book's Softmax-with-Loss layer: equations 3.10 and 4.3, figures 5-29 and 5-30, appendix A.

    Parameters
    ----------
    x
        Scores (logits), shape (N, classes) or (classes,).
    t
        Labels 0 … classes − 1, shape (N,) or (); or one-hot rows or probabilities, of the shape of `x`. No
        gradient flows to them.

    Returns
    -------
    Tensor
        The loss, shape ().
    """
    if np.ndim(x) not in (1, 2):
        raise ShapeError(f"softmax_cross_entropy: needs scores of shape (N, classes) or (classes,), got {np.shape(x)}")
    x, t = floating(x), np.asarray(t)
    _check_targets(t, x.shape)
    logs = log_softmax.forward(x)
    picked = t * logs if t.shape == x.shape else logs[_places(t)]
    return -add_reduce(picked, axis=None) / _batch(x.shape)
