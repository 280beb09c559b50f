"""How windows lie on images: the book's equation 7.1, with its checks."""

from __future__ import annotations

import math
import os
from functools import cache
from typing import NamedTuple

from ..errors import ArgumentError, ShapeError

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]
"""Padding as ((top, bottom), (left, right))."""


@cache
def physical_memory() -> int:
    """Return the bytes of memory that this machine has, or a number no machine has if it cannot tell (Windows)."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**40


def output_size(size: int, window: int, stride: int, pad: int | Pair, dilation: int = 1, strict: bool = False) -> int:
    """Count the window positions along one axis: ⌊(size + 2·pad − window) / stride⌋ + 1 (the book, equation 7.1).

    Parameters
    ----------
    size, window, stride
        Length of the axis, of the window, and of the window's steps.
    pad
        Zeros added on each side, or (before, after).
    dilation
        Distance between the window's elements; the window then covers ``dilation · (window − 1) + 1``.
    strict
        Refuse a remainder of the division, that is, elements at the end which no window sees.

    Raises
    ------
    ArgumentError
        If `window`, `stride` or `dilation` is below 1 or `pad` is negative.
    ShapeError
        If the window is larger than the padded axis; if `strict` and the division leaves a remainder. Both
        show the equation with its numbers.
    """
    before, after = pad if isinstance(pad, tuple) else (pad, pad)
    if min(window, stride, dilation) < 1 or min(before, after) < 0:
        raise ArgumentError(
            f"output_size: window, stride and dilation must be at least 1 and padding at least 0, "
            f"got {window=}, {stride=}, {dilation=}, padding={pad}"
        )
    covered = dilation * (window - 1) + 1
    room = size + before + after - covered
    padding = f"2·{before}" if before == after else f"{before} + {after}"
    equation = f"({size} + {padding} − {covered}) / {stride} + 1"
    if room < 0:
        raise ShapeError(
            f"output_size: the window covers {covered} elements, the axis has {size + before + after}, padding "
            f"included: equation 7.1 gives {equation} = {room / stride + 1:g}; use a smaller window or more padding"
        )
    if strict and room % stride:
        raise ShapeError(
            f"output_size: equation 7.1 gives {equation} = {room / stride + 1:g}, no whole number: the last "
            f"{room % stride} of {size + before + after} elements are never seen; change size, padding or stride, "
            "or leave strict out"
        )
    return room // stride + 1


class Windows(NamedTuple):
    """How the windows of a convolution lie on its images; every pair is (vertical, horizontal)."""

    size: Pair
    stride: Pair
    padding: Sides
    dilation: Pair
    image: Pair
    """Height and width of an image, without padding."""
    places: Pair
    """Number of windows, OH and OW."""

    @property
    def covered(self) -> Pair:
        """Height and width of the padded image that a window reaches over."""
        return self.dilation[0] * (self.size[0] - 1) + 1, self.dilation[1] * (self.size[1] - 1) + 1


def windows_on(
    image: Pair, size: Pair, stride: Pair, padding: Sides, dilation: Pair = (1, 1), strict: bool = False
) -> Windows:
    """Lay windows on images; see :func:`output_size` for what is refused."""
    places = [output_size(*axis, strict) for axis in zip(image, size, stride, padding, dilation, strict=True)]
    return Windows(size, stride, padding, dilation, image, (places[0], places[1]))


def refuse_huge(shape: tuple[int, ...], itemsize: int) -> None:
    """Raise ArgumentError for a shape whose array this machine cannot hold, before it is tried."""
    size, there = math.prod(shape) * itemsize, physical_memory()
    if size > there:
        raise ArgumentError(
            f"refuse_huge: the result of shape {shape} would need {size / 2**30:,.1f} GiB of memory, this machine has "
            f"{there / 2**30:,.1f}; use fewer or smaller images, less padding or fewer channels"
        )
