"""What the layouts of compiled convolutions share."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
from numpy import ndarray

from ...buffers import LINE, empty
from ...parallel import threads
from .atomic import bind
from .jit import kernel
from .team import hand_out, team

Array = np.ndarray[Any, Any]

PARTS = 2
"""Parts for each thread: the processors of a machine are never equally free."""
WORTH_SHARING = 2**17
"""Multiplications below which one thread is as fast (measured)."""


def grid(rows: Any, columns: Any, width: int, channels: int) -> Array:
    """Where pixels lie in an image (H, W, C) of this width, flat: every row with every column."""
    table: Array = (np.add.outer(np.asarray(rows) * width, columns) * channels).ravel()
    return np.ascontiguousarray(table, np.int64)


def cut(n: int, products: int) -> Array:
    """Cut n images, or rows, into parts for the team, or not if so many products are not worth it.

    Returns
    -------
    ndarray
        Where the parts begin and end, for ``team.hand_out``.
    """
    return cuts_of(n, max(min(PARTS * threads(), n), 1) if threads() > 1 and products >= WORTH_SHARING else 1)


@lru_cache(maxsize=256)
def cuts_of(n: int, count: int) -> Array:
    """Cut n things into so many parts, as equal as can be."""
    return np.arange(count + 1) * n // count


def rooms(cuts: Array, *sizes: int, dtype: np.dtype[Any]) -> list[Array]:
    """Make scratch memory of these sizes for each thread that may compute such parts: arrays of shape (threads, size).

    Any thread may: fewer parts than threads go to those that come first.
    """
    workers = threads() if len(cuts) > 2 else 1
    line = LINE // dtype.itemsize
    lengths = [workers * -(-size // line) * line for size in sizes]
    whole = empty((sum(lengths),), dtype)  # all of it at once: to ask for memory takes longer than to cut it up
    starts = accumulate(lengths, initial=0)
    return [whole[at : at + workers * size].reshape(workers, size) for at, size in zip(starts, sizes, strict=False)]


def zeros(cuts: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Make sums for each part, shape (parts, …): so their total does not depend on which thread did what."""
    sums = empty((len(cuts) - 1, *shape), dtype)
    sums.fill(0)
    return sums


@kernel
def _add_parts(part: int, worker: int, cuts: ndarray, sums: ndarray) -> None:
    """Add a stretch of the sums of all parts, shape (parts, n), to that of the first."""
    first, last = cuts[part], cuts[part + 1]
    whole = sums[0, first:last]
    for more in range(1, len(sums)):
        added = sums[more, first:last]
        for i in range(whole.size):
            whole[i] += added[i]


_bound_add_parts = bind(_add_parts)


@kernel
def _add_all_parts(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_add_parts(cuts, arguments), cuts)


def total(sums: Array) -> Array:
    """Add up the sums of all parts, in the first one's memory."""
    flat = sums.reshape(len(sums), -1)
    cuts = cut(flat.shape[1], sums.size)
    _add_all_parts(team(cuts), cuts, flat)
    whole: Array = sums[0]
    return whole
