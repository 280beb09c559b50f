"""Which kernel computes a convolution: chosen from the shapes, here alone."""

from __future__ import annotations

from typing import Literal

from . import winograd
from .geometry import Windows

Kernel = Literal["columns", "im2col", "winograd", "direct"]

THIN = 64
"""Columns in a row below which the columns of several rows are put side by side (measured)."""


def choose(windows: Windows, n: int, channels: int, outputs: int, groups: int, lanes: int | None = None) -> Kernel:
    """Say which kernel runs.

    Parameters
    ----------
    windows
        Of the convolution.
    n, channels, outputs, groups
        Number of images; channels of images and outputs; into how many groups they are cut.
    lanes
        Numbers in a row of a compiled kernel's tile; None for NumPy's kernels.

    Returns
    -------
    str
        One of the following.

    "direct"
        Compiled: straight from the padded image.
    "winograd"
        Fewer multiplications. The compiled one: 3×3 filters with stride 1. NumPy's: filters three to five wide with
        stride 1 along the rows, many images and channels.
    "im2col"
        NumPy's for few images: windows copied as the columns of one matrix.
    "columns"
        NumPy's for everything else: windows as the columns of a matrix for each row.
    """
    if lanes is not None:
        return "winograd" if groups == 1 and winograd.pays_compiled(windows, channels, outputs, lanes) else "direct"
    if n * windows.places[1] < THIN:
        return "im2col"
    return "winograd" if winograd.pays(windows, n, channels // groups, outputs // groups) else "columns"
