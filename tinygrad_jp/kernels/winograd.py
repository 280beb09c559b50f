"""Convolution with 3×3 filters and stride 1 by Winograd's minimal filtering: fewer multiplications, more additions.

A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", 2016, section 4: with the matrices A, B, G given
there, m + 2 pixels d in a line and a line g of a filter make m outputs Aᵀ [(G g) ⊙ (Bᵀ d)]. This is F(m, 3): m + 2
multiplications where the definition has 3 m. Summed over the channels, the product ⊙ becomes one product of matrices
for each of the m + 2 elements.

NumPy's kernels take F(4, 3) down the columns of the images, which halves the multiplications, and lay out the windows
of height 1 of what comes out as :mod:`columns` does. The compiled kernels take it in both directions,
Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, 36 multiplications where the definition has 144; that needs more additions, each of them a
pass over memory in NumPy.

The matrices evaluate polynomials at 0, ±p, ±q and ∞ (Toom and Cook). Lavin and Gray take p = 1, q = 2, which needs few
multiplications by constants. In both directions that would cost a digit more than p = 5/8, q = 3/2 does: points that
lie closer together make smaller powers (B. Barabasz et al., "Error analysis and improving the accuracy of Winograd
convolution for deep neural networks", 2020). So rounding errors in float32 are about five times those of the
definition, in both kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .columns import Columns, Tile, chwn, empty_chwn, length, tiles, view_windows
from .geometry import Windows
from .room import Room, own_room
from .threads import each_share, workers

Array = np.ndarray[Any, Any]

G4 = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
"""G of F(4, 3) with the points 0, ±1, ±2 and ∞."""
P, Q = 5 / 8, 3 / 2
"""The points ±p and ±q of the compiled kernels."""
ROWS = 4
"""Of outputs, which are computed together."""
CHANNELS, PIXELS = 64, 3_000
"""From so many on the transforms pay (measured)."""
CACHE = 3 * 2**19
"""Bytes that the transformed rows of a tile may take (measured)."""


def pays(windows: Windows, n: int, channels: int, outputs: int) -> bool:
    """Tell whether n images are convolved faster than by columns: the transforms must be few beside the products."""
    if (windows.size, windows.stride, windows.dilation) != ((3, 3), (1, 1), (1, 1)):
        return False
    rows, width = windows.places
    fewer = 12 * rows / (6 * ROWS * -(-rows // ROWS))
    return min(channels, outputs) >= CHANNELS and n * rows * width >= PIXELS and fewer >= 1.7


@lru_cache(maxsize=1024)
def pays_compiled(windows: Windows, channels: int, outputs: int, lanes: int) -> bool:
    """Tell the same of the compiled kernel, which takes full vectors of channels: `lanes` is two of them.

    It computes patches of 4×4 pixels, also where an image ends within one. Measured: 1.3 times as fast as the direct
    kernel from 16 to 16 channels, twice as fast from 64 to 64.
    """
    if (windows.size, windows.stride, windows.dilation) != ((3, 3), (1, 1), (1, 1)):
        return False
    padded = all(p <= 2 for sides in windows.padding for p in sides)
    full = not (channels % (lanes // 2) or outputs % (lanes // 2))
    few_left_over = all(
        math.prod(-(-n // ROWS) * ROWS for n in image) <= 2 * math.prod(image)
        for image in (windows.image, windows.places)
    )
    return padded and full and few_left_over


def _tiles(n: int, windows: Windows, channels: int, itemsize: int) -> list[Tile]:
    """Cut n images into tiles of four rows of outputs, or several times four; the last may lie below the outputs."""
    row = 6 * channels * (windows.image[1] + sum(windows.padding[1])) * itemsize
    cut = tiles(n, -(-windows.places[0] // ROWS), row, CACHE, workers())
    return [Tile(images, slice(ROWS * rows.start, ROWS * rows.stop)) for images, rows in cut]


def _transformed(padded: Array, room: Room) -> Array:
    """Compute Bᵀ d down the columns of a padded tile: shape (C, H, W, N) → (6, C, (H − 2) / 4, W, N)."""
    channels, height, width, n = padded.shape
    shape = (channels, (height - 2) // ROWS, width, n)
    out, spare = room("transformed", 6, *shape), room("spare", *shape)
    d = [padded[:, i : height - 5 + i : ROWS] for i in range(6)]
    # out₁, out₂: d₄ − 4 d₂ ± (d₃ − 4 d₁)
    np.multiply(d[2], -4, out=out[1])
    out[1] += d[4]
    np.multiply(d[1], -4, out=spare)
    spare += d[3]
    np.subtract(out[1], spare, out=out[2])
    out[1] += spare
    # out₃, out₄: d₄ − d₂ ± 2 (d₃ − d₁)
    np.subtract(d[4], d[2], out=spare)
    np.subtract(d[3], d[1], out=out[3])
    out[3] += out[3]
    np.subtract(spare, out[3], out=out[4])
    # out₀, out₅: 4 (d₀ − d₂) + d₄ − d₂ and 4 (d₁ − d₃) + d₅ − d₃
    np.subtract(d[0], d[2], out=out[0])
    out[0] *= 4
    out[0] += spare
    np.multiply(out[3], -2, out=out[5])
    out[5] -= d[3]
    out[5] += d[5]
    out[3] += spare
    return out


def _back(m: Array, room: Room) -> list[Array]:
    """Compute the four rows Aᵀ m of outputs, in place of some of m: shape (6, O, …)."""
    near, far = room("back", 2, *m.shape[1:])
    np.subtract(m[1], m[2], out=near)
    np.subtract(m[3], m[4], out=far)
    m[1] += m[2]
    m[3] += m[4]
    m[0] += m[1]
    m[0] += m[3]
    m[3] *= 4
    m[3] += m[1]
    far *= 2
    np.add(near, far, out=m[1])
    far *= 4
    m[5] += near
    m[5] += far
    return [m[0], m[1], m[3], m[5]]


def _back_transposed(y: Array, room: Room) -> list[Array]:
    """Compute the six rows A y, given four rows of outputs' gradients: shape (4, O, …)."""
    out, spare = room("back", 4, *y.shape[1:]), room("spare", *y.shape[1:])
    # y₀ + y₂ ± (y₁ + y₃)
    np.add(y[0], y[2], out=out[0])
    np.add(y[1], y[3], out=spare)
    np.subtract(out[0], spare, out=out[1])
    out[0] += spare
    # y₀ + 4 y₂ ± 2 (y₁ + 4 y₃)
    np.multiply(y[2], 4, out=out[2])
    out[2] += y[0]
    np.multiply(y[3], 4, out=spare)
    spare += y[1]
    spare *= 2
    np.subtract(out[2], spare, out=out[3])
    out[2] += spare
    return [y[0], *out, y[3]]


def _windows(row: Array, windows: Windows, room: Room) -> Array:
    """Lay out the windows of height 1 of a transformed row as columns: shape (C, H, W, N) → (C · KW, H · OW · N)."""
    view = view_windows(row, windows._replace(size=(1, windows.size[1])))
    copy = room("columns", *view.shape)
    copy[...] = view
    return copy.reshape(view.shape[0] * view.shape[2], -1)


def forward(x: Array, w: Array, windows: Windows, dtype: np.dtype[Any]) -> Array:
    """Transform, multiply, transform back, tile by tile."""
    outputs, channels = w.shape[:2]
    layout = Columns(windows, channels, outputs, 1, dtype)
    filters = np.tensordot(G4.astype(dtype), w.astype(dtype, copy=False), (1, 2)).reshape(6, outputs, -1)
    out = empty_chwn((len(x), outputs, *windows.places), np.result_type(x, w))

    def compute(_: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for tile in share:
                shape = (outputs, length(tile.rows) // ROWS, windows.places[1], length(tile.images))
                products = room("product", 6, outputs, math.prod(shape[1:]))
                for k, row in enumerate(_transformed(layout.filled(x, tile, room), room)):
                    np.matmul(filters[k], _windows(row, windows, room), out=products[k])
                place = chwn(out)[:, tile.rows, :, tile.images]
                for i, row in enumerate(_back(products, room)):
                    part = place[:, i::ROWS]
                    part[...] = row.reshape(shape)[:, : part.shape[1]]

    each_share(compute, _tiles(len(x), windows, channels, dtype.itemsize))
    return out


def weight_gradient(y: Array, x: Array, w_shape: tuple[int, ...], windows: Windows, dtype: np.dtype[Any]) -> Array:
    """The exact adjoint of :func:`forward` in the filters: Gᵀ [Σ (A y) ⊙ (Bᵀ d)]."""
    outputs, channels, _, kw = w_shape
    layout = Columns(windows, channels, outputs, 1, dtype)
    sums = [np.zeros((6, channels * kw, outputs), dtype) for _ in range(workers())]

    def compute(worker: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for tile in share:
                gradient = _rows(chwn(y)[:, tile.rows, :, tile.images], length(tile.rows) // ROWS, room)
                images = _transformed(layout.filled(x, tile, room), room)
                for total, row, g in zip(sums[worker], images, _back_transposed(gradient, room), strict=True):
                    total += np.matmul(_windows(row, windows, room), g.reshape(outputs, -1).T)

    each_share(compute, _tiles(len(x), windows, channels, dtype.itemsize))
    total: Array = sum(sums[1:], start=sums[0])
    gradient = np.tensordot(G4.T.astype(dtype), total, 1).reshape(3, channels, kw, outputs)
    return gradient.transpose(3, 1, 0, 2).astype(np.result_type(y, x), order="C")


def _rows(y: Array, height: int, room: Room) -> Array:
    """Copy every fourth row of outputs' gradients, from each of the first four on: (O, H, W, N) → (4, O, height, W, N).

    Rows below the outputs are zero.
    """
    outputs, _, width, n = y.shape
    copy = room("outputs", ROWS, outputs, height, width, n)
    for i in range(ROWS):
        part = y[:, i::ROWS]
        copy[i, :, : part.shape[1]] = part
        copy[i, :, part.shape[1] :] = 0
    return copy
