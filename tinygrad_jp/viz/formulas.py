"""Formulas in place of numbers: what the story of a computation tells, on the wires of its picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..tape import Node, Outline
from ..tensor import Tensor
from .story import story


@dataclass(frozen=True)
class Formulas:
    """What stands on wires.

    Attributes
    ----------
    names
        Of values, as the formulas call them.
    contributions
        What goes back to an input, by the node and the position of the input.
    """

    names: Mapping[Any, str]
    contributions: Mapping[tuple[Node, int], str]

    def into(self, node: Node, position: int) -> tuple[str, str]:
        """Return the name of an input, unless its label tells it, and the formula of the gradient it is given."""
        edge = node.edges[position]
        return self._name(edge, not isinstance(edge, Node)), self.contributions.get((node, position), "")

    def out_of(self, node: Node) -> tuple[str, str]:
        """Return the same of the result."""
        return self._name(node, True), f"∂L/∂{self.names[node]}"

    def _name(self, value: Any, labelled: bool) -> str:
        name = self.names.get(value, "") if isinstance(value, Node | Tensor | Outline) else ""
        return "" if labelled and name == getattr(value, "name", None) else name


def formulas(y: Tensor | Node) -> Formulas | None:
    """Tell the computation behind a recorded tensor by formulas; None of anything else."""
    if not isinstance(y, Tensor) or y._node is None:
        return None
    told = story(y)
    written = {(s.node, s.input): s.formula.removeprefix(f"∂L/∂{s.to} ").partition(" ")[2] for s in told.backward}
    return Formulas(told.names, written)  # without "∂L/∂x =" or, where several meet, "+="
