"""Operations and modules coloured by a quantity: a column of their facts, or numbers of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isfinite, log10
from numbers import Real
from typing import Any

from ..errors import ArgumentError, DtypeError
from .parts import Box, Circle, Scene
from .text import amount, number

Colour = str | Mapping[str, float] | Callable[[dict[str, Any]], float | None]
"""A column, scores by name, or a function of a row of facts."""

QUANTITIES = ("multiply_adds", "bytes", "saved", "parameters", "seconds", "gradient", "magnitude")
"""Columns to colour by."""
WRITTEN: Mapping[str, Callable[[float], str]] = {
    "multiply_adds": amount,
    "bytes": lambda n: amount(n, "B"),
    "saved": lambda n: amount(n, "B"),
    "parameters": amount,
    "seconds": lambda x: f"{number(1e3 * x)} ms",
}
WHY_UNKNOWN = {
    "seconds": "of operations they are measured when a module is drawn: viz.graph(model, x, colour='seconds')",
    "gradient": "call backward() first, with viz.watch(model) or keep_values() for large ones",
    "magnitude": "compute the result inside keep_values(), or draw viz.graph(model, x)",
    "saved": "a backward pass freed it; draw before, or call backward(retain_graph=True)",
}
WARM = ("#fff3df", "#ffe0b0", "#ffc77a", "#fbaa55", "#f28c4a", "#e5704a")
COLD = ("#eaf2fb", "#d0e2f5", "#b0cfee", "#8db9e5", "#6fa3da", "#5a8fcd")
"""From small to large; the latter below zero."""
EDGE, TEXT = "#8a8f98", "#30343a"
UNKNOWN = "#ffffff"
WIDE = 100
"""Quantities of which the largest is so many times the smallest are coloured by their logarithm."""


@dataclass(frozen=True)
class Colouring:
    """A quantity, its numbers by the ids of items, and what their colours mean.

    Attributes
    ----------
    name
        What the quantity is called in the legend.
    written
        Writes a number.
    """

    name: str
    numbers: Mapping[str, float]
    written: Callable[[float], str] = number

    @property
    def least(self) -> float:
        """The smallest number."""
        return min(self.numbers.values())

    @property
    def greatest(self) -> float:
        """The largest number."""
        return max(self.numbers.values())

    def fill(self, id: str) -> str:
        """Return the colour inside an item."""
        return self.colour(self.numbers[id]) if id in self.numbers else UNKNOWN

    def colour(self, x: float) -> str:
        """Return the colour of a number: warm, and cold below zero, the deeper the farther from zero or the least."""
        if self.least < 0:
            return _step(WARM if x >= 0 else COLD, abs(x) / max(abs(self.least), abs(self.greatest)))
        positive = [n for n in self.numbers.values() if n > 0]
        if not positive or x <= 0:
            return WARM[0]
        low = min(positive)
        if self.greatest > WIDE * low:
            # differences of logarithms: a quotient of such numbers may be infinite
            return _step(WARM, (log10(x) - log10(low)) / (log10(self.greatest) - log10(low)))
        return _step(WARM, (x - self.least) / (self.greatest - self.least) if self.greatest > self.least else 1)

    def steps(self) -> list[str]:
        """List the colours for the legend, from the smallest number to the largest."""
        if self.least >= 0:
            return list(WARM) if self.greatest > self.least else [self.colour(self.greatest)]
        return [*reversed(COLD), *(WARM if self.greatest >= 0 else ())]


def _step(colours: tuple[str, ...], share: float) -> str:
    return colours[min(int(share * len(colours)), len(colours) - 1)]


def coloured(picture: Scene, colour: Colour) -> Colouring:
    """Find the number of each operation and module.

    Raises
    ------
    ArgumentError
        If no number is known.
    DtypeError
        If one is not a real number.
    """
    rows = {item.id: item.row for item in picture.items if isinstance(item, Circle | Box)}
    if isinstance(colour, str):
        name, found = colour.replace("_", "-"), {id: row.get(colour) for id, row in rows.items()}
    elif isinstance(colour, Mapping):
        name, found = "score", {id: _score(colour, row) for id, row in rows.items()}
    else:
        name, found = getattr(colour, "__name__", "score"), {id: colour(row) for id, row in rows.items()}
        name = "score" if name == "<lambda>" else name
    numbers = {id: _real(x) for id, x in found.items() if x is not None}
    finite = {id: x for id, x in numbers.items() if isfinite(x)}
    if not finite:
        raise ArgumentError(f"viz.graph: colour={_called(colour)}: {_why(colour, rows)}")
    return Colouring(name, finite, WRITTEN.get(colour, number) if isinstance(colour, str) else number)


def _score(scores: Mapping[str, float], row: Mapping[str, Any]) -> float | None:
    """Look an item up by its name; an operation without one by its kind."""
    return scores.get(row["name"] or row["type"])


def _real(x: Any) -> float:
    if isinstance(x, bool) or not isinstance(x, Real):
        raise DtypeError(f"viz.graph: colour= must give real numbers or None, got {type(x).__name__}")
    try:
        return float(x)
    except OverflowError:  # a longer integer than there are floats
        return inf


def _called(colour: Colour) -> str:
    return repr(colour) if isinstance(colour, str) else type(colour).__name__


def _why(colour: Colour, rows: Mapping[str, Mapping[str, Any]]) -> str:
    if isinstance(colour, str):
        return f"nothing is known of it here; {WHY_UNKNOWN.get(colour, 'there is nothing that has it')}"
    names = sorted({row["name"] or row["type"] for row in rows.values()})
    return f"it gives no finite number for what is drawn, which is {', '.join(names[:8])}{', …' * (len(names) > 8)}"
