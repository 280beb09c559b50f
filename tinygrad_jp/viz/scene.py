"""What a picture shows, read off the tape: operations or modules, inputs, and the wires between them."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from ..tape import SMALL, Node, Outline, changes
from ..tensor import Tensor
from .folding import parameters_of
from .places import Group, Place, Places
from .watch import Run, Runs, norm

COMMUTATIVE = frozenset({"add", "mul"})
FOLDING = COMMUTATIVE | {"sub", "div", "pow"}
"""Operations that take a Python number into their circle, "×2", as in the book's figures 5-1 and 5-7."""

Kind = Literal["container", "learned", "function"]
EVERYWHERE = Place()
"""The place of operations that no module is known of."""


@dataclass
class Circle:
    """An operation."""

    id: str
    symbol: str
    op: str
    group: Group | None = None


@dataclass
class Label:
    """An input, by its name or else its value; or the name of the result; or "…" where the picture was cut."""

    id: str
    text: str
    group: Group | None = None


@dataclass
class Box:
    """A module that is not opened.

    Attributes
    ----------
    kind
        "container" if there are modules inside, else "learned" if it has parameters, else "function".
    title
        Its own name, or the class of one that only has a number.
    options
        The class, if it is not the title, and the options: "1, 30, 5×5".
    notes
        What stands below, a line each: name and number of parameters.
    times
        How many equal ones follow each other.
    """

    id: str
    kind: Kind
    title: str
    options: str
    notes: tuple[str, ...]
    times: int = 1
    group: Group | None = None

    @property
    def text(self) -> str:
        """Title and options in one line."""
        return f"{self.title} {self.options}".rstrip() + (f" ×{self.times}" if self.times > 1 else "")


@dataclass
class Turn:
    """Where a long chain is cut: it ends at one such mark and goes on at another with the same number."""

    id: str
    number: int
    group: Group | None = None

    @property
    def text(self) -> str:
        """The number."""
        return str(self.number)


Item = Circle | Label | Box | Turn


@dataclass(eq=False)
class Wire:
    """One argument of one operation (or the result): the value that flows forward, the gradient that comes back.

    A value or gradient that is not known (not small, or not computed) is None. The shape is None where the label at
    the tail already tells the value. The norm is that of the gradient, where a watched module returned the value. The
    flow is the order of the node that made the value: wires of one flow carry the same.
    """

    tail: str
    head: str
    shape: tuple[int, ...] | None
    value: np.ndarray | None = None
    gradient: np.ndarray | None = None
    has_gradient: bool = False
    norm: float | None = None
    flow: int | None = None


@dataclass
class Scene:
    """A whole picture; everything in drawing order, inputs before what is computed from them."""

    items: list[Item] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    cut: bool = False
    notice: str | None = None

    def new_id(self) -> str:
        """Return the id for the next item."""
        return f"n{len(self.items)}"


def scene(y: Tensor | Sequence[Tensor], max_nodes: int | None = None, places: Places | None = None) -> Scene:
    """Read the graph behind a tensor off the tape.

    Parameters
    ----------
    y
        The result, or several. A leaf gives a picture of itself.
    max_nodes
        At most this many operations, those nearest to the result; beyond them stands "…".
    places
        Where the operations stand among modules; without, each is drawn by itself.
    """
    results = [y] if isinstance(y, Tensor) else y
    roots = [result._node for result in results if result._node is not None]
    if not roots:
        return _leaf(results[0])
    kept = _nearest(roots, max_nodes)
    drawing = _Drawing(places)
    # what a module is given was made before it runs: in the order of time its inputs come before its box
    for node in sorted(kept, key=attrgetter("order")) if places else _inputs_first(roots, kept):
        drawing.add(node)
    if places:
        drawing.add_unrecorded_inputs(places.runs)
    for result in results:
        drawing.add_result(result)
    return drawing.picture


def _leaf(y: Tensor) -> Scene:
    picture = Scene([Label("n0", name_or_value(y))])
    if y.name or y.grad is not None:
        picture.items.append(Label("n1", ""))
        picture.wires.append(_wire("n0", "n1", y, *_own_gradient(y)))
    return picture


def _nearest(roots: Sequence[Node], limit: int | None) -> set[Node]:
    """Collect up to `limit` operations, the newest first: each comes after all that use it."""
    kept: set[Node] = set()
    seen = set(roots)
    waiting = [(-node.order, node) for node in seen]
    heapq.heapify(waiting)
    while waiting and len(kept) != limit:
        _, node = heapq.heappop(waiting)
        kept.add(node)
        for edge in node.edges:
            if isinstance(edge, Node) and edge not in seen:
                seen.add(edge)
                heapq.heappush(waiting, (-edge.order, edge))
    return kept


def _inputs_first(roots: Sequence[Node], kept: set[Node]) -> list[Node]:
    """Order operations so that each follows its inputs, the first argument's first; without recursion."""
    ordered: list[Node] = []
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    seen = set()
    while stack:
        node, ready = stack.pop()
        if ready:
            ordered.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(e, False) for e in reversed(node.edges) if isinstance(e, Node) and e in kept]
    return ordered


class _Drawing:
    """A picture in the making.

    Parameters
    ----------
    places
        Where the operations stand among modules, if that is known.
    """

    def __init__(self, places: Places | None) -> None:
        self.picture = Scene()
        self._places = places
        self._nodes: dict[int, str] = {}  # the item at which a node's value leaves, by the node's order
        self._leaves: dict[int, str] = {}
        self._boxes: dict[Place, str] = {}
        self._entered: set[tuple[Place, int]] = set()

    def add(self, node: Node) -> None:
        """Draw an operation, or the module that it is part of."""
        place = self._places.of(node) if self._places else EVERYWHERE
        if place.hidden:
            self._stand_in(node)
        elif place.run is None:
            self._add_circle(node, place.group)
        else:
            self._add_to_box(node, place)

    def _stand_in(self, node: Node) -> None:
        """Let the value that a repetition returns leave where the first one's does."""
        assert self._places is not None
        if node.order in self._places.same:
            self._nodes[node.order] = self._nodes[self._places.same[node.order]]

    def _add_circle(self, node: Node, group: Group | None) -> None:
        contributions = node.contributions()
        folded = _folded_argument(node)
        wires = []
        for i, edge in enumerate(node.edges):
            if i == folded:
                continue
            wire = self._wire_from(edge, group, contributions.get(i), i in contributions)
            if _changed_since(node, edge):
                wire.value = None  # only the shape is still true
            wires.append(wire)
        circle = Circle(self.picture.new_id(), _symbol(node, folded), node.plan.op.name, group)
        self.picture.items.append(circle)
        self._nodes[node.order] = circle.id
        self._connect(wires, circle.id)

    def _add_to_box(self, node: Node, place: Place) -> None:
        wires = [
            self._wire_from(edge, place.group, *_own_gradient(edge)) for edge in node.edges if self._enters(edge, place)
        ]
        if place not in self._boxes:
            self._boxes[place] = self.picture.new_id()
            self.picture.items.append(_box(self._boxes[place], place))
        self._nodes[node.order] = self._boxes[place]
        self._connect(wires, self._boxes[place])

    def _enters(self, edge: Any, place: Place) -> bool:
        """Tell whether a value flows into a closed module and was not yet drawn so."""
        assert self._places is not None
        assert place.run is not None
        if isinstance(edge, Node):
            enters = self._places.of(edge) is not place
            entry = (place, edge.order)
        else:
            enters = any(edge is given for given in place.run.inputs)
            entry = (place, -id(edge))
        new = enters and entry not in self._entered
        self._entered.add(entry)
        return new

    def _wire_from(self, edge: Any, group: Group | None, gradient: Any, has_gradient: bool) -> Wire:
        """Start a wire where a value comes from; if that is no operation, draw a label there."""
        tail = self._nodes.get(edge.order) if isinstance(edge, Node) else self._leaves.get(id(edge))
        if tail is None:
            tail = self._add_label(edge, group)
        wire = _wire(tail, "", edge, gradient, has_gradient)
        wire.flow = edge.order if isinstance(edge, Node) else None
        if self._places and wire.shape is not None:
            wire.norm = _norm(edge, has_gradient, self._places.runs)
            wire.has_gradient |= wire.norm is not None
        return wire

    def _add_label(self, edge: Any, group: Group | None) -> str:
        if self._places and any(edge is value for _, value in self._places.runs.given):
            group = None  # what the model is given stands outside
        cut = isinstance(edge, Node)
        label = Label(self.picture.new_id(), "…" if cut else name_or_value(edge), group)
        self.picture.items.append(label)
        self.picture.cut |= cut
        if isinstance(edge, Node):
            self._nodes[edge.order] = label.id
        elif isinstance(edge, Tensor | Outline):  # a number or array stands anew wherever it is used
            self._leaves[id(edge)] = label.id
        return label.id

    def _connect(self, wires: list[Wire], head: str) -> None:
        for wire in wires:
            wire.head = head
        self.picture.wires += wires

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
                self.picture.wires += [Wire(label.id, head, np.shape(value)) for head in heads]

    def add_result(self, y: Tensor) -> None:
        """Draw a result, by its name."""
        if y._node is None:
            return
        wire = self._wire_from(y._node, None, *_own_gradient(y._node))
        wire.value = _array(y)
        end = Label(self.picture.new_id(), y.name or "")
        self.picture.items.append(end)
        self._connect([wire], end.id)


def _takes(run: Run, value: Any) -> bool:
    return any(value is given for given in run.inputs)


def _changed_since(node: Node, edge: Any) -> bool:
    """Tell whether an input, such as a weight, was updated after the operation read it."""
    return isinstance(edge, Tensor) and changes.since(node.order, (edge.numpy(),)) is not None


def _own_gradient(edge: Any) -> tuple[np.ndarray | None, bool]:
    """Return the gradient of a value, all its uses together, if it is small, and whether it was computed at all."""
    if not isinstance(edge, Node):
        small = edge.grad is not None and edge.size <= SMALL
        return edge.grad.numpy() if small else None, edge.grad is not None
    gradient = edge.gradients[-1] if edge.gradients else None
    return None if gradient is ... else gradient, gradient is not None


def _norm(edge: Any, has_gradient: bool, runs: Runs) -> float | None:
    """Return the norm of a value's gradient if it is known; an older gradient of a leaf does not count."""
    if isinstance(edge, Node):
        return runs.norms.get(edge.order)
    return norm(edge.grad) if has_gradient and isinstance(edge, Tensor) and edge.grad is not None else None


def _box(id: str, place: Place) -> Box:
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
    return Box(id, kind, title, options, (notes,) if notes else (), times, place.group)


def _folded_argument(node: Node) -> int | None:
    """Find the Python number that is written into the circle, if there is one."""
    if node.plan.op.name in FOLDING and len(node.edges) == 2:
        for i in (1, 0) if node.plan.op.name in COMMUTATIVE else (1,):
            if isinstance(node.edges[i], bool | int | float):
                return i
    return None


def _symbol(node: Node, folded: int | None) -> str:
    symbol = node.plan.op.symbol
    return symbol if folded is None else symbol + number(node.edges[folded])


def _wire(tail: str, head: str, edge: Any, gradient: Any, has_gradient: bool) -> Wire:
    value = _array(edge)
    if (
        not getattr(edge, "requires_grad", False)
        and not getattr(edge, "name", None)
        and value is not None
        and value.size == 1
    ):
        return Wire(tail, head, None)  # a plain number: its label tells it
    shape = edge.shape if isinstance(edge, Tensor | Node | Outline) else np.shape(edge)
    return Wire(tail, head, shape, value, gradient, has_gradient)


def _array(edge: Any) -> np.ndarray | None:
    """Return the value of an input, or None if it is not known or not small."""
    if isinstance(edge, Outline):
        return None
    if isinstance(edge, Node):
        return edge.value
    value = edge.numpy() if isinstance(edge, Tensor) else np.asarray(edge)
    return value if value.size <= SMALL else None


def name_or_value(edge: Any) -> str:
    """Text for an input: its name, else its value if it is one number, else its shape."""
    name = getattr(edge, "name", None)
    if name:
        return str(name)
    value = edge.numpy() if isinstance(edge, Tensor) else edge
    shape = value.shape if isinstance(value, Node | Outline) else np.shape(value)
    if isinstance(value, Node | Outline) or np.size(value) != 1:
        return written(shape)
    return number(np.asarray(value).item())


def written(shape: tuple[int, ...]) -> str:
    """Write a shape as Python does: (), (3,), (2, 3)."""
    return str(tuple(map(int, shape)))


def number(x: float) -> str:
    """Write a number as a picture shows it: exactly if it is short (220, 1.1), else to four significant digits."""
    if isinstance(x, bool | int) and abs(x) < 10**7:
        return str(x)
    if np.isnan(x):
        return "NaN"
    if np.isinf(x):
        return "∞" if x > 0 else "-∞"
    exact = f"{x + 0.0:.10g}"  # + 0.0 turns -0 into 0
    return exact if len(exact) <= 7 else f"{x:.4g}"
