"""A fully connected layer: bias and relu where the product was just written, both products of the way back at once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy import ndarray

from .atomic import bind
from .jit import kernel
from .product import (
    AS_IS,
    COLUMNS,
    ROWS,
    SUMMANDS,
    TRANSPOSED,
    WORTH_SHARING,
    add_up,
    blas_for,
    hand_out_products,
    laid,
    multiply_part,
    room,
    share,
)
from .sharing import cuts_of
from .team import NOBODY, team

Array = np.ndarray[Any, Any]


@kernel
def _finish(out: ndarray, more: ndarray, b: ndarray, relu: bool) -> None:
    """Add to a stretch of the result what else was summed up, shape (parts, N, M), and the bias; then relu."""
    zero = out.dtype.type(0)
    for i in range(len(out)):
        row = out[i]
        for part in range(len(more)):
            added = more[part, i]
            for j in range(row.size):
                row[j] += added[j]
        for j in range(row.size):
            row[j] += b[j]
        if relu:
            for j in range(row.size):
                row[j] = zero if row[j] <= zero else row[j]  # a NaN stays


@kernel
def _forward_part(
    part: int, worker: int, cuts: ndarray, shared: int, blas: ndarray, x: ndarray, x_order: int, w: ndarray,
    w_order: int, b: ndarray, relu: bool, out: ndarray, more: ndarray,
) -> None:  # fmt: skip
    """Compute some rows or columns of the layer's result, or some of the summands of its product."""
    multiply_part(part, worker, cuts, shared, blas, x, x_order, w, w_order, out, more)
    first, last = cuts[part], cuts[part + 1]
    if shared == ROWS:
        _finish(out[first:last], more, b, relu)
    elif shared == COLUMNS:
        _finish(out[:, first:last], more, b[first:last], relu)


_bound_forward_part = bind(_forward_part, flush=False)


@kernel
def _forward_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Compute a layer with a team; the arguments are those of :func:`_forward_part`."""
    shared, blas, _, _, _, _, b, relu, out, more = arguments
    hand_out_products(team, _bound_forward_part(cuts, arguments), cuts, blas)
    if shared == SUMMANDS:
        _finish(out, more, b, relu)


def forward(x: Array, w: Array, b: Array, relu: bool) -> Array | None:
    """Do what ``kernels.affine.forward`` does; None where the BLAS cannot be called."""
    blas = blas_for(x.dtype)
    if blas is None:
        return None
    (n, d), m = x.shape, w.shape[1]
    cuts, shared, out, more = share(n, d, m, x.dtype)
    _forward_all(team(cuts), cuts, shared, blas, *laid(x), *laid(w), _contiguous(b), relu, out, more)
    return out


def _contiguous(a: Array) -> Array:
    """Return an array as a contiguous, writeable one: there is one compiled function for all."""
    a = np.ascontiguousarray(a)
    return a if a.flags.writeable else a.copy()


@kernel
def _gradient_part(
    part: int, worker: int, cuts: ndarray, blas: ndarray, g: ndarray, x: ndarray, x_order: int, dw_cuts: ndarray,
    dw_shared: int, dw: ndarray, more_dw: ndarray, w: ndarray, w_order: int, dx_cuts: ndarray, dx_shared: int,
    dx: ndarray, more_dx: ndarray,
) -> None:  # fmt: skip
    """Compute a part of dW = Xᵀ · G or, after those, of dX = G · Wᵀ."""
    after = part - (dw_cuts.size - 1)
    if after < 0:
        turned = AS_IS + TRANSPOSED - x_order
        multiply_part(part, worker, dw_cuts, dw_shared, blas, x, turned, g, AS_IS, dw, more_dw)
    else:
        turned = AS_IS + TRANSPOSED - w_order
        multiply_part(after, worker, dx_cuts, dx_shared, blas, g, AS_IS, w, turned, dx, more_dx)


_bound_gradient_part = bind(_gradient_part, flush=False)


@kernel
def _gradients_all(team: ndarray, cuts: ndarray, y: ndarray, out: ndarray, sums: ndarray, *arguments: Any) -> None:
    """Compute both products with a team; `y` is the result's gradient, the arguments those of :func:`_gradient_part`.

    With relu, `out` has rows, and the part of `y` that it lets through goes to the first matrix of the arguments,
    which else is `y`. `sums` takes the bias's gradient, in double precision: rows are many, and added one by one.
    """
    blas, g, _, _, _, _, dw, more_dw, _, _, _, _, dx, more_dx = arguments
    zero = g.dtype.type(0)
    for i in range(len(out)):
        passed, given, seen = g[i], y[i], out[i]
        for j in range(passed.size):
            passed[j] = given[j] if seen[j] > zero else zero * given[j]
    sums[:] = 0
    for i in range(len(g)):
        row = g[i]
        for j in range(row.size):
            sums[j] += row[j]
    hand_out_products(team, _bound_gradient_part(cuts, arguments), cuts, blas)
    add_up(dw, more_dw)
    add_up(dx, more_dx)


Share = tuple[Array, int, Array, Array]
"""What :func:`.product.share` returns."""


@cache
def _none(dtype: np.dtype[Any]) -> tuple[Array, Share]:
    """Return a matrix of no numbers, and the share of a product that nobody wants."""
    nothing = np.empty((0, 0), dtype)
    return nothing, (np.zeros(1, np.int64), ROWS, nothing, np.empty((0, 0, 0), dtype))


def gradients(y: Array, x: Array | None, w: Array | None, out: Array | None) -> dict[str, Array] | None:
    """Do what ``kernels.affine.gradients`` does, for all that can be wanted; None where the BLAS cannot be called."""
    (n, m), dtype = y.shape, y.dtype
    blas = blas_for(dtype)
    if blas is None:
        return None
    nothing, unwanted = _none(dtype)
    of_w = unwanted if x is None else share(x.shape[1], n, m, dtype)
    of_x = unwanted if w is None else share(n, m, len(w), dtype)
    dw, dx, sums = of_w[2], of_x[2], np.empty(m)
    y = _contiguous(y)
    parts = len(of_w[0]) + len(of_x[0]) - 2
    cuts = cuts_of(parts, parts)
    worth_sharing = n * dw.size + m * dx.size >= WORTH_SHARING
    _gradients_all(
        team(cuts) if worth_sharing else NOBODY, cuts, y, nothing if out is None else _contiguous(out), sums,
        blas, y if out is None else room(n, m, dtype),
        *laid(nothing if x is None else x), *of_w, *laid(nothing if w is None else w), *of_x,
    )  # fmt: skip
    return {"x": dx, "w": dw, "b": sums.astype(dtype, copy=False)}
