"""The DOT text of a picture: deterministic, and readable by any Graphviz."""

from __future__ import annotations

import html
import re
from functools import partial
from typing import Literal

import numpy as np

from .frames import entrances, frames_of_wires, nested, with_own_inputs
from .places import Group, common
from .scene import Box, Item, Kind, Label, Scene, Turn, Wire, number, written

Show = Literal["values", "shapes", "both", "numbers"]
Rankdir = Literal["LR", "TB", "RL", "BT"]

GRADIENT = "#c0392b"
FONTS = "Noto Sans CJK JP,Hiragino Sans,Yu Gothic,Meiryo,IPAexGothic,IPAGothic,sans-serif"
"""Tried in this order: the fonts with Japanese of Linux, macOS and Windows."""
LONG_SYMBOL = 4
"""Symbols with more characters than this stand in a rounded box instead of a circle."""

ONE_LINE = 26
"""A module's class and options stand in one line if they have at most so many characters together."""
COLOURS: dict[Kind, tuple[str, str]] = {
    "container": ("#fdf3dc", "#c8a24a"),
    "learned": ("#e6effa", "#7497c4"),
    "function": ("#f2f2f2", "#a6a6a6"),
}
"""Inside and edge of a module's box."""
FRAME = "#b4b4b4"
QUIET = "#5f6670"
TITLE_WIDTH = 7
"""Of a character in a frame's title, in points."""

LEAST_WIDTH = 24
"""Of a table on a wire, in points: narrower ones show a gap between the wire and the table's own line."""
LARGE = 300
"""Pictures with more items than this are laid out quickly rather than beautifully."""
CUT = "… more operations lie beyond: raise max_nodes to see them (続きは max_nodes で)"


def dot(picture: Scene, *, rankdir: Rankdir, show: Show, title: str | None) -> str:
    """Write a picture as DOT.

    A wire is drawn through a small table that stands on it: the value above the line, the gradient below.
    """
    horizontal = rankdir in ("LR", "RL")
    lines = [
        "digraph {",
        f'  graph [rankdir={rankdir}, ordering=in, nodesep=0.25, ranksep=0.15, bgcolor="white", fontname="{FONTS}"]',
        f'  node [fontname="{FONTS}", fontsize=13, shape=plain]',
        "  edge [arrowsize=0.7]",
    ]
    heading = [text for text in (title, picture.notice, CUT if picture.cut else None) if text]
    if heading:
        lines.append(f"  graph [labelloc=t, fontsize=15, label={_html('<br/>'.join(map(_escape, heading)))}]")
    if len(picture.items) > LARGE:
        lines.append("  graph [nslimit=2, nslimit1=2, mclimit=0.3, splines=line]  // large: quick before beautiful")
    groups = {item.id: item.group for item in picture.items}
    own = with_own_inputs(picture)
    statements = [(item.group, [_item(item)]) for item in picture.items]
    written_in = frames_of_wires(picture, groups, own)
    for k, (wire, frame) in enumerate(zip(picture.wires, written_in, strict=True)):
        table, edges = _wire(f"w{k}", wire, show, horizontal)
        statements += [(frame, table), (common(groups[wire.tail], groups[wire.head]), edges)]
    statements.append((None, entrances(picture, groups, own)))
    return "\n".join([*lines, *nested(statements, partial(_frame, horizontal)), "}", ""])


def _frame(horizontal: bool, group: Group) -> str:
    if not group.title:
        return 'peripheries=0, margin=0, label=""'  # which frames inside would inherit
    # going down, an empty cell as wide as the title keeps the arrow that enters in the middle off the title
    width = TITLE_WIDTH * max(map(len, group.title.splitlines()))
    empty = "" if horizontal else f'<td width="{width}"></td>'
    cells = f'<td align="left" balign="left">{_escape(group.title)}</td>{empty}'
    label = _html(f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>')
    looks = f'peripheries=1, margin=8, style=rounded, color="{FRAME}"'
    return f'{looks}, fontcolor="{QUIET}", fontsize=11, labeljust=l, label={label}'


def _item(item: Item) -> str:
    if isinstance(item, Label):
        return f"  {item.id} [label={_html(_escape(item.text) or ' ')}]"
    if isinstance(item, Turn):
        mark = f'width=0.24, fontsize=11, color="{FRAME}", fontcolor="{QUIET}"'
        return f"  {item.id} [label={item.number}, shape=circle, fixedsize=true, {mark}]"
    if isinstance(item, Box):
        return _box(item)
    text = _html(_escape(item.symbol))
    tooltip = f'tooltip="{_escape(item.op)}"'
    if len(item.symbol) > LONG_SYMBOL:
        return f'  {item.id} [label={text}, shape=box, style=rounded, height=0.4, margin="0.1,0.05", {tooltip}]'
    size = 18 if len(item.symbol) == 1 else 13
    width = 0.42 if len(item.symbol) <= 2 else 0.55
    return f"  {item.id} [label={text}, shape=circle, fixedsize=true, width={width}, fontsize={size}, {tooltip}]"


def _box(box: Box) -> str:
    inside, edge = COLOURS[box.kind]
    title = f"<b>{_escape(box.title)}{f' ×{box.times}' if box.times > 1 else ''}</b>"
    gap = " " if len(box.title) + len(box.options) <= ONE_LINE else "<br/>"
    lines = [title + (gap + _escape(box.options) if box.options else "")]
    lines += [f'<font point-size="10" color="{QUIET}">{_escape(note)}</font>' for note in box.notes]
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    label = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}</table>'
    looks = f'shape=box, style="rounded,filled", fillcolor="{inside}", color="{edge}", height=0.4, margin="0.08,0.03"'
    stacked = ", peripheries=2" if box.times > 1 else ""
    tooltip = _escape(box.text)
    return f'  {box.id} [label={_html(label)}, {looks}{stacked}, tooltip="{tooltip}"]'


def _wire(id: str, wire: Wire, show: Show, horizontal: bool) -> tuple[list[str], list[str]]:
    """Write what stands on a wire, and the wire."""
    value = _lines(wire.value, wire.shape, show)
    gradient = _gradient(wire, show) if wire.has_gradient else []
    if not value and not gradient:
        return [], [f"  {wire.tail} -> {wire.head}"]
    red = f'<font color="{GRADIENT}">'
    if horizontal:
        height = max(len(value), len(gradient))  # equal heights keep the table's line at the height of the wire
        first = f'<td width="{LEAST_WIDTH}">{_stack(value, height)}</td>'
        second = f'<td width="{LEAST_WIDTH}">{red}{_stack(gradient, height)}</font></td>'
        rows = f"<tr>{first}</tr><hr/><tr>{second}</tr>"
    else:
        below = f"<tr><td>{red}{'<br/>'.join(gradient)}</font></td></tr>" if gradient else ""
        rows = f"<tr><td>{'<br/>'.join(value)}</td></tr>{below}"
    enters, leaves = ("w", "e") if horizontal else ("n", "s")
    table = f'  {id} [label=<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{rows}</table>>]'
    return [table], [f"  {wire.tail} -> {id}:{enters} [arrowhead=none]", f"  {id}:{leaves} -> {wire.head}"]


def _gradient(wire: Wire, show: Show) -> list[str]:
    lines = _lines(wire.gradient, wire.shape, show)
    only_shape = wire.shape is not None and lines == [written(wire.shape)]
    return lines if wire.norm is None or not only_shape else [f"‖∇‖ {number(wire.norm)}"]


def _lines(value: np.ndarray | None, shape: tuple[int, ...] | None, show: Show) -> list[str]:
    """Write a value in lines: the number, a small table of numbers, or the shape."""
    if shape is None:
        return []
    if show == "shapes" or value is None or not value.size or (show == "numbers" and shape != ()):
        return [written(shape)]
    rows = value.reshape(-1, value.shape[-1] if value.ndim else 1).tolist()
    lines = [" ".join(map(number, row)) for row in rows]
    return [*lines, written(shape)] if show == "both" else lines


def _stack(lines: list[str], height: int) -> str:
    return "<br/>".join(lines + [" "] * (height - len(lines)))


def _html(markup: str) -> str:
    return f"<{markup}>"


def _escape(text: str) -> str:
    """Make text safe inside Graphviz's markup; a newline becomes a line break, other control characters vanish."""
    # Graphviz reads \N and the like as commands, also in markup
    return "<br/>".join(printable(line).replace("\\", "\\\\") for line in text.splitlines())


def printable(text: str) -> str:
    """Make text safe inside XML: control characters vanish."""
    return html.escape(re.sub(r"[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]", "", text))
