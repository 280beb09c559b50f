"""Text on a terminal: what the command line needs beside ``text.py`` of the package."""

from __future__ import annotations

import re

from ..text import pad, table, width

__all__ = ["bar", "pad", "table", "width", "wrap"]

OPENING = "「『（【"
CLOSING = "、。」』）】?!？！・:;"
WIDE = "\u3000-\u9fff\uff00-\uffef"
UNIT = re.compile(rf"\s+|[{OPENING}]*(?:[^\s{WIDE}]+|[{WIDE}])[{CLOSING}]*")
"""What is not broken: a word, or a Japanese character with the marks that may not begin or end a line."""


def wrap(text: str, columns: int) -> list[str]:
    """Break text into lines of so many columns, between words or Japanese characters."""
    lines = [""]
    for unit in UNIT.findall(text):
        if width(lines[-1] + unit.rstrip()) > columns:
            lines.append("")
        lines[-1] += unit if lines[-1] else unit.lstrip()
    return [line.rstrip() for line in lines if line.strip()]


def bar(share: float, columns: int = 30, encoding: str = "utf-8") -> str:
    """Draw a share, 0 … 1, as a bar that is exact to an eighth of a column; in # where blocks cannot be encoded."""
    whole, rest = divmod(round(share * columns * 8), 8)
    drawn = "█" * whole + " ▏▎▍▌▋▊▉"[rest].strip()
    try:
        drawn.encode(encoding)
    except UnicodeEncodeError:
        return "#" * round(share * columns)
    return drawn
