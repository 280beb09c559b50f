"""Layers: how activations, gradients and weights are distributed, at one time and over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...errors import ArgumentError
from ...language import tell
from ...train.histograms import Histogram
from .arguments import Count, Limits, Range, plot
from .sheets import Values, axis_names, done, numbers, sheet, something
from .stylesheet import BLUE, SHARES


@plot
def activation_histograms(
    activations: Mapping[str, Values],
    path: Path | str | None = None,
    *,
    bins: Count = 30,
    range: Range | None = None,
    ylim: Limits | None = None,
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
    found = numbers("activation_histograms", "activations", activations)
    return done(_histograms(found, bins, range, True, ylim, tell("activation"), title), path)


@plot
def weight_histograms(
    weights: Any,
    path: Path | str | None = None,
    *,
    bins: Count = 50,
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
    if hasattr(weights, "named_parameters"):
        weights = {name: p for name, p in weights.named_parameters() if p.ndim >= 2}
    found = numbers("weight_histograms", "weights (parameters with two or more axes)", weights)
    return done(_histograms(found, bins, range, False, None, tell("weight"), title), path)


def _histograms(
    arrays: Mapping[str, np.ndarray],
    bins: Count,
    range: Range | None,
    sharey: bool,
    ylim: Limits | None,
    xlabel: str,
    title: str | None,
) -> Figure:
    finite = {name: values[np.isfinite(values)] for name, values in arrays.items()}
    everything = np.concatenate(list(finite.values()))
    if range is None:
        range = _ends(everything, bins)
    figure, panels = sheet(len(arrays), 5, (2.4, 2.5), sharex=True, sharey=sharey)
    for panel, (name, values) in zip(panels, finite.items(), strict=True):
        panel.hist(values, bins=bins, range=range, color=BLUE)
        notes = [tell("std {value}", value=f"{values.std():#.2g}") if values.size else tell("no numbers")]
        if values.size < arrays[name].size:
            notes.append(tell("{n} not finite", n=arrays[name].size - values.size))
        panel.set_title(f"{name}\n{', '.join(notes)}")
        panel.locator_params(nbins=4)
    if ylim is not None:
        panels[0].set_ylim(*ylim)
    axis_names(figure, xlabel, tell("count"), title)
    return figure


def _ends(values: np.ndarray, bins: Count) -> Range:
    """Return the least and the greatest of some values, further apart if they are alike but for rounding."""
    low, high = float(values.min()), float(values.max())
    if low + (high - low) / bins > low:
        return low, high
    margin = max(0.5, 1e-3 * abs(low))
    return low - margin, high + margin


Epochs = Sequence[Histogram | Values | None]


@plot
def histograms_over_time(
    layers: Mapping[str, Epochs],
    path: Path | str | None = None,
    *,
    epochs: Sequence[int] | None = None,
    kind: str | None = None,
    xlabel: str | None = None,
    title: str | None = None,
) -> Figure | Path:
    """Draw how the distribution of each layer's numbers changes from epoch to epoch, a panel for each layer.

    Numbers that are exactly 0 (half of a relu's) would press all others down: they are left out, and their share, at
    first and at last, is written above the panel.

    Parameters
    ----------
    layers
        A name for each layer, and for each epoch its numbers (an array of any shape) or their
        :class:`tinygrad_jp.train.Histogram`; None if there are none. The attributes of
        :class:`tinygrad_jp.train.Histograms` are of this kind.
    path
        File to write; its suffix tells the format.
    epochs
        Their numbers, as ``Histograms.epochs``; by default 1, 2, ….
    kind
        "ridge": a hill for each epoch, the first one behind, the last one in front, all of one height, which goes with
        the root of the count; or "heat": a column for each epoch,
        the darker the more numbers. By default hills, and columns of more than 20 epochs.
    xlabel
        What the numbers are; by default activations.
    title
        Of the sheet.
    """
    something("histograms_over_time", "layers", layers)
    times = _times(layers, epochs)
    if kind not in (None, "ridge", "heat"):
        raise ArgumentError(f"histograms_over_time: kind must be 'ridge' or 'heat', got {kind!r}")
    kind = kind or ("ridge" if len(times) <= 20 else "heat")
    found = {name: [_histogram(name, values) for values in row] for name, row in layers.items()}
    filled = {name: row for name, row in found.items() if any(h and h.total for h in row)}
    something("histograms_over_time", "finite number in the layers", filled)
    figure, panels = sheet(len(filled), 4, (2.6, 3.0 if kind == "ridge" else 2.3))
    for panel, (name, row) in zip(panels, filled.items(), strict=True):
        seen = {time: h for time, h in zip(times, row, strict=True) if h and h.total}
        (_ridges if kind == "ridge" else _heat)(panel, list(seen), list(seen.values()))
        panel.set_title("\n".join([str(name), *_notes(list(seen.values()))]), fontsize=9)
        panel.locator_params(axis="x", nbins=3 if kind == "ridge" else 5)
        panel.ticklabel_format(axis="x" if kind == "ridge" else "y", scilimits=(-2, 4))
    along, across = xlabel or tell("activation"), tell("epoch")
    if kind == "heat":
        along, across = across, along
    axis_names(figure, along, across, title)
    return done(figure, path)


def _times(layers: Mapping[str, Epochs], epochs: Sequence[int] | None) -> list[int]:
    """Number the epochs, of which all layers must have as many."""
    for name, row in layers.items():
        if not isinstance(row, Sequence | np.ndarray) or isinstance(row, str):
            raise ArgumentError(f"histograms_over_time: {name!r} must be a list, one part an epoch, got {short(row)}")
    counts = {name: len(row) for name, row in layers.items()}
    times = list(epochs) if epochs is not None else list(range(1, max(counts.values()) + 1))
    for name, count in counts.items():
        if count != len(times):
            raise ArgumentError(f"histograms_over_time: {name!r} has {count} histograms for {len(times)} epochs")
    return times


def _histogram(name: str, values: Histogram | Values | None) -> Histogram | None:
    if values is None or isinstance(values, Histogram):
        return values
    try:
        return Histogram.of(values)
    except (TypeError, ValueError):
        raise ArgumentError(f"histograms_over_time: {name!r} must hold numbers, got {short(values)}") from None


def _notes(known: Sequence[Histogram]) -> list[str]:
    """Say how widely the numbers are spread, which share is 0 and how many are not finite, at first and at last."""
    first, last = known[0], known[-1]
    notes = [tell("std {value}", value=f"{_short(first.std)} → {_short(last.std)}")]
    if any(h.zeros for h in known):
        shares = (f"{h.zeros / h.total:.0%}" for h in (first, last))
        notes.append(tell("zero: {shares}", shares=" → ".join(shares)))
    if any(h.not_finite for h in known):
        notes.append(tell("{n} not finite", n=sum(h.not_finite for h in known)))
    return notes


def _short(value: float) -> str:
    return f"{value:.1e}" if 0 < value < 1e-3 else f"{value:#.2g}"


def _ridges(panel: Axes, times: Sequence[int], known: Sequence[Histogram]) -> None:
    """Draw a hill for each epoch, all of one height, the later ones before the earlier ones.

    Heights are the roots of the counts (Tukey's rootogram): the ends of a distribution are seen beside its middle.
    """
    shades = mpl.colormaps[SHARES](np.linspace(0.35, 0.95, len(known)))
    for k, (h, shade) in enumerate(zip(known, shades, strict=True)):
        edges = np.linspace(h.low, h.high, len(h.counts) + 1)
        x = np.concatenate([edges[:1], (edges[:-1] + edges[1:]) / 2, edges[-1:]])
        hill = 2.2 * np.sqrt(np.array([0, *h.counts, 0]) / max(*h.counts, 1))
        panel.fill_between(x, hill - k, -k, facecolor=shade, edgecolor="white", linewidth=0.6, zorder=2 + k / 100)
    shown = range(0, len(times), max(1, (len(times) - 1) // 5))
    panel.set_yticks([-k for k in shown], [str(times[k]) for k in shown])
    panel.set(xlim=_span(known), ylim=(0.3 - len(known), 2.5))


def _heat(panel: Axes, times: Sequence[int], known: Sequence[Histogram]) -> None:
    """Draw a column for each epoch, from white, for no number, to dark, for the fullest bin of the epoch."""
    edges = np.linspace(*_span(known), 61)
    columns = []
    for h in known:
        below = np.concatenate([[0], np.cumsum(h.counts)])
        counts = np.diff(np.interp(edges, np.linspace(h.low, h.high, len(below)), below))
        columns.append(counts / max(counts.max(), 1e-30))
    between = (np.array(times[1:]) + np.array(times[:-1])) / 2
    sides = np.concatenate([[times[0] - 0.5], between, [times[-1] + 0.5]])
    panel.pcolormesh(sides, edges, np.transpose(columns), cmap=SHARES, rasterized=True)
    panel.grid(False)


def _span(known: Sequence[Histogram]) -> Range:
    """Return between which values nearly all numbers lie in every epoch."""
    ends = []
    for h in known:
        below = np.cumsum([0, *h.counts]) / max(sum(h.counts), 1)
        ends.append(np.interp([0.002, 0.998], below, np.linspace(h.low, h.high, len(below))))
    low, high = np.min(ends), np.max(ends)
    margin = 0.03 * (high - low)
    return float(low - margin), float(high + margin)
