"""Convolution on arrays: forward, gradient of the input and gradient of the weights, each a kernel of its own.

All take images of shape (N, C, H, W) and filters of shape (O, C / groups, KH, KW), of float16 (computed in float32),
float32 or float64; every pair is (vertical, horizontal), padding is ((top, bottom), (left, right)). :mod:`choice` says
from the shapes which kernel runs.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from .fast import compiled
from .geometry import Pair, Sides, Windows, output_size, refuse_huge, windows_on

__all__ = [
    "conv2d_forward",
    "conv2d_input_gradient",
    "conv2d_weight_gradient",
    "output_size",
    "refuse_huge",
    "windows_on",
]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


@cache
def _loaded(module: str) -> ModuleType:
    """Import a module at its first use: all of them would be a tenth of what ``import tinygrad_jp`` takes."""
    return import_module(f".{module}", __package__)


def kernels_for(windows: Windows, n: int, channels: int, outputs: int, groups: int, dtype: np.dtype[Any]) -> ModuleType:
    """Return the module of kernels for a convolution: compiled ones, or NumPy's."""
    fast = compiled(dtype)
    if fast is None:
        return _loaded("convolution")
    lanes = 2 * fast.BYTES // dtype.itemsize
    module: ModuleType = fast.CONVOLUTIONS[_loaded("choice").choose(windows, n, channels, outputs, groups, lanes)]
    return module


def _computed_in(a: Array, b: Array) -> np.dtype[Any]:
    """NumPy's result type, but float32 for float16, which BLAS does not multiply and in which sums lose digits."""
    return np.result_type(a, b, np.float32)


def conv2d_forward(x: Array, w: Array, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Array:
    """Slide the filters over the images: out[n, o, i, j] = Σ w[o, c, k, l] · x[n, c, i·s + k·d − p, j·s + l·d − p].

    The book, section 7.2 (a cross-correlation: the filter is not flipped).

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    w
        Filters, shape (O, C / groups, KH, KW).
    stride, padding, dilation
        Steps of the windows; zeros around the images; distance between a window's elements.
    groups
        The channels of input and output are cut into so many groups; each output sees its own group only.

    Returns
    -------
    ndarray
        Shape (N, O, OH, OW), sizes by equation 7.1.
    """
    windows = windows_on((x.shape[2], x.shape[3]), (w.shape[2], w.shape[3]), stride, padding, dilation)
    dtype = _computed_in(x, w)
    kernels = kernels_for(windows, len(x), x.shape[1], len(w), groups, dtype)
    maps: Array = kernels.forward(x, w, windows, groups, dtype)[0]
    return maps.astype(np.result_type(x, w), copy=False)


def conv2d_input_gradient(
    y: Array, w: Array, x_shape: Shape, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> Array:
    """Gradient of the images, given the outputs' gradient `y`, shape (N, O, OH, OW): a transposed convolution.

    Parameters
    ----------
    y, w
        Gradient of the outputs; filters.
    x_shape
        Shape of the images, (N, C, H, W).
    stride, padding, dilation, groups
        As in :func:`conv2d_forward`.

    Returns
    -------
    ndarray
        Shape `x_shape`.
    """
    windows = windows_on((x_shape[2], x_shape[3]), (w.shape[2], w.shape[3]), stride, padding, dilation)
    dtype = _computed_in(y, w)
    kernels = kernels_for(windows, len(y), x_shape[1], len(w), groups, dtype)
    images: Array = kernels.input_gradient(y, w, x_shape, windows, groups, dtype)
    return images.astype(np.result_type(y, w), copy=False)


def conv2d_weight_gradient(
    y: Array, x: Array, w_shape: Shape, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> Array:
    """Gradient of the filters, given the outputs' gradient `y`, shape (N, O, OH, OW).

    Parameters
    ----------
    y, x
        Gradient of the outputs; images.
    w_shape
        Shape of the filters, (O, C / groups, KH, KW).
    stride, padding, dilation, groups
        As in :func:`conv2d_forward`.

    Returns
    -------
    ndarray
        Shape `w_shape`.
    """
    windows = windows_on((x.shape[2], x.shape[3]), (w_shape[2], w_shape[3]), stride, padding, dilation)
    dtype = _computed_in(y, x)
    kernels = kernels_for(windows, len(x), x.shape[1], w_shape[0], groups, dtype)
    filters: Array = kernels.weight_gradient(y, x, w_shape, windows, groups, dtype)[0]
    return filters.astype(np.result_type(y, x), copy=False)
