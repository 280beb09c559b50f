"""Recorded computations in files: what a graph shows, to be drawn in another process.

A file is an npz file without Python objects: large arrays, and one text in JSON that tells all else. Loading runs no
code from it. The graph that is loaded is one of the tape, freed as after a backward pass.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError, DtypeError, GraphError
from ..io import load_npz, save_npz
from ..io.disk import PathLike
from ..nn.module import Module, Parameter
from ..ops import TABLE, Op
from ..tape import SMALL, Node, Outline
from ..tensor import Tensor
from ..witness import Call, Source
from .record import reachable
from .restored import restored
from .watch import Run, Runs

FORMAT = "tinygrad_jp.run"
VERSION = 1
FILE = "graph.npz"
"""Name of such a file in the folder of a training run."""


@dataclass(frozen=True)
class Recording:
    """A computation from a file.

    Attributes
    ----------
    result
        At the end of its graph, which ``viz.graph`` and the like show; no backward pass can go through it.
    runs
        Of the modules, if they were saved.
    """

    result: Tensor
    runs: Runs | None


def save(y: Tensor, path: PathLike, runs: Runs | None = None, values: bool = False) -> Path:
    """Write a recorded computation into a file: its graph, names, shapes, small values and gradients, modules.

    Parameters
    ----------
    y
        The result of recorded operations.
    path
        The file to write, ``….npz``. It is replaced only when all is on the disk.
    runs
        What ``viz.watch`` noted of the modules.
    values
        Whether large values and gradients are written, too: those of the leaves, and all that ``keep_values()`` kept.
        Else only arrays of up to 16 elements, the result, and what the model was given. Lines of code that were kept
        are written in any case.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DtypeError
        If `y` is no Tensor, or `runs` is not of this kind.
    GraphError
        If nothing was recorded.
    ArgumentError
        For another suffix.
    DataError
        If the file cannot be written.
    """
    if Path(path).suffix.lower() != ".npz":
        raise ArgumentError(
            f"viz.save: unknown suffix {Path(path).suffix!r} in {path}; use .npz (a picture is written by "
            "viz.graph(y).save(path))"
        )
    if runs is not None and not isinstance(runs, Runs):
        raise DtypeError(f"viz.save: runs= is what viz.watch(model) gives, got {type(runs).__name__}")
    if not isinstance(y, Tensor):
        raise DtypeError(f"viz.save: saves the computation of a Tensor, got {type(y).__name__}")
    if y._node is None:
        raise GraphError(f"viz.save: nothing was recorded for {y._label()}; for its values alone use io.save_npz")
    writer = _Writer(reachable([y._node]), values, runs)
    note = {
        "format": FORMAT,
        "version": VERSION,
        "result": {"name": y.name, "value": writer.array(y.numpy(), whole=True)},
        "nodes": [writer.node(node) for node in writer.nodes],
        "runs": None if runs is None else writer.runs(runs),
    }
    note |= {"ops": writer.ops, "sources": writer.sources, "leaves": writer.leaves, "modules": writer.modules}
    text = np.frombuffer(json.dumps(note, ensure_ascii=False).encode("utf-8", "surrogatepass"), np.uint8)
    return save_npz(path, {FORMAT: text, **{str(k): array for k, array in enumerate(writer.arrays)}})


def load(path: PathLike) -> Recording:
    """Read a computation that :func:`save` wrote.

    Parameters
    ----------
    path
        The file; or the folder of a training run, in which it is called ``graph.npz``.

    Returns
    -------
    Recording
        The result and the modules' runs. An op that this program does not have is drawn but cannot run.

    Raises
    ------
    DataError
        If there is no such file, or it is truncated, altered, of another kind or of a newer version.
    """
    file = Path(path) / FILE if Path(path).is_dir() else Path(path)
    arrays = load_npz(file)
    text = arrays.pop(FORMAT, None)
    if text is None:
        raise DataError(
            f"{file}: an npz file, but no saved computation; write one with viz.save(y, path). Checkpoints and "
            "parameters hold no graph: load them into a model and draw that, viz.graph(model, x)"
        )
    try:
        note = json.loads(text.tobytes().decode("utf-8", "surrogatepass"))
        if note["format"] == FORMAT and isinstance(note["version"], int) and note["version"] > VERSION:
            raise DataError(
                f"{file}: a computation saved in version {note['version']}, but this tinygrad_jp reads versions up to "
                f"{VERSION}; update tinygrad_jp"
            )
        return Recording(*restored(note, {int(name): array for name, array in arrays.items()}))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"{file}: altered, or not written by viz.save ({error}); save the computation again") from error


# ---------------------------------------------------------------------------------------------- writing


class _Writer:
    """Turns a graph into what JSON holds, and a list of large arrays.

    Parameters
    ----------
    nodes
        In the order of time.
    values
        Whether large arrays are kept.
    runs
        Of the modules; what they were given is kept whole.

    Attributes
    ----------
    arrays
        The large ones.
    ops, sources, leaves, modules
        What the nodes refer to by number, each once.
    """

    def __init__(self, nodes: Sequence[Node], values: bool, runs: Runs | None) -> None:
        self.nodes = nodes
        self.arrays: list[np.ndarray] = []
        self.ops: list[Any] = []
        self.sources: list[Any] = []
        self.leaves: list[Any] = []
        self.modules: list[Any] = []
        self._values = values
        self._given = {id(value) for _, value in runs.given} if runs else set()
        self._numbers: dict[Any, int] = {}  # of all that is told once, by identity or value
        self._held: list[Any] = []  # so that no identity is used again meanwhile
        self._places = {node.order: k for k, node in enumerate(nodes)}
        self._last: dict[int, np.ndarray] = {}
        self._sites: dict[Hashable, int] = {}

    def node(self, node: Node) -> dict[str, Any]:
        """Tell a node."""
        gradients = node.gradients
        return {
            "op": self._op(node.plan.op),
            "edges": [self._edge(edge) for edge in node.edges],
            "active": node.plan.active,
            "shape": node.shape,
            "dtype": node.dtype.str,
            "value": None if isinstance(node._data, Outline) else self.array(node._data),
            "gradients": None if gradients is None else [self._gradient(g) for g in gradients],
            "rescued": node.rescued,
            "name": node.name,
            "source": None if node.source is None else self._source(node.source),
            "site": None if node.site is None else self._sites.setdefault(node.site, len(self._sites)),
            "call": self._call(node, node.call) if node.call is not None and self._values else None,
        }

    def array(self, array: np.ndarray, whole: bool = False) -> Any:
        """Tell an array: small ones as numbers, large ones by their place; None for one that is not wanted."""
        if array.size <= SMALL and array.dtype.itemsize <= 8:
            return [array.dtype.str, array.shape, array.ravel().tolist()]
        if not (whole or self._values):
            return None
        number = self._number(id(array), self.arrays)
        if number == len(self.arrays):
            self.arrays.append(array)
        return number

    def _number(self, key: Any, among: list[Any]) -> int:
        """Return the number of something that is told once; the next one if it is new."""
        return self._numbers.setdefault((id(among), key), len(among))

    def _gradient(self, g: Any) -> Any:
        if g is None:
            return None
        told = None if g is ... else self.array(np.asarray(g))
        return "..." if told is None else told

    def _op(self, op: Op[Any]) -> int:
        number = self._number(id(op), self.ops)
        if number == len(self.ops):
            known = TABLE.get(op.name) is op
            self.ops.append(
                {"name": op.name, "symbol": op.symbol, "inputs": op.inputs, "variadic": op.variadic, "known": known}
            )
        return number

    def _source(self, source: Source) -> int:
        number = self._number(source, self.sources)
        if number == len(self.sources):
            self.sources.append([source.file, source.line, source.function, source.text])
        return number

    def _edge(self, edge: Any) -> int:
        """Tell an input: the place of a node, or −1 − the number of a leaf."""
        return self._places[edge.order] if isinstance(edge, Node) else -1 - self._leaf(edge)

    def _leaf(self, leaf: Any) -> int:
        if isinstance(leaf, bool | int | float):
            self.leaves.append({"kind": "number", "value": leaf})
            return len(self.leaves) - 1
        number = self._number(id(leaf), self.leaves)
        if number == len(self.leaves):
            self._held.append(leaf)
            self.leaves.append(self._told(leaf))
        return number

    def _told(self, leaf: Any) -> dict[str, Any]:
        name = getattr(leaf, "name", None)
        told = {"shape": leaf.shape, "dtype": leaf.dtype.str, "name": name}
        whole = id(leaf) in self._given
        if isinstance(leaf, Outline):
            return told | {"kind": "outline"}
        if isinstance(leaf, np.ndarray):
            return told | {"kind": "array", "value": self.array(leaf, whole)}
        return told | {
            "kind": "parameter" if isinstance(leaf, Parameter) else "tensor",
            "requires_grad": leaf.requires_grad,
            "value": self.array(leaf.numpy(), whole),
            "grad": None if leaf.grad is None else self.array(leaf.grad.numpy(), whole),
        }

    def _call(self, node: Node, call: Call) -> dict[str, Any]:
        inputs = [self._input(edge, value) for edge, value in zip(node.edges, call.inputs, strict=True)]
        return {
            "inputs": inputs,
            "attrs": [[name, self.plain(value)] for name, value in call.attrs.items()],
            "out": self.array(call.out),
        }

    def _input(self, edge: Any, value: Any) -> Any:
        if isinstance(edge, Tensor):  # of a leaf every use has a copy
            last = self._last.get(id(edge))
            value = last if last is not None and np.array_equal(last, value) else value
            self._last[id(edge)] = value
        return self.plain(value)

    def plain(self, value: Any) -> Any:
        """Tell a static argument; of what is no plain data only the text."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.ndarray | np.generic):
            return ["array" if isinstance(value, np.ndarray) else "scalar", self.array(np.asarray(value), whole=True)]
        if isinstance(value, tuple | list):
            return [type(value).__name__ if type(value) in (tuple, list) else "tuple", [*map(self.plain, value)]]
        if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
            return ["dict", [[name, self.plain(part)] for name, part in value.items()]]
        if isinstance(value, slice):
            return ["slice", [self.plain(part) for part in (value.start, value.stop, value.step)]]
        if value is ...:
            return ["ellipsis", None]
        if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
            return ["dtype", np.dtype(value).str]
        return ["text", repr(value)]

    # ------------------------------------------------------------------------------------------ modules

    def runs(self, runs: Runs) -> dict[str, Any]:
        """Tell the modules' runs; times count the nodes made before."""
        told: list[dict[str, Any]] = []
        numbers: dict[Run | None, int | None] = {None: None}
        parents = {inside: run for run in runs.all() for inside in run.runs}
        for run in runs.all():
            numbers[run] = len(told)
            told.append(self._run(run) | {"parent": numbers[parents.get(run)]})
        return {
            "model": self._module(runs.model),
            "runs": told,
            "given": [[name, self._leaf(value)] for name, value in runs.given],
            "norms": [[self._places[order], norm] for order, norm in runs.norms.items() if order in self._places],
        }

    def _run(self, run: Run) -> dict[str, Any]:
        return {
            "module": self._module(run.module),
            "path": run.path,
            "level": run.level,
            "start": self._time(run.start),
            "end": self._time(run.end),
            "inputs": [self._leaf(value) for value in run.inputs],
            "outputs": [self._places[order] for order in run.outputs if order in self._places],
        }

    def _time(self, time: int) -> int:
        """Count the nodes made up to a time."""
        return bisect_right(self.nodes, time, key=attrgetter("order"))

    def _module(self, module: Module) -> int:
        """Tell a module after those inside."""
        key = (id(self.modules), id(module))
        if key not in self._numbers:
            inside = [[name, self._module(part)] for name, part in module.named_children()]
            parameters = {name: part for name, part in vars(module).items() if isinstance(part, Parameter)}
            self._numbers[key] = len(self.modules)
            self.modules.append(
                {
                    "class": type(module).__name__,
                    "options": module.extra_repr(),
                    "inside": inside,
                    "parameters": [[name, self._leaf(parameter)] for name, parameter in parameters.items()],
                }
            )
        return self._numbers[key]
