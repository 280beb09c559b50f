"""Optimizers that give every parameter a learning rate of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .chunks import Table, Work
from .optimizer import Optimizer, computes
from .options import Options


class AdaGrad(Optimizer):
    """AdaGrad, h ← h + g², W ← W − η g / (√h + ε) (the book, equations 6.5 and 6.6; J. Duchi et al., 2011).

    Parameters
    ----------
    params
        Parameters or groups of them (see :class:`Optimizer`).
    lr
        Learning rate η.
    eps
        ε, by default the book's 1e-7.
    weight_decay, l1
        λ and λ₁ of the penalties ½ λ Σ W² and λ₁ Σ |W|.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        eps: float = 1e-7,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, eps=eps, weight_decay=weight_decay, l1=l1)

    def state_names(self, options: Options) -> tuple[str, ...]:
        """The sum of squares."""
        return ("h",)

    def update(self, p: ndarray, g: ndarray, state: Sequence[ndarray], options: Options, step: int, work: Work) -> None:
        """Apply equations 6.5 and 6.6."""
        a, b = work
        (h,) = state
        np.multiply(g, g, out=a)
        h += a
        _descend(p, g, h, options["lr"], options["eps"], a, b)


class RMSprop(Optimizer):
    """RMSprop, h ← ρ h + (1 − ρ) g², W ← W − η g / (√h + ε) (T. Tieleman, G. Hinton, 2012, lecture 6.5).

    Parameters
    ----------
    params
        Parameters or groups of them (see :class:`Optimizer`).
    lr
        Learning rate η.
    rho
        ρ, the share of the past, in [0, 1).
    eps
        ε.
    weight_decay, l1
        λ and λ₁ of the penalties ½ λ Σ W² and λ₁ Σ |W|.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        rho: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, l1=l1)

    def state_names(self, options: Options) -> tuple[str, ...]:
        """The running mean of squares."""
        return ("h",)

    def update(self, p: ndarray, g: ndarray, state: Sequence[ndarray], options: Options, step: int, work: Work) -> None:
        """Apply the rule."""
        a, b = work
        (h,) = state
        _average_of_squares(h, g, options["rho"], a)
        _descend(p, g, h, options["lr"], options["eps"], a, b)


class AdaDelta(Optimizer):
    """AdaDelta: RMSprop whose learning rate is the running size of the steps (M. D. Zeiler, 2012, algorithm 1).

    h ← ρ h + (1 − ρ) g², Δ = g √(s + ε) / √(h + ε), s ← ρ s + (1 − ρ) Δ², W ← W − η Δ.

    Parameters
    ----------
    params
        Parameters or groups of them (see :class:`Optimizer`).
    lr
        η, 1 in the paper.
    rho
        ρ, the share of the past, in [0, 1).
    eps
        ε, by default the paper's 1e-6.
    weight_decay, l1
        λ and λ₁ of the penalties ½ λ Σ W² and λ₁ Σ |W|.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.95,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, l1=l1)

    def state_names(self, options: Options) -> tuple[str, ...]:
        """The running means of squared gradients and of squared steps."""
        return ("h", "s")

    def update(self, p: ndarray, g: ndarray, state: Sequence[ndarray], options: Options, step: int, work: Work) -> None:
        """Apply algorithm 1."""
        a, b = work
        h, s = state
        _average_of_squares(h, g, options["rho"], a)
        np.add(s, options["eps"], out=a)
        np.add(h, options["eps"], out=b)
        a /= b
        np.sqrt(a, out=a)
        a *= g
        _average_of_squares(s, a, options["rho"], b)
        a *= options["lr"]
        p -= a


class Adam(Optimizer):
    """Adam (D. P. Kingma, J. Ba, 2015, algorithm 1; the book, section 6.1.6).

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², W ← W − η m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ).

    Parameters
    ----------
    params
        Parameters or groups of them (see :class:`Optimizer`).
    lr
        Learning rate η.
    beta1, beta2
        β₁ and β₂, the shares of the past, in [0, 1).
    eps
        ε.
    eps_inside
        Put ε under the root, √(v̂ + ε), as 深層学習入門 (Morita, 2019) does; the paper adds it outside.
    weight_decay, l1
        λ and λ₁ of the penalties ½ λ Σ W² and λ₁ Σ |W|, whose gradient Adam scales like any other; see
        :class:`AdamW`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        eps_inside: bool = False,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            eps_inside=eps_inside,
            weight_decay=weight_decay,
            l1=l1,
        )

    def state_names(self, options: Options) -> tuple[str, ...]:
        """The running means of gradients and of their squares."""
        return ("m", "v")

    def update(self, p: ndarray, g: ndarray, state: Sequence[ndarray], options: Options, step: int, work: Work) -> None:
        """Apply algorithm 1."""
        a, b = work
        m, v = state
        beta1, beta2, rate, outside, inside, shrink = self._numbers(options, step)
        if shrink != 1:
            p *= shrink
        m *= beta1
        m += g
        v *= beta2
        np.multiply(g, g, out=a)
        v += a
        if inside:
            np.add(v, inside, out=a)
            np.sqrt(a, out=a)
        else:
            np.sqrt(v, out=a)
            a += outside
        np.divide(m, a, out=b)
        b *= rate
        p -= b

    @computes(update)
    def update_at_once(
        self, kernels: Any, table: Table, state: Sequence[ndarray], options: Options, dtype: np.dtype[Any]
    ) -> bool:
        """Apply algorithm 1."""
        decay = 0.0 if self.decoupled else options["weight_decay"]
        kernels.adam(table.rows, *state, *self._numbers(options, table.step), decay, options["l1"])
        return True

    def _numbers(self, options: Options, step: int) -> tuple[float, ...]:
        """Compute β₁, β₂, the rate, ε outside and inside the root, and how much decoupled weight decay leaves.

        The corrections are drawn into η and ε, as the end of the paper's section 2 proposes. m and v go without the
        factors 1 − β₁ and 1 − β₂, which saves two passes over memory.
        """
        beta1, beta2, eps = options["beta1"], options["beta2"], options["eps"]
        scale = (1 - beta2**step) / (1 - beta2)
        rate = options["lr"] * math.sqrt(scale) * (1 - beta1) / (1 - beta1**step)
        inside, outside = (eps * scale, 0.0) if options["eps_inside"] else (0.0, eps * math.sqrt(scale))
        shrink = 1 - options["lr"] * options["weight_decay"] if self.decoupled else 1.0
        return beta1, beta2, rate, outside, inside, shrink


class AdamW(Adam):
    """Adam with decoupled weight decay, W ← (1 − η λ) W before each step (I. Loshchilov, F. Hutter, 2019, algorithm 2).

    Parameters
    ----------
    params, lr, beta1, beta2, eps, eps_inside, l1
        As in :class:`Adam`.
    weight_decay
        λ.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        eps_inside: bool = False,
        weight_decay: float = 0.01,
        l1: float = 0.0,
    ) -> None:
        super().__init__(params, lr, beta1, beta2, eps, eps_inside, weight_decay, l1)


def _average_of_squares(h: ndarray, g: ndarray, rho: float, a: ndarray) -> None:
    """Update h ← ρ h + (1 − ρ) g² in place, computing in `a`."""
    h *= rho
    np.multiply(g, math.sqrt(1 - rho), out=a)
    a *= a
    h += a


def _descend(p: ndarray, g: ndarray, h: ndarray, lr: float, eps: float, a: ndarray, b: ndarray) -> None:
    """Update p ← p − lr g / (√h + ε) in place, computing in `a` and `b`."""
    np.sqrt(h, out=a)
    a += eps
    np.divide(g, a, out=b)
    b *= lr
    p -= b
