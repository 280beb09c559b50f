"""Arrays to compute in, kept from tile to tile and call to call: new ones cost page faults, more than arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

KEPT = 24 * 2**20
"""Bytes that a thread keeps from one call to the next; if they are more, it gives all of them back."""


class Room:
    """A worker's arrays, by name.

    Parameters
    ----------
    dtype
        Of all of them.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.arrays: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int) -> Array:
        """Return an array of this shape, with whatever is left in it; the next call with the name takes it back."""
        size = math.prod(shape)
        array = self.arrays.get(name)
        if array is None or array.size < size:
            array = self.arrays[name] = np.empty(size, self.dtype)
        return array[:size].reshape(shape)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, in bytes."""
        return sum(array.nbytes for array in self.arrays.values())


class _Kept(local):
    """The room that this thread keeps, while it does not use it."""

    room: Room | None = None


_kept = _Kept()


@contextmanager
def own_room(dtype: np.dtype[Any]) -> Iterator[Room]:
    """Lend this thread's room, or a new one if that is lent already or is of another dtype."""
    room, _kept.room = _kept.room, None
    if room is None or room.dtype != dtype:
        room = Room(dtype)
    try:
        yield room
    finally:
        _kept.room = room if room.nbytes <= KEPT else None
