"""A whole convolutional layer on arrays: convolution, bias, relu and max pooling, and its gradients.

Compiled kernels do all of it image by image; NumPy's do one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiled_for, conv2d_forward, conv2d_input_gradient, conv2d_weight_gradient
from .fast import compiled
from .geometry import Windows
from .reduction import Reduction, let_through, reduce, spread

Array = np.ndarray[Any, Any]


def forward(x: Array, w: Array, b: Array, windows: Windows, groups: int, reduction: Reduction) -> tuple[Array, Array]:
    """Convolve, add the bias, and reduce.

    Returns
    -------
    out, kept
        Shape (N, O, OH // pool, OW // pool); what the gradients need (see ``reduction.reduce``).
    """
    dtype = np.result_type(x, w, b)
    computed = np.result_type(dtype, np.float32)
    fast = compiled_for(windows, len(x), x.shape[1], len(w), groups, computed)
    if fast is not None:
        out, kept = fast.forward(x, w, windows, groups, computed, b, reduction)
        return out.astype(dtype, copy=False), kept
    maps = conv2d_forward(x, w, windows.stride, windows.padding, windows.dilation, groups).astype(dtype, copy=False)
    maps += b.reshape(-1, 1, 1)
    return reduce(maps, reduction)


def input_gradient(
    y: Array, kept: Array, w: Array, x_shape: tuple[int, ...], windows: Windows, groups: int, reduction: Reduction
) -> Array:
    """Carry the result's gradient back to the images, shape `x_shape`."""
    dtype = np.result_type(y, w)
    computed = np.result_type(dtype, np.float32)
    fast = compiled_for(windows, len(y), x_shape[1], len(w), groups, computed)
    if fast is not None:
        images: Array = fast.input_gradient(y, w, x_shape, windows, groups, computed, reduction, kept)
        return images.astype(dtype, copy=False)
    maps = spread(y, kept, reduction, windows.places)
    return conv2d_input_gradient(maps, w, x_shape, windows.stride, windows.padding, windows.dilation, groups)


def weight_gradient(
    y: Array, kept: Array, x: Array, w_shape: tuple[int, ...], windows: Windows, groups: int, reduction: Reduction
) -> Array:
    """Carry the result's gradient back to the filters, shape `w_shape`."""
    dtype = np.result_type(y, x)
    computed = np.result_type(dtype, np.float32)
    fast = compiled_for(windows, len(x), x.shape[1], w_shape[0], groups, computed)
    if fast is not None:
        filters: Array = fast.weight_gradient(y, x, w_shape, windows, groups, computed, reduction, kept)
        return filters.astype(dtype, copy=False)
    maps = spread(y, kept, reduction, windows.places)
    return conv2d_weight_gradient(maps, x, w_shape, windows.stride, windows.padding, windows.dilation, groups)


def bias_gradient(y: Array, kept: Array, reduction: Reduction) -> Array:
    """Carry the result's gradient back to the bias, shape (O,)."""
    fast = compiled()
    if fast is not None:
        sums: Array = fast.bias_gradient(y, reduction, kept)
        return sums
    total: Array = np.add.reduce(y * let_through(kept, reduction), axis=(0, 2, 3), dtype=np.result_type(y, np.float32))
    return total.astype(y.dtype, copy=False)
