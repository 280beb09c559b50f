"""One module's inside: what is drawn if only that is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from ..tape import Node
from .detail import named
from .record import Record
from .watch import Run, Runs, moved


@dataclass(frozen=True)
class Part:
    """What the runs of a module computed.

    Attributes
    ----------
    runs
        Those of the module at the top.
    nodes
        What was computed in it.
    results
        Those of them whose values are used outside.
    whole, record
        All runs of the model, and what they computed.
    """

    runs: Runs
    nodes: frozenset[Node]
    results: list[Node]
    whole: Runs
    record: Record

    def outside(self, node: Node) -> str:
        """Name where a node stands that is not drawn: the module beside this one, or else the operation."""
        own = [run.path for run in self.whole.around(self.runs.top[0].end)]
        others = (run.path for run in self.whole.around(node.order) if run.path not in own)
        return f"… {next(others, node.name or node.plan.op.name)}"

    def user(self, node: Node) -> str:
        """Name where a value goes."""
        orders = [int(order) for order in self.record.users[node.order] if order < inf]
        users = (user for order in orders for user in self.record.between(order - 1, order))
        return next((self.outside(user) for user in users if user not in self.nodes), node.name or "")


def part(runs: Runs, record: Record, only: str) -> Part:
    """Find what one module computed.

    Parameters
    ----------
    runs
        Of the whole model.
    record
        Of the whole computation.
    only
        Dotted name of the module.

    Raises
    ------
    ArgumentError
        If there is none of this name, or it did not run.
    """
    paths = named(runs, "only", [only])
    inner, copies = moved(runs, _same, _same, _same)
    inner.top = [copies[run] for run in runs.all() if run.path in paths]
    for top in inner.top:
        _lift(top, top.level)
    spans = [record.between(run.start, run.end) for run in inner.top]
    nodes = frozenset(node for span in spans for node in span)
    orders = {node.order for node in nodes}
    results = [node for span in spans for node in span if not orders.issuperset(record.users[node.order])]
    return Part(inner, nodes, results, runs, record)


def _same(value: int) -> int:
    return value


def _lift(run: Run, levels: int) -> None:
    """Count levels from the module that is drawn."""
    for inside in run.inside():
        inside.level -= levels
