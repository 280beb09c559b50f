"""Repeated blocks: modules in a row that compute the same and feed each other, of which only the first are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
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


class _Part:
    """A run among those that run in the same module, and what decides whether it repeats the one before.

    Attributes
    ----------
    run
        Itself.
    first, last
        Where its nodes stand in the record.
    outputs
        The orders of the nodes whose values it returned.
    """

    __slots__ = ("_record", "_taken", "_users", "first", "last", "outputs", "run")

    def __init__(self, run: Run, record: Record) -> None:
        self.run = run
        self.first, self.last = record.span(run.start, run.end)
        self.outputs = run.outputs
        self._record = record
        self._taken: tuple[Any, ...] | None = None
        self._users: tuple[float, ...] | None = None

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes made in it."""
        return self._record.nodes[self.first : self.last]

    def signature(self, chosen: Detail) -> tuple[Any, ...]:
        """Describe what the run computes, and how it is drawn: runs with equal ones look the same."""
        ops = tuple([(node.plan.op.name, node._data.shape) for node in self.nodes])
        inside = chosen.inside(self.run) if chosen.expand or chosen.collapse else ()
        return self._record.kind(self.run.module), ops, inside

    @property
    def taken(self) -> tuple[Any, ...]:
        """What it takes from outside, besides parameters: orders of nodes, and leaves."""
        if self._taken is None:
            found = {source for node in self.nodes for edge in node.edges for source in _source(edge, self.run.start)}
            self._taken = tuple(found)
        return self._taken

    @property
    def users(self) -> tuple[float, ...]:
        """The orders of the later nodes that use a value made here, from the first to the last; ∞ for a result."""
        if self._users is None:
            users, end = self._record.users, self.run.end
            self._users = tuple(sorted({user for node in self.nodes for user in users[node.order] if user > end}))
        return self._users


def folds(siblings: Sequence[Run], record: Record, chosen: Detail) -> list[Fold]:
    """Find the blocks of equal modules that follow each other among those that run in the same one."""
    parts = [_Part(run, record) for run in siblings]
    known: dict[Any, int] = {}
    signatures = [known.setdefault(part.signature(chosen), len(known)) for part in parts]
    found = []
    start = 0
    while start < len(parts):
        size, times = _longest(parts, signatures, start)
        if times == 1:
            start += 1
            continue
        if size > 1:
            # of the ways to cut a row into blocks, one where they begin with what is learned: Linear, ReLU; Linear, …
            turns = range(start, min(start + size, len(parts) - size))
            turned = [(k, _times(parts, signatures, k, size)) for k in turns]
            start, times = max(turned, key=lambda way: (way[1], parameters_of(siblings[way[0]].module)))
        end = start + size * times
        found.append(Fold([siblings[k : k + size] for k in range(start, end, size)]))
        start = end
    return found


def _longest(parts: Sequence[_Part], signatures: Sequence[int], start: int) -> tuple[int, int]:
    """Choose the size of the blocks that begin here so that most modules need not be drawn; tell how many follow."""
    best = 1, 1
    for size in range(1, min(LONGEST_BLOCK, (len(parts) - start) // 2) + 1):
        spared = (best[1] - 1) * best[0]
        if len(parts) - start - size > spared and signatures[start] == signatures[start + size]:
            times = _times(parts, signatures, start, size)
            best = (size, times) if (times - 1) * size > spared else best
    return best


def _times(parts: Sequence[_Part], signatures: Sequence[int], start: int, size: int) -> int:
    """Count the blocks of this size from here on that are equal and feed each other."""
    times = 1
    for k in range(start + size, len(parts) - size + 1, size):
        same = signatures[k : k + size] == signatures[k - size : k]
        if not (same and _feeds_only(parts[k - size : k], parts[k : k + size])):
            break
        times += 1
    return times


def _feeds_only(before: Sequence[_Part], after: Sequence[_Part]) -> bool:
    """Tell whether a block's results go to the next and nowhere else, which else takes only what both take."""
    source = before[-1]
    begin, end, start, last = before[0].run.start, source.run.end, after[0].run.start, after[-1].run.end
    if not source.users or not (start < source.users[0] and source.users[-1] <= last):
        return False
    if not (_is_whole(before) and _is_whole(after)):
        return False
    given, taken = _taken(before), _taken(after)
    flows = {value for value in taken if isinstance(value, int) and value > begin}
    users = (user for part in before[:-1] for user in part.users if user > end)
    return (
        bool(flows)
        and flows.issubset(source.outputs)
        and given.issuperset(taken - flows)
        and len(given) <= len(taken)
        and all(start < user <= last for user in users)
    )


def _taken(block: Sequence[_Part]) -> set[Any]:
    """Collect what a block takes from outside, besides parameters: orders of nodes, and leaves."""
    start = block[0].run.start
    return {value for part in block for value in part.taken if not (isinstance(value, int) and value > start)}


def _is_whole(block: Sequence[_Part]) -> bool:
    """Tell whether something is computed in a block, and nothing between its modules."""
    return block[0].first < block[-1].last and all(a.last == b.first for a, b in pairwise(block))


def _source(edge: Any, start: int) -> list[Any]:
    """Return where an input came from if that lies outside a run that started then, and is no parameter."""
    if isinstance(edge, Node):
        return [edge.order] if edge.order <= start else []
    return [edge] if isinstance(edge, Tensor) and edge.requires_grad and not isinstance(edge, Parameter) else []


def parameters_of(module: Module) -> int:
    """Count the numbers that a module learns."""
    return sum(parameter.size for parameter in module.parameters())
