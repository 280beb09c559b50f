"""The record of a training run, one row an epoch."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..files import write_atomically
from ..language import tell
from ..text import table


class History(Sequence[dict[str, Any]]):
    """What was measured in each epoch, as a table.

    Parameters
    ----------
    rows
        Dicts such as ``{"epoch": 1, "loss": 0.4, "accuracy": 0.88, "val_loss": …}``.

    Examples
    --------
    >>> history = trainer.fit(loader, val_loader, epochs=5)
    >>> print(history)
    >>> history["val_accuracy"][-1]
    """

    def __init__(self, rows: Sequence[dict[str, Any]] = ()) -> None:
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        """Return a row by its number, or a column by its name."""
        return [row.get(key) for row in self.rows] if isinstance(key, str) else self.rows[key]

    @property
    def names(self) -> list[str]:
        """Names of the columns, in the order in which they first appear."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def columns(self) -> dict[str, list[Any]]:
        """Return all columns by name, as the plots take them."""
        return {name: self[name] for name in self.names}

    def plot(self, path: str | Path | None = None, **options: Any) -> Any:
        """Draw the learning curves (``viz.plots.learning_curves``), without epoch, learning rate and time.

        Parameters
        ----------
        path
            File to write; its suffix tells the format. None: return the figure.
        **options
            As of ``learning_curves``.
        """
        from ..viz.plots import learning_curves

        drawn = {name: self[name] for name in self.names if name not in ("epoch", "lr", "seconds")}
        return learning_curves(drawn, path, **options)

    def cells(self) -> list[list[str]]:
        """Return the table as text: the headings, then a row for each epoch."""
        return [[*map(heading, self.names)], *([written(row.get(name)) for name in self.names] for row in self.rows)]

    def __str__(self) -> str:
        if not self.rows:
            return tell("(no epoch was finished)")
        return table(self.cells(), left=0)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = [
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in line)
            for tag, line in zip(["th", *["td"] * len(self)], self.cells(), strict=False)
        ]
        return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV, one line an epoch.

        Parameters
        ----------
        path
            The file.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, self.names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return write_atomically(Path(path), text.getvalue().encode())


def heading(name: str) -> str:
    """Write the name of a column for the user: "val_loss" is 検証損失 in Japanese."""
    validated = name.removeprefix("val_")
    return tell(name) if validated == name else tell("val_{name}", name=tell(validated))


def written(value: Any) -> str:
    """Write a cell: numbers to four digits, and nothing for None."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
