"""Kernels compiled by numba; each has a twin in NumPy that says what it computes."""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

import numba
from numpy import ndarray

F = TypeVar("F")


def kernel(function: F) -> F:
    """Compile a function once for each combination of dtypes, and keep it on the disk.

    Other threads run while it does. Nothing is reordered, so that results are the same in every run.
    """
    compile: Any = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast(F, compile(function))


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
