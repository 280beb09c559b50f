"""The DOT text of a picture: deterministic, and readable by any Graphviz."""

from __future__ import annotations

import html
import re
from typing import Literal

import numpy as np

from .scene import Circle, Label, Scene, Wire, number, written

Show = Literal["values", "shapes", "both"]
Rankdir = Literal["LR", "TB", "RL", "BT"]

GRADIENT = "#c0392b"
FONTS = "Noto Sans CJK JP,Hiragino Sans,Yu Gothic,Meiryo,IPAexGothic,IPAGothic,sans-serif"
"""Tried in this order: the fonts with Japanese of Linux, macOS and Windows."""
LONG_SYMBOL = 4
"""Symbols with more characters than this stand in a rounded box instead of a circle."""

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
    heading = [text for text in (title, CUT if picture.cut else None) if text]
    if heading:
        lines.append(f"  graph [labelloc=t, fontsize=15, label={_html('<br/>'.join(map(_escape, heading)))}]")
    if len(picture.items) > LARGE:
        lines.append("  graph [nslimit=2, nslimit1=2, mclimit=0.3, splines=line]  // large: quick before beautiful")
    lines += [_item(item) for item in picture.items]
    for k, wire in enumerate(picture.wires):
        lines += _wire(f"w{k}", wire, show, horizontal)
    return "\n".join([*lines, "}", ""])


def _item(item: Circle | Label) -> str:
    if isinstance(item, Label):
        return f"  {item.id} [label={_html(_escape(item.text) or ' ')}]"
    text = _html(_escape(item.symbol))
    tooltip = f'tooltip="{_escape(item.op)}"'
    if len(item.symbol) > LONG_SYMBOL:
        return f'  {item.id} [label={text}, shape=box, style=rounded, height=0.4, margin="0.1,0.05", {tooltip}]'
    size = 18 if len(item.symbol) == 1 else 13
    width = 0.42 if len(item.symbol) <= 2 else 0.55
    return f"  {item.id} [label={text}, shape=circle, fixedsize=true, width={width}, fontsize={size}, {tooltip}]"


def _wire(id: str, wire: Wire, show: Show, horizontal: bool) -> list[str]:
    value = _lines(wire.value, wire.shape, show)
    gradient = _lines(wire.gradient, wire.shape, show) if wire.has_gradient else []
    if not value and not gradient:
        return [f"  {wire.tail} -> {wire.head}"]
    height = max(len(value), len(gradient))  # equal heights keep the table's line at the height of the wire
    first = f'<td width="{LEAST_WIDTH}">{_stack(value, height)}</td>'
    second = f'<td width="{LEAST_WIDTH}"><font color="{GRADIENT}">{_stack(gradient, height)}</font></td>'
    rows = f"<tr>{first}</tr><hr/><tr>{second}</tr>" if horizontal else f"<tr>{first}<vr/>{second}</tr>"
    enters, leaves = ("w", "e") if horizontal else ("n", "s")
    return [
        f'  {id} [label=<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{rows}</table>>]',
        f"  {wire.tail} -> {id}:{enters} [arrowhead=none]",
        f"  {id}:{leaves} -> {wire.head}",
    ]


def _lines(value: np.ndarray | None, shape: tuple[int, ...] | None, show: Show) -> list[str]:
    """Write a value in lines: the number, a small table of numbers, or the shape."""
    if shape is None:
        return []
    if show == "shapes" or value is None or not value.size:
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
    lines = [re.sub(r"[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]", "", line) for line in text.splitlines()]
    # Graphviz reads \N and the like as commands, also in markup
    return "<br/>".join(html.escape(line).replace("\\", "\\\\") for line in lines)
