"""Optimizers' updates: all parameters at once, where they lie, in one pass over memory shared out over the team."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numpy import ndarray

from ...parallel import threads
from .atomic import bind
from .jit import arrayobj, cgutils, intrinsic, kernel
from .sharing import cuts_of
from .team import hand_out, team

WORTH_SHARING = 2**14
"""Elements from which on each thread updates its stretch, which lies in its own cache after the gradients' products."""

PARAMETER, GRADIENT, STATE, END = range(4)
"""The columns of a table of parameters, one a row: two addresses; where its state begins; how many elements it and the
parameters before it have."""


@intrinsic
def _numbers(typing: Any, address: Any, skip: Any, count: Any, like: Any) -> Any:
    """View `count` numbers of the type of `like`, `skip` numbers behind an address."""
    kind = types.Array(like, 1, "C")

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start, skipped, size, _ = args
        pointer = builder.inttoptr(start, context.get_data_type(like).as_pointer())
        step = context.get_constant(types.intp, like.bitwidth // 8)
        array = context.make_array(kind)(context, builder)
        arrayobj.populate_array(
            array,
            data=builder.gep(pointer, [skipped]),
            shape=cgutils.pack_array(builder, [size]),
            strides=cgutils.pack_array(builder, [step]),
            itemsize=step,
            meminfo=None,
        )
        return array._getvalue()

    return kind(types.int64, types.intp, types.intp, like), write


@kernel
def _stretch(table: ndarray, row: int, place: int, last: int, like: Any) -> Any:
    """Find what a thread updates next, of the elements `place` to `last` of all: parameters, gradients, their state."""
    begin = table[row - 1, END] if row else 0
    size = min(last, table[row, END]) - place
    p = _numbers(table[row, PARAMETER], place - begin, size, like)
    g = _numbers(table[row, GRADIENT], place - begin, size, like)
    return p, g, table[row, STATE] + place - begin


@kernel
def _row(table: ndarray, place: int) -> int:
    """Find the parameter to which an element belongs."""
    row = 0
    while table[row, END] <= place:
        row += 1
    return row


@kernel
def _penalized(g: Any, p: Any, decay: Any, l1: Any) -> Any:
    """Add to a gradient those of ½ decay p² and l1 |p|."""
    return p * decay + g + (l1 if p > 0 else -l1 if p < 0 else p)  # at last ±0 or NaN


@kernel
def _adam(
    part: int, worker: int, cuts: ndarray, table: ndarray, ms: ndarray, vs: ndarray,
    beta1: Any, beta2: Any, rate: Any, outside: Any, inside: Any, shrink: Any, decay: Any, l1: Any,
) -> None:  # fmt: skip
    place, last = cuts[part], cuts[part + 1]
    row = _row(table, place)
    penalized = decay != 0 or l1 != 0
    while place < last:
        p, g, begin = _stretch(table, row, place, last, rate)
        m, v = ms[begin : begin + p.size], vs[begin : begin + p.size]
        for i in range(p.size):
            gradient = _penalized(g[i], p[i], decay, l1) if penalized else g[i]
            m[i] = beta1 * m[i] + gradient
            v[i] = beta2 * v[i] + gradient * gradient
            p[i] = shrink * p[i] - rate * m[i] / (math.sqrt(v[i] + inside) + outside)
        place += p.size
        row += 1


_bound_adam = bind(_adam)


@kernel
def _adam_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_adam(cuts, arguments), cuts)


def adam(table: ndarray, m: ndarray, v: ndarray, *numbers: float) -> None:
    """Do ``optim.Adam``'s update of all parameters in a table.

    Parameters
    ----------
    table
        See ``optim.chunks.Table``.
    m, v
        State, shape (n,) each, of the parameters' dtype.
    numbers
        β₁, β₂, rate, outside, inside, shrink, decay, l1: with the penalties' gradients in g,
        p ← shrink · p − rate · m / (√(v + inside) + outside), after m ← β₁ m + g and v ← β₂ v + g².
    """
    cuts = _cut(table)
    _adam_all(team(cuts), cuts, table, m, v, *map(m.dtype.type, numbers))


@kernel
def _sgd(part: int, worker: int, cuts: ndarray, table: ndarray, rate: Any, decay: Any, l1: Any) -> None:
    place, last = cuts[part], cuts[part + 1]
    row = _row(table, place)
    penalized = decay != 0 or l1 != 0
    while place < last:
        p, g, _ = _stretch(table, row, place, last, rate)
        if penalized:
            for i in range(p.size):
                p[i] -= rate * _penalized(g[i], p[i], decay, l1)
        else:
            for i in range(p.size):
                p[i] -= rate * g[i]
        place += p.size
        row += 1


_bound_sgd = bind(_sgd)


@kernel
def _sgd_all(team: ndarray, cuts: ndarray, *arguments: Any) -> None:
    hand_out(team, _bound_sgd(cuts, arguments), cuts)


def sgd(table: ndarray, dtype: np.dtype[Any], *numbers: float) -> None:
    """Do ``optim.SGD``'s update without momentum of all parameters in a table: p ← p − rate g, numbers rate, decay, l1.

    The dtype is that of the parameters; decay and l1 are the factors of the penalties (see :func:`adam`).
    """
    cuts = _cut(table)
    _sgd_all(team(cuts), cuts, table, *map(dtype.type, numbers))


def _cut(table: ndarray) -> ndarray:
    """Cut all elements into a stretch for each thread."""
    size = int(table[-1, END])
    return cuts_of(size, threads() if size >= WORTH_SHARING else 1)
