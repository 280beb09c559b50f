"""strict_zero: what ``where`` masked out contributes exactly 0, even where 0 · ∞ would be NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .ops.reduce import spread
from .ops.table import Array, Plan

if TYPE_CHECKING:
    from .tape import Node


class Rescue(NamedTuple):
    """One place where ``strict_zero`` put an exact 0: the op, which input, and how many elements."""

    op: str
    input: int
    shape: tuple[int, ...]
    elements: int


class StrictReport:
    """What ``strict_zero`` did during its ``with`` block.

    Attributes
    ----------
    saved
        One entry for each node and input whose gradient would have been NaN.
    """

    def __init__(self) -> None:
        self.saved: list[Rescue] = []

    def __repr__(self) -> str:
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
    report: StrictReport, node: Node, i: int, vjp: Callable[..., Array], g: Array, saved: tuple[Any, ...], r: Array
) -> Array:
    """Mend what is not finite in `r`, a vjp's result, only because zeros of `g` met something not finite."""
    plan = node.plan
    undefined = ~np.isfinite(_values(r))
    if plan.op.family == "movement" or not undefined.any():
        return r  # what moves elements multiplies nothing
    instead: Array = 0.0
    nonzero = (_values(g) != 0).astype(float)
    if plan.op.family == "elementwise" and nonzero.shape == undefined.shape:
        reached = nonzero != 0
    elif plan.op.family == "bilinear":
        # Tags of 1 travel through the vjp: they meet where a nonzero g meets an undefined input
        tags = _map_factors(lambda v: (~np.isfinite(_values(v))).astype(float), saved, plan)
        reached = _values(vjp(nonzero, tags)) != 0
        instead = vjp(g, _map_factors(lambda v: np.where(np.isfinite(v), v, 0.0), saved, plan))
    else:
        reached = _slices_with(nonzero, plan, saved, undefined.shape)
    mended = undefined & ~reached & np.isfinite(_values(instead))
    if mended.any():
        report.saved.append(Rescue(plan.op.name, i, r.shape, int(mended.sum())))
        node.annotate().rescued += (i,)
        r = np.where(mended, instead, r)
    return r


def _values(x: Array) -> np.ndarray:
    return np.asarray(x.numpy() if hasattr(x, "requires_grad") else x)


def _map_factors(function: Callable[[Array], Array], saved: tuple[Any, ...], plan: Plan) -> tuple[Any, ...]:
    """Apply a function to the inputs among saved values, in which the op is linear; what else it kept only selects."""
    inputs = {len(saved) + position for position, _ in plan.saved_inputs}
    return tuple(_map_arrays(function, value) if i in inputs else value for i, value in enumerate(saved))


def _map_arrays(function: Callable[[Array], Array], saved: Any) -> Any:
    """Apply a function to every array (or Tensor) among saved values; shapes and static arguments stay."""
    if isinstance(saved, tuple):
        return tuple(_map_arrays(function, value) for value in saved)
    return function(saved) if isinstance(saved, np.ndarray) or hasattr(saved, "requires_grad") else saved


def _slices_with(nonzero: np.ndarray, plan: Plan, saved: tuple[Any, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Mark every element of a slice that has a nonzero gradient, for reductions and ops along an axis."""
    axis = saved[plan.names.index("axis")] if "axis" in plan.names else None
    if plan.op.family == "reduction":
        return np.broadcast_to(spread(nonzero, shape, axis) != 0, shape)
    if nonzero.shape != shape or plan.op.family == "elementwise":
        axis = None
    return np.broadcast_to(nonzero.any(axis=axis, keepdims=axis is not None), shape)
