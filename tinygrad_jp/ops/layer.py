"""A whole convolutional layer as one op: convolution, bias, relu and max pooling (the book, figure 7-23)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..kernels import layer as kernels
from ..kernels.reduction import NOTHING, WIDEST, Reduction
from .conv import Padding, Sizes, Step, _check_floats, _conv2d_dw, _conv2d_dx, checked_windows, conv2d, known_windows
from .elementwise import relu as relu_op
from .pool import max_pool2d, max_unpool2d
from .table import Array, Kink, op


def _as_primitives(
    x: Array,
    w: Array,
    b: Array,
    stride: Step,
    padding: Padding,
    dilation: Step,
    groups: int,
    strict: bool,
    relu: bool,
    pool: int,
) -> Array:
    y = conv2d.dispatch(x, w, stride, padding, dilation, groups, strict) + np.reshape(b, (-1, 1, 1))
    if relu:
        y = relu_op.dispatch(y)
    return max_pool2d.dispatch(y, pool) if pool > 1 else y


def _spread(g: Array, kept: Array, places: tuple[int, int], relu: bool, pool: int) -> Array:
    """Carry a gradient back through pooling and relu, by an op that has a gradient itself."""
    if pool > 1:
        return max_unpool2d.dispatch(g, kept.astype(np.uint8), places, pool)
    return g * (kept > 0) if relu else g


def _dx(
    g: Array,
    w: Array,
    kept: Array,
    x_shape: Sizes,
    stride: Step,
    padding: Padding,
    dilation: Step,
    groups: int,
    relu: bool,
    pool: int,
) -> Array:
    laid = known_windows(x_shape, w.shape, stride, padding, dilation, groups)
    if isinstance(g, np.ndarray):
        return kernels.gradients("x", g, kept, None, w, x_shape, w.shape, laid, groups, Reduction(relu, pool))[0]
    return _conv2d_dx(_spread(g, kept, laid.places, relu, pool), w, x_shape, stride, padding, dilation, groups)


def _dw(
    g: Array,
    x: Array,
    kept: Array,
    w_shape: Sizes,
    stride: Step,
    padding: Padding,
    dilation: Step,
    groups: int,
    relu: bool,
    pool: int,
) -> Array:
    laid = known_windows(x.shape, w_shape, stride, padding, dilation, groups)
    if isinstance(g, np.ndarray):
        return kernels.gradients("w", g, kept, x, None, x.shape, w_shape, laid, groups, Reduction(relu, pool))[0]
    return _conv2d_dw(_spread(g, kept, laid.places, relu, pool), x, w_shape, stride, padding, dilation, groups)


def _db(
    g: Array,
    kept: Array,
    x_shape: Sizes,
    w_shape: Sizes,
    stride: Step,
    padding: Padding,
    dilation: Step,
    groups: int,
    relu: bool,
    pool: int,
) -> Array:
    laid = known_windows(x_shape, w_shape, stride, padding, dilation, groups)
    if isinstance(g, np.ndarray):
        return kernels.gradients("b", g, kept, None, None, x_shape, w_shape, laid, groups, Reduction(relu, pool))[0]
    return np.sum(_spread(g, kept, laid.places, relu, pool), (0, 2, 3))


def _gradients(
    g: Array,
    wanted: Sequence[str],
    *,
    kept: Array,
    x_shape: Sizes,
    w_shape: Sizes,
    relu: bool,
    pool: int,
    x: Array = None,
    w: Array = None,
    **options: Any,
) -> list[Array]:
    """Do what several of the above do; images are given for the filters' gradient, filters for that of the images."""
    laid = known_windows(x_shape, w_shape, **options)
    return kernels.gradients(wanted, g, kept, x, w, x_shape, w_shape, laid, options["groups"], Reduction(relu, pool))


@op(
    symbol="conv layer",
    family="bilinear",
    vjp={"x": _dx, "w": _dw, "b": _db},
    together=_gradients,
    keeps={"kept": lambda kept: kept},  # constant between the kinks: nothing to compute anew
    decomposition=_as_primitives,
    rows={"x": 0},
    kinks=[
        Kink(
            "a result of 0 before relu",
            "0",
            (np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), np.zeros(1)),
            ([[[[0.0]]]], [[[[0.0]]]], [0.0]),
            {"relu": True},
        ),
        Kink(
            "ties within a window of the pooling",
            "that of the first of the largest, row by row",
            (np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)), np.zeros(1)),
            ([[[[1.0, 0.0], [0.0, 0.0]]]], [[[[1.0]]]], [1.0]),
            {"pool": 2},
        ),
    ],
)
def conv_layer(
    x: Array,
    w: Array,
    b: Array,
    /,
    stride: Step = 1,
    padding: Padding = 0,
    dilation: Step = 1,
    groups: int = 1,
    strict: bool = False,
    relu: bool = False,
    pool: int = 1,
) -> Array:
    """Convolution with bias, then relu and max pooling; ``Sequential`` runs the three layers as this op.

    Only what remains after the pooling is kept for the way back.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W), floating point.
    w
        Filters, shape (O, C / groups, KH, KW).
    b
        Bias, shape (O,).
    stride, padding, dilation, groups, strict
        As in ``conv2d``.
    relu
        Whether to set negative results to 0.
    pool
        Side of the windows, side by side, of which the largest number is taken; 1 for none. Pixels left over at the end
        are not seen.

    Returns
    -------
    Tensor
        Shape (N, O, OH // pool, OW // pool), with OH and OW as in ``conv2d``.
    """
    laid = checked_windows(np.shape(x), np.shape(w), stride, padding, dilation, groups, strict)
    _check_floats(x=x, w=w, b=b)
    if np.shape(b) != (len(w),):
        raise ShapeError(f"conv_layer: {len(w)} filters need a bias of shape {(len(w),)}, got {np.shape(b)}")
    if not isinstance(pool, int | np.integer) or not 1 <= pool <= WIDEST:
        raise ArgumentError(f"conv_layer: pool must be a whole number from 1 to {WIDEST}, got {pool!r}")
    if min(laid.places) < pool:
        raise ShapeError(f"conv_layer: windows of {pool}×{pool} do not fit into {laid.places} after the convolution")
    if not len(x) and pool == 1:  # the kernels would prepare the filters
        out = np.empty((0, len(w), *laid.places), np.result_type(x, w, b))
        return out, out if relu else NOTHING
    return kernels.forward(np.asarray(x), np.asarray(w), np.asarray(b), laid, groups, Reduction(bool(relu), int(pool)))
