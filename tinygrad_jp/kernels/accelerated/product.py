"""Products of two matrices: NumPy's BLAS, called by the threads of the team in place of its own.

Those wait for the next product in a loop that occupies a processor for milliseconds, and when one of them is late, all
wait for it. Here each thread of the team computes stretches of the result with a BLAS of one thread.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy import ndarray

from ...buffers import SMALLEST, empty
from ...parallel import threads
from ..threads import openblas_functions
from .atomic import add, bind, read, relax, seize, write
from .jit import intrinsic, kernel
from .sharing import cuts_of
from .team import hand_out, team

Array = np.ndarray[Any, Any]

ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112
"""Of the C interface of the BLAS."""
SINGLE, DOUBLE, GET_THREADS, SET_THREADS, LOCKED, INSIDE, BEFORE = range(7)
"""Addresses of functions of the BLAS: products in both precisions, its threads; whether somebody is looking at what
follows; how many products hold the BLAS at one thread, and how many it had before."""
WORTH_SHARING = 2**21
"""Multiplications from which on two threads are faster than one (measured)."""


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


@intrinsic
def _blas_threads(typing: Any, address: Any) -> Any:
    """Ask the BLAS how many threads it uses."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = builder.inttoptr(args[0], ir.FunctionType(ir.IntType(32), []).as_pointer())
        return builder.call(function, [])

    return types.int32(types.int64), write


@intrinsic
def _set_blas_threads(typing: Any, address: Any, count: Any) -> Any:
    """Tell the BLAS how many threads to use."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = builder.inttoptr(args[0], ir.FunctionType(ir.VoidType(), [ir.IntType(32)]).as_pointer())
        builder.call(function, [args[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int32), write


ROWS, COLUMNS, SUMMANDS = range(3)
"""What is shared out: rows of the result, its columns, or what is added up."""


@kernel
def multiply_part(
    part: int, worker: int, cuts: ndarray, shared: int, blas: ndarray, a: ndarray, a_order: int, b: ndarray,
    b_order: int, out: ndarray, more: ndarray,
) -> None:  # fmt: skip
    """Compute some rows or columns of a product, or some of its summands.

    The matrices are contiguous, and transposed as told. The first part's summands go to `out`, shape (N, M), the
    others' to `more`, shape (parts − 1, N, M).
    """
    first, count, gemm = cuts[part], cuts[part + 1] - cuts[part], blas[DOUBLE if out.itemsize == 8 else SINGLE]
    (n, m), a_step, b_step = out.shape, a.shape[1], b.shape[1]
    k = a.size // n
    down_a, across_a = (a_step, 1) if a_order == AS_IS else (1, a_step)
    down_b, across_b = (b_step, 1) if b_order == AS_IS else (1, b_step)
    if shared == ROWS:
        _gemm(gemm, a_order, b_order, count, m, k, a, first * down_a, a_step, b, 0, b_step, out, first * m, m)
    elif shared == COLUMNS:
        _gemm(gemm, a_order, b_order, n, count, k, a, 0, a_step, b, first * across_b, b_step, out, first, m)
    else:
        a_at, b_at = first * across_a, first * down_b
        if part == 0:
            _gemm(gemm, a_order, b_order, n, m, count, a, a_at, a_step, b, b_at, b_step, out, 0, m)
        else:
            at = (part - 1) * n * m
            _gemm(gemm, a_order, b_order, n, m, count, a, a_at, a_step, b, b_at, b_step, more, at, m)


_bound_multiply = bind(multiply_part, flush=False)  # a product is NumPy's, whoever computes it


@kernel
def _lock(blas: ndarray) -> None:
    while not seize(blas, LOCKED):
        relax()


@kernel
def hand_out_products(team: ndarray, bound: tuple[int, int], cuts: ndarray, blas: ndarray) -> None:
    """Do what ``hand_out`` does, with a BLAS of one thread in each of ours.

    It has one number of threads for all of the process: the first takes them away, the last to leave gives them back.
    """
    _lock(blas)
    if read(blas, INSIDE) == 0:
        write(blas, BEFORE, _blas_threads(blas[GET_THREADS]))
    add(blas, INSIDE, 1)
    if read(blas, BEFORE) != 1:  # see kernels.threads
        _set_blas_threads(blas[SET_THREADS], 1)
    write(blas, LOCKED, 0)
    hand_out(team, bound, cuts)
    _lock(blas)
    if read(blas, INSIDE) == 1 and read(blas, BEFORE) != 1:
        _set_blas_threads(blas[SET_THREADS], read(blas, BEFORE))
    add(blas, INSIDE, -1)
    write(blas, LOCKED, 0)


@kernel
def add_up(out: ndarray, more: ndarray) -> None:
    """Add the other threads' sums to those of the first."""
    for i in range(len(more)):
        out += more[i]


@kernel
def _multiply_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    """Compute a product with a team; the arguments are those of :func:`multiply_part`."""
    blas, out, more = arguments[1], arguments[-2], arguments[-1]
    hand_out_products(team, _bound_multiply(cuts, arguments), cuts, blas)
    add_up(out, more)


def _give_back(blas: Array, set_threads: Any) -> None:
    """Give the BLAS its threads back in a child process, if another thread of the parent was inside a product."""
    blas[LOCKED] = 0
    if blas[INSIDE]:
        blas[INSIDE] = 0
        set_threads(int(blas[BEFORE]))


def _find_blas() -> Array | None:
    names = "{}cblas_sgemm", "{}cblas_dgemm", "{}openblas_get_num_threads", "{}openblas_set_num_threads"
    found = openblas_functions(*names, whole_numbers=64)
    if not found:
        return None
    blas = np.array([*(ctypes.cast(function, ctypes.c_void_p).value for function in found), 0, 0, 0])
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(_give_back, blas, found[SET_THREADS]))
    return blas


_BLAS = _find_blas()  # at the import, which happens once: two threads that find it together must not count apart


@cache
def blas_for(dtype: np.dtype[Any]) -> Array | None:
    """Return what a product of matrices of this dtype needs to know of the BLAS, if it can be called."""
    return _BLAS if dtype in (np.float32, np.float64) else None


def laid(a: Array) -> tuple[Array, int]:
    """Return a matrix, or its transpose, as a contiguous, writeable one, and which of them it is."""
    matrix, order = (a.T, TRANSPOSED) if a.flags.f_contiguous else (np.ascontiguousarray(a), AS_IS)
    return matrix if matrix.flags.writeable else matrix.copy(), order


MOST = 2**20
"""Numbers that the threads' sums may take, if they share out summands."""


@lru_cache(maxsize=256)
def _cut(n: int, k: int, m: int, count: int) -> tuple[Array, int, int]:
    """Choose what so many threads share out, where they cut it, and how many sums there are to be added to the first.

    They share the longest side of the two matrices. Then each reads a part of its own of the larger one. If those are
    rows of a weight, then it has the same part in its cache when the gradient is computed and the optimizer changes the
    weight (measured: reading what another processor changed last takes longer than the product).
    """
    if k >= 2 * max(n, m) and n * m * (count - 1) <= MOST:
        return cuts_of(k, count), SUMMANDS, count - 1
    shared, length = (ROWS, n) if n >= m else (COLUMNS, m)
    return cuts_of(length, min(count, length)), shared, 0


@cache
def _nothing(dtype: np.dtype[Any]) -> Array:
    return np.empty((0, 0, 0), dtype)


def room(n: int, m: int, dtype: np.dtype[Any]) -> Array:
    """Return a matrix of any content."""
    return empty((n, m), dtype) if n * m * dtype.itemsize >= SMALLEST else np.empty((n, m), dtype)


def share(n: int, k: int, m: int, dtype: np.dtype[Any]) -> tuple[Array, int, Array, Array]:
    """Choose how the threads share out a product of shapes (N, K) and (K, M), and make room for it.

    Returns
    -------
    cuts, shared, out, more
        As :func:`multiply_part` takes them.
    """
    cuts, shared, others = _cut(n, k, m, threads() if n * k * m >= WORTH_SHARING else 1)
    more = np.empty((others, n, m), dtype) if others else _nothing(dtype)
    return cuts, shared, room(n, m, dtype), more


def multiply(a: Array, b: Array) -> Array | None:
    """Compute a · b, shapes (N, K) and (K, M); None for another BLAS than OpenBLAS, and for other dtypes than its own.

    The result does not depend on who computes which part, nor on what the process did before.
    """
    blas = blas_for(a.dtype) if a.dtype == b.dtype else None
    if blas is None:
        return None
    (n, k), m = a.shape, b.shape[1]
    cuts, shared, out, more = share(n, k, m, a.dtype)
    _multiply_all(team(cuts), cuts, shared, blas, *laid(a), *laid(b), out, more)
    return out
