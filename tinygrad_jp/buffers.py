"""Large arrays out of memory that is used again: fresh memory costs page faults, more than the arithmetic on it.

A training step asks for arrays of the same sizes as the step before. The memory of one that nobody holds any more is
kept for the next that needs as many bytes.

All of it begins at a line of the cache. NumPy's own arrays begin anywhere, so that each vector of 64 bytes lies in two
lines: the compiled kernels took up to three times as long on them (measured).
"""

from __future__ import annotations

import ctypes
import math
from collections import OrderedDict
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

SMALLEST = 2**16
"""Bytes from which on an array is worth it (measured)."""
LINE = 64
"""Bytes of a line of the cache."""
MOST = 2**28
"""Bytes that are kept at most; the memory that was not used for longest is given back first."""


class _Memory(np.ndarray):
    """A stretch of memory that the pool owns."""


class _Loan(np.ndarray):
    """A view of a stretch of memory, which goes back to the pool with the last array over it."""

    def __del__(self) -> None:
        if type(self.base) is _Memory:
            pool.take_back(self.base)


def address(memory: Any) -> int:
    """Tell where a writeable buffer, or contiguous array, begins, faster than an array's own attributes do."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _fresh(shape: tuple[int, ...], dtype: DTypeLike, size: int) -> np.ndarray[Any, Any]:
    """Return an array over fresh memory that begins at a line of the cache; no array owns the few bytes around it."""
    room = bytearray(size + LINE - 1)
    return np.ndarray(shape, dtype, room, -address(room) % LINE)


class Pool:
    """Memory that is free, by its size.

    Attributes
    ----------
    kept
        Bytes of it.
    """

    def __init__(self) -> None:
        self.kept = 0
        self._free: OrderedDict[int, list[_Memory]] = OrderedDict()
        self._lock = RLock()  # the garbage collector may give memory back while this thread asks for some

    def lend(self, size: int) -> _Memory:
        """Return free memory of so many bytes."""
        with self._lock:
            free = self._free.get(size)
            if free:
                self._free.move_to_end(size)
                self.kept -= size
                return free.pop()
        return _fresh((size,), np.uint8, size).view(_Memory)

    def take_back(self, memory: _Memory) -> None:
        """Keep memory for the next one."""
        with self._lock:
            self._free.setdefault(memory.nbytes, []).append(memory)
            self._free.move_to_end(memory.nbytes)
            self.kept += memory.nbytes
            while self.kept > MOST:
                self._give_up_one()

    def clear(self) -> None:
        """Give all memory back to the system."""
        with self._lock:
            self._free.clear()
            self.kept = 0

    def _give_up_one(self) -> None:
        size, free = next(iter(self._free.items()))
        if free:
            free.pop()
            self.kept -= size
        if not free:
            del self._free[size]


pool = Pool()


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray[Any, Any]:
    """Return an array with any content, as ``np.empty``, that begins at a line of the cache."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return _fresh(shape, dtype, size)
    return np.ndarray(shape, dtype, pool.lend(size).view(_Loan))


def aligned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a contiguous copy of an array that begins at a line of the cache."""
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def lent(array: np.ndarray[Any, Any]) -> bool:
    """Tell whether an array has a stretch of the pool's memory to itself: it is nobody's view, though it has a base."""
    return type(array.base) is _Loan
