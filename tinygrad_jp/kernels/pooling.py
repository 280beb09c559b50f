"""Relu and max pooling on arrays: the largest pixel of each window, and back to where it was.

The first pixels of all windows are looked at as one image, the second ones as another, and so on: strided views, which
are compared with each other in whole. Results lie in memory in the order of what they are made of; how long the
stretches are in which they can be read depends on it (see :mod:`columns`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..buffers import empty
from ..parallel import share_out, threads
from .geometry import Windows

Array = np.ndarray[Any, Any]
Span = tuple[slice, slice]
Place = tuple[Any, ...]

WORTH_SHARING = 2**17
"""Pixels below which one thread is as fast: a fork and join costs 57 µs (measured)."""


def spans(w: Windows, axis: int) -> list[Span]:
    """For each element of a window along one axis: the windows in which it lies on the image, and where it does."""
    stride, before, length = w.stride[axis], w.padding[axis][0], w.image[axis]
    found = []
    for k in range(w.size[axis]):
        low = max(-((k - before) // stride), 0)
        high = max(min((length - 1 + before - k) // stride + 1, w.places[axis]), low)
        start = low * stride + k - before
        found.append((slice(low, high), slice(start, start + (high - low) * stride, stride)))
    return found


def _elements(w: Windows) -> list[tuple[int, Place, Place]]:
    """For each element of a window: its number, the windows in which it lies on the image, and where it does."""
    rows, columns = spans(w, 0), spans(w, 1)
    return [
        (i * w.size[1] + j, (..., row[0], column[0]), (..., row[1], column[1]))
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    ]


def like(x: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return an empty array whose axes follow each other in memory as those of `x` do."""
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    return empty(tuple(shape[axis] for axis in order), dtype).transpose(np.argsort(order))


def _outermost(x: Array, axes: int) -> int:
    """Find which of the first axes has the longest steps in memory, and more than one."""
    return max(range(axes), key=lambda axis: abs(x.strides[axis]) if x.shape[axis] > 1 else 0)


def by_parts(compute: Callable[[Place], object], x: Array, axes: int = 2) -> None:
    """Call ``compute(part)`` for parts of an array like `x`, one in each thread.

    It is cut along one of its first `axes` axes, by default images or channels: the one with the longest steps, so that
    the parts lie in stretches of memory.
    """
    axis = _outermost(x, axes)
    n = x.shape[axis]
    count = min(threads(), n) if x.size >= WORTH_SHARING else 1
    if count < 2:
        compute((...,))
        return

    def each(_: int, mine: Sequence[int]) -> None:
        for i in mine:
            compute((slice(None),) * axis + (slice(n * i // count, n * (i + 1) // count),))

    share_out(each, range(count))


def rectify(x: Array, out: Array | None = None) -> Array:
    """Compute max(x, 0), into `out` if it is given. A NaN stays.

    An array of zeros is three times as fast as the number 0. Of a large one, a slice is enough: it stays in the cache.
    """
    if x.size < WORTH_SHARING:
        # zeros_like takes twice as long, but keeps the layout
        return np.maximum(x, np.zeros(x.shape, x.dtype) if x.flags.c_contiguous else np.zeros_like(x), out=out)
    axis = _outermost(x, x.ndim)
    zeros = np.zeros_like(x, shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    result = like(x, x.dtype, x.shape) if out is None else out
    by_parts(lambda part: np.maximum(x[part], zeros, out=result[part]), x, x.ndim)
    return result


def stopped(g: Array, out: Array) -> Array:
    """Stop a gradient where relu's result `out`, of the same shape, is 0: what :func:`rectify` lets through goes on."""
    if g.size < WORTH_SHARING:
        return np.multiply(g, out > 0)
    g = in_order_of(out, g)
    result = like(out, g.dtype, g.shape)
    by_parts(lambda part: np.multiply(g[part], out[part] > 0, out=result[part]), out, out.ndim)
    return result


def _lowest(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def max_pool_forward(x: Array, w: Windows) -> tuple[Array, Array]:
    """Find the largest element of each window and its number in it, row by row: the first of equals; a NaN is largest.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    w
        Their windows.

    Returns
    -------
    best, winner
        Shape (N, C, OH, OW), of the dtype of `x`, and of the smallest unsigned one that holds the numbers.
    """
    shape = (*x.shape[:2], *w.places)
    best, winner = like(x, x.dtype, shape), like(x, np.min_scalar_type(math.prod(w.size) - 1), shape)
    by_parts(lambda part: find_largest(x[part], w, best[part], winner[part]), x)
    return best, winner


def find_largest(images: Array, w: Windows, best: Array, winner: Array) -> None:
    """Write what :func:`max_pool_forward` returns into `best` and `winner`."""
    elements, padded, number = _elements(w), any(map(any, w.padding)), winner.dtype.type
    # of each window, the first row and the first column that lie on the image
    top, left = (np.maximum(w.padding[a][0] - np.arange(w.places[a]) * w.stride[a], 0) for a in (0, 1))
    best[...] = _lowest(images.dtype) if padded else images[elements[0][2]]
    winner[...] = top[:, None] * w.size[1] + left
    for k, places, inside in elements if padded else elements[1:]:
        candidate, so_far, code = images[inside], best[places], winner[places]
        better = candidate > so_far
        np.maximum(so_far, candidate, out=so_far)
        np.maximum(code, better * number(k), out=code)
    if images.dtype.kind == "f" and np.isnan(best).any():  # it wins, but no comparison tells
        for k, places, inside in elements:
            np.maximum(winner[places], np.isnan(images[inside]) * number(k), out=winner[places])


def max_unpool(y: Array, winner: Array, w: Windows) -> Array:
    """Put each window's number back to where its largest pixel was, and 0 elsewhere: the adjoint of :func:`take`.

    Parameters
    ----------
    y, winner
        One number for each window, and which pixel of the window it goes to; shape (N, C, OH, OW).
    w
        The windows.

    Returns
    -------
    ndarray
        Images of shape (N, C, H, W); where a pixel won several windows, their numbers are added.
    """
    side_by_side = all(s >= k for s, k in zip(w.stride, w.size, strict=True))
    tiled = all(m * k == n for m, k, n in zip(w.places, w.size, w.image, strict=True))
    whole = tiled and w.size == w.stride and not any(map(any, w.padding))
    out = like(winner, y.dtype, (*y.shape[:2], *w.image))
    elements, given = _elements(w), in_order_of(winner, y)

    def compute(part: Place) -> None:
        numbers, which, images = given[part], winner[part], out[part]
        if not whole:
            images.fill(0)
        for k, places, inside in elements:
            won = which[places] == k
            if side_by_side:
                np.multiply(numbers[places], won, out=images[inside])
            else:
                images[inside] += numbers[places] * won

    by_parts(compute, out)
    return out


def take(x: Array, winner: Array, w: Windows) -> Array:
    """Take from each window of the images `x`, shape (N, C, H, W), the pixel of the given number."""
    out = np.zeros_like(winner, x.dtype)
    for k, places, inside in _elements(w):
        out[places] += x[inside] * (winner[places] == k)
    return out


def in_order_of(array: Array, x: Array) -> Array:
    """Return `x`, or a copy if it lies in memory in another order than `array`, of the same shape."""
    steps = zip(x.strides, array.strides, x.shape, strict=True)
    if all(s * array.itemsize == t * x.itemsize for s, t, n in steps if n > 1):  # where there is one, none is taken
        return x
    copy = like(array, x.dtype, x.shape)
    copy_by_parts(x, copy)
    return copy


def copy_by_parts(x: Array, to: Array) -> None:
    """Copy `x` into an array of the same shape that lies in memory in another order."""
    by_parts(lambda part: np.copyto(to[part], x[part]), x, x.ndim)
