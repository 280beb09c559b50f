"""Copying images into padded ones, by vectors.

A count of numbers that no whole number of vectors makes up ends with a vector that overlaps the one before: what both
write is the same. (A loop over single numbers takes as long for the last few as for all the others.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numpy import ndarray

from .jit import intrinsic, kernel
from .vectors import BYTES, Writer


@intrinsic
def _copy_vector(typing: Any, source: Any, at: Any, target: Any, to: Any) -> Any:
    """Copy one vector from ``source[at]`` on to ``target[to]``."""
    n = types.intp
    signature = types.void(source, n, target, n)

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = Writer(context, builder, source.dtype)
        numbers, at, places, to = w.unpack(signature, args)
        w.store(w.load(w.at(numbers, at)), w.at(places, to))
        return context.get_dummy_value()

    return signature, write


@intrinsic
def _pick_vector(typing: Any, source: Any, kept: Any, at: Any, own: Any, above: Any, target: Any, to: Any) -> Any:
    """Copy those numbers of one vector of which ``kept`` is `own`, or more than `above`; the others become 0."""
    n, number = types.intp, source.dtype
    signature = types.void(source, kept, n, number, number, target, n)

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = Writer(context, builder, source.dtype)
        numbers, codes, at, own, above, places, to = w.unpack(signature, args)
        code = w.load(w.at(codes, at))
        equal, more = builder.fcmp_ordered("==", code, w.splat(own)), builder.fcmp_ordered(">", code, w.splat(above))
        picked = builder.select(builder.or_(equal, more), w.load(w.at(numbers, at)), w.constant(0))
        w.store(picked, w.at(places, to))
        return context.get_dummy_value()

    return signature, write


def _make(known_side: int | None) -> Callable[..., None]:
    """Write the way back of pooling for windows of this side; None for any, which takes a slower loop."""

    @intrinsic
    def to_winner(
        typing: Any, source: Any, codes: Any, at: Any, side: Any, target: Any, to: Any, down: Any, right: Any
    ) -> Any:
        """Copy one vector of numbers to those pixels of a window that their codes name; the others become 0.

        The window begins at ``target[to]``; `down` and `right` are the steps to its next row and pixel.
        """
        n = types.intp
        signature = types.void(source, codes, n, n, target, n, n, n)

        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            w = Writer(context, builder, source.dtype)
            numbers, codes, at, side, places, to, down, right = w.unpack(signature, args)
            number, code = w.load(w.at(numbers, at)), w.load(w.at(codes, at))

            def put(i: Any, j: Any, own: Any) -> None:
                picked = builder.select(builder.fcmp_ordered("==", code, own), number, w.constant(0))
                w.store(picked, w.at(places, to, (i, down), (j, right)))

            w.each_pixel(side, known_side, put)
            return context.get_dummy_value()

        return signature, write

    made: Callable[..., None] = to_winner
    return made


_to_winner, _to_winner_of_two_by_two = _make(None), _make(2)


@kernel
def copy(source: ndarray, at: int, target: ndarray, to: int, count: int) -> None:
    """Copy some numbers of flat arrays."""
    vector = BYTES // source.itemsize
    if count < vector:
        for c in range(count):
            target[to + c] = source[at + c]
    else:
        for begin in range(0, count, vector):
            c = min(begin, count - vector)
            _copy_vector(source, at + c, target, to + c)


@kernel
def block_at(block: int, lanes: int, channels: int) -> int:
    """Tell the first channel of a block of lanes: the last block overlaps the one before, if it can, to be full."""
    return max(min(block * lanes, channels - lanes), 0)


@kernel
def fill(
    x: ndarray, taken: ndarray, n: int, pool: int, groups: int, lanes: int,
    target: ndarray, origin: int, top: int, left: int, width: int, area: int,
) -> None:  # fmt: skip
    """Copy image n into a padded one, flat, of this width and area; each number to the pixel it is of.

    Channels are laid out in blocks, each a padded image with so many lanes; a group of them begins with a new block
    (see :func:`block_at`).
    """
    _, height, across, channels = x.shape
    inside = channels // groups
    blocks = -(-inside // lanes)
    numbers, codes = x.reshape(-1), taken.reshape(-1)
    for number in range(groups * blocks):
        channel = number // blocks * inside + block_at(number % blocks, lanes, inside)
        count = min(lanes, inside)
        for i in range(height):
            begin = (n * height + i) * across * channels + channel
            if taken.size and pool > 1 and count >= BYTES // x.itemsize:
                to = origin + (number * area + (top + i * pool) * width + left) * lanes
                _spread_windows(numbers, codes, begin, across, channels, pool, count, target, to, width * lanes, lanes)
                continue
            for a in range(pool):
                to = origin + (number * area + (top + i * pool + a) * width + left) * lanes
                if taken.size:
                    _spread(numbers, codes, begin, across, channels, a * pool, pool, count, target, to, lanes)
                elif count == lanes == channels:
                    copy(numbers, begin, target, to, across * lanes)
                else:
                    for j in range(across):
                        copy(numbers, begin + j * channels, target, to + j * lanes, count)


@kernel
def _spread_windows(
    numbers: ndarray, codes: ndarray, begin: int, across: int, step: int, pool: int, count: int,
    target: ndarray, to: int, down: int, lanes: int,
) -> None:  # fmt: skip
    """Write the pixels of a row of windows, which have full vectors of channels: the winners, or 0."""
    vector = BYTES // numbers.itemsize
    for j in range(across):
        for first in range(0, count, vector):
            c = min(first, count - vector)
            at, place = begin + j * step + c, to + j * pool * lanes + c
            if pool == 2:
                _to_winner_of_two_by_two(numbers, codes, at, pool, target, place, down, lanes)
            else:
                _to_winner(numbers, codes, at, pool, target, place, down, lanes)


@kernel
def _spread(
    numbers: ndarray, codes: ndarray, begin: int, across: int, step: int, code: int, pool: int, count: int,
    target: ndarray, to: int, lanes: int,
) -> None:  # fmt: skip
    """Write one line of pixels: those that relu let through, or that won, or 0."""
    one = numbers.dtype.type
    above = one(0) if pool == 1 else one(np.inf)
    vector = BYTES // numbers.itemsize
    for j in range(across):
        for b in range(pool):
            at, place = begin + j * step, to + (j * pool + b) * lanes
            own = one(np.nan) if pool == 1 else one(code + b)
            if count < vector:
                for c in range(count):
                    kept = codes[at + c]
                    target[place + c] = numbers[at + c] if kept == own or kept > above else 0
            else:
                for first in range(0, count, vector):
                    c = min(first, count - vector)
                    _pick_vector(numbers, codes, at + c, own, above, target, place + c)
