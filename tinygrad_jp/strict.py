"""strict_zero: what ``where`` masked out contributes exactly 0, even where 0 · ∞ would be NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .ops.reduce import spread
from .ops.table import Array, Plan


@dataclass
class Rescue:
    """One place where ``strict_zero`` put an exact 0: the op, which input, and how many elements."""

    op: str
    input: int
    shape: tuple[int, ...]
    elements: int


@dataclass
class StrictReport:
    """What ``strict_zero`` did during its ``with`` block.

    Attributes
    ----------
    saved
        One entry for each node and input whose gradient would have been NaN.
    """

    saved: list[Rescue] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.saved:
            return "strict_zero: nothing to save"
        rows = [f"  {r.op}: {r.elements} element(s) of input {r.input}, shape {r.shape}" for r in self.saved]
        return "\n".join([f"strict_zero: exact zeros at {len(self.saved)} node input(s)", *rows])


_report: ContextVar[StrictReport | None] = ContextVar("strict_zero", default=None)
strict_report = _report.get


@contextmanager
def strict_zero() -> Iterator[StrictReport]:
    """Let a gradient of exactly 0 stay 0 through an infinite or undefined local derivative.

    Off by default, as in the other frameworks: there ``where(x > 0, sqrt(x), 0)`` has the gradient 0 · NaN = NaN at
    x = −1. Backward passes inside this ``with`` block give exactly 0 there, and the report tells at which nodes.

    Yields
    ------
    StrictReport
        Filled while backward passes run.

    Examples
    --------
    >>> x = Tensor([-1.0, 4.0], requires_grad=True)
    >>> with strict_zero() as report:
    ...     where(x > 0, sqrt(x), 0.0).sum().backward()
    >>> x.grad
    Tensor([0.  , 0.25])
    """
    report = StrictReport()
    token = _report.set(report)
    try:
        yield report
    finally:
        _report.reset(token)


def rescue(
    report: StrictReport, plan: Plan, i: int, vjp: Callable[..., Array], g: Array, saved: tuple[Any, ...], r: Array
) -> Array:
    """Replace what is not finite in `r`, a vjp's result, and comes from zeros of `g` alone, by 0."""
    undefined = ~np.isfinite(_values(r))
    if not undefined.any():
        return r
    zero = _unreached(plan, vjp, _values(g), saved, undefined)
    if zero.any():
        report.saved.append(Rescue(plan.op.name, i, r.shape, int(zero.sum())))
        r = np.where(zero, 0.0, r)
    return r


def _values(x: Array) -> np.ndarray:
    return np.asarray(x.numpy() if hasattr(x, "numpy") else x)


def _unreached(
    plan: Plan, vjp: Callable[..., Array], g: np.ndarray, saved: tuple[Any, ...], undefined: np.ndarray
) -> np.ndarray:
    """Mark the undefined elements of a vjp's result that no nonzero element of `g` reaches.

    For that the vjp is run on tags: 1 for what is not zero in `g`, and, where the op multiplies `g` by its inputs
    (dot, matmul, …), 1 for what is not finite in them. An element tagged 0 came from zeros alone.
    """
    reached = (g != 0).astype(float)
    if plan.op.family == "bilinear":
        tags = tuple(_tag_undefined(value) for value in saved)
        return undefined & (_values(vjp(reached, tags)) == 0)
    if plan.op.family == "movement":
        return undefined & (_values(vjp(reached, saved)) == 0)
    if plan.op.family == "elementwise":
        return undefined & (reached == 0)
    return undefined & ~_slices(plan, reached, saved, undefined.shape)


def _tag_undefined(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_tag_undefined(v) for v in value)
    if hasattr(value, "requires_grad") or isinstance(value, np.ndarray):
        return (~np.isfinite(_values(value))).astype(float)
    return value


def _slices(plan: Plan, reached: np.ndarray, saved: tuple[Any, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Spread "some output of this slice is reached" over the slice, for reductions and ops along an axis."""
    axis = saved[plan.names.index("axis")] if "axis" in plan.names else None
    if plan.op.family == "reduction":
        return np.broadcast_to(spread(reached, shape, axis) != 0, shape)
    if reached.shape != shape:
        axis = None
    return np.broadcast_to(reached.any(axis=axis, keepdims=axis is not None), shape)
