"""A module's run on a sample input: what is seen of it besides what the tape keeps, also where it broke off."""

from __future__ import annotations

import inspect
import textwrap
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from time import perf_counter
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from ..errors import ArgumentError, GraphError
from ..nn.modes import forgotten, unchanged
from ..nn.module import Module
from ..ops import Op
from ..tape import Node, enable_grad, keep_values, outlines, primitives, recording
from ..tensor import Tensor, apply, apply_binary
from ..witness import PACKAGE, Source, Witness
from .facts import Facts, dotted_names, magnitude
from .record import reachable
from .watch import Run, Runs, arrays, tensors, watch, watched_run


def raised(values: Any, /) -> np.ndarray:
    """Stand where an exception was raised."""
    return np.empty(0)


RAISED: Op[Any] = Op(raised, symbol="✗", variadic=True)
WIDTH, LINES = 44, 4
"""Of an exception's message in a picture, in characters and lines."""


@dataclass(frozen=True)
class Failure:
    """An exception that a module's ``forward`` raised.

    Attributes
    ----------
    error
        Itself.
    node
        In the place of the operation that failed: its edges are what it would have used.
    path
        Dotted name of the module that is to be opened so that the place is seen: the innermost that was running, if it
        had run modules inside, or else the one around it.
    note
        The message, for the picture.
    """

    error: Exception
    node: Node
    path: str
    note: str


@dataclass(frozen=True)
class Trial:
    """What a run gave.

    Attributes
    ----------
    results
        The recorded Tensors that were returned; after a failure, the nodes whose values nothing used.
    runs
        Of the modules, if they were watched.
    facts
        What is known of the operations besides.
    failure
        What broke it off.
    computed
        Whether there are values; else shapes and dtypes alone are known.
    """

    results: Sequence[Tensor | Node]
    runs: Runs | None
    facts: Facts
    failure: Failure | None = None
    computed: bool = True


class _Eye(Witness):
    """Notes of each op what the tape drops.

    Parameters
    ----------
    wanted
        What takes time: the columns "seconds", "magnitude", "source"; and "site", where in the program an op ran.
    names
        Dotted names of arrays that a module holds, by ``id``.
    notes
        What another witness notes, this one does, too.

    Attributes
    ----------
    facts
        What was noted.
    nodes
        All that were recorded.
    """

    def __init__(self, wanted: Collection[str], names: Mapping[int, str], **notes: Any) -> None:
        super().__init__(**notes)
        self.wanted, self.names = wanted, names
        self.facts = Facts()
        self.nodes: list[Node] = []
        self.last = [perf_counter()]

    def saw(
        self,
        op: Op[Any],
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        attrs: Mapping[str, Any],
        out: np.ndarray,
        node: Any,
    ) -> None:
        """Look at an op that ran."""
        now = perf_counter()
        if self.keeps or self.checks or "source" in self.wanted or "site" in self.wanted:
            super().saw(op, inputs, arrays, attrs, out, node)
        if node is None:
            return
        self.nodes.append(node)
        self.facts.options[node.order] = attrs
        for edge, array in zip(node.edges, arrays, strict=True):
            if id(array) in self.names:
                self.facts.names[id(edge)] = self.names[id(array)]
        if "seconds" in self.wanted:
            self.facts.seconds[node.order] = now - self.last[0]
        if "magnitude" in self.wanted:
            self.facts.magnitudes[node.order] = magnitude(out) or 0.0
        self.last[:] = [perf_counter()]


def sample(given: Any, make: Callable[[tuple[int, ...]], np.ndarray]) -> Any:
    """Put an array in the place of a shape, a tuple of whole numbers; also in lists and dictionaries."""
    if is_shape(given):
        if min(given) < 0:
            raise ArgumentError(f"viz.graph: the shape of a sample input has a negative length: {given}")
        return make(given)
    if type(given) is dict:
        return {name: sample(part, make) for name, part in given.items()}
    return [sample(part, make) for part in given] if type(given) is list else given


def is_shape(given: Any) -> bool:
    """Tell whether a sample input is a tuple of whole numbers, which stands for an array of this shape."""
    return isinstance(given, tuple) and bool(given) and all(map(_is_length, given))


def _is_length(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool)


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    """Draw random numbers, apart, so that nobody else's change."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def check_sample(model: Module, inputs: Sequence[Any]) -> None:
    """Refuse a module without a sample input, or with too many."""
    signature = inspect.signature(model.forward)
    try:
        signature.bind(*inputs)
        problem = "no input" if signature.parameters and not inputs else ""
    except TypeError as error:
        problem = str(error)
    if problem:
        raise ArgumentError(
            f"viz.graph: {type(model).__name__}: {problem}; a module is drawn by running it once, on a sample input: "
            "viz.graph(model, x), where x is an array, or a tuple: the shape that it takes"
        )


def run(
    model: Module, inputs: Sequence[Any], wanted: Collection[str], *, opened: bool, kept: bool, computed: bool
) -> Trial:
    """Run a module on a sample input; it is afterwards as before.

    Parameters
    ----------
    model, inputs
        What is called.
    wanted
        Columns of :mod:`.facts` that take time to be found out, and "site" to draw loops once.
    opened
        Whether fused operations run as their primitives.
    kept
        Whether all values are kept.
    computed
        Whether there are values at all; else shapes and dtypes alone flow.
    """
    modes: list[AbstractContextManager[Any]] = [enable_grad(), unchanged(model)]
    modes += [primitives()] * opened + [keep_values()] * kept + [forgotten(model), outlines()] * (not computed)
    with ExitStack() as stack:
        for mode in modes:
            stack.enter_context(mode)
        if "seconds" in wanted:
            with suppress(Exception):  # which comes again
                model(*inputs)  # what happens only the first time is not to be measured
        runs = stack.enter_context(watch(model))
        outer = recording.get()
        outer = outer if isinstance(outer, Witness) else Witness()
        eye = _Eye(wanted, dotted_names(model), **vars(outer))
        stack.callback(recording.reset, recording.set(eye))
        try:
            output = model(*inputs)
        except Exception as error:
            failure = _failure(error, eye.nodes)
            if failure is None:
                raise
            drawn = [failure.node, *_unused([*eye.nodes, failure.node])]
            return Trial(drawn, runs, eye.facts.about(runs), failure, computed)
        finally:
            for run in runs.all() if not computed else ():
                run.seconds = None  # not the time that it takes
        return Trial(_results(model, output), runs, eye.facts.about(runs), computed=computed)


def _results(model: Module, output: Any) -> list[Tensor]:
    """List the recorded Tensors in a model's output, and name them."""
    found = [tensor for tensor in tensors(output) if tensor._node is not None]
    if not found:
        raise GraphError(
            f"viz.graph: nothing that {type(model).__name__} returned was recorded; give it floating inputs, or let "
            "its parameters require a gradient"
        )
    for k, tensor in enumerate(found):
        tensor.name = tensor.name or ("output" if len(found) == 1 else f"output {k}")
    return found


def _failure(error: Exception, nodes: Sequence[Node]) -> Failure | None:
    """Find the modules through which an exception came, and put a node where it was raised; None if there is none."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    calls = [k for k, frame in enumerate(frames) if frame.f_code is watched_run.__code__ and "run" in frame.f_locals]
    if not calls:
        return None
    running: list[Run] = [frames[k].f_locals["run"] for k in calls]
    for run, k in zip(running, calls, strict=True):
        run.inputs = tuple(value for value in _given(frames[k]) if getattr(value, "_node", None) is None)
    broken = running[-1]
    edges = _operands(frames[calls[-1] :])
    if edges is None:
        edges = _waiting(_given(frames[calls[-1]]), [n for n in nodes if broken.start < n.order <= broken.end])
    node = Node(RAISED.plan(0), tuple(edges), np.empty(0, getattr(edges[0], "dtype", None) if edges else None))
    node.order = broken.end  # inside the module
    node.annotate().source = _line(error.__traceback__)
    around = running[-1] if broken.runs or len(running) == 1 else running[-2]
    return Failure(error, node, around.path, _message(error))


def _given(frame: FrameType) -> list[Any]:
    """List the arrays and Tensors that a watched module was called with."""
    return arrays([*frame.f_locals["inputs"], *frame.f_locals["options"].values()])


def _operands(frames: Sequence[FrameType]) -> list[Any] | None:
    """Return where the inputs of the operation came from that failed; None if it was no operation."""
    for frame in frames:
        if frame.f_code is apply.__code__:
            return list(map(_edge, frame.f_locals["inputs"]))
        if frame.f_code is apply_binary.__code__:
            return [_edge(frame.f_locals["x"]), _edge(frame.f_locals["y"])]
    return None


def _edge(x: Any) -> Any:
    return (x._node or x) if isinstance(x, Tensor) else x


def _waiting(given: Sequence[Any], made: Sequence[Node]) -> list[Any]:
    """List what was computed in a module, or given to it, and not used yet; if there is nothing, what was given."""
    taken = [_edge(value) for value in given if getattr(value, "requires_grad", False)]
    used = {edge for node in made for edge in node.edges if isinstance(edge, Node | Tensor)}
    unused = [value for value in taken if value not in used] + _unused(made)
    return unused if made and unused else taken


def _unused(nodes: Sequence[Node]) -> list[Node]:
    """List the nodes whose values no other one of them uses."""
    used = {edge for node in nodes for edge in node.edges if isinstance(edge, Node)}
    return [node for node in nodes if node not in used and node.plan.op is not RAISED]


def _message(error: Exception) -> str:
    told = ""
    with suppress(Exception):  # an exception's own text can fail, too
        told = f": {error}"
    lines = textwrap.wrap(type(error).__name__ + told, WIDTH)
    return "\n".join(lines[:LINES]) + (" …" if len(lines) > LINES else "")


def _line(raised: TracebackType | None) -> Source | None:
    """Find the innermost line outside this package through which an exception came."""
    found = None
    for frame, line in traceback.walk_tb(raised):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            found = Source(frame.f_code.co_filename, line, frame.f_code.co_name)
    return found


def reached(results: Sequence[Tensor | Node]) -> list[Node]:
    """List the nodes behind some results and these, in the order of time."""
    return reachable(roots(results))


def roots(results: Sequence[Tensor | Node]) -> list[Node]:
    """List the nodes of results."""
    found = [result if isinstance(result, Node) else result._node for result in results]
    return list(dict.fromkeys(node for node in found if node is not None))
