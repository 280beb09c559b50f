"""Relu and max pooling after a convolution, and what they keep for the way back.

Of pooling that is one small number for each pixel that remains, its *winner*: which pixel of its window it was, row by
row, or ``NONE`` where relu cut it off. Of relu alone it is the result: what is positive was let through. Neither the
images before the pooling nor those before relu are needed then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .geometry import Windows, windows_on
from .pooling import max_pool_forward, max_unpool, rectify, stopped

Array = np.ndarray[Any, Any]

NONE = 255
"""The winner of a window in which relu let nothing through."""
WIDEST = 15
"""Side of the largest window: its pixels have numbers below ``NONE``."""


class Reduction(NamedTuple):
    """What follows a convolution: relu, and the largest pixel of windows that lie side by side."""

    relu: bool = False
    pool: int = 1
    """Side of the windows; 1 for none. Pixels left over at the end are not seen."""


NOTHING = np.empty((0, 0, 0, 0), np.uint8)
"""In place of winners where there are none."""


def _windows(image: tuple[int, ...], pool: int) -> Windows:
    """Lay windows side by side over an image."""
    return windows_on((image[0], image[1]), (pool, pool), (pool, pool), ((0, 0), (0, 0)))


def reduce(images: Array, reduction: Reduction) -> tuple[Array, Array]:
    """Apply relu and pooling; `images`, shape (N, C, H, W), may be overwritten.

    Returns
    -------
    out, kept
        Shape (N, C, H // pool, W // pool). Of equal pixels the first wins; a NaN wins always. ``NOTHING`` is kept where
        there is neither relu nor pooling.
    """
    if reduction.pool == 1:
        out = rectify(images, images) if reduction.relu else images
        return out, out if reduction.relu else NOTHING
    out, winner = max_pool_forward(images, _windows(images.shape[2:], reduction.pool))
    if reduction.relu:
        winner |= (out <= 0) * np.uint8(NONE)
        rectify(out, out)
    return out, winner


def let_through(kept: Array, reduction: Reduction) -> Any:
    """Tell which results' gradient goes anywhere at all."""
    if not reduction.relu:
        return True
    return kept != NONE if reduction.pool > 1 else kept > 0


def spread(y: Array, kept: Array, reduction: Reduction, image: tuple[int, int]) -> Array:
    """Carry a gradient back through pooling and relu: each number to the pixel that won, 0 elsewhere.

    Parameters
    ----------
    y, kept
        Gradient of the result of :func:`reduce`, and what that kept; shape (N, C, OH, OW).
    reduction
        What was done.
    image
        Height and width of the images before it.
    """
    if reduction.pool == 1:
        return stopped(y, kept) if reduction.relu else y
    return max_unpool(y, kept, _windows(image, reduction.pool))
