"""Functions: activation functions with their derivatives, gradient fields, and the ways of optimizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...errors import ArgumentError, DtypeError, ShapeError
from ...language import tell
from ...tensor import Tensor, grad
from .arguments import Count, Range, plot
from .sheets import Values, axis_names, done, finite, legend, numeric, sheet, something
from .stylesheet import BLUE, GREY, RED


@plot
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
    something("activation_sheet", "functions", functions)
    figure, panels = sheet(len(functions), 4, (2.6, 2.2), sharex=True)
    for panel, (name, function) in zip(panels, functions.items(), strict=True):
        x = Tensor(np.linspace(*xlim, 801), requires_grad=True)
        y = _result("activation_sheet", name, function, x)
        if y.shape != x.shape:
            raise ShapeError(f"activation_sheet: {name!r} made {y.shape} of shape {x.shape}; it must keep the shape")
        panel.axhline(0, color="0.6", linewidth=0.7)
        panel.axvline(0, color="0.6", linewidth=0.7)
        panel.plot(x.numpy(), y.numpy(), color=BLUE, label=tell("function"))
        if y.requires_grad:
            panel.plot(x.numpy(), grad(y.sum(), x).numpy(), "--", color=RED, linewidth=1.3, label=tell("derivative"))
        panel.set(title=name, xlim=xlim)
        panel.locator_params(nbins=5)
    legend(figure, max(panels, key=lambda panel: len(panel.lines)))
    axis_names(figure, title=title)
    return done(figure, path)


@plot
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
    something("optimizer_paths", "paths", paths)
    points = {name: numeric("optimizer_paths", repr(name), values) for name, values in paths.items()}
    for name, values in points.items():
        if values.ndim != 2 or values.shape[1] != 2:
            raise ShapeError(f"optimizer_paths: needs points of shape (n, 2), got {values.shape} for {name!r}")
    everywhere = np.concatenate(list(points.values()))
    xlim, ylim = xlim or _limits(everywhere[:, 0]), ylim or _limits(everywhere[:, 1])
    figure, panels = sheet(len(points), 2 if len(points) in (2, 4) else 3, (3.8, 3.2), sharex=True, sharey=True)
    for panel, (name, values) in zip(panels, points.items(), strict=True):
        _contours(panel, f, xlim, ylim)
        panel.plot(*_near(values, xlim, ylim).T, "-o", color=RED, markersize=3, linewidth=1.2, label=tell("path"))
        panel.plot(*values[:1].T, "o", color="black", markersize=6, label=tell("start"))
        panel.set(title=name, xlim=xlim, ylim=ylim)
        panel.locator_params(nbins=6)
        panel.grid(False)
    legend(figure, panels[0])
    axis_names(figure, "x", "y", title)
    return done(figure, path)


def _near(points: np.ndarray, xlim: Range, ylim: Range) -> np.ndarray:
    """Return points with NaN for those so far away that lines to them would be drawn with rounding errors."""
    low, high = np.transpose([xlim, ylim]).astype(float)
    with np.errstate(invalid="ignore"):
        far = (np.abs(points - (low + high) / 2) > 1e4 * (high - low)).any(axis=1)
    return np.where(far[:, None], np.nan, points)


def _limits(values: np.ndarray) -> Range:
    values = values[np.isfinite(values)]
    something("optimizer_paths", "finite point in the paths", values)
    margin = 0.15 * np.ptp(values) or 1.0
    return float(values.min() - margin), float(values.max() + margin)


def _contours(panel: Axes, f: Callable[[Any, Any], Any], xlim: Range, ylim: Range) -> None:
    """Draw the lines of equal height of a function, closer together in its valley."""
    x, y = np.meshgrid(np.linspace(*xlim, 200), np.linspace(*ylim, 200))
    z = finite(np.broadcast_to(numeric("optimizer_paths", "what f returns", f(x, y)), x.shape))
    heights = z[np.isfinite(z)]
    if heights.size and np.ptp(heights):
        levels = heights.min() + np.linspace(0.02, 1, 14) ** 2 * np.ptp(heights)
        panel.contour(x, y, z, levels, colors=GREY, linewidths=0.7)


@plot
def gradient_field(
    f: Callable[[Tensor, Tensor], Tensor],
    path: Path | str | None = None,
    *,
    xlim: Range = (-2.0, 2.0),
    ylim: Range = (-2.0, 2.0),
    arrows: Count = 17,
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
    gx, gy = grad(_result("gradient_field", "f", f, x, y).sum(), [x, y])
    figure, [panel] = sheet(1, 1, (5.2, 5))
    panel.quiver(x.numpy(), y.numpy(), -gx.numpy(), -gy.numpy(), angles="xy", color=BLUE, width=0.004)
    panel.set(xlabel="x", ylabel="y", title=title or "", aspect="equal")
    return done(figure, path)


def _result(plot: str, name: str, function: Callable[..., Any], *inputs: Tensor) -> Tensor:
    """Call a function that is to be drawn; refuse one that leaves the tape."""
    if not callable(function):
        raise ArgumentError(f"{plot}: {name!r} must be a function, got {short(function)}")
    y = function(*inputs)
    if not isinstance(y, Tensor):
        raise DtypeError(f"{plot}: {name!r} must return a Tensor, got {type(y).__name__}")
    return y
