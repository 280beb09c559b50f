"""The nodes behind some results, in the order of time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

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

    def between(self, start: int, end: int) -> list[Node]:
        """List the nodes made between two times."""
        return self.nodes[bisect_right(self._orders, start) : bisect_right(self._orders, end)]

    def count(self, runs: Iterable[Run]) -> int:
        """Count the nodes made in some runs."""
        return sum(len(self.between(run.start, run.end)) for run in runs)


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
