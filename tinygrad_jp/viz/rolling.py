"""Loops drawn once: which operations are what the same place of the program ran before."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from operator import attrgetter

from ..errors import GraphError
from ..tape import Node
from .watch import Run, Runs

_by_start = attrgetter("start")


class Rolling:
    """Which nodes of a graph are drawn as one, as the runs of a loop.

    Two are if the same place of the program ran them in the same module, with the same op and shapes. A loop that
    calls one module after another, as those of a ModuleList, is none: what lies between these belongs to one of them,
    so that the module that ran before it, or else the one that ran after it, must be the same, too.

    Parameters
    ----------
    nodes
        Of the graph, in the order of time; without, nothing is rolled.
    runs
        Of the modules, if they were watched.

    Raises
    ------
    GraphError
        If it was not noted where in the program any of the nodes was made.
    """

    def __init__(self, nodes: Sequence[Node] = (), runs: Runs | None = None) -> None:
        if nodes and all(node.site is None for node in nodes):
            raise GraphError(
                "viz.graph: roll=True draws once what one place of the program ran several times, and where these "
                "operations ran was not noted; compute the result inside `with keep_values():` (before viz.save, if "
                "it is a saved one), or draw a module, viz.graph(model, x, roll=True)"
            )
        around = {node.order: runs.around(node.order) if runs else () for node in nodes}
        self._first = _classes(nodes, runs, around)
        self._times = Counter(self._first.values())
        self._number = dict(_numbered([(node.order, self._first[node.order]) for node in nodes]))
        self._first_run: dict[Run, Run] = {}
        for order, first in self._first.items():
            inner, before = around[order], around[first]
            if inner and inner[-1] is not before[-1] and inner[-1] not in self._first_run:
                for run, same in zip(inner, before, strict=False):
                    self._first_run.setdefault(run, self._first_run.get(same, same))
        all_runs = [(run, self.first_run(run)) for run in runs.all()] if runs and nodes else []
        self._runs = Counter(first for _, first in all_runs)
        self._number_of_run = dict(_numbered(all_runs))
        alone = [around[order] for order, first in self._first.items() if order == first]
        self._uneven = {self._first_run[run] for found in alone for run in found if run in self._first_run}

    def first(self, node: Node) -> int:
        """Return the order of the first node that is drawn as one with this one."""
        return self._first.get(node.order, node.order)

    def number(self, node: Node) -> int:
        """Tell which of those drawn as one it is, from 1."""
        return self._number.get(node.order, 1)

    def times(self, node: Node) -> int:
        """Count those that are drawn as one."""
        return self._times.get(self.first(node), 1)

    def first_run(self, run: Run) -> Run:
        """Return the first run of the module at the same place of the program."""
        return self._first_run.get(run, run)

    def number_of_run(self, run: Run) -> int:
        """Tell which run of the module there it is, from 1."""
        return self._number_of_run.get(run, 1)

    def times_of_run(self, run: Run) -> int:
        """Count the runs of the module there."""
        return self._runs.get(self.first_run(run), 1)

    def is_even(self, run: Run) -> bool:
        """Tell whether it is the first run, and the later ones did nothing that it did not."""
        return self.first_run(run) is run and run not in self._uneven


def _numbered(firsts: Sequence[tuple[Hashable, Hashable]]) -> Iterator[tuple[Hashable, int]]:
    """Number things that have the same first one, from 1."""
    counts: Counter[Hashable] = Counter()
    for one, first in firsts:
        counts[first] += 1
        yield one, counts[first]


def _classes(nodes: Sequence[Node], runs: Runs | None, around: Mapping[int, Sequence[Run]]) -> dict[int, int]:
    """Find for each node, by their orders, the first one that is drawn as one with it."""
    before: dict[int, int] = {}  # an earlier node of the same class, or itself

    def first(order: int) -> int:
        while before[order] != order:
            before[order] = order = before[before[order]]
        return order

    known: dict[Hashable, int] = {}
    for node in nodes:
        before[node.order] = node.order
        if node.site is not None:
            for key in _keys(node, runs, around[node.order]):
                one, other = first(known.setdefault(key, node.order)), first(node.order)
                before[max(one, other)] = min(one, other)
    return {node.order: first(node.order) for node in nodes}


def _keys(node: Node, runs: Runs | None, around: Sequence[Run]) -> Iterator[Hashable]:
    """Tell what decides: nodes that have one of these in common are the same."""
    numbers = tuple([i for i, edge in enumerate(node.edges) if isinstance(edge, bool | int | float)])
    own = id(node.plan.op), node.site, node.shape, node.dtype, numbers, around[-1].path if around else None
    beside = around[-1].runs if around else runs.top if runs else []
    at = bisect_left(beside, node.order, key=_by_start)
    yield own, "after", beside[at - 1].path if at else None
    yield own, "before", beside[at].path if at < len(beside) else None
