"""Plots of the demo: a loss curve and a sheet of predictions (extra ``[demo]``: matplotlib)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from .files import write_atomically


def _save(figure: Figure, path: Path) -> Path:
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "tinygrad_jp"}):
        figure.savefig(content, format=path.suffix.removeprefix("."), dpi=120)
    return write_atomically(path, content.getvalue())


def loss_curve(losses: Sequence[float], path: Path) -> Path:
    """Draw the loss of every step, and its running mean over 20 steps.

    Parameters
    ----------
    losses
        One number a step.
    path
        File to write; its suffix tells the format.
    """
    window = min(20, len(losses))
    mean = np.convolve(losses, np.full(window, 1 / window), "valid")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, color="0.8", linewidth=0.8, label="every step")
    axes.plot(np.arange(window - 1, len(losses)), mean, color="tab:blue", label=f"mean of {window} steps")
    axes.set(xlabel="step", ylabel="loss (cross entropy)", ylim=(0, None), xlim=(0, len(losses)))
    axes.legend()
    axes.grid(alpha=0.3)
    return _save(figure, path)


def prediction_sheet(images: np.ndarray, labels: np.ndarray, predicted: np.ndarray, path: Path) -> Path:
    """Show 40 test images with what the network took them for: the first 20 wrong ones in red, then right ones.

    Parameters
    ----------
    images
        Shape (N, 784).
    labels, predicted
        Digits, shape (N,).
    path
        File to write; its suffix tells the format.
    """
    wrong = np.flatnonzero(predicted != labels)
    right = np.flatnonzero(predicted == labels)
    chosen = [*wrong[:20], *right][:40]
    figure = Figure(figsize=(10, 5), layout="constrained")
    figure.suptitle(
        f"{len(right)} of {len(labels)} test images recognised; wrong ones first, in red (label → prediction)"
    )
    for axes, k in zip(figure.subplots(4, 10).flat, chosen, strict=False):
        axes.imshow(images[k].reshape(28, 28), cmap="gray_r")
        title = f"{predicted[k]}" if predicted[k] == labels[k] else f"{labels[k]} → {predicted[k]}"
        axes.set_title(title, fontsize=9, color="black" if predicted[k] == labels[k] else "tab:red")
        axes.set_axis_off()
    return _save(figure, path)
