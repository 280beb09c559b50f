"""Gradients kept from exploding."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError, DtypeError
from ..tape import changes
from ..tensor import Tensor


def clip_grad_norm(params: Iterable[Tensor] | Tensor, max_norm: float) -> float:
    """Scale all gradients together, in place, so that their norm is at most `max_norm` (R. Pascanu et al., 2013).

    Parameters
    ----------
    params
        Those without a gradient are passed over.
    max_norm
        Positive.

    Returns
    -------
    float
        The norm before: the root of the sum of squares over all gradients. If it is not finite nothing is changed.
    """
    _check_positive("clip_grad_norm: max_norm", max_norm)
    grads = _gradients("clip_grad_norm", params)
    norm = math.sqrt(sum(_sum_of_squares(g) for g in grads))
    if max_norm < norm < math.inf:
        for g in grads:
            np.multiply(g, max_norm / norm, out=g, dtype=np.promote_types(g.dtype, np.float32), casting="same_kind")
            changes.mark(g)
    return norm


def clip_grad_value(params: Iterable[Tensor] | Tensor, max_value: float) -> None:
    """Clip every element of every gradient to [−max_value, max_value], in place.

    Parameters
    ----------
    params
        Those without a gradient are passed over.
    max_value
        Positive.
    """
    _check_positive("clip_grad_value: max_value", max_value)
    for g in _gradients("clip_grad_value", params):
        np.clip(g, -max_value, max_value, out=g)
        changes.mark(g)


def _check_positive(what: str, value: float) -> None:
    if not value > 0:
        raise ArgumentError(f"{what} must be positive, got {value}")


def _gradients(name: str, params: Iterable[Tensor] | Tensor) -> list[ndarray]:
    """Return the arrays of those gradients that there are."""
    given = [params] if isinstance(params, Tensor) else list(params)
    if not given:
        raise ArgumentError(f"{name}: got no parameters (was a generator such as net.parameters() used up before?)")
    for p in given:
        if not isinstance(p, Tensor):
            raise DtypeError(f"{name}: needs Tensors with gradients, got {type(p).__name__}")
    return [p.grad.numpy() for p in given if p.grad is not None]


def _sum_of_squares(g: ndarray) -> float:
    """Return Σ g², in float64 where the gradient's own precision does not reach."""
    squares = 0.0 if g.dtype == np.float16 else float(np.vdot(g, g))
    return squares if 0 < squares < math.inf else float(np.vdot(g.astype(float), g.astype(float)))
