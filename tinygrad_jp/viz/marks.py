"""What is to be seen of operations at a glance: where the first NaN arose, and whose gradients are right."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..blank import Blank
from ..tape import Node, Outline, changes
from ..tensor import Tensor
from .parts import Mark, Verdict

if TYPE_CHECKING:
    from ..testing.verify import Report
    from .formulas import Formulas

SEVERITY: tuple[Verdict, ...] = ("broken", "wrong", "kink", "unjudged", "ok")
"""Of the operations in a module the first of these that any has is shown."""
KINDS: Mapping[str, Verdict] = {"right": "ok", "wrong": "wrong", "kink": "kink", "not judged": "unjudged"}
"""What the check of a gradient calls them."""


@dataclass
class Marks:
    """What is to be seen of a graph's operations and inputs.

    Attributes
    ----------
    report
        Verdicts on the gradients.
    notes
        What was found of NaN, infinities and exceptions, by the order of a node or the negative ``id`` of a leaf.
    formulas
        What stands on wires in place of values.
    """

    report: Report | None = None
    notes: Mapping[int, str] = field(default_factory=dict)
    formulas: Formulas | None = None

    def of_leaf(self, leaf: Any) -> Mark | None:
        """Mark an input that brings NaN or infinities."""
        note = self.notes.get(-id(leaf))
        return Mark("broken", note, note) if note else None

    def of_nodes(self, nodes: Sequence[Node], drawn: Container[int]) -> Mark | None:
        """Mark an operation, or a module by its worst operation or by an input inside it.

        Parameters
        ----------
        nodes
            Its records.
        drawn
            The ``id`` of each input that has a mark of its own.
        """
        found = [mark for node in nodes for mark in self._of_node(node)]
        leaves = (edge for node in nodes for edge in node.edges if not isinstance(edge, Node) and id(edge) not in drawn)
        found += [mark for mark in map(self.of_leaf, leaves) if mark is not None]
        return min(found, key=lambda mark: SEVERITY.index(mark.verdict), default=None)

    def _of_node(self, node: Node) -> Iterable[Mark]:
        note = self.notes.get(node.order)
        if note:
            yield Mark("broken", note, f"{node.plan.op.name}: {note}")
        if self.report is None:
            return
        verdict = self.report.of(node)
        if verdict is None:
            yield Mark("unjudged", tip=f"{node.plan.op.name}: not judged")
            return
        error = f"error {verdict.error:.1e}" if np.isfinite(verdict.error) else ""
        told = "; ".join(text for text in (error, verdict.note) if text)
        yield Mark(KINDS[verdict.kind], tip=f"{verdict.op}: {told or verdict.kind}")


# ---------------------------------------------------------------------------------------- NaN and infinities


def nonfinite(nodes: Iterable[Node]) -> dict[int, str]:
    """Find where the first NaN or infinity arose, forward and backward.

    A −∞ in a constant is there on purpose: ``where(mask, scores, -inf)`` masks what a softmax is to leave out. It is
    none, nor is one in the results of operations that took it; a NaN or +∞ that they make of it is.

    Parameters
    ----------
    nodes
        Of a graph, in the order of time.

    Returns
    -------
    dict
        What to write, by the order of a node, or the negative ``id`` of a leaf that brought it in. Values that are
        not known cannot be judged: then the place where one was first seen, which the note says.
    """
    nodes = list(nodes)
    found: dict[int, str] = {}
    for key, note in (_first_forward(nodes), _first_backward(nodes)):
        if note:
            found[key] = f"{found[key]}\n{note}" if key in found else note
    return found


def _first_forward(nodes: Sequence[Node]) -> tuple[int, str]:
    judged: set[int] = set()  # leaves that are in order, such as a weight that is used again and again
    for node in nodes:
        leaves = [(i, e) for i, e in enumerate(node.edges) if not isinstance(e, Node) and id(e) not in judged]
        for i, edge in leaves:
            value = value_then(node, i)
            word = _bad(value, masked=not getattr(edge, "requires_grad", False))
            if word:
                drawn_once = isinstance(edge, Tensor | Outline)
                return (-id(edge), f"{word} in this input") if drawn_once else (node.order, f"{word} in an input")
            if value is not None and node.call is None:
                judged.add(id(edge))
        if _bad(node.value):
            inputs = [value_then(node, i) for i in range(len(node.edges))]
            word = _bad(node.value, masked=any(map(_is_masked, inputs)))
            if word:
                return node.order, f"{word} {_place(inputs)}"
    return 0, ""


def _first_backward(nodes: Sequence[Node]) -> tuple[int, str]:
    for node in reversed(nodes):
        if not node.gradients:
            continue
        word = _bad(node.gradients[-1])
        if word:
            return node.order, f"{word} in the gradient that comes in"
        for contribution in node.gradients[:-1]:
            word = _bad(contribution)
            if word:
                return node.order, f"{word} {_place(node.gradients[-1:])} going backward"
    return 0, ""


def _place(inputs: Sequence[Any]) -> str:
    """Tell whether something arose here, or is only first seen here since what came in is not known."""
    return "first seen here" if any(value is None or value is ... for value in inputs) else "arose here"


def value_then(node: Node, i: int) -> Any:
    """Return an input's value when the operation read it; None if it was updated since, as a weight, or not kept."""
    if node.call is not None:
        return node.call.inputs[i]
    edge = node.edges[i]
    if isinstance(edge, Tensor) and changes.since(node.order, (edge.numpy(),)) is not None:
        return None
    return known_value(edge)


def known_value(edge: Any) -> Any:
    """Return the value that came from an edge, None if it is not known."""
    if isinstance(edge, Tensor):
        return None if isinstance(edge.numpy(), Blank) else edge.numpy()
    if isinstance(edge, Node):
        return edge.value
    return edge if isinstance(edge, np.ndarray | np.generic | bool | int | float) else None


def _is_masked(value: Any) -> bool:
    """Tell whether a value, None if it is not known, has a −∞."""
    return value is not None and bool(np.isneginf(value).any())


def _bad(value: Any, masked: bool = False) -> str:
    """Name what is not a finite number in an array, "" if all are; of a masked one a −∞ is none."""
    if value is None or value is ...:
        return ""
    array = np.asarray(value)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return ""
    if np.isnan(array).any():
        return "NaN"
    return "" if masked and not np.isposinf(array).any() else "inf"
