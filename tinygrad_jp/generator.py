"""The one random generator that everything draws from, so that one seed repeats a whole run bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DataError

_generator = np.random.default_rng()


def seed(n: int) -> None:
    """Start the generator anew: initial values, shuffling, dropout and augmentation then repeat bit for bit.

    Parameters
    ----------
    n
        Any whole number ≥ 0.
    """
    _generator.bit_generator.state = np.random.PCG64(n).state


def generator() -> np.random.Generator:
    """Return the generator; whoever draws from it advances it for everybody."""
    return _generator


def state() -> dict[str, Any]:
    """Return where the generator stands: numbers and strings only, to be stored as JSON."""
    return dict(_generator.bit_generator.state)


def restore(state: dict[str, Any]) -> None:
    """Continue where a stored state left off.

    Raises
    ------
    DataError
        If it is no state of this generator (PCG64).
    """
    try:
        _generator.bit_generator.state = state
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"generator: cannot restore this state: {error!r}; pass what state() returned") from None
