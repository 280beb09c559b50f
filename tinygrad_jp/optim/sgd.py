"""Gradient descent, with and without momentum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError
from .chunks import Table, Work
from .optimizer import Optimizer, computes
from .options import Options


class SGD(Optimizer):
    """Stochastic gradient descent, W ← W − η ∂L/∂W (the book, equation 6.1).

    With momentum μ: v ← μ v + ∂L/∂W, W ← W − η v; with Nesterov's, W ← W − η (∂L/∂W + μ v) (I. Sutskever et al.,
    2013, in PyTorch's form, where η stands outside v).

    Parameters
    ----------
    params
        Parameters or groups of them (see :class:`Optimizer`).
    lr
        Learning rate η.
    momentum
        μ, in [0, 1).
    nesterov
        Look ahead by one step of momentum.
    weight_decay, l1
        λ and λ₁ of the penalties ½ λ Σ W² and λ₁ Σ |W| (the book, section 6.4.2).

    Examples
    --------
    >>> optimizer = SGD(net.parameters(), lr=0.1)
    >>> loss.backward()
    >>> optimizer.step()
    >>> optimizer.zero_grad()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, l1=l1)

    def _checked(self, options: Options) -> Options:
        checked = super()._checked(options)
        if checked["nesterov"] and not checked["momentum"]:
            raise ArgumentError("SGD: nesterov=True needs a momentum above 0, such as 0.9")
        return checked

    def state_names(self, options: Options) -> tuple[str, ...]:
        """The velocity, if there is momentum."""
        return ("velocity",) if options["momentum"] else ()

    def update(self, p: ndarray, g: ndarray, state: Sequence[ndarray], options: Options, step: int, work: Work) -> None:
        """Apply equation 6.1, or its form with momentum."""
        a, _ = work
        if state:
            (v,) = state
            v *= options["momentum"]
            v += g
            if options["nesterov"]:
                np.multiply(v, options["momentum"], out=a)
                a += g
                g = a
            else:
                g = v
        np.multiply(g, options["lr"], out=a)
        p -= a

    @computes(update)
    def update_at_once(
        self, kernels: Any, table: Table, state: Sequence[ndarray], options: Options, dtype: np.dtype[Any]
    ) -> bool:
        """Apply equation 6.1."""
        if state:
            return False
        kernels.sgd(table.rows, dtype, options["lr"], options["weight_decay"], options["l1"])
        return True


class Momentum(Optimizer):
    """Momentum, v ← α v − η ∂L/∂W, W ← W + v (the book, equations 6.3 and 6.4).

    Parameters
    ----------
    params
        Parameters or groups of them (see :class:`Optimizer`).
    lr
        Learning rate η. It stands inside v: a change of η acts only on what is added from then on.
    momentum
        α, in [0, 1).
    weight_decay, l1
        λ and λ₁ of the penalties ½ λ Σ W² and λ₁ Σ |W|.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, l1=l1)

    def state_names(self, options: Options) -> tuple[str, ...]:
        """The velocity."""
        return ("velocity",)

    def update(self, p: ndarray, g: ndarray, state: Sequence[ndarray], options: Options, step: int, work: Work) -> None:
        """Apply equations 6.3 and 6.4."""
        a, _ = work
        (v,) = state
        v *= options["momentum"]
        np.multiply(g, options["lr"], out=a)
        v -= a
        p += v
