"""Layers that keep activations at mean 0 and variance 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor, as_tensor
from .linear import check_features
from .module import Module, Parameter


class BatchNorm1d(Module):
    """Batch normalization, γ x̂ + β with x̂ of mean 0 and variance 1 over the batch (the book, section 6.3).

    The book's equations 6.7 and 6.8 and figure 6-17, whose graph ``with primitives():`` records (S. Ioffe,
    C. Szegedy, 2015). In use (after ``eval()``) running averages take the place of the batch's mean and variance.

    Parameters
    ----------
    features
        D, the length of an example.
    eps
        ε, added to the variance.
    momentum
        ρ: average ← ρ average + (1 − ρ) batch, as in the book's code. (PyTorch's momentum is 1 − ρ.)
    dtype
        Of the parameters and averages.

    Attributes
    ----------
    gamma, beta
        Shape (D,), at first 1 and 0.
    running_mean, running_var
        Shape (D,), at first 0 and 1; the variance is the unbiased one, as in the paper's algorithm 2.
    """

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.9, dtype: DTypeLike = np.float32) -> None:
        if not 0 <= momentum <= 1:
            raise ArgumentError(f"{type(self).__name__}: momentum must lie in 0…1, got {momentum}")
        self.features = features
        self.eps = eps
        self.momentum = momentum
        self.gamma = Parameter(np.ones(features), "γ", dtype)
        self.beta = Parameter(np.zeros(features), "β", dtype)
        self.running_mean = np.zeros(0)
        self.running_var = np.zeros(0)
        self.register_buffer("running_mean", np.zeros(features, dtype))
        self.register_buffer("running_var", np.ones(features, dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, D) over N."""
        x = as_tensor(x)
        check_features("BatchNorm1d", x, self.features)
        if x.ndim != 2:
            raise ShapeError(f"BatchNorm1d: needs shape (N, {self.features}), got {x.shape}; flatten it first")
        if not self.training:
            scale = 1.0 / np.sqrt(self.running_var + self.eps)
            return (x - self.running_mean) * scale.astype(self.running_var.dtype) * self.gamma + self.beta
        if len(x) < 2:
            raise ShapeError(
                f"BatchNorm1d: a batch of {len(x)} has no variance; train with at least 2 examples (drop_last=True "
                "leaves the last, smaller batch out), or call eval() first"
            )
        self._update(x.numpy())
        return ops.standardize(x, axis=0, eps=self.eps) * self.gamma + self.beta

    def _update(self, batch: np.ndarray) -> None:
        fresh = 1 - self.momentum
        self.running_mean += fresh * (batch.mean(0) - self.running_mean)
        self.running_var += fresh * (batch.var(0, ddof=1) - self.running_var)

    def extra_repr(self) -> str:
        """The number of features."""
        return f"{self.features}"


class LayerNorm(Module):
    """Layer normalization: γ x̂ + β with x̂ of mean 0 and variance 1 within each example (J. L. Ba et al., 2016).

    Parameters
    ----------
    features
        D, the length of the last axis.
    eps
        ε, added to the variance.
    dtype
        Of the parameters.

    Attributes
    ----------
    gamma, beta
        Shape (D,), at first 1 and 0.
    """

    def __init__(self, features: int, eps: float = 1e-5, dtype: DTypeLike = np.float32) -> None:
        self.features = features
        self.eps = eps
        self.gamma = Parameter(np.ones(features), "γ", dtype)
        self.beta = Parameter(np.zeros(features), "β", dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (…, D) over its last axis."""
        x = as_tensor(x)
        if not x.ndim or x.shape[-1] != self.features:
            raise ShapeError(f"LayerNorm: needs shape (…, {self.features}), got {x.shape}")
        return ops.standardize(x, axis=-1, eps=self.eps) * self.gamma + self.beta

    def extra_repr(self) -> str:
        """The number of features."""
        return f"{self.features}"
