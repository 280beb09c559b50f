"""Convolution as products of matrices: windows of the images are the columns (the book, section 7.4).

Images lie in memory row by row, in a row channel by channel, in a channel pixel by pixel, and the same pixel of all
images side by side: shape (H, C, W, N). Of such rows only what a filter sees *along* them is laid out as columns, KW
numbers for each channel and place. What it sees *across* rows follows each other in memory already: the windows of a
row of outputs are a matrix of shape (KH · KW · C, OW · N) that begins at the first row they see; the next row's begins
one row later. So a convolution copies its images KW times, not KW · KH times, and in long stretches of memory.

The work is cut into tiles, some rows of some images, which threads share. What follows a convolution (bias, relu and
pooling) follows in each tile, and so does its way back before the gradients. Results lie in memory in the same order:
the next layer finds them as it needs them, and element by element any order is as good.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..buffers import empty
from .geometry import Windows
from .pooling import in_order_of
from .reduction import ALONE, NOTHING, Reduction, spread_rows
from .room import Room
from .threads import pieces, workers

Array = np.ndarray[Any, Any]

CACHE = 6 * 2**20
"""Bytes that the columns and outputs of a tile may take: smaller ones share more rows, laid out twice (measured)."""
FEW, IMAGES = 16, 128
"""Images in a tile at least, if there are so many, and at most (measured)."""
WORTH_SHARING, WORK = 2**21, 2**23
"""Bytes of all columns and outputs, and multiplications, below which one thread is as fast (measured)."""
SMALL = 2**15
"""Pixels below which all are filled as fast as some (measured)."""
UNCOPIED = 10**6
"""Multiplications of a product up to which OpenBLAS reads the factors where they lie, in place of copying them first:
up to twice as fast, if the copies are read but a few times."""
SHORTEST = 100
"""Columns below which a product is not cut for that (measured)."""


class Tile(NamedTuple):
    """Some images, and some rows of their outputs."""

    images: slice
    rows: slice


def stretches(each: int, columns: int, shortest: int) -> list[slice]:
    """Cut the columns of a product, each of which takes so many multiplications, as OpenBLAS likes it: ``UNCOPIED``.

    They are left together where the stretches would be shorter than `shortest`.
    """
    count = max(-(-each * columns // UNCOPIED), 1)
    return pieces(columns, columns // count if columns >= shortest * count else columns)


def matmul_in_stretches(a: Array, b: Array, out: Array) -> None:
    """Multiply matrices as ``np.matmul``, some columns after others: see :func:`stretches`."""
    for some in stretches(math.prod(a.shape[-2:]), b.shape[-1], SHORTEST):
        np.matmul(a, b[..., some], out=out[..., some])


@lru_cache(maxsize=1024)
def tiles(n: int, rows: int, row: int, work: int, multiple: int = 1, whole_images: bool = False) -> tuple[Tile, ...]:
    """Cut n images of so many rows into tiles.

    Threads get some rows each or, where there are few, some of the images.

    Parameters
    ----------
    n, rows, row, work
        Number of images, rows of each, and bytes and multiplications that a row needs.
    multiple
        Of which the rows of a tile should be.
    whole_images
        Leave the images whole.
    """
    share = workers() if n * rows * row >= WORTH_SHARING or n * rows * work >= WORK else 1
    bands = -(-rows // multiple)
    by_rows = not whole_images and bands >= 2 * share
    fit = CACHE // max(row * (rows if whole_images else multiple), 1)
    images = pieces(n, max(min(fit, IMAGES), 1 if whole_images else FEW), 1 if by_rows else share)
    if whole_images:
        return tuple(Tile(part, slice(0, rows)) for part in images)
    size = images[0].stop if images else 1
    cut = pieces(bands, CACHE // max(row * multiple * size, 1), share if by_rows and len(images) % share else 1)
    down = [slice(band.start * multiple, min(band.stop * multiple, rows)) for band in cut]
    return tuple(Tile(part, band) for part in images for band in down)


def length(part: slice) -> int:
    """Count the elements of a slice start … stop."""
    return int(part.stop - part.start)


def hcwn(x: Array) -> Array:
    """View images of shape (N, C, H, W) as (H, C, W, N)."""
    return x.transpose(2, 1, 3, 0)


def empty_hcwn(shape: tuple[int, ...], dtype: np.dtype[Any] | type) -> Array:
    """Return an array for images of shape (N, C, H, W) that lie in memory as (H, C, W, N)."""
    n, channels, height, width = shape
    return empty((height, channels, width, n), dtype).transpose(3, 1, 0, 2)


class Images(NamedTuple):
    """What is convolved: images, or the gradient of images from which `kept` remained after relu and pooling."""

    x: Array
    """Shape (H, C, W, N)."""
    kept: Array = NOTHING
    reduction: Reduction = ALONE

    @classmethod
    def gradient(cls, y: Array, kept: Array, reduction: Reduction) -> Images:
        """Take the gradient `y` of what remained, shape (N, C, H, W)."""
        return cls(hcwn(in_order_of(kept, y) if kept.size else y), hcwn(kept), reduction)

    def rows(self, rows: slice, images: slice, dtype: np.dtype[Any]) -> Array | None:
        """Return some rows if they lie in memory as they are needed, else None."""
        if self.reduction != ALONE:
            return None
        part = self.x[rows, :, :, images]
        return part if part.flags.c_contiguous and part.dtype == dtype else None

    def write(self, rows: slice, images: slice, to: Array) -> None:
        """Write some rows into an array of shape (rows, C, W, images)."""
        kept = self.kept[..., images] if self.kept.size else self.kept
        spread_rows(self.x[..., images], kept, self.reduction, rows, to)

    def laid(self, rows: slice, images: slice, width: int, room: Room, name: str) -> Array:
        """Return some rows as they are needed, shape (rows, C, width, images), in the room's array of this name."""
        found = self.rows(rows, images, room.dtype)
        if found is None:
            found = room(name, length(rows), self.x.shape[1], width, length(images))
            self.write(rows, images, found)
        return found


class Columns:
    """How rows of images become columns, and products of matrices become outputs.

    Parameters
    ----------
    windows, groups
        Of the convolution.
    dtype
        In which to compute.

    Attributes
    ----------
    products
        How many products of matrices there are for each row of outputs.
    taps, copied
        Columns that each channel of a row has, and numbers that are copied for each of its outputs.
    blocks, span
        Into how many pieces a row of outputs is cut, and how many outputs each has.
    width
        Of the padded rows.
    """

    def __init__(self, windows: Windows, groups: int, dtype: np.dtype[Any]) -> None:
        self.windows, self.groups, self.dtype = windows, groups, dtype
        self.products, self.taps, self.blocks, self.span = 1, windows.size[1], windows.places[1], 1
        self.copied = self.taps
        self.width = (windows.places[1] - 1) * windows.stride[1] + windows.covered[1]

    def filters(self, w: Array) -> Array:
        """Lay out filters (groups, O / groups, C / groups, KH, KW) as matrices.

        Returns shape (products, groups, 1, O / groups, KH · taps · C / groups).
        """
        laid = np.ascontiguousarray(w.transpose(0, 1, 3, 4, 2), self.dtype)
        return laid.reshape(1, *w.shape[:1], 1, w.shape[1], -1)

    def filters_back(self, sums: Array, shape: tuple[int, ...]) -> Array:
        """Take matrices (products, groups, KH · taps · C / groups, O / groups) back to filters: the adjoint."""
        groups, outputs, channels, height, width = shape
        return sums.reshape(groups, height, width, channels, outputs).transpose(0, 4, 3, 1, 2)

    def tiles(
        self, n: int, channels: int, outputs: int, multiple: int = 1, whole_images: bool = False
    ) -> tuple[Tile, ...]:
        """Cut n images with so many channels, and outputs with so many, into tiles; see :func:`tiles`."""
        numbers = self.products * self.blocks * (self.copied * channels + outputs) + self.blocks * self.span * outputs
        work = self.products * self.blocks * self.windows.size[0] * self.taps * channels * outputs // self.groups
        return tiles(n, self.windows.places[0], numbers * self.dtype.itemsize, work, multiple, whole_images)

    def seen(self, tile: Tile) -> tuple[slice, int, int]:
        """Tell which rows of the images a tile's windows see, how many of padding above them, and how many in all."""
        top, height = self.windows.padding[0][0], self.windows.image[0]
        first = tile.rows.start * self.windows.stride[0] - top  # row of the image at the tile's upper edge
        reach = (length(tile.rows) - 1) * self.windows.stride[0] + self.windows.covered[0]
        above = max(-first, 0)
        return slice(first + above, first + max(min(height - first, reach), above)), above, reach

    def columns(self, source: Images, tile: Tile, room: Room) -> Array:
        """Lay out what a tile's windows see as columns.

        Returns shape (products, groups, rows, taps, C / groups, blocks, images).
        """
        padded = self.padded(source, tile, room)
        rows, channels, _, n = padded.shape
        step, gap = self.windows.stride[1], self.windows.dilation[1]
        if self.taps == step == self.groups == 1 and padded.flags.c_contiguous:
            return padded.reshape(1, 1, rows, 1, channels, self.blocks, n)
        laid = room("columns", 1, self.groups, rows, self.taps, channels // self.groups, self.blocks, n)
        by_group = padded.reshape(rows, self.groups, -1, self.width, n).swapaxes(0, 1)
        for j in range(self.taps):
            laid[0, :, :, j] = by_group[..., j * gap : j * gap + (self.blocks - 1) * step + 1 : step, :]
        return laid

    def padded(self, source: Images, tile: Tile, room: Room) -> Array:
        """Return the rows that the windows of a tile see, with their padding: shape (rows, C, width, images)."""
        seen, above, reach = self.seen(tile)
        left, width = self.windows.padding[1][0], self.windows.image[1]
        below = above + length(seen)
        if length(seen) == reach and left == 0 and width == self.width:
            as_they_are = source.rows(seen, tile.images, self.dtype)
            if as_they_are is not None:
                return as_they_are
        padded = room("padded", reach, source.x.shape[1], self.width, length(tile.images))
        right = min(left + width, self.width)
        if padded.size < SMALL:
            padded.fill(0)
        else:
            for edge in (padded[:above], padded[below:], padded[:, :, :left], padded[:, :, right:]):
                edge.fill(0)
        source.write(seen, tile.images, padded[above:below, :, left:right])
        return padded

    def matrices(self, laid: Array, rows: int) -> Array:
        """View columns as a matrix for each row of outputs.

        Returns shape (products, groups, rows, KH · taps · C / groups, blocks · images).
        """
        (height, _), (step, _), (gap, _) = self.windows.size, self.windows.stride, self.windows.dilation
        products, groups, _, taps, channels, blocks, n = laid.shape
        shape = products, groups, rows, height * taps * channels, blocks * n
        if gap > 1 and height > 1:  # what a window sees across rows does not follow each other
            return laid[:, :, step * np.arange(rows)[:, None] + gap * np.arange(height)].reshape(shape)
        product, group, row, _, channel, _, number = laid.strides
        return np.ndarray(shape, laid.dtype, laid, 0, (product, group, step * row, channel, number))

    def multiply(self, filters: Array, matrices: Array, to: Array, room: Room) -> None:
        """Write the products of filters and columns into `to`, shape (rows, O, OW, images)."""
        rows, _, _, n = to.shape
        by_group = to.reshape(rows, self.groups, -1, self.blocks, n).swapaxes(0, 1)
        if to[:1, :1].flags.c_contiguous:
            matmul_in_stretches(filters, matrices, by_group.reshape(1, *by_group.shape[:3], -1))
        else:
            product = room("product", 1, *by_group.shape[:3], self.blocks * n)
            matmul_in_stretches(filters, matrices, product)
            by_group[...] = product.reshape(by_group.shape)

    def lay_outputs(self, y: Array, room: Room) -> Array:
        """Lay out outputs' gradients, shape (rows, O, OW, images), as the products had been.

        Returns shape (products, groups, rows, O / groups, blocks · images).
        """
        return y.reshape(1, len(y), self.groups, -1, self.blocks * y.shape[3]).swapaxes(1, 2)

    def outputs(self, source: Images, tile: Tile, room: Room) -> Array:
        """Return the outputs' gradients of a tile, shape (rows, O, OW, images)."""
        return source.laid(tile.rows, tile.images, self.windows.places[1], room, "outputs")


class Im2col(Columns):
    """Columns as the book's: windows copied in whole, those of several rows side by side in one matrix.

    For few images, whose rows are too thin to be multiplied with one by one. Filters need no other order then.
    """

    def __init__(self, windows: Windows, groups: int, dtype: np.dtype[Any]) -> None:
        super().__init__(windows, groups, dtype)
        self.copied = math.prod(windows.size)

    def filters(self, w: Array) -> Array:
        """See filters as matrices: (1, groups, 1, O / groups, C / groups · KH · KW)."""
        return np.ascontiguousarray(w, self.dtype).reshape(1, len(w), 1, w.shape[1], -1)

    def filters_back(self, sums: Array, shape: tuple[int, ...]) -> Array:
        """Take matrices (1, groups, C / groups · KH · KW, O / groups) back to filters."""
        filters: Array = sums[0].swapaxes(1, 2)
        return filters.reshape(shape)

    def columns(self, source: Images, tile: Tile, room: Room) -> Array:
        """Leave padded rows as they are, shape (rows, C, width, images)."""
        return self.padded(source, tile, room)

    def matrices(self, laid: Array, rows: int) -> Array:
        """Copy the windows of so many rows of outputs: (1, groups, 1, C / groups · KH · KW, rows · OW · images)."""
        channels, n = laid.shape[1] // self.groups, laid.shape[3]
        (kh, kw), (sy, sx), (dy, dx), places = *self.windows[:2], self.windows.dilation, self.windows.places[1]
        row, channel, pixel, image = laid.strides
        shape = self.groups, channels, kh, kw, rows, places, n
        steps = channels * channel, channel, dy * row, dx * pixel, sy * row, sx * pixel, image
        windows = np.ndarray(shape, laid.dtype, laid, 0, steps)  # as_strided takes 20 µs
        return windows.reshape(1, self.groups, 1, channels * kh * kw, rows * places * n)

    def multiply(self, filters: Array, matrices: Array, to: Array, room: Room) -> None:
        """Write the product of filters and columns into `to`, shape (rows, O, OW, images)."""
        rows, _, places, n = to.shape
        product = np.matmul(filters, matrices).reshape(self.groups, -1, rows, places, n)
        to.reshape(rows, self.groups, -1, places, n)[...] = product.transpose(2, 0, 1, 3, 4)

    def lay_outputs(self, y: Array, room: Room) -> Array:
        """Copy outputs' gradients, shape (rows, O, OW, images): (1, groups, 1, O / groups, rows · OW · images)."""
        rows, outputs, places, n = y.shape
        by_group = y.reshape(rows, self.groups, outputs // self.groups, places, n).transpose(1, 2, 0, 3, 4)
        return by_group.reshape(1, self.groups, 1, outputs // self.groups, rows * places * n)
