"""Convolution with stride 1 by Winograd's minimal filtering along the rows: fewer multiplications, more additions.

A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", 2016, section 4: with suitable matrices A, B, G,
m + k − 1 pixels d in a line and k numbers g of a filter make m outputs Aᵀ [(G g) ⊙ (Bᵀ d)]. This is F(m, k): m + k − 1
multiplications where the definition has m · k. Summed over the channels, the product ⊙ becomes one product of matrices
for each of the m + k − 1 elements.

The matrices evaluate polynomials at some points (Toom and Cook), here 0, ±p, ±q and ∞. Lavin and Gray take p = 1 and
q = 2; p = 5/8 and q = 3/2 lose fewer digits, because points that lie closer together make smaller powers (B. Barabasz
et al., "Error analysis and improving the accuracy of Winograd convolution for deep neural networks", 2020). With six
points a filter of three numbers makes four outputs by six multiplications, not twelve; one of five makes two, not by
ten.

NumPy's kernels do this along the rows of the images and lay out what comes out as :mod:`columns` does; the transforms
are products with A and B. The compiled kernels do it in both directions, Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from .columns import Columns, Images, Tile, length, matmul_in_stretches
from .geometry import Windows
from .room import Room

Array = np.ndarray[Any, Any]

P, Q = 5 / 8, 3 / 2
"""The points ±p and ±q."""
POINTS = 6
"""How many they are, with 0 and ∞."""
ROWS = 4
"""Of outputs, which the compiled kernels compute together."""
WIDTHS = range(3, 6)
"""Of filters for which the transforms pay (measured)."""
CHANNELS, IMAGES = 6, 24
"""From so many on the transforms pay (measured)."""
FEWER = 1.5
"""How many times fewer multiplications pay (measured)."""


def evaluate(coefficients: int) -> Array:
    """Make the matrix that evaluates a polynomial with so many coefficients at all points: (6, coefficients)."""
    finite = np.vander([0, P, -P, Q, -Q], coefficients, increasing=True)
    return np.vstack([finite, np.eye(coefficients)[-1]])


@lru_cache(maxsize=64)
def transforms(taps: int, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Make Aᵀ (m, 6), Bᵀ (6, 6) and G (6, k) of F(m, k) for filters of so many numbers."""
    a, g = evaluate(POINTS - taps + 1).T, evaluate(taps)
    b = np.linalg.inv(evaluate(POINTS)).T
    return a.astype(dtype), b.astype(dtype), g.astype(dtype)


def pays(windows: Windows, n: int, channels: int, outputs: int) -> bool:
    """Tell whether n images are convolved faster than by columns: the transforms must be few beside the products."""
    taps, width = windows.size[1], windows.places[1]
    span = POINTS - taps + 1
    if windows.stride[1] > 1 or windows.dilation[1] > 1 or taps not in WIDTHS:
        return False
    fewer = taps * width / (POINTS * -(-width // span))
    return min(channels, outputs) >= CHANNELS and n >= IMAGES and fewer >= FEWER


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


class Piece(NamedTuple):
    """Blocks next to each other that have the same numbers of a line: the others are beyond its ends."""

    blocks: slice
    first: int
    """Where the first block's numbers begin in the line, if there are any."""
    inside: slice
    """Which of a block's numbers they are."""


def cut_line(line: int, start: int, blocks: int, step: int, size: int) -> list[Piece]:
    """Cut blocks of `size` numbers of a line, the first at `start`, each `step` behind the last, into pieces."""

    def inside(block: int) -> tuple[int, int]:
        begin = start + block * step
        low, high = max(-begin, 0), min(line - begin, size)
        return (low, high) if low < high else (0, 0)

    cut = []
    for (low, high), alike in groupby(range(blocks), inside):
        some = list(alike)
        first = max(start + some[0] * step, 0) if high else 0
        cut.append(Piece(slice(some[0], some[-1] + 1), first, slice(low, high)))
    return cut


class Winograd(Columns):
    """Columns of transformed rows: six products, whose sums are transformed back.

    A transform's matrix is cut where a block ends beyond its line, so rows are never padded.
    """

    def __init__(self, windows: Windows, groups: int, dtype: np.dtype[Any]) -> None:
        super().__init__(windows, groups, dtype)
        self.a, self.b, self.g = transforms(windows.size[1], dtype)
        self.products, self.taps, self.copied, self.span = POINTS, 1, 1, len(self.a)
        self.blocks = -(-windows.places[1] // self.span)
        self.pixels = cut_line(windows.image[1], -windows.padding[1][0], self.blocks, self.span, POINTS)
        self.results = cut_line(windows.places[1], 0, self.blocks, self.span, self.span)

    def filters(self, w: Array) -> Array:
        """Transform the filters by G."""
        groups, outputs, channels, height, width = w.shape
        laid = np.ascontiguousarray(w.transpose(4, 0, 1, 3, 2), self.dtype)
        transformed: Array = self.g @ laid.reshape(width, -1)
        return transformed.reshape(POINTS, groups, 1, outputs, height * channels)

    def filters_back(self, sums: Array, shape: tuple[int, ...]) -> Array:
        """Transform the filters' gradient by Gᵀ."""
        groups, outputs, channels, height, width = shape
        laid = self.g.T @ sums.reshape(POINTS, -1)
        return laid.reshape(width, groups, height, channels, outputs).transpose(1, 4, 3, 2, 0)

    def columns(self, source: Images, tile: Tile, room: Room) -> Array:
        """Transform pieces of the rows, which overlap, by Bᵀ."""
        (seen, above, reach), n = self.seen(tile), length(tile.images)
        rows = source.laid(seen, tile.images, self.windows.image[1], room, "rows")
        inside = rows.shape[1] // self.groups
        laid = room("columns", POINTS, self.groups, reach, 1, inside, self.blocks, n)
        filled = slice(above, above + len(rows)) if rows.size else slice(0, 0)
        laid[:, :, : filled.start].fill(0)
        laid[:, :, filled.stop :].fill(0)
        to = laid[:, :, filled, 0].transpose(2, 1, 3, 4, 0, 5)
        row, channel, pixel, image = rows.strides
        steps = row, inside * channel, channel, self.span * pixel, pixel, image
        for blocks, first, some in self.pixels if rows.size else ():
            shape = len(rows), self.groups, inside, length(blocks), length(some), n
            overlapping = np.ndarray(shape, rows.dtype, rows, first * pixel, steps)
            np.matmul(self.b[:, some], overlapping, out=to[:, :, :, blocks])
        return laid

    def multiply(self, filters: Array, matrices: Array, to: Array, room: Room) -> None:
        """Multiply filters and columns, and transform by Aᵀ into `to`."""
        rows, outputs, _, n = to.shape
        products = room("product", POINTS, self.groups, rows, outputs // self.groups, self.blocks, n)
        matmul_in_stretches(filters, matrices, products.reshape(*products.shape[:4], -1))
        for piece in self.results:
            some = products[:, :, :, :, piece.blocks].transpose(2, 1, 3, 4, 0, 5)
            np.matmul(self.a[piece.inside], some, out=self._blocks(to, piece))

    def lay_outputs(self, y: Array, room: Room) -> Array:
        """Transform the outputs' gradients by A."""
        rows, outputs, _, n = y.shape
        laid = room("product", POINTS, self.groups, rows, outputs // self.groups, self.blocks, n)
        for piece in self.results:
            some = laid[:, :, :, :, piece.blocks].transpose(2, 1, 3, 4, 0, 5)
            np.matmul(self.a.T[:, piece.inside], self._blocks(y, piece), out=some)
        return laid.reshape(*laid.shape[:4], -1)

    def _blocks(self, y: Array, piece: Piece) -> Array:
        """View a piece of the outputs, shape (rows, O, OW, images), block by block.

        Returns shape (rows, groups, O / groups, blocks, span, images).
        """
        rows, outputs, _, n = y.shape
        blocks, span = length(piece.blocks), length(piece.inside)
        some = y[:, :, piece.first : piece.first + blocks * span]
        return some.reshape(rows, self.groups, outputs // self.groups, blocks, span, n)
