"""What a page shows of a computation: ops, inputs, and the wires between them, read off the tape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ...tape import Node
from ...tensor import Tensor
from ..record import reachable
from ..scene import folded_argument
from ..text import number
from ..watch import Runs
from .arrays import beside
from .facts import MISSING, Facts, is_leaf, own_gradient, put_in, shape_of
from .frames import Frames
from .thumbnails import Picture, Thumbnails, look_of

LONGEST = 24
"""So many characters of a name stand in the picture; the page tells the whole name."""
MANY = 80
"""Among more ops than this an input stands at each op that uses it: arrows all through a large picture tell nothing."""


@dataclass
class Item:
    """What is placed in the picture.

    Attributes
    ----------
    kind
        An op, an input, or the name of the result.
    text
        The op's symbol; or a name or number.
    frame
        The innermost frame around it.
    told
        All that the page tells of it when it is chosen.
    same
        Id of the first item that stands for the same input.
    total
        Lines of its gradient where several contributions meet; else None.
    """

    id: str
    kind: Literal["op", "leaf", "end"]
    text: str
    frame: int | None
    told: dict[str, Any] = field(default_factory=dict)
    same: str = ""
    total: list[str] | None = None


@dataclass
class Wire:
    """An input of an op, or the result.

    Attributes
    ----------
    tail, head
        Ids of the items at its ends.
    input
        Position among the op's inputs; None for the result.
    value, gradient
        Lines that stand above and below it; None: the gradient was not computed.
    picture, gradient_picture
        Of larger arrays, above and below these.
    frame
        The one in which all this stands.
    """

    id: str
    tail: str
    head: str
    input: int | None
    value: list[str]
    gradient: list[str] | None
    picture: Picture | None = None
    gradient_picture: Picture | None = None
    frame: int | None = None


class Diagram:
    """The picture of all that is behind a result.

    Parameters
    ----------
    y
        The result.
    names
        What the results of ops and the leaves are called; a leaf that is missing is told by its value.
    runs
        Of the modules in which it was computed.
    """

    def __init__(self, y: Tensor, names: Mapping[Any, str], runs: Runs | None) -> None:
        root = y._node
        assert root is not None
        self.nodes = reachable([root])
        self.frames = Frames(self.nodes, runs)
        self.facts = Facts(self.nodes, names)
        self.thumbnails = Thumbnails(sum(len(node.edges) for node in self.nodes))
        self.items: list[Item] = []
        self.wires: list[Wire] = []
        self.ids: dict[Node, str] = {}
        self._leaves: dict[Any, Item] = {}
        self._given = [value for _, value in runs.given] if runs else []
        for node in self.nodes:
            self._add_op(node)
        end = self._add(Item("", "end", short(y.name or ""), None))
        self._wire(self.ids[root], end, None, y.numpy(), y.shape, own_gradient(root))
        self._add_totals()
        self._put_into_frames()

    def _add(self, item: Item) -> str:
        item.id = f"n{len(self.items)}"
        item.same = item.same or item.id
        self.items.append(item)
        return item.id

    def _add_op(self, node: Node) -> None:
        folded = folded_argument(node)
        tails = {i: self._tail(node, i) for i in range(len(node.edges)) if i != folded}
        symbol = node.plan.op.symbol + ("" if folded is None else number(node.edges[folded]))
        self.ids[node] = self._add(Item("", "op", symbol, self.frames.of(node), self.facts.of_op(node)))
        contributions = node.contributions()
        for i, tail in tails.items():
            edge, value, gradient = node.edges[i], put_in(node, i), contributions.get(i, MISSING)
            plain = value is not None and np.ndim(value) == 0 and not isinstance(edge, Node | Tensor)
            wire = self._wire(tail, self.ids[node], i, value, None if plain else shape_of(edge), gradient)
            look = look_of(edge)
            wire.picture = self.thumbnails.add(value, look)
            wire.gradient_picture = self.thumbnails.add(gradient, "weight" if look == "weight" else "signed")

    def _wire(
        self, tail: str, head: str, input: int | None, value: Any, shape: tuple[int, ...] | None, gradient: Any
    ) -> Wire:
        lines = [] if shape is None else beside(value, shape)  # the label of a plain number tells it
        brought = None if gradient is MISSING else beside(gradient, shape or ())
        self.wires.append(Wire(f"w{len(self.wires)}", tail, head, input, lines, brought))
        return self.wires[-1]

    def _tail(self, node: Node, i: int) -> str:
        """Return the item that an input comes from; draw it if it is none of those that are there."""
        edge = node.edges[i]
        if isinstance(edge, Node):
            return self.ids[edge]
        alone = not is_leaf(edge)
        here = (id(edge), node if len(self.nodes) > MANY else None)
        if not alone and here in self._leaves:
            return self._leaves[here].id
        first = None if alone else self._leaves.get(id(edge))
        users = [node] if alone or here[1] else [user for user, _ in self.facts.uses[id(edge)]]
        given = any(edge is value for value in self._given)  # what a model is given stands outside
        frame = None if given else self.frames.common(map(self.frames.of, users))
        told = first.told if first else self.facts.of_leaf(node, i)
        item = Item("", "leaf", short(self.facts.called(edge)), frame, told, first.same if first else "")
        self._add(item)
        if not alone:
            self._leaves[here] = item
            self._leaves.setdefault(id(edge), item)
        return item.id

    def _add_totals(self) -> None:
        """Write the gradient of what is used several times at the thing itself."""
        same = {item.id: item.same for item in self.items}
        brought = Counter(same[wire.tail] for wire in self.wires if wire.gradient is not None)
        for item in self.items:
            if brought[item.same] > 1:
                place = item.told["gradient"]
                array = None if place is None else self.facts.store.arrays[place]
                item.total = beside(array, tuple(item.told["shape"]))

    def _put_into_frames(self) -> None:
        """Choose where what flows along each wire is written: between the frames of its ends.

        Or inside the latter, if other inputs stand there or the value flows elsewhere, too.
        """
        frames = {item.id: item.frame for item in self.items}
        own = {item.frame for item in self.items if item.kind == "leaf"}
        flows = Counter(wire.tail for wire in self.wires)
        for wire in self.wires:
            ends = frames[wire.tail], frames[wire.head]
            inside = ends[1] in own or flows[wire.tail] > 1
            wire.frame = ends[1] if inside else self.frames.common(ends)


def short(text: str) -> str:
    """Return a name in one line, cut if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
