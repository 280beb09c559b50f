"""Plots of training and of its results (extra ``[demo]``: matplotlib).

Every function draws one sheet in the same style and returns the matplotlib ``Figure``; given a `path` (.png, .svg,
.pdf) it writes the file instead and returns the path. No window opens, and pyplot's state is neither used nor changed.
The same data give the same SVG, byte for byte, and its text stays text. Names may be Japanese. The sheet's own words
are in the user's language (``language.py``), but in English where no font with Japanese characters is found.
"""

from __future__ import annotations

import io
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from math import ceil, isqrt
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..files import write_atomically
from ..language import language, speaking, tell
from ..metrics import r2_score
from ..tensor import Tensor, grad
from .dot import FONTS

try:
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib import font_manager
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
except ImportError as error:
    raise ImportError('tinygrad_jp.viz.plots needs matplotlib: pip install "tinygrad_jp[demo]"') from error

Values = Any
"""An ndarray, a Tensor or a sequence of numbers."""
History = Mapping[str, Sequence[float]]
Range = tuple[float, float]

# ---------------------------------------------------------------------------------------------- the style

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart by colour-blind readers too (Okabe and Ito, Color Universal Design, 2008)."""
BLUE, RED, GREEN = COLOURS[:3]
GREY, WRONG = "0.65", "#c0392b"
MARKERS = "osD^vPX"
JAPANESE_FONTS = (*FONTS.split(",")[:-1], "Noto Sans JP", "TakaoGothic", "VL Gothic", "MS Gothic")
"""Tried in this order: those of the graphs, then others often found."""
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "0.4",
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.facecolor": "white",
    "figure.titlesize": 12,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.fontsize": 9,
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tinygrad_jp",  # or ids would be random
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@cache
def japanese_font() -> str | None:
    """Return the name of an installed font with Japanese characters, or None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in JAPANESE_FONTS if name in installed), None)


@contextmanager
def style() -> Iterator[None]:
    """Draw what stands in this ``with`` block in the style of tinygrad_jp's plots; also a decorator."""
    font = japanese_font()
    if font is None and language() == "ja":
        _warn_of_missing_font("the words are in English")
    fonts = ["DejaVu Sans", *filter(None, [font])]
    with mpl.rc_context({**STYLE, "font.family": fonts}), speaking(language() if font else "en"):
        yield


@cache
def _warn_of_missing_font(consequence: str) -> None:
    remedy = tell(
        "install one of {fonts} (Debian, Ubuntu: apt install fonts-noto-cjk) and delete fontlist-*.json in {cache}, "
        "where matplotlib remembers the fonts",
        fonts=", ".join(JAPANESE_FONTS),
        cache=mpl.get_cachedir(),
    )
    message = "plots: no font with Japanese characters was found, so {consequence}; {remedy}"
    warnings.warn(tell(message, consequence=tell(consequence), remedy=remedy), stacklevel=5)


def _done(figure: Figure, path: Path | str | None) -> Figure | Path:
    """Return the figure, or write it if there is a path."""
    path = None if path is None else Path(path)
    if (path is None or path.suffix != ".svg") and japanese_font() is None:
        texts: list[Any] = figure.findobj(Text)
        if any(unicodedata.east_asian_width(c) in "WF" for text in texts for c in text.get_text()):
            _warn_of_missing_font("they are drawn as boxes (in .svg the viewer's fonts show them)")
    return figure if path is None else _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    format = path.suffix.removeprefix(".").lower()
    formats = figure.canvas.get_supported_filetypes()
    if format not in formats:
        raise ArgumentError(f"plots: cannot write {path.name!r}; its suffix must be one of .{', .'.join(formats)}")
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # _warn_of_missing_font says it better
        figure.savefig(content, format=format, dpi=120, metadata=dates.get(format))
    return write_atomically(path, content.getvalue())


def _panels(n: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of n panels of this size (inches), `columns` in a row."""
    columns = min(n, columns)
    rows = ceil(n / columns)
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    panels: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for panel in panels[n:]:
        panel.set_axis_off()
    for panel in panels[max(n - columns, 0) : n]:  # the lowest of each column shows the numbers of a shared axis
        panel.tick_params(labelbottom=True)
    return figure, panels[:n]


def _something(name: str, what: str, things: Any) -> None:
    if not len(things):
        raise ArgumentError(f"{name}: there is nothing to draw: no {what}")


def _numbers(name: str, what: str, things: Mapping[str, Values]) -> dict[str, np.ndarray]:
    """Return the numbers of each thing, shape (n,); refuse what are none, or if no finite one is among them all."""
    _something(name, what, things)
    numbers = {}
    for label, values in things.items():
        try:
            numbers[label] = np.asarray(_array(values), float).ravel()
        except (TypeError, ValueError):
            raise ArgumentError(f"{name}: {label!r} must hold numbers, got {values!r}") from None
    _something(name, f"finite number in the {what}", [v for v in numbers.values() if np.isfinite(v).any()])
    return numbers


def _array(x: Values) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


# ---------------------------------------------------------------------------------------------- curves


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    return np.convolve(values, np.full(window, 1 / window), "valid")


@style()
def loss_curve(losses: Sequence[float], path: Path | str | None = None) -> Figure | Path:
    """Draw the loss of every step, and its running mean over 20 steps (as the book's figure 4-11).

    Parameters
    ----------
    losses
        One number a step.
    path
        File to write; its suffix tells the format.
    """
    _something("loss_curve", "losses", losses)
    values = _numbers("loss_curve", "losses", {"losses": losses})["losses"]
    window = min(20, len(values))
    figure, [panel] = _panels(1, 1, (7, 4))
    panel.plot(values, color=GREY, linewidth=0.8, label=tell("every step"))
    means = _running_mean(values, window)
    panel.plot(np.arange(window - 1, len(values)), means, color=BLUE, label=tell("mean of {n} steps", n=window))
    panel.set(xlabel=tell("step"), ylabel=tell("loss (cross entropy)"), ylim=(0, None), xlim=(0, len(values)))
    panel.legend()
    return _done(figure, path)


@style()
def learning_curves(
    history: History, path: Path | str | None = None, *, xlabel: str | None = None, title: str | None = None
) -> Figure | Path:
    """Draw how training went: a panel for each quantity, with training, validation and test in it together.

    As the book's figures 4-12 (training and test accuracy) and 6-20 (overfitting).

    Parameters
    ----------
    history
        Names, as "loss", "val_loss", "accuracy", "val_accuracy", "test_accuracy", and their values, one an epoch. A
        shorter list is spread over the same length: it was measured less often.
    path
        File to write; its suffix tells the format.
    xlabel
        What is counted; by default epochs.
    title
        Of the sheet.
    """
    rows = _numbers("learning_curves", "history", history)
    quantities = dict.fromkeys(_split(name)[1] for name in rows)
    figure, panels = _panels(len(quantities), 3, (5, 3.6))
    for quantity, panel in zip(quantities, panels, strict=True):
        lines = {part: rows[name] for name in rows for part, of in [_split(name)] if of == quantity}
        longest = max(map(len, lines.values()))
        for part, values in lines.items():
            _learning_curve(panel, part, values, longest, "o" if len(values) <= 20 else "")
        panel.set(xlabel=xlabel or tell("epoch"), ylabel=_quantity(quantity), xlim=(0.5, longest + 0.5))
        panel.locator_params(axis="x", integer=True, min_n_ticks=1)
        panel.legend()
    figure.suptitle(title or "")
    return _done(figure, path)


PARTS = {"train": (BLUE, "--", "training"), "val": (RED, "-", "validation"), "test": (GREEN, "-.", "test")}
"""Dashed is training, solid validation, as in the book's figure 6-24."""


def _split(name: str) -> tuple[str, str]:
    """Split "val_loss" into ("val", "loss") and "loss" into ("train", "loss")."""
    part, _, quantity = name.partition("_")
    return (part, quantity) if part in PARTS and quantity else ("train", name)


def _quantity(name: str) -> str:
    """Write the name of a loss or metric beside an axis."""
    return tell(name).replace("_", " ")


def _learning_curve(panel: Axes, part: str, values: Sequence[float] | np.ndarray, length: int, marker: str) -> None:
    colour, line, label = PARTS[part]
    x = np.arange(1, len(values) + 1) * (length / max(len(values), 1))
    panel.plot(x, values, line, color=colour, label=tell(label), marker=marker, markersize=3)


@style()
def curves(
    lines: Mapping[str, Sequence[float]],
    path: Path | str | None = None,
    *,
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
    smooth: int = 1,
    ylim: tuple[float | None, float | None] | None = None,
    log: bool = False,
) -> Figure | Path:
    """Compare several runs in one panel, as the book's figures 6-9 (optimizers) and 6-15 (initial values).

    Parameters
    ----------
    lines
        A label for each curve, and its values; the horizontal axis counts them from 0.
    path
        File to write; its suffix tells the format.
    xlabel, ylabel, title
        What stands beside the axes, by default iteration and loss, and above.
    smooth
        Draw the mean over so many values instead of each.
    ylim
        Least and greatest value shown.
    log
        Draw the vertical axis on a log scale.
    """
    numbers = _numbers("curves", "lines", lines)
    figure, [panel] = _panels(1, 1, (7, 4.2))
    for k, (label, values) in enumerate(numbers.items()):
        window = max(1, min(smooth, len(values)))
        y = _running_mean(values, window) if len(values) else np.array([])
        x = np.arange(window - 1, window - 1 + len(y))
        every = max(1, len(y) // 12)
        panel.plot(x, y, label=label, marker=MARKERS[k % len(MARKERS)], markersize=5, markevery=(k % every, every))
    panel.set(xlabel=xlabel or tell("iteration"), ylabel=ylabel or tell("loss"), title=title or "")
    panel.set_yscale("log" if log else "linear")
    panel.locator_params(axis="x", integer=True)
    if ylim is not None:
        panel.set_ylim(*ylim)
    panel.legend()
    return _done(figure, path)


@style()
def search_sheet(
    trials: Sequence[Mapping[str, Any]],
    path: Path | str | None = None,
    *,
    quantity: str = "accuracy",
    most: int = 20,
    title: str | None = None,
) -> Figure | Path:
    """Draw the learning curves of a hyper-parameter search, the best first (the book, figure 6-24).

    Solid is validation, dashed training.

    Parameters
    ----------
    trials
        For each a mapping with "history" (as in :func:`learning_curves`) and, if wanted, "params" (names and values,
        written above the panel). Trials may have stopped early.
    path
        File to write; its suffix tells the format.
    quantity
        What is drawn, and by whose best validation value the trials are sorted: one of which more is better.
    most
        How many are drawn.
    title
        Of the sheet.
    """
    _something("search_sheet", "trials", trials)

    def best(trial: Mapping[str, Any]) -> float:
        values = np.asarray(trial["history"].get(f"val_{quantity}", ()), float)
        return float(np.max(values[np.isfinite(values)], initial=-np.inf))

    ranking = sorted(trials, key=best, reverse=True)[:most]
    written = max(len(trial.get("params", {})) for trial in ranking)
    figure, panels = _panels(len(ranking), 5, (2.3, 1.9 + 0.17 * written), sharex=True, sharey=True)
    for k, (trial, panel) in enumerate(zip(ranking, panels, strict=True)):
        for name in (quantity, f"val_{quantity}"):
            values = trial["history"].get(name, ())
            _learning_curve(panel, _split(name)[0], values, len(values), "o" if len(values) == 1 else "")
        params = [f"{name} = {_number(value)}" for name, value in trial.get("params", {}).items()]
        result = tell("best {value}", value=f"{best(trial):.3g}") if np.isfinite(best(trial)) else tell("no validation")
        panel.set_title("\n".join([f"{k + 1}. {result}", *params]), fontsize=9)
        panel.locator_params(axis="x", integer=True, min_n_ticks=1, nbins=4)
    for panel in panels[-5:]:
        panel.set_xlabel(tell("epoch"))
    _legend(figure, panels[0])
    figure.suptitle(title or "")
    figure.supylabel(_quantity(quantity), fontsize=10)
    return _done(figure, path)


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _legend(figure: Figure, panel: Axes) -> None:
    """Put one legend for all panels below them."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=len(labels))


# ---------------------------------------------------------------------------------------------- predictions


@style()
def confusion_matrix_plot(
    matrix: Values, path: Path | str | None = None, *, names: Sequence[str] | None = None, title: str | None = None
) -> Figure | Path:
    """Draw a confusion matrix: a cell's colour is its share of the row (of the true class), its number the count.

    Parameters
    ----------
    matrix
        Shape (classes, classes), as of :func:`tinygrad_jp.metrics.confusion_matrix`.
    path
        File to write; its suffix tells the format.
    names
        Of the classes; by default their numbers.
    title
        Of the sheet.
    """
    counts = _array(matrix)
    n = len(counts) if counts.ndim else 0
    if counts.shape != (n, n) or not n:
        raise ShapeError(f"confusion_matrix_plot: needs a matrix of shape (classes, classes), got {counts.shape}")
    if names is not None and len(names) != n:
        raise ArgumentError(f"confusion_matrix_plot: got {len(names)} names for {n} classes")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(0.45 * n, 2.5), 12)
    figure, [panel] = _panels(1, 1, (side + 1.6, side + 1))
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if n <= 25:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "0.7" if count == 0 else "black"
            panel.text(column, row, f"{count:g}", ha="center", va="center", color=colour, fontsize=8)
        labels = [str(k) for k in range(n)] if names is None else names
        slope: dict[str, Any] = {} if names is None else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        panel.set_xticks(range(n), labels, **slope)
        panel.set_yticks(range(n), labels)
    panel.set(xlabel=tell("predicted"), ylabel=tell("true"), title=title or "")
    panel.grid(False)
    figure.colorbar(image, label=tell("share of the true class"), shrink=0.9)
    return _done(figure, path)


@style()
def observed_against_predicted(
    y: Values, t: Values, path: Path | str | None = None, *, title: str | None = None
) -> Figure | Path:
    """Draw observed numbers (upwards) against predicted ones (to the right), the line of equality, and R².

    Which of the two belongs on which axis: Piñeiro et al., Ecological Modelling 216, 2008.

    Parameters
    ----------
    y, t
        Predicted and observed numbers, of the same shape.
    path
        File to write; its suffix tells the format.
    title
        Of the sheet.
    """
    y, t = _array(y), _array(t)
    r2 = r2_score(y, t)
    if not (np.isfinite(y).all() and np.isfinite(t).all()):
        raise ArgumentError("observed_against_predicted: y and t must be finite; leave out pairs with NaN or infinity")
    figure, [panel] = _panels(1, 1, (5, 4.6))
    low, high = min(y.min(), t.min()), max(y.max(), t.max())
    panel.axline((low, low), slope=1, color="0.3", linewidth=1, linestyle="--", label=tell("predicted = observed"))
    panel.scatter(y, t, s=14, alpha=0.6, linewidths=0, color=BLUE, rasterized=y.size > 5000, label=f"R² = {r2:.3f}")
    margin = 0.05 * (high - low) or 0.5
    limits = (low - margin, high + margin)
    panel.set(xlabel=tell("predicted"), ylabel=tell("observed"), title=title or "")
    panel.set(xlim=limits, ylim=limits, aspect="equal")
    panel.legend(loc="upper left")
    return _done(figure, path)


@style()
def prediction_sheet(
    images: Values, labels: Values, predicted: Values, path: Path | str | None = None
) -> Figure | Path:
    """Show 40 test images with what the network took them for: the first 20 wrong ones in red, then right ones.

    Parameters
    ----------
    images
        Shape (N, pixels), (N, height, width), (N, channels, height, width) or (N, height, width, channels).
    labels, predicted
        Shape (N,).
    path
        File to write; its suffix tells the format.
    """
    images, labels, predicted = _images("prediction_sheet", images, labels, predicted)
    wrong = np.flatnonzero(predicted != labels)
    right = np.flatnonzero(predicted == labels)
    figure = _image_grid(images, labels, predicted, [*wrong[:20], *right][:40])
    title = "{right} of {n} test images recognised; wrong ones first, in red (label → prediction)"
    figure.suptitle(tell(title, right=len(right), n=len(labels)))
    return _done(figure, path)


@style()
def misclassified(
    images: Values,
    labels: Values,
    predicted: Values,
    path: Path | str | None = None,
    *,
    most: int = 40,
    names: Sequence[str] | None = None,
) -> Figure | Path:
    """Show the images that were taken for something else (the book, figure 8-2), each as "label → prediction".

    Parameters
    ----------
    images
        Shape (N, pixels), (N, height, width), (N, channels, height, width) or (N, height, width, channels).
    labels, predicted
        Shape (N,).
    path
        File to write; its suffix tells the format.
    most
        How many are shown, from the first.
    names
        Of the classes; by default their numbers.
    """
    images, labels, predicted = _images("misclassified", images, labels, predicted)
    wrong = np.flatnonzero(predicted != labels)
    figure = _image_grid(images, labels, predicted, list(wrong[:most]), names)
    title = "{wrong} of {n} images misclassified (label → prediction)"
    if len(wrong) > most:
        title = "{wrong} of {n} images misclassified; the first {most} (label → prediction)"
    figure.suptitle(tell(title, wrong=len(wrong), n=len(labels), most=most))
    return _done(figure, path)


def _images(name: str, images: Values, labels: Values, predicted: Values) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images, labels, predicted = _array(images), _array(labels), _array(predicted)
    if labels.shape != images.shape[:1] or predicted.shape != labels.shape:
        raise ShapeError(
            f"{name}: needs images of shape (N, …), labels and predicted labels of shape (N,), got {images.shape}, "
            f"{labels.shape} and {predicted.shape}"
        )
    _something(name, "images", images)
    return images, labels, predicted


def _image_grid(
    images: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    chosen: Sequence[int],
    names: Sequence[str] | None = None,
) -> Figure:
    """Draw the chosen images with their labels, wrong predictions in red."""
    called: Callable[[Any], str] = str if names is None else lambda k: names[k]
    columns, width = (10, 1.0) if names is None else (6, 1.7)
    figure, panels = _panels(max(len(chosen), 6), columns, (width, 1.3))
    for panel in panels:
        panel.set_axis_off()
    for panel, k in zip(panels, chosen, strict=False):
        panel.imshow(_picture(images[k]), cmap="gray_r")
        right = predicted[k] == labels[k]
        title = called(labels[k]) if right else f"{called(labels[k])} → {called(predicted[k])}"
        panel.set_title(title, fontsize=9, color="black" if right else WRONG)
    return figure


def _picture(image: np.ndarray) -> np.ndarray:
    """Bring one image into the shape (height, width) or (height, width, 3), its colours between 0 and 1."""
    if image.ndim == 1:
        channels = 1 if isqrt(image.size) ** 2 == image.size else 3
        side = isqrt(image.size // channels)
        if channels * side**2 != image.size:
            raise ShapeError(f"plots: {image.size} pixels are no square image; give images of shape (N, height, width)")
        image = image.reshape(channels, side, side)
    if image.ndim == 3 and image.shape[0] in (1, 3):
        image = np.moveaxis(image, 0, -1)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim == 3 and image.dtype.kind == "f" and (image.min() < 0 or image.max() > 1):
        image = (image - image.min()) / np.ptp(image)  # it was normalised
    return image


# ---------------------------------------------------------------------------------------------- layers


@style()
def activation_histograms(
    activations: Mapping[str, Values],
    path: Path | str | None = None,
    *,
    bins: int = 30,
    range: Range | None = None,
    ylim: Range | None = None,
    title: str | None = None,
) -> Figure | Path:
    """Draw how each layer's activations are distributed, in panels with the same axes (the book, figures 6-10 to 6-14).

    Parameters
    ----------
    activations
        A name for each layer, and its activations, of any shape.
    path
        File to write; its suffix tells the format.
    bins
        How many bars.
    range
        Least and greatest activation shown; by default of all.
    ylim
        Least and greatest count shown (a relu's many zeros would press all else down).
    title
        Of the sheet.
    """
    numbers = _numbers("activation_histograms", "activations", activations)
    return _done(_histograms(numbers, bins, range, True, ylim, tell("activation"), title), path)


@style()
def weight_histograms(
    weights: Any,
    path: Path | str | None = None,
    *,
    bins: int = 50,
    range: Range | None = None,
    title: str | None = None,
) -> Figure | Path:
    """Draw how the weights of each layer are distributed (the book, section 6.2).

    Parameters
    ----------
    weights
        A model, whose parameters with two or more axes are drawn, or a name for each array, and the array.
    path
        File to write; its suffix tells the format.
    bins
        How many bars.
    range
        Least and greatest weight shown; by default of all.
    title
        Of the sheet.
    """
    if not isinstance(weights, Mapping):
        weights = {name: p for name, p in weights.named_parameters() if p.ndim >= 2}
    numbers = _numbers("weight_histograms", "weights (parameters with two or more axes)", weights)
    return _done(_histograms(numbers, bins, range, False, None, tell("weight"), title), path)


def _histograms(
    arrays: Mapping[str, np.ndarray],
    bins: int,
    range: Range | None,
    sharey: bool,
    ylim: Range | None,
    xlabel: str,
    title: str | None,
) -> Figure:
    finite = {name: values[np.isfinite(values)] for name, values in arrays.items()}
    everything = np.concatenate(list(finite.values()))
    if range is None:
        range = (float(everything.min()), float(everything.max()))
    figure, panels = _panels(len(arrays), 5, (2.4, 2.5), sharex=True, sharey=sharey)
    for panel, (name, values) in zip(panels, finite.items(), strict=True):
        panel.hist(values, bins=bins, range=range, color=BLUE)
        notes = [tell("std {value}", value=f"{values.std():#.2g}") if values.size else tell("no numbers")]
        if values.size < arrays[name].size:
            notes.append(tell("{n} not finite", n=arrays[name].size - values.size))
        panel.set_title(f"{name}\n{', '.join(notes)}")
        panel.locator_params(nbins=4)
    if ylim is not None:
        panels[0].set_ylim(*ylim)
    figure.supxlabel(xlabel, fontsize=10)
    figure.supylabel(tell("count"), fontsize=10)
    figure.suptitle(title or "")
    return figure


@style()
def activation_sheet(
    functions: Mapping[str, Callable[[Tensor], Tensor]],
    path: Path | str | None = None,
    *,
    xlim: Range = (-4.0, 4.0),
    title: str | None = None,
) -> Figure | Path:
    """Draw activation functions on one sheet, each with its derivative dashed (as the book's figures 3-6 to 3-9).

    Parameters
    ----------
    functions
        A name for each, and the function from a Tensor of shape (n,) to one of the same shape, element by element. The
        derivative is that of the tape; a function that records none is drawn alone.
    path
        File to write; its suffix tells the format.
    xlim
        Where they are drawn.
    title
        Of the sheet.
    """
    _something("activation_sheet", "functions", functions)
    figure, panels = _panels(len(functions), 4, (2.6, 2.2), sharex=True)
    for panel, (name, function) in zip(panels, functions.items(), strict=True):
        x = Tensor(np.linspace(*xlim, 801), requires_grad=True)
        y = function(x)
        panel.axhline(0, color="0.6", linewidth=0.7)
        panel.axvline(0, color="0.6", linewidth=0.7)
        panel.plot(x.numpy(), y.numpy(), color=BLUE, label=tell("function"))
        if y.requires_grad:
            panel.plot(x.numpy(), grad(y.sum(), x).numpy(), "--", color=RED, linewidth=1.3, label=tell("derivative"))
        panel.set(title=name, xlim=xlim)
        panel.locator_params(nbins=5)
    _legend(figure, max(panels, key=lambda panel: len(panel.lines)))
    figure.suptitle(title or "")
    return _done(figure, path)


# ---------------------------------------------------------------------------------------------- surfaces


@style()
def optimizer_paths(
    paths: Mapping[str, Values],
    f: Callable[[Any, Any], Any],
    path: Path | str | None = None,
    *,
    xlim: Range | None = None,
    ylim: Range | None = None,
    title: str | None = None,
) -> Figure | Path:
    """Draw the ways that optimizers take over the contours of a function, a panel for each (the book, figure 6-8).

    Parameters
    ----------
    paths
        A name for each optimizer, and the points it went through from the first on, shape (n, 2).
    f
        The function f(x, y), on arrays of the same shape.
    path
        File to write; its suffix tells the format.
    xlim, ylim
        What is shown; by default all points, with a margin.
    title
        Of the sheet.
    """
    _something("optimizer_paths", "paths", paths)
    points = {name: _array(values) for name, values in paths.items()}
    for name, values in points.items():
        if values.ndim != 2 or values.shape[1] != 2:
            raise ShapeError(f"optimizer_paths: needs points of shape (n, 2), got {values.shape} for {name!r}")
    everywhere = np.concatenate(list(points.values()))
    xlim, ylim = xlim or _limits(everywhere[:, 0]), ylim or _limits(everywhere[:, 1])
    x, y = np.meshgrid(np.linspace(*xlim, 200), np.linspace(*ylim, 200))
    z = _array(f(x, y))
    levels = z.min() + np.linspace(0.02, 1, 14) ** 2 * np.ptp(z)  # closer together in the valley
    figure, panels = _panels(len(points), 2 if len(points) in (2, 4) else 3, (3.8, 3.2), sharex=True, sharey=True)
    for panel, (name, values) in zip(panels, points.items(), strict=True):
        if np.ptp(z) > 0:
            panel.contour(x, y, z, levels, colors=GREY, linewidths=0.7)
        panel.plot(*values.T, "-o", color=RED, markersize=3, linewidth=1.2)
        panel.plot(*values[:1].T, "o", color="black", markersize=6)
        panel.set(title=name, xlim=xlim, ylim=ylim)
        panel.locator_params(nbins=6)
        panel.grid(False)
    figure.supxlabel("x", fontsize=10)
    figure.supylabel("y", fontsize=10)
    figure.suptitle(title or "")
    return _done(figure, path)


def _limits(values: np.ndarray) -> Range:
    values = values[np.isfinite(values)]
    margin = 0.15 * np.ptp(values) or 1.0
    return float(values.min() - margin), float(values.max() + margin)


@style()
def gradient_field(
    f: Callable[[Tensor, Tensor], Tensor],
    path: Path | str | None = None,
    *,
    xlim: Range = (-2.0, 2.0),
    ylim: Range = (-2.0, 2.0),
    arrows: int = 17,
    title: str | None = None,
) -> Figure | Path:
    """Draw the arrows −(∂f/∂x, ∂f/∂y), which point to where f falls most (the book, figure 4-9).

    Parameters
    ----------
    f
        The function f(x, y), on Tensors of the same shape, element by element; the tape derives it.
    path
        File to write; its suffix tells the format.
    xlim, ylim
        What is shown.
    arrows
        How many in a row and in a column.
    title
        Of the sheet.
    """
    x, y = (
        Tensor(values, requires_grad=True)
        for values in np.meshgrid(np.linspace(*xlim, arrows), np.linspace(*ylim, arrows))
    )
    gx, gy = grad(f(x, y).sum(), [x, y])
    figure, [panel] = _panels(1, 1, (5.2, 5))
    panel.quiver(x.numpy(), y.numpy(), -gx.numpy(), -gy.numpy(), angles="xy", color=BLUE, width=0.004)
    panel.set(xlabel="x", ylabel="y", title=title or "", aspect="equal")
    return _done(figure, path)
