"""Initial values of parameters (the book, section 6.2).

Every function takes the shape of a parameter and returns an array drawn from the seeded generator. The fans are
those of a weight of shape (inputs, outputs), or (outputs, inputs, height, width) of a filter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from numbers import Real

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError
from ..generator import generator

Init = Callable[[Sequence[int]], ndarray]


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many inputs a unit has, and how many units an input reaches.

    Parameters
    ----------
    shape
        (inputs, outputs), or (outputs, inputs, …) with the extent of a filter.
    """
    if len(shape) < 2:
        raise ArgumentError(f"init: a weight of shape {tuple(shape)} has no inputs and outputs; use zeros or normal")
    if len(shape) == 2:
        return shape[0], shape[1]
    extent = math.prod(shape[2:])
    return shape[1] * extent, shape[0] * extent


def zeros(shape: Sequence[int]) -> ndarray:
    """All 0. As weights they make all units of a layer alike for ever (the book, section 6.2.1)."""
    return np.zeros(shape)


def constant(shape: Sequence[int], value: float = 1.0) -> ndarray:
    """All `value`."""
    return np.full(shape, float(value))


def uniform(shape: Sequence[int], low: float = -1.0, high: float = 1.0) -> ndarray:
    """Uniform in [low, high)."""
    return generator().uniform(low, high, shape)


def normal(shape: Sequence[int], std: float = 1.0) -> ndarray:
    """Gaussian with mean 0 (the book's first choice is std = 0.01, section 6.2.1)."""
    return generator().normal(0.0, std, shape)


def xavier(shape: Sequence[int]) -> ndarray:
    """Gaussian with standard deviation 1 / √n for n inputs, as the book has it (section 6.2.2)."""
    return normal(shape, math.sqrt(1 / max(1, fans(shape)[0])))


def xavier_normal(shape: Sequence[int]) -> ndarray:
    """Gaussian with variance 2 / (inputs + outputs) (X. Glorot, Y. Bengio, 2010, equation 12)."""
    return normal(shape, math.sqrt(2 / max(1, sum(fans(shape)))))


def xavier_uniform(shape: Sequence[int]) -> ndarray:
    """Uniform within ±√(6 / (inputs + outputs)) (X. Glorot, Y. Bengio, 2010, equation 16)."""
    limit = math.sqrt(6 / max(1, sum(fans(shape))))
    return uniform(shape, -limit, limit)


def he(shape: Sequence[int]) -> ndarray:
    """Gaussian with standard deviation √(2 / n) for n inputs (K. He et al., 2015; the book, section 6.2.3)."""
    return normal(shape, math.sqrt(2 / max(1, fans(shape)[0])))


def he_uniform(shape: Sequence[int]) -> ndarray:
    """Uniform within ±√(6 / n) for n inputs (K. He et al., 2015)."""
    limit = math.sqrt(6 / max(1, fans(shape)[0]))
    return uniform(shape, -limit, limit)


he_normal = he
"""Another name of he."""

BY_NAME: dict[str, Init] = {
    "zeros": zeros,
    "constant": constant,
    "uniform": uniform,
    "normal": normal,
    "xavier": xavier,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "he": he,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
}


def get(init: str | float | Init) -> Init:
    """Return the function that a layer's argument means: a name, a standard deviation, or a function of a shape.

    Raises
    ------
    ArgumentError
        If there is none of that name, or the standard deviation is negative or not finite.
    """
    if callable(init):
        return init
    if isinstance(init, Real):
        std = float(init)
        if not 0 <= std < math.inf:
            raise ArgumentError(f"init: a standard deviation must be finite and at least 0, got {init!r}")
        return lambda shape: normal(shape, std)
    if not isinstance(init, str) or init not in BY_NAME:
        near = get_close_matches(str(init), BY_NAME, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(BY_NAME)}"
        raise ArgumentError(f"init: there is no {init!r}; {hint}")
    return BY_NAME[init]


def for_activation(activation: str) -> str:
    """Name the initial values that keep the spread of activations behind this activation function.

    He for relu and its relatives, the book's Xavier for the others (the book, section 6.2.4).
    """
    return "he" if activation in ("relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu") else "xavier"
