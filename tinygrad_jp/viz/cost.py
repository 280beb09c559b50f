"""What an operation costs: multiply-adds and memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..nn.summary import multiply_adds
from ..tape import Node


@dataclass(frozen=True)
class Cost:
    """What an operation costs.

    Attributes
    ----------
    multiply_adds
        Of a product or a convolution, as ``nn.summary`` counts them, in one forward pass; 0 for an op that sums no
        products (additions, comparisons and function values are not counted); None if a backward pass freed what
        tells it.
    bytes
        Of memory that the operation adds: its result, and what it keeps for the backward pass besides. What another
        operation made counts there, and a leaf at nobody's; so sums over a graph count nothing twice. (A result that
        is a view of an input counts like a copy.)
    """

    multiply_adds: int | None
    bytes: int


def cost(node: Node) -> Cost:
    """Tell what an operation costs.

    Parameters
    ----------
    node
        Of a recorded graph; after a backward pass freed it only the result counts as memory.

    Returns
    -------
    Cost
        Multiply-adds and bytes.
    """
    result = math.prod(node.shape) * node.dtype.itemsize
    memory = {id(owner): owner.nbytes for owner in map(_owner, _kept(node))}
    return Cost(multiply_adds(node), result + sum(memory.values()))


def _kept(node: Node) -> Iterator[np.ndarray]:
    """Iterate over the arrays that a node keeps alive and that are neither its result nor made or held elsewhere."""
    if not node.saved:
        return
    plan, others = node.plan, len(node.record)
    from_inputs = {others + place: k for place, k in plan.saved_inputs}
    out = None if plan.saved_out is None else others + plan.saved_out
    for place in range(len(node.edges), others):
        if place == out:
            continue
        k = from_inputs.get(place)
        parts = zip(node.edges, node.record[place], strict=True) if plan.op.variadic and k is not None else None
        pairs = parts or [(None if k is None else node.edges[k], node.record[place])]
        for edge, value in pairs:
            if not getattr(edge, "requires_grad", False):
                yield from _arrays(value)


def _arrays(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _arrays(part)


def _owner(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
