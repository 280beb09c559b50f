"""Fully connected layers, and layers that only change the shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..errors import ArgumentError, DtypeError
from ..tensor import Tensor, as_tensor
from . import init as initial
from .module import Module, Parameter, check_counts, check_flags, takes_along


class Linear(Module):
    """Affine layer, x · W + b (the book, section 5.6 and figure 5-27).

    Parameters
    ----------
    in_features
        D, the length of an example.
    out_features
        M, the number of units.
    bias
        Whether b is added.
    init
        Initial values of W: the name of a function of ``nn.init``, a standard deviation, or a function of the shape.
        He suits relu, Xavier sigmoid and tanh.
    dtype
        Of the parameters.

    Attributes
    ----------
    weight
        W, shape (D, M): the transpose of PyTorch's.
    bias
        b, shape (M,), at first 0; or None.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        init: str | float | initial.Init = "he",
        dtype: DTypeLike = np.float32,
    ) -> None:
        check_counts("Linear", in_features=in_features, out_features=out_features)
        check_flags("Linear", bias=bias)
        self.weight = Parameter(initial.get(init)((in_features, out_features)), "W", dtype)
        self.bias = Parameter(np.zeros(out_features), "b", dtype) if bias else None

    @takes_along("relu")
    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """Map x of shape (…, D) to shape (…, M); `relu` does what ``ReLU`` behind this layer would."""
        if self.bias is None:
            y = ops.dot(x, self.weight)
            return ops.relu(y) if relu else y
        return (ops.affine_relu if relu else ops.affine)(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Features on either side."""
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}{'' if self.bias is not None else ', bias=False'}"


Affine = Linear
"""The book's name."""


class Flatten(Module):
    """Make a vector of every example: (N, …) to (N, D)."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten all axes but the first."""
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Reshape(Module):
    """Give every example another shape: (N, …) to (N, *shape).

    Parameters
    ----------
    *shape
        Of an example; one length may be −1.
    """

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        """Reshape all axes but the first."""
        return ops.reshape(x, (x.shape[0], *self.shape))

    def extra_repr(self) -> str:
        """The shape."""
        return ", ".join(map(str, self.shape))


class Embedding(Module):
    """A table of vectors, looked up by whole numbers.

    Parameters
    ----------
    count
        How many vectors.
    features
        D, their length.
    init
        As in :class:`Linear`; by default Gaussian with standard deviation 1.
    dtype
        Of the vectors.

    Attributes
    ----------
    weight
        Shape (count, D).
    """

    def __init__(
        self, count: int, features: int, init: str | float | initial.Init = 1.0, dtype: DTypeLike = np.float32
    ) -> None:
        check_counts("Embedding", count=count, features=features)
        self.weight = Parameter(initial.get(init)((count, features)), "W", dtype)

    def forward(self, index: Any) -> Tensor:
        """Map whole numbers of shape (…) to vectors of shape (…, D)."""
        at = as_tensor(index).numpy()
        count = self.weight.shape[0]
        if at.dtype.kind not in "iu":
            raise DtypeError(f"Embedding: needs whole numbers, got dtype {at.dtype}; use t.astype(int)")
        if at.size and not 0 <= at.min() <= at.max() < count:
            raise ArgumentError(f"Embedding: needs numbers in 0…{count - 1}, got {at.min()}…{at.max()}")
        return self.weight[at]

    def extra_repr(self) -> str:
        """Size of the table."""
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"
