"""Arrays to compute in, kept from tile to tile: making them anew costs page faults, more than the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np


class Room:
    """A worker's arrays, by name.

    Parameters
    ----------
    dtype
        Of all of them.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}

    def __call__(self, name: str, *shape: int) -> np.ndarray[Any, Any]:
        """Return the array of this name, with what is left in it; zeros when it is new or of another shape."""
        array = self.arrays.get(name)
        if array is None or array.shape != shape:
            array = self.arrays[name] = np.zeros(shape, self.dtype)
        return array
