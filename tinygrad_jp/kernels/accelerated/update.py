"""Optimizers' updates in one pass over memory, shared out over the team."""

from __future__ import annotations

import math
from typing import Any

from numpy import ndarray

from .atomic import bind
from .jit import kernel
from .sharing import cut
from .team import hand_out, team


@kernel
def _adam(
    part: int, worker: int, cuts: ndarray, p: ndarray, g: ndarray, m: ndarray, v: ndarray,
    beta1: Any, beta2: Any, rate: Any, outside: Any, inside: Any,
) -> None:  # fmt: skip
    first, last = cuts[part], cuts[part + 1]
    p, g, m, v = p[first:last], g[first:last], m[first:last], v[first:last]  # else the loop does without vectors
    for i in range(p.size):
        m[i] = beta1 * m[i] + g[i]
        v[i] = beta2 * v[i] + g[i] * g[i]
        p[i] -= rate * m[i] / (math.sqrt(v[i] + inside) + outside)


_bound_adam = bind(_adam)


@kernel
def _adam_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_adam(cuts, arguments), cuts)


def adam(
    p: ndarray, g: ndarray, m: ndarray, v: ndarray, beta1: Any, beta2: Any, rate: Any, outside: Any, inside: Any
) -> None:
    """Do ``optim.Adam``'s update in one pass over memory: shapes (n,); scalars of the arrays' dtype.

    p ← p − rate · m / (√(v + inside) + outside), after m ← β₁ m + g and v ← β₂ v + g².
    """
    cuts = cut(p.size, p.size)
    _adam_all(team(cuts, layer=False), cuts, p, g, m, v, beta1, beta2, rate, outside, inside)


@kernel
def _sgd(part: int, worker: int, cuts: ndarray, p: ndarray, g: ndarray, rate: Any) -> None:
    first, last = cuts[part], cuts[part + 1]
    p, g = p[first:last], g[first:last]
    for i in range(p.size):
        p[i] -= rate * g[i]


_bound_sgd = bind(_sgd)


@kernel
def _sgd_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_sgd(cuts, arguments), cuts)


def sgd(p: ndarray, g: ndarray, rate: Any) -> None:
    """Do ``optim.SGD``'s update without momentum in one pass over memory."""
    cuts = cut(p.size, p.size)
    _sgd_all(team(cuts, layer=False), cuts, p, g, rate)
