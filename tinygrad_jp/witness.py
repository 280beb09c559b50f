"""What is noted of ops while they run, on request: all their values, where they were called, what broke them.

Nothing of it costs anything by default. Inside ``with keep_values():`` or ``with detect_anomaly():`` the context
variable that tells whether ops are recorded holds a :class:`Witness`, and the tape shows it every op.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from itertools import islice
from types import CodeType, FrameType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from .errors import AnomalyError
from .ops.table import Op
from .outline import outline

PACKAGE = os.path.dirname(__file__)
SHOWN = 3
"""So many of the offending elements are told."""


class Source(NamedTuple("Source", [("file", str), ("line", int), ("function", str)])):
    """The line of the user's code that ran an op.

    Attributes
    ----------
    file, line, function
        Where it stands; the line counts from 1.
    """

    @cached_property
    def text(self) -> str:
        """The line itself, without indentation; "" if the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}, in {self.function}"
        return f"{where}\n    {self.text}" if self.text else where


class Site:
    """Where in the program an op ran: all calls that lead there, those in one line told apart.

    Equal sites are one object as long as anything holds it.

    Parameters
    ----------
    held
        What the identities belong to by which it is found, so that nothing else gets them.
    """

    __slots__ = ("__weakref__", "_held")

    def __init__(self, held: Sequence[Any]) -> None:
        self._held = held


class Call(NamedTuple):
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


class Witness:
    """What is to be noted of the ops that run.

    Attributes
    ----------
    keeps
        Whether all values stay with the nodes (:func:`.tape.keep_values`).
    checks
        Whether the first NaN or infinity raises (:func:`.tape.detect_anomaly`).
    backward_of
        Where the op ran of which the ops compute a gradient, and of which input: in the program all gradients come from
        one place.
    outlines
        Whether ops only tell the shapes and dtypes of their results (:func:`.tape.outlines`).
    records
        Whether ops are recorded; where they are not, the witness, which then is false, only sees to that.
    """

    keeps: bool = False
    checks: bool = False
    backward_of: Any = None
    outlines: bool = False
    records: bool = True

    def __init__(self, **notes: Any) -> None:
        vars(self).update(notes)

    def __bool__(self) -> bool:
        return self.records

    def and_(self, **more: Any) -> Witness:
        """Return a witness that notes more."""
        other = copy(self)
        vars(other).update(more)
        return other

    def run(self, op: Op[Any], arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Return what an op computes, and with it what the op keeps; or blanks in their place.

        Parameters
        ----------
        op, arrays, attrs
            The row, its inputs as arrays and numbers, its static arguments.
        """
        if self.outlines:
            return outline(op, arrays, attrs)
        return op.run(*((tuple(arrays),) if op.variadic else arrays), **attrs)

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
        if self.checks and not self.outlines and makes_nonfinite(out, arrays):
            raise AnomalyError(_forward_message(op, arrays, out, source))
        if node is None:
            return
        notes = node.annotate()
        notes.source = source
        notes.site = site(self.backward_of)
        if self.keeps and not self.outlines:
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


def site(backward_of: Any = None) -> Site:
    """Find where the program is: what all functions are at, and of what a gradient is computed."""
    codes: list[CodeType] = []
    key = [backward_of]
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        codes.append(frame.f_code)
        key += id(frame.f_code), frame.f_lasti
        frame = frame.f_back
    known = _known_sites.get(tuple(key))
    if known is None:
        # one place in the text can be several instructions, which Python also changes while it runs
        text = backward_of, *(part for at in zip(codes, key[2::2], strict=True) for part in _in_text(*at))
        known = _known_sites[tuple(key)] = _sites.setdefault(text, Site(codes))
    return known


def _in_text(code: CodeType, instruction: int) -> tuple[Any, ...]:
    """Return a function, and where in its text an instruction stands: lines and columns."""
    return id(code), *next(islice(code.co_positions(), instruction // 2, None))


_sites: WeakValueDictionary[tuple[Any, ...], Site] = WeakValueDictionary()
_known_sites: WeakValueDictionary[tuple[Any, ...], Site] = WeakValueDictionary()
"""The same by instructions, which are found more quickly."""


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
