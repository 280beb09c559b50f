"""What the layouts of compiled convolutions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ...parallel import share_out, threads
from ..reduction import Reduction

Array = np.ndarray[Any, Any]

ALONE = Reduction()
"""A convolution that nothing follows."""
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


def in_threads(work: Callable[[int, int, int], object], n: int, products: int) -> None:
    """Call ``work(worker, first, last)`` for parts of n images, in as many threads as so many products are worth."""
    parts = min(threads(), n) if products >= WORTH_SHARING else 1
    cuts = [n * i // parts for i in range(parts + 1)]

    def each(worker: int, mine: Sequence[int]) -> None:
        for part in mine:
            work(worker, cuts[part], cuts[part + 1])

    if parts == 1:
        each(0, range(1))
    else:
        share_out(each, range(parts))
