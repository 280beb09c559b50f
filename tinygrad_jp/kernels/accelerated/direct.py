"""How a convolution is laid out for the compiled kernels: tables, and filters in blocks."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...buffers import aligned, empty
from ..geometry import Pair, Windows
from ..reduction import ALONE, NOTHING, Reduction
from .convolution import add_bias_gradients, add_weight_gradients, correlate
from .order import channels_first, channels_last
from .sharing import cut, grid, rooms, total, zeros
from .team import team
from .tile import tile_rows
from .vectors import BYTES

Array = np.ndarray[Any, Any]


class Layout(NamedTuple):
    """Where windows find their numbers; the tables of ``correlate``."""

    corner: Pair
    """Of the image in the padded one."""
    extent: Pair
    """Height and width of the padded image."""
    pixels: Array
    taps: Array
    places: Array
    which: tuple[Array, Array]
    """Rows and columns of a filter that the taps are."""


def _filled(table: Array, multiple: int) -> Array:
    """Repeat the last entry until tiles are full."""
    fill = [(0, 0)] * (table.ndim - 1) + [(0, -table.shape[-1] % multiple)]
    return np.pad(table, fill, mode="edge") if table.size else table


@lru_cache(maxsize=256)
def _forward_layout(windows: Windows, channels: int, outputs: int, rows: int) -> Layout:
    """Lay out a convolution of images with so many channels; `rows` to a tile."""
    (top, bottom), (left, right) = windows.padding
    height, width = windows.image[0] + top + bottom, windows.image[1] + left + right
    i, j = (np.arange(n) for n in windows.places)
    k, m = (np.arange(n) for n in windows.size)
    pixels = grid(i * windows.stride[0], j * windows.stride[1], width, channels)
    taps = grid(k * windows.dilation[0], m * windows.dilation[1], width, channels)
    places = grid(i, j, windows.places[1], outputs)
    return Layout((top, left), (height, width), _filled(pixels, rows), taps, places, (k, m))


class _Axis(NamedTuple):
    """One direction of one phase of a transposed convolution."""

    taps: Array
    """Those of the filter that reach these pixels."""
    steps: Array
    """In which output each tap finds its gradient, counted from a pixel's own."""
    own: Array
    """A pixel's own output."""
    pixels: Array


def _axis(windows: Windows, axis: int, phase: int) -> _Axis:
    """Solve pixel + before = output · stride + tap · dilation for the pixels of one phase."""
    stride, dilation, before = windows.stride[axis], windows.dilation[axis], windows.padding[axis][0]
    taps = np.arange(windows.size[axis])
    taps = taps[(taps * dilation - phase) % stride == 0]
    pixels = np.arange(windows.image[axis])
    pixels = pixels[(pixels + before - phase) % stride == 0]
    return _Axis(taps, -((taps * dilation - phase) // stride), (pixels + before - phase) // stride, pixels)


@lru_cache(maxsize=256)
def _transposed_layouts(windows: Windows, channels: int, outputs: int, rows: int) -> list[Layout]:
    """Lay out the gradient of the images, one layout for each phase of the stride; `channels` are the images'."""
    layouts = []
    for a in range(windows.stride[0]):
        for b in range(windows.stride[1]):
            both = [_axis(windows, axis, phase) for axis, phase in enumerate((a, b))]
            reach = [np.add.outer(d.own, d.steps) for d in both]
            low = [max(0, -int(r.min(initial=0))) for r in reach]
            extent = [
                before + max(n, int(r.max(initial=0)) + 1)
                for before, n, r in zip(low, windows.places, reach, strict=True)
            ]
            pixels = grid(both[0].own + low[0], both[1].own + low[1], extent[1], outputs)
            taps = grid(both[0].steps, both[1].steps, extent[1], outputs)
            places = grid(both[0].pixels, both[1].pixels, windows.image[1], channels)
            which = both[0].taps, both[1].taps
            layouts.append(Layout((low[0], low[1]), (extent[0], extent[1]), _filled(pixels, rows), taps, places, which))
    return layouts


def vectors_for(outputs: int, dtype: np.dtype[Any]) -> int:
    """Choose tiles of one vector or two."""
    return 1 if outputs <= BYTES // dtype.itemsize else 2


def _in_blocks(filters: Array, vectors: int) -> Array:
    """Lay filters of shape (groups, factors, outputs) out in blocks: (groups, blocks, factors, lanes)."""
    groups, factors, outputs = filters.shape
    lanes = vectors * BYTES // filters.itemsize
    if outputs < lanes:
        padded = np.zeros((groups, factors, lanes), filters.dtype)
        padded[:, :, :outputs] = filters
        return aligned(padded).reshape(-1)
    return aligned(filters[:, :, _block_channels(outputs, lanes)].swapaxes(1, 2)).reshape(-1)


@lru_cache(maxsize=256)
def _block_channels(channels: int, lanes: int) -> Array:
    """Which channels the blocks hold, shape (blocks, lanes): the last block overlaps the one before, to be full."""
    begins = np.arange(0, channels, lanes)
    return np.maximum(np.minimum(begins, channels - lanes), 0)[:, None] + np.arange(lanes)


@lru_cache(maxsize=256)
def _places(channels: int, lanes: int) -> tuple[Array, Array]:
    """Tell in which block and lane each channel is found."""
    block = np.arange(channels) // lanes
    return block, np.arange(channels) - _block_channels(channels, lanes)[block, 0]


def _correlate(
    x: Array, taken: Array, spread: int, layout: Layout, filters: Array, bias: Array, out: Array, image: Pair,
    groups: int, vectors: int, after: Reduction, winner: Array,
) -> None:  # fmt: skip
    """Fill `out` from images (N, H, W, C) with filters (groups, taps, C / groups, O / groups)."""
    outputs, inside = filters.shape[3], filters.shape[2]
    runs = np.add.outer(layout.taps, np.arange(inside)).ravel()
    blocks = _in_blocks(filters.reshape(groups, -1, outputs), vectors)
    added = _in_blocks(bias.reshape(groups, 1, outputs), vectors)
    pooled = winner.size > 0
    least = x.dtype.type(0 if after.relu and not pooled else -np.inf)
    edge = x.dtype.type(0 if after.relu else np.nan)

    padded = layout.extent[0] * layout.extent[1] * x.shape[3]
    padded = 0 if padded == math.prod(x.shape[1:]) and not taken.size else padded
    before = image[0] * image[1] * bias.size + BYTES // x.itemsize if pooled else 0

    cuts = cut(len(x), len(x) * layout.places.size * filters.size)
    correlate(
        team(cuts), cuts, x, taken, spread, *layout.corner, *layout.extent, layout.pixels, runs, blocks, added,
        least, out, image[0] * image[1] * bias.size, layout.places, outputs, groups, vectors,
        edge, after.pool, image[1], winner, *rooms(cuts, padded, before, dtype=x.dtype),
    )  # fmt: skip


def forward(
    x: Array, w: Array, windows: Windows, groups: int, dtype: np.dtype[Any], bias: Array | None = None,
    after: Reduction = ALONE,
) -> tuple[Array, Array]:  # fmt: skip
    """Convolve, add the bias, and reduce; return the result and its winners."""
    outputs, inside = w.shape[:2]
    vectors = vectors_for(outputs // groups, dtype)
    layout = _forward_layout(windows, x.shape[1], outputs, tile_rows(vectors))
    filters = w.reshape(groups, outputs // groups, inside, -1).transpose(0, 3, 2, 1).astype(dtype)
    out = empty((len(x), *(n // after.pool for n in windows.places), outputs), dtype)
    winner = empty(out.shape if after.pool > 1 else (0,) * 4, dtype)
    added = np.zeros(outputs, dtype) if bias is None else bias.astype(dtype, copy=False)
    images = channels_last(x, dtype)
    _correlate(images, images[:0], 1, layout, filters, added, out, windows.places, groups, vectors, after, winner)
    return channels_first(out), channels_first(winner if after.pool > 1 or not after.relu else out)


def input_gradient(
    y: Array, w: Array, x_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any],
    after: Reduction = ALONE, winner: Array = NOTHING,
) -> Array:  # fmt: skip
    """Carry the results' gradient back to the images."""
    n, channels = x_shape[:2]
    outputs = len(w)
    gradient, taken = channels_last(y, dtype), channels_last(winner, dtype)
    vectors = vectors_for(channels // groups, dtype)
    out = empty((n, *windows.image, channels), dtype)
    nothing = np.zeros(channels, dtype)
    by_group = w.reshape(groups, outputs // groups, *w.shape[1:]).transpose(0, 3, 4, 1, 2)
    for layout in _transposed_layouts(windows, channels, outputs, tile_rows(vectors)):
        filters = by_group[:, layout.which[0][:, None], layout.which[1]].astype(dtype)
        filters = filters.reshape(groups, layout.taps.size, outputs // groups, channels // groups)
        _correlate(
            gradient, taken, after.pool, layout, filters, nothing, out, windows.image, groups, vectors,
            ALONE, gradient[:0],
        )  # fmt: skip
    return channels_first(out)


TOGETHER = 256
"""Windows that are treated together for the filters' gradient: what they see fits the first-level cache (measured)."""
COLUMNS = 64
"""Bytes of an image's channels that lie side by side then: a line of the cache."""


class _Gradient(NamedTuple):
    """Where the filters' gradient finds its numbers; the tables of ``add_weight_gradients``."""

    layout: Layout
    size: int
    """Of a padded image."""
    entries: Array
    runs: Array
    together: int


@lru_cache(maxsize=256)
def _gradient_layout(windows: Windows, channels: int, groups: int, rows: int, columns: int) -> _Gradient:
    """Lay out the filters' gradient; of the images' channels, `columns` lie side by side."""
    layout = _forward_layout(windows, columns, 1, rows)
    pixels, area = layout.places.size, layout.extent[0] * layout.extent[1]
    block, lane = _places(channels, columns)
    at = (block * (area * columns) + lane).reshape(groups, 1, channels // groups)
    entries = _filled((layout.taps[:, None] + at).reshape(groups, -1), rows)
    together = max(-(-TOGETHER // pixels), 1)
    size = area * -(-channels // columns) * columns
    runs = np.add.outer(np.arange(together) * size, layout.pixels[:pixels]).ravel()
    return _Gradient(layout, size, entries, runs, together)


def weight_gradient(
    y: Array, x: Array, w_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any],
    after: Reduction = ALONE, winner: Array = NOTHING,
) -> tuple[Array, Array]:  # fmt: skip
    """Carry the results' gradient back to the filters and to the bias."""
    (outputs, inside), (n, channels) = w_shape[:2], x.shape[:2]
    images, gradient, taken = channels_last(x, dtype), channels_last(y, dtype), channels_last(winner, dtype)
    vectors = vectors_for(outputs // groups, dtype)
    lanes = vectors * BYTES // dtype.itemsize
    columns = min(channels, COLUMNS // dtype.itemsize)
    layout, size, entries, runs, together = _gradient_layout(windows, channels, groups, tile_rows(vectors), columns)
    pixels = layout.places.size
    shape = groups, entries.shape[1], -(-outputs // groups // lanes) * lanes

    padded = 0 if columns == channels and size == x.shape[1] * x.shape[2] * x.shape[3] else together * size
    spaced = together * pixels * groups * shape[2]
    spaced = 0 if groups == 1 and lanes == outputs and not taken.size else spaced

    cuts = cut(n, n * pixels * outputs * layout.taps.size * inside)
    sums, biases = empty((len(cuts) - 1, *shape), dtype), empty((len(cuts) - 1, groups, shape[2]), dtype)
    add_weight_gradients(
        team(cuts), cuts, images, gradient, taken, after.pool, *layout.corner, *layout.extent, windows.places[1],
        columns, entries, runs, together, dtype.type(-np.inf), sums, biases, groups, vectors,
        *rooms(cuts, padded, spaced, dtype=dtype),
    )  # fmt: skip
    block, lane = _places(outputs // groups, lanes)
    filters = total(sums)[:, : layout.taps.size * inside, block * lanes + lane]
    filters = filters.reshape(groups, layout.taps.size, inside, -1).transpose(0, 3, 2, 1).reshape(w_shape)
    return filters, np.add.reduce(biases, axis=0)[:, block * lanes + lane].reshape(-1)


PIXELS = 16
"""So many pixels are added up side by side, if they can be dealt out so: long rows are quick with any channels."""


def bias_gradient(y: Array, after: Reduction = ALONE, winner: Array = NOTHING) -> Array:
    """Carry the results' gradient back to the bias."""
    dtype, channels = np.result_type(y, np.float32), y.shape[1]
    together = math.gcd(y.size // max(channels, 1), PIXELS)
    row = together * channels
    gradient, taken = (channels_last(array, dtype).reshape(-1, row) for array in (y, winner))

    cuts = cut(len(gradient), 4 * y.size)
    sums = zeros(cuts, (row,), dtype)
    add_bias_gradients(team(cuts), cuts, gradient, taken, after.pool, sums)
    whole: Array = np.add.reduce(total(sums).reshape(together, channels), axis=0)
    return whole.astype(y.dtype, copy=False)
