"""The one random generator that everything draws from, so that one seed repeats a whole run bit for bit."""

from __future__ import annotations

from functools import cache
from operator import index
from typing import Any

import numpy as np

from .errors import ArgumentError, DataError


@cache
def generator() -> np.random.Generator:
    """Return the generator; whoever draws from it advances it for everybody."""
    return np.random.default_rng()  # made when first used: NumPy takes long to import its random numbers


def seed(n: int) -> None:
    """Start the generator anew: initial values, shuffling, dropout and augmentation then repeat bit for bit.

    Parameters
    ----------
    n
        Any whole number ≥ 0.

    Raises
    ------
    ArgumentError
        If it is none. (NumPy would take None for "a different one each time".)
    """
    try:
        generator().bit_generator.state = np.random.PCG64(index(n)).state
    except (TypeError, ValueError):
        raise ArgumentError(f"seed: needs a whole number ≥ 0, got {n!r}") from None


def state() -> dict[str, Any]:
    """Return where the generator stands: numbers and strings only, to be stored as JSON."""
    return dict(generator().bit_generator.state)


def restore(state: dict[str, Any]) -> None:
    """Continue where a stored state left off.

    Raises
    ------
    DataError
        If it is no state of this generator (PCG64); nothing was changed then.
    """
    tried: Any = np.random.PCG64()
    try:
        tried.state = state
        numbers = [*state["state"].values(), state["has_uint32"], state["uinteger"]]
        if not all(isinstance(n, int) for n in numbers):  # NumPy would round them
            raise ValueError(f"not all of {numbers} are whole numbers")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"generator: cannot restore this state: {error!r}; pass what state() returned") from None
    generator().bit_generator.state = state
