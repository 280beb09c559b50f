"""Initial values of parameters (the book, section 6.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..tensor import Tensor


def parameter(values: ArrayLike, name: str | None = None, dtype: DTypeLike = np.float32) -> Tensor:
    """Make a trainable tensor of given values.

    Parameters
    ----------
    values
        Any shape; copied.
    name
        Shown in pictures.
    dtype
        float32 by default.
    """
    return Tensor(np.array(values, dtype=dtype), requires_grad=True, name=name)


def xavier(rng: np.random.Generator, n: int, m: int, name: str | None = None, dtype: DTypeLike = np.float32) -> Tensor:
    """Weights of shape (n, m) from a normal distribution with standard deviation 1/√n (the book, section 6.2.2).

    Keeps the spread of activations from layer to layer behind sigmoid and tanh (X. Glorot, Y. Bengio, 2010).
    """
    return parameter(rng.normal(0.0, np.sqrt(1.0 / n), (n, m)), name, dtype)


def he(rng: np.random.Generator, n: int, m: int, name: str | None = None, dtype: DTypeLike = np.float32) -> Tensor:
    """Weights of shape (n, m) from a normal distribution with standard deviation √(2/n) (the book, section 6.2.3).

    Keeps the spread of activations from layer to layer behind relu (K. He et al., 2015).
    """
    return parameter(rng.normal(0.0, np.sqrt(2.0 / n), (n, m)), name, dtype)
