"""Repeated blocks: modules in a row that compute the same and feed each other, of which only the first are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..nn.module import Module, Parameter
from ..tape import Node
from ..tensor import Tensor
from .detail import Detail
from .record import Record
from .watch import Run

LONGEST_BLOCK = 8
"""Repeated blocks of at most so many modules in a row are looked for."""


@dataclass(eq=False)
class Fold:
    """A block of one or more modules in a row that is repeated.

    Attributes
    ----------
    blocks
        All repetitions; only the first is drawn.
    """

    blocks: list[Sequence[Run]]

    @property
    def first(self) -> Sequence[Run]:
        """The block that is drawn."""
        return self.blocks[0]

    @property
    def times(self) -> int:
        """How many there are."""
        return len(self.blocks)

    @property
    def path(self) -> str:
        """The names of the first and the last module, or the only name."""
        first, last = self.blocks[0][0].path, self.blocks[-1][-1].path
        inside, _, name = last.rpartition(".")
        if first == last:
            return first
        return f"{first} … {name if first.rpartition('.')[0] == inside else last}"


def folds(siblings: Sequence[Run], record: Record, chosen: Detail) -> list[Fold]:
    """Find the blocks of equal modules that follow each other among those that run in the same one."""
    signatures = [_signature(run, record, chosen) for run in siblings]

    def at(start: int, size: int) -> Fold:
        return Fold(_repeated(siblings, signatures, start, size, record))

    found = []
    start = 0
    while start < len(siblings):
        longest = min(LONGEST_BLOCK, (len(siblings) - start) // 2)
        best = max((at(start, size) for size in range(1, longest + 1)), key=_gain, default=None)
        if best is None or best.times == 1:
            start += 1
            continue
        # of the ways to cut a row into blocks, the one where they begin with what is learned: Linear, ReLU; Linear, …
        size = len(best.first)
        turned = [at(k, size) for k in range(start, min(start + size, len(siblings) - size))]
        best = max(turned, key=lambda fold: (fold.times, parameters_of(fold.first[0].module)))
        found.append(best)
        start = siblings.index(best.first[0]) + best.times * size
    return found


def _gain(fold: Fold) -> int:
    """Count the modules that need not be drawn."""
    return (fold.times - 1) * len(fold.first)


def _signature(run: Run, record: Record, chosen: Detail) -> tuple[Any, ...]:
    """Describe what a run computes, and how it is drawn: runs with equal ones look the same."""
    ops = tuple((node.plan.op.name, node.shape) for node in record.between(run.start, run.end))
    shapes = tuple(parameter.shape for parameter in run.module.parameters())
    return run.layer, repr(run.module), shapes, ops, chosen.inside(run)


def _repeated(
    siblings: Sequence[Run], signatures: list[tuple[Any, ...]], at: int, size: int, record: Record
) -> list[Sequence[Run]]:
    """List the blocks of this size from here on that are equal and feed each other."""
    blocks = [siblings[at : at + size]]
    for start in range(at + size, len(siblings) - size + 1, size):
        following = siblings[start : start + size]
        same = signatures[start : start + size] == signatures[at : at + size]
        if not (same and _feeds_only(blocks[-1], following, record)):
            break
        blocks.append(following)
    return blocks


def _feeds_only(before: Sequence[Run], after: Sequence[Run], record: Record) -> bool:
    """Tell whether one value flows from one block to the next, and nothing else in or out between them."""
    outputs = before[-1].outputs
    parts = [record.between(block[0].start, block[-1].end) for block in (before, after)]
    counts = [record.count(block) for block in (before, after)]
    if len(outputs) != 1 or [len(part) for part in parts] != counts or not all(counts):
        return False
    taken = {source for node in parts[1] for edge in node.edges for source in _source(edge, after[0].start)}
    users = [user for node in parts[0] for user in record.users[node.order] if user > before[-1].end]
    return taken == set(outputs) and all(after[0].start < user <= after[-1].end for user in users)


def _source(edge: Any, start: int) -> list[Any]:
    """Return where an input came from if that lies outside a block that started then, and is no parameter."""
    if isinstance(edge, Node):
        return [edge.order] if edge.order <= start else []
    return [edge] if isinstance(edge, Tensor) and edge.requires_grad and not isinstance(edge, Parameter) else []


def parameters_of(module: Module) -> int:
    """Count the numbers that a module learns."""
    return sum(parameter.size for parameter in module.parameters())
