"""The book's figures of computational graphs and networks, each as a function that computes what the figure shows.

``FIGURES["5-14"].draw()`` draws a figure, and so does ``viz.graph(apple_gradients())``. Every function returns the
result with its names set and, where the figure shows gradients, after ``backward``; those of networks return a network
and what it is called with. Figures L-… are not in the book. The page docs/gallery.md shows them all.
"""

from __future__ import annotations

from . import figure
from .chapter3 import three_layers
from .chapter5 import (
    addition,
    apple,
    apple_and_orange,
    apple_and_orange_gradients,
    apple_gradients,
    multiplication,
    square_of_a_sum,
)
from .figure import Figure, variable
from .loops import newton
from .losses import softmax_with_loss
from .networks import batch_normalization

FIGURES = dict(sorted(figure.FIGURES.items()))
"""All figures by their numbers, in the order of the book; those that are not in it last."""

__all__ = [
    "FIGURES",
    "Figure",
    "addition",
    "apple",
    "apple_and_orange",
    "apple_and_orange_gradients",
    "apple_gradients",
    "batch_normalization",
    "multiplication",
    "newton",
    "softmax_with_loss",
    "square_of_a_sum",
    "three_layers",
    "variable",
]
