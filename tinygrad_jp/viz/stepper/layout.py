"""Where everything stands: Graphviz places boxes whose sizes are reckoned from their texts."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ..render import render
from .diagram import Diagram, Item, Wire
from .thumbnails import Picture

POINTS = 72.0
FONT = 13.0
LINE = 16.0
GAP = 12.0
"""Left and right of what stands beside an arrow."""
BETWEEN = 5.0
"""Between a text and a thumbnail."""
LEAST = 36.0
"""Width of what stands beside an arrow: a shorter one leaves no room for the arrow that goes back."""
CIRCLE = 34.0
MARK = 4
"""Characters before a frame's title and after it."""
LARGE = 400
"""Pictures with more items and wires than this are laid out quickly rather than beautifully."""

Place = tuple[float, float, float, float]
"""Centre, width and height, in points; y goes down."""


@dataclass(frozen=True)
class Layout:
    """Places of items and of what stands on wires, by id; and for each wire the splines before and after that.

    Attributes
    ----------
    width, height
        Of the whole.
    """

    width: float
    height: float
    places: dict[str, Place]
    splines: dict[str, tuple[list[float], list[float]]]


def layout(diagram: Diagram) -> Layout:
    """Place a diagram, from left to right.

    Raises
    ------
    GraphvizError
        If there is no Graphviz, or it fails.
    """
    drawn = render(dot(diagram), "plain").decode()
    return _read(drawn, diagram.wires)


def dot(diagram: Diagram) -> str:
    """Write boxes and arrows as DOT."""
    lines = [
        "digraph {",
        "  graph [rankdir=LR, ordering=in, nodesep=0.3, ranksep=0.28]",
        '  node [shape=box, fixedsize=true, label=""]',
        "  edge [arrowhead=none]",
    ]
    if len(diagram.items) + len(diagram.wires) > LARGE:
        lines.append("  graph [nslimit=0.5, nslimit1=0.5, mclimit=0.1, splines=line]")
    inside: dict[int | None, list[str]] = {}
    for item in diagram.items:
        inside.setdefault(item.frame, []).append(_box(item.id, *size(item), circle=is_circle(item)))
    for wire in diagram.wires:
        inside.setdefault(wire.frame, []).append(_box(wire.id, *_size_of_label(wire)))
    lines += _nested(diagram, inside, None)
    lines += [f"  {w.tail} -> {w.id}:w; {w.id}:e -> {w.head}" for w in diagram.wires]
    return "\n".join([*lines, *_entrances(diagram), "}", ""])


def _nested(diagram: Diagram, inside: dict[int | None, list[str]], frame: int | None) -> list[str]:
    """Write what is in a frame, and the frames inside it as clusters."""
    found = list(inside.get(frame, ()))
    for k, inner in enumerate(diagram.frames.all):
        if inner.parent == frame:
            title = "x" * (diagram.frames.title_length(k) + MARK)  # only its size counts
            found += [f"  subgraph cluster_{k} {{", f'  graph [margin=12, fontsize=11, label="{title}"]']
            found += [*_nested(diagram, inside, k), "  }"]
    return found


def _entrances(diagram: Diagram) -> list[str]:
    """Let a frame's own inputs, such as weights, stand after what flows into it."""
    frames = {item.id: item.frame for item in diagram.items}
    own: dict[int, list[str]] = {}
    for item in diagram.items:
        if item.kind == "leaf" and item.frame is not None:
            own.setdefault(item.frame, []).append(item.id)
    pairs = [
        (wire.tail, leaf)
        for wire in diagram.wires
        for frame in diagram.frames.around(frames[wire.head])
        if frame not in diagram.frames.around(frames[wire.tail])
        for leaf in own.get(frame, ())
    ]
    return [f"  {tail} -> {leaf} [style=invis]" for tail, leaf in dict.fromkeys(pairs)]


def _box(id: str, width: float, height: float, *, circle: bool = False) -> str:
    shape = ", shape=circle" if circle else ""
    return f"  {id} [width={width / POINTS:.4f}, height={height / POINTS:.4f}{shape}]"


def is_circle(item: Item) -> bool:
    """Tell whether an op is drawn as a circle; longer symbols stand in rounded boxes."""
    return item.kind == "op" and len(item.text) <= 2


def size(item: Item) -> tuple[float, float]:
    """Return width and height of an item, in points."""
    if item.kind != "op":
        return text_width(item.text) + 8, LINE + 4
    if is_circle(item):
        return CIRCLE, CIRCLE
    return max(CIRCLE, text_width(item.text) + 16), CIRCLE - 4


def _size_of_label(wire: Wire) -> tuple[float, float]:
    lines = [*wire.value, *(wire.gradient or ())]
    pictures = [picture for picture in (wire.picture, wire.gradient_picture) if picture]
    widths = [*map(text_width, lines), *(width for _, width, _ in pictures)]
    above = _height(wire.value, wire.picture)
    below = _height(wire.gradient or [], wire.gradient_picture)
    return max(LEAST, max(widths, default=0.0) + GAP), max(LINE, 2 * max(above, below))  # the wire is in the middle


def _height(lines: Sequence[str], picture: Picture | None) -> float:
    return len(lines) * LINE + (picture[2] + BETWEEN if picture else 0.0)


def text_width(text: str) -> float:
    """Reckon the width of a text, in points: Chinese characters, kana and emoji are square."""
    return FONT * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.6 for c in text)


def _read(drawn: str, wires: Sequence[Wire]) -> Layout:
    """Read Graphviz's plain format: inches, and y goes up."""
    rows = [shlex.split(line) if '"' in line else line.split() for line in drawn.splitlines()]
    _, _, width, height = rows[0]
    top = float(height)
    places = {
        row[1]: (_points(row[2]), _points(top - float(row[3])), _points(row[4]), _points(row[5]))
        for row in rows
        if row[0] == "node"
    }
    paths = {(row[1].split(":")[0], row[2].split(":")[0]): _spline(row, top) for row in rows if row[0] == "edge"}
    splines = {w.id: (paths[w.tail, w.id], paths[w.id, w.head]) for w in wires}
    return Layout(_points(width), _points(height), places, splines)


def _spline(row: Sequence[str], top: float) -> list[float]:
    numbers = list(map(float, row[4 : 4 + 2 * int(row[3])]))
    return [_points(top - x if k % 2 else x) for k, x in enumerate(numbers)]


def _points(inches: str | float) -> float:
    return round(float(inches) * POINTS, 1)
