"""Products of two matrices: NumPy's BLAS, called by the threads of the team in place of its own.

Those wait for the next product in a loop that occupies a processor for milliseconds, and when one of them is late, all
wait for it. Here each thread of the team computes stretches of the result with a BLAS of one thread.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy import ndarray

from ...buffers import empty
from ...parallel import threads
from ..threads import one_blas_thread, openblas_functions
from .atomic import bind
from .jit import intrinsic, kernel
from .sharing import cuts_of
from .team import hand_out, in_use, team

Array = np.ndarray[Any, Any]

ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112
"""Of the C interface of the BLAS."""
SHORTEST = 16
"""Rows or columns of the result that a thread computes at least."""


@intrinsic
def _gemm(
    typing: Any, address: Any, a_order: Any, b_order: Any, n: Any, m: Any, k: Any, a: Any, a_at: Any, a_step: Any,
    b: Any, b_at: Any, b_step: Any, out: Any, out_at: Any, out_step: Any,
) -> Any:  # fmt: skip
    """Call the BLAS: out (n, m) = a (n, k) · b (k, m), each from an element on, with the distance of its lines."""
    whole, order = types.int64, types.int32
    signature = types.void(
        whole, order, order, whole, whole, whole, a, whole, whole, b, whole, whole, out, whole, whole
    )  # fmt: skip

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, a_order, b_order, n, m, k, *matrices = args
        number, word, flag = (context.get_value_type(kind) for kind in (out.dtype, whole, order))
        pointer = number.as_pointer()
        places = []
        for kind, value, at, step in zip((a, b, out), matrices[::3], matrices[1::3], matrices[2::3], strict=True):
            data = context.make_array(kind)(context, builder, value).data
            places += [builder.gep(data, [at]), step]
        one, zero = number(1), number(0)
        given = [flag(ROW_MAJOR), a_order, b_order, n, m, k, one, *places[:4], zero, *places[4:]]
        kinds = [flag] * 3 + [word] * 3 + [number, pointer, word, pointer, word, number, pointer, word]
        function = builder.inttoptr(address, ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        builder.call(function, given)
        return context.get_dummy_value()

    return signature, write


@kernel
def _multiply(
    part: int, worker: int, cuts: ndarray, by_rows: bool, gemm: int, a: ndarray, a_order: int, b: ndarray, b_order: int,
    out: ndarray,
) -> None:  # fmt: skip
    """Compute some rows, or some columns, of a product; the matrices are contiguous, and transposed as told."""
    first, count = cuts[part], cuts[part + 1] - cuts[part]
    (n, m), a_step, b_step = out.shape, a.shape[1], b.shape[1]
    k = a.size // n
    if by_rows:
        a_at = first * (a_step if a_order == AS_IS else 1)
        _gemm(gemm, a_order, b_order, count, m, k, a, a_at, a_step, b, 0, b_step, out, first * m, m)
    else:
        b_at = first * (1 if b_order == AS_IS else b_step)
        _gemm(gemm, a_order, b_order, n, count, k, a, 0, a_step, b, b_at, b_step, out, first, m)


_bound_multiply = bind(_multiply, flush=False)  # a product is NumPy's, whoever computes it


@kernel
def _multiply_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Compute a product with a team; the arguments are those of :func:`_multiply`."""
    hand_out(team, _bound_multiply(cuts, arguments), cuts)


@cache
def _gemm_address(dtype: np.dtype[Any]) -> int | None:
    """Find the BLAS's product of matrices of this dtype."""
    letter = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}.get(dtype)
    found = openblas_functions(f"{{}}cblas_{letter}gemm", whole_numbers=64) if letter else None
    return ctypes.cast(found[0], ctypes.c_void_p).value if found else None


def _cut(n: int) -> Array:
    """Cut rows or columns into a stretch for each thread."""
    return cuts_of(n, max(min(threads(), n // SHORTEST), 1))


def _laid(a: Array) -> tuple[Array, int]:
    """Return a matrix, or its transpose, as a contiguous, writeable one, and which of them it is."""
    laid, order = (a.T, TRANSPOSED) if a.flags.f_contiguous else (np.ascontiguousarray(a), AS_IS)
    return laid if laid.flags.writeable else laid.copy(), order


def multiply(a: Array, b: Array) -> Array | None:
    """Compute a · b, shapes (N, K) and (K, M).

    Returns
    -------
    ndarray or None
        None for another BLAS than OpenBLAS, for other dtypes than its own, and where no layer needs the team: in a
        network without, the BLAS's own threads are as fast, and cost fewer calls.
    """
    gemm = _gemm_address(a.dtype) if a.dtype == b.dtype and in_use() else None
    if gemm is None:
        return None
    (n, m), (left, a_order), (right, b_order) = (len(a), b.shape[1]), _laid(a), _laid(b)
    out, cuts = empty((n, m), a.dtype), _cut(max(n, m))
    with one_blas_thread():
        _multiply_all(team(cuts), cuts, n >= m, gemm, left, a_order, right, b_order, out)
    return out
