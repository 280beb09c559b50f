"""Copies of images between the orders of memory: channels first, as outside, and channels last, as in the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...buffers import empty
from .atomic import bind
from .jit import kernel
from .sharing import cut
from .team import hand_out, team

Array = np.ndarray[Any, Any]


@kernel
def _swap(part: int, worker: int, cuts: ndarray, x: ndarray, out: ndarray) -> None:
    for n in range(cuts[part], cuts[part + 1]):
        matrix, transposed = x[n], out[n]
        for j in range(matrix.shape[1]):
            for i in range(matrix.shape[0]):
                transposed[j, i] = matrix[i, j]


_bound_swap = bind(_swap)


@kernel
def _swap_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_swap(cuts, arguments), cuts)


def swapped(x: Array) -> Array:
    """Transpose N matrices, contiguous and writeable: shape (N, A, B) → (N, B, A)."""
    out = empty((x.shape[0], x.shape[2], x.shape[1]), x.dtype)
    cuts = cut(len(x), x.size)
    _swap_all(team(cuts), cuts, x, out)
    return out


def channels_last(x: Array, dtype: np.dtype[Any]) -> Array:
    """See images (N, C, H, W) as a contiguous array of shape (N, H, W, C); a copy unless they lie so already.

    A read-only array is copied, too: numba would compile everything once more for it.
    """
    last = x.transpose(0, 2, 3, 1)
    if last.dtype == dtype and last.flags.c_contiguous and last.flags.writeable:
        return last
    if x.dtype == dtype and x.flags.c_contiguous and x.flags.writeable and x.size:
        return swapped(x.reshape(*x.shape[:2], -1)).reshape(last.shape)
    copy = empty(last.shape, dtype)
    copy[...] = last
    return copy


def channels_first(x: Array) -> Array:
    """See an array of shape (N, H, W, C) as images (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2)


def as_rows(x: Array) -> Array | None:
    """Copy images (N, C, H, W) that lie channels last into rows (N, C · H · W); None for others."""
    last = x.transpose(0, 2, 3, 1)
    if not (last.flags.c_contiguous and last.flags.writeable and x.size):
        return None
    return swapped(last.reshape(len(x), -1, x.shape[1])).reshape(len(x), -1)
