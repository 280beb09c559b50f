"""What the layouts of compiled convolutions share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ...buffers import empty
from ...parallel import take_turns, threads
from ..reduction import Reduction

Array = np.ndarray[Any, Any]

ALONE = Reduction()
"""A convolution that nothing follows."""
PARTS = 2
"""Parts for each thread: the processors of a machine are never equally free."""
WORTH_SHARING = 2**20
"""Multiplications below which one thread is as fast: a fork and join costs 57 µs (measured)."""


def grid(rows: Any, columns: Any, width: int, channels: int) -> Array:
    """Where pixels lie in an image (H, W, C) of this width, flat: every row with every column."""
    table: Array = (np.add.outer(np.asarray(rows) * width, columns) * channels).ravel()
    return np.ascontiguousarray(table, np.int64)


def channels_last(x: Array, dtype: DTypeLike) -> Array:
    """See images (N, C, H, W) as a contiguous array of shape (N, H, W, C); a copy unless they lie so already.

    A read-only array is copied, too: numba would compile everything once more for it.
    """
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1), dtype)
    return last if last.flags.writeable else last.copy()


def channels_first(x: Array) -> Array:
    """See an array of shape (N, H, W, C) as images (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2)


def _cut(n: int, products: int) -> list[tuple[int, int]]:
    """Cut n images into parts, or not if so many products are not worth the threads."""
    count = max(min(PARTS * threads(), n), 1) if threads() > 1 and products >= WORTH_SHARING else 1
    cuts = [n * i // count for i in range(count + 1)]
    return list(pairwise(cuts))


def in_threads(work: Callable[[int, int], object], n: int, products: int) -> None:
    """Call ``work(first, last)`` for parts of n images."""
    cuts = _cut(n, products)
    if len(cuts) == 1:
        work(*cuts[0])
    else:
        take_turns(lambda part: work(*part), cuts)


def total(
    work: Callable[[int, int, Array], object], n: int, products: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """Add up what ``work(first, last, sums)`` adds to `sums` of this shape for parts of n images.

    Each part has sums of its own, so that the total does not depend on which thread did what.
    """
    cuts = _cut(n, products)
    sums = empty((len(cuts), *shape), dtype)
    sums.fill(0)
    jobs = [(*part, own) for part, own in zip(cuts, sums, strict=True)]
    if len(jobs) == 1:
        work(*jobs[0])
    else:
        take_turns(lambda job: work(*job), jobs)
    whole: Array = np.add.reduce(sums, axis=0)
    return whole
