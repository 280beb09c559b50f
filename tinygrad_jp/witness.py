"""What is noted of ops while they run, on request: all their values, where they were called, what broke them.

Nothing of it costs anything by default. Inside ``with keep_values():`` or ``with detect_anomaly():`` the context
variable that tells whether ops are recorded holds a :class:`Witness`, and the tape shows it every op.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from .errors import AnomalyError
from .ops.table import Op

PACKAGE = str(Path(__file__).parent)
SHOWN = 3
"""So many of the offending elements are told."""


@dataclass(frozen=True)
class Source:
    """The line of the user's code that ran an op.

    Attributes
    ----------
    file, line, function
        Where it stands; the line counts from 1.
    """

    file: str
    line: int
    function: str

    @cached_property
    def text(self) -> str:
        """The line itself, without indentation; "" if the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}, in {self.function}"
        return f"{where}\n    {self.text}" if self.text else where


@dataclass(frozen=True)
class Call:
    """What an op was called with, and its result.

    Attributes
    ----------
    inputs
        Arrays and numbers, in the order of the node's edges. Leaves, which may change in place later, are copies.
    attrs
        Static arguments by name.
    out
        The result.
    """

    inputs: tuple[Any, ...]
    attrs: Mapping[str, Any]
    out: np.ndarray


@dataclass(frozen=True)
class Witness:
    """What is to be noted of the ops that run.

    Attributes
    ----------
    keeps
        Whether all values stay with the nodes (:func:`.tape.keep_values`).
    checks
        Whether the first NaN or infinity raises (:func:`.tape.detect_anomaly`).
    """

    keeps: bool = False
    checks: bool = False

    def and_(self, **more: bool) -> Witness:
        """Return a witness that notes more."""
        return replace(self, **more)

    def saw(
        self,
        op: Op[Any],
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        attrs: Mapping[str, Any],
        out: np.ndarray,
        node: Any,
    ) -> None:
        """Look at an op that ran.

        Parameters
        ----------
        op, inputs, attrs, out
            The row, what it was given (Tensors, arrays, numbers), its static arguments, its result.
        arrays
            The inputs as arrays and numbers.
        node
            Its record; None if it was not recorded.
        """
        source = caller()
        if self.checks and makes_nonfinite(out, arrays):
            raise AnomalyError(_forward_message(op, arrays, out, source))
        if node is None:
            return
        notes = node.annotate()
        notes.source = source
        if self.keeps:
            kept = zip(inputs, arrays, strict=True)
            notes.call = Call(tuple(a.copy() if _is_leaf(x) else a for x, a in kept), attrs, out)


def _is_leaf(x: Any) -> bool:
    return isinstance(x, np.ndarray) or (hasattr(x, "requires_grad") and x._node is None)


def caller() -> Source | None:
    """Find the innermost line outside this package that is running."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    if frame is None:
        return None
    return Source(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


# ---------------------------------------------------------------------------------------------------- anomalies


def makes_nonfinite(out: Any, inputs: Sequence[Any]) -> bool:
    """Tell whether a result has NaN or infinities although all inputs are finite."""
    return not _is_finite(out) and all(map(_is_finite, inputs))


def _is_finite(x: Any) -> bool:
    if isinstance(x, tuple):
        return all(map(_is_finite, x))
    array = np.asarray(x)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def check_contribution(op: Op[Any], input: int, g: Any, r: Any, earlier: Any, notes: Any) -> None:
    """Refuse a contribution to a gradient if it is NaN or infinite, or their sum is, though all before was finite.

    Parameters
    ----------
    op
        The row.
    input
        Which input's gradient it is.
    g, r
        The gradient of the result, and what the vjp made of it.
    earlier
        The sum of the contributions so far, of other uses; None if there are none.
    notes
        Of the node; with the line that recorded it, if that was noted.
    """
    g, r = map(_values, (g, r))
    recorded = _recorded(notes.source if notes else None)
    told = f"{op.name}: the backward pass made"
    if makes_nonfinite(r, (g,)):
        told += f" {_count(r)} in the gradient of {_name(op, input)}, {r.dtype} {r.shape}: {_where(r)}"
        if g.shape == r.shape:
            told += f"; the gradient that arrived there is {g[_first(r)]}"
        raise AnomalyError(told + recorded)
    if earlier is None:
        return
    with np.errstate(over="ignore"):
        total = _values(earlier) + r
    if makes_nonfinite(total, (_values(earlier), r)):
        told += f" {_count(total)} where the gradients of {_name(op, input)}, which has several uses, add up"
        raise AnomalyError(f"{told}, {total.dtype} {total.shape}: {_where(total)}{recorded}")


def _values(x: Any) -> np.ndarray:
    return np.asarray(x.numpy() if hasattr(x, "requires_grad") else x)


def _name(op: Op[Any], input: int) -> str:
    return f"{op.inputs[0]}[{input}]" if op.variadic else op.inputs[input]


def _forward_message(op: Op[Any], arrays: Sequence[Any], out: np.ndarray, source: Source | None) -> str:
    names = [f"x{i}" for i in range(len(arrays))] if op.variadic else op.inputs
    shapes = ", ".join(f"{n}: {np.result_type(a)} {np.shape(a)}" for n, a in zip(names, arrays, strict=False))
    told = f"{op.name}: the forward pass made {_count(out)} ({shapes}): {_where(out)}"
    at = _first(out)
    met = [f"{n} = {_at(a, at, out.shape)}" for n, a in zip(names, arrays, strict=False) if _fits(a, out.shape)]
    if met:
        told += f"; there {', '.join(met)}"
    return told + _recorded(source)


def _recorded(source: Source | None) -> str:
    return (
        f"\n  recorded by {source}"
        if source
        else "; run the forward pass inside detect_anomaly(), too, to see its line"
    )


def _count(array: np.ndarray) -> str:
    nans, infs = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    parts = [f"{n} {word}" for n, word in ((nans, "NaN"), (infs, "inf")) if n]
    return f"{' and '.join(parts)} among {array.size} element{'s' if array.size != 1 else ''}"


def _first(array: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, np.argwhere(~np.isfinite(array))[0]))


def _where(array: np.ndarray) -> str:
    places = np.argwhere(~np.isfinite(array))
    told = [f"{list(map(int, at))} = {array[tuple(at)]}" if array.ndim else str(array[()]) for at in places[:SHOWN]]
    return ", ".join(told) + (", …" if len(places) > SHOWN else "")


def _fits(array: Any, shape: tuple[int, ...]) -> bool:
    """Tell whether an input's elements stand, broadcast, where the result's do."""
    try:
        return np.broadcast_shapes(np.shape(array), shape) == shape
    except ValueError:
        return False


def _at(array: Any, at: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(array, shape)[at]
