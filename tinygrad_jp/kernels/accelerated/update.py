"""Optimizers' updates in one pass over memory."""

from __future__ import annotations

import math
from typing import Any

from numpy import ndarray

from .jit import kernel


@kernel
def adam(
    p: ndarray, g: ndarray, m: ndarray, v: ndarray, beta1: Any, beta2: Any, rate: Any, outside: Any, inside: Any
) -> None:
    """Do ``optim.Adam``'s update in one pass over memory: shapes (n,); scalars of the arrays' dtype.

    p ← p − rate · m / (√(v + inside) + outside), after m ← β₁ m + g and v ← β₂ v + g².
    """
    for i in range(p.size):
        m[i] = beta1 * m[i] + g[i]
        v[i] = beta2 * v[i] + g[i] * g[i]
        p[i] -= rate * m[i] / (math.sqrt(v[i] + inside) + outside)


@kernel
def sgd(p: ndarray, g: ndarray, rate: Any) -> None:
    """Do ``optim.SGD``'s update without momentum in one pass over memory."""
    for i in range(p.size):
        p[i] -= rate * g[i]
