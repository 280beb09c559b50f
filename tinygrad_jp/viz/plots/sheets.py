"""What all plots share: the numbers they take, the panels they draw into, and the files they write."""

from __future__ import annotations

import io
import unicodedata
import warnings
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from ...errors import ArgumentError, ShapeError
from ...files import write_atomically
from ...language import tell
from ...tensor import Tensor
from . import stylesheet
from .arguments import plot
from .stylesheet import WRONG

Values = Any
"""An ndarray, a Tensor or a sequence of numbers."""

# ---------------------------------------------------------------------------------------------- numbers


def _plain(x: Values) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def array(name: str, what: str, x: Values) -> np.ndarray:
    """Return values as an ndarray; refuse nested lists that are ragged."""
    try:
        return _plain(x)
    except ValueError as error:
        raise ArgumentError(f"{name}: {what} must be an array: {error}") from None


def numeric(name: str, what: str, x: Values) -> np.ndarray:
    """Return real numbers, or Booleans, as an ndarray; refuse what are none."""
    values = array(name, what, x)
    if values.dtype.kind not in "biuf":
        raise ArgumentError(f"{name}: {what} must hold numbers, got {short(x)}")
    return values


def something(name: str, what: str, things: Any) -> None:
    """Refuse to draw nothing."""
    if not len(things):
        raise ArgumentError(f"{name}: there is nothing to draw: no {what}")


def numbers(name: str, what: str, things: Mapping[str, Values], axes: int | None = None) -> dict[str, np.ndarray]:
    """Return the numbers of each thing, shape (n,); refuse what are none, or if no finite one is among them all.

    With `axes` also refuse arrays that have more axes than so many.
    """
    if not isinstance(things, Mapping):
        raise ArgumentError(f"{name}: {what} must be a mapping, with a name for each, got {short(things)}")
    something(name, what, things)
    found = {label: series(name, label, values, axes) for label, values in things.items()}
    something(name, f"finite number in the {what}", [v for v in found.values() if np.isfinite(v).any()])
    return found


def series(name: str, label: str, values: Values, axes: int | None = None) -> np.ndarray:
    """Return numbers, shape (n,); refuse what are none. None, which was not measured, becomes NaN."""
    try:
        given = _plain(values)
        found = np.asarray(given, float).ravel() if given.ndim and given.dtype.kind != "c" else None
    except (TypeError, ValueError):
        found = None
    if found is None:
        raise ArgumentError(f"{name}: {label!r} must hold numbers, got {short(values)}")
    if axes is not None and given.ndim > axes:
        raise ShapeError(f"{name}: {label!r} must be one number after the other, got an array of shape {given.shape}")
    return found


def finite(values: np.ndarray) -> np.ndarray:
    """Return the values with NaN in place of infinities: a line has a gap there."""
    return np.where(np.isfinite(values), values, np.nan)


def lonely(values: np.ndarray) -> bool:
    """Tell whether a finite value stands between two that are not: a line without markers would not show it."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return bool((known[1:-1] & ~known[:-2] & ~known[2:]).any())


def mark_gaps(panel: Axes, x: np.ndarray, values: Values) -> None:
    """Mark, at the bottom of a panel, where a value is NaN or infinite; not where it is None: not measured."""
    known = np.asarray(_plain(values), object).ravel()
    broken = np.array([v is not None and not np.isfinite(v) for v in known], bool)
    if not broken.any():
        return
    label = tell("NaN or infinite")
    if label in panel.get_legend_handles_labels()[1]:
        label = "_"
    bottom = panel.get_xaxis_transform()
    panel.plot(x[broken], np.full(broken.sum(), 0.02), "x", color=WRONG, transform=bottom, clip_on=False, label=label)


def number(value: Any) -> str:
    """Write a number to three digits; anything else as it is."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------------------------------------- panels


def sheet(n: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of n panels of this size (inches), `columns` in a row."""
    columns = min(n, columns)
    rows = ceil(n / columns)
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    made: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for panel in made[n:]:
        panel.set_axis_off()
    for panel in made[max(n - columns, 0) : n]:  # the lowest of each column shows the numbers of a shared axis
        panel.tick_params(labelbottom=True)
    return figure, made[:n]


def legend(figure: Figure, panel: Axes) -> None:
    """Put one legend for all panels below them."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=len(labels))


def panel_legend(panel: Axes) -> None:
    """Put a legend where it hides least; to find that among very many points would take long."""
    points = sum(np.size(line.get_xdata()) for line in panel.lines)
    panel.legend(loc="best" if points < 3000 else "upper right")


def axis_names(figure: Figure, x: str = "", y: str = "", title: str | None = None) -> None:
    """Write what all panels have in common around them."""
    if x:
        figure.supxlabel(x, fontsize=10)
    if y:
        figure.supylabel(y, fontsize=10)
    figure.suptitle(title or "")


# ---------------------------------------------------------------------------------------------- files


def done(figure: Figure, path: Path | str | None) -> Figure | Path:
    """Return the figure, or write it if there is a path."""
    path = None if path is None else Path(path)
    if (path is None or path.suffix.lower() != ".svg") and stylesheet.japanese_font() is None:
        texts: list[Any] = figure.findobj(Text)
        if any(unicodedata.east_asian_width(c) in "WF" for text in texts for c in text.get_text()):
            stylesheet.warn_of_missing_font("they are drawn as boxes (in .svg the viewer's fonts show them)")
    return figure if path is None else _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    format = path.suffix.removeprefix(".").lower()
    formats = figure.canvas.get_supported_filetypes()
    if format not in formats:
        raise ArgumentError(f"plots: cannot write {path.name!r}; its suffix must be one of .{', .'.join(formats)}")
    return write_atomically(path, _content(figure, format))


def _content(figure: Figure, format: str) -> bytes:
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    content = io.BytesIO()
    with warnings.catch_warnings():
        if format == "svg" or stylesheet.japanese_font() is None:  # the viewer has fonts, or we said it better
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(content, format=format, dpi=120, metadata=dates.get(format))
    return content.getvalue()


@plot
def svg(figure: Figure) -> str:
    """Return a sheet, as the functions of ``plots`` give it without a path, as SVG text.

    Parameters
    ----------
    figure
        The sheet.
    """
    return _content(figure, "svg").decode()
