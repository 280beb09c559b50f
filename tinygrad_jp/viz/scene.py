"""What a picture shows, read off the tape: operations or modules, inputs, and the wires between them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

from ..nn.module import Parameter
from ..tape import Node, Outline
from ..tensor import Tensor
from .facts import Facts
from .folding import parameters_of
from .loops import ordinal, tell_loops
from .marks import Marks, known_value, value_then
from .order import inputs_first, nearest
from .part import Part
from .parts import Box, Circle, Item, Kind, Label, Look, Scene, Turn, Wire
from .places import Group, Place, Places
from .rolling import Rolling
from .text import joined, name_or_value, number, written
from .trial import RAISED, roots
from .watch import Run, Runs, norm

__all__ = ["Box", "Circle", "Item", "Label", "Scene", "Turn", "Wire", "name_or_value", "number", "scene", "written"]

COMMUTATIVE = frozenset({"add", "mul"})
FOLDING = COMMUTATIVE | {"sub", "div", "pow"}
"""Operations that take a Python number into their circle, "×2", as in the book's figures 5-1 and 5-7."""

HIDEABLE = ("constants", "parameters")
"""Inputs that can be left out: those that need no gradient, and those that are learned."""

EVERYWHERE = Place()
"""The place of operations that no module is known of."""


def scene(
    y: Tensor | Sequence[Tensor | Node],
    max_nodes: int | None = None,
    places: Places | None = None,
    marks: Marks | None = None,
    facts: Facts | None = None,
    hide: Collection[str] = (),
    part: Part | None = None,
    rolling: Rolling | None = None,
) -> Scene:
    """Read the graph behind a tensor off the tape.

    Parameters
    ----------
    y
        The result, or several. A leaf gives a picture of itself.
    max_nodes
        At most this many operations, those nearest to the result; beyond them stands "…".
    places
        Where the operations stand among modules; without, each is drawn by itself.
    marks
        What is to be seen of them at a glance.
    facts
        What is known of them besides.
    hide
        Names of operations that are left out, their values going on as those they took; "constants" and "parameters".
    part
        Draw only this.
    rolling
        Which operations are drawn as one, as the runs of a loop.
    """
    results = [y] if isinstance(y, Tensor) else y
    ends = roots(results)
    if not ends and len(results) == 1 and isinstance(results[0], Tensor):
        return _leaf(results[0])
    rolling = rolling or Rolling()
    kept = nearest(ends, max_nodes, rolling.first)
    if part is not None:
        kept.intersection_update(part.nodes)
    drawing = _Drawing(places, marks or Marks(), facts or Facts(), hide, part, rolling)
    # what a module is given was made before it runs: in the order of time its inputs come before its box
    timely = places or any(rolling.times(node) > 1 for node in kept)
    for node in sorted(kept, key=attrgetter("order")) if timely else inputs_first(ends, kept):
        drawing.add(node)
    if places:
        drawing.add_unrecorded_inputs(places.runs)
    for result in results:
        drawing.add_result(result)
    drawing.tell()
    return drawing.picture


def _leaf(y: Tensor) -> Scene:
    picture = Scene([Label("n0", name_or_value(y))])
    if y.name or y.grad is not None:
        picture.items.append(Label("n1", ""))
        picture.wires.append(_wire("n0", "n1", y, *_own_gradient(y)))
    return picture


class _Drawing:
    """A picture in the making.

    Parameters
    ----------
    places
        Where the operations stand among modules, if that is known.
    marks, facts
        What is to be seen of them at a glance, and what else is known.
    hide
        What is left out.
    part
        What is drawn, if not all.
    rolling
        What is drawn as one.
    """

    def __init__(
        self,
        places: Places | None,
        marks: Marks,
        facts: Facts,
        hide: Collection[str],
        part: Part | None,
        rolling: Rolling,
    ) -> None:
        self.picture = Scene()
        self._places = places
        self._marks = marks
        self._facts = facts
        self._hide = hide
        self._part = part
        self._rolling = rolling
        self._nodes: dict[int, str] = {}  # the item at which a node's value leaves, by the node's order
        self._runs: dict[int, int] = {}  # and in which of its runs
        self._circles: dict[int, Circle] = {}  # by the order of the first node
        self._wires: dict[Hashable, Wire] = {}  # by what they lead from and to
        self._labels: dict[Hashable, Label] = {}  # those of inputs, by where the first run of a loop takes them
        self._texts: dict[str, list[str]] = {}  # of labels and numbers in circles, those of each run
        self._times: dict[str, int] = {}  # how often a loop ran an item
        self._ends: dict[int, Label] = {}  # of results, by the order of the first node
        self._made: dict[str, list[Node]] = {}  # the nodes that an item stands for, those of repetitions last
        self._repeated: dict[str, list[Node]] = {}
        self._leaves: dict[int, str] = {}
        self._boxes: dict[Place, str] = {}
        self._entered: set[tuple[Run, int]] = set()
        self._given = {id(value) for _, value in places.runs.given} if places else set()

    def add(self, node: Node) -> None:
        """Draw an operation, or the module that it is part of."""
        place = self._places.of(node) if self._places else EVERYWHERE
        if place.hidden:
            self._stand_in(node)
            return
        if place.run is None and node.plan.op.name in self._hide:
            self._pass_on(node, place.group)
            return
        if place.run is None:
            self._add_circle(node, place.group)
        else:
            self._add_to_box(node, place)
        self._made.setdefault(self._nodes[node.order], []).append(node)

    def _stand_in(self, node: Node) -> None:
        """Let the value of a repetition leave where the first one's does."""
        assert self._places is not None
        item = self._nodes[node.order] = self._nodes[self._places.twins[self._rolling.first(node)]]
        self._runs[node.order] = self._rolling.number(node)
        self._repeated.setdefault(item, []).append(node)

    def _pass_on(self, node: Node, group: Group | None) -> None:
        """Leave an operation out: its value leaves where the first that it takes and that needs a gradient does."""
        source = next(edge for edge in node.edges if getattr(edge, "requires_grad", False))
        self._nodes[node.order] = self._tail(source, group, self._slot(node, 0))
        self._runs[node.order] = self._run(source)

    def _hides(self, edge: Any) -> bool:
        """Tell whether an input is left out."""
        if isinstance(edge, Parameter):
            return "parameters" in self._hide
        return "constants" in self._hide and not getattr(edge, "requires_grad", False)

    def _add_circle(self, node: Node, group: Group | None) -> None:
        contributions = node.contributions()
        folded = folded_argument(node)
        wires = {}
        for i, edge in enumerate(node.edges):
            if i == folded or self._hides(edge):
                continue
            wire = self._wire_from(edge, group, self._slot(node, i), contributions.get(i), i in contributions, i)
            wire.value = _array(value_then(node, i))
            wire.expanded = _expanded(node, edge)
            if self._marks.formulas:
                wire.formulas = self._marks.formulas.into(node, i)
            if wire.shape is not None and _dtype(edge) not in (None, node.dtype):
                wire.dtype = str(_dtype(edge))
            wires[i] = wire
        circle = self._circle(node, folded, group)
        self._nodes[node.order] = circle.id
        self._runs[node.order] = self._rolling.number(node)
        self._connect(wires, circle.id, node)

    def _circle(self, node: Node, folded: int | None, group: Group | None) -> Circle:
        """Return the circle of an operation, which is new if it is the first run."""
        first = self._rolling.first(node)
        if first not in self._circles:
            circle = Circle(self.picture.new_id(), node.plan.op.symbol, node.plan.op.name, group)
            circle.times_run = self._times[circle.id] = self._rolling.times(node)
            self.picture.items.append(circle)
            self._circles[first] = circle
        circle = self._circles[first]
        if folded is not None:
            self._texts.setdefault(circle.id, []).append(number(node.edges[folded]))
        return circle

    def _add_to_box(self, node: Node, place: Place) -> None:
        assert self._places is not None
        run = self._places.run_of(node)
        self._runs[node.order] = self._rolling.number_of_run(run)
        wires = {
            i: self._wire_from(edge, place.group, self._slot(node, i), *_own_gradient(edge))
            for i, edge in enumerate(node.edges)
            if self._enters(edge, run, place)
        }
        if place not in self._boxes:
            id = self._boxes[place] = self.picture.new_id()
            self._times[id] = self._rolling.times_of_run(run)
            self.picture.items.append(_box(id, place, self._times[id]))
        self._nodes[node.order] = self._boxes[place]
        self._connect(wires, self._boxes[place], node)

    def _enters(self, edge: Any, run: Run, place: Place) -> bool:
        """Tell whether a value flows into a run of a closed module and was not yet drawn so."""
        assert self._places is not None
        if isinstance(edge, Node):
            enters = self._places.of(edge) is not place or self._places.run_of(edge) is not run
            entry = (run, edge.order)
        else:
            enters = any(edge is given for given in run.inputs)
            entry = (run, -id(edge))
        new = enters and entry not in self._entered
        self._entered.add(entry)
        return new

    def _slot(self, node: Node, i: int) -> tuple[int, int]:
        """Tell where a value is taken: the same in all runs of a loop."""
        return self._rolling.first(node), i

    def _run(self, edge: Any) -> int:
        """Tell in which run of what is drawn a value was made."""
        return self._runs.get(edge.order, 1) if isinstance(edge, Node) else 1

    def _wire_from(
        self,
        edge: Any,
        group: Group | None,
        slot: tuple[int, int],
        gradient: Any,
        has_gradient: bool,
        entering: int = 0,
    ) -> Wire:
        """Start a wire where a value comes from; if that is no operation, draw a label there."""
        wire = _wire(self._tail(edge, group, slot), "", edge, gradient, has_gradient)
        wire.uses = [(self._run(edge), 1)]
        if isinstance(edge, Node):
            wire.flow = self._rolling.first(edge)
            wire.dtype = str(edge.dtype) if _retyped(edge) else None
        wire.look = self._look(edge, entering)
        if self._places and wire.shape is not None:
            wire.norm = _norm(edge, has_gradient, self._places.runs)
            wire.has_gradient |= wire.norm is not None
        return wire

    def _tail(self, edge: Any, group: Group | None, slot: tuple[int, int]) -> str:
        """Return the item at which a value leaves; what a loop takes at one place each time anew has one label."""
        tail = self._nodes.get(edge.order) if isinstance(edge, Node) else self._leaves.get(id(edge))
        if tail is not None:
            return tail
        if slot not in self._labels:
            self._labels[slot] = self._add_label(edge, group)
        label = self._labels[slot]
        label.mark = label.mark or self._marks.of_leaf(edge)
        self._texts.setdefault(label.id, []).append(self._told(edge))
        if isinstance(edge, Node):
            self._nodes[edge.order] = label.id
        elif isinstance(edge, Tensor | Outline):  # a number or array stands anew wherever it is used
            self._leaves[id(edge)] = label.id
        return label.id

    def _look(self, edge: Any, entering: int) -> Look:
        """Tell what a value that enters at a position is: data, a learned array, or something computed."""
        if isinstance(edge, Node):
            return "image" if len(edge.shape) > 3 else "signed"  # feature maps
        if not isinstance(edge, Tensor) or not edge.requires_grad or self._is_given(edge):
            return "image"
        # images can take part in the gradient, too; what a convolution takes first is no filter
        return "image" if edge.ndim > 3 and not entering and not isinstance(edge, Parameter) else "weight"

    def _is_given(self, edge: Any) -> bool:
        return id(edge) in self._given

    def _add_label(self, edge: Any, group: Group | None) -> Label:
        if self._is_given(edge):
            group = None  # what the model is given stands outside
        if isinstance(edge, Node) and self._part is not None:
            group = None
        label = Label(self.picture.new_id(), "", group)
        self.picture.items.append(label)
        return label

    def _told(self, edge: Any) -> str:
        """Name an input, or what is not drawn."""
        if not isinstance(edge, Node):
            return self._facts.name(edge) or name_or_value(edge)
        if self._part is not None:
            return self._part.outside(edge)
        self.picture.cut = True
        return "…"

    def _connect(self, wires: Mapping[int, Wire], head: str, node: Node | None = None) -> None:
        """Let the inputs of an operation, by their positions, lead to an item; those that a loop takes are one."""
        for i, wire in wires.items():
            wire.head = head
            if node is None:
                key: Hashable = wire.tail, head
            else:
                wire.uses = [(wire.uses[0][0], self._runs[node.order])]
                gathers = node.plan.op.variadic and self._times.get(wire.tail, 1) > 1
                key = wire.tail, head, self._slot(node, 0 if gathers else i)
            known = self._wires.setdefault(key, wire)
            if known is wire:
                self.picture.wires.append(wire)
            else:
                known.use_again(wire)

    def add_unrecorded_inputs(self, runs: Runs) -> None:
        """Draw what the model was given and the tape does not know, such as indices, at the modules that took it."""
        for name, value in runs.given:
            if id(value) in self._leaves or getattr(value, "requires_grad", False):
                continue
            takers = [run for run in runs.all() if _takes(run, value) and not any(_takes(r, value) for r in run.runs)]
            orders = [min((o for o in self._nodes if run.start < o <= run.end), default=None) for run in takers]
            heads = dict.fromkeys(self._nodes[order] for order in orders if order is not None)
            if heads:
                label = Label(self.picture.new_id(), name)
                self.picture.items.append(label)
                wires = [_wire(label.id, head, value, None, False) for head in heads]
                for wire in wires:
                    wire.look, wire.dtype = "image", str(value.dtype)
                self.picture.wires += wires

    def add_result(self, y: Tensor | Node) -> None:
        """Draw a result, by its name."""
        source = (y._node or y) if isinstance(y, Tensor) else y
        if isinstance(source, Node) and source.plan.op is RAISED:
            return
        wire = self._wire_from(source, None, (0, len(self.picture.items)), *_own_gradient(source))
        if isinstance(y, Tensor):
            wire.value = known_value(y)
        if self._marks.formulas and isinstance(source, Node):
            wire.formulas = self._marks.formulas.out_of(source)
        name = source.name if isinstance(source, Node) else ""
        if self._part is not None and isinstance(source, Node):
            name = self._part.user(source)
        first = self._rolling.first(source) if isinstance(source, Node) and self._rolling.times(source) > 1 else 0
        end = self._ends.get(first) or Label(self.picture.new_id(), "")
        if first not in self._ends:
            self.picture.items.append(end)
        if first:
            self._ends[first] = end
        self._texts.setdefault(end.id, []).append(name or "")
        self._connect({0: wire}, end.id)

    def tell(self) -> None:
        """Gather what is known of operations and modules, write what is wanted of it, and mark them."""
        tell_loops(self.picture)
        marks = replace(self._marks, notes={order: self._in_run(order, n) for order, n in self._marks.notes.items()})
        for item in self.picture.items:
            told = joined(self._texts.get(item.id, ()))
            if isinstance(item, Label):
                item.text = told or item.text
            if isinstance(item, Circle):
                item.symbol += told
            if isinstance(item, Circle | Box):
                nodes = self._made[item.id]
                item.row = self._facts.row(item, *self._about(item))
                item.notes += tuple(self._facts.written(item.row))
                item.mark = marks.of_nodes(nodes + self._repeated.get(item.id, []), self._leaves)

    def _about(self, item: Circle | Box) -> tuple[list[list[Node]], list[Run], Run | None]:
        """Return the nodes of each run of an item, the runs if it is a module, and the first run around it."""
        parts: dict[int, list[Node]] = {}
        for node in self._made[item.id]:
            parts.setdefault(self._runs[node.order], []).append(node)
        nodes = list(parts.values())
        if self._places is None:
            return nodes, [], None
        runs = [self._places.run_of(each[0]) for each in nodes] if isinstance(item, Box) else []
        around = self._places.runs.around(nodes[0][0].order)
        around = around[: around.index(runs[0])] if runs else around
        return nodes, runs, around[-1] if around else None

    def _in_run(self, order: int, note: str) -> str:
        """Add to what was found of a node in which run that was."""
        often = self._times.get(self._nodes.get(order, ""), 1)
        return f"{note}\nin the {ordinal(self._runs[order])} run of {often}" if often > 1 else note


def _takes(run: Run, value: Any) -> bool:
    return any(value is given for given in run.inputs)


def _shape(edge: Any) -> tuple[int, ...]:
    return edge.shape if isinstance(edge, Tensor | Node | Outline) else np.shape(edge)


def _dtype(edge: Any) -> np.dtype[Any] | None:
    """Return an input's dtype; a Python number has none of its own."""
    return getattr(edge, "dtype", None)


def _retyped(node: Node) -> bool:
    """Tell whether an operation gives another floating dtype than it was given."""
    dtypes = [_dtype(edge) for edge in node.edges]
    return any(dtype is not None and dtype.kind == "f" and dtype != node.dtype for dtype in dtypes)


def _expanded(node: Node, edge: Any) -> tuple[int, ...] | None:
    """Return the shape to which an operation repeats an input, if that is larger."""
    repeats = node.plan.op.family == "elementwise" or node.plan.op.name == "broadcast_to"
    return node.shape if repeats and prod(_shape(edge)) < prod(node.shape) else None


def _own_gradient(edge: Any) -> tuple[np.ndarray | None, bool]:
    """Return the gradient of a value, all its uses together, if it is known, and whether it was computed at all."""
    if not isinstance(edge, Node):
        return (None, False) if edge.grad is None else (edge.grad.numpy(), True)
    gradient = edge.gradients[-1] if edge.gradients else None
    return None if gradient is ... else gradient, gradient is not None


def _norm(edge: Any, has_gradient: bool, runs: Runs) -> float | None:
    """Return the norm of a value's gradient if it is known; an older gradient of a leaf does not count."""
    if isinstance(edge, Node):
        return runs.norms.get(edge.order)
    return norm(edge.grad) if has_gradient and isinstance(edge, Tensor) and edge.grad is not None else None


def _box(id: str, place: Place, times_run: int) -> Box:
    """Tell a closed module: its class and options, its name and the number of its parameters."""
    assert place.run is not None
    module, fold = place.run.module, place.fold
    path, times = (fold.path, fold.times) if fold else (place.run.path, 1)
    count = parameters_of(module)
    parameters = f"{count:,} parameters" if count else ""
    if fold and count:
        distinct = {block[0].module for block in fold.blocks}
        parameters = f"{times} × {parameters}" if len(distinct) == times else f"{parameters}, shared"
    kind: Kind = "container" if any(True for _ in module.children()) else "learned" if count else "function"
    notes = " · ".join(text for text in (path, parameters) if text)
    name = path.rpartition(".")[2]
    title, options = place.run.layer, module.extra_repr()
    if name and times == 1 and not name.isdigit():  # a number is a place in a row, no name
        title, options = name, " ".join((title, options)).rstrip()
    return Box(id, kind, title, options, (notes,) if notes else (), times, place.group, times_run=times_run)


def folded_argument(node: Node) -> int | None:
    """Find the Python number that is written into the circle, if there is one."""
    if node.plan.op.name in FOLDING and len(node.edges) == 2:
        for i in (1, 0) if node.plan.op.name in COMMUTATIVE else (1,):
            if isinstance(node.edges[i], bool | int | float):
                return i
    return None


def _wire(tail: str, head: str, edge: Any, gradient: Any, has_gradient: bool) -> Wire:
    value = _array(known_value(edge))
    if (
        not getattr(edge, "requires_grad", False)
        and not getattr(edge, "name", None)
        and value is not None
        and value.size == 1
    ):
        return Wire(tail, head, None)  # a plain number: its label tells it
    return Wire(tail, head, _shape(edge), value, gradient, has_gradient)


def _array(value: Any) -> np.ndarray | None:
    return None if value is None else np.asarray(value)
