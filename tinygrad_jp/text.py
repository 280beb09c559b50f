"""Text on a terminal, where each Japanese character takes two columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def width(text: str) -> int:
    """Count the columns of a terminal that text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, columns: int, left: bool = True) -> str:
    """Fill text up with spaces, so that it stands on the left or on the right."""
    space = " " * (columns - width(text))
    return text + space if left else space + text


def table(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Align rows of equal length.

    Parameters
    ----------
    rows
        The cells of each.
    left
        How many of the first columns stand on the left; the others stand on the right.
    """
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(pad(cell, columns, k < left) for k, (cell, columns) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
