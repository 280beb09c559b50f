"""Text on a terminal, where each Japanese character takes two columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

OPENING = "「『（【"
CLOSING = "、。」』）】?!？！・:;"
WIDE = "\u3000-\u9fff\uff00-\uffef"
UNIT = re.compile(rf"\s+|[{OPENING}]*(?:[^\s{WIDE}]+|[{WIDE}])[{CLOSING}]*")
"""What is not broken: a word, or a Japanese character with the marks that may not begin or end a line."""


def width(text: str) -> int:
    """Count the columns of a terminal that text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, columns: int) -> str:
    """Fill text up with spaces."""
    return text + " " * (columns - width(text))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of equal length: the first column on the left, the others on the right."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [pad(row[0], widths[0]), *(" " * (w - width(c)) + c for c, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


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
