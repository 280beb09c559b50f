"""Products of two matrices.

Where our own threads are in use, they take the place of the BLAS's: those wait for the next product in a loop that
occupies a processor for milliseconds, and both together are slower than either (measured: 1.5 times).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..parallel import in_use
from .fast import compiled
from .threads import each_share, one_blas_thread, pieces, workers

Array = np.ndarray[Any, Any]

SMALL = 2**18
"""Multiplications below which a BLAS does not start threads."""
WORTH_SHARING = 2**23
"""Multiplications below which one thread is about as fast as two of NumPy's pool (measured)."""
LONG = 16
"""How many times longer than broad two matrices are of which each thread reads a part, and adds its sums up: those are
few then."""


def product(a: Array, b: Array) -> Array:
    """Multiply matrices of shapes (N, K) and (K, M)."""
    multiplications = a.size * b.shape[1]
    if multiplications < SMALL or a.shape[1] != b.shape[0]:  # NumPy says what is wrong
        whole: Array = np.dot(a, b)
        return whole
    fast = compiled()
    found: Array | None = fast.multiply(a, b) if fast is not None else None
    return _by_numpy(a, b, multiplications) if found is None else found


def _by_numpy(a: Array, b: Array, multiplications: int) -> Array:
    """Multiply by NumPy's threads, or by ours if those are in use."""
    if not in_use() or workers() == 1:
        whole: Array = np.dot(a, b)
        return whole
    if multiplications < WORTH_SHARING or a.dtype != b.dtype or not a.dtype.isnative:
        with one_blas_thread():
            whole = np.dot(a, b)
        return whole
    (n, k), m = a.shape, b.shape[1]
    long = min(n, m) > 1 and k >= LONG * max(n, m)
    exact = a.dtype.kind == "f" and a.dtype.itemsize >= 4  # sums of halves' sums lose digits, those of integers widen
    return _sum_of_shares(a, b) if long and exact else _rows_of_shares(a, b)


def _rows_of_shares(a: Array, b: Array) -> Array:
    """Let each thread compute some rows of a product."""
    out = np.empty((len(a), b.shape[1]), a.dtype)

    def multiply(_: int, rows: Sequence[slice]) -> None:
        for some in rows:
            np.dot(a[some], b, out=out[some])

    each_share(multiply, pieces(len(a), -(-len(a) // workers())))
    return out


def _sum_of_shares(a: Array, b: Array) -> Array:
    """Let each thread add up some of a product's summands: of two long matrices it reads but a part."""
    summands = pieces(len(b), -(-len(b) // workers()))
    sums = np.empty((len(summands), len(a), b.shape[1]), a.dtype)

    def multiply(_: int, shares: Sequence[tuple[Array, slice]]) -> None:
        for out, some in shares:
            np.dot(a[:, some], b[some], out=out)

    each_share(multiply, list(zip(sums, summands, strict=True)))
    total: Array = np.add.reduce(sums, axis=0)
    return total
