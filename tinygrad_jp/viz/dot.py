"""The DOT text of a picture: deterministic, and readable by any Graphviz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from .colours import EDGE, TEXT, Colouring
from .frames import entrances, frames_of_wires, nested, with_own_inputs
from .parts import Box, Circle, Item, Kind, Label, Mark, Scene, Turn, Verdict
from .places import Group, common
from .text import escape, quoted, rolled
from .thumbnails import Thumbnail
from .wires import GRADIENT, OFTEN, Show, Wires, legend, scale

__all__ = ["FONTS", "GRADIENT", "Drawn", "Gradients", "Rankdir", "Show", "dot"]

Rankdir = Literal["LR", "TB", "RL", "BT"]
Gradients = Literal["values", "relative"]

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
VERDICTS: dict[Verdict, tuple[str, str, str]] = {
    "ok": ("#dff2dd", "#3d8b40", "gradient right"),
    "wrong": ("#fbd5d0", "#c0392b", "gradient wrong"),
    "kink": ("#fde8c8", "#d68910", "at a kink"),
    "unjudged": ("#ededed", "#9a9a9a", "could not be judged"),
    "broken": ("#fbd5d0", "#c0392b", "first NaN or inf"),
}
"""Inside and edge of what is marked, and what the legend says of it."""
FRAME = "#b4b4b4"
QUIET = "#5f6670"
TITLE_WIDTH = 7
"""Of a character in a frame's title, in points."""

GAP = 12
"""Between columns, in points."""
LARGE = 300
"""Columns of more items than this are laid out quickly rather than beautifully."""
LOOP = f'<font color="{OFTEN}">┄▸ ×n</font> to the next run of the loop, n times (次の回へ、n 回)'
CUT = "… more operations lie beyond: raise max_nodes to see them (続きは max_nodes で)"


@dataclass(frozen=True)
class Drawn:
    """DOT text, and the pictures that it refers to, by the names of their files."""

    text: str
    thumbnails: Mapping[str, Thumbnail]


def dot(
    picture: Scene,
    *,
    rankdir: Rankdir,
    show: Show,
    title: str | None,
    gradients: Gradients = "values",
    colouring: Colouring | None = None,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Drawn:
    """Write a picture as DOT.

    A wire is drawn through a small table that stands on it: the value above the line, the gradient below.
    """
    horizontal = rankdir in ("LR", "RL")
    sizes = scale(picture) if gradients == "relative" else None
    wires = Wires(picture, show, sizes, rankdir)
    lines = [
        "digraph {",
        f'  graph [rankdir={rankdir}, ordering=in, nodesep=0.25, ranksep=0.15, bgcolor="white", fontname="{FONTS}"]',
        f'  node [fontname="{FONTS}", fontsize=13, shape=plain]',
        "  edge [arrowsize=0.7]",
    ]
    heading = [text for text in (title, picture.notice, CUT if picture.cut else None) if text]
    explained = _verdict_legend(picture.items) + (legend(sizes) if sizes else "")
    explained += _colour_legend(colouring) if colouring else ""
    explained += f'<td><font point-size="12">{LOOP}</font></td>' if any(w.to_next for w in picture.wires) else ""
    if heading or explained:
        label = _with_legend("<br/>".join(map(escape, heading)), explained)
        lines.append(f"  graph [labelloc=t, fontsize=15, label={_html(label)}]")
    columns = 1 + sum(isinstance(item, Turn) for item in picture.items) // 2
    if columns > 1:
        lines.append(f'  graph [pack={GAP}, packmode="array_it{columns}"]  // columns, each laid out by itself')
    if len(picture.items) > LARGE * columns:
        lines.append("  graph [nslimit=2, nslimit1=2, mclimit=0.3, splines=line]  // large: quick before beautiful")
    if any(wire.back for wire in picture.wires):
        lines.append(f'  edge [fontname="{FONTS}", fontsize=13]')
    for part, looks in (attributes or {}).items():
        lines.append(f"  {part} [{', '.join(f'{name}={quoted(str(value))}' for name, value in looks.items())}]")
    groups = {item.id: item.group for item in picture.items}
    own = with_own_inputs(picture)
    statements = [(item.group, [_item(item, colouring, wires.told.get(item.id, ""))]) for item in picture.items]
    written_in = frames_of_wires(picture, groups, own)
    last = []
    for k, (wire, frame) in enumerate(zip(picture.wires, written_in, strict=True)):
        table, edges = wires.write(f"w{k}", wire)
        last.append(f"w{k}" if table else wire.tail)
        statements += [(frame, table), (common(groups[wire.tail], groups[wire.head]), edges)]
    statements.append((None, entrances(picture, groups, own, wires.told, last)))
    text = "\n".join([*lines, *nested(statements, partial(_frame, horizontal, show == "nothing")), "}", ""])
    return Drawn(text, wires.thumbnails)


def _with_legend(heading: str, cells: str) -> str:
    """Write a heading, and below it the cells of a legend."""
    if not cells:
        return heading
    rows = f"<tr><td>{heading}</td></tr>" if heading else ""
    explained = f'<table border="0" cellborder="0" cellspacing="2" cellpadding="2"><tr>{cells}</tr></table>'
    return f'<table border="0" cellborder="0" cellspacing="0">{rows}<tr><td>{explained}</td></tr></table>'


def _verdict_legend(items: Sequence[Item]) -> str:
    """Explain the colours of the verdicts on gradients that there are."""
    marks = (item.mark for item in items if not isinstance(item, Turn))
    found = {mark.verdict for mark in marks if mark is not None}
    if not found - {"broken"}:
        return ""  # a note tells where the first NaN arose
    cells = (
        f'<td width="12" bgcolor="{inside}" border="1" color="{edge}"> </td><td>{_small(told)}</td>'
        for verdict, (inside, edge, told) in VERDICTS.items()
        if verdict in found
    )
    return "".join(cells)


def _colour_legend(colouring: Colouring) -> str:
    """Explain the colours of a quantity."""
    strip = "".join(
        f'<td width="8" height="10" fixedsize="true" bgcolor="{colour}"></td>' for colour in colouring.steps()
    )
    table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{strip}</tr></table>'
    low, high = (_small(colouring.written(x)) for x in (colouring.least, colouring.greatest))
    width = 8 * len(colouring.steps()) + 4  # fixed, for Graphviz would pull the colours apart
    held = f'<td fixedsize="true" cellpadding="0" width="{width}" height="14">{table}</td>'
    return f"<td>{_small(escape(colouring.name))}</td><td>{low}</td>{held}<td>{high}</td>"


def _small(text: str, colour: str = QUIET) -> str:
    return f'<font point-size="10" color="{colour}">{text}</font>'


def _frame(horizontal: bool, bare: bool, group: Group) -> str:
    if not group.title:
        return 'peripheries=0, margin=0, label=""'  # which frames inside would inherit
    # going down, an empty cell as wide as the title keeps the arrow that enters in the middle off the title
    width = TITLE_WIDTH * max(map(len, group.title.splitlines()))
    empty = "" if horizontal else f'<td width="{width}"></td>'
    title = f'<td align="left" balign="left">{escape(group.title)}</td>'
    cells = f"{empty}{title}" if bare else f"{title}{empty}"  # around bare arrows frames grow to the right
    label = _html(f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>')
    looks = f'peripheries=1, margin=8, style=rounded, color="{FRAME}"'
    return f'{looks}, fontcolor="{QUIET}", fontsize=11, labeljust=l, label={label}'


def _item(item: Item, colouring: Colouring | None, told: str) -> str:
    if isinstance(item, Label):
        text = (escape(item.text) or " ") + (f"<br/>{told}" if told else "")
        if item.mark is None:
            return f"  {item.id} [label={_html(text)}]"
        inside, edge, _ = VERDICTS[item.mark.verdict]
        label = f"{text}<br/>{_small(escape(item.mark.note), edge)}"
        looks = (
            f'shape=box, style="rounded,filled", fillcolor="{inside}", color="{edge}", height=0.3, margin="0.08,0.03"'
        )
        return f"  {item.id} [label={_html(label)}, {looks}]"
    if isinstance(item, Turn):
        mark = f'width=0.24, fontsize=11, color="{FRAME}", fontcolor="{QUIET}"'
        return f"  {item.id} [label={item.number}, shape=circle, fixedsize=true, {mark}]"
    if item.mark is None and colouring:
        colours: tuple[str, str] | None = (colouring.fill(item.id), EDGE)
    else:
        colours = VERDICTS[item.mark.verdict][:2] if item.mark else None
    return _box(item, colours) if isinstance(item, Box) else _circle(item, colours)


def _circle(circle: Circle, colours: tuple[str, str] | None) -> str:
    symbol = escape(circle.symbol)
    size = 18 if len(circle.symbol) == 1 else 13
    notes = _rolled(circle) + _notes(circle.notes, circle.mark, colours)
    told = circle.mark.tip.removeprefix(f"{circle.op}: ") if circle.mark else ""
    tip = _told(circle.op, circle.row.get("options", ""), told, circle.row.get("source", ""))
    tooltip = f"tooltip={quoted(tip)}"
    if notes or len(circle.symbol) > LONG_SYMBOL:
        style = f", {_filled(colours, 'rounded,filled', circle.mark)}" if colours else ", style=rounded"
    else:
        style = f", {_filled(colours, 'filled', circle.mark)}" if colours else ""
    if notes:
        label = _html(_rows([f'<font point-size="{size}">{symbol}</font>', *notes]))
        return f'  {circle.id} [label={label}, shape=box{style}, height=0.4, margin="0.08,0.03", {tooltip}]'
    if len(circle.symbol) > LONG_SYMBOL:
        return f'  {circle.id} [label=<{symbol}>, shape=box{style}, height=0.4, margin="0.1,0.05", {tooltip}]'
    width = 0.42 if len(circle.symbol) <= 2 else 0.55
    looks = f"shape=circle, fixedsize=true, width={width}, fontsize={size}"
    return f"  {circle.id} [label=<{symbol}>, {looks}{style}, {tooltip}]"


def _filled(colours: tuple[str, str], style: str, mark: Mark | None) -> str:
    inside, edge = colours
    thick = ", penwidth=2" if mark is not None and mark.verdict in ("broken", "wrong") else ""
    return f'style="{style}", fillcolor="{inside}", color="{edge}"{thick}'


def _notes(notes: Sequence[str], mark: Mark | None, colours: tuple[str, str] | None) -> list[str]:
    """Write what stands below a name, smaller; that of a mark in its colour; darker on other colours."""
    lines = [_small(escape(note), QUIET if colours is None or mark is not None else TEXT) for note in notes]
    if mark is not None and mark.note:
        lines.append(_small(escape(mark.note), VERDICTS[mark.verdict][1]))
    return lines


def _rolled(item: Circle | Box) -> list[str]:
    """Write how often a loop ran something."""
    return [_small(rolled(item.times_run), OFTEN)] if item.times_run > 1 else []


def _told(*parts: str) -> str:
    """Put together what is told when the pointer rests on something."""
    return "\n".join(part for part in parts if part)


def _rows(lines: Sequence[str]) -> str:
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}</table>'


def _box(box: Box, colours: tuple[str, str] | None) -> str:
    title = f"<b>{escape(box.title)}{f' ×{box.times}' if box.times > 1 else ''}</b>"
    gap = " " if len(box.title) + len(box.options) <= ONE_LINE else "<br/>"
    notes = _rolled(box) + _notes(box.notes, box.mark, colours)
    label = _rows([title + (gap + escape(box.options) if box.options else ""), *notes])
    look = _filled(colours or COLOURS[box.kind], "rounded,filled", box.mark)
    looks = f'shape=box, {look}, height=0.4, margin="0.08,0.03"'
    stacked = ", peripheries=2" if box.times > 1 else ""
    tooltip = quoted(_told(box.text, box.mark.tip if box.mark else ""))
    return f"  {box.id} [label={_html(label)}, {looks}{stacked}, tooltip={tooltip}]"


def _html(markup: str) -> str:
    return f"<{markup}>"
