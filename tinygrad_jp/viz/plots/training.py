"""Curves: how training went, and runs compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...errors import ArgumentError
from ...language import tell
from .arguments import Count, Limits, plot
from .sheets import (
    Values,
    axis_names,
    done,
    finite,
    legend,
    lonely,
    mark_gaps,
    number,
    numbers,
    panel_legend,
    series,
    sheet,
    something,
)
from .stylesheet import BLUE, GREEN, GREY, MARKERS, RED

History = Mapping[str, Sequence[float | None]]
PARTS = {"train": (BLUE, "--", "training"), "val": (RED, "-", "validation"), "test": (GREEN, "-.", "test")}
"""Dashed is training, solid validation, as in the book's figure 6-24."""


@plot
def loss_curve(losses: Sequence[float], path: Path | str | None = None) -> Figure | Path:
    """Draw the loss of every step, and its running mean over 20 steps (as the book's figure 4-11).

    Parameters
    ----------
    losses
        One number a step. Where it is NaN or infinite the curve has a gap, which is marked.
    path
        File to write; its suffix tells the format.
    """
    values = numbers("loss_curve", "losses", {"losses": losses}, 1)["losses"]
    window = min(20, len(values))
    figure, [panel] = sheet(1, 1, (7, 4))
    steps = np.arange(1, len(values) + 1)
    panel.plot(steps, finite(values), color=GREY, linewidth=0.8, label=tell("every step"))
    panel.plot(
        steps[window - 1 :], _running_mean(values, window), color=BLUE, label=tell("mean of {n} steps", n=window)
    )
    mark_gaps(panel, steps, losses)
    panel.set(xlabel=tell("step"), ylabel=tell("loss (cross entropy)"), ylim=(0, None), xlim=(0, len(values) + 1))
    panel_legend(panel)
    return done(figure, path)


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    return np.convolve(finite(values), np.full(window, 1 / window), "valid")


@plot
def learning_curves(
    history: History, path: Path | str | None = None, *, xlabel: str | None = None, title: str | None = None
) -> Figure | Path:
    """Draw how training went: a panel for each quantity, with training, validation and test in it together.

    As the book's figures 4-12 (training and test accuracy) and 6-20 (overfitting).

    Parameters
    ----------
    history
        Names, as "loss", "val_loss", "accuracy", "val_accuracy", "test_accuracy", and their values, one an epoch. A
        shorter list is spread over the same length: it was measured less often. Where a value is None a line has a
        gap; where it is NaN or infinite the gap is marked.
    path
        File to write; its suffix tells the format.
    xlabel
        What is counted; by default epochs.
    title
        Of the sheet.
    """
    numbers("learning_curves", "history", history, 1)
    quantities = dict.fromkeys(_split(name)[1] for name in history)
    figure, panels = sheet(len(quantities), 3, (5, 3.6))
    for quantity, panel in zip(quantities, panels, strict=True):
        lines = {part: history[name] for name in history for part, of in [_split(name)] if of == quantity}
        longest = max(map(len, lines.values()))
        for part, values in lines.items():
            _learning_curve(panel, part, values, longest, "o" if len(values) <= 20 else "")
        panel.set(xlabel=xlabel or tell("epoch"), ylabel=_quantity(quantity), xlim=(0.5, longest + 0.5))
        panel.locator_params(axis="x", integer=True, min_n_ticks=1)
        panel_legend(panel)
    axis_names(figure, title=title)
    return done(figure, path)


def _split(name: str) -> tuple[str, str]:
    """Split "val_loss" into ("val", "loss") and "loss" into ("train", "loss")."""
    part, _, quantity = str(name).partition("_")
    return (part, quantity) if part in PARTS and quantity else ("train", name)


def _quantity(name: str) -> str:
    """Write the name of a loss or metric beside an axis."""
    return tell(str(name)).replace("_", " ")


def _learning_curve(panel: Axes, part: str, values: Values, length: int, marker: str) -> None:
    colour, line, label = PARTS[part]
    x = np.arange(1, len(values) + 1) * (length / max(len(values), 1))
    y = finite(np.asarray(values, float))
    panel.plot(x, y, line, color=colour, label=tell(label), marker="o" if lonely(y) else marker, markersize=3)
    mark_gaps(panel, x, values)


@plot
def curves(
    lines: Mapping[str, Sequence[float]],
    path: Path | str | None = None,
    *,
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
    smooth: Count = 1,
    ylim: Limits | None = None,
    log: bool = False,
    first: int = 1,
    every: Count = 1,
) -> Figure | Path:
    """Compare several runs in one panel, as the book's figures 6-9 (optimizers) and 6-15 (initial values).

    Parameters
    ----------
    lines
        A label for each curve, and its values. Where one is NaN or infinite there is a gap, which is marked.
    path
        File to write; its suffix tells the format.
    xlabel, ylabel, title
        What stands beside the axes, by default iteration and loss, and above.
    smooth
        Draw the mean over so many values instead of each, at the place of the last of them.
    ylim
        Least and greatest value shown.
    log
        Draw the vertical axis on a log scale.
    first, every
        What the horizontal axis calls the first value (0 if it was measured before any training), and how much further
        on the next one stands.
    """
    numbers("curves", "lines", lines, 1)
    figure, [panel] = sheet(1, 1, (7, 4.2))
    for k, (label, values) in enumerate(lines.items()):
        _curve(panel, k, label, values, smooth, first, every)
    panel.set(xlabel=xlabel or tell("iteration"), ylabel=ylabel or tell("loss"), title=title or "")
    panel.set_yscale("log" if log else "linear")
    panel.locator_params(axis="x", integer=True)
    if ylim is not None:
        panel.set_ylim(*ylim)
    panel_legend(panel)
    return done(figure, path)


@plot
def curve_sheet(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    path: Path | str | None = None,
    *,
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
    ylim: Limits | None = None,
    first: int = 1,
    every: Count = 1,
) -> Figure | Path:
    """Draw curves in many panels with the same axes, as the book's figure 6-19 (16 initial values).

    Parameters
    ----------
    panels
        A title for each panel, and its curves: a label for each, and its values. One legend stands for all.
    path
        File to write; its suffix tells the format.
    xlabel, ylabel, title
        What stands beside the axes, by default epoch and accuracy, and above.
    ylim
        Least and greatest value shown.
    first, every
        As of :func:`curves`.
    """
    something("curve_sheet", "panels", panels)
    for name, lines in panels.items():
        numbers("curve_sheet", f"lines of {name!r}", lines, 1)
    size = (4.3, 3.6) if len(panels) <= 3 else (3.0, 2.8) if len(panels) == 4 else (2.5, 2.1)
    figure, grid = sheet(len(panels), 4, size, sharex=True, sharey=True)
    for (name, lines), panel in zip(panels.items(), grid, strict=True):
        for k, (label, values) in enumerate(lines.items()):
            _curve(panel, k, label, values, 1, first, every, 5 if len(panels) <= 3 else 3)
        panel.set_title(name)
        panel.locator_params(axis="x", integer=True)
    if ylim is not None:
        grid[0].set_ylim(*ylim)
    legend(figure, max(grid, key=lambda panel: len(panel.lines)))
    axis_names(figure, xlabel or tell("epoch"), ylabel or tell("accuracy"), title)
    return done(figure, path)


def _curve(panel: Axes, k: int, label: str, values: Values, smooth: int, first: int, every: int, size: int = 5) -> None:
    """Draw the curve number k of a panel, with a marker of its own."""
    window = max(1, min(smooth, len(values)))
    x = first + every * np.arange(len(values))
    y = _running_mean(np.asarray(values, float), window) if len(values) else np.array([])
    apart = max(1, len(y) // 12)
    at = (k % apart, 1 if lonely(y) else apart)
    marker = MARKERS[k % len(MARKERS)]
    panel.plot(x[window - 1 :], y, label=str(label), marker=marker, markersize=size, markevery=at)
    mark_gaps(panel, x, values)


@plot
def search_sheet(
    trials: Sequence[Mapping[str, Any]],
    path: Path | str | None = None,
    *,
    quantity: str = "accuracy",
    most: Count = 20,
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
    something("search_sheet", "trials", trials)
    for trial in trials:
        parts = [trial.get("history"), trial.get("params", {})] if isinstance(trial, Mapping) else [None]
        if not all(isinstance(part, Mapping) for part in parts):
            raise ArgumentError(f'search_sheet: a trial is a mapping of "history" and "params", got {short(trial)}')
        for name, values in trial["history"].items():
            series("search_sheet", name, values, 1)

    def best(trial: Mapping[str, Any]) -> float:
        values = np.asarray(trial["history"].get(f"val_{quantity}", ()), float)
        return float(np.max(values[np.isfinite(values)], initial=-np.inf))

    ranking = sorted(trials, key=best, reverse=True)[:most]
    written = max(len(trial.get("params", {})) for trial in ranking)
    figure, panels = sheet(len(ranking), 5, (2.3, 1.9 + 0.17 * written), sharex=True, sharey=True)
    for k, (trial, panel) in enumerate(zip(ranking, panels, strict=True)):
        for name in (quantity, f"val_{quantity}"):
            values = trial["history"].get(name, ())
            _learning_curve(panel, _split(name)[0], values, len(values), "")
        params = [f"{name} = {number(value)}" for name, value in trial.get("params", {}).items()]
        result = tell("best {value}", value=f"{best(trial):.3g}") if np.isfinite(best(trial)) else tell("no validation")
        panel.set_title("\n".join([f"{k + 1}. {result}", *params]), fontsize=9)
        panel.locator_params(axis="x", integer=True, min_n_ticks=1, nbins=4)
    for panel in panels[-5:]:
        panel.set_xlabel(tell("epoch"))
    legend(figure, panels[0])
    axis_names(figure, y=_quantity(quantity), title=title)
    return done(figure, path)
