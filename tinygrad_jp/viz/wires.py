"""What stands on a wire: the value that flows forward above it, the gradient that comes back below, in red."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Literal

import numpy as np

from ..tape import SMALL
from .parts import Label, Scene, Wire
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
ALONG = {"LR": ("w", "e"), "RL": ("e", "w"), "TB": ("n", "s"), "BT": ("s", "n")}
"""Where a wire enters and leaves the table on it, by the direction of the picture."""
BROADCAST = "penwidth=3"
"""Looks of a wire whose value is repeated."""
OFTEN = "#8b62c9"
"""Colour of what tells of a loop."""
TO_NEXT = f'style=dashed, color="{OFTEN}", tooltip="to the next run of the loop"'
"""Looks of a wire that leads there."""


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
    picture
        Whose wires they are.
    show
        What is written of a value.
    sizes
        Of the gradients: draw bars by it in place of their values.
    rankdir
        Direction of the picture.

    Attributes
    ----------
    thumbnails
        By the names of their files.
    told
        Markup of what stands below the names of inputs, and not on their wires, by id.
    """

    def __init__(self, picture: Scene, show: Show, sizes: Scale | None, rankdir: str) -> None:
        self._show = show
        self._sizes = sizes
        self._horizontal = rankdir in ("LR", "RL")
        self._along = ALONG[rankdir]
        self.thumbnails: dict[str, Thumbnail] = {}
        self.told = {} if self._horizontal or show == "nothing" else self._told_by_inputs(picture)

    def _told_by_inputs(self, picture: Scene) -> dict[str, str]:
        """Let inputs inside frames, such as weights, tell their shape themselves: half as much is to be laid out."""
        labels = (item for item in picture.items if isinstance(item, Label) and item.group and not item.mark)
        names = {label.id: label.text for label in labels}
        leaving = Counter(wire.tail for wire in picture.wires)
        told = {}
        for wire in picture.wires:
            more = leaving[wire.tail] > 1 or wire.expanded or wire.has_gradient or wire.often
            value = Side([]) if wire.tail not in names or more else self._value(wire)
            if len(value.lines) == 1 and not value.picture:
                told[wire.tail] = value.lines[0] if value.lines[0] != names[wire.tail] else ""
        return told

    def write(self, id: str, wire: Wire) -> tuple[list[str], list[str]]:
        """Write what stands on a wire, and the wire."""
        bare = self._show == "nothing" or wire.tail in self.told
        value, gradient = (Side([]), Side([])) if bare else (self._value(wire), self._gradient(wire))
        looks = [BROADCAST] * bool(wire.expanded) + [TO_NEXT] * wire.to_next
        if wire.back and wire.tail != wire.head:
            return [], [_way_back(wire, value, gradient, looks)]
        if not value and not gradient:
            return [], [f"  {wire.tail} -> {wire.head}{_attributes(looks)}"]
        begin = _attributes(["arrowhead=none", *[TO_NEXT] * wire.to_next])
        across = ("n", "s") if self._horizontal else ("w", "e")
        if wire.back:  # around what is written, which stands behind the item
            table, (enters, leaves) = _beside(value, gradient), across
            end = f"{wire.head} -> {id}:{leaves}{_attributes(['dir=back', *looks])}"
        else:
            table, (enters, leaves) = (_above_and_below if self._horizontal else _beside)(value, gradient), self._along
            end = f"{id}:{leaves} -> {wire.head}{_attributes(looks)}"
        return [f"  {id} [label={_table(table)}]"], [f"  {wire.tail} -> {id}:{enters}{begin}", f"  {end}"]

    def _value(self, wire: Wire) -> Side:
        often = [f'<font color="{OFTEN}">{wire.often}</font>'] if wire.often else []
        if wire.shape is None:
            return Side(often)
        values = [each.value for each in wire.ends()] if "value" in wire.varies else [wire.value]
        drawn = self._thumbnail(values, wire)
        lines = [written(wire.shape)] if drawn else _lines(values, wire.shape, self._show, wire.formulas[0])
        more = [wire.dtype] if wire.dtype else []
        if wire.expanded:
            more.append(f"⇒ {written(wire.expanded)}")
        return self._side(often + lines + more, None, drawn)

    def _gradient(self, wire: Wire) -> Side:
        if not wire.has_gradient or wire.shape is None:
            return Side([], GRADIENT)
        varies = not wire.varies.isdisjoint(("gradient", "norm"))
        ends = wire.ends() if varies else [wire]
        norms = [size(each) for each in ends]
        if self._sizes is not None:
            return self._bar(norms, self._sizes)
        gradients = [each.gradient for each in ends]
        drawn = self._thumbnail(gradients, wire)
        lines = _lines(gradients, wire.shape, self._show, wire.formulas[1])
        only_shape = lines == [written(wire.shape)] and self._show != "shapes"
        if drawn or ((varies or wire.norm is not None) and only_shape):
            lines = [_norm(norms)]
        return self._side(lines, GRADIENT, drawn)

    def _thumbnail(self, arrays: Sequence[np.ndarray | None], wire: Wire) -> Thumbnail | None:
        """Draw a large array that is the same in all runs of a loop."""
        array = arrays[0]
        if self._show != "thumbnails" or len(arrays) > 1 or array is None or _short(array):
            return None
        return thumbnail(array, "signed" if array is wire.gradient and wire.look != "weight" else wire.look)

    def _side(self, lines: list[str], colour: str | None, drawn: Thumbnail | None) -> Side:
        if drawn is None:
            return Side(lines, colour)
        self.thumbnails[drawn.name] = drawn
        return Side(lines, colour, _image(drawn), drawn.width, drawn.height)

    def _bar(self, norms: Sequence[float | None], sizes: Scale) -> Side:
        """Draw the size of a gradient, the first in a loop, as a bar; one that is zero has none."""
        told = [_norm(norms)]
        norm = norms[0]
        if norm is None:
            return Side(told, GRADIENT)
        if not np.isfinite(norm):
            return Side(told, NONFINITE)
        share = sizes.share(norm) if norm else 0
        length = round(LEAST_BAR + share * (BAR_LENGTH - LEAST_BAR)) if norm else 0
        strip = _strip([(length, colour_of(share)), (BAR_LENGTH - length, None)])
        return Side(told, colour_of(share), strip, BAR_LENGTH, BAR_HEIGHT)


def _norm(norms: Sequence[float | None]) -> str:
    return f"{NORM} {' … '.join('?' if norm is None else number(norm) for norm in norms)}"


def _table(rows: str) -> str:
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{rows}</table>>'


def _way_back(wire: Wire, value: Side, gradient: Side, looks: Sequence[str]) -> str:
    """Write a wire that leads to an earlier item: the other way round, so that all stand in the order of one run."""
    label = [f"label={_table(_beside(value, gradient))}"] if value or gradient else []
    return f"  {wire.head} -> {wire.tail}{_attributes(['dir=back', *looks, *label])}"


def _attributes(looks: Sequence[str]) -> str:
    return f" [{', '.join(looks)}]" if looks else ""


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


def _lines(values: Sequence[np.ndarray | None], shape: tuple[int, ...], show: Show, formula: str) -> list[str]:
    """Write a value in lines: the number, a small table of numbers, the shape, or a formula and the shape.

    Of a loop's first and last number both are written, of tables the shape.
    """
    if show == "formulas":
        return [escape(formula)] * bool(formula) + [written(shape)] * bool(shape)
    if len(values) > 1 and shape == () and show != "shapes" and all(value is not None for value in values):
        return [" … ".join(number(value.item()) for value in values if value is not None)]
    value = values[0] if len(values) == 1 else None
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
