"""The graph of a saved computation, made anew out of what its file tells; what does not fit raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter as Argument
from inspect import Signature
from typing import Any, TypeVar

import numpy as np

from ..errors import GraphError
from ..nn.module import Parameter
from ..ops import TABLE, Op
from ..tape import SMALL, Node, Outline, changes, clock
from ..tensor import Tensor, from_node
from ..witness import Call, Source
from .watch import Run, Runs, StandIn, stand_in

T = TypeVar("T")


def restored(note: Mapping[str, Any], arrays: Mapping[int, np.ndarray]) -> tuple[Tensor, Runs | None]:
    """Make a graph, whose nodes are freed, and the runs of its modules.

    Parameters
    ----------
    note
        What the file's JSON holds.
    arrays
        Large arrays by number.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError
        If something does not fit together.
    """
    reader = _Reader(note, arrays)
    for told in note["nodes"]:
        reader.add(told)
    if not reader.nodes:
        raise ValueError("it has no operation")
    reader.times.append(clock())
    for array in reader.unknown:
        changes.mark(array)  # so that nobody takes it for what the operations read
    value = reader.array(note["result"]["value"])
    root = reader.nodes[-1]
    _check(value.shape == root.shape and value.dtype == root.dtype, "its result does not fit the last operation")
    result = from_node(value, root)
    if note["result"]["name"] is not None:
        result.name = _of(str, note["result"]["name"])
    return result, None if note["runs"] is None else reader.runs(note["runs"])


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _of(kind: type[T], value: Any) -> T:
    """Return a value if it is of this type."""
    _check(isinstance(value, kind) and not (kind is int and isinstance(value, bool)), f"{value!r:.40} in a wrong place")
    return value  # type: ignore[no-any-return]


def _at(parts: Sequence[T], place: Any) -> T:
    """Return one of some parts, by a number that must not be negative."""
    return parts[_of(int, place) if place >= 0 else len(parts)]


def _shape(told: Any) -> tuple[int, ...]:
    return tuple(_of(int, n) for n in told)


def _dtype(told: Any) -> np.dtype[Any]:
    dtype = np.dtype(_of(str, told))
    _check(dtype.kind in "biuf", f"the dtype {dtype}")
    return dtype


class _Reader:
    """Makes the parts of a graph.

    Attributes
    ----------
    nodes
        Those made so far.
    times
        For each the time before it was made.
    unknown
        Arrays in the place of those that were not saved.
    """

    def __init__(self, note: Mapping[str, Any], arrays: Mapping[int, np.ndarray]) -> None:
        self.nodes: list[Node] = []
        self.times: list[int] = []
        self.unknown: list[np.ndarray] = []
        self._arrays = arrays
        self._ops = [_op(told) for told in note["ops"]]
        self._sources = [_source(*told) for told in note["sources"]]
        self._leaves = [self._leaf(told) for told in note["leaves"]]
        self._modules: list[StandIn] = []
        for told in note["modules"]:
            self._modules.append(self._module(told))

    # ------------------------------------------------------------------------------------------ values

    def array(self, told: Any) -> np.ndarray:
        """Return an array: told in numbers, or by its place."""
        if isinstance(told, int):
            array = self._arrays[told]
            _dtype(array.dtype.str)
            return array
        dtype, shape, numbers = told
        return np.array(_of(list, numbers), _dtype(dtype)).reshape(_shape(shape))

    def _known(self, told: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """Return an array, or one without memory in the place of one that was not saved: NaN, or 0."""
        if told is None:
            array = np.broadcast_to(np.full((), np.nan if dtype.kind == "f" else 0, dtype), shape)
            self.unknown.append(array)
            return array
        array = self.array(told)
        _check(array.shape == shape and array.dtype == dtype, "an array does not fit what is told of it")
        return array

    def _leaf(self, told: Mapping[str, Any]) -> Any:
        kind = told["kind"]
        if kind == "number":
            _check(isinstance(told["value"], bool | int | float), "a number is none")
            return told["value"]
        shape, dtype = _shape(told["shape"]), _dtype(told["dtype"])
        name = None if told["name"] is None else _of(str, told["name"])
        if kind == "outline":
            return Outline(shape, dtype, name)
        array = self._known(told["value"], shape, dtype)
        if kind == "array":
            return array
        leaf: Tensor = Tensor.__new__({"tensor": Tensor, "parameter": Parameter}[kind])
        Tensor.__init__(leaf, array, bool(told["requires_grad"]), name)
        leaf.grad = None if told["grad"] is None else Tensor(self._known(told["grad"], shape, dtype))
        return leaf

    def _plain(self, told: Any) -> Any:
        """Return a static argument."""
        if told is None or isinstance(told, bool | int | float | str):
            return told
        kind, value = told
        if kind in ("array", "scalar"):
            array = self.array(value)
            return array if kind == "array" else array[()]
        made: dict[str, Callable[[], Any]] = {
            "tuple": lambda: tuple(map(self._plain, value)),
            "list": lambda: list(map(self._plain, value)),
            "dict": lambda: {_of(str, name): self._plain(part) for name, part in value},
            "slice": lambda: slice(*map(self._plain, value)),
            "ellipsis": lambda: ...,
            "dtype": lambda: _dtype(value),
            "text": lambda: _of(str, value),
        }
        return made[kind]()

    # ------------------------------------------------------------------------------------------ nodes

    def add(self, told: Mapping[str, Any]) -> None:
        """Make the next node."""
        op = _at(self._ops, told["op"])
        edges = tuple(self._edge(k) for k in told["edges"])
        active = tuple(_of(int, i) for i in told["active"])
        _check(op.variadic or len(edges) == len(op.inputs), f"{op.name} has {len(edges)} inputs")
        _check(all(0 <= i < len(edges) for i in active), f"{op.name} has a gradient of no input")
        plan = op.plan(sum(1 << i for i in set(active)))
        _check(plan.active == active, f"{op.name} has other gradients")
        shape, dtype = _shape(told["shape"]), _dtype(told["dtype"])
        value = self._known(told["value"], shape, dtype)
        _check(told["value"] is not None or value.size > SMALL, "a small value is missing")
        self.times.append(clock())
        node = Node(plan.freed, edges, value)
        node.gradients = None if told["gradients"] is None else self._gradients(told["gradients"], active)
        self._annotate(node, told)
        self.nodes.append(node)

    def _annotate(self, node: Node, told: Mapping[str, Any]) -> None:
        if told.get("rescued"):  # not told by files of earlier versions
            node.annotate().rescued = tuple(_of(int, i) for i in told["rescued"])
        if told["name"] is not None:
            node.annotate().name = _of(str, told["name"])
        if told["source"] is not None:
            node.annotate().source = _at(self._sources, told["source"])
        if told.get("site") is not None:  # not told by files of earlier versions
            node.annotate().site = _of(int, told["site"])
        if told["call"] is not None:
            inputs = tuple(self._plain(value) for value in told["call"]["inputs"])
            _check(len(inputs) == len(node.edges), f"{node.plan.op.name} was called with {len(inputs)} inputs")
            attrs = {_of(str, name): self._plain(value) for name, value in told["call"]["attrs"]}
            node.annotate().call = Call(inputs, attrs, self._known(told["call"]["out"], node.shape, node.dtype))

    def _edge(self, k: Any) -> Any:
        return _at(self.nodes, k) if _of(int, k) >= 0 else _at(self._leaves, -1 - k)

    def _gradients(self, told: Sequence[Any], active: Sequence[int]) -> list[Any]:
        _check(len(told) == len(active) + 1, "gradients are missing")
        return [None if g is None else ... if g == "..." else self.array(g) for g in told]

    # ------------------------------------------------------------------------------------------ modules

    def _module(self, told: Mapping[str, Any]) -> StandIn:
        """Make a stand-in for a module; those inside were told before."""
        module = stand_in(_of(str, told["class"]), _of(str, told["options"]))
        inside = [(name, _at(self._modules, k)) for name, k in told["inside"]]
        for name, part in (*inside, *((name, _at(self._leaves, k)) for name, k in told["parameters"])):
            _check(isinstance(name, str) and not hasattr(module, name), f"a module has a part {name!r:.40}")
            _check(isinstance(part, StandIn | Parameter), f"{name!r:.40} is no part of a module")
            vars(module)[name] = part
        return module

    def runs(self, told: Mapping[str, Any]) -> Runs:
        """Make the runs of the modules."""
        runs = Runs(_at(self._modules, told["model"]))
        made: list[Run] = []
        for part in told["runs"]:
            run = self._run(part)
            (runs.top if part["parent"] is None else _at(made, part["parent"]).runs).append(run)
            made.append(run)
        runs.given = [(_of(str, name), _at(self._leaves, k)) for name, k in told["given"]]
        norms = [(_at(self.nodes, k).order, None if norm is None else float(norm)) for k, norm in told["norms"]]
        runs.norms = dict(norms)
        return runs

    def _run(self, told: Mapping[str, Any]) -> Run:
        start, end = (_at(self.times, told[name]) for name in ("start", "end"))
        run = Run(_at(self._modules, told["module"]), _of(str, told["path"]), _of(int, told["level"]), start, end)
        run.inputs = tuple(_at(self._leaves, k) for k in told["inputs"])
        run.outputs = tuple(_at(self.nodes, k).order for k in told["outputs"])
        return run


def _source(file: Any, line: Any, function: Any, text: Any) -> Source:
    source = Source(_of(str, file), _of(int, line), _of(str, function))
    vars(source)["text"] = _of(str, text)  # the file may be another one here, or not be there
    return source


def _op(told: Mapping[str, Any]) -> Op[Any]:
    """Return the row of the table of this name; else one that can only be drawn."""
    name = _of(str, told["name"])
    if told["known"] and name in TABLE:
        return TABLE[name]

    def forward(*_: Any, **options: Any) -> Any:
        raise GraphError(f"{name}: this program has no such op; a saved computation only shows it")

    inputs = [_of(str, x) for x in told["inputs"]]
    forward.__name__ = name
    forward.__signature__ = Signature([Argument(x, Argument.POSITIONAL_ONLY) for x in inputs])  # type: ignore[attr-defined]
    vjp = dict.fromkeys(inputs, (forward, "g"))
    return Op(forward, vjp=vjp, symbol=_of(str, told["symbol"]), variadic=bool(told["variadic"]))
