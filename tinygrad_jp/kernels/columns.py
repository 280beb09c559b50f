"""Convolution as products of matrices: the windows of a tile of images are the columns (the book, section 7.4).

A tile is a few images, or some of their rows: it is padded once, and its windows are laid out as columns a *band* at a
time, so few that they stay in the cache. In a tile the channels come first, so that one product of matrices serves a
whole band, and the images last: columns have shape (C · KH · KW, rows · places · images). So windows are copied in long
stretches of memory, whole rows of all images where the stride is 1. The results lie in memory in that order, CHWN, too:
the next layer finds them as it needs them, and element by element any order is as good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..buffers import empty
from .geometry import Windows
from .room import Room, own_room
from .threads import each_share, workers

Array = np.ndarray[Any, Any]

CACHE = 2**20
"""Bytes that columns and outputs of a band may take: less makes the products short (measured)."""
PADDED = 2**22
"""Bytes that a padded tile may take (measured)."""
FEW, IMAGES = 16, 128
"""Images in a tile at least, if there are so many, and at most (measured)."""
WORTH_SHARING = 2**21
"""Bytes of all columns below which one thread is as fast (measured)."""


class Tile(NamedTuple):
    """Some images, and some rows of their outputs."""

    images: slice
    rows: slice


class Band(NamedTuple):
    """Some rows of a tile, counted from its first, and some places in each of them."""

    rows: slice
    places: slice


def pieces(n: int, largest: int, multiple: int = 1) -> list[slice]:
    """Cut n things into pieces of one size, at most `largest`, but the last; their number a multiple if possible."""
    count = -(-n // max(largest, 1))
    count = min(-(-count // multiple) * multiple, n)
    size = -(-n // max(count, 1))
    return [slice(a, min(a + size, n)) for a in range(0, n, max(size, 1))]


def tiles(
    n: int, rows: int, row: int, most: int, share: int, one_by_one: bool = False, whole_images: bool = False
) -> list[Tile]:
    """Cut n images of so many rows, each of which needs `row` bytes, into tiles of `most` bytes.

    `share` threads get some rows each if these can be shared out evenly or the images are few, and otherwise some of
    the images.
    """
    by_rows = not whole_images and (n < FEW or -(-rows // share) * share <= 1.1 * rows)
    few, many = 1 if whole_images or one_by_one else FEW, 1 if one_by_one else IMAGES
    fit = most // max(row * rows if whole_images else row, 1)
    images = pieces(n, min(max(fit, few), many), 1 if by_rows else share)
    size = images[0].stop if images else 1
    bands = [slice(0, rows)] if whole_images else pieces(rows, most // max(row * size, 1), share if by_rows else 1)
    return [Tile(i, band) for i in images for band in bands]


def empty_chwn(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array for images of shape (N, C, H, W) that lie in memory as (C, H, W, N)."""
    return empty((*shape[1:], shape[0]), dtype).transpose(3, 0, 1, 2)


def chwn(x: Array) -> Array:
    """View images of shape (N, C, H, W) as (C, H, W, N)."""
    return x.transpose(1, 2, 3, 0)


class Columns:
    """How a convolution is cut into tiles and laid out as columns.

    Parameters
    ----------
    windows
        Of the convolution.
    channels, outputs, groups
        Of the images and of the results, and into how many groups they are cut.
    dtype
        In which to compute.
    """

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype[Any]) -> None:
        self.windows, self.channels, self.groups, self.dtype = windows, channels, groups, dtype
        self.height = channels * windows.size[0] * windows.size[1]
        """Of the matrix of columns."""
        self.heights = self.height + outputs
        """Of both matrices."""

    def tiles(self, n: int, whole_images: bool = False) -> list[Tile]:
        """Cut n images into tiles."""
        (rows, places), (left, right), item = self.windows.places, self.windows.padding[1], self.dtype.itemsize
        share = workers() if n * rows * places * self.height * item >= WORTH_SHARING else 1
        row = self.channels * self.windows.stride[0] * (self.windows.image[1] + left + right) * item
        # with a stride, the stretches of memory are the images at one place, or the places of one image
        one_by_one = self.windows.stride[1] > 1 and n < min(FEW, places)
        return tiles(n, rows, row, PADDED, share, one_by_one, whole_images)

    def bands(self, tile: Tile) -> list[Band]:
        """Cut a tile into bands whose columns fit the cache."""
        images, rows, places = length(tile.images), length(tile.rows), self.windows.places[1]
        fit = CACHE // max(self.heights * images * self.dtype.itemsize, 1)
        across = pieces(places, fit)
        return [Band(down, part) for down in pieces(rows, fit // max(places, 1)) for part in across]

    def padded(self, tile: Tile, room: Room) -> tuple[Array, Array, slice]:
        """Make room for a tile's images with their padding.

        Returns
        -------
        padded, inside, rows
            Shape (C, rows of the images, W + left + right, images); the part that holds the images, and which of their
            rows those are. The rest is zero.
        """
        (top, _), (left, right) = self.windows.padding
        height, width = self.windows.image
        first = tile.rows.start * self.windows.stride[0] - top  # row of the image at the tile's upper edge
        reach = (length(tile.rows) - 1) * self.windows.stride[0] + self.windows.covered[0]
        low = max(-first, 0)
        high = max(min(height - first, reach), low)
        padded = room("padded", self.channels, reach, left + width + right, length(tile.images))
        for edge in (padded[:, :low], padded[:, high:], padded[:, :, :left], padded[:, :, left + width :]):
            edge.fill(0)
        return padded, padded[:, low:high, left : left + width], slice(first + low, first + high)

    def filled(self, x: Array, tile: Tile, room: Room) -> Array:
        """Copy the images of a tile, with their padding."""
        padded, inside, rows = self.padded(tile, room)
        inside[...] = chwn(x)[:, rows, :, tile.images]
        return padded

    def laid(self, part: Array, room: Room, name: str) -> Array:
        """Copy windows or outputs, channels first, as matrices: shape (groups, … / groups, …).

        A channel's pixels that follow each other in memory are not copied.
        """
        if part.ndim > 4 or not in_a_row(part):
            copy = room(name, *part.shape)
            copy[...] = part
            part = copy
        return self.as_matrices(part)

    def as_matrices(self, part: Array) -> Array:
        """View an array, channels first, as matrices: shape (groups, … / groups, …)."""
        count = math.prod(part.shape[-3:])
        return part.reshape(self.groups, part.size // (self.groups * max(count, 1)), count)


def in_a_row(part: Array) -> bool:
    """Tell whether the pixels of each channel, shape (C, H, W, N), follow each other in memory."""
    return bool(part[:1].flags.c_contiguous)


def view_windows(images: Array, windows: Windows) -> Array:
    """View the windows of padded, contiguous images (C, H, W, N): shape (C, KH, KW, as many rows as fit, OW, N)."""
    (kh, kw), (sy, sx), (dy, dx) = windows.size, windows.stride, windows.dilation
    channels, height, _, n = images.shape
    c, y, x, image = images.strides
    rows = (height - windows.covered[0]) // sy + 1
    shape = channels, kh, kw, rows, windows.places[1], n
    steps = c, y * dy, x * dx, y * sy, x * sx, image
    return np.ndarray(shape, images.dtype, images, 0, steps)  # as_strided takes several times as long


def length(part: slice) -> int:
    """Count the elements of a slice start … stop."""
    return int(part.stop - part.start)


def pixelwise(w: Array, x: Array, dtype: np.dtype[Any]) -> Array:
    """Multiply the channels of every pixel with a matrix: (O, C) · (N, C, H, W) → (N, O, H, W).

    The images themselves are the columns.
    """
    matrix = np.ascontiguousarray(w, dtype)
    pixels = np.ascontiguousarray(chwn(x), dtype).reshape(w.shape[1], -1)
    out = empty_chwn((len(x), len(w), *x.shape[2:]), dtype)
    products = chwn(out).reshape(len(w), -1)

    def compute(_: int, share: Sequence[slice]) -> None:
        for part in share:
            np.matmul(matrix, pixels[:, part], out=products[:, part])

    count = workers() if 4 * pixels.nbytes >= WORTH_SHARING else 1  # without copies less is worth it
    each_share(compute, pieces(pixels.shape[1], -(-pixels.shape[1] // count)))
    return out.astype(np.result_type(w, x), copy=False)


def forward(x: Array, w: Array, windows: Windows, groups: int, dtype: np.dtype[Any]) -> Array:
    """Multiply the filters with the columns, band by band."""
    columns = Columns(windows, x.shape[1], len(w), groups, dtype)
    filters = np.ascontiguousarray(w, dtype).reshape(groups, len(w) // groups, w[0].size)
    out = empty_chwn((len(x), len(w), *windows.places), np.result_type(x, w))

    def compute(_: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for tile in share:
                view = view_windows(columns.filled(x, tile, room), windows)
                place = chwn(out)[:, tile.rows, :, tile.images]
                for rows, places in columns.bands(tile):
                    matrix = columns.laid(view[:, :, :, rows, places], room, "columns")
                    to = place[:, rows, places]
                    if in_a_row(to) and to.dtype == dtype:
                        np.matmul(filters, matrix, out=columns.as_matrices(to))
                    else:
                        product = room("product", groups, filters.shape[1], matrix.shape[2])
                        np.matmul(filters, matrix, out=product)
                        to[...] = product.reshape(to.shape)

    each_share(compute, columns.tiles(len(x)))
    return out


def input_gradient(
    y: Array, w: Array, x_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any]
) -> Array:
    """Multiply the filters' transposes with the outputs' gradient, and add the columns back into images (col2im)."""
    columns = Columns(windows, x_shape[1], len(w), groups, dtype)
    filters = np.ascontiguousarray(w, dtype).reshape(groups, len(w) // groups, w[0].size).swapaxes(1, 2)
    out = empty_chwn(x_shape, np.result_type(y, w))

    def compute(_: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for tile in share:
                padded, inside, kept = columns.padded(tile, room)
                padded.fill(0)
                view, outputs = view_windows(padded, windows), chwn(y)[:, :, :, tile.images]
                for rows, places in columns.bands(tile):
                    part = view[:, :, :, rows, places]
                    product = room("columns", groups, filters.shape[1], math.prod(part.shape[3:]))
                    np.matmul(filters, columns.laid(outputs[:, rows, places], room, "outputs"), out=product)
                    windowed = product.reshape(part.shape)
                    for i, j in np.ndindex(windows.size):
                        part[:, i, j] += windowed[:, i, j]
                place = chwn(out)[:, :, :, tile.images]
                place[:, kept] = inside
                place[:, kept.stop :] = 0  # rows that no window reaches

    each_share(compute, columns.tiles(x_shape[0], whole_images=True))
    return out


def weight_gradient(
    y: Array, x: Array, w_shape: tuple[int, ...], windows: Windows, groups: int, dtype: np.dtype[Any]
) -> Array:
    """Multiply the outputs' gradient with the transposed columns, and add up over the bands."""
    columns = Columns(windows, x.shape[1], w_shape[0], groups, dtype)
    sums = [np.zeros((groups, math.prod(w_shape[1:]), w_shape[0] // groups), dtype) for _ in range(workers())]

    def compute(worker: int, share: Sequence[Tile]) -> None:
        with own_room(dtype) as room:
            for tile in share:
                view = view_windows(columns.filled(x, tile, room), windows)
                outputs = chwn(y)[:, tile.rows, :, tile.images]
                for rows, places in columns.bands(tile):
                    matrix = columns.laid(view[:, :, :, rows, places], room, "columns")
                    gradient = columns.laid(outputs[:, rows, places], room, "outputs")
                    sums[worker] += np.matmul(matrix, gradient.swapaxes(1, 2))  # faster than its transpose (measured)

    each_share(compute, columns.tiles(len(x)))
    total: Array = sum(sums[1:], start=sums[0])
    return total.swapaxes(1, 2).reshape(w_shape).astype(np.result_type(y, x), copy=False)
