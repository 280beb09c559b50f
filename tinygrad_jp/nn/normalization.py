"""Layers that keep activations at mean 0 and variance 1."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..blank import Blank
from ..errors import ArgumentError, ShapeError
from ..kernels import normalization
from ..tensor import Tensor, as_tensor
from .module import Module, Parameter, check_counts, check_numbers, takes_along


class _BatchNorm(Module):
    """What the layers share that normalize over a batch; a subclass says of which axes a batch consists.

    Parameters
    ----------
    features
        D, the length of axis 1.
    eps
        ε, added to the variance.
    momentum
        ρ: average ← ρ average + (1 − ρ) batch, as in the book's code. (PyTorch's momentum is 1 − ρ.)
    dtype
        Of the parameters and averages.
    """

    axes: ClassVar[tuple[int, ...]]
    """Over which mean and variance are taken: all but axis 1."""
    layout: ClassVar[str]
    """The shape of an input, in symbols, with a gap for the length of axis 1."""

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.9, dtype: DTypeLike = np.float32) -> None:
        _check(self, features, eps)
        check_numbers(type(self).__name__, lambda rho: 0 <= rho <= 1, "lie in 0…1", momentum=momentum)
        self.features = features
        self.eps = eps
        self.momentum = momentum
        self.gamma = Parameter(np.ones(features), "γ", dtype)
        self.beta = Parameter(np.zeros(features), "β", dtype)
        self.running_mean = np.zeros(0)
        self.running_var = np.zeros(0)
        self.register_buffer("running_mean", np.zeros(features, dtype))
        self.register_buffer("running_var", np.ones(features, dtype))

    @takes_along("relu")
    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """Normalize x over all axes but axis 1; `relu` does what ``ReLU`` behind this layer would."""
        x = as_tensor(x)
        name = type(self).__name__
        if x.ndim != 1 + len(self.axes) or x.shape[1] != self.features:
            raise ShapeError(f"{name}: needs shape {self.layout.format(self.features)}, got {x.shape}")
        if not self.training:
            scale = (1.0 / np.sqrt(self.running_var + self.eps)).astype(self.running_var.dtype)
            slope = self.gamma * scale
            y = x * _column(slope, x.ndim) + _column(self.beta - slope * self.running_mean, x.ndim)
            return ops.relu(y) if relu else y
        if x.size < 2 * self.features:
            raise ShapeError(
                f"{name}: a batch of {x.size // max(1, self.features)} has no variance; train with at least 2 examples "
                "(drop_last=True leaves the last, smaller batch out), or call eval() first"
            )
        return ops.batch_norm(x, self.gamma, self.beta, self.eps, relu, self._moments(x.numpy()))

    def _moments(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute mean and variance of a batch, and move the running averages; of a blank these are as good."""
        if isinstance(x, Blank):
            return self.running_mean, self.running_var
        moments = normalization.moments(x)
        self._update(*moments, count=x.size // self.features)
        return moments

    def _update(self, mean: np.ndarray, var: np.ndarray, count: int) -> None:
        """Move the running averages; the variance becomes the unbiased one."""
        fresh = 1 - self.momentum
        if np.isnan(var).any():
            return  # one bad batch would leave NaN in the averages for good
        self.running_mean += fresh * (mean - self.running_mean)
        self.running_var += fresh * (var * (count / (count - 1)) - self.running_var)

    def extra_repr(self) -> str:
        """The number of features."""
        return f"{self.features}"


class BatchNorm1d(_BatchNorm):
    """Batch normalization, γ x̂ + β with x̂ of mean 0 and variance 1 over the batch (the book, section 6.3).

    The book's equations 6.7 and 6.8 and figure 6-17, whose graph ``with primitives():`` records (S. Ioffe,
    C. Szegedy, 2015). In use (after ``eval()``) running averages take the place of the batch's mean and variance.

    Parameters
    ----------
    features
        D, the length of an example; the inputs have shape (N, D).
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

    axes = (0,)
    layout = "(N, {}); flatten it first if an example has more axes"


class BatchNorm2d(_BatchNorm):
    """Batch normalization of images: each channel over batch and places (S. Ioffe, C. Szegedy, 2015, section 3.2).

    Parameters
    ----------
    features
        C, the number of channels; the inputs have shape (N, C, H, W).
    eps, momentum, dtype
        As in :class:`BatchNorm1d`.

    Attributes
    ----------
    gamma, beta
        Shape (C,), at first 1 and 0.
    running_mean, running_var
        Shape (C,), at first 0 and 1.
    """

    axes = (0, 2, 3)
    layout = "(N, {}, H, W)"


class GroupNorm(Module):
    """Group normalization: mean 0 and variance 1 within each group of channels of an example (Y. Wu, K. He, 2018).

    Parameters
    ----------
    groups
        How many; divides `features`. 1 takes all channels together, `features` each alone (instance normalization).
    features
        C, the number of channels.
    eps
        ε, added to the variance.
    dtype
        Of the parameters.

    Attributes
    ----------
    gamma, beta
        Shape (C,), at first 1 and 0.
    """

    def __init__(self, groups: int, features: int, eps: float = 1e-5, dtype: DTypeLike = np.float32) -> None:
        _check(self, features, eps)
        check_counts("GroupNorm", groups=groups)
        if features % groups:
            raise ArgumentError(f"GroupNorm: {groups} groups do not divide {features} channels")
        self.groups = groups
        self.features = features
        self.eps = eps
        self.gamma = Parameter(np.ones(features), "γ", dtype)
        self.beta = Parameter(np.zeros(features), "β", dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C, …)."""
        x = as_tensor(x)
        if x.ndim < 2 or x.shape[1] != self.features:
            raise ShapeError(f"GroupNorm: needs shape (N, {self.features}, …), got {x.shape}")
        grouped = ops.reshape(x, (len(x), self.groups, math.prod(x.shape[1:]) // self.groups))
        normal = ops.reshape(ops.standardize(grouped, axis=-1, eps=self.eps), x.shape)
        return normal * _column(self.gamma, x.ndim) + _column(self.beta, x.ndim)

    def extra_repr(self) -> str:
        """The numbers of groups and channels."""
        return f"{self.groups}, {self.features}"


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
        _check(self, features, eps)
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


def _check(layer: Module, features: int, eps: float) -> None:
    name = type(layer).__name__
    check_counts(name, features=features)
    check_numbers(name, lambda eps: 0 <= eps < math.inf, "be finite and at least 0", eps=eps)


def _column(values: Tensor, ndim: int) -> Tensor:
    """Let one number for each channel meet axis 1 of an array of so many axes."""
    return values if ndim == 2 else ops.reshape(values, (values.size, *(1 for _ in range(ndim - 2))))
