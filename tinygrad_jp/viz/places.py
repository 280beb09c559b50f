"""Where each op stands in a picture of modules: in the box of a closed one, or in the frames of opened ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..tape import Node
from .detail import Detail
from .folding import Fold, folds
from .record import Record
from .rolling import Rolling
from .text import rolled
from .watch import Run, Runs


@dataclass(eq=False)
class Group:
    """A frame around what opened modules compute."""

    title: str
    parent: Group | None = None


def around(group: Group | None) -> list[Group]:
    """List a frame and those around it, the innermost first."""
    found = []
    while group is not None:
        found.append(group)
        group = group.parent
    return found


def common(one: Group | None, other: Group | None) -> Group | None:
    """Find the innermost frame around two things, of which these are the innermost."""
    frames = around(other)
    return next((group for group in around(one) if group in frames), None)


@dataclass(eq=False)
class Place:
    """Where an op stands.

    Attributes
    ----------
    group
        The innermost frame around it.
    run
        The closed module that it is part of.
    fold
        Of that module, if it is repeated.
    hidden
        Whether it is not drawn, as a part of a repetition.
    """

    group: Group | None = None
    run: Run | None = None
    fold: Fold | None = None
    hidden: bool = False


class Places:
    """The places of all nodes.

    Parameters
    ----------
    runs
        Of the model's modules.
    record
        The nodes.
    chosen
        Which modules are opened.
    fold
        Whether repeated blocks are folded.
    rolling
        Which runs are drawn as one.

    Attributes
    ----------
    twins
        For the order of each node of a folded repetition: the order of the one that is drawn in its place.
    """

    def __init__(self, runs: Runs, record: Record, chosen: Detail, fold: bool, rolling: Rolling | None = None) -> None:
        self.runs = runs
        self.rolling = rolling or Rolling()
        self.chosen = chosen
        self.twins: dict[int, int] = {}
        self._folds: dict[Run, Fold] = {}
        self._hidden: set[Run] = set()
        self._groups: dict[Run | Fold, Group] = {}
        self._places: dict[Run | None, Place] = {None: Place()}
        if fold:
            self._fold(runs.top, record)
        firsts = dict.fromkeys(map(self.rolling.first_run, runs.top))
        drawn = [run for run in firsts if run not in self._hidden]
        alone = len(drawn) == 1 and record.count(runs.top) == len(record.nodes)
        self.whole = drawn[0] if alone and drawn[0].module is runs.model else None  # which needs no frame

    def _fold(self, siblings: Sequence[Run], record: Record) -> None:
        """Find what is repeated among these and in those of them that are opened."""
        for found in folds([run for run in siblings if self.rolling.is_even(run)], record, self.chosen):
            for run in found.first:
                self._folds[run] = found
            for block in found.blocks[1:]:
                self._hidden.update(block)
                self._stand_in(found.first, block, record)
        for run in dict.fromkeys(map(self.rolling.first_run, siblings)):
            if run not in self._hidden and self.chosen.opens(run):
                self._fold(run.runs, record)

    def _stand_in(self, first: Sequence[Run], block: Sequence[Run], record: Record) -> None:
        """Note which node of a block stands for which of a repetition: both compute the same, in the same order."""
        for drawn, hidden in zip(first, block, strict=True):
            pairs = zip(record.between(drawn.start, drawn.end), record.between(hidden.start, hidden.end), strict=True)
            self.twins.update((b.order, a.order) for a, b in pairs)

    def of(self, node: Node) -> Place:
        """Return the place of a node."""
        around = self.runs.around(node.order)
        innermost = self.rolling.first_run(around[-1]) if around else None
        if innermost not in self._places:
            self._places[innermost] = self._place([self.rolling.first_run(run) for run in around])
        return self._places[innermost]

    def run_of(self, node: Node) -> Run:
        """Return the run of the closed module in which a node was made."""
        first = self.of(node).run
        return next(run for run in self.runs.around(node.order) if self.rolling.first_run(run) is first)

    def fits(self, nodes: Iterable[Node], most: int) -> bool:
        """Tell whether at most so many operations and closed modules are drawn; of more it looks at no further ones."""
        drawn: set[Place | int] = set()
        for node in nodes:
            place = self.of(node)
            if place.run is not None:
                drawn.add(place)
            elif not place.hidden:
                drawn.add(self.rolling.first(node))
            if len(drawn) > most:
                return False
        return True

    def _place(self, around: Sequence[Run]) -> Place:
        group: Group | None = None
        for run in around:
            if run in self._hidden:
                return Place(hidden=True)
            fold = self._folds.get(run)
            if fold and len(fold.first) > 1:
                group = self._group(fold, f"×{fold.times}", group)
                fold = None
            if not self.chosen.opens(run):
                return self._places.setdefault(run, Place(group, run, fold))
            if run is not self.whole:
                path, times = (fold.path, f" ×{fold.times}") if fold else (run.path, "")
                times += rolled(self.rolling.times_of_run(run), " ")
                group = self._group(run, f"{path}\n{run.layer}{times}".strip(), group)
        return Place(group)

    def _group(self, key: Run | Fold, title: str, parent: Group | None) -> Group:
        return self._groups.setdefault(key, Group(title, parent))
