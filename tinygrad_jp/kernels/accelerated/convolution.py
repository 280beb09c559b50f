"""Convolution of images whose channels lie side by side in memory (N, H, W, C), straight from the padded image.

Every pixel of the output is a sum over the numbers of its window: a row of a product of matrices, whose other factor,
the filters, is the same for all. Where they stand in the padded image is told by tables, so nothing is copied into
columns. Stride, dilation and padding are in the tables; the gradient of the images is the same computation on the
outputs' gradient.

Bias, relu and max pooling follow image by image, while the result is in the second-level cache (see ``reduction``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..reduction import NONE
from .adding import add_pixels
from .atomic import bind
from .filling import block_at, copy, fill
from .jit import kernel
from .pooling import reduce_image
from .team import hand_out
from .tile import add_products, tile_rows
from .vectors import BYTES


@kernel
def _multiply(
    image: ndarray, origin: int, pixels: ndarray, runs: ndarray, filters: ndarray, bias: ndarray, least: Any,
    out: ndarray, at: int, places: ndarray, outputs: int, inside: int, groups: int, vectors: int, scratch: ndarray,
    roomy: bool,
) -> None:  # fmt: skip
    """Compute one image of outputs, flat, from `at` on; `roomy` if a vector more may be written behind it."""
    rows, lanes = tile_rows(vectors), vectors * (BYTES // image.itemsize)
    blocks = -(-outputs // lanes)
    factors, step = runs.size * lanes, outputs * groups
    for p in range(0, places.size, rows):
        count = min(rows, places.size - p)
        side_by_side = count == rows and places[p + rows - 1] - places[p] == (rows - 1) * step
        for block in range(groups * blocks):
            group, lane = block // blocks, block_at(block % blocks, lanes, outputs)
            filled = min(lanes, outputs)
            over = roomy and groups == 1  # what lies behind is written later
            channel, begin = at + group * outputs + lane, origin + group * inside
            if side_by_side and (filled == lanes or over):
                add_products(
                    vectors, out, channel + places[p], step, bias, block * lanes, 0, least,
                    image, begin, pixels, p, runs, runs.size, filters, block * factors, lanes,
                )  # fmt: skip
                continue
            add_products(
                vectors, scratch, 0, lanes, bias, block * lanes, 0, least,
                image, begin, pixels, p, runs, runs.size, filters, block * factors, lanes,
            )  # fmt: skip
            for r in range(count):
                copy(scratch, r * lanes, out, channel + places[p + r], filled)


@kernel
def _correlate(
    part: int, worker: int, cuts: ndarray,
    x: ndarray, taken: ndarray, spread: int, top: int, left: int, height: int, width: int,
    pixels: ndarray, runs: ndarray, filters: ndarray, bias: ndarray, least: Any,
    out: ndarray, image_out: int, places: ndarray, outputs: int, groups: int, vectors: int,
    cut: Any, pool: int, across: int, winner: ndarray, padded: ndarray, before: ndarray,
) -> None:  # fmt: skip
    """Convolve one part of the images.

    Parameters
    ----------
    part, worker, cuts
        See ``team.hand_out``.
    x
        Images, shape (N, H, W, C), contiguous.
    taken, spread
        What relu and pooling kept of `x` (see ``reduction``), the same shape, and the side of the windows; or size
        0, and 1.
    top, left, height, width
        Where an image lies in the padded one, and the padded one's size.
    pixels
        For each output pixel where its window begins in a padded image; with as many more as fill a tile.
    runs
        For each number of a window its distance from the window's beginning.
    filters
        Shape (groups, blocks, runs, lanes), flat; a block is as many filters as a tile has lanes.
    bias
        Shape (groups, blocks, lanes), flat.
    least
        The smallest result of the convolution: 0 for relu, −∞ for none.
    out, image_out
        Results, shape (N, H, W, C), after relu and pooling; the size of an image before them.
    places
        For each output pixel where its first channel lies in an output image.
    outputs
        Channels of a group's output.
    groups, vectors
        Groups of channels; width of the tiles.
    cut, pool, across, winner
        For pooling: what is not above `cut` becomes it (0 for relu, NaN for none); the side of the windows; the width
        of an image before that; and where the winners go, the shape of `out`, or size 0 for no pooling.
    padded, before
        Each worker's room for a padded image, if there is padding or `taken`, and for an image before pooling with as
        much more as a vector.
    """
    padded, before = padded[worker], before[worker]
    size, channels = height * width * x.shape[3], x.shape[3]
    whole = not taken.size and size == x[0].size
    images, results = x.reshape(-1), out.reshape(-1)
    padded[:] = 0
    scratch = np.empty(tile_rows(vectors) * vectors * (BYTES // x.itemsize), x.dtype)
    for n in range(cuts[part], cuts[part + 1]):
        if not whole:
            fill(x, taken, n, spread, 1, channels, padded, 0, top, left, width, height * width)
        _multiply(
            images if whole else padded, n * size if whole else 0, pixels, runs, filters, bias, least,
            before if winner.size else results, 0 if winner.size else n * image_out, places,
            outputs, channels // groups, groups, vectors, scratch, winner.size > 0,
        )  # fmt: skip
        if winner.size:
            reduce_image(before, across, cut, pool, n, out, winner)


_bound_correlate = bind(_correlate)


@kernel
def correlate(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Convolve all images, with a team: the arguments are those of :func:`_correlate`."""
    hand_out(team, _bound_correlate(cuts, arguments), cuts)


@kernel
def _add_weight_gradients(
    part: int, worker: int, cuts: ndarray, x: ndarray, y: ndarray, taken: ndarray, spread: int,
    top: int, left: int, height: int, width: int, across: int, columns: int,
    entries: ndarray, runs: ndarray, together: int, least: Any, sums: ndarray, biases: ndarray, groups: int,
    vectors: int, padded: ndarray, spaced: ndarray,
) -> None:  # fmt: skip
    """Add what one part of the images brings to the gradients of the filters and of the bias.

    Parameters
    ----------
    part, worker, cuts
        See ``team.hand_out``.
    x, y
        Images and the outputs' gradient, shapes (N, H, W, C) and (N, OH, OW, O), contiguous.
    taken, spread
        As in :func:`_correlate`, of `y`.
    top, left, height, width
        As in :func:`_correlate`.
    across
        Width of an output image, before pooling.
    columns
        Channels of the images that lie side by side in a padded one.
    entries
        For each group and each number of its filters, (taps, C / groups), where it meets the first window of a padded
        image; with as many more as fill a tile: shape (groups, entries).
    runs, together
        For each window of several padded images, one after the other, its distance from the first; how many they are.
    least
        −∞.
    sums, biases
        Each part's; shapes (parts, groups, entries, blocks · lanes), (parts, groups, blocks · lanes).
    groups, vectors
        Groups of channels; width of the tiles.
    padded, spaced
        Each worker's room for the padded images and for their gradients, `together` of each.
    """
    padded, spaced, sums, biases = padded[worker], spaced[worker], sums[part], biases[part].reshape(-1)
    biases[:] = 0
    area, channels = height * width, x.shape[3]
    rows, lanes = tile_rows(vectors), vectors * (BYTES // x.itemsize)
    lines, pixels, places = sums.shape[2], runs.size // together, together * (runs.size // together)
    x_size, y_size = area * -(-channels // columns) * columns, pixels * groups * lines
    x_as_is = columns == channels and area == x.shape[1] * x.shape[2]
    y_as_is = not taken.size and groups == 1 and lanes == y.shape[3]
    images, gradients, flat = x.reshape(-1), y.reshape(-1), sums.reshape(-1)
    padded[:] = 0
    spaced[:] = 0
    nothing = np.zeros(lanes, x.dtype)
    if cuts[part] == cuts[part + 1]:
        sums[:] = 0
    for start in range(cuts[part], cuts[part + 1], together):
        count = min(together, cuts[part + 1] - start)
        for n in range(count):
            if not x_as_is:
                fill(x, x[:0], start + n, 1, 1, columns, padded, n * x_size, top, left, width, area)
            if not y_as_is:
                fill(y, taken, start + n, spread, groups, lanes, spaced, n * pixels * lanes, 0, 0, across, places)
        image, origin = (images, start * x_size) if x_as_is else (padded, 0)
        gradient, begin = (gradients, start * y_size) if y_as_is else (spaced, 0)
        for block in range(groups * lines // lanes):
            group, first = block * lanes // lines, begin + block * places * lanes
            for c in range(0, lanes, BYTES // x.itemsize):
                add_pixels(gradient, first + c, 0, 1, lanes, count * pixels, biases, block * lanes + c)
            for entry in range(0, entries.shape[1], rows):
                at = (group * entries.shape[1] + entry) * lines + block * lanes % lines
                begun = start > cuts[part]
                add_products(
                    vectors, flat, at, lines,
                    flat if begun else nothing, at if begun else 0, lines if begun else 0, least,
                    image, origin, entries[group], entry, runs, count * pixels,
                    gradient, first, lanes,
                )  # fmt: skip


_bound_add_weight_gradients = bind(_add_weight_gradients)


@kernel
def add_weight_gradients(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Add up the gradients of filters and bias, with a team: the arguments are those of `_add_weight_gradients`."""
    hand_out(team, _bound_add_weight_gradients(cuts, arguments), cuts)


@kernel
def _add_bias_gradients(
    part: int, worker: int, cuts: ndarray, y: ndarray, taken: ndarray, pool: int, totals: ndarray
) -> None:
    """Add up, for each channel, the gradient of what relu let through, one part of the rows.

    Shapes (rows, R) of `y` and `taken`, or size 0 of the latter for all; (parts, R) of `totals`. A row is one pixel or
    several.
    """
    none, sums = y.dtype.type(NONE), totals[part]
    for p in range(cuts[part], cuts[part + 1]):
        numbers = y[p]
        if not taken.size:
            for c in range(sums.size):
                sums[c] += numbers[c]
            continue
        kept = taken[p]
        if pool == 1:
            for c in range(sums.size):
                sums[c] += numbers[c] if kept[c] > 0 else 0
        else:
            for c in range(sums.size):
                sums[c] += numbers[c] if kept[c] != none else 0


_bound_add_bias_gradients = bind(_add_bias_gradients)


@kernel
def add_bias_gradients(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Add up the gradient of the bias, with a team: the arguments are those of :func:`_add_bias_gradients`."""
    hand_out(team, _bound_add_bias_gradients(cuts, arguments), cuts)
