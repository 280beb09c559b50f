"""The one loop in which compiled convolutions spend their time: a tile of a product of matrices, in registers.

A tile is a few rows of a few vectors of numbers. Its sums stay in the processor's registers while it runs over all
factors; numba cannot say that, so the loop is written in LLVM's own language.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numpy import ndarray

from .jit import cgutils, intrinsic, kernel
from .vectors import BYTES, Writer


def _make(rows: int, vectors: int) -> Callable[..., None]:
    """Write the loop for tiles of so many rows of so many vectors: sums, factors and pointers fit the registers."""

    @intrinsic
    def add_products(
        typing: Any, out: Any, out_at: Any, out_step: Any, start: Any, start_at: Any, start_step: Any, least: Any,
        a: Any, a_at: Any, row: Any, row_at: Any, run: Any, runs: Any, b: Any, b_at: Any, b_step: Any,
    ) -> Any:  # fmt: skip
        """Compute a tile; see :func:`add_products` below."""
        n = types.intp
        signature = types.void(out, n, n, start, n, n, out.dtype, a, n, row, n, run, n, b, n, n)

        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            writer = Writer(context, builder, out.dtype)
            _write(writer, rows, vectors, *writer.unpack(signature, args))
            return context.get_dummy_value()

        return signature, write

    made: Callable[..., None] = add_products
    return made


def _write(
    w: Writer, rows: int, vectors: int, out: Any, out_at: Any, out_step: Any, start: Any, start_at: Any,
    start_step: Any, least: Any, a: Any, a_at: Any, row: Any, row_at: Any, run: Any, runs: Any, b: Any, b_at: Any,
    b_step: Any,
) -> None:  # fmt: skip
    """Write a tile: sums begin with 0, grow in the loop, and are stored."""
    across = [v * w.lanes for v in range(vectors)]
    sums = [[w.variable(w.constant(0)) for _ in across] for _ in range(rows)]
    begins = [w.at(a, a_at, w.builder.load(w.at(row, row_at, r))) for r in range(rows)]
    with cgutils.for_range(w.builder, runs) as loop:
        at = w.builder.load(w.at(run, loop.index))
        factors = [w.load(w.at(b, b_at, (loop.index, b_step), v)) for v in across]
        for begin, line in zip(begins, sums, strict=True):
            number = w.splat(w.builder.load(w.at(begin, at)))
            for factor, place in zip(factors, line, strict=True):
                w.builder.store(w.fma(number, factor, w.builder.load(place)), place)
    lowest = w.splat(least)
    for r, line in enumerate(sums):
        for v, place in zip(across, line, strict=True):
            begun = w.load(w.at(start, start_at, (start_step, r), v))  # added last: long sums lose fewer digits so
            value = w.builder.fadd(w.builder.load(place), begun)
            value = w.builder.select(w.builder.fcmp_ordered("<", value, lowest), lowest, value)  # keeps a NaN
            w.store(value, w.at(out, out_at, (out_step, r), v))


WIDE, NARROW = 6, 9 if BYTES == 64 else 8
"""Rows of tiles of two vectors and of one: with 32 registers for vectors, a 3×3 filter of one channel is a tile."""
_wide = _make(WIDE, 2)
_narrow = _make(NARROW, 1)


@kernel
def tile_rows(vectors: int) -> int:
    """How many rows a tile of one or two vectors has."""
    return WIDE if vectors == 2 else NARROW


@kernel
def add_products(
    vectors: int, out: ndarray, out_at: int, out_step: int, start: ndarray, start_at: int, start_step: int, least: Any,
    a: ndarray, a_at: int, row: ndarray, row_at: int, run: ndarray, runs: int, b: ndarray, b_at: int, b_step: int,
) -> None:  # fmt: skip
    """Compute a tile of one or two vectors: out[r, v] = max(least, start[r, v] + Σ a[row r + run t] · b[t, v]).

    All arrays are flat; a number behind ``_at`` says where to begin, one behind ``_step`` how far it is to the next.

    Parameters
    ----------
    vectors
        In a row of the tile.
    out, out_at, out_step
        Where the tile goes; the distance of its rows.
    start, start_at, start_step
        What the sums are added to.
    least
        The smallest result: 0 for relu, −∞ for none.
    a, a_at, row, row_at, run, runs
        Factors ``a[a_at + row[row_at + r] + run[t]]``, for `runs` values of t.
    b, b_at, b_step
        Factors ``b[b_at + t · b_step + v]``.
    """
    if vectors == 2:
        _wide(
            out, out_at, out_step, start, start_at, start_step, least,
            a, a_at, row, row_at, run, runs, b, b_at, b_step,
        )  # fmt: skip
    else:
        _narrow(
            out, out_at, out_step, start, start_at, start_step, least,
            a, a_at, row, row_at, run, runs, b, b_at, b_step,
        )  # fmt: skip


# ------------------------------------------------------------------------------------------------ tiles of matrices


def _make_of_matrices(rows: int, vectors: int, transposed: bool) -> Callable[..., None]:
    """Write the loop for a product of matrices that lie in memory as such: no tables, nothing to add, no bound."""

    @intrinsic
    def multiply(
        typing: Any, out: Any, out_at: Any, out_step: Any, more: Any,
        a: Any, a_at: Any, a_step: Any, count: Any, b: Any, b_at: Any, b_step: Any,
    ) -> Any:  # fmt: skip
        """Compute a tile; see :func:`multiply_tile` below."""
        n = types.intp
        signature = types.void(out, n, n, types.boolean, a, n, n, n, b, n, n)

        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            writer = Writer(context, builder, out.dtype)
            _write_of_matrices(writer, rows, vectors, transposed, *writer.unpack(signature, args))
            return context.get_dummy_value()

        return signature, write

    made: Callable[..., None] = multiply
    return made


SHARING = 3
"""Rows that are reached from one pointer, by addresses that the processor computes on its own: pointers are few."""


def _write_of_matrices(
    w: Writer, rows: int, vectors: int, transposed: bool, out: Any, out_at: Any, out_step: Any, more: Any,
    a: Any, a_at: Any, a_step: Any, count: Any, b: Any, b_at: Any, b_step: Any,
) -> None:  # fmt: skip
    """Write a tile: sums begin with 0, grow in the loop, and are stored or added."""
    across = [v * w.lanes for v in range(vectors)]
    sums = [[w.variable(w.constant(0)) for _ in across] for _ in range(rows)]
    first, factors_at = w.at(a, a_at), w.at(b, b_at)
    begins = [w.at(first, (a_step, r)) for r in range(0, rows, SHARING)]
    with cgutils.for_range(w.builder, count) as loop:
        factors = [w.load(w.at(factors_at, (loop.index, b_step), v)) for v in across]
        column = w.at(first, (loop.index, a_step))
        for r, line in enumerate(sums):
            begin = begins[r // SHARING]
            place = w.at(column, r) if transposed else w.at(begin, loop.index, (a_step, r % SHARING))
            number = w.splat(w.builder.load(place))
            for factor, total in zip(factors, line, strict=True):
                w.builder.store(w.fma(number, factor, w.builder.load(total)), total)
    for r, line in enumerate(sums):
        for v, total in zip(across, line, strict=True):
            place = w.at(out, out_at, (out_step, r), v)
            with w.builder.if_then(more):
                w.builder.store(w.builder.fadd(w.builder.load(total), w.load(place)), total)
            w.store(w.builder.load(total), place)


_WIDE_ROWS, _NARROW_ROWS = (8, 16) if BYTES == 64 else (6, 8)
"""Their sums fill half of the processor's registers, or most of them where there are 16."""
_SIZES = (_WIDE_ROWS, 2), (_NARROW_ROWS, 1)
_matrix_wide, _matrix_narrow = (_make_of_matrices(*size, False) for size in _SIZES)
_transposed_wide, _transposed_narrow = (_make_of_matrices(*size, True) for size in _SIZES)


@kernel
def matrix_rows(vectors: int) -> int:
    """How many rows a tile of :func:`multiply_tile` has."""
    return _WIDE_ROWS if vectors == 2 else _NARROW_ROWS


@kernel
def multiply_tile(
    vectors: int, out: ndarray, out_at: int, out_step: int,
    a: ndarray, a_at: int, a_step: int, count: int, b: ndarray, b_at: int, b_step: int,
) -> None:  # fmt: skip
    """Compute a tile of one or two vectors of a product: out[r, v] = Σ a[r, t] · b[t, v].

    All arrays are flat; a number behind ``_at`` says where to begin, one behind ``_step`` how far the next row is.

    Parameters
    ----------
    vectors
        In a row of the tile.
    out, out_at, out_step
        Where the tile goes.
    a, a_at, a_step, count
        First matrix, and how many products are added up.
    b, b_at, b_step
        Second matrix.
    """
    if vectors == 2:
        _matrix_wide(out, out_at, out_step, False, a, a_at, a_step, count, b, b_at, b_step)
    else:
        _matrix_narrow(out, out_at, out_step, False, a, a_at, a_step, count, b, b_at, b_step)


@kernel
def multiply_transposed_tile(
    vectors: int, out: ndarray, out_at: int, out_step: int, more: bool,
    a: ndarray, a_at: int, a_step: int, count: int, b: ndarray, b_at: int, b_step: int,
) -> None:  # fmt: skip
    """Compute a tile of the product with the transpose of `a`: out[r, v] = Σ a[t, r] · b[t, v].

    With `more` it is added to what is there; the others as in :func:`multiply_tile`.
    """
    if vectors == 2:
        _transposed_wide(out, out_at, out_step, more, a, a_at, a_step, count, b, b_at, b_step)
    else:
        _transposed_narrow(out, out_at, out_step, more, a, a_at, a_step, count, b, b_at, b_step)
