"""Options of parameter groups, checked."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from ..errors import ArgumentError

Options = dict[str, Any]

LIMITS = {
    "lr": math.inf,
    "eps": math.inf,
    "weight_decay": math.inf,
    "l1": math.inf,
    "momentum": 1.0,
    "rho": 1.0,
    "beta1": 1.0,
    "beta2": 1.0,
}
"""Options that are numbers from 0 on, and what each must stay below."""
FLAGS = ("nesterov", "eps_inside")
"""Options that are True or False."""


def plain(what: str, key: str, value: Any) -> Any:
    """Check an option, and return a number as Python's: a NumPy float64 would turn float32 arithmetic into float64."""
    if key in FLAGS:
        if not isinstance(value, bool | np.bool_):
            raise ArgumentError(f"{what} must be True or False, got {value!r}")
        return bool(value)
    if key not in LIMITS:
        return value
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < LIMITS[key]:
        wanted = "finite and ≥ 0" if LIMITS[key] == math.inf else f"in [0, {LIMITS[key]:g})"
        raise ArgumentError(f"{what} must be a number, {wanted}; got {value!r}")
    return float(value)
