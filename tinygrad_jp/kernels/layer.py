"""A whole convolutional layer on arrays: convolution, bias, relu and max pooling, and its gradients.

Compiled kernels do all of it image by image; NumPy's do one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from . import compiled_for, conv2d_forward, conv2d_input_gradient, conv2d_weight_gradient
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


def gradients(
    wanted: Sequence[str],
    y: Array,
    kept: Array,
    x: Array | None,
    w: Array | None,
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    windows: Windows,
    groups: int,
    reduction: Reduction,
) -> list[Array]:
    """Carry the result's gradient back to images, filters and bias, in as few passes over memory as can be.

    Parameters
    ----------
    wanted
        Which of the gradients: ``"x"``, shape `x_shape`; ``"w"``, shape `w_shape`; ``"b"``, shape (O,).
    y, kept
        Gradient of what :func:`forward` returned, and what it kept.
    x, w
        Images and filters; the gradient of one needs the other, that of the bias neither.
    x_shape, w_shape, windows, groups, reduction
        As in :func:`forward`.
    """
    computed = np.result_type(y, np.float32)
    fast = compiled_for(windows, len(y), x_shape[1], w_shape[0], groups, computed)
    make = _by_numpy if fast is None else partial(_compiled, fast)
    found = make(wanted, y, kept, x, w, x_shape, w_shape, windows, groups, computed, reduction)
    return [found[name].astype(y.dtype, copy=False) for name in wanted]


def _compiled(
    fast: Any, wanted: Sequence[str], y: Array, kept: Array, x: Any, w: Any, x_shape: Any, w_shape: Any,
    windows: Windows, groups: int, dtype: np.dtype[Any], reduction: Reduction,
) -> dict[str, Array]:  # fmt: skip
    found = {}
    if "x" in wanted:
        found["x"] = fast.input_gradient(y, w, x_shape, windows, groups, dtype, reduction, kept)
    if "w" in wanted:
        found["w"], found["b"] = fast.weight_gradient(y, x, w_shape, windows, groups, dtype, reduction, kept)
    elif "b" in wanted:
        found["b"] = fast.bias_gradient(y, reduction, kept)
    return found


def _by_numpy(
    wanted: Sequence[str], y: Array, kept: Array, x: Any, w: Any, x_shape: Any, w_shape: Any,
    windows: Windows, groups: int, dtype: np.dtype[Any], reduction: Reduction,
) -> dict[str, Array]:  # fmt: skip
    found = {}
    if "b" in wanted and (reduction.pool > 1 or len(wanted) == 1):
        found["b"] = np.add.reduce(y * let_through(kept, reduction), axis=(0, 2, 3), dtype=dtype)
        if len(wanted) == 1:
            return found
    maps = spread(y, kept, reduction, windows.places)
    laid = windows.stride, windows.padding, windows.dilation, groups
    if "b" in wanted and "b" not in found:
        found["b"] = np.add.reduce(maps, axis=(0, 2, 3), dtype=dtype)
    if "x" in wanted:
        found["x"] = conv2d_input_gradient(maps, w, x_shape, *laid)
    if "w" in wanted:
        found["w"] = conv2d_weight_gradient(maps, x, w_shape, *laid)
    return found
