"""Convolution with 3×3 filters and stride 1 by F(2×2, 3×3): 16 multiplications where the definition has 36.

A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", 2016: with the matrices A, B, G of section 4.1 a
4×4 patch d of the image and a filter g make 2×2 outputs Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A; summed over the channels, the
product ⊙ becomes one product of matrices for each of the 16 places (k, j) of the transform.

The rows and columns of a tile of images are split into even and odd ones, its *phases*: then each step of a transform
adds or subtracts two long stretches of memory, a phase and the same shifted by a row or a column. The 16 places are
computed one after the other, and added up at once, so that little memory is used. Each row ends in
one patch too many, which holds nonsense and is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .columns import Tile, tiles
from .geometry import Windows
from .room import Room
from .threads import each_share, workers

Array = np.ndarray[Any, Any]

PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2

CHANNELS, PATCHES = 32, 8_000
"""From so many on the transforms pay (measured)."""


def pays(windows: Windows, n: int, channels: int, outputs: int) -> bool:
    """Tell whether n images are convolved faster than by columns: the transforms must be few beside the products.

    Measured with two threads: 1.1 to 1.4 times as fast for 32 to 64 channels and 16×16 to 56×56 pixels; no gain or a
    loss for fewer channels, small images (whose planes are mostly edge) or few of them.
    """
    if (windows.size, windows.stride, windows.dilation) != ((3, 3), (1, 1), (1, 1)):
        return False
    rows, width = windows.places
    patches = (-(-rows // 2) + 1) * (-(-width // 2) + 1)
    fewer = 9 * rows * width / (16 * patches)
    return min(channels, outputs) >= CHANNELS and n * patches >= PATCHES and fewer >= 1.7


def pays_compiled(windows: Windows, channels: int, outputs: int, lanes: int) -> bool:
    """Tell the same of the compiled kernel, which takes even sizes and full tiles of channels.

    Measured: 1.1 times as fast as the direct kernel from 16 to 32 channels, 1.4 to 1.8 times from 32 channels on.
    """
    if (windows.size, windows.stride, windows.dilation) != ((3, 3), (1, 1), (1, 1)):
        return False
    even = not any(n % 2 for n in (*windows.image, *windows.places))
    padded = all(p <= 2 for sides in windows.padding for p in sides)
    full = not (channels % lanes or outputs % lanes)
    return even and padded and full and channels * outputs >= 512


def _phases(planes: Array, x: Array, tile: Tile, top: int, left: int, width: int) -> None:
    """Split a tile of images into the even and odd of their rows and columns, with the padding before them.

    Parameters
    ----------
    planes
        Is filled; shape (2, 2, channels, images · rows · width and a row and a column of zeros).
    x
        Images, shape (N, C, H, W).
    tile
        Its rows are counted in patches.
    top, left
        The padding.
    width
        Of a plane: patches in a row, and one.
    """
    images, rows = _plane(tile)
    for a in (0, 1):
        above, seen, height = _every_second(2 * tile.rows.start + a - top, x.shape[2], rows)
        for b in (0, 1):
            before, across, length = _every_second(b - left, x.shape[3], width)
            plane = planes[a, b, :, : images * rows * width].reshape(x.shape[1], images, rows, width)
            plane[:, :, :above] = plane[:, :, above + height :] = 0
            part = x[tile.images, :, seen, across].swapaxes(0, 1)
            plane[:, :, above : above + height, before : before + length] = part


def _plane(tile: Tile) -> tuple[int, int]:
    """Images and rows of a tile's planes: as many as patches below each other, and one."""
    return tile.images.stop - tile.images.start, tile.rows.stop - tile.rows.start + 1


def _every_second(first: int, size: int, room: int) -> tuple[int, slice, int]:
    """Say where elements first, first + 2, … of an axis stand: how many lie before it, which they are, how many."""
    before = min(max(-(first // 2), 0), room)
    start = first + 2 * before
    count = max(min(-(-(size - start) // 2), room - before), 0)
    return before, slice(start, start + 2 * count, 2), count


def _transform(k: int, even: Array, odd: Array, shift: int, out: Array) -> None:
    """Row k of Bᵀ on the elements 0…3 of every patch: even, odd, and both one step further."""
    n = out.shape[1]
    d0, d1, d2, d3 = even[:, :n], odd[:, :n], even[:, shift : shift + n], odd[:, shift : shift + n]
    first, second = ((d0, d2), (d1, d2), (d2, d1), (d1, d3))[k]
    (np.add if k == 1 else np.subtract)(first, second, out=out)


def _back(product: Callable[[int, Array], None], out: Array, spare: Array) -> None:
    """Aᵀ on p₀…p₃, of which ``product(i, room)`` computes one: out₀ = p₀ + p₁ + p₂, out₁ = p₁ − p₂ − p₃."""
    product(0, out[0])
    product(1, out[1])
    out[0] += out[1]
    product(2, spare)
    out[0] += spare
    out[1] -= spare
    product(3, spare)
    out[1] -= spare


def _back_transposed(k: int, even: Array, odd: Array, out: Array) -> Array:
    """Row k of A on the two elements of every output patch."""
    if k == 0:
        return even
    if k == 3:
        return np.negative(odd, out=out)
    return (np.add if k == 1 else np.subtract)(even, odd, out=out)


def _tiles(n: int, windows: Windows, channels: int, itemsize: int) -> list[Tile]:
    """Cut n images into tiles: a few planes of them fit the cache, and the products are long enough (measured)."""
    rows, width = -(-windows.places[0] // 2), -(-windows.places[1] // 2) + 1
    return tiles(n, rows, 2 * channels * width * itemsize)


def forward(x: Array, w: Array, windows: Windows, dtype: np.dtype[Any]) -> Array:
    """Transform, multiply, transform back, tile by tile."""
    (n, channels), outputs = x.shape[:2], w.shape[0]
    (top, _), (left, _) = windows.padding
    width = -(-windows.places[1] // 2) + 1
    filters = np.ascontiguousarray((G @ w.astype(dtype) @ G.T).transpose(2, 3, 0, 1), dtype)
    out = np.empty((n, outputs, *windows.places), np.result_type(x, w))

    def compute(_: int, share: Sequence[Tile]) -> None:
        room = Room(dtype)
        for tile in share:
            images, rows = _plane(tile)
            planes = room("planes", 2, 2, channels, images * rows * width + width + 1)
            _phases(planes, x, tile, top, left, width)
            patches = _multiply(planes, filters, images * rows * width, width, room)
            place = out[tile.images, :, 2 * tile.rows.start : 2 * tile.rows.stop]
            for a, b in PHASES:
                part = place[:, :, a::2, b::2]
                plane = patches[a, b].reshape(outputs, images, rows, width)
                part[...] = plane[:, :, : part.shape[2], : part.shape[3]].swapaxes(0, 1)

    each_share(compute, _tiles(n, windows, channels + outputs, dtype.itemsize))
    return out


def _multiply(planes: Array, filters: Array, size: int, width: int, room: Room) -> Array:
    """Make the four phases of the outputs, shape (2, 2, O, size), out of those of the images."""
    channels, outputs = planes.shape[2], filters.shape[2]
    rows, patch = room("rows", 2, channels, size + 1), room("patch", channels, size)
    out, spare = room("out", 2, 2, outputs, size), room("spare", 3, outputs, size)

    def row(k: int, into: Array) -> None:
        for b in (0, 1):
            _transform(k, planes[0, b], planes[1, b], width, rows[b])
        _back(lambda j, place: multiply(k, j, place), into, spare[2])

    def multiply(k: int, j: int, into: Array) -> None:
        _transform(j, rows[0], rows[1], 1, patch)
        np.matmul(filters[k, j], patch, out=into)

    _back(row, out, spare[:2])
    return out


def weight_gradient(y: Array, x: Array, w_shape: tuple[int, ...], windows: Windows, dtype: np.dtype[Any]) -> Array:
    """The exact adjoint of :func:`forward` in the filters: Gᵀ [Σ (A y Aᵀ) ⊙ (Bᵀ d B)] G."""
    outputs, channels = w_shape[:2]
    (top, _), (left, _) = windows.padding
    width = -(-windows.places[1] // 2) + 1
    sums = [np.zeros((4, 4, outputs, channels), dtype) for _ in range(workers())]

    def compute(worker: int, share: Sequence[Tile]) -> None:
        room = Room(dtype)
        for tile in share:
            size = math.prod(_plane(tile)) * width
            planes, gradient = room("planes", 2, 2, channels, size + width + 1), room("gradient", 2, 2, outputs, size)
            _phases(planes, x, tile, top, left, width)
            # cut off below the tile, so that it is zero where the images' patches are nonsense
            _phases(gradient, y[:, :, : 2 * tile.rows.stop], tile, 0, 0, width)
            _add_products(sums[worker], gradient, planes, width, room)

    each_share(compute, _tiles(len(x), windows, channels + outputs, dtype.itemsize))
    total: Array = sum(sums[1:], start=sums[0])
    return (G.T @ total.transpose(2, 3, 0, 1) @ G).astype(np.result_type(y, x), copy=False)


def _add_products(sums: Array, gradient: Array, planes: Array, width: int, room: Room) -> None:
    """Add to `sums`, shape (4, 4, O, C), the products of one tile's gradient and images, both transformed."""
    (outputs, size), channels = gradient.shape[2:], planes.shape[2]
    rows, patch = room("rows", 2, channels, size + 1), room("patch", channels, size)
    y_rows, y_patch = room("y_rows", 2, outputs, size), room("y_patch", outputs, size)
    for k in range(4):
        for b in (0, 1):
            _transform(k, planes[0, b], planes[1, b], width, rows[b])
        even, odd = (_back_transposed(k, gradient[0, b], gradient[1, b], y_rows[b]) for b in (0, 1))
        for j in range(4):
            _transform(j, rows[0], rows[1], 1, patch)
            sums[k, j] += np.matmul(_back_transposed(j, even, odd, y_patch), patch.T)
