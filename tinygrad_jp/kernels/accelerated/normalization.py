"""Batch normalization in as few passes over memory as there are arrays; see ``kernels.normalization``.

Images lie channels last inside: rows of channels, (N · H · W, C). Sums are taken in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...buffers import empty
from .jit import kernel
from .sharing import in_threads, total

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
def _add_moments(x: ndarray, first: int, last: int, sums: ndarray, squares: ndarray) -> None:
    for i in range(first, last):
        row = x[i]
        for c in range(row.size):
            number = np.float64(row[c])
            sums[c] += number
            squares[c] += number * number


@kernel
def _scale(x: ndarray, first: int, last: int, slope: ndarray, shift: ndarray, relu: bool, out: ndarray) -> None:
    for i in range(first, last):
        row, result = x[i], out[i]
        for c in range(row.size):
            value = row[c] * slope[c] + shift[c]
            result[c] = 0 if relu and value < 0 else value  # keeps a NaN


@kernel
def _add_gradients(
    g: ndarray, x: ndarray, out: ndarray, first: int, last: int, relu: bool, sums: ndarray, products: ndarray
) -> None:
    for i in range(first, last):
        row, gradient, result = x[i], g[i], out[i]
        for c in range(row.size):
            number = np.float64(gradient[c]) if not relu or result[c] > 0 else 0.0
            sums[c] += number
            products[c] += number * row[c]


@kernel
def _combine(
    g: ndarray, x: ndarray, out: ndarray, first: int, last: int, relu: bool,
    of_g: ndarray, of_x: ndarray, constant: ndarray, result: ndarray,
) -> None:  # fmt: skip
    for i in range(first, last):
        row, gradient, passed, put = x[i], g[i], out[i], result[i]
        for c in range(row.size):
            number = gradient[c] if not relu or passed[c] > 0 else 0
            put[c] = number * of_g[c] + row[c] * of_x[c] + constant[c]


def _totals(work: Any, rows: Array) -> tuple[Array, Array]:
    """Call ``work(first, last, sums, other sums)`` for parts of the rows, and add the sums up."""
    shape, dtype = (2, rows.shape[1]), np.dtype(np.float64)
    first, second = total(lambda first, last, sums: work(first, last, *sums), len(rows), 4 * rows.size, shape, dtype)
    return first, second


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance of each channel."""
    dtype = np.result_type(x, np.float32)
    rows = _rows(x, dtype)
    sums, squares = _totals(lambda *part: _add_moments(rows, *part), rows)
    mean = sums / len(rows)
    var = np.maximum(squares / len(rows) - mean * mean, 0)
    return mean.astype(dtype), var.astype(dtype)


def scaled(x: Array, slope: Array, shift: Array, relu: bool) -> Array:
    """x · slope + shift by channel, and relu."""
    dtype = np.result_type(x, slope)
    rows = _rows(x, dtype)
    out = empty(rows.shape, dtype)
    slope, shift = slope.astype(dtype), shift.astype(dtype)
    in_threads(lambda first, last: _scale(rows, first, last, slope, shift, relu, out), len(rows), 4 * rows.size)
    return _shaped(out, x)


def gradient_sums(g: Array, x: Array, mean: Array, scale: Array, out: Array, relu: bool) -> tuple[Array, Array]:
    """Σ g and Σ g x̂ of each channel."""
    dtype = np.result_type(x, np.float32)
    rows, gradient, results = _rows(x, dtype), _rows(g, dtype), _rows(out, dtype)
    sums, product = _totals(
        lambda first, last, *sums: _add_gradients(gradient, rows, results, first, last, relu, *sums), rows
    )
    slope = (product - sums * mean) * scale
    return sums.astype(dtype), slope.astype(dtype)


def combined(g: Array, x: Array, of_g: Array, of_x: Array, constant: Array, out: Array, relu: bool) -> Array:
    """g · of_g + x · of_x + constant by channel, where g counts only where relu let it through."""
    dtype = np.result_type(x, np.float32)
    rows, gradient, results = _rows(x, dtype), _rows(g, dtype), _rows(out, dtype)
    result = empty(rows.shape, dtype)
    of_g, of_x, constant = (values.astype(dtype) for values in (of_g, of_x, constant))
    in_threads(
        lambda first, last: _combine(gradient, rows, results, first, last, relu, of_g, of_x, constant, result),
        len(rows),
        4 * rows.size,
    )
    return _shaped(result, x)
