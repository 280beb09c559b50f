"""NumPy's kernels of a convolution and what follows it; the compiled ones have the same functions.

All take images of shape (N, C, H, W) in any order in memory and return them in the one that :mod:`columns` describes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..parallel import share_out
from .choice import choose
from .columns import WORTH_SHARING, Columns, Im2col, Images, Tile, empty_hcwn, hcwn, length, stretches
from .geometry import Windows, windows_on
from .reduction import ALONE, NOTHING, Reduction, let_through, reduce_rows
from .room import own_room
from .threads import each_share, pieces, workers
from .winograd import CHANNELS, Winograd

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

CACHE = 2**20
"""Bytes that products may take before they are added up (measured)."""
SHORTEST_SUM = 500
"""Columns below which a product that adds up over them is not cut (measured); see ``columns.stretches``."""
MORE = 2
"""How many times the places of a gradient's convolution may be more than those of the convolution."""
KINDS = {"columns": Columns, "im2col": Im2col, "winograd": Winograd}


@lru_cache(maxsize=256)
def _layout(windows: Windows, n: int, channels: int, outputs: int, groups: int, dtype: np.dtype[Any]) -> Columns:
    return KINDS[choose(windows, n, channels, outputs, groups)](windows, groups, dtype)


def forward(
    x: Array, w: Array, windows: Windows, groups: int, dtype: np.dtype[Any], b: Array | None = None,
    after: Reduction = ALONE,
) -> tuple[Array, Array]:  # fmt: skip
    """Convolve, add the bias, and reduce: see ``layer.forward``."""
    return _convolve(Images(hcwn(x)), by_group(w, groups), windows, dtype, b, after)


def by_group(w: Array, groups: int) -> Array:
    """View filters (O, C / groups, KH, KW) as (groups, O / groups, C / groups, KH, KW)."""
    return w.reshape(groups, len(w) // groups, *w.shape[1:])


def _convolve(
    source: Images, w: Array, windows: Windows, dtype: np.dtype[Any], b: Array | None = None, after: Reduction = ALONE
) -> tuple[Array, Array]:
    """Multiply filters (groups, O / groups, C / groups, KH, KW) with the columns, tile by tile."""
    (_, channels, _, n), groups, outputs = source.x.shape, len(w), len(w) * w.shape[1]
    layout = _layout(windows, n, channels, outputs, groups, dtype)
    filters, pool = layout.filters(w), after.pool
    height, width = windows.places
    out = empty_hcwn((n, outputs, height // pool, width // pool), dtype)
    kept = empty_hcwn(out.shape, np.dtype(np.uint8)) if pool > 1 else out if after.relu else NOTHING

    def compute(_: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for tile in share:
                images, rows = tile
                count, first = length(rows), rows.start // pool
                remain = slice(first, first + count // pool), ..., images
                result, winner = hcwn(out)[remain], hcwn(kept)[remain] if pool > 1 else NOTHING
                maps = result if pool == 1 else room("maps", count, outputs, width, length(images))
                columns = layout.columns(source, tile, room)
                layout.multiply(filters, layout.matrices(columns, count), maps, room)
                if b is not None:
                    maps += b.reshape(-1, 1, 1)
                reduce_rows(maps, after, result, winner)

    each_share(compute, layout.tiles(n, channels, outputs, pool))
    return out, kept


def carry_back(
    y: Array, kept: Array, after: Reduction, places: tuple[int, int], dtype: np.dtype[Any]
) -> tuple[Array, Array, Reduction]:
    """Carry the results' gradient back through relu and pooling, once for the images' gradient and the filters'.

    Returns
    -------
    y, kept, after
        What the two take.
    """
    if after == ALONE:
        return y, kept, after
    source, out = Images.gradient(y, kept, after), empty_hcwn((*y.shape[:2], *places), dtype)

    def compute(_: int, share: Sequence[slice]) -> None:
        for rows in share:
            source.write(rows, slice(None), hcwn(out)[rows])

    shares = workers() if out.nbytes >= WORTH_SHARING else 1
    share_out(compute, pieces(places[0], -(-places[0] // shares)))
    return out, NOTHING, ALONE


def input_gradient(
    y: Array, w: Array, x_shape: Shape, windows: Windows, groups: int, dtype: np.dtype[Any],
    after: Reduction = ALONE, kept: Array = NOTHING,
) -> Array:  # fmt: skip
    """Carry the results' gradient back to the images: a transposed convolution.

    With stride 1 it is a convolution itself, of `y`, padded to the full, with the filters flipped and their channels
    exchanged. That is faster than adding columns into images, unless these have few channels and `y` has many more
    (measured), or the padding makes most of the places.
    """
    source = Images.gradient(y, kept, after)
    full = [
        (reach - 1 - before, reach - 1 - behind)
        for reach, (before, behind) in zip(windows.covered, windows.padding, strict=True)
    ]
    few = x_shape[1] // groups < CHANNELS and len(w) > 2 * x_shape[1]
    more_places = math.prod(windows.image) > MORE * math.prod(windows.places)
    if windows.stride == (1, 1) and min(full[0] + full[1]) >= 0 and not few and not more_places:
        laid = windows_on(windows.places, windows.size, (1, 1), (full[0], full[1]), windows.dilation)
        turned = by_group(w, groups)[..., ::-1, ::-1].swapaxes(1, 2)
        return _convolve(source, turned, laid, dtype)[0]
    return _add_columns(source, w, x_shape, windows, groups, dtype)


def _add_columns(
    source: Images, w: Array, x_shape: Shape, windows: Windows, groups: int, dtype: np.dtype[Any]
) -> Array:
    """Multiply the filters' transposes with the outputs' gradient, and add the columns into images (col2im)."""
    layout, channels = Columns(windows, groups, dtype), x_shape[1] // groups
    filters = by_group(w.astype(dtype, copy=False), groups).reshape(groups, 1, len(w) // groups, -1).swapaxes(2, 3)
    out = empty_hcwn(x_shape, dtype)
    (kh, kw), (sy, sx), (dy, dx) = windows.size, windows.stride, windows.dilation
    (top, _), (left, _) = windows.padding
    (oh, ow), (height, width) = windows.places, windows.image
    extent = max((oh - 1) * sy + windows.covered[0], top + height), max(layout.width, left + width)

    def compute(_: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for images, _rows in share:
                n = length(images)
                padded = room("padded", extent[0], groups, channels, extent[1], n)
                padded.fill(0)
                for rows in pieces(oh, CACHE // max(filters.shape[2] * groups * ow * n * dtype.itemsize, 1)):
                    count = length(rows)
                    y = layout.lay_outputs(layout.outputs(source, Tile(images, rows), room), room)[0]
                    product = room("columns", groups, count, filters.shape[2], ow * n)
                    np.matmul(filters, y, out=product)
                    columns = product.reshape(groups, count, channels, kh, kw, ow, n).swapaxes(0, 1)
                    for i, j in np.ndindex(kh, kw):
                        first = rows.start * sy + i * dy
                        down = slice(first, first + (count - 1) * sy + 1, sy)
                        along = slice(j * dx, j * dx + (ow - 1) * sx + 1, sx)
                        padded[down, :, :, along] += columns[:, :, :, i, j]
                inside = padded[top : top + height, :, :, left : left + width]
                hcwn(out)[..., images] = inside.reshape(height, x_shape[1], width, n)

    each_share(compute, layout.tiles(x_shape[0], x_shape[1], len(w), whole_images=True))
    return out


def weight_gradient(
    y: Array, x: Array, w_shape: Shape, windows: Windows, groups: int, dtype: np.dtype[Any],
    after: Reduction = ALONE, kept: Array = NOTHING,
) -> tuple[Array, Array]:  # fmt: skip
    """Multiply the columns with the outputs' gradient, and add up over rows and tiles; add that up for the bias."""
    source, gradient = Images(hcwn(x)), Images.gradient(y, kept, after)
    n, channels, outputs = len(x), x.shape[1], w_shape[0]
    layout = _layout(windows, n, channels, outputs, groups, dtype)
    factors = layout.taps * math.prod(w_shape[1:3])
    tiles = layout.tiles(n, channels, outputs)
    shares = min(workers(), len(tiles))
    sums = np.zeros((shares, layout.products, groups, factors, outputs // groups), dtype)
    biases = np.zeros((shares, outputs), np.result_type(dtype, float))

    def compute(worker: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for tile in share:
                part = layout.outputs(gradient, tile, room)
                biases[worker] += np.einsum("hcwn->c", part)  # three times as fast as np.add.reduce
                columns = layout.columns(source, tile, room)
                matrices, gradients = layout.matrices(columns, len(part)), layout.lay_outputs(part, room)
                for rows in pieces(matrices.shape[2], CACHE // max(sums[:1].nbytes, 1)):
                    for some in stretches(math.prod(sums.shape[3:]), matrices.shape[4], SHORTEST_SUM):
                        # faster than the transposes of these products (measured)
                        others = gradients[:, :, rows, :, some].swapaxes(3, 4)
                        products = np.matmul(matrices[:, :, rows, :, some], others)
                        sums[worker] += np.add.reduce(products, axis=2)

    each_share(compute, tiles)
    filters = layout.filters_back(np.add.reduce(sums, axis=0), (groups, outputs // groups, *w_shape[1:]))
    return filters.reshape(w_shape), np.add.reduce(biases, axis=0).astype(dtype)


def bias_gradient(y: Array, after: Reduction = ALONE, kept: Array = NOTHING) -> Array:
    """Carry the results' gradient back to the bias."""
    total: Array = np.add.reduce(y * let_through(kept, after), axis=(0, 2, 3), dtype=np.result_type(y, np.float32))
    return total.astype(y.dtype, copy=False)
