"""Fused ops: what would be several nodes as one, for speed or accuracy; each with its decomposition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blank import Blank
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels import affine as kernels
from ..kernels import cross_entropy, normalization
from .elementwise import relu as relu_op
from .linalg import matrix_product, times_matrix
from .reduce import Axis, add_reduce, count, floating, inverse, max_reduce, min_reduce, softmax
from .table import POSITIVE, Array, Kink, op


def _rows(x: Array) -> Array:
    """View an array as a matrix whose rows are its last axis."""
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _affine(name: str, x: Array, w: Array, b: Array, relu: bool) -> Array:
    """Check the arguments of a fully connected layer, and compute it."""
    x, w, b = np.asarray(x), np.asarray(w), np.asarray(b)
    if not x.ndim or w.ndim != 2:
        raise ShapeError(f"{name}: needs x of shape (…, D) and w of shape (D, M), got {x.shape} and {w.shape}")
    shape = (*x.shape[:-1], w.shape[1])
    if b.ndim > 1 or (b.shape != shape[-1:] and b.size != 1):
        raise ShapeError(f"{name}: the bias of shape {b.shape} does not fit x · W of shape {shape}")
    out = kernels.forward(_rows(x), w, b, relu)
    return out if x.ndim == 2 else out.reshape(shape)


def _affine_gradients(
    g: Array, wanted: Sequence[str], x: Array | None = None, w: Array | None = None, out: Array | None = None
) -> list[Array]:
    """Do at once what the vjps of a fully connected layer do; `out` is given if it has relu."""
    if g.ndim == 2:
        return kernels.gradients(wanted, g, x, w, out)
    x_rows, out_rows = (None if a is None else _rows(a) for a in (x, out))
    found = dict(zip(wanted, kernels.gradients(wanted, _rows(g), x_rows, w, out_rows), strict=True))
    if w is not None:
        found["x"] = found["x"].reshape((*g.shape[:-1], len(w)))
    return [found[name] for name in wanted]


@op(
    symbol="affine",
    family="bilinear",
    vjp={
        "x": lambda g, w: times_matrix(g, w.T),
        "w": lambda g, x: matrix_product(_rows(x).T, _rows(g)),
        "b": lambda g: add_reduce(_rows(g), axis=0),
    },
    together=_affine_gradients,
    decomposition=lambda x, w, b: np.dot(x, w) + b,
    rows={"x": 0},
)
def affine(x: Array, w: Array, b: Array, /) -> Array:
    """Affine transformation x · W + b (the book, figure 5-27).

    Parameters
    ----------
    x
        Shape (…, D): one example, or any number of them.
    w
        Weights, shape (D, M).
    b
        Bias, shape (M,).

    Returns
    -------
    Tensor
        Shape (…, M).
    """
    return _affine("affine", x, w, b, relu=False)


@op(
    symbol="affine + relu",
    family="bilinear",
    vjp={
        "x": lambda g, w, out: times_matrix(g * (out > 0), w.T),
        "w": lambda g, x, out: matrix_product(_rows(x).T, _rows(g * (out > 0))),
        "b": lambda g, out: add_reduce(_rows(g * (out > 0)), axis=0),
    },
    together=_affine_gradients,
    decomposition=lambda x, w, b: relu_op.dispatch(affine.dispatch(x, w, b)),
    rows={"x": 0},
    kinks=[
        Kink(
            "a result of 0 before relu",
            "0",
            (np.array([[-1.0], [0.0], [1.0]]), np.ones((1, 1)), np.zeros(1)),
            ([[0.0], [0.0], [1.0]], [[1.0]], [1.0]),
        )
    ],
)
def affine_relu(x: Array, w: Array, b: Array, /) -> Array:
    """A fully connected layer with its activation: max(x · W + b, 0); ``Sequential`` runs the two layers as this op.

    Figure 5-28 of the book draws them one behind the other.

    Parameters
    ----------
    x, w, b
        As in ``affine``: shapes (…, D), (D, M) and (M,).

    Returns
    -------
    Tensor
        Shape (…, M).
    """
    return _affine("affine_relu", x, w, b, relu=True)


def check_targets(t: Array, shape: tuple[int, ...]) -> None:
    """Refuse targets that are neither labels nor rows of probabilities for scores of this shape."""
    _check_kind(t, shape)
    if t.shape != shape and not isinstance(t, Blank):
        cross_entropy.check_labels(t, shape[-1])


def _check_kind(t: Array, shape: tuple[int, ...]) -> None:
    """Refuse what cannot be targets; whether labels lie in the range of the classes is not looked at."""
    if t.shape == shape:
        known = t.size and t.dtype.kind != "b" and not isinstance(t, Blank)
        if known and (min_reduce(t, axis=None) < 0 or max_reduce(t, axis=None) > 1):
            raise ArgumentError(
                f"softmax_cross_entropy: one-hot targets and probabilities must lie in 0…1, got {t.min()}…{t.max()}"
            )
        return
    if t.shape != shape[:-1]:
        raise ShapeError(
            f"softmax_cross_entropy: scores of shape {shape} need labels of shape {shape[:-1]} or one-hot targets of "
            f"shape {shape}, got {t.shape}"
        )
    if t.dtype.kind not in "iu":
        raise DtypeError(f"softmax_cross_entropy: labels must be whole numbers, got dtype {t.dtype}; use t.astype(int)")


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
    rows[label_places(t)] = 1
    return rows


def label_places(t: Array) -> Any:
    """Index of each label's element in the scores."""
    return (np.arange(len(t)), t) if t.ndim else t


def _batch(shape: tuple[int, ...]) -> int:
    return shape[0] if len(shape) == 2 else 1


def _error(x: Array, t: Array) -> Array:
    """y Σt − t, where y is the softmax of x (the book, figure 5-30, where Σt = 1)."""
    rows = one_hot(t, x.shape, x.dtype)
    return softmax.dispatch(x) * add_reduce(rows, axis=-1, keepdims=True) - rows


def _cross_entropy_as_primitives(x: Array, t: Array) -> Array:
    e = np.exp(x)
    y = e / np.sum(e, -1, keepdims=True)
    return -np.sum(one_hot(t, x.shape, x.dtype) * np.log(y)) / _batch(x.shape)


@op(
    symbol="softmax + cross entropy",
    family="along_axis",
    vjp={"x": lambda g, error: error * (g / _batch(error.shape))},
    keeps={"error": _error},
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
    _check_kind(t, x.shape)
    sum_up = cross_entropy.of_probabilities if t.shape == x.shape else cross_entropy.of_labels
    if x.ndim == 2:
        loss, error = sum_up(x, t)
        return loss / x.shape[0], error
    loss, error = sum_up(x[None], t[None])
    return loss, error[0]


def _inverse_deviation(x: Array, axis: Axis, eps: float) -> Array:
    return 1.0 / np.sqrt(np.var(x, axis, keepdims=True) + eps)


def _standardize_vjp(g: Array, out: Array, scale: Array, axis: Axis) -> Array:
    """(g − mean g − x̂ mean(g x̂)) / √(σ² + ε) (S. Ioffe, C. Szegedy, 2015, section 3, summed up)."""
    share = inverse(count(out.shape, axis))
    mean = add_reduce(g, axis=axis, keepdims=True) * share
    slope = add_reduce(g * out, axis=axis, keepdims=True) * share
    return (g - mean - out * slope) * scale


def _standardize_as_primitives(x: Array, axis: Axis, eps: float) -> Array:
    deviation = x - np.mean(x, axis, keepdims=True)
    return deviation / np.sqrt(np.mean(np.square(deviation), axis, keepdims=True) + eps)


@op(
    symbol="standardize",
    family="along_axis",
    vjp={"x": _standardize_vjp},
    keeps={"scale": _inverse_deviation},
    decomposition=_standardize_as_primitives,
)
def standardize(x: Array, /, axis: Axis = -1, eps: float = 1e-5) -> Array:
    """Mean 0 and variance 1 along one axis or several: x̂ = (x − μ) / √(σ² + ε) (the book, equation 6.7, figure 6-17).

    The core of batch, layer and group normalization.

    Parameters
    ----------
    x
        Any shape.
    axis
        The axis or axes over which mean and variance are taken; None for all.
    eps
        ε, keeps the root away from 0.
    """
    x = floating(x)
    share = inverse(count(x.shape, axis))
    out = x - add_reduce(x, axis=axis, keepdims=True) * share
    scale = 1.0 / np.sqrt(add_reduce(out * out, axis=axis, keepdims=True) * share + eps)
    out *= scale
    return out, scale


def _batch_axes(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _column(values: Array, x: Array) -> Array:
    """Shape values of the channels so that they broadcast with `x`."""
    return values.reshape((values.shape[0], *[1] * (x.ndim - 2))) if x.ndim > 2 else values


def _batch_mean(x: Array) -> Array:
    return np.mean(x, _batch_axes(x))


def _batch_scale(x: Array, eps: float) -> Array:
    return 1.0 / np.sqrt(np.var(x, _batch_axes(x)) + eps)


def _batch_norm_as_primitives(x: Array, gamma: Array, beta: Array, eps: float, relu: bool, moments: Any) -> Array:
    y = standardize.dispatch(x, _batch_axes(x), eps) * _column(gamma, x) + _column(beta, x)
    return np.maximum(y, 0) if relu else y


def _normal(x: Array, mean: Array, scale: Array) -> Array:
    return (x - _column(mean, x)) * _column(scale, x)


def _batch_norm_dx(g: Array, x: Array, gamma: Array, mean: Array, scale: Array, out: Array, relu: bool) -> Array:
    if isinstance(g, np.ndarray):
        return normalization.input_gradient(g, x, mean, scale, gamma, out, relu)
    g = g * (out > 0) if relu else g
    normal, axes = _normal(x, mean, scale), _batch_axes(x)
    share = inverse(count(x.shape, axes))
    rest = np.sum(g, axes, keepdims=True) * share + normal * (np.sum(g * normal, axes, keepdims=True) * share)
    return (g - rest) * _column(gamma * scale, x)


def _batch_norm_dgamma(g: Array, x: Array, mean: Array, scale: Array, out: Array, relu: bool) -> Array:
    if isinstance(g, np.ndarray):
        return normalization.gradient_sums(g, x, mean, scale, out, relu)[1]
    return np.sum((g * (out > 0) if relu else g) * _normal(x, mean, scale), _batch_axes(x))


@op(
    symbol="batch norm",
    family="along_axis",
    vjp={
        "x": _batch_norm_dx,
        "gamma": _batch_norm_dgamma,
        "beta": lambda g, out, relu: add_reduce(g * (out > 0) if relu else g, axis=_batch_axes(out)),
    },
    keeps={"mean": _batch_mean, "scale": _batch_scale},
    decomposition=_batch_norm_as_primitives,
    rows=lambda shapes, attrs: {"x": 0} if attrs["moments"] else {},  # which no rows have
    domain={"gamma": POSITIVE},
    kinks=[
        Kink(
            "a result of 0 before relu",
            "0",
            (np.array([[-1.0], [0.0], [1.0]]), np.zeros(1), np.zeros(1)),
            ([[0.0], [0.0], [0.0]], [0.0], [0.0]),
            {"relu": True},
        )
    ],
)
def batch_norm(
    x: Array, gamma: Array, beta: Array, /, eps: float = 1e-5, relu: bool = False, moments: Any = None
) -> Array:
    """Batch normalization: each channel to mean 0 and variance 1 over the batch, then γ x̂ + β.

    The book, section 6.3, equations 6.7 and 6.8, figure 6-17 (S. Ioffe, C. Szegedy, 2015, algorithm 1).

    Parameters
    ----------
    x
        Shape (N, C), or images (N, C, H, W); floating point.
    gamma, beta
        γ and β, shape (C,).
    eps
        ε, keeps the root away from 0.
    relu
        Whether to set negative results to 0.
    moments
        Mean and variance of each channel of `x`, shape (C,) each, if they are known.

    Returns
    -------
    Tensor
        The shape of `x`.
    """
    x, gamma, beta = floating(x), np.asarray(gamma), np.asarray(beta)
    if x.ndim < 2 or gamma.shape != x.shape[1:2] or beta.shape != gamma.shape:
        raise ShapeError(
            f"batch_norm: needs x of shape (N, C, …) and γ and β of shape (C,), got {x.shape}, {gamma.shape} and "
            f"{beta.shape}"
        )
    mean, var = moments or normalization.moments(x)
    scale = 1.0 / np.sqrt(var + np.asarray(eps, var.dtype))
    out = normalization.normalize(x, mean, scale, gamma, beta, bool(relu))
    return out.astype(np.result_type(x, gamma, beta), copy=False), mean, scale
