"""Convolution with 3×3 filters and stride 1 by F(4×4, 3×3), patch by patch: see ``kernels.winograd`` for the method.

A patch's 36 transformed numbers go to 36 *planes*, each a matrix of patches and channels, which are multiplied with the
36 planes of the filters. So many patches are treated at a time that all their planes stay in the second-level cache.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from numba import types
from numpy import ndarray

from ..winograd import P, Q
from .adding import add_pixels
from .atomic import bind
from .filling import fill
from .jit import intrinsic, kernel
from .pooling import reduce_image
from .team import hand_out
from .tile import matrix_rows, multiply_tile, multiply_transposed_tile
from .vectors import BYTES, Writer

PATCH, SEEN = 4, 6
"""Side of a patch of outputs, and of what it sees of the image."""
PLANES = SEEN * SEEN


def _pair(w: Writer, even: Any, odd: Any) -> list[Any]:
    """Return the values of a polynomial at a point and at its negative, from those of its even and odd powers."""
    return [w.builder.fadd(even, odd), w.builder.fsub(even, odd)]


def _bt(w: Writer, d: list[Any]) -> list[Any]:
    """Bᵀ on six vectors."""

    def at(x: float, y: float) -> list[Any]:
        even, odd = w.fma(w.constant(-y * y), d[2], d[4]), w.fma(w.constant(-y * y), d[1], d[3])
        return _pair(w, even, w.builder.fmul(w.constant(x), odd))

    def end(a: Any, b: Any, c: Any) -> Any:
        return w.fma(w.constant((P * Q) ** 2), a, w.fma(w.constant(-(P * P + Q * Q)), b, c))

    return [end(d[0], d[2], d[4]), *at(P, Q), *at(Q, P), end(d[1], d[3], d[5])]


def _at(w: Writer, m: list[Any]) -> list[Any]:
    """Aᵀ on six vectors: Σ xᵏ m(x) for the powers k = 0 … 3."""
    (even_p, odd_p), (even_q, odd_q) = (
        (w.builder.fadd(a, b), w.builder.fsub(a, b)) for a, b in ((m[1], m[2]), (m[3], m[4]))
    )

    def power(k: int, of_p: Any, of_q: Any) -> Any:
        return w.fma(w.constant(P**k), of_p, w.builder.fmul(w.constant(Q**k), of_q))

    return [
        w.builder.fadd(w.builder.fadd(even_p, even_q), m[0]),
        power(1, odd_p, odd_q),
        power(2, even_p, even_q),
        w.builder.fadd(power(3, odd_p, odd_q), m[5]),
    ]


def _a(w: Writer, y: list[Any]) -> list[Any]:
    """A on four vectors: the polynomial with these coefficients at all points."""

    def at(x: float) -> list[Any]:
        odd = w.fma(w.constant(x**3), y[3], w.builder.fmul(w.constant(x), y[1]))
        return _pair(w, w.fma(w.constant(x * x), y[2], y[0]), odd)

    return [y[0], *at(P), *at(Q), y[3]]


def _both_ways(w: Writer, transform: Any, square: list[list[Any]]) -> list[list[Any]]:
    """Transform the columns of a square of vectors, then its rows."""
    tall = zip(*(transform(w, list(column)) for column in zip(*square, strict=True)), strict=True)
    return [transform(w, list(row)) for row in tall]


def _patch(side: int, transform: Any) -> Any:
    """Make the transform of a patch with this side into planes."""

    @intrinsic
    def into_planes(typing: Any, image: Any, at: Any, down: Any, right: Any, planes: Any, to: Any, plane: Any) -> Any:
        """Transform one vector of channels of the patch at ``image[at]``; steps to its next row, pixel and plane."""
        n = types.intp
        signature = types.void(image, n, n, n, planes, n, n)

        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            w = Writer(context, builder, image.dtype)
            pixels, at, down, right, planes, to, plane = w.unpack(signature, args)
            square = [[w.load(w.at(pixels, at, (down, i), (right, j))) for j in range(side)] for i in range(side)]
            for k, vector in enumerate(chain.from_iterable(_both_ways(w, transform, square))):
                w.store(vector, w.at(planes, to, (plane, k)))
            return context.get_dummy_value()

        return signature, write

    return into_planes


_image_into_planes = _patch(SEEN, _bt)
_gradient_into_planes = _patch(PATCH, _a)


@intrinsic
def _out_of_planes(
    typing: Any, planes: Any, at: Any, plane: Any, bias: Any, bias_at: Any, least: Any, image: Any, to: Any, down: Any,
    right: Any, tall: Any, broad: Any,
) -> Any:  # fmt: skip
    """Transform one vector of channels back into pixels; add the bias; nothing is below `least`.

    Of the patch, `tall` rows and `broad` columns belong to the image.
    """
    n = types.intp
    signature = types.void(planes, n, n, bias, n, planes.dtype, image, n, n, n, n, n)

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = Writer(context, builder, planes.dtype)
        products, at, plane, bias, bias_at, least, image, to, down, right, tall, broad = w.unpack(signature, args)
        square = [[w.load(w.at(products, at, (plane, SEEN * i + j))) for j in range(SEEN)] for i in range(SEEN)]
        added, lowest = w.load(w.at(bias, bias_at)), w.splat(least)
        for i, row in enumerate(_both_ways(w, _at, square)):
            with builder.if_then(builder.icmp_signed("<", w.index(i), tall), likely=True):
                for j, vector in enumerate(row):
                    value = builder.fadd(vector, added)
                    value = builder.select(builder.fcmp_ordered("<", value, lowest), lowest, value)  # keeps a NaN
                    with builder.if_then(builder.icmp_signed("<", w.index(j), broad), likely=True):
                        w.store(value, w.at(image, to, (down, i), (right, j)))
        return context.get_dummy_value()

    return signature, write


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
            _image_into_planes(
                padded, patches[q] + c, width * channels, channels, seen, q * channels + c, plane_in
            )  # fmt: skip


@kernel
def _correlate_patches(
    part: int, worker: int, cuts: ndarray,
    x: ndarray, taken: ndarray, spread: int, top: int, left: int, height: int, width: int,
    patches: ndarray, tall: ndarray, broad: ndarray, together: int, chunk: int,
    filters: ndarray, bias: ndarray, least: Any,
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
                    _out_of_planes(
                        products, q * outputs + o, plane_out, bias, o, least,
                        results, begin + places[p + q] + o, across * outputs, outputs, tall[p + q], broad[p + q],
                    )  # fmt: skip
        if winner.size:
            for n in range(count):
                reduce_image(before[n * image_out :], across, cut, pool, start + n, out, winner)


_bound_correlate_patches = bind(_correlate_patches)


@kernel
def correlate_patches(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Convolve all images, with a team: the arguments are those of :func:`_correlate_patches`."""
    hand_out(team, _bound_correlate_patches(cuts, arguments), cuts)


@kernel
def _add_patch_gradients(
    part: int, worker: int, cuts: ndarray, x: ndarray, y: ndarray, taken: ndarray, spread: int,
    top: int, left: int, height: int, width: int, across: int,
    patches: ndarray, places: ndarray, together: int, chunk: int, sums: ndarray, biases: ndarray, vectors: int,
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
                    _gradient_into_planes(
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
def add_patch_gradients(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Add up the gradients of filters and bias, with a team: the arguments are those of `_add_patch_gradients`."""
    hand_out(team, _bound_add_patch_gradients(cuts, arguments), cuts)
