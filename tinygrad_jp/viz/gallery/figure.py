"""What a figure of the gallery is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ...tensor import Tensor
from ..drawing import Graph, graph

Subject = Tensor | Sequence[Any]
Compute = TypeVar("Compute", bound=Callable[[], Any])


@dataclass(frozen=True)
class Figure:
    """A figure of the book.

    Attributes
    ----------
    number
        The book's, with two digits behind the dash; a letter tells parts of one figure apart.
    compute
        Makes what is drawn: a Tensor, or a network and what it is called with.
    en, ja
        What the book's figure shows, in our own words.
    options
        How it is drawn, as ``viz.graph`` takes it.
    """

    number: str
    compute: Callable[[], Subject]
    en: str
    ja: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Any:
        """Compute what the figure shows."""
        return self.compute()

    def draw(self) -> Graph:
        """Draw the figure."""
        subject = self.compute()
        arguments = (subject,) if isinstance(subject, Tensor) else subject
        return graph(*arguments, **self.options)


FIGURES: dict[str, Figure] = {}
"""The figures by their numbers."""


def figure(number: str, *, en: str, ja: str, **options: Any) -> Callable[[Compute], Compute]:
    """Enter a function that computes what a figure shows into the gallery; see :class:`Figure`."""

    def enter(compute: Compute) -> Compute:
        FIGURES[number] = Figure(number, compute, en, ja, options)
        return compute

    return enter


def variable(value: float, name: str) -> Tensor:
    """Make a named number that takes part in the gradient."""
    return Tensor(float(value), requires_grad=True, name=name)


def named(result: Tensor, name: str) -> Tensor:
    """Name a result."""
    result.name = name
    return result
