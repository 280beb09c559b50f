"""What a picture consists of: operations, modules, inputs, and the wires between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .places import Group

Kind = Literal["container", "learned", "function"]
Verdict = Literal["broken", "wrong", "kink", "ok", "unjudged"]
Look = Literal["image", "weight", "signed"]
"""What a large array is: data with height and width; a learned array; anything else."""


@dataclass(frozen=True)
class Mark:
    """What is to be seen of an operation, a module or an input at a glance.

    Attributes
    ----------
    verdict
        Where the first NaN or infinity arose or an exception was raised, or what the check of its gradient gave.
    note
        What stands below; "" for nothing.
    tip
        What is told when the pointer rests on it.
    """

    verdict: Verdict
    note: str = ""
    tip: str = ""


@dataclass
class Circle:
    """An operation.

    Attributes
    ----------
    notes
        What stands below the symbol, a line each.
    mark
        Its colour.
    row
        What is known of it, by column.
    times_run
        How often a loop ran it.
    """

    id: str
    symbol: str
    op: str
    group: Group | None = None
    notes: tuple[str, ...] = ()
    mark: Mark | None = None
    row: dict[str, Any] = field(default_factory=dict)
    times_run: int = 1


@dataclass
class Label:
    """An input, by its name or else its value; or the name of the result; or "…" where the picture was cut."""

    id: str
    text: str
    group: Group | None = None
    mark: Mark | None = None


@dataclass
class Box:
    """A module that is not opened.

    Attributes
    ----------
    kind
        "container" if there are modules inside, else "learned" if it has parameters, else "function".
    title
        Its own name, or the class of one that only has a number.
    options
        The class, if it is not the title, and the options: "1, 30, 5×5".
    notes
        What stands below, a line each: name and number of parameters, and what else was asked for.
    times
        How many equal ones follow each other.
    mark
        Its colour.
    row
        What is known of it, by column.
    times_run
        How often a loop ran it.
    """

    id: str
    kind: Kind
    title: str
    options: str
    notes: tuple[str, ...]
    times: int = 1
    group: Group | None = None
    mark: Mark | None = None
    row: dict[str, Any] = field(default_factory=dict)
    times_run: int = 1

    @property
    def text(self) -> str:
        """Title and options in one line."""
        return f"{self.title} {self.options}".rstrip() + (f" ×{self.times}" if self.times > 1 else "")


@dataclass
class Turn:
    """Where a long chain is cut: it ends at one such mark and goes on at another with the same number."""

    id: str
    number: int
    group: Group | None = None

    @property
    def text(self) -> str:
        """The number."""
        return str(self.number)


Item = Circle | Label | Box | Turn


@dataclass(eq=False)
class Wire:
    """One argument of one operation (or the result): the value that flows forward, the gradient that comes back.

    Attributes
    ----------
    shape
        None where the label at the tail already tells the value.
    value, gradient
        None if they are not known.
    has_gradient
        Whether a gradient came back: one that was not computed is not drawn.
    norm
        Of the gradient, where it is known.
    flow
        The order of the node that made the value: wires of one flow carry the same.
    look
        How the value is drawn if it is large.
    dtype
        Where it changes.
    expanded
        The shape to which the operation repeats the value (broadcasting), if that is larger.
    formulas
        What the value is called and how the gradient is made, if that is told.
    uses
        How often it is used, and each time in which run of a loop the value was made and is used.
    varies
        What of "value", "gradient" and "norm" is not the same each time: these are those of the first time,
    last
        and here are those of the last time.
    often
        How often it is used, if not in every run.
    to_next, back
        Whether it leads to the next run of a loop, and to an item that stands before it.
    """

    tail: str
    head: str
    shape: tuple[int, ...] | None
    value: np.ndarray | None = None
    gradient: np.ndarray | None = None
    has_gradient: bool = False
    norm: float | None = None
    flow: int | None = None
    look: Look = "signed"
    dtype: str | None = None
    expanded: tuple[int, ...] | None = None
    formulas: tuple[str, str] = ("", "")
    uses: list[tuple[int, int]] = field(default_factory=lambda: [(1, 1)])
    varies: set[str] = field(default_factory=set)
    last: Wire | None = None
    often: str = ""
    to_next: bool = False
    back: bool = False

    def use_again(self, wire: Wire) -> None:
        """Let another run of a loop use it for the value on another wire."""
        self.uses += wire.uses
        for name in ("value", "gradient", "norm"):
            if name not in self.varies and not _same(getattr(self, name), getattr(wire, name)):
                self.varies.add(name)
        self.has_gradient |= wire.has_gradient
        self.last = wire

    def ends(self) -> list[Wire]:
        """Return itself, and if a value or gradient varies itself with those of the last time."""
        return [self, self.last] if self.varies and self.last is not None else [self]


def _same(one: Any, other: Any) -> bool:
    """Tell whether two arrays, numbers or None are the same."""
    if one is other or one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=True)


@dataclass
class Scene:
    """A whole picture; everything in drawing order, inputs before what is computed from them."""

    items: list[Item] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    cut: bool = False
    notice: str | None = None

    def new_id(self) -> str:
        """Return the id for the next item."""
        return f"n{len(self.items)}"
