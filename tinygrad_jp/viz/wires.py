"""What stands on a wire: the value that flows forward above it, the gradient that comes back below, in red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Literal

import numpy as np

from ..tape import SMALL
from .parts import Scene, Wire
from .text import escape, number, written
from .thumbnails import Thumbnail, thumbnail
from .watch import norm

Show = Literal["values", "shapes", "both", "numbers", "thumbnails", "formulas", "nothing"]

GRADIENT = "#c0392b"
LEAST_WIDTH = 24
"""Of a table on a wire, in points: narrower ones show a gap between the wire and the table's own line."""
LONGEST_ROW = 8
"""Among thumbnails, rows of more numbers than this are drawn as bars."""
BAR_LENGTH, BAR_HEIGHT = 48, 6
"""Of the bar for the largest gradient, in points."""
LEAST_BAR = 4
"""Of the bar for the smallest one that is not zero."""
OUTLINE = "#d5d5d5"
"""Colour around a small picture."""
STEPS = 12
"""So many colours of the scale are shown in the legend."""
DECADES = 2
"""The scale of gradients spans at least so many powers of ten: nearly equal ones look equal."""
NORM = "|∇|"
"""What stands before the norm of a gradient."""
NONFINITE = "#e600e6"
"""Colour of a gradient with NaN or infinities."""
SMALLEST, LARGEST = (33, 102, 172), (192, 57, 43)
"""Colours of the smallest and of the largest gradient: blue, red."""
BROADCAST = "penwidth=3"
"""Looks of a wire whose value is repeated."""


@dataclass(frozen=True)
class Side:
    """What stands above or below a wire: a small picture and, below it, lines of text in a colour; as markup.

    Attributes
    ----------
    picture, width, height
        A table, and its size in points.
    """

    lines: list[str]
    colour: str | None = None
    picture: str = ""
    width: int = 0
    height: int = 0

    def __bool__(self) -> bool:
        return bool(self.lines or self.picture)


@dataclass(frozen=True)
class Scale:
    """The norms of all gradients in a picture, on a logarithmic scale."""

    least: float
    greatest: float

    def share(self, norm: float) -> float:
        """Return where a norm lies, from 0 to 1."""
        low = min(log10(self.least), log10(self.greatest) - DECADES)
        return (log10(norm) - low) / (log10(self.greatest) - low)


def scale(picture: Scene) -> Scale | None:
    """Find the smallest and the largest norm of the gradients; None if none is known that is finite and not zero."""
    norms = [n for wire in picture.wires if (n := size(wire)) is not None and 0 < n < np.inf]
    return Scale(min(norms), max(norms)) if norms else None


def size(wire: Wire) -> float | None:
    """Return the norm of the gradient; None if it is not known or was not computed."""
    if wire.norm is None and wire.has_gradient and wire.gradient is not None:
        return norm(wire.gradient)
    return wire.norm if wire.has_gradient else None


class Wires:
    """Writes wires as DOT, and gathers the thumbnails.

    Parameters
    ----------
    show
        What is written of a value.
    sizes
        Of the gradients: draw bars by it in place of their values.
    horizontal
        Whether the picture goes from left to right, or back.

    Attributes
    ----------
    thumbnails
        By the names of their files.
    """

    def __init__(self, show: Show, sizes: Scale | None, horizontal: bool) -> None:
        self._show = show
        self._sizes = sizes
        self._horizontal = horizontal
        self.thumbnails: dict[str, Thumbnail] = {}

    def write(self, id: str, wire: Wire) -> tuple[list[str], list[str]]:
        """Write what stands on a wire, and the wire."""
        value, gradient = (Side([]), Side([])) if self._show == "nothing" else (self._value(wire), self._gradient(wire))
        looks = f" [{BROADCAST}]" if wire.expanded else ""
        if not value and not gradient:
            return [], [f"  {wire.tail} -> {wire.head}{looks}"]
        rows = (_above_and_below if self._horizontal else _beside)(value, gradient)
        enters, leaves = ("w", "e") if self._horizontal else ("n", "s")
        table = f'  {id} [label=<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{rows}</table>>]'
        return [table], [f"  {wire.tail} -> {id}:{enters} [arrowhead=none]", f"  {id}:{leaves} -> {wire.head}{looks}"]

    def _value(self, wire: Wire) -> Side:
        if wire.shape is None:
            return Side([])
        drawn = self._thumbnail(wire.value, wire)
        lines = [written(wire.shape)] if drawn else _lines(wire.value, wire.shape, self._show, wire.formulas[0])
        more = [wire.dtype] if wire.dtype else []
        if wire.expanded:
            more.append(f"⇒ {written(wire.expanded)}")
        return self._side(lines + more, None, drawn)

    def _gradient(self, wire: Wire) -> Side:
        if not wire.has_gradient or wire.shape is None:
            return Side([], GRADIENT)
        if self._sizes is not None:
            return self._bar(size(wire), self._sizes)
        drawn = self._thumbnail(wire.gradient, wire)
        lines = _lines(wire.gradient, wire.shape, self._show, wire.formulas[1])
        only_shape = lines == [written(wire.shape)] and self._show != "shapes"
        if drawn or (wire.norm is not None and only_shape):
            lines = [_norm(size(wire))]
        return self._side(lines, GRADIENT, drawn)

    def _thumbnail(self, array: np.ndarray | None, wire: Wire) -> Thumbnail | None:
        if self._show != "thumbnails" or array is None or _short(array):
            return None
        return thumbnail(array, "signed" if array is wire.gradient and wire.look != "weight" else wire.look)

    def _side(self, lines: list[str], colour: str | None, drawn: Thumbnail | None) -> Side:
        if drawn is None:
            return Side(lines, colour)
        self.thumbnails[drawn.name] = drawn
        return Side(lines, colour, _image(drawn), drawn.width, drawn.height)

    def _bar(self, norm: float | None, sizes: Scale) -> Side:
        """Draw the size of a gradient as a bar; one that is zero has none."""
        told = [_norm(norm)]
        if norm is None:
            return Side(told, GRADIENT)
        if not np.isfinite(norm):
            return Side(told, NONFINITE)
        share = sizes.share(norm) if norm else 0
        length = round(LEAST_BAR + share * (BAR_LENGTH - LEAST_BAR)) if norm else 0
        strip = _strip([(length, colour_of(share)), (BAR_LENGTH - length, None)])
        return Side(told, colour_of(share), strip, BAR_LENGTH, BAR_HEIGHT)


def _norm(norm: float | None) -> str:
    return f"{NORM} {'?' if norm is None else number(norm)}"


def _image(drawn: Thumbnail) -> str:
    """Write a small picture as a table of its own, which is not stretched to the width of what stands around it."""
    looks = f'fixedsize="true" width="{drawn.width}" height="{drawn.height}" border="1" color="{OUTLINE}"'
    cell = f'<td {looks}><img src="{drawn.name}" scale="both"/></td>'
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cell}</tr></table>'


def legend(sizes: Scale) -> str:
    """Explain the colours of bars, as cells of a table."""
    shares = [k / (STEPS - 1) for k in range(STEPS)]
    low = sizes.share(sizes.least)
    ends = [
        f'<font point-size="10" color="{colour_of(x)}">{NORM} {number(n)}</font>'
        for n, x in ((sizes.least, low), (sizes.greatest, 1.0))
    ]
    strip = _strip([(BAR_LENGTH // STEPS, colour_of(share)) for share in shares if share >= low])
    return f"<td>{ends[0]}</td><td>{strip}</td><td>{ends[1]}</td>"


def _strip(parts: Sequence[tuple[int, str | None]]) -> str:
    """Write a bar of parts, each of a length and a colour."""
    cells = "".join(
        f'<td fixedsize="true" width="{n}" height="{BAR_HEIGHT}"' + (f' bgcolor="{c}"' if c else "") + "></td>"
        for n, c in parts
        if n
    )
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>'


def colour_of(share: float) -> str:
    """Return a colour between the smallest gradient's and the largest one's."""
    mixed = (round(a + share * (b - a)) for a, b in zip(SMALLEST, LARGEST, strict=True))
    return "#" + "".join(f"{x:02x}" for x in mixed)


def _short(array: np.ndarray) -> bool:
    """Tell whether an array is read most easily as numbers."""
    return array.size <= SMALL and (array.ndim == 0 or array.shape[-1] <= LONGEST_ROW)


def _lines(value: np.ndarray | None, shape: tuple[int, ...], show: Show, formula: str) -> list[str]:
    """Write a value in lines: the number, a small table of numbers, the shape, or a formula and the shape."""
    if show == "formulas":
        return [escape(formula)] * bool(formula) + [written(shape)] * bool(shape)
    known = value is not None and 0 < value.size <= SMALL
    if show == "shapes" or value is None or not known or (show == "numbers" and shape != ()):
        return [written(shape)]
    rows = value.reshape(-1, value.shape[-1] if value.ndim else 1).tolist()
    lines = [" ".join(map(number, row)) for row in rows]
    return [*lines, written(shape)] if show == "both" else lines


def _above_and_below(value: Side, gradient: Side) -> str:
    """Write the value above a line and the gradient below: equally high, for the line is to continue the wire."""
    lines = max(len(value.lines), len(gradient.lines))
    height = max(value.height, gradient.height)
    cells = (_cell(value, lines, height, True), _cell(gradient, lines, height, False))
    first, second = (f'<td width="{LEAST_WIDTH}">{cell}</td>' for cell in cells)
    return f"<tr>{first}</tr><hr/><tr>{second}</tr>"


def _cell(side: Side, lines: int, height: int, above: bool) -> str:
    """Write a side, and empty space as far from the wire as it is less high than the other one."""
    if not height:
        return _text(side, lines, above)
    rows = [f"<tr>{_picture(side)}</tr>"] if side.picture else []
    rows.append(f"<tr><td>{_text(side, lines, above)}</td></tr>")
    if side.height < height:
        rows.insert(0 if above else len(rows), f'<tr><td height="{height - side.height}"></td></tr>')
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{"".join(rows)}</table>'


def _beside(value: Side, gradient: Side) -> str:
    """Write the gradient below the value; at its side if there are pictures."""
    if not (value.picture or gradient.picture):
        below = f"<tr><td>{_text(gradient)}</td></tr>" if gradient else ""
        return f"<tr><td>{_text(value)}</td></tr>{below}"
    sides = [side for side in (value, gradient) if side]
    pictures = "".join(_picture(side) if side.picture else "<td></td>" for side in sides)
    return f"<tr>{pictures}</tr><tr>{''.join(f'<td>{_text(side)}</td>' for side in sides)}</tr>"


def _picture(side: Side) -> str:
    return f'<td cellpadding="0">{side.picture}</td>'


def _text(side: Side, lines: int = 0, above: bool = False) -> str:
    """Write lines of text, and away from the wire empty ones until there are so many."""
    empty = [" "] * (lines - len(side.lines))
    text = "<br/>".join(empty + side.lines if above else side.lines + empty)
    return f'<font color="{side.colour}">{text}</font>' if side.colour else text
