"""Convolution as products of matrices: the windows of a tile of images are the columns (the book, section 7.4).

A tile is a few images, or some of their rows, so few that the columns stay in the second-level cache. Channels come
first, so that one product of matrices serves the whole tile: the columns have shape (C · KH · KW, …), and … is either
images · rows · OW or rows · OW · images. With the images last, the columns are copied in longer stretches, three to
eight times as fast if rows are short (measured); but images and outputs must be brought into that order and back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .geometry import Windows
from .room import Room
from .threads import each_share, workers

Array = np.ndarray[Any, Any]

CACHE = 2**20
"""Bytes that the columns of a tile may take: about the second-level cache (measured)."""
FEW = 8
"""Images in a tile: so many lie side by side in memory (measured)."""
WORTH_SHARING = 2**19
"""Bytes of all tiles below which one thread is as fast: a fork and join costs 57 µs (measured)."""


class Tile(NamedTuple):
    """Some images, and some rows of their outputs."""

    images: slice
    rows: slice


def pieces(n: int, largest: int, multiple: int = 1) -> list[slice]:
    """Cut n things into pieces of one size, at most `largest`, but the last; their number a multiple if possible."""
    count = -(-n // max(largest, 1))
    count = min(-(-count // multiple) * multiple, n)
    size = -(-n // max(count, 1))
    return [slice(a, min(a + size, n)) for a in range(0, n, max(size, 1))]


def tiles(n: int, rows: int, row: int, few: int = 1, whole_images: bool = False) -> list[Tile]:
    """Cut n images of so many rows, each of which needs `row` bytes to compute, into tiles that fit the cache.

    A tile is not made of less than `few` images; it rather takes some of their rows, unless they shall stay whole.
    """
    image = max(row * rows, 1)
    share = workers() if n * image >= WORTH_SHARING else 1
    images = pieces(n, max(CACHE // image, few), share)
    size = images[0].stop if images else 1
    least = 1 if len(images) >= share else share
    bands = [slice(0, rows)] if whole_images else pieces(rows, CACHE // max(row * size, 1), least)
    return [Tile(i, band) for i in images for band in bands]


def images_last(windows: Windows, channels: int, outputs: int) -> bool:
    """Tell which order of the axes is faster: 3.3 / OW ns saved an element of the columns, 0.25 ns lost elsewhere."""
    column = channels * windows.size[0] * windows.size[1]
    return 13 * column > windows.places[1] * (channels + outputs)


class Columns:
    """How a convolution is cut into tiles and laid out as columns.

    Parameters
    ----------
    windows
        Of the convolution.
    channels, outputs, groups
        Of images and outputs, and into how many groups both are cut.
    dtype
        In which to compute.
    """

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype[Any]) -> None:
        self.windows, self.channels, self.groups, self.dtype = windows, channels, groups, dtype
        last = images_last(windows, channels, outputs)
        self.order = (1, 2, 3, 0) if last else (1, 0, 2, 3)
        """Of the axes of images (N, C, H, W) in a tile."""
        self.few = FEW if last else 1

    def tiles(self, n: int, whole_images: bool = False) -> list[Tile]:
        """Cut n images into tiles whose columns fit the cache."""
        column = self.channels * self.windows.size[0] * self.windows.size[1] * self.dtype.itemsize
        rows, width = self.windows.places
        return tiles(n, rows, column * width, 1 if whole_images else self.few, whole_images)

    def laid(self, x: Array) -> Array:
        """View images (N, C, H, W) in the order of a tile, channels first."""
        return x.transpose(self.order)

    def padded(self, tile: Tile, room: Room) -> Array:
        """Room for a tile's images with their padding: shape (images, C, rows of them, W + left + right)."""
        height = (tile.rows.stop - tile.rows.start - 1) * self.windows.stride[0] + self.windows.covered[0]
        width = self.windows.image[1] + sum(self.windows.padding[1])
        shape = (tile.images.stop - tile.images.start, self.channels, height, width)
        return room("padded", *(shape[axis] for axis in self.order)).transpose(np.argsort(self.order))

    def inside(self, tile: Tile, room: Room) -> tuple[Array, slice]:
        """View the part of the padded tile that holds the images, and say which of their rows; zero the rest."""
        padded = self.padded(tile, room)
        (top, _), (left, _) = self.windows.padding
        height, width = self.windows.image
        first = tile.rows.start * self.windows.stride[0] - top  # row of the image at the tile's upper edge
        low = max(-first, 0)
        high = max(min(height - first, padded.shape[2]), low)
        padded[:, :, :low] = padded[:, :, high:] = 0
        return padded[:, :, low:high, left : left + width], slice(first + low, first + high)

    def view(self, tile: Tile, room: Room) -> Array:
        """View the windows of the padded tile: shape (C, KH, KW, …)."""
        (kh, kw), (sy, sx), (dy, dx) = self.windows.size, self.windows.stride, self.windows.dilation
        padded = self.padded(tile, room)
        n, c, y, x = padded.strides
        lengths = (len(padded), self.channels, tile.rows.stop - tile.rows.start, self.windows.places[1])
        steps = (n, c, y * sy, x * sx)
        rest = self.order[1:]
        shape = (self.channels, kh, kw, *(lengths[axis] for axis in rest))
        return as_strided(padded, shape, (c, y * dy, x * dx, *(steps[axis] for axis in rest)))

    def of(self, x: Array, tile: Tile, room: Room) -> Array:
        """Lay the windows of a tile out as columns: (groups, C / groups · KH · KW, …)."""
        part, rows = self.inside(tile, room)
        part[...] = x[tile.images, :, rows]
        windows = self.view(tile, room)
        columns = room("columns", *windows.shape)
        columns[...] = windows
        return columns.reshape(self.groups, math.prod(windows.shape[:3]) // self.groups, math.prod(windows.shape[3:]))

    def outputs(self, y: Array, tile: Tile, room: Room) -> Array:
        """Copy a tile of outputs: (groups, O / groups, …)."""
        part = self.laid(y[tile.images, :, tile.rows])
        copy = room("outputs", *part.shape)
        copy[...] = part
        return copy.reshape(self.groups, part.shape[0] // self.groups, math.prod(part.shape[1:]))


def forward(x: Array, w: Array, windows: Windows, groups: int, dtype: np.dtype[Any]) -> Array:
    """Multiply the filters with the columns, tile by tile."""
    columns = Columns(windows, x.shape[1], len(w), groups, dtype)
    filters = w.astype(dtype, copy=False).reshape(groups, len(w) // groups, w[0].size)
    out = np.empty((len(x), len(w), *windows.places), np.result_type(x, w))

    def compute(_: int, share: Sequence[Tile]) -> None:
        room = Room(dtype)
        for tile in share:
            matrix = columns.of(x, tile, room)
            product = room("product", groups, filters.shape[1], matrix.shape[2])
            np.matmul(filters, matrix, out=product)
            place = columns.laid(out[tile.images, :, tile.rows])
            place[...] = product.reshape(place.shape)

    each_share(compute, columns.tiles(len(x)))
    return out


def input_gradient(
    y: Array, w: Array, x_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any]
) -> Array:
    """Multiply the filters' transposes with the outputs' gradient, and add the columns back into images (col2im)."""
    columns = Columns(windows, x_shape[1], len(w), groups, dtype)
    filters = w.astype(dtype, copy=False).reshape(groups, len(w) // groups, w[0].size).swapaxes(1, 2)
    out = np.empty(x_shape, np.result_type(y, w))

    def compute(_: int, share: Sequence[Tile]) -> None:
        room = Room(dtype)
        for tile in share:
            part, rows = columns.inside(tile, room)
            columns.padded(tile, room)[...] = 0
            images = columns.view(tile, room)
            product = room("product", groups, filters.shape[1], math.prod(images.shape[3:]))
            np.matmul(filters, columns.outputs(y, tile, room), out=product)
            windowed = product.reshape(images.shape)
            for i in range(windows.size[0]):
                for j in range(windows.size[1]):
                    images[:, i, j] += windowed[:, i, j]
            out[tile.images, :, rows] = part
            out[tile.images, :, rows.stop :] = 0  # rows that no window reaches

    each_share(compute, columns.tiles(x_shape[0], whole_images=True))
    return out


def weight_gradient(
    y: Array, x: Array, w_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any]
) -> Array:
    """Multiply the outputs' gradient with the transposed columns, and add up over the tiles."""
    columns = Columns(windows, x.shape[1], w_shape[0], groups, dtype)
    sums = [np.zeros((groups, w_shape[0] // groups, math.prod(w_shape[1:])), dtype) for _ in range(workers())]

    def compute(worker: int, share: Sequence[Tile]) -> None:
        room = Room(dtype)
        for tile in share:
            matrix = columns.of(x, tile, room)
            sums[worker] += np.matmul(columns.outputs(y, tile, room), matrix.swapaxes(1, 2))

    each_share(compute, columns.tiles(len(x)))
    total: Array = sum(sums[1:], start=sums[0])
    return total.reshape(w_shape).astype(np.result_type(y, x), copy=False)
