"""Graphs too large to be drawn: what they consist of, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..tape import Node
from ..tensor import Tensor
from .scene import Box, Label, Scene, Wire, name_or_value

KINDS = 12
"""So many kinds of operations are named, the most frequent first."""
NAMES = 6
"""So many inputs are named."""


def overview(results: Sequence[Tensor], nodes: Sequence[Node], notice: str) -> Scene:
    """Count what a graph consists of.

    Parameters
    ----------
    results
        What it computes.
    nodes
        All its operations.
    notice
        How more is seen.

    Returns
    -------
    Scene
        The inputs, one box, and the results.
    """
    picture = Scene(notice=notice)
    counts = Counter((node.plan.op.name, node.plan.op.symbol) for node in nodes)
    frequent = counts.most_common(KINDS)
    lines = [f"{count:,} {name}{'' if symbol == name else f' ({symbol})'}" for (name, symbol), count in frequent]
    others = len(nodes) - sum(count for _, count in frequent)
    lines += [f"{others:,} others"] if others else []
    picture.items = [
        Label("n0", _named(_inputs(nodes))),
        Box("n1", "container", f"{len(nodes):,} operations", "", tuple(lines)),
    ]
    picture.wires = [Wire("n0", "n1", None)]
    for result in results:
        label = Label(picture.new_id(), result.name or "")
        picture.items.append(label)
        picture.wires.append(Wire("n1", label.id, result.shape))
    return picture


def _inputs(nodes: Sequence[Node]) -> list[Tensor]:
    """List the leaves that require a gradient."""
    leaves = [edge for node in nodes for edge in node.edges if isinstance(edge, Tensor) and edge.requires_grad]
    return list(dict.fromkeys(leaves))


def _named(leaves: Sequence[Tensor]) -> str:
    count = f"{len(leaves):,} input{'s' if len(leaves) != 1 else ''}"
    names = [name_or_value(leaf) for leaf in leaves[:NAMES]] + (["…"] if len(leaves) > NAMES else [])
    return f"{count}:\n" + "\n".join(names)
