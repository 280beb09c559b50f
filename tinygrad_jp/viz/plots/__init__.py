"""Plots of training and of its results (extra ``[demo]``: matplotlib).

Every function draws one sheet in the same style and returns the matplotlib ``Figure``; given a `path` (.png, .svg,
.pdf) it writes the file instead and returns the path. No window opens, and pyplot's state is neither used nor changed.
The same data give the same SVG, byte for byte, and its text stays text. Names may be Japanese. The sheet's own words
are in the user's language (``language.py``), but in English where no font with Japanese characters is found.

The style stands in ``stylesheet.py``; the functions by subject in ``training.py`` (curves), ``predictions.py``,
``layers.py`` (histograms), ``convolution.py`` (filters and maps) and ``functions.py`` (of one or two variables).
"""

from __future__ import annotations

try:
    import matplotlib as _  # noqa: F401
except ImportError as error:
    raise ImportError('tinygrad_jp.viz.plots needs matplotlib: pip install "tinygrad_jp[demo]"') from error

from .convolution import feature_maps, filters
from .functions import activation_sheet, gradient_field, optimizer_paths
from .layers import activation_histograms, histograms_over_time, weight_histograms
from .predictions import confusion_matrix_plot, misclassified, observed_against_predicted, prediction_sheet
from .sheets import svg
from .stylesheet import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    JAPANESE_FONTS,
    MARKERS,
    RED,
    STYLE,
    WRONG,
    japanese_font,
    style,
)
from .training import curve_sheet, curves, learning_curves, loss_curve, search_sheet

__all__ = [
    "BLUE",
    "COLOURS",
    "GREEN",
    "GREY",
    "JAPANESE_FONTS",
    "MARKERS",
    "RED",
    "STYLE",
    "WRONG",
    "activation_histograms",
    "activation_sheet",
    "confusion_matrix_plot",
    "curve_sheet",
    "curves",
    "feature_maps",
    "filters",
    "gradient_field",
    "histograms_over_time",
    "japanese_font",
    "learning_curves",
    "loss_curve",
    "misclassified",
    "observed_against_predicted",
    "optimizer_paths",
    "prediction_sheet",
    "search_sheet",
    "style",
    "svg",
    "weight_histograms",
]
