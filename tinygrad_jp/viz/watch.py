"""Which module made which node: the runs of a model's modules, noted while they happen.

The tape knows nothing of modules, and pays nothing for them. A watched model notes the time at which each of its
modules starts and ends; a node, which knows when it was made, belongs to the innermost module that ran then.
"""

from __future__ import annotations

import inspect
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from operator import attrgetter
from time import perf_counter
from typing import Any

import numpy as np

from ..blank import Blank
from ..errors import DtypeError
from ..nn.module import Module
from ..ops import identity
from ..tape import clock
from ..tensor import Tensor

_by_start = attrgetter("start")


@dataclass(eq=False)
class Run:
    """One run of one module: the nodes of orders between `start` and `end` were made in it.

    Attributes
    ----------
    module
        Itself.
    path
        Its dotted name in the model; "" for the model.
    level
        Number of runs around it.
    start, end
        Times of the tape's clock.
    seconds
        How long it took, with all inside.
    runs
        Those inside, in the order of time.
    inputs
        The arrays and Tensors it was given that no recorded op made.
    outputs
        The orders of the nodes whose values it returned.
    """

    module: Module
    path: str
    level: int
    start: int
    end: int = 0
    seconds: float | None = None
    runs: list[Run] = field(default_factory=list)
    inputs: tuple[Any, ...] = ()
    outputs: tuple[int, ...] = ()

    @property
    def layer(self) -> str:
        """Name of the module's class."""
        return type(self.module).__name__

    def inside(self) -> Iterator[Run]:
        """Iterate over this run and all runs inside it, in the order in which they started."""
        stack = [self]
        while stack:
            run = stack.pop()
            yield run
            stack.extend(reversed(run.runs))


class Runs:
    """What :func:`watch` notes of a model.

    Attributes
    ----------
    model
        The model.
    top
        The runs that were called from outside the model, in the order of time.
    given
        What these were given, with names.
    norms
        Of the gradient of each value that a module returned, by the order of the node that made it: Euclidean; None
        until a backward pass has been there.
    """

    def __init__(self, model: Module) -> None:
        self.model = model
        self.top: list[Run] = []
        self.given: list[tuple[str, Any]] = []
        self.norms: dict[int, float | None] = {}
        self._last: Sequence[Run] = ()

    def all(self) -> Iterator[Run]:
        """Iterate over all runs in the order in which they started."""
        return (run for top in self.top for run in top.inside())

    def around(self, order: int) -> Sequence[Run]:
        """List the runs in which the node of this order was made, the outermost first."""
        last = self._last[-1] if self._last else None
        if last is not None and last.start < order <= last.end and not last.runs:
            return self._last  # nodes are mostly asked for in the order of time
        found: list[Run] = []
        inside = self.top
        while inside:
            at = bisect_left(inside, order, key=_by_start) - 1
            if at < 0 or order > inside[at].end:
                break
            found.append(inside[at])
            inside = inside[at].runs
        self._last = found
        return found

    def __repr__(self) -> str:
        return f"<Runs of {type(self.model).__name__}: {sum(1 for _ in self.all())}>"


class StandIn(Module):
    """In the place of a module that is not there: only the names of its class, its options and its parts are known.

    Parameters
    ----------
    options
        As the module's ``extra_repr`` tells them.
    """

    def __init__(self, options: str = "") -> None:
        self._options = options

    def extra_repr(self) -> str:
        """The options."""
        return self._options


@lru_cache(maxsize=1000)
def _kind_of_stand_in(name: str) -> type[StandIn]:
    return type(name, (StandIn,), {})


def stand_in(name: str, options: str = "") -> StandIn:
    """Make a stand-in whose class has this name."""
    return _kind_of_stand_in(name)(options)


def moved(
    runs: Runs, time: Callable[[int], int], order: Callable[[int], int], value: Callable[[Any], Any]
) -> tuple[Runs, dict[Run, Run]]:
    """Copy runs for nodes that were made anew.

    Parameters
    ----------
    runs
        Of the first nodes.
    time
        Translates times of the tape's clock.
    order
        Translates the order of a node.
    value
        Translates what a module was given and no op made.

    Returns
    -------
    Runs
        The same in the new times.
    dict
        What each run became.
    """
    found = Runs(runs.model)
    found.given = [(name, value(given)) for name, given in runs.given]
    found.norms = {order(node): known for node, known in runs.norms.items()}
    copies: dict[Run, Run] = {}
    for run in runs.all():
        copy = replace(run, start=time(run.start), end=time(run.end), runs=[])
        copy.inputs = tuple(map(value, run.inputs))
        copy.outputs = tuple(map(order, run.outputs))
        copies[run] = copy
    for run, copy in copies.items():
        copy.runs = [copies[inside] for inside in run.runs]
    found.top = [copies[run] for run in runs.top]
    return found, copies


@contextmanager
def watch(model: Module) -> Iterator[Runs]:
    """Note which module makes which node while a model runs, so that :func:`.graph` can draw modules.

    The floating arrays that the model is given take part in the gradient meanwhile, so that all that is computed from
    them is recorded; Tensors that already do stay as they are.

    Parameters
    ----------
    model
        Any module. Only its own modules are watched, and only inside the ``with`` block.

    Yields
    ------
    Runs
        To be passed to ``viz.graph(result, runs=…)``, then or after ``backward``.

    Raises
    ------
    DtypeError
        If it is no module.

    Examples
    --------
    >>> with viz.watch(model) as runs:
    ...     loss = softmax_cross_entropy(model(x), t)
    >>> loss.backward()
    >>> viz.graph(loss, runs=runs, depth=1)  # with the gradients' norms, in red
    """
    if not isinstance(model, Module):
        raise DtypeError(f"viz.watch: watches a Module, got {type(model).__name__}")
    runs = Runs(model)
    open_runs: list[Run] = []
    modules = dict(model.named_modules())
    replaced = {path: vars(module).get("forward") for path, module in modules.items()}
    # a container may run layers that nobody watches as one fused op: a hook tells it that these are watched
    removers = [module.register_forward_hook(lambda *_: None) for module in modules.values()]
    try:
        for path, module in modules.items():
            vars(module)["forward"] = partial(watched_run, runs, open_runs, path, module, module.forward)
        yield runs
    finally:
        for path, module in modules.items():
            del vars(module)["forward"]
            if replaced[path] is not None:
                vars(module)["forward"] = replaced[path]
        for remove in removers:
            remove()


def watched_run(
    runs: Runs,
    open_runs: list[Run],
    path: str,
    module: Module,
    forward: Callable[..., Any],
    /,
    *inputs: Any,
    **options: Any,
) -> Any:
    """Call a module's ``forward`` and note when it started and ended, what it took and what it returned."""
    if not open_runs:
        names = _parameter_names(forward, len(inputs))
        inputs = tuple(_followed(value, name) for name, value in zip(names, inputs, strict=True))
        options = {name: _followed(value, name) for name, value in options.items()}
        named = [*zip(names, inputs, strict=True), *options.items()]
        runs.given += [(getattr(part, "name", None) or name, part) for name, value in named for part in arrays(value)]
    started = perf_counter()
    run = Run(module, path, len(open_runs), clock())
    (open_runs[-1].runs if open_runs else runs.top).append(run)
    open_runs.append(run)
    try:
        output = _own(forward(*inputs, **options), run.start)
    finally:
        run.end = clock()
        run.seconds = perf_counter() - started
        open_runs.pop()
    returned = tensors(output)
    run.inputs = tuple([x for x in arrays([*inputs, *options.values()]) if getattr(x, "_node", None) is None])
    run.outputs = tuple([t._node.order for t in returned if t._node is not None])
    for tensor in returned:
        _note_norm(tensor, runs.norms)
    return output


def arrays(values: Any) -> list[Any]:
    """List the Tensors and arrays in a value: itself, or those in tuples, lists and dictionaries."""
    if isinstance(values, (Tensor, np.ndarray)):
        return [values]
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, (list, tuple)):
        return []
    return [part for value in values for part in arrays(value)]


def tensors(values: Any) -> list[Tensor]:
    """List the Tensors in a value."""
    return [value for value in arrays(values) if isinstance(value, Tensor)]


def _parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    named = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    return [*named, *(f"x{i}" if i else "x" for i in range(len(named), count))][:count]


def _followed(value: Any, name: str) -> Any:
    """Let floating arrays, also those in tuples, lists and dictionaries, take part in the gradient, by name."""
    if isinstance(value, Tensor) and value.requires_grad:
        return value
    if isinstance(value, Tensor | np.ndarray) and value.dtype.kind == "f":
        leaf = Tensor(value, requires_grad=True, name=getattr(value, "name", None) or name)
        leaf._data = value if isinstance(value, Blank) else leaf._data
        return leaf
    if type(value) is dict:
        return {key: _followed(part, str(key)) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_followed(part, f"{name}[{k}]") for k, part in enumerate(value))
    return value


def _own(output: Any, start: int) -> Any:
    """Give a module that returns what it was given (dropout in use) a node of its own, so that it can be seen."""
    if isinstance(output, Tensor) and output.requires_grad and (output._node is None or output._node.order < start):
        return identity(output)
    if type(output) is dict:
        return {key: _own(part, start) for key, part in output.items()}
    if type(output) in (list, tuple):
        return type(output)(_own(part, start) for part in output)
    return output


def _note_norm(tensor: Tensor, norms: dict[int, float | None]) -> None:
    """Let the backward pass note the norm of the gradient of a value, once for each node."""
    node = tensor._node
    if node is None or node.order in norms:
        return
    order = node.order
    norms[order] = None

    def note(g: Any) -> None:
        norms[order] = norm(g)

    node.annotate().hooks.append(note)


def norm(g: Any) -> float:
    """Euclidean norm of a gradient, an array or a Tensor."""
    return float(np.linalg.norm(g.numpy() if isinstance(g, Tensor) else g))
