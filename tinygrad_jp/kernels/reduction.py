"""Relu and max pooling after a convolution, and what they keep for the way back.

Of pooling that is one small number for each pixel that remains, its *winner*: which pixel of its window it was, row by
row, or ``NONE`` where relu cut it off. Of relu alone it is the result: what is positive was let through. Neither the
images before the pooling nor those before relu are needed then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .geometry import windows_on
from .pooling import find_largest

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


ALONE = Reduction()
"""A convolution that nothing follows."""
NOTHING = np.empty((0, 0, 0, 0), np.uint8)
"""In place of winners where there are none."""


def reduce_rows(maps: Array, reduction: Reduction, out: Array, winner: Array) -> None:
    """Apply relu and pooling to some rows of images, which may be overwritten.

    Parameters
    ----------
    maps
        Shape (rows, C, W, N).
    reduction
        What to do.
    out, winner
        Where results and, after pooling, winners go; shape (rows // pool, C, W // pool, N). Without pooling `out` is
        `maps`. Of equal pixels the first wins; a NaN wins always.
    """
    pool = reduction.pool
    if pool > 1 and out.size:
        images, best, which = (a.transpose(3, 1, 0, 2) for a in (maps, out, winner))
        windows = windows_on((images.shape[2], images.shape[3]), (pool, pool), (pool, pool), ((0, 0), (0, 0)))
        find_largest(images, windows, best, which)
        if reduction.relu:
            winner |= (out <= 0) * np.uint8(NONE)
    if reduction.relu:
        np.maximum(out, np.zeros(out.shape[1:], out.dtype), out=out)  # three times as fast as the number 0


def let_through(kept: Array, reduction: Reduction) -> Any:
    """Tell which results' gradient goes anywhere at all."""
    if not reduction.relu:
        return True
    return kept != NONE if reduction.pool > 1 else kept > 0


def spread_rows(y: Array, kept: Array, reduction: Reduction, rows: slice, to: Array) -> None:
    """Carry a gradient back through pooling and relu: each number to the pixel that won, 0 elsewhere.

    Parameters
    ----------
    y, kept
        Gradient of what remained, and what :func:`reduce_rows` kept; shape (H // pool, C, W // pool, N).
    reduction
        What was done.
    rows
        Which rows of the images are wanted.
    to
        Where they go, shape (rows, C, W, N); without relu and pooling as many of their pixels as have room.
    """
    pool = reduction.pool
    if pool == 1:
        if reduction.relu:
            np.multiply(y[rows], kept[rows] > 0, out=to)
        else:
            to[...] = y[rows, :, : to.shape[2]]
        return
    to[max(len(y) * pool - rows.start, 0) :] = 0  # pixels that no window saw
    to[:, :, y.shape[2] * pool :] = 0
    for i, j in np.ndindex(pool, pool):
        first = max(-(-(rows.start - i) // pool), 0)
        last = max(min(-(-(rows.stop - i) // pool), len(y)), first)
        down = slice(first * pool + i - rows.start, last * pool + i - rows.start, pool)
        won = kept[first:last] == i * pool + j
        np.multiply(y[first:last], won, out=to[down, :, j : y.shape[2] * pool : pool])
