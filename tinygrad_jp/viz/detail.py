"""How much detail a reader chose: which modules are opened and which are closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from ..errors import ArgumentError
from .record import Record
from .watch import Run, Runs

Depth = int | Literal["layers", "ops", "primitives"]


@dataclass(frozen=True)
class Detail:
    """Which modules are opened.

    Attributes
    ----------
    depth
        So many levels; or all but those without modules inside ("layers"); or all ("ops", "primitives").
    expand, collapse
        Paths of modules that are opened, with all around them, or closed; the latter are stronger.
    """

    depth: Depth
    expand: frozenset[str]
    collapse: frozenset[str]

    def opens(self, run: Run) -> bool:
        """Tell whether a run's inside is drawn."""
        if run.path in self.collapse:
            return False
        if any(path == run.path or path.startswith(_within(run.path)) for path in self.expand):
            return True
        if isinstance(self.depth, int):
            return run.level < self.depth and (bool(run.runs) or not run.level)
        return self.depth != "layers" or bool(run.runs) or not run.level

    def inside(self, run: Run) -> tuple[frozenset[str], frozenset[str]]:
        """Return what is opened and closed inside a run, by paths relative to it."""
        start = len(_within(run.path))
        inside = (
            frozenset(path[start:] for path in paths if path == run.path or path.startswith(_within(run.path)))
            for paths in (self.expand, self.collapse)
        )
        return next(inside), next(inside)


def _within(path: str) -> str:
    return f"{path}." if path else ""


def detail(runs: Runs, record: Record, depth: Depth | None, expand: Iterable[str], collapse: Iterable[str]) -> Detail:
    """Check what the reader chose.

    Parameters
    ----------
    runs
        Of the model's modules.
    record
        What is to be drawn.
    depth
        None: as few levels as show more than one module.
    expand, collapse
        Dotted names; that of a module which does not run itself, such as a ModuleList, stands for those inside it.

    Raises
    ------
    ArgumentError
        If there is no module of such a name, or it did not run.
    """
    chosen = max((_levels(run, record) for run in runs.top), default=1) if depth is None else depth
    return Detail(chosen, named(runs, "expand", expand), named(runs, "collapse", collapse))


def _levels(run: Run, record: Record) -> int:
    """Count the levels of modules that only pass on to a single one."""
    levels = 1
    while len(run.runs) == 1 and run.runs[0].runs and record.count([run]) == record.count(run.runs):
        run = run.runs[0]
        levels += 1
    return levels


def named(runs: Runs, argument: str, names: Iterable[str]) -> frozenset[str]:
    """Return the paths of the modules of these names that ran; ModuleLists give those inside them."""
    ran = dict.fromkeys(run.path for run in runs.all())
    found: set[str] = set()
    for name in names:
        inside = [path for path in ran if path.startswith(f"{name}.")]
        if name in ran:
            found.add(name)
        elif inside:
            least = min(path.count(".") for path in inside)
            found.update(path for path in inside if path.count(".") == least)
        else:
            raise _unknown(runs, argument, name, [path for path in ran if path])
    return frozenset(found)


def _unknown(runs: Runs, argument: str, name: str, ran: list[str]) -> ArgumentError:
    model = type(runs.model).__name__
    if name in dict(runs.model.named_modules()):
        return ArgumentError(f"viz.graph: {argument}: {name!r} of {model} did not run, so there is nothing to draw")
    near = get_close_matches(str(name), ran, 1, cutoff=0)
    hint = f"did you mean {near[0]!r}?" if near else "it has none inside"
    return ArgumentError(f"viz.graph: {argument}: {model} has no module {name!r}; {hint}")
