"""How a convolution is laid out for the compiled Winograd kernels: tables of patches, transformed filters.

The functions are those of ``direct``; they take 3×3 filters, stride 1, full vectors of channels and a single group.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...buffers import empty
from ..geometry import Pair, Windows
from ..reduction import ALONE, NOTHING, Reduction
from .direct import bias_gradient as bias_gradient
from .order import channels_first, channels_last
from .sharing import cut, grid, rooms
from .team import team
from .tile import matrix_rows
from .transforms import PATCH, PLANES
from .vectors import BYTES
from .winograd import add_patch_gradients, correlate_patches, plane

Array = np.ndarray[Any, Any]

CACHE = 2**19
"""Bytes that the planes of images and outputs may take."""
FEWEST = 48
"""Patches at least that are treated at a time: the filters are read anew for each such chunk."""


class Layout(NamedTuple):
    """Where the patches of some images lie."""

    corner: Pair
    """Of an image in the padded one."""
    extent: Pair
    """Height and width of the padded image."""
    patches: Array
    tall: Array
    broad: Array
    places: Array
    """In the images of the outputs."""
    full: Pair
    """Height and width of an image of outputs that is made of full patches."""
    spaced: Array
    """Places in such images."""
    together: int
    chunk: int


@lru_cache(maxsize=256)
def _layout(image: Pair, corner: Pair, channels: int, outputs: int, dtype: np.dtype[Any]) -> Layout:
    """Lay out the patches that make output images of this size, from padded images larger by two."""
    rows = matrix_rows(_vectors(outputs, dtype))
    chunk = -(-max(CACHE // (PLANES * (channels + outputs) * dtype.itemsize), FEWEST) // rows) * rows
    i, j = (PATCH * np.arange(-(-n // PATCH)) for n in image)
    together = max(chunk // (i.size * j.size), 1)
    full = PATCH * i.size, PATCH * j.size
    extent = full[0] + 2, full[1] + 2
    tall, broad = (np.minimum(n - begin, PATCH) for n, begin in zip(image, (i, j), strict=True))

    def of_all(size: Pair, depth: int) -> Array:
        number = np.arange(together) * size[0] * size[1] * depth
        return np.add.outer(number, grid(i, j, size[1], depth)).ravel()

    return Layout(
        corner,
        extent,
        of_all(extent, channels),
        np.tile(np.repeat(tall, j.size), together),
        np.tile(broad, i.size * together),
        of_all(image, outputs),
        full,
        of_all(full, outputs),
        together,
        chunk,
    )


def _vectors(outputs: int, dtype: np.dtype[Any]) -> int:
    """Choose tiles of one vector or two, whichever are full."""
    return 1 if outputs % (2 * BYTES // dtype.itemsize) else 2


def _correlate(
    x: Array, taken: Array, spread: int, layout: Layout, w: Array, turned: bool, bias: Array, out: Array, image: Pair,
    after: Reduction, winner: Array,
) -> None:  # fmt: skip
    """Fill `out` from images (N, H, W, C) with filters as ``winograd._transform_filters`` takes them."""
    channels, outputs = x.shape[3], out.shape[3]
    vectors = _vectors(outputs, x.dtype)
    lanes = vectors * BYTES // x.itemsize
    if w.dtype != x.dtype or not w.flags.carray:
        w = np.array(w, x.dtype, order="C")
    least = x.dtype.type(0 if after.relu and not winner.size else -np.inf)
    edge = x.dtype.type(0 if after.relu else np.nan)

    vector = BYTES // x.itemsize
    sizes = (
        layout.together * layout.extent[0] * layout.extent[1] * channels,
        PLANES * plane(layout.chunk, channels, vector),
        PLANES * plane(layout.chunk, outputs, vector),
        layout.together * image[0] * image[1] * outputs + vector if winner.size else 0,
    )

    cuts, shares = cut(len(x), len(x) * image[0] * image[1] * w.size), cut(channels * outputs // lanes, 36 * w.size)
    correlate_patches(
        team(cuts), cuts, shares, w, turned, channels, lanes, empty((PLANES * channels * outputs,), x.dtype),
        x, taken, spread, *layout.corner, *layout.extent,
        layout.patches, layout.tall, layout.broad, layout.together, layout.chunk, bias, least,
        out, image[0] * image[1] * outputs, layout.places, outputs, vectors,
        edge, after.pool, image[1], winner,
        *rooms(cuts, *sizes, dtype=x.dtype),
    )  # fmt: skip


def forward(
    x: Array, w: Array, windows: Windows, groups: int, dtype: np.dtype[Any], bias: Array | None = None,
    after: Reduction = ALONE,
) -> tuple[Array, Array]:  # fmt: skip
    """Convolve, add the bias, and reduce; return the result and what the way back needs."""
    (top, _), (left, _) = windows.padding
    layout = _layout(windows.places, (top, left), x.shape[1], len(w), dtype)
    out = empty((len(x), *(n // after.pool for n in windows.places), len(w)), dtype)
    winner = empty(out.shape if after.pool > 1 else (0,) * 4, dtype)
    added = np.zeros(len(w), dtype) if bias is None else bias.astype(dtype)
    images = channels_last(x, dtype)
    _correlate(images, images[:0], 1, layout, w, False, added, out, windows.places, after, winner)
    return channels_first(out), channels_first(winner if after.pool > 1 or not after.relu else out)


def input_gradient(
    y: Array, w: Array, x_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any],
    after: Reduction = ALONE, kept: Array = NOTHING,
) -> Array:  # fmt: skip
    """Carry the results' gradient back to the images: a convolution with the filters turned by 180°."""
    (top, _), (left, _) = windows.padding
    layout = _layout(windows.image, (2 - top, 2 - left), len(w), x_shape[1], dtype)
    gradient, taken = channels_last(y, dtype), channels_last(kept, dtype)
    out = empty((x_shape[0], *windows.image, x_shape[1]), dtype)
    nothing = np.zeros(x_shape[1], dtype)
    _correlate(gradient, taken, after.pool, layout, w, True, nothing, out, windows.image, ALONE, gradient[:0])
    return channels_first(out)


def weight_gradient(
    y: Array, x: Array, w_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any],
    after: Reduction = ALONE, kept: Array = NOTHING,
) -> tuple[Array, Array]:  # fmt: skip
    """Carry the results' gradient back to the filters, Gᵀ [Σ (A y Aᵀ) ⊙ (Bᵀ d B)] G, and to the bias."""
    (outputs, channels), (top, left) = w_shape[:2], (sides[0] for sides in windows.padding)
    layout = _layout(windows.places, (top, left), channels, outputs, dtype)
    images, gradient, taken = channels_last(x, dtype), channels_last(y, dtype), channels_last(kept, dtype)
    vectors = _vectors(outputs, dtype)
    depth = -(-channels // matrix_rows(vectors)) * matrix_rows(vectors)

    vector = BYTES // dtype.itemsize
    sizes = (
        layout.together * layout.extent[0] * layout.extent[1] * channels,
        layout.together * layout.full[0] * layout.full[1] * outputs,
        PLANES * plane(layout.chunk, channels, vector),
        PLANES * plane(layout.chunk, outputs, vector),
    )

    cuts = cut(len(x), len(x) * windows.places[0] * windows.places[1] * outputs * channels * 9)
    shares, filters = cut(channels, 36 * outputs * channels), empty((outputs, channels, 3, 3), dtype)
    sums, biases = empty((len(cuts) - 1, PLANES, depth, outputs), dtype), empty((len(cuts) - 1, outputs), dtype)
    add_patch_gradients(
        team(cuts), cuts, shares, filters, sums, images, gradient, taken, after.pool,
        *layout.corner, *layout.extent, layout.full[1], layout.patches, layout.spaced, layout.together, layout.chunk,
        biases, vectors, *rooms(cuts, *sizes, dtype=dtype),
    )  # fmt: skip
    return filters, np.add.reduce(biases, axis=0)
