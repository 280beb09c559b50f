"""Which nodes of a large graph are drawn, and in which order."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from ..tape import Node


def nearest(roots: Sequence[Node], limit: int | None) -> set[Node]:
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
