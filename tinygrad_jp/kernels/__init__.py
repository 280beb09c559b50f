"""Convolution on arrays: forward, gradient of the input and gradient of the weights, each a kernel of its own.

All take images of shape (N, C, H, W) and filters of shape (O, C / groups, KH, KW), of float16 (computed in float32),
float32 or float64; every pair is (vertical, horizontal), padding is ((top, bottom), (left, right)). :func:`choose` says
from the shapes which kernel runs.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Literal

import numpy as np

from . import columns, winograd
from .fast import compiled
from .geometry import Pair, Sides, Windows, output_size, refuse_huge, windows_on

__all__ = [
    "choose",
    "conv2d_forward",
    "conv2d_input_gradient",
    "conv2d_weight_gradient",
    "output_size",
    "refuse_huge",
    "windows_on",
]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Kernel = Literal["product", "columns", "winograd", "direct"]


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
    "product"
        A 1×1 filter that meets every pixel: the images themselves are the columns.
    "winograd"
        3×3 filters with stride 1, many channels and pixels: fewer multiplications.
    "columns"
        Everything else: windows of a tile as the columns of a matrix.
    """
    if lanes is not None:
        return "winograd" if groups == 1 and winograd.pays_compiled(windows, channels, outputs, lanes) else "direct"
    pointwise = windows.size == windows.stride == (1, 1) and windows.padding == ((0, 0), (0, 0))
    if groups > 1:
        return "columns"
    return "product" if pointwise else "winograd" if winograd.pays(windows, n, channels, outputs) else "columns"


def compiled_for(
    windows: Windows, n: int, channels: int, outputs: int, groups: int, dtype: np.dtype[Any]
) -> ModuleType | None:
    """Return the compiled kernels for a convolution, or None where NumPy's are to be used."""
    fast = compiled(dtype)
    if fast is None:
        return None
    lanes = 2 * fast.BYTES // dtype.itemsize
    module: ModuleType = fast.CONVOLUTIONS[choose(windows, n, channels, outputs, groups, lanes)]
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
    fast = compiled_for(windows, len(x), x.shape[1], len(w), groups, dtype)
    if fast is not None:
        maps: Array = fast.forward(x, w, windows, groups, dtype)[0]
        return maps.astype(np.result_type(x, w), copy=False)
    kernel = choose(windows, x.shape[0], x.shape[1], w.shape[0], groups)
    if kernel == "product":
        return columns.pixelwise(w[:, :, 0, 0], x, dtype)
    if kernel == "winograd":
        return winograd.forward(x, w, windows, dtype)
    return columns.forward(x, w, windows, groups, dtype)


def conv2d_input_gradient(
    y: Array, w: Array, x_shape: Shape, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> Array:
    """Gradient of the images, given the outputs' gradient `y`, shape (N, O, OH, OW): a transposed convolution.

    With stride 1 it is a convolution itself: `y`, padded to the full, with the filters flipped and their channels
    exchanged. That is faster than adding columns into images, unless `y` has many more channels than the images
    (measured).

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
    fast = compiled_for(windows, len(y), x_shape[1], len(w), groups, _computed_in(y, w))
    if fast is not None:
        images: Array = fast.input_gradient(y, w, x_shape, windows, groups, _computed_in(y, w))
        return images.astype(np.result_type(y, w), copy=False)
    if choose(windows, x_shape[0], x_shape[1], w.shape[0], groups) == "product":
        return columns.pixelwise(w[:, :, 0, 0].T, y, _computed_in(y, w))
    reach = windows.covered
    full = tuple((n - 1 - before, n - 1 - after) for n, (before, after) in zip(reach, padding, strict=True))
    if stride == (1, 1) and min(full[0] + full[1]) >= 0 and w.shape[0] <= 2 * x_shape[1]:
        return conv2d_forward(y, flipped(w, groups), stride, (full[0], full[1]), dilation, groups)
    return columns.input_gradient(y, w, x_shape, windows, groups, _computed_in(y, w))


def flipped(w: Array, groups: int) -> Array:
    """Turn every filter by 180° and exchange input and output channels: (O, C / g, …) → (C, O / g, …)."""
    outputs, channels, kh, kw = w.shape
    by_group = w.reshape(groups, outputs // groups, channels, kh, kw)[..., ::-1, ::-1]
    return by_group.swapaxes(1, 2).reshape(groups * channels, outputs // groups, kh, kw)


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
    fast = compiled_for(windows, len(x), x.shape[1], w_shape[0], groups, _computed_in(y, x))
    if fast is not None:
        filters: Array = fast.weight_gradient(y, x, w_shape, windows, groups, _computed_in(y, x))[0]
        return filters.astype(np.result_type(y, x), copy=False)
    if choose(windows, x.shape[0], x.shape[1], w_shape[0], groups) == "winograd":
        return winograd.weight_gradient(y, x, w_shape, windows, _computed_in(y, x))
    return columns.weight_gradient(y, x, w_shape, windows, groups, _computed_in(y, x))
