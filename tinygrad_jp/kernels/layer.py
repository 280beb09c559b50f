"""A whole convolutional layer on arrays: convolution, bias, relu and max pooling, and its gradients.

Kernels do all of it together, image by image or a few rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import kernels_for
from .geometry import Windows
from .reduction import Reduction

Array = np.ndarray[Any, Any]


def forward(x: Array, w: Array, b: Array, windows: Windows, groups: int, reduction: Reduction) -> tuple[Array, Array]:
    """Convolve, add the bias, and reduce.

    Returns
    -------
    out, kept
        Shape (N, O, OH // pool, OW // pool); what the gradients need (see :mod:`reduction`).
    """
    dtype = np.result_type(x, w, b)
    computed = np.result_type(dtype, np.float32)
    kernels = kernels_for(windows, len(x), x.shape[1], len(w), groups, computed)
    out, kept = kernels.forward(x, w, windows, groups, computed, b, reduction)
    return out.astype(dtype, copy=False), kept


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
    kernels = kernels_for(windows, len(y), x_shape[1], w_shape[0], groups, computed)
    found = {}
    g, remained, after = y, kept, reduction
    if hasattr(kernels, "carry_back") and {"x", "w"} <= set(wanted):  # compiled kernels do it in the cache
        g, remained, after = kernels.carry_back(y, kept, reduction, windows.places, computed)
    if "x" in wanted:
        found["x"] = kernels.input_gradient(g, w, x_shape, windows, groups, computed, after, remained)
    if "w" in wanted:
        found["w"], found["b"] = kernels.weight_gradient(g, x, w_shape, windows, groups, computed, after, remained)
    elif "b" in wanted:
        found["b"] = kernels.bias_gradient(g, after, remained)
    return [found[name].astype(y.dtype, copy=False) for name in wanted]
