"""im2col and col2im: a convolution's windows as the rows of a matrix (the book, section 7.4)."""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, ShapeError
from .table import Array, op


def output_size(size: int, window: int, stride: int, pad: int) -> int:
    """Count the window positions along one axis: ⌊(size + 2·pad − window) / stride⌋ + 1 (the book, equation 7.1)."""
    return (size + 2 * pad - window) // stride + 1


def _check(shape: tuple[int, ...], filter_h: int, filter_w: int, stride: int, pad: int) -> None:
    if len(shape) != 4:
        raise ShapeError(f"im2col: needs images of shape (N, C, H, W), got {shape}")
    if stride < 1 or pad < 0 or filter_h < 1 or filter_w < 1:
        raise ArgumentError(f"im2col: stride and filter must be at least 1 and pad at least 0, got {stride=}, {pad=}")
    if filter_h > shape[2] + 2 * pad or filter_w > shape[3] + 2 * pad:
        raise ShapeError(f"im2col: the {filter_h}×{filter_w} filter is larger than {shape[2:]} padded by {pad}")


def _im2col_vjp(
    g: Array, x_shape: tuple[int, int, int, int], filter_h: int, filter_w: int, stride: int, pad: int
) -> Array:
    return col2im.dispatch(g, x_shape, filter_h, filter_w, stride, pad)


@op(family="movement", vjp={"x": _im2col_vjp})
def im2col(x: Array, /, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Array:
    """Lay every window of the images out as one row.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    filter_h, filter_w
        Height and width of the window.
    stride
        Distance between windows, in both directions.
    pad
        Rows and columns of zeros added on every side.

    Returns
    -------
    Tensor
        Shape (N · OH · OW, C · filter_h · filter_w), with OH and OW from the book's equation 7.1.
    """
    _check(np.shape(x), filter_h, filter_w, stride, pad)
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (filter_h, filter_w), (2, 3))[:, :, ::stride, ::stride]
    n, c, out_h, out_w = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * out_h * out_w, c * filter_h * filter_w)


@op(
    family="movement",
    vjp={"col": lambda g, filter_h, filter_w, stride, pad: im2col.dispatch(g, filter_h, filter_w, stride, pad)},
)
def col2im(
    col: Array, /, input_shape: tuple[int, int, int, int], filter_h: int, filter_w: int, stride: int = 1, pad: int = 0
) -> Array:
    """Add rows of windows back into images: the adjoint of ``im2col``.

    Parameters
    ----------
    col
        Shape (N · OH · OW, C · filter_h · filter_w).
    input_shape
        Shape of the images, (N, C, H, W).
    filter_h, filter_w, stride, pad
        As in ``im2col``.

    Returns
    -------
    Tensor
        Images of shape (N, C, H, W); where windows overlap, their elements are added.
    """
    _check(input_shape, filter_h, filter_w, stride, pad)
    n, c, h, w = input_shape
    out_h, out_w = output_size(h, filter_h, stride, pad), output_size(w, filter_w, stride, pad)
    if np.shape(col) != (n * out_h * out_w, c * filter_h * filter_w):
        raise ShapeError(
            f"col2im: images {input_shape} have windows of shape {(n * out_h * out_w, c * filter_h * filter_w)}, "
            f"got {np.shape(col)}"
        )
    windows = np.reshape(col, (n, out_h, out_w, c, filter_h, filter_w)).transpose(0, 3, 4, 5, 1, 2)
    image = np.zeros((n, c, h + 2 * pad, w + 2 * pad), np.result_type(col))
    for y in range(filter_h):
        for x in range(filter_w):
            image[:, :, y : y + stride * out_h : stride, x : x + stride * out_w : stride] += windows[:, :, y, x]
    return image[:, :, pad : pad + h, pad : pad + w]
