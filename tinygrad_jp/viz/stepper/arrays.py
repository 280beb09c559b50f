"""Arrays as they are written into the page, and as they are written beside an arrow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..text import number, written

LARGEST = 4_096
"""So many elements of one array are written into the page."""
ALL = 300_000
"""So many elements of all arrays together; where they are more, each is given its share, and at least FEWEST."""
FEWEST = 64
ROWS, COLUMNS = 4, 4
"""A table of at most this size is written beside an arrow; of a larger array the shape."""


class Store:
    """The arrays of a page, each written once.

    Parameters
    ----------
    count
        Of arrays that are expected, among which the room is shared.

    Attributes
    ----------
    arrays
        In the order in which they were added.
    """

    def __init__(self, count: int) -> None:
        self.most = min(LARGEST, max(FEWEST, ALL // max(count, 1)))
        self.arrays: list[np.ndarray] = []
        self._places: dict[int, int] = {}

    def add(self, array: Any) -> int | None:
        """Return the place of an array (a number becomes one) in the page; None if it is not known."""
        if array is None or array is ...:
            return None
        array = np.asarray(array)
        if id(array) not in self._places:
            self._places[id(array)] = len(self.arrays)
            self.arrays.append(array)
        return self._places[id(array)]

    def written(self) -> list[dict[str, Any]]:
        """Return shape, dtype and elements of each array; large ones are cut."""
        return [
            {
                "shape": list(array.shape),
                "dtype": str(array.dtype),
                "elements": list(map(exact, array.flat[: self.most])),
            }
            for array in self.arrays
        ]


def exact(x: Any) -> str:
    """Write an element so that its dtype reads the same number again, in the shortest such way; or NaN, ∞, -∞."""
    return str(x).removesuffix(".0") if np.isfinite(x) else number(x)


def is_small(array: np.ndarray) -> bool:
    """Tell whether all numbers of an array are written beside an arrow."""
    columns = array.shape[-1] if array.ndim else 1
    return 0 < array.size <= ROWS * COLUMNS and columns <= COLUMNS and array.size // columns <= ROWS


def beside(array: Any, shape: tuple[int, ...]) -> list[str]:
    """Write an array in lines, a row each, if it is small and known; else its shape."""
    if array is None or array is ... or not is_small(np.asarray(array)):
        return [written(shape)]
    rows = np.asarray(array).reshape(-1, shape[-1] if shape else 1)
    return [" ".join(map(number, row)) for row in rows.tolist()]
