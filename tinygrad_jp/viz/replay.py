"""A recorded computation run again, with its fused ops opened into the primitives they are made of."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DtypeError, GraphError, TinygradError
from ..nn.module import Parameter
from ..ops import Op
from ..strict import strict_zero
from ..tape import Hooks, Node, Outline, clock, decomposing, recording
from ..tensor import Tensor, as_tensor, from_node
from ..witness import Call, Witness
from .record import reachable
from .watch import Run, Runs, moved, stand_in


def replay(y: Tensor, runs: Runs | None = None) -> tuple[Tensor, Runs | None]:
    """Compute a recorded result again, in primitives: fused ops become the smaller ops they are made of.

    Everything comes from what ``keep_values()`` kept: the user's model does not run, no random number is drawn and no
    hook is called. If a backward pass went through the graph, the same gradient of the result goes back through the
    new one; where hooks saw it, with what they made of it then (those of a leaf, if they were last called here). A
    fused op stays fused where its primitives overflow although it does not.

    Parameters
    ----------
    y
        A result that was recorded inside ``with keep_values():``. It and its graph stay as they are.
    runs
        What ``viz.watch`` noted of the modules meanwhile.

    Returns
    -------
    Tensor
        The same result at the end of the new graph, with new leaves; names and lines of code are those of `y`.
    Runs or None
        The modules' runs in the times of the new nodes, and inside them one for each op that was opened; its module
        is a stand-in of the op's name, as is the model if no runs were given. None if then nothing was opened.

    Raises
    ------
    GraphError
        If nothing was recorded, or not inside ``keep_values()``; or for an op that draws random numbers itself.
    """
    if not isinstance(y, Tensor):
        raise DtypeError(f"viz.replay: runs a Tensor's computation again, got {type(y).__name__}")
    if runs is not None and not isinstance(runs, Runs):
        raise DtypeError(f"viz.replay: runs= is what viz.watch(model) gives, got {type(runs).__name__}")
    if y._node is None:
        raise GraphError(f"viz.replay: nothing was recorded for {y._label()}; there is nothing to open")
    nodes = reachable([y._node])
    calls = [_call(node) for node in nodes]
    return copy_context().run(_replayed, y, nodes, calls, runs)


def _call(node: Node) -> Call:
    if node.call is None:
        raise GraphError(
            f"viz.replay: {node.plan.op.name} was recorded without the values that flowed into it; compute the result "
            "inside `with keep_values():` to open its fused ops"
        )
    return node.call


def _replayed(y: Tensor, nodes: Sequence[Node], calls: Sequence[Call], runs: Runs | None) -> tuple[Tensor, Runs | None]:
    """Run all ops again, and backward; those whose primitives bring no finite gradient stay fused in another round."""
    recording.set(Witness(keeps=True))
    decomposing.set(True)
    fused: set[Node] = set()
    with np.errstate(all="ignore"):  # the first run warned
        while True:
            again = _Again(fused)
            for node, call in zip(nodes, calls, strict=True):
                again.run(node, call)
            with strict_zero() if any(node.rescued for node in nodes) else nullcontext():
                result = again.result(y)
            broken = {opened.old for opened in again.opened if _breaks_gradient(opened)}
            if not broken:
                again.forget_what_was_not_computed()
                return result, _frames(runs, again)
            fused |= broken


@dataclass(frozen=True, eq=False)
class _Opened:
    """An op and the nodes that took its place, in the order of time, the last with its result."""

    old: Node
    new: Sequence[Node]
    inputs: tuple[Any, ...]


class _Again:
    """A computation that is run again.

    Parameters
    ----------
    fused
        Nodes whose ops stay fused.

    Attributes
    ----------
    opened
        The ops that were opened.
    """

    def __init__(self, fused: set[Node]) -> None:
        self.opened: list[_Opened] = []
        self._fused = fused
        self._kept: list[tuple[Node, Node]] = []  # old and new node of what was not opened
        self._results: dict[int, Tensor] = {}  # by the order of the old node
        self._leaves: dict[int, list[Tensor]] = {}
        self._orders: list[int] = []  # of the old nodes,
        self._starts: list[int] = []  # and when each of them ran again

    def run(self, node: Node, call: Call) -> None:
        """Run a node's op on what its inputs have become."""
        start = clock()
        self._orders.append(node.order)
        self._starts.append(start)
        inputs = tuple(
            self._input(edge, value, i in node.plan.active)
            for i, (edge, value) in enumerate(zip(node.edges, call.inputs, strict=True))
        )
        made = [] if node in self._fused else _in_primitives(node.plan.op, inputs, call, start)
        if made:
            self.opened.append(_Opened(node, made, inputs))
        else:
            made = [_as_it_was(node.plan.op, inputs, call)]
            self._kept.append((node, made[0]))
        for k, new in enumerate(made):
            new.annotate().source = node.source
            new.annotate().site = None if node.site is None else (node.site, k)
        _repeat_hooks(node, made[-1])
        self._results[node.order] = result = from_node(call.out, made[-1])
        result.name = node.name

    def _input(self, edge: Any, value: Any, active: bool) -> Any:
        if isinstance(edge, Node):
            return self._results[edge.order]
        if isinstance(edge, Tensor):
            return self._leaf(edge, value, active)
        return Tensor(value, name=edge.name) if isinstance(edge, Outline) and edge.name else value

    def _leaf(self, leaf: Tensor, value: np.ndarray, active: bool) -> Tensor:
        """Return the new leaf for an old one: the same for all its uses, unless it was changed in between."""
        known = self._leaves.setdefault(id(leaf), [])
        if not known or not np.array_equal(known[-1].numpy(), value, equal_nan=value.dtype.kind == "f"):
            known.append(_new_leaf(leaf, value, active))
        return known[-1]

    def result(self, y: Tensor) -> Tensor:
        """Return what the result became, after a backward pass if there was one."""
        assert y._node is not None
        result = self._results[y._node.order]
        result.name = y.name
        gradient = y._node.gradients[-1] if y._node.gradients else None
        if isinstance(gradient, np.ndarray):
            result.backward(gradient)
        self._starts.append(clock())
        return result

    def forget_what_was_not_computed(self) -> None:
        """Take away the gradients that the first backward pass, which may have had its targets, did not compute."""
        for node, new in self._kept:
            if new.gradients is not None:
                computed = node.gradients or [None] * len(new.gradients)
                new.gradients = [None if o is None else g for o, g in zip(computed, new.gradients, strict=True)]
        for opened in self.opened:
            if opened.old.gradients is None:
                for new in opened.new:
                    new.gradients = None

    def time(self, time: int) -> int:
        """Return the time in this run that is before all that was made later than `time` in the first run."""
        return self._starts[bisect_right(self._orders, time)]

    def start(self, node: Node) -> int:
        """Return when a node of the first run began to run again."""
        return self._starts[bisect_left(self._orders, node.order)]

    def order(self, order: int) -> int:
        """Return the order of the node that a node of this order became; if it was not among them, its own."""
        result = self._results.get(order)
        return order if result is None or result._node is None else result._node.order

    def value(self, value: Any) -> Any:
        """Return what a leaf became; all else as it is."""
        known = self._leaves.get(id(value))
        return known[0] if known else value


# ---------------------------------------------------------------------------------------------- one op


def _in_primitives(op: Op[Any], inputs: Sequence[Any], call: Call, start: int) -> list[Node]:
    """Run a fused op's decomposition and return its nodes; none if there are none, or they do not give its result."""
    if op.decomposition is None:
        return []
    try:
        result = as_tensor(op.decomposition(*map(as_tensor, inputs), **op.defaults | dict(call.attrs)))
    except TinygradError:  # such as an im2col that would not fit into memory
        return []
    overflows = not _is_finite(result.numpy()) and _is_finite(call.out)
    if overflows or result.shape != call.out.shape or result._node is None:
        return []
    made = _made_since(start, result._node)
    if made:
        _keep_result(made[-1], call.out)
    return made


def _made_since(start: int, node: Node) -> list[Node]:
    """List the nodes behind one and itself that were made after some time, in the order of time."""
    found = {node} if node.order > start else set()
    stack = list(found)
    while stack:
        for edge in stack.pop().edges:
            if isinstance(edge, Node) and edge.order > start and edge not in found:
                found.add(edge)
                stack.append(edge)
    return sorted(found, key=lambda node: node.order)


def _as_it_was(op: Op[Any], inputs: Sequence[Any], call: Call) -> Node:
    """Run an op that is not opened, and return its node."""
    token = decomposing.set(False)
    try:
        result = Op.apply(op, inputs, op.defaults | dict(call.attrs))
    finally:
        decomposing.reset(token)
    if result._node is None or not _is_close(result.numpy(), call.out):
        raise GraphError(
            f"viz.replay: {op.name} did not give the same result when it ran again; an op that draws random numbers "
            "must take them as an input"
        )
    _keep_result(result._node, call.out)
    return result._node


def _keep_result(node: Node, out: np.ndarray) -> None:
    """Let a node show the value that was computed at first, to the last digit."""
    assert node.call is not None
    node.annotate().call = Call(node.call.inputs, node.call.attrs, out)


def _new_leaf(leaf: Tensor, value: np.ndarray, active: bool) -> Tensor:
    """Make a leaf with a value that an old one had; the values are shared, not copied."""
    new = Tensor.__new__(Parameter if isinstance(leaf, Parameter) else Tensor)
    Tensor.__init__(new, value, requires_grad=active or leaf.requires_grad, name=leaf.name)
    if leaf._hooks and leaf._hooks.last:
        arrived, made = leaf._hooks.last  # perhaps in a pass through another graph
        new._hooks = Hooks([lambda g: made if _is_close(g, arrived) else None])
    return new


def _repeat_hooks(old: Node, new: Node) -> None:
    """Let a gradient become what it was after the hooks, which are not called again."""
    kept = old.gradients[-1] if old.gradients else None
    if old.notes is not None and old.notes.hooks and isinstance(kept, np.ndarray):
        new.annotate().hooks.append(lambda _: kept)


def _breaks_gradient(opened: _Opened) -> bool:
    """Tell whether primitives make NaN or infinities of a finite gradient although the fused op does not."""
    arrived = (opened.new[-1].gradients or [None])[-1]
    if arrived is None or not _is_finite(arrived) or not _all_finite([opened.old]):
        return False
    return not _all_finite(opened.new)


def _all_finite(nodes: Iterable[Node]) -> bool:
    return all(_is_finite(g) for node in nodes for g in node.gradients or () if isinstance(g, np.ndarray))


def _is_close(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two results of an op differ by rounding at most."""
    if np.array_equal(one, other):
        return True
    return one.shape == other.shape and np.allclose(one, other, 1e-2, 1e-6, equal_nan=True)


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


# ---------------------------------------------------------------------------------------------- frames


def _frames(runs: Runs | None, again: _Again) -> Runs | None:
    """Translate the modules' runs, and put a run for each opened op among them."""
    if runs is None and not again.opened:
        return None
    runs = runs or Runs(stand_in("Tensor"))
    found, copies = moved(runs, again.time, again.order, again.value)
    for opened in again.opened:
        around = runs.around(opened.old.order)
        end = again.time(opened.old.order)
        name = opened.old.plan.op.name
        frame = Run(stand_in(name), "", len(around), again.start(opened.old), end)
        frame.inputs = tuple(x for x in opened.inputs if getattr(x, "_node", None) is None)
        frame.outputs = (opened.new[-1].order,)
        (copies[around[-1]].runs if around else found.top).append(frame)
    for siblings in (found.top, *(run.runs for run in copies.values())):
        siblings.sort(key=lambda run: (run.start, run.end))  # a run without a node ends where it starts: before others
    return found
