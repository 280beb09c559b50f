"""Convolution with 3×3 filters and stride 1 by F(4×4, 3×3), patch by patch: see ``kernels.winograd`` for the method.

A patch's 36 transformed numbers go to 36 *planes*, each a matrix of patches and channels, which are multiplied with the
36 planes of the filters. So many patches are treated at a time that all their planes stay in the second-level cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .adding import add_pixels
from .atomic import bind
from .filling import fill
from .jit import kernel
from .pooling import reduce_image
from .team import hand_out
from .tile import matrix_rows, multiply_tile, multiply_transposed_tile
from .transforms import (
    PATCH,
    PLANES,
    filter_into_planes,
    filter_out_of_planes,
    gradient_into_planes,
    image_into_planes,
    out_of_planes,
)
from .vectors import BYTES

# ------------------------------------------------------------------------------------------------ filters


@kernel
def _transform_filters(
    part: int, worker: int, cuts: ndarray, w: ndarray, turned: bool, channels: int, lanes: int, filters: ndarray
) -> None:
    """Transform some filters into planes, shape (36, blocks, channels, lanes), flat.

    Parameters
    ----------
    part, worker, cuts
        See ``team.hand_out``; cut are blocks · channels.
    w, turned
        Shape (blocks · lanes, channels, 3, 3); or (channels, blocks · lanes, 3, 3), and then the filters are turned by
        180°.
    """
    numbers, outputs = w.reshape(-1), w.size // (9 * channels)
    vector = BYTES // w.itemsize
    square = np.empty(9 * vector, w.dtype)
    for p in range(cuts[part], cuts[part + 1]):
        block, c = p // channels, p % channels
        for first in range(0, lanes, vector):
            for lane in range(vector):
                o = block * lanes + first + lane
                begin, step = (9 * (c * outputs + o) + 8, -1) if turned else (9 * (o * channels + c), 1)
                for k in range(9):
                    square[k * vector + lane] = numbers[begin + step * k]
            filter_into_planes(square, 0, 3 * vector, vector, filters, p * lanes + first, outputs * channels)


_bound_transform_filters = bind(_transform_filters)


@kernel
def _transform_back(part: int, worker: int, cuts: ndarray, sums: ndarray, filters: ndarray) -> None:
    """Add up what all parts found for some channels, and transform it back into filters (outputs, channels, 3, 3).

    The sums are those of :func:`_add_patch_gradients`; cut are the channels.
    """
    parts, _, depth, outputs = sums.shape
    numbers, results, channels = sums.reshape(-1), filters.reshape(-1), filters.shape[1]
    vector = BYTES // sums.itemsize
    square = np.empty(9 * vector, sums.dtype)
    for c in range(cuts[part], cuts[part + 1]):
        for o in range(0, outputs, vector):
            filter_out_of_planes(
                numbers, parts, PLANES * depth * outputs, c * outputs + o, depth * outputs, square, 0, vector
            )
            for lane in range(vector):
                for k in range(9):
                    results[9 * ((o + lane) * channels + c) + k] = square[k * vector + lane]


_bound_transform_back = bind(_transform_back)

# ------------------------------------------------------------------------------------------------ images


@kernel
def plane(chunk: int, channels: int, vector: int) -> int:
    """Count the numbers from one plane to the next: a few more than it holds, or all would fall into one cache set."""
    return chunk * channels + 2 * vector


@kernel
def _see(padded: ndarray, patches: ndarray, width: int, channels: int, seen: ndarray, plane_in: int) -> None:
    """Transform the patches of padded images, which begin there, into planes."""
    vector = BYTES // padded.itemsize
    for q in range(patches.size):
        for c in range(0, channels, vector):
            image_into_planes(
                padded, patches[q] + c, width * channels, channels, seen, q * channels + c, plane_in
            )  # fmt: skip


@kernel
def _correlate_patches(
    part: int, worker: int, cuts: ndarray, filters: ndarray,
    x: ndarray, taken: ndarray, spread: int, top: int, left: int, height: int, width: int,
    patches: ndarray, tall: ndarray, broad: ndarray, together: int, chunk: int, bias: ndarray, least: Any,
    out: ndarray, image_out: int, places: ndarray, outputs: int, vectors: int,
    cut: Any, pool: int, across: int, winner: ndarray,
    padded: ndarray, seen: ndarray, products: ndarray, before: ndarray,
) -> None:  # fmt: skip
    """Convolve one part of the images.

    Parameters
    ----------
    part, worker, cuts
        See ``team.hand_out``.
    patches, places, tall, broad
        Where each patch of `together` images begins in padded images that follow each other, and its results in the
        images of the outputs; how many of its rows and columns belong to those.
    together, chunk
        Images, and patches, that are treated at a time.
    filters
        Transformed: shape (36, blocks, C, lanes), flat.
    x, taken, spread, top, left, height, width, bias, least, out, image_out, outputs, vectors, cut, pool, across, winner
        As in ``convolution._correlate``; without groups.
    padded, seen, products, before
        Each worker's room for padded images, `together` of them; for the planes of a chunk of images and of outputs
        (see :func:`plane`); for images before pooling, with as much more as a vector.
    """
    padded, seen, products, before = padded[worker], seen[worker], products[worker], before[worker]
    channels, size, each = x.shape[3], height * width * x.shape[3], patches.size // together
    rows, lanes = matrix_rows(vectors), vectors * (BYTES // x.itemsize)
    vector, blocks = BYTES // x.itemsize, outputs // lanes
    plane_in, plane_out = plane(chunk, channels, vector), plane(chunk, outputs, vector)
    padded[:] = 0
    results = before if winner.size else out.reshape(-1)
    for start in range(cuts[part], cuts[part + 1], together):
        count = min(together, cuts[part + 1] - start)
        for n in range(count):
            fill(x, taken, start + n, spread, 1, channels, padded, n * size, top, left, width, height * width)
        begin = 0 if winner.size else start * image_out
        for p in range(0, count * each, chunk):
            some = min(chunk, count * each - p)
            _see(padded, patches[p : p + some], width, channels, seen, plane_in)
            for k in range(PLANES):
                for q in range(0, some, rows):
                    for block in range(blocks):
                        multiply_tile(
                            vectors, products, k * plane_out + q * outputs + block * lanes, outputs,
                            seen, k * plane_in + q * channels, channels, channels,
                            filters, (k * blocks + block) * channels * lanes, lanes,
                        )  # fmt: skip
            for q in range(some):
                for o in range(0, outputs, vector):
                    out_of_planes(
                        products, q * outputs + o, plane_out, bias, o, least,
                        results, begin + places[p + q] + o, across * outputs, outputs, tall[p + q], broad[p + q],
                    )  # fmt: skip
        if winner.size:
            for n in range(count):
                reduce_image(before[n * image_out :], across, cut, pool, start + n, out, winner)


_bound_correlate_patches = bind(_correlate_patches)


@kernel
def correlate_patches(
    team: ndarray, cuts: ndarray, shares: ndarray, w: ndarray, turned: bool, channels: int, lanes: int,
    filters: ndarray, *arguments: Any,
) -> None:  # fmt: skip
    """Convolve all images, with a team.

    Parameters
    ----------
    team, cuts
        See ``team.hand_out``.
    shares, w, turned, channels, lanes, filters
        As in :func:`_transform_filters`, with `shares` as its cuts.
    arguments
        As in :func:`_correlate_patches`, behind `filters`.
    """
    hand_out(team, _bound_transform_filters(shares, (w, turned, channels, lanes, filters)), shares)
    hand_out(team, _bound_correlate_patches(cuts, (filters, *arguments)), cuts)


@kernel
def _add_patch_gradients(
    part: int, worker: int, cuts: ndarray, sums: ndarray, x: ndarray, y: ndarray, taken: ndarray, spread: int,
    top: int, left: int, height: int, width: int, across: int,
    patches: ndarray, places: ndarray, together: int, chunk: int, biases: ndarray, vectors: int,
    padded: ndarray, spaced: ndarray, seen: ndarray, gradients: ndarray,
) -> None:  # fmt: skip
    """Add what one part of the images brings to the gradients of the transformed filters and of the bias.

    Parameters
    ----------
    part, worker, cuts
        See ``team.hand_out``.
    across
        Width of a padded image of the outputs' gradient: full patches.
    patches, places, together, chunk
        As in :func:`_correlate_patches`, but that the places are in such padded images.
    sums, biases
        Each part's; shapes (parts, 36, channels and as many more as fill a tile, outputs), (parts, outputs).
    x, y, taken, spread, top, left, height, width, across, vectors
        As in ``convolution._add_weight_gradients``; without groups.
    padded, spaced, seen, gradients
        Each worker's room for padded images and the outputs' gradients, `together` of each, and for the planes of a
        chunk of both.
    """
    padded, spaced, seen, gradients = padded[worker], spaced[worker], seen[worker], gradients[worker]
    sums, biases = sums[part], biases[part]
    biases[:] = 0
    channels, outputs = x.shape[3], y.shape[3]
    size, each = height * width * channels, patches.size // together
    image_out = PATCH * PATCH * each * outputs
    rows, lanes = matrix_rows(vectors), vectors * (BYTES // x.itemsize)
    vector, depth = BYTES // x.itemsize, sums.shape[1]
    plane_in, plane_out = plane(chunk, channels, vector), plane(chunk, outputs, vector)
    padded[:] = 0
    if PATCH * PATCH * each > y.shape[1] * y.shape[2] * spread * spread:  # else every pixel is written
        spaced[:] = 0
    if depth > channels:  # what fills the last tile up is multiplied, too
        seen[:] = 0
    flat = sums.reshape(-1)
    if cuts[part] == cuts[part + 1]:
        sums[:] = 0
    for start in range(cuts[part], cuts[part + 1], together):
        count = min(together, cuts[part + 1] - start)
        for n in range(count):
            fill(x, x[:0], start + n, 1, 1, channels, padded, n * size, top, left, width, height * width)
            fill(y, taken, start + n, spread, 1, outputs, spaced, n * image_out, 0, 0, across, PATCH * PATCH * each)
        for p in range(0, count * each, chunk):
            some = min(chunk, count * each - p)
            _see(padded, patches[p : p + some], width, channels, seen, plane_in)
            for q in range(some):
                for o in range(0, outputs, vector):
                    at = places[p + q] + o
                    add_pixels(spaced, at, across * outputs, PATCH, outputs, PATCH, biases, o)
                    gradient_into_planes(
                        spaced, at, across * outputs, outputs, gradients, q * outputs + o, plane_out
                    )  # fmt: skip
            for k in range(PLANES):
                for block in range(0, outputs, lanes):
                    for c in range(0, channels, rows):
                        multiply_transposed_tile(
                            vectors, flat, (k * depth + c) * outputs + block, outputs, start > cuts[part] or p > 0,
                            seen, k * plane_in + c, channels, some, gradients, k * plane_out + block, outputs,
                        )  # fmt: skip


_bound_add_patch_gradients = bind(_add_patch_gradients)


@kernel
def add_patch_gradients(
    team: ndarray, cuts: ndarray, shares: ndarray, filters: ndarray, sums: ndarray, *arguments: Any
) -> None:
    """Find the gradients of filters and bias, with a team.

    Parameters
    ----------
    team, cuts
        See ``team.hand_out``.
    shares, filters
        Parts of the channels; where the gradient goes, shape (outputs, channels, 3, 3).
    sums, arguments
        As in :func:`_add_patch_gradients`.
    """
    hand_out(team, _bound_add_patch_gradients(cuts, (sums, *arguments)), cuts)
    hand_out(team, _bound_transform_back(shares, (sums, filters)), shares)
