"""Reductions over axes, and the ops that run along one axis (cumsum, softmax, …).

For all of them `axis` is None (the whole array), an int or, where it says so, a tuple of ints; negative axes
count from the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..errors import ArgumentError
from .table import NONZERO, Array, Kink, op

Axis = int | tuple[int, ...] | None

# The ufuncs' own reductions cost a third of np.sum, np.max, …, and Tensors dispatch on them too.
add_reduce: Callable[..., Array] = np.add.reduce
mul_reduce: Callable[..., Array] = np.multiply.reduce
max_reduce: Callable[..., Array] = np.maximum.reduce
min_reduce: Callable[..., Array] = np.minimum.reduce


def floating(x: Array) -> Array:
    """Take whole numbers and Booleans as floating numbers, as NumPy's own functions do."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(float)


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """Shape of a reduction with ``keepdims=True``: the reduced axes have length 1."""
    if axis is None or not shape:
        return (1,) * len(shape)
    reduced = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return tuple(1 if a in reduced else n for a, n in enumerate(shape))


def spread(g: Array, shape: tuple[int, ...], axis: Axis) -> Array:
    """Put a reduction's result or gradient back beside its input of this shape, to be broadcast along `axis`."""
    return g.reshape(kept_shape(shape, axis))


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """Count the elements that one result of a reduction is made of."""
    return math.prod(n for n, kept in zip(shape, kept_shape(shape, axis), strict=True) if kept == 1)


def inverse(n: int) -> float:
    """1 / n, and ∞ for 0: a Python number, which is weak, so that even in float16 a large n does no harm."""
    return 1.0 / n if n else math.inf


@op(
    symbol="Σ",
    family="reduction",
    vjp={"x": lambda g, x_shape, axis: np.broadcast_to(spread(g, x_shape, axis), x_shape)},
    numpy=[np.sum],
)
def sum(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Sum over one axis, several or all; its gradient is repeated (the book, section 5.3.1).

    Parameters
    ----------
    x
        Any shape.
    axis
        None for all axes, an int or a tuple of ints.
    keepdims
        Keep the reduced axes with length 1.
    """
    return add_reduce(x, axis=axis, keepdims=keepdims)


@op(
    symbol="mean",
    family="reduction",
    vjp={
        "x": lambda g, x_shape, axis: np.broadcast_to(spread(g * inverse(count(x_shape, axis)), x_shape, axis), x_shape)
    },
    decomposition=lambda x, axis, keepdims: np.sum(x, axis, keepdims=keepdims) / count(x.shape, axis),
    numpy=[np.mean],
)
def mean(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Arithmetic mean over one axis, several or all; NaN where there is nothing to average."""
    return np.mean(x, axis=axis, keepdims=keepdims)


def _deviation(x: Array, axis: Axis) -> Array:
    return x - np.mean(x, axis, keepdims=True)


@op(
    symbol="var",
    family="reduction",
    vjp={
        "x": lambda g, x, axis, ddof: (
            spread(g, x.shape, axis) * (2.0 * inverse(count(x.shape, axis) - ddof)) * _deviation(x, axis)
        )
    },
    decomposition=lambda x, axis, ddof, keepdims: (
        np.sum(_deviation(x, axis) * _deviation(x, axis), axis, keepdims=keepdims) / (count(x.shape, axis) - ddof)
    ),
    numpy=[np.var],
)
def var(x: Array, /, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Array:
    """Variance, Σ(x − mean)² / (n − ddof), over one axis, several or all (`ddof` = 1: unbiased)."""
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


@op(
    symbol="std",
    family="reduction",
    vjp={
        # out + (out == 0): where all elements are equal the deviations are 0, and so is the gradient
        "x": lambda g, x, out, axis, ddof: (
            spread(g * inverse(count(x.shape, axis) - ddof) / (out + (out == 0)), x.shape, axis) * _deviation(x, axis)
        )
    },
    decomposition=lambda x, axis, ddof, keepdims: np.sqrt(np.var(x, axis, ddof=ddof, keepdims=keepdims)),
    kinks=[Kink("equal elements", "0", (np.array([2.0, 2.0]),), ([0.0, 0.0],))],
    numpy=[np.std],
)
def std(x: Array, /, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Array:
    """Standard deviation, the root of ``var``, over one axis, several or all."""
    return np.std(x, axis=axis, ddof=ddof, keepdims=keepdims)


def _others(x: Array) -> Array:
    """Product of all the *other* elements along the last axis, without a division (so zeros are exact).

    Neighbours are multiplied pairwise, the products of the other pairs are found by the same rule, and each
    element gets those times its neighbour: O(n) products in log₂ n rounds.
    """
    n = x.shape[-1]
    if n <= 1:
        return np.ones_like(x)
    pairs = x[..., : n - n % 2].reshape((*x.shape[:-1], n // 2, 2))
    product = pairs[..., 0] * pairs[..., 1]
    rest = x[..., n - n % 2 :]
    others = _others(np.concatenate([product, rest], -1))
    of_pairs = np.expand_dims(others[..., : n // 2], -1) * np.flip(pairs, -1)
    return np.concatenate([of_pairs.reshape((*x.shape[:-1], n - n % 2)), others[..., n // 2 :]], -1)


def _prod_vjp(g: Array, x: Array, axis: Axis) -> Array:
    axes: tuple[int, ...] = (
        tuple(range(x.ndim)) if axis is None or not x.ndim else axis if isinstance(axis, tuple) else (axis,)
    )
    order = [a for a in range(x.ndim) if a not in {b % x.ndim for b in axes}] + [b % x.ndim for b in axes]
    moved = np.transpose(x, order)
    kept = moved.shape[: x.ndim - len(axes)]
    others = _others(moved.reshape((*kept, math.prod(moved.shape[len(kept) :])))).reshape(moved.shape)
    return spread(g, x.shape, axis) * np.transpose(others, [order.index(a) for a in range(x.ndim)])


@op(symbol="Π", family="reduction", vjp={"x": _prod_vjp}, numpy=[np.prod])
def prod(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Product over one axis, several or all; its gradient is exact also where factors are zero."""
    return mul_reduce(x, axis=axis, keepdims=keepdims)


def _share_among_winners(g: Array, x: Array, out: Array, axis: Axis) -> Array:
    winners = x == spread(out, x.shape, axis)
    shares = np.sum(winners, axis, keepdims=True)
    return spread(g, x.shape, axis) * winners / shares


@op(
    symbol="max",
    family="reduction",
    vjp={"x": _share_among_winners},
    kinks=[Kink("ties", "shared equally among the largest", (np.array([3.0, 1.0, 3.0]),), ([0.5, 0.0, 0.5],))],
    numpy=[np.max, np.amax],
)
def max(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Largest element over one axis, several or all."""
    return max_reduce(x, axis=axis, keepdims=keepdims)


@op(
    symbol="min",
    family="reduction",
    vjp={"x": _share_among_winners},
    kinks=[Kink("ties", "shared equally among the smallest", (np.array([1.0, 3.0, 1.0]),), ([0.5, 0.0, 0.5],))],
    numpy=[np.min, np.amin],
)
def min(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Smallest element over one axis, several or all."""
    return min_reduce(x, axis=axis, keepdims=keepdims)


@op(family="reduction", numpy=[np.argmax])
def argmax(x: Array, /, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Index of the first largest element along an axis (of the flattened array for None)."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op(family="reduction", numpy=[np.argmin])
def argmin(x: Array, /, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Index of the first smallest element along an axis (of the flattened array for None)."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


@op(family="reduction", numpy=[np.all])
def all(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Test whether all elements are true (nonzero)."""
    return np.all(x, axis=axis, keepdims=keepdims)


@op(family="reduction", numpy=[np.any])
def any(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Test whether at least one element is true (nonzero)."""
    return np.any(x, axis=axis, keepdims=keepdims)


def _cumsum_vjp(g: Array, x_shape: tuple[int, ...], axis: int | None) -> Array:
    """Sum up from the far end; without an axis both `g` and the running sum are flat."""
    along = 0 if axis is None else axis
    return np.flip(np.cumsum(np.flip(g, along), along), along).reshape(x_shape)


@op(
    symbol="cumsum",
    family="along_axis",
    vjp={"x": _cumsum_vjp},
    numpy=[np.cumsum],
)
def cumsum(x: Array, /, axis: int | None = None) -> Array:
    """Running sum along an axis (of the flattened array for None)."""
    return np.cumsum(x, axis=axis)


def _finite(x: Array) -> Array:
    """Replace −∞ by 0: a shift by it would turn −∞ − (−∞) into NaN."""
    return np.where(x == -np.inf, 0.0, x)


@op(
    symbol="logΣexp",
    family="reduction",
    vjp={"x": lambda g, x, out, axis: spread(g, x.shape, axis) * np.exp(x - spread(_finite(out), x.shape, axis))},
    decomposition=lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis, keepdims=keepdims)),
    kinks=[Kink("all elements −∞", "0 (the value is −∞)", (np.array([-np.inf, -np.inf]),), ([0.0, 0.0],))],
)
def logsumexp(x: Array, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Logarithm of Σ eˣ over one axis, several or all, without overflow; −∞ if all elements are −∞."""
    x = floating(x)
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis=axis)


@op(
    symbol="softmax",
    family="along_axis",
    vjp={"x": lambda g, out, axis: out * (g - add_reduce(g * out, axis=axis, keepdims=True))},
    decomposition=lambda x, axis: np.exp(x) / np.sum(np.exp(x), axis, keepdims=True),
)
def softmax(x: Array, /, axis: int | tuple[int, ...] = -1) -> Array:
    """Softmax, eˣ / Σ eˣ along an axis (the book, equations 3.10 and 3.11), without overflow."""
    x = floating(x)
    e = np.exp(x - max_reduce(x, axis=axis, keepdims=True, initial=-np.inf))
    e /= add_reduce(e, axis=axis, keepdims=True)
    return e


@op(
    symbol="log softmax",
    family="along_axis",
    vjp={"x": lambda g, out, axis: g - np.exp(out) * add_reduce(g, axis=axis, keepdims=True)},
    decomposition=lambda x, axis: np.log(np.exp(x) / np.sum(np.exp(x), axis, keepdims=True)),
)
def log_softmax(x: Array, /, axis: int | tuple[int, ...] = -1) -> Array:
    """Logarithm of the softmax along an axis, accurate also where the softmax is nearly 0."""
    x = floating(x)
    shifted = x - max_reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(add_reduce(np.exp(shifted), axis=axis, keepdims=True))


def _norm_vjp(g: Array, x: Array, out: Array, ord: float, axis: Axis) -> Array:
    """g · ∂‖x‖ₚ/∂x = g · sgn(x) (|x| / ‖x‖ₚ)ᵖ⁻¹, where 0 / 0 counts as 0."""
    out = spread(out, x.shape, axis)
    g = spread(g, x.shape, axis)
    if ord == 2:
        return g * (x / (out + (out == 0)))
    if ord == np.inf:
        winners = np.abs(x) == out
        return g * np.sign(x) * winners / np.sum(winners, axis, keepdims=True)
    return g * np.sign(x) * (np.abs(x) / (out + (out == 0))) ** (ord - 1)


def _norm_as_primitives(x: Array, ord: float, axis: Axis, keepdims: bool) -> Array:
    if ord == 2:
        return np.sqrt(np.sum(x * x, axis, keepdims=keepdims))
    if ord == np.inf:
        return np.max(np.abs(x), axis, keepdims=keepdims)
    return np.sum(np.abs(x) ** ord, axis, keepdims=keepdims) ** (1.0 / ord)


@op(
    symbol="‖x‖",
    family="reduction",
    domain={"x": NONZERO},
    vjp={"x": _norm_vjp},
    decomposition=_norm_as_primitives,
    kinks=[
        Kink("x = 0", "0", (np.zeros(3),), (np.zeros(3),)),
        Kink("xᵢ = 0 with ord=1", "0", (np.array([0.0, 2.0, -2.0]),), ([0.0, 1.0, -1.0],), {"ord": 1}),
        Kink("ties with ord=∞", "shared equally", (np.array([2.0, -2.0, 1.0]),), ([0.5, -0.5, 0.0],), {"ord": np.inf}),
    ],
    numpy=[np.linalg.vector_norm],
)
def norm(x: Array, /, axis: Axis = None, *, keepdims: bool = False, ord: float = 2) -> Array:
    """Vector norm ‖x‖ₚ = (Σ |x|ᵖ)^(1/p) over one axis, several or all; not an operator norm of matrices.

    Parameters
    ----------
    x
        Any shape.
    axis
        None for all axes, an int or a tuple of ints.
    keepdims
        Keep the reduced axes with length 1.
    ord
        p: any number ≥ 1, or ``np.inf`` for the largest absolute value.
    """
    if not ord >= 1:
        raise ArgumentError(f"norm: ord must be at least 1, got {ord!r}")
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)  # type: ignore[arg-type]
