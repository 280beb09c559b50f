"""Relu and max pooling of images whose channels lie side by side in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numpy import ndarray

from ..reduction import NONE
from .jit import intrinsic, kernel
from .vectors import BYTES, Writer


def _make(known_side: int | None) -> Callable[..., None]:
    """Write the search in windows of this side; None for any, which takes a loop that is three times as slow."""

    @intrinsic
    def largest(
        typing: Any, image: Any, at: Any, down: Any, right: Any, side: Any, least: Any, out: Any, to: Any, winner: Any,
        code_to: Any,
    ) -> Any:  # fmt: skip
        """Find the largest numbers of a window for one vector of channels, and which pixels they are.

        The window begins at ``image[at]``; `down` and `right` are the steps to its next row and pixel, `side` its side.
        What is not above `least` is replaced by it, with the winner ``NONE``; nothing is if `least` is NaN.
        """
        n = types.intp
        signature = types.void(image, n, n, n, n, image.dtype, out, n, winner, n)

        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            writer = Writer(context, builder, image.dtype)
            _write(writer, known_side, *writer.unpack(signature, args))
            return context.get_dummy_value()

        return signature, write

    made: Callable[..., None] = largest
    return made


def _write(
    w: Writer, known_side: int | None, image: Any, at: Any, down: Any, right: Any, side: Any, least: Any, out: Any,
    to: Any, winner: Any, code_to: Any,
) -> None:  # fmt: skip
    """Write the comparison of a window's pixels, and what becomes of the largest."""
    builder = w.builder
    best, code = w.variable(w.load(w.at(image, at))), w.variable(w.constant(0))

    def compare(i: Any, j: Any, number: Any) -> None:
        candidate, so_far = w.load(w.at(image, at, (i, down), (j, right))), builder.load(best)
        higher = builder.fcmp_ordered(">", candidate, so_far)
        better = builder.or_(higher, builder.fcmp_unordered("uno", candidate, candidate))  # a NaN wins
        builder.store(builder.select(better, candidate, so_far), best)
        builder.store(builder.select(better, number, builder.load(code)), code)

    w.each_pixel(side, known_side, compare)
    lowest, found = w.splat(least), builder.load(best)
    off = builder.fcmp_ordered("<=", found, lowest)
    w.store(builder.select(off, lowest, found), w.at(out, to))
    w.store(builder.select(off, w.constant(NONE), builder.load(code)), w.at(winner, code_to))


_largest, _largest_of_two_by_two = _make(None), _make(2)


@kernel
def reduce_image(image: ndarray, width: int, least: Any, pool: int, n: int, out: ndarray, winner: ndarray) -> None:
    """Relu (`least` 0; none if it is NaN) and max pooling of one image.

    Parameters
    ----------
    image, width
        Shape (H, W, C), flat, and as much more as a vector; W.
    least, pool
        What takes the place of what is not above it; side of the windows.
    n, out, winner
        Where the results and the winners go: place n of arrays of shape (N, OH, OW, C).
    """
    _, height, across, channels = out.shape
    lanes = BYTES // image.itemsize
    results, codes = out.reshape(-1), winner.reshape(-1)
    scratch = np.empty(2 * lanes, image.dtype)
    for i in range(height):
        for j in range(across):
            begin, to = (i * width + j) * pool * channels, ((n * height + i) * across + j) * channels
            if channels < lanes:
                _largest(image, begin, width * channels, channels, pool, least, scratch, 0, scratch, lanes)
                for k in range(channels):
                    results[to + k], codes[to + k] = scratch[k], scratch[lanes + k]
                continue
            for first in range(0, channels, lanes):
                c = min(first, channels - lanes)  # the last vector overlaps the one before: both write the same
                if pool == 2:
                    _largest_of_two_by_two(
                        image, begin + c, width * channels, channels, pool, least, results, to + c, codes, to + c
                    )
                else:
                    _largest(image, begin + c, width * channels, channels, pool, least, results, to + c, codes, to + c)
