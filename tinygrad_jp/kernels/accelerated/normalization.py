"""Batch normalization in as few passes over memory as there are arrays; see ``kernels.normalization``.

Images lie channels last inside: rows of channels, (N · H · W, C). Sums are taken in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...buffers import empty
from .atomic import bind
from .jit import kernel
from .sharing import cut, total, zeros
from .team import hand_out, team

Array = np.ndarray[Any, Any]


def _rows(x: Array, dtype: np.dtype[Any]) -> Array:
    """See an array with channels in axis 1 as contiguous, writeable rows of channels."""
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1), dtype)
    rows = last.reshape(-1, x.shape[1])
    return rows if rows.flags.writeable else rows.copy()


def _shaped(rows: Array, x: Array) -> Array:
    """See rows of channels in the shape of `x`."""
    return np.moveaxis(rows.reshape(len(x), *x.shape[2:], x.shape[1]), -1, 1)


@kernel
def _add_moments(part: int, worker: int, cuts: ndarray, x: ndarray, totals: ndarray) -> None:
    sums, squares = totals[part, 0], totals[part, 1]
    for i in range(cuts[part], cuts[part + 1]):
        row = x[i]
        for c in range(row.size):
            number = np.float64(row[c])
            sums[c] += number
            squares[c] += number * number


_bound_add_moments = bind(_add_moments)


@kernel
def _add_all_moments(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_add_moments(cuts, arguments), cuts)


@kernel
def _scale(
    part: int, worker: int, cuts: ndarray, x: ndarray, slope: ndarray, shift: ndarray, relu: bool, out: ndarray
) -> None:
    for i in range(cuts[part], cuts[part + 1]):
        row, result = x[i], out[i]
        for c in range(row.size):
            value = row[c] * slope[c] + shift[c]
            result[c] = 0 if relu and value < 0 else value  # keeps a NaN


_bound_scale = bind(_scale)


@kernel
def _scale_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_scale(cuts, arguments), cuts)


@kernel
def _add_gradients(
    part: int, worker: int, cuts: ndarray, g: ndarray, x: ndarray, out: ndarray, relu: bool, totals: ndarray
) -> None:
    sums, products = totals[part, 0], totals[part, 1]
    for i in range(cuts[part], cuts[part + 1]):
        row, gradient, result = x[i], g[i], out[i]
        for c in range(row.size):
            number = np.float64(gradient[c]) if not relu or result[c] > 0 else 0.0
            sums[c] += number
            products[c] += number * row[c]


_bound_add_gradients = bind(_add_gradients)


@kernel
def _add_all_gradients(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_add_gradients(cuts, arguments), cuts)


@kernel
def _combine(
    part: int, worker: int, cuts: ndarray, g: ndarray, x: ndarray, out: ndarray, relu: bool,
    of_g: ndarray, of_x: ndarray, constant: ndarray, result: ndarray,
) -> None:  # fmt: skip
    for i in range(cuts[part], cuts[part + 1]):
        row, gradient, passed, put = x[i], g[i], out[i], result[i]
        for c in range(row.size):
            number = gradient[c] if not relu or passed[c] > 0 else 0
            put[c] = number * of_g[c] + row[c] * of_x[c] + constant[c]


_bound_combine = bind(_combine)


@kernel
def _combine_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_combine(cuts, arguments), cuts)


def _cut(rows: Array) -> Array:
    """Cut rows into parts for the team."""
    return cut(len(rows), 4 * rows.size)


def _two_sums(cuts: Array, rows: Array) -> Array:
    """Make two sums by channel for each part."""
    return zeros(cuts, (2, rows.shape[1]), np.dtype(np.float64))


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance of each channel."""
    dtype = np.result_type(x, np.float32)
    rows = _rows(x, dtype)
    cuts = _cut(rows)
    totals = _two_sums(cuts, rows)
    _add_all_moments(team(cuts), cuts, rows, totals)
    sums, squares = total(totals)
    mean = sums / len(rows)
    var = np.maximum(squares / len(rows) - mean * mean, 0)
    return mean.astype(dtype), var.astype(dtype)


def scaled(x: Array, slope: Array, shift: Array, relu: bool) -> Array:
    """x · slope + shift by channel, and relu."""
    dtype = np.result_type(x, slope)
    rows = _rows(x, dtype)
    out = empty(rows.shape, dtype)
    slope, shift = slope.astype(dtype), shift.astype(dtype)
    cuts = _cut(rows)
    _scale_all(team(cuts), cuts, rows, slope, shift, relu, out)
    return _shaped(out, x)


def gradient_sums(g: Array, x: Array, mean: Array, scale: Array, out: Array, relu: bool) -> tuple[Array, Array]:
    """Σ g and Σ g x̂ of each channel."""
    dtype = np.result_type(x, np.float32)
    rows, gradient, results = _rows(x, dtype), _rows(g, dtype), _rows(out, dtype)
    cuts = _cut(rows)
    totals = _two_sums(cuts, rows)
    _add_all_gradients(team(cuts), cuts, gradient, rows, results, relu, totals)
    sums, product = total(totals)
    slope = (product - sums * mean) * scale
    return sums.astype(dtype), slope.astype(dtype)


def combined(g: Array, x: Array, of_g: Array, of_x: Array, constant: Array, out: Array, relu: bool) -> Array:
    """g · of_g + x · of_x + constant by channel, where g counts only where relu let it through."""
    dtype = np.result_type(x, np.float32)
    rows, gradient, results = _rows(x, dtype), _rows(g, dtype), _rows(out, dtype)
    result = empty(rows.shape, dtype)
    of_g, of_x, constant = (values.astype(dtype) for values in (of_g, of_x, constant))
    cuts = _cut(rows)
    _combine_all(team(cuts), cuts, gradient, rows, results, relu, of_g, of_x, constant, result)
    return _shaped(result, x)
