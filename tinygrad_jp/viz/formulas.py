"""Formulas in place of numbers: what the story of a computation tells, on the wires of its picture."""

from __future__ import annotations

from typing import Any

from ..tape import Node, Outline
from ..tensor import Tensor
from .story import Teller


class Formulas:
    """What stands on wires; of a large graph only what is drawn is written.

    Parameters
    ----------
    root
        The node of the result.
    """

    def __init__(self, root: Node) -> None:
        self._teller = Teller(root)

    def into(self, node: Node, position: int) -> tuple[str, str]:
        """Return the name of an input, unless its label tells it, and the formula of the gradient it is given."""
        edge = node.edges[position]
        active = position in node.plan.active
        return self._name(edge, not isinstance(edge, Node)), self._teller.contribution(node, position) if active else ""

    def out_of(self, node: Node) -> tuple[str, str]:
        """Return the same of the result."""
        return self._name(node, True), f"∂L/∂{self._teller.names[node]}"

    def _name(self, value: Any, labelled: bool) -> str:
        name = self._teller.names.get(value, "") if isinstance(value, Node | Tensor | Outline) else ""
        return "" if labelled and name == getattr(value, "name", None) else name


def formulas(y: Tensor | Node) -> Formulas | None:
    """Tell the computation behind a recorded tensor by formulas; None of anything else."""
    return Formulas(y._node) if isinstance(y, Tensor) and y._node is not None else None
