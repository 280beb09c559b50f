"""The tape: what an op leaves behind, and the backward pass over it.

Running an op on Tensors that require a gradient makes a :class:`Node`. :func:`propagate` walks the nodes from newest
to oldest and asks each one's vjps for the gradients of its inputs. (``tinygrad_jp.tensor`` makes the nodes and hands
the gradients out.)
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
from numpy import asarray, ndarray

from .buffers import lent
from .errors import CallError, DtypeError, GraphFreedError, InPlaceError, ShapeError
from .ops.reduce import add_reduce
from .ops.table import Array, Plan, call_vjp
from .strict import rescue, strict_report
from .witness import Call, Source, Witness, check_contribution

SMALL = 16
"""Arrays of at most this many elements stay with their node, so that a picture can show the numbers."""
DRAWABLE = 2_000
"""Graphs of more nodes than this keep no small gradients for a picture."""

clock = itertools.count(1).__next__
"""Numbers nodes and in-place changes in the order in which they happen."""

Edge = Any
"""Where an input came from: a Node, a leaf Tensor, an Outline, or a small array or Python number."""

Hook = Callable[[Array], Array | None]
F = TypeVar("F", bound=Callable[..., Any])


class Hooks(list[Hook]):
    """The hooks of a leaf.

    Attributes
    ----------
    last
        The gradient that came to them in the last backward pass, and what they made of it, for the picture; of large
        ones only inside :func:`keep_values`.
    """

    last: tuple[ndarray, ndarray] | None = None


class Outline:
    """What stays of an array that is too large to be kept alive for a picture."""

    __slots__ = ("dtype", "name", "shape")

    requires_grad = False

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.name = name


class Notes:
    """What is known of a node on request.

    Attributes
    ----------
    name
        The name given to the result, for the picture.
    hooks
        Functions called with the result's gradient; what one returns, unless None, replaces it.
    call
        All that went in and came out, inside :func:`keep_values`; then large gradients stay, too.
    source
        The line of the user's code that ran the op, inside :func:`keep_values` or :func:`detect_anomaly`.
    rescued
        The inputs in whose gradients the last backward pass put an exact 0, inside :func:`.strict.strict_zero`.
    site
        Where in the program that was, for pictures that draw a loop once; equal for equal places.
    """

    __slots__ = ("call", "hooks", "name", "rescued", "site", "source")

    def __init__(self) -> None:
        self.name: str | None = None
        self.hooks: list[Hook] = []
        self.call: Call | None = None
        self.source: Source | None = None
        self.rescued: tuple[int, ...] = ()
        self.site: Hashable = None


class Node:
    """The record of one op: where its inputs came from and what its vjps need.

    A graph of a million nodes is mostly this class, and Python's garbage collector walks all of it several times while
    it grows: hence few slots, and one tuple for all that is fixed.

    Attributes
    ----------
    plan
        The op, and the vjps of those inputs that require a gradient.
    record
        For each input where it came from (:attr:`edges`); then the arrays and static arguments that the vjps name
        (:attr:`saved`), until the graph is freed.
    order
        Time of creation; an input is always older than the result.
    _data
        The result if it is small, for the picture; else its outline. (Tensors have an attribute of this name, too: the
        backward pass asks either for the shape and dtype that a gradient must have.)
    gradients
        After a backward pass, for the picture: the contribution to the input of each of the plan's steps (None if it
        was not computed), then the result's own gradient; ``...`` in place of arrays that are neither small nor kept.
    notes
        Name, hooks and what a witness noted, if there is any of it.
    """

    __slots__ = ("_data", "gradients", "notes", "order", "plan", "record")

    requires_grad = True

    def __init__(self, plan: Plan, record: tuple[Any, ...], out: ndarray) -> None:
        self.plan = plan
        self.record = record
        self.order = clock()
        self._data: ndarray | Outline = out if out.size <= SMALL else Outline(out.shape, out.dtype)
        self.gradients: list[Any] | None = None
        self.notes: Notes | None = None

    @property
    def edges(self) -> tuple[Edge, ...]:
        """For each input where it came from."""
        return self.record[self.plan.others]

    @property
    def saved(self) -> tuple[Any, ...]:
        """What the vjps need; empty once the graph was freed."""
        return self.record[len(self.edges) :]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the result."""
        return self._data.dtype

    @property
    def value(self) -> ndarray | None:
        """The result if it is small or was kept."""
        if self.call is not None:
            return self.call.out
        return None if isinstance(self._data, Outline) else self._data

    @property
    def name(self) -> str | None:
        """The name given to the result, for the picture."""
        return self.notes.name if self.notes else None

    @property
    def call(self) -> Call | None:
        """All that went in and came out, if :func:`keep_values` asked for it."""
        return self.notes.call if self.notes else None

    @property
    def source(self) -> Source | None:
        """The line of the user's code that ran the op, if it was noted."""
        return self.notes.source if self.notes else None

    @property
    def site(self) -> Hashable:
        """Where in the program the op ran, if it was noted; equal for equal places."""
        return self.notes.site if self.notes else None

    @property
    def rescued(self) -> tuple[int, ...]:
        """The inputs in whose gradients ``strict_zero`` put an exact 0."""
        return self.notes.rescued if self.notes else ()

    def annotate(self) -> Notes:
        """Return the node's notes, to be written."""
        self.notes = self.notes or Notes()
        return self.notes

    def contributions(self) -> dict[int, Array | None]:
        """What the last backward pass brought to each input, by position; None where only the shape is known."""
        pairs = zip(self.plan.active, self.gradients or (), strict=False)
        return {i: None if r is ... else r for i, r in pairs if r is not None}

    def __repr__(self) -> str:
        return f"<{self.plan.op.name} node of shape {self.shape}>"


# ------------------------------------------------------------------------------------------------ modes

recording: ContextVar[bool | Witness] = ContextVar("recording", default=True)
"""Whether ops are recorded; a :class:`.witness.Witness`, which is true if they are, is shown each of them."""
decomposing: ContextVar[bool] = ContextVar("decomposing", default=False)
_witness: ContextVar[Witness | None] = ContextVar("witness", default=None)
"""The witness, also while nothing is recorded."""


class _Mode(ContextDecorator):
    """Sets context variables inside a ``with`` block or a decorated function; can be used again and nested.

    Parameters
    ----------
    values
        Called on entering; gives each variable and its value.
    """

    def __init__(self, values: Callable[[], dict[ContextVar[Any], Any]]) -> None:
        self._values = values
        self._tokens: list[list[tuple[ContextVar[Any], Token[Any]]]] = []

    def __call__(self, function: F) -> F:
        """Decorate a function."""
        if any(test(function) for test in (isgeneratorfunction, iscoroutinefunction, isasyncgenfunction)):
            raise CallError(
                f"{function.__name__}: a generator or coroutine runs on after its call, when a mode such as no_grad() "
                "has ended; write 'with no_grad():' inside it, around what computes"
            )
        return super().__call__(function)

    def __enter__(self) -> None:
        self._tokens.append([(variable, variable.set(value)) for variable, value in self._values().items()])

    def __exit__(self, *_: object) -> None:
        for variable, token in self._tokens.pop():
            variable.reset(token)

    def _recreate_cm(self) -> _Mode:
        return _Mode(self._values)  # each call of a decorated function has tokens of its own


def no_grad() -> _Mode:
    """Record nothing inside this ``with`` block: results require no gradient. Also decorates functions."""
    return _Mode(lambda: {recording: _unrecorded(_witness.get())})


def enable_grad() -> _Mode:
    """Record again, inside a ``no_grad`` block."""
    return _Mode(lambda: {recording: _witness.get() or True})


def primitives() -> _Mode:
    """Run fused ops as the smaller ops they are made of, so that a graph shows every step."""
    return _Mode(lambda: {decomposing: True})


def keep_values() -> _Mode:
    """Keep everything that flows, and the lines of code it came from, with the graph recorded in this ``with`` block.

    By default a node keeps what its backward pass needs, and small arrays. What shows or checks a whole computation
    (thumbnails and rolled loops in ``viz.graph``, ``viz.step``, ``testing.verify``, opening fused ops) wants all:
    inputs, static arguments and results of every op and, after ``backward``, every gradient. They are freed with the
    graph. Also decorates functions.

    Examples
    --------
    >>> with keep_values():
    ...     loss = softmax_cross_entropy(model(x), t)
    >>> loss.backward()
    >>> viz.step(loss).save("loss.html")
    """
    return _Mode(lambda: _witnessed(keeps=True))


def detect_anomaly() -> _Mode:
    """Raise at the first op, forward or backward, that makes a NaN or an infinity out of finite numbers.

    The :class:`.errors.AnomalyError` tells the op, the shapes, where the offending values stand, and the line of the
    user's code that ran the op. For debugging: every array is looked at, but not inside ``no_grad`` or in other
    threads. Also decorates functions.

    Examples
    --------
    >>> with detect_anomaly():
    ...     loss = log(x).sum()
    ...     loss.backward()
    """
    return _Mode(lambda: _witnessed(checks=True))


def outlines() -> _Mode:
    """Compute nothing inside this ``with`` block: ops only tell the shapes and dtypes of their results.

    These are :class:`.blank.Blank` arrays, which take no memory and cannot be read. Whole numbers and Booleans that
    are given, and what follows from them alone, are computed as ever. Also decorates functions.

    Examples
    --------
    >>> with outlines():
    ...     y = VGG(19)(np.zeros((1, 3, 224, 224), np.float32))
    >>> y.shape
    (1, 1000)
    """
    witness = Witness(outlines=True)
    return _Mode(lambda: {_witness: witness, recording: witness if recording.get() else _unrecorded(witness)})


def _unrecorded(witness: Witness | None) -> bool | Witness:
    """Return what records nothing; a witness of which the results depend stays."""
    return witness.and_(records=False) if witness is not None and witness.outlines else False


def _witnessed(**more: bool) -> dict[ContextVar[Any], Any]:
    """Set a witness that notes this, too; where nothing is recorded it waits."""
    witness = (_witness.get() or Witness()).and_(**more)
    return {_witness: witness, recording: recording.get() and witness}


# ------------------------------------------------------------------------------------------------ in-place changes


class _Changes:
    """When each piece of memory was last changed in place through a Tensor: the version counters.

    They are kept by the array that owns the memory, not in the Tensors: all views that NumPy knows of (slices,
    reshapes, ``detach()``) share one, and recording an op pays nothing for them.
    """

    def __init__(self) -> None:
        self.latest = 0
        self._when: dict[int, int] = {}
        self._owners: dict[int, weakref.ref[ndarray]] = {}

    def mark(self, *arrays: ndarray) -> None:
        """Note that the memory of these arrays changes now."""
        self.latest = now = clock()
        for array in arrays:
            owner = array if array.base is None else _owner(array)
            key = id(owner)
            if key not in self._when:
                self._owners[key] = weakref.ref(owner, partial(self._forget, key))
            self._when[key] = now

    def _forget(self, key: int, _: Any) -> None:
        """Forget an array that is no more: another one may get its id."""
        self._when.pop(key, None)
        self._owners.pop(key, None)

    def since(self, order: int, arrays: Iterable[Any]) -> ndarray | None:
        """Find an array among `arrays` whose memory was changed later than `order`."""
        for array in arrays:
            if isinstance(array, tuple):
                changed = self.since(order, array)
                if changed is not None:
                    return changed
            elif isinstance(array, ndarray) and self._when.get(id(_owner(array)), 0) > order:
                return array
        return None


def _owner(array: ndarray) -> ndarray:
    """Find the array that a view was made of, at last, also through what NumPy puts between (``as_strided``)."""
    base = array.base
    while base is not None:
        if isinstance(base, ndarray):
            array = base
        base = getattr(base, "base", None)
    return array


changes = _Changes()


# ------------------------------------------------------------------------------------------------ going backward

_by_order = attrgetter("order")


def topological_order(root: Node) -> list[Node]:
    """List the nodes that `root` depends on, itself first, each before its inputs; without recursion."""
    seen = {root}
    found = [root]
    for node in found:  # grows meanwhile
        record = node.record
        for i in node.plan.active:
            edge = record[i]
            if type(edge) is Node and edge not in seen:
                seen.add(edge)
                found.append(edge)
    found.sort(key=_by_order, reverse=True)  # breadth first is nearly in order already
    return found


def _between(order: Sequence[Node], targets: set[Any]) -> set[Any]:
    """Collect the nodes through which a gradient reaches `targets`, and the targets."""
    useful = set(targets)
    for node in reversed(order):
        if any(node.record[i] in useful for i in node.plan.active):
            useful.add(node)
    return useful


def propagate(
    root: Node,
    g: Array,
    *,
    retain_graph: bool,
    wrap: Callable[[ndarray, Node], Any] | None = None,
    targets: set[Any] | None = None,
) -> dict[Any, Array]:
    """Carry the gradient `g` of `root` back, and return the gradients of the leaves, or of `targets`.

    Parameters
    ----------
    root
        The node of the result.
    g
        Its gradient: an ndarray, or with `wrap` a Tensor.
    retain_graph
        Keep the saved arrays, for another pass.
    wrap
        Makes a Tensor of an array and the node it came from. Given, the vjps run on Tensors and are recorded
        themselves (``create_graph``).
    targets
        Leaf Tensors and Nodes whose gradients are wanted; only the paths to them are walked.

    Returns
    -------
    dict
        Gradients by leaf Tensor or Node, as arrays that nothing else holds (or Tensors).
    """
    order = topological_order(root)
    useful = None if targets is None else _between(order, targets)
    table: dict[Any, Array] = {root: g}
    fresh: set[Any] = set()  # edges whose entry in the table is an array that only the table holds
    found: dict[Any, Array] = {}
    drawable = len(order) <= DRAWABLE and wrap is None
    report = strict_report()
    witness = recording.get()
    checks = isinstance(witness, Witness) and witness.checks
    for node in order:
        g = table.pop(node, None)
        if g is None:
            continue
        kept = False
        if node.notes is not None:
            g = run_hooks(node.notes.hooks, g)
            kept = node.notes.call is not None and wrap is None
            node.notes.rescued = ()
        if targets is not None and node in targets:
            found[node] = g.copy()
        plan = node.plan
        record = saved = node.record
        if plan.steps is None:
            raise _freed(plan)
        if changes.latest > node.order:
            _refuse_changed(node)
        steps: Iterable[Any] = plan.steps
        if wrap is not None:
            saved = _as_tensors(node, wrap)
            steps = _witnessed_steps(node, witness) if isinstance(witness, Witness) else steps
        elif plan.together is not None and useful is None and report is None:  # all of them, and each once
            steps = _together(plan, g, saved)
        contributions: list[Any] = []
        for i, vjp, at in steps:
            edge = record[i]
            if useful is not None and edge not in useful:
                contributions.append(None)
                continue
            r = vjp(g, saved[at]) if type(at) is int else vjp(g, *[saved[k] for k in at])
            if report is not None:
                r = rescue(report, node, i, partial(call_vjp, vjp, at), g, saved[-len(plan.names) :], r)
            earlier = table.get(edge)
            if checks:
                check_contribution(plan.op, i, g, r, earlier, node.notes)
            model = edge._data if earlier is None else earlier
            try:
                fits = r.shape == model.shape and r.dtype is model.dtype
            except AttributeError:
                fits = False
            if not fits:
                r = _fit(r, model, plan, i)
            if type(r) is not ndarray and wrap is None:
                r = asarray(r)  # NumPy makes scalars of shape () where 0-d arrays meet
            shown = kept or r.size <= SMALL
            if drawable or kept:
                contributions.append(r if shown else ...)
            if earlier is None:
                table[edge] = r
                own = not (shown or r is g or wrap is not None) and plan.op.trusted
                if own and (r.base is None or lent(r)):  # no view
                    fresh.add(edge)  # (one that is shown stays as it is)
            elif edge in fresh:
                earlier += r
            elif wrap is not None:
                table[edge] = earlier + r
            else:
                table[edge] = asarray(earlier + r)
                if not shown:  # adding small arrays in place is slower
                    fresh.add(edge)
        if drawable or kept:
            contributions.append(g if kept or g.size <= SMALL else ...)
            node.gradients = contributions
        if not retain_graph:
            node.record = record[plan.others]
            node.plan = plan.freed
    leaves = table if targets is None else {x: table[x] for x in targets if x in table}
    shown = -1 if wrap is not None else math.inf if root.call is not None else SMALL
    return found | _of_leaves(leaves, fresh, shown)


def _of_leaves(table: dict[Any, Array], fresh: set[Any], shown: float) -> dict[Any, Array]:
    """Return the gradients of leaves, through their hooks, as arrays that nothing else holds.

    Those of up to `shown` elements that went through hooks are kept for the picture.
    """
    found = {}
    for leaf, g in table.items():
        if leaf._hooks:
            found[leaf] = _through_hooks(leaf, g, shown)
        else:
            found[leaf] = g if leaf in fresh else g.copy()
    return found


def _through_hooks(leaf: Any, g: Array, shown: float) -> Array:
    """Show a leaf's gradient to its hooks, and note for the picture what they made of it."""
    made = run_hooks(leaf._hooks, g)
    leaf._hooks.last = (g, made) if g.size <= shown else None
    return made.copy()


def _witnessed_steps(node: Node, witness: Witness) -> Iterator[Any]:
    """Let a witness know of what the gradient is that each step computes, until the caller's ``enable_grad()`` ends."""
    for step in node.plan.steps or ():
        recording.set(witness.and_(backward_of=(node.site, step[0])))
        yield step


def _together(plan: Plan, g: Array, saved: tuple[Any, ...]) -> Iterable[Any]:
    """Compute what all steps of a plan are to give, and return steps that give it."""
    assert plan.op.together
    assert plan.together
    known = zip(plan.names, saved[-len(plan.names) :], strict=True)
    made = plan.op.together(g, plan.together, **dict(known))
    if len(made) != len(plan.active):
        raise CallError(f"{plan.op.name}: together returned {len(made)} gradients for {', '.join(plan.together)}")
    return [(i, lambda g, r=r: r, ()) for i, r in zip(plan.active, made, strict=True)]


def _freed(plan: Plan) -> GraphFreedError:
    return GraphFreedError(
        f"{plan.op.name}: an earlier backward pass freed this graph; call that one with retain_graph=True, or compute "
        "the result anew"
    )


def run_hooks(hooks: Iterable[Hook], g: Array) -> Array:
    """Show a gradient to its hooks in turn; what one returns, unless None, replaces it."""
    for hook in tuple(hooks):  # one may remove itself
        replaced = hook(g)
        g = g if replaced is None else replaced
    return g


def _fit(r: Any, model: Any, plan: Plan, i: int) -> Array:
    """Give what a vjp returned the shape and dtype of its input; refuse what is no gradient of it."""
    if isinstance(r, bool | int | float):
        r = asarray(r, float)
    if not hasattr(r, "shape"):
        raise DtypeError(f"{plan.op.name}: the vjp of input {i} returned {type(r).__name__}; it must return an array")
    if r.shape != model.shape:
        r = _unbroadcast(r, model.shape, plan, i)
    return r if r.dtype == model.dtype else r.astype(model.dtype)


def _unbroadcast(g: Array, shape: tuple[int, ...], plan: Plan, i: int) -> Array:
    """Sum a gradient over the axes along which its input, of this shape, was repeated."""
    extra = g.ndim - len(shape)
    if extra > 0 and g.shape[extra:] == shape:  # as for a bias
        return add_reduce(g, axis=tuple(range(extra)))
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[extra:], strict=True)):
        raise ShapeError(
            f"{plan.op.name}: the vjp of input {i} returned shape {g.shape} for an input of shape {shape}; it must "
            "have the shape of the input, or of the input broadcast"
        )
    axes = (*range(extra), *(extra + a for a, n in enumerate(shape) if n != g.shape[extra + a]))
    summed = add_reduce(g, axis=axes, keepdims=not extra)
    return summed if summed.shape == shape else summed.reshape(shape)


def _refuse_changed(node: Node) -> None:
    array = changes.since(node.order, node.saved)
    if array is not None:
        raise InPlaceError(
            f"{node.plan.op.name}: an array of shape {array.shape} that it saved for the backward pass was changed in "
            "place since; change it after backward(), or change a copy"
        )


def _as_tensors(node: Node, wrap: Callable[[ndarray, Node], Any]) -> tuple[Any, ...]:
    """Turn a node's saved arrays back into the Tensors they came from, so that the vjps can be recorded."""

    def connect(array: Any, edge: Edge) -> Any:
        if type(edge) is Node:
            return wrap(array, edge)
        return edge if getattr(edge, "requires_grad", False) else array

    values = list(node.saved)
    plan = node.plan
    for position, k in plan.saved_inputs:
        if plan.op.variadic:
            values[position] = tuple(map(connect, values[position], node.edges))
        else:
            values[position] = connect(values[position], node.record[k])
    if plan.saved_out is not None:
        values[plan.saved_out] = wrap(values[plan.saved_out], node)
    for position, compute, origins in plan.saved_kept:
        values[position] = compute(*(values[k] for k in origins))
    return tuple(values)
