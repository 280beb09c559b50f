"""Which nodes of a large graph are drawn, and in which order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter

from ..tape import Node


def nearest(
    roots: Sequence[Node], limit: int | None, drawn: Callable[[Node], Hashable] = attrgetter("order")
) -> set[Node]:
    """Collect operations, the newest first: each comes after all that use it.

    Parameters
    ----------
    roots
        The results.
    limit
        So many of what is drawn are collected.
    drawn
        Tells as what an operation is drawn.
    """
    kept: set[Node] = set()
    counted: set[Hashable] = set()
    seen = set(roots)
    waiting = [(-node.order, node) for node in seen]
    heapq.heapify(waiting)
    while waiting:
        _, node = heapq.heappop(waiting)
        if len(counted) == limit and drawn(node) not in counted:
            continue
        counted.add(drawn(node))
        kept.add(node)
        for edge in node.edges:
            if isinstance(edge, Node) and edge not in seen:
                seen.add(edge)
                heapq.heappush(waiting, (-edge.order, edge))
    return kept


def inputs_first(roots: Sequence[Node], kept: set[Node]) -> list[Node]:
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
