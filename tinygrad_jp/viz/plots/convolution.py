"""Convolutional networks: their filters, and the maps that they make of an image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ...errors import ArgumentError, ShapeError
from ...language import tell
from ...nn.modes import in_use
from ...nn.module import Module
from ...tape import no_grad
from ...tensor import Tensor
from .arguments import Count, Names, plot
from .predictions import picture
from .sheets import Values, axis_names, done, finite, numeric, something
from .stylesheet import INK, NOT_FINITE, SIGNED

# ---------------------------------------------------------------------------------------------- filters


@plot
def filters(
    weights: Any,
    path: Path | str | None = None,
    *,
    layer: str | None = None,
    most: Count = 64,
    title: str | None = None,
) -> Figure | Path:
    """Draw the filters of a convolution as pictures: red answers to light, blue to dark (the book, figure 7-24).

    All filters of a panel have one scale, 0 in its middle. Filters of one channel are pictures; of three channels they
    are pictures in colour, grey where they are 0; of any other number there is a row for each filter, and a column for
    each channel.

    Parameters
    ----------
    weights
        A model, of which one convolution is drawn; or its weights, shape (filters, channels, height, width); or a
        name for each of several of these, for a panel each ("before training", "after training").
    path
        File to write; its suffix tells the format.
    layer
        Of a model: the dotted name of the convolution. By default the first, which looks at the image itself.
    most
        How many filters are drawn.
    title
        Of the sheet.

    Raises
    ------
    ArgumentError
        If the model has no convolution, or none of this name.
    """
    given = weights if isinstance(weights, Mapping) else {"": weights}
    something("filters", "weights", given)
    found = {name: _filters(values, layer) for name, values in given.items()}
    pictures = {name: _coloured(values[:most]) for name, values in found.items()}
    width = 6.0 if len(found) == 1 else 4.0
    height = max(width * p.shape[0] / p.shape[1] for p in pictures.values())
    figure = Figure(figsize=(len(found) * (width + 0.8), height + 0.7), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, len(found), squeeze=False).flat)
    for panel, (name, values) in zip(panels, found.items(), strict=True):
        panel.imshow(pictures[name], interpolation="nearest")
        panel.set_title(_described(name, values, most))
        panel.set_axis_off()
        if values.shape[1] != 3:
            figure.colorbar(_scale(values[:most]), ax=panel, shrink=0.8, pad=0.02)
    axis_names(figure, title=title)
    return done(figure, path)


def _filters(weights: Any, layer: str | None) -> np.ndarray:
    """Return the weights of a convolution, shape (filters, channels, height, width)."""
    if isinstance(weights, Module):
        convolutions = {n.rpartition(".")[0]: p for n, p in weights.named_parameters() if p.ndim == 4}
        if not convolutions:
            raise ArgumentError(
                f"filters: {type(weights).__name__} has no convolution (no parameter with four axes); "
                "weight_histograms draws other weights"
            )
        name = next(iter(convolutions)) if layer is None else layer
        if name not in convolutions:
            raise ArgumentError(f"filters: there is no convolution {layer!r}; there are {', '.join(convolutions)}")
        weights = convolutions[name]
    values = numeric("filters", "weights", weights)
    if values.ndim != 4 or not values.size:
        raise ShapeError(f"filters: needs weights of shape (filters, channels, height, width), got {values.shape}")
    return values.astype(float)


def _described(name: str, values: np.ndarray, most: int) -> str:
    n, channels, height, width = values.shape
    text = tell("{n} filters of {height} × {width}", n=n, height=height, width=width)
    if n > most:
        text = tell("{most} of {n} filters of {height} × {width}", most=most, n=n, height=height, width=width)
    if channels not in (1, 3):
        text += tell(", {shown} of {channels} channels to the right", shown=min(channels, CHANNELS), channels=channels)
    if not np.isfinite(values).all():
        text += tell("; orange: NaN or infinite")
    return f"{name}\n{text}" if name else text


CHANNELS = 32
"""So many channels of a filter are drawn."""


def _coloured(values: np.ndarray) -> np.ndarray:
    """Paint filters, shape (n, channels, height, width), into one picture."""
    n, channels = values.shape[:2]
    columns = min(n, ceil(np.sqrt(2 * n)))
    if channels == 3:
        painted = np.ones((n, *values.shape[2:], 4))
        painted[..., :3] = np.moveaxis(0.5 + values / _largest(values) / 2, 1, -1)
        painted[~np.isfinite(values).all(1)] = mpl.colors.to_rgba(NOT_FINITE)
        return mosaic(painted, columns)
    shown = values[:, :CHANNELS]
    painted = _painted(shown.reshape(-1, *values.shape[2:]), _scale(shown))
    return mosaic(painted, columns if channels == 1 else shown.shape[1])


def _largest(values: np.ndarray) -> float:
    return float(np.max(np.abs(values[np.isfinite(values)]), initial=0)) or 1.0


def _scale(values: np.ndarray) -> ScalarMappable:
    """Return colours for weights: white is 0."""
    most = _largest(values)
    return ScalarMappable(Normalize(-most, most), _marking(SIGNED))


def _painted(values: np.ndarray, scale: ScalarMappable) -> np.ndarray:
    """Return the colours of values, red, green, blue and opacity along a new last axis."""
    return np.asarray(scale.cmap(scale.norm(finite(values))))


def _marking(name: str) -> mpl.colors.Colormap:
    """Return a colour map that shows which values are not finite."""
    return mpl.colormaps[name].with_extremes(bad=NOT_FINITE)


# ---------------------------------------------------------------------------------------------- feature maps


@plot
def feature_maps(
    model: Module,
    image: Values,
    path: Path | str | None = None,
    *,
    layers: Names | None = None,
    most: Count = 16,
    title: str | None = None,
) -> Figure | Path:
    """Draw what each layer makes of one image: a row for each layer, a picture for each of its channels.

    The model runs as in use, and stays as it is. The darker, the greater; each row has its own scale.

    Parameters
    ----------
    model
        A network whose layers return maps, shape (1, channels, height, width).
    image
        Shape (channels, height, width), or with a batch axis of 1 before that, as the model takes it.
    path
        File to write; its suffix tells the format.
    layers
        Dotted names of the modules that are drawn; by default all that have no modules inside and return maps, or 12
        of them from the first to the last.
    most
        How many channels of a layer are drawn, from the first.
    title
        Of the sheet.

    Raises
    ------
    ArgumentError
        If no layer returned maps, or there is no module of a name.
    """
    x = numeric("feature_maps", "image", image)
    x = x[None] if x.ndim == 3 else x
    if x.ndim != 4 or len(x) != 1 or not x.size:
        raise ShapeError(f"feature_maps: needs one image of shape (channels, height, width), got {np.shape(image)}")
    maps = _maps(model, x, layers)
    widest = max(min(len(values), most) for values in maps.values())
    rows = {tell("image"): _image(x[0])} | {_counted(n, v, most): _ink(v[:most]) for n, v in maps.items()}
    side = min(0.7, 10 / widest)
    figure = Figure(figsize=(max(widest * side, 3.5), len(rows) * (side + 0.34) + 0.1), layout="constrained")
    panels: list[Axes] = list(figure.subplots(len(rows), 1, squeeze=False).flat)
    for panel, (name, pictures) in zip(panels, rows.items(), strict=True):
        panel.imshow(mosaic(pictures, widest), interpolation="nearest")
        panel.set_title(name, fontsize=9, loc="left")
        panel.set_axis_off()
        panel.set_anchor("W")
    axis_names(figure, title=title)
    return done(figure, path)


ROWS = 12
"""So many layers are drawn if none is named."""


def _maps(model: Module, x: np.ndarray, layers: Names | None) -> dict[str, np.ndarray]:
    """Run a model on one image; return what its layers made of it, shape (channels, height, width) each."""
    modules = dict(model.named_modules())
    for name in () if layers is None else layers:
        if name not in modules:
            raise ArgumentError(
                f"feature_maps: there is no module {name!r}; there are {', '.join(filter(None, modules))}"
            )
    chosen = layers if layers is not None else [name for name, m in modules.items() if not any(m.children())]
    found: dict[str, np.ndarray] = {}

    def note(name: str, module: Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            found[f"{name} {type(module).__name__}".strip()] = output.numpy()[0]

    removers = [modules[name].register_forward_hook(partial(note, name)) for name in chosen]
    try:
        with in_use(model), no_grad():
            model(Tensor(x))
    finally:
        for remove in removers:
            remove()
    if not found:
        raise ArgumentError(
            f"feature_maps: no layer of {type(model).__name__} returned maps, (1, channels, height, width)"
        )
    names = list(found)
    if layers is None and len(names) > ROWS:
        names = [names[round(k)] for k in np.linspace(0, len(names) - 1, ROWS)]
    return {name: found[name] for name in names}


def _counted(name: str, maps: np.ndarray, most: int) -> str:
    n, height, width = maps.shape
    told = tell("{most} of {n}", most=most, n=n) if n > most else n
    return f"{name}: {told} × ({height} × {width})"


def _image(image: np.ndarray) -> np.ndarray:
    """Paint an image as a picture in a list of its own."""
    if len(image) not in (1, 3):
        return _ink(image[:1])
    seen = picture(image)
    return _ink(seen[None]) if seen.ndim == 2 else np.concatenate([seen, np.ones((*seen.shape[:2], 1))], axis=2)[None]


def _ink(maps: np.ndarray) -> np.ndarray:
    """Paint maps, shape (n, height, width), the greatest value of all darkest."""
    values = maps.astype(float)
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    return _painted(values, ScalarMappable(Normalize(low, high), _marking(INK)))


# ---------------------------------------------------------------------------------------------- mosaics


FINEST = 24
"""Pictures are enlarged to about so many pixels, so that the frames around them are narrow."""
FRAME = mpl.colors.to_rgba("0.8")


def mosaic(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Put pictures side by side, each in a grey frame; what is empty is transparent.

    Parameters
    ----------
    pictures
        Shape (n, height, width, 4): red, green, blue, opacity.
    columns
        So many in a row.
    """
    n, height, width, _ = pictures.shape
    finer = max(1, round(FINEST / max(height, width)))
    gap = max(1, round(max(height, width) * finer / FINEST))
    enlarged = pictures.repeat(finer, axis=1).repeat(finer, axis=2)
    rows = ceil(n / columns)
    whole = np.zeros((rows * columns, height * finer + 2 * gap, width * finer + 2 * gap, 4))
    whole[:n] = FRAME
    whole[:n, gap:-gap, gap:-gap] = enlarged
    across = whole.reshape(rows, columns, *whole.shape[1:]).swapaxes(1, 2)
    return across.reshape(rows * whole.shape[1], columns * whole.shape[2], 4)
