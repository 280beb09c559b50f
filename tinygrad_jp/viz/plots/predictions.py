"""Predictions: confusion matrices, images with what they were taken for, observed against predicted numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...errors import ArgumentError, ShapeError
from ...language import tell
from ...metrics import r2_score
from .arguments import Count, Names, plot
from .sheets import Values, array, done, numeric, sheet, something
from .stylesheet import BLUE, INK, SHARES, WRONG


@plot
def confusion_matrix_plot(
    matrix: Values, path: Path | str | None = None, *, names: Names | None = None, title: str | None = None
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
    counts = numeric("confusion_matrix_plot", "matrix", matrix)
    n = len(counts) if counts.ndim else 0
    if counts.shape != (n, n) or not n:
        raise ShapeError(f"confusion_matrix_plot: needs a matrix of shape (classes, classes), got {counts.shape}")
    if names is not None and len(names) != n:
        raise ArgumentError(f"confusion_matrix_plot: got {len(names)} names for {n} classes")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(0.45 * n, 2.5), 12)
    figure, [panel] = sheet(1, 1, (side + 1.6, side + 1))
    image = panel.imshow(shares, cmap=SHARES, vmin=0, vmax=1)
    if n <= 25:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "0.7" if count == 0 else "black"
            panel.text(column, row, f"{count:g}", ha="center", va="center", color=colour, fontsize=8)
        labels = [str(k) for k in range(n)] if names is None else [_brief(name) for name in names]
        slope: dict[str, Any] = {} if names is None else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        panel.set_xticks(range(n), labels, **slope)
        panel.set_yticks(range(n), labels)
    panel.set(xlabel=tell("predicted"), ylabel=tell("true"), title=title or "")
    panel.grid(False)
    figure.colorbar(image, label=tell("share of the true class"), shrink=0.9)
    return done(figure, path)


def _brief(name: str) -> str:
    """Shorten a name that would leave the panel no room."""
    return name if len(name) <= 24 else f"{name[:23]}…"


@plot
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
    y, t = (numeric("observed_against_predicted", name, x) for name, x in (("y", y), ("t", t)))
    r2 = r2_score(y, t)
    if not (np.isfinite(y).all() and np.isfinite(t).all()):
        raise ArgumentError("observed_against_predicted: y and t must be finite; leave out pairs with NaN or infinity")
    figure, [panel] = sheet(1, 1, (5, 4.6))
    low, high = min(y.min(), t.min()), max(y.max(), t.max())
    panel.axline((low, low), slope=1, color="0.3", linewidth=1, linestyle="--", label=tell("predicted = observed"))
    panel.scatter(y, t, s=14, alpha=0.6, linewidths=0, color=BLUE, rasterized=y.size > 5000, label=f"R² = {r2:.3f}")
    margin = 0.05 * (high - low) or 0.5
    limits = (low - margin, high + margin)
    panel.set(xlabel=tell("predicted"), ylabel=tell("observed"), title=title or "")
    panel.set(xlim=limits, ylim=limits, aspect="equal")
    panel.legend(loc="upper left")
    return done(figure, path)


@plot
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
    return done(figure, path)


@plot
def misclassified(
    images: Values,
    labels: Values,
    predicted: Values,
    path: Path | str | None = None,
    *,
    most: Count = 40,
    names: Names | None = None,
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
    if names is not None:
        _check_classes("misclassified", np.concatenate([labels, predicted]), len(names))
    wrong = np.flatnonzero(predicted != labels)
    figure = _image_grid(images, labels, predicted, list(wrong[:most]), names)
    title = "{wrong} of {n} images misclassified (label → prediction)"
    if len(wrong) > most:
        title = "{wrong} of {n} images misclassified; the first {most} (label → prediction)"
    figure.suptitle(tell(title, wrong=len(wrong), n=len(labels), most=most))
    return done(figure, path)


def _images(name: str, images: Values, labels: Values, predicted: Values) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images = numeric(name, "images", images)
    labels, predicted = array(name, "labels", labels), array(name, "predicted", predicted)
    if labels.shape != images.shape[:1] or predicted.shape != labels.shape:
        raise ShapeError(
            f"{name}: needs images of shape (N, …), labels and predicted labels of shape (N,), got {images.shape}, "
            f"{labels.shape} and {predicted.shape}"
        )
    something(name, "images", images)
    return images, labels, predicted


def _check_classes(plot: str, classes: np.ndarray, names: int) -> None:
    """Refuse classes that have no name."""
    if classes.dtype.kind not in "biu" or classes.min() < 0 or classes.max() >= names:
        raise ArgumentError(f"{plot}: for {names} names, labels and predicted must be whole numbers below {names}")


def _image_grid(
    images: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    chosen: Sequence[int],
    names: Names | None = None,
) -> Figure:
    """Draw the chosen images with their labels, wrong predictions in red."""
    called: Callable[[Any], str] = str if names is None else lambda k: _brief(names[k])
    columns, width = (10, 1.0) if names is None else (6, 1.7)
    figure, panels = sheet(max(len(chosen), 6), columns, (width, 1.3))
    for panel in panels:
        panel.set_axis_off()
    for panel, k in zip(panels, chosen, strict=False):
        panel.imshow(picture(images[k]), cmap=INK)
        right = predicted[k] == labels[k]
        title = called(labels[k]) if right else f"{called(labels[k])} → {called(predicted[k])}"
        panel.set_title(title, fontsize=9, color="black" if right else WRONG)
    return figure


def picture(image: np.ndarray) -> np.ndarray:
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
