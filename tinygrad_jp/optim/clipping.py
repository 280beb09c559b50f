"""Gradients kept from exploding."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..errors import ArgumentError
from ..tape import changes
from ..tensor import Tensor


def clip_grad_norm(params: Iterable[Tensor], max_norm: float) -> float:
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
    grads = [p.grad.numpy() for p in params if p.grad is not None]
    norm = math.sqrt(
        sum(float(np.vdot(g, g)) for g in (g.astype(float) if g.dtype == np.float16 else g for g in grads))
    )
    if max_norm < norm < math.inf:
        for g in grads:
            g *= max_norm / norm
            changes.mark(g)
    return norm


def clip_grad_value(params: Iterable[Tensor], max_value: float) -> None:
    """Clip every element of every gradient to [−max_value, max_value], in place.

    Parameters
    ----------
    params
        Those without a gradient are passed over.
    max_value
        Positive.
    """
    _check_positive("clip_grad_value: max_value", max_value)
    for p in params:
        if p.grad is not None:
            g = p.grad.numpy()
            np.clip(g, -max_value, max_value, out=g)
            changes.mark(g)


def _check_positive(what: str, value: float) -> None:
    if not value > 0:
        raise ArgumentError(f"{what} must be positive, got {value}")
