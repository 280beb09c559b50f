"""What a picture shows, read off the tape: operations, inputs, and the wires between them."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..tape import SMALL, Node, Outline, changes
from ..tensor import Tensor

COMMUTATIVE = frozenset({"add", "mul"})
FOLDING = COMMUTATIVE | {"sub", "div", "pow"}
"""Operations that take a Python number into their circle, "×2", as in the book's figures 5-1 and 5-7."""


@dataclass
class Circle:
    """An operation."""

    id: str
    symbol: str
    op: str


@dataclass
class Label:
    """An input, by its name or else its value; or the name of the result; or "…" where the picture was cut."""

    id: str
    text: str


@dataclass
class Wire:
    """One argument of one operation (or the result): the value that flows forward, the gradient that comes back.

    A value or gradient that is not known (not small, or not computed) is None. The shape is None where the label at
    the tail already tells the value.
    """

    tail: str
    head: str
    shape: tuple[int, ...] | None
    value: np.ndarray | None = None
    gradient: np.ndarray | None = None
    has_gradient: bool = False


@dataclass
class Scene:
    """A whole picture; everything in drawing order, inputs before what is computed from them."""

    items: list[Circle | Label] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    cut: bool = False


def scene(y: Tensor, max_nodes: int) -> Scene:
    """Read the graph behind a tensor off the tape.

    Parameters
    ----------
    y
        The result. A leaf gives a picture of itself.
    max_nodes
        At most this many operations, those nearest to the result; beyond them stands "…".
    """
    picture = Scene()
    if y._node is None:
        picture.items.append(Label("n0", name_or_value(y)))
        if y.name or y.grad is not None:
            picture.items.append(Label("n1", ""))
            picture.wires.append(_wire("n0", "n1", y, _gradient_of_leaf(y), y.grad is not None))
        return picture
    kept = _nearest(y._node, max_nodes)
    ids: dict[int, str] = {}
    for node in _inputs_first(y._node, kept):
        _add_operation(picture, ids, node, kept)
    _add_result(picture, ids, y)
    return picture


def _nearest(root: Node, limit: int) -> set[Node]:
    """Collect up to `limit` operations, the newest first: each comes after all that use it."""
    kept: set[Node] = set()
    seen = {root}
    waiting = [(-root.order, root)]
    while waiting and len(kept) < limit:
        _, node = heapq.heappop(waiting)
        kept.add(node)
        for edge in node.edges:
            if isinstance(edge, Node) and edge not in seen:
                seen.add(edge)
                heapq.heappush(waiting, (-edge.order, edge))
    return kept


def _inputs_first(root: Node, kept: set[Node]) -> list[Node]:
    """Order operations so that each follows its inputs, the first argument's first; without recursion."""
    ordered: list[Node] = []
    stack: list[tuple[Node, bool]] = [(root, False)]
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


def _add_operation(picture: Scene, ids: dict[int, str], node: Node, kept: set[Node]) -> None:
    contributions = node.contributions()
    folded = _folded_argument(node)
    wires = []
    for i, edge in enumerate(node.edges):
        if i == folded:
            continue
        tail = ids.get(id(edge))
        if tail is None:
            tail = _add_label(picture, ids, edge, cut=isinstance(edge, Node) and edge not in kept)
        wire = _wire(tail, "", edge, contributions.get(i), i in contributions)
        if _changed_since(node, edge):
            wire.value = None  # only the shape is still true
        wires.append(wire)
    ids[id(node)] = f"n{len(picture.items)}"
    picture.items.append(Circle(ids[id(node)], _symbol(node, folded), node.plan.op.name))
    for wire in wires:
        wire.head = ids[id(node)]
    picture.wires += wires


def _changed_since(node: Node, edge: Any) -> bool:
    """Tell whether an input, such as a weight, was updated after the operation read it."""
    return isinstance(edge, Tensor) and changes.since(node.order, (edge.numpy(),)) is not None


def _add_label(picture: Scene, ids: dict[int, str], edge: Any, cut: bool) -> str:
    label = Label(f"n{len(picture.items)}", "…" if cut else name_or_value(edge))
    picture.items.append(label)
    picture.cut |= cut
    if isinstance(edge, Node | Tensor | Outline):  # a number or array stands anew wherever it is used
        ids[id(edge)] = label.id
    return label.id


def _add_result(picture: Scene, ids: dict[int, str], y: Tensor) -> None:
    node = y._node
    assert node is not None
    end = Label(f"n{len(picture.items)}", y.name or "")
    picture.items.append(end)
    gradient = node.gradients[-1] if node.gradients else None
    picture.wires.append(_wire(ids[id(node)], end.id, y, None if gradient is ... else gradient, gradient is not None))


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


def _gradient_of_leaf(y: Tensor) -> np.ndarray | None:
    return y.grad.numpy() if y.grad is not None and y.size <= SMALL else None


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
