"""All that the page tells of an op or an input when it is chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ...tape import Node, Outline, changes
from ...tensor import Tensor
from ...witness import Source
from ..text import number, written
from .arrays import Store

MISSING = object()
"""A gradient that was not computed."""
LONGEST = 200
"""Characters of a static argument."""


class Facts:
    """Collects what is known of the ops and inputs of a computation.

    Parameters
    ----------
    nodes
        The ops.
    names
        What their results and the leaves are called; a leaf that is missing is told by its value.

    Attributes
    ----------
    store
        The arrays.
    uses
        By which ops, and as which of their inputs, each leaf is used, by its id.
    """

    def __init__(self, nodes: Sequence[Node], names: Mapping[Any, str]) -> None:
        self.store = Store(3 * sum(len(node.edges) for node in nodes))
        self.uses: dict[int, list[tuple[Node, int]]] = {}
        for node in nodes:
            for i, edge in enumerate(node.edges):
                if is_leaf(edge):
                    self.uses.setdefault(id(edge), []).append((node, i))
        self._names = names

    def called(self, edge: Any) -> str:
        """Return what an input is called: a number by its value."""
        if isinstance(edge, Node | Tensor | Outline) and edge in self._names:
            return self._names[edge]
        value = edge.numpy() if isinstance(edge, Tensor) else edge
        single = not isinstance(value, Node | Outline) and np.size(value) == 1
        return number(np.asarray(value).item()) if single else written(shape_of(edge))

    def of_op(self, node: Node) -> dict[str, Any]:
        """Tell what is known of an op."""
        gradient = own_gradient(node)
        attrs = node.call.attrs if node.call else {}
        return {
            "name": self.called(node),
            "named": bool(node.name),
            "op": node.plan.op.name,
            "shape": list(node.shape),
            "dtype": str(node.dtype),
            "source": _place(node.source),
            "inputs": list(self._inputs(node)),
            "attributes": [[name, _in_short(value)] for name, value in attrs.items()],
            "value": self.store.add(node.value),
            "gradient": None if gradient is MISSING else self.store.add(gradient),
            "computed": gradient is not MISSING,
        }

    def _inputs(self, node: Node) -> Iterator[dict[str, Any]]:
        op = node.plan.op
        contributions = node.contributions()
        for i, edge in enumerate(node.edges):
            yield {
                "parameter": f"{op.inputs[0]}[{i}]" if op.variadic else op.inputs[i],
                "name": self.called(edge),
                "shape": list(shape_of(edge)),
                "value": self.store.add(put_in(node, i)),
                "contribution": self.store.add(contributions.get(i)),
                "computed": i in contributions,
            }

    def of_leaf(self, node: Node, i: int) -> dict[str, Any]:
        """Tell what is known of an input that no op made, here input `i` of a node."""
        edge = node.edges[i]
        brought = self.brought(node, i)
        known = bool(brought) and all(g is not None for g in brought)
        return {
            "name": self.called(edge),
            "named": bool(getattr(edge, "name", None)),
            "op": "",
            "shape": list(shape_of(edge)),
            "dtype": str(edge.dtype if is_leaf(edge) else np.asarray(edge).dtype),
            "constant": not getattr(edge, "requires_grad", False),
            "value": self.store.add(put_in(node, i)),
            "gradient": self.store.add(reduce(add, brought)) if known else None,
            "computed": bool(brought),
        }

    def brought(self, node: Node, i: int) -> list[Any]:
        """List the contributions to a leaf's gradient in the order in which the backward pass brought them."""
        uses = self.uses.get(id(node.edges[i]), [(node, i)])
        found = [user.contributions().get(k, MISSING) for user, k in sorted(uses, key=lambda use: -use[0].order)]
        return [g for g in found if g is not MISSING]


def is_leaf(edge: Any) -> bool:
    """Tell whether an input is one thing wherever it is used; a number stands for itself."""
    return isinstance(edge, Tensor | Outline)


def own_gradient(node: Node) -> Any:
    """Return the gradient of an op's result: an array, ``...`` if only its shape is known, or MISSING."""
    return node.gradients[-1] if node.gradients else MISSING


def put_in(node: Node, i: int) -> Any:
    """Return what an op was given as an input, if it is still known."""
    edge = node.edges[i]
    if node.call is not None:
        return node.call.inputs[i]
    if isinstance(edge, Node):
        return edge.value
    if isinstance(edge, Outline):
        return None
    if isinstance(edge, Tensor):  # a weight may have been updated since
        return None if changes.since(node.order, (edge.numpy(),)) is not None else edge.numpy()
    return edge


def shape_of(edge: Any) -> tuple[int, ...]:
    """Return the shape of an input."""
    return tuple(map(int, edge.shape if isinstance(edge, Tensor | Node | Outline) else np.shape(edge)))


def _in_short(value: Any) -> str:
    """Write a static argument: of an array its shape."""
    text = f"{value.dtype} {written(value.shape)}" if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _place(source: Source | None) -> dict[str, Any] | None:
    """Tell where a line stands, by the file's name only: a page is passed on, and folders are nobody's business."""
    if source is None:
        return None
    return {
        "file": re.split(r"[\\/]", source.file)[-1],
        "line": source.line,
        "function": source.function,
        "text": source.text,
    }
