"""The nodes behind some results, in the order of time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from ..nn.module import Module, Parameter
from ..tape import Node
from .watch import Run


class Record:
    """The nodes behind some results, in the order of time.

    Attributes
    ----------
    nodes
        All of them.
    users
        For the order of each node the orders of those that use its value; ∞ for a result.
    """

    def __init__(self, results: Iterable[Node]) -> None:
        self.nodes = reachable(results)
        self._orders = [node.order for node in self.nodes]
        self.users: dict[int, list[float]] = {order: [] for order in self._orders}
        for node in self.nodes:
            for edge in node.edges:
                if isinstance(edge, Node):
                    self.users[edge.order].append(node.order)
        for node in results:
            self.users[node.order].append(math.inf)
        self._kinds: dict[Module, int] = {}
        self._numbers: dict[Any, int] = {}

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return from where to where the nodes made between two times stand among all."""
        return bisect_right(self._orders, start), bisect_right(self._orders, end)

    def between(self, start: int, end: int) -> list[Node]:
        """List the nodes made between two times."""
        first, last = self.span(start, end)
        return self.nodes[first:last]

    def count(self, runs: Iterable[Run]) -> int:
        """Count the nodes made in some runs."""
        spans = (self.span(run.start, run.end) for run in runs)
        return sum(last - first for first, last in spans)

    def kind(self, module: Module) -> int:
        """Number a module by its class, options, parameters and parts: those of equal modules are equal."""
        if module not in self._kinds:
            parameters = [(name, p.shape) for name, p in vars(module).items() if isinstance(p, Parameter)]
            parts = [(name, self.kind(part)) for name, part in module.named_children()]
            told = type(module).__name__, module.extra_repr(), (*parameters,), (*parts,)
            self._kinds[module] = self._numbers.setdefault(told, len(self._numbers))
        return self._kinds[module]


def reachable(results: Iterable[Node]) -> list[Node]:
    """List the nodes behind some results and these, in the order of time."""
    found = set(results)
    stack = list(found)
    while stack:
        for edge in stack.pop().edges:
            if isinstance(edge, Node) and edge not in found:
                found.add(edge)
                stack.append(edge)
    return sorted(found, key=attrgetter("order"))
