"""Convolution, and its windows as the rows of a matrix (the book, sections 7.2 and 7.4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import kernels
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels.geometry import Pair, Sides, Windows, refuse_huge, windows_on
from .table import Array, composite, op

Step = int | tuple[int, int]
"""One number for both directions, or (vertical, horizontal)."""
Padding = int | str | tuple[int, int] | Sides
Sizes = tuple[int, ...]


def _pair(name: str, value: Any, least: int) -> Pair:
    """Read one whole number or two, none below `least`."""
    both = (value, value) if isinstance(value, int | np.integer) else value
    if (
        not isinstance(both, Sequence)
        or isinstance(both, str)
        or len(both) != 2
        or not all(isinstance(n, int | np.integer) for n in both)
    ):
        raise ArgumentError(f"conv: {name} must be a whole number or a pair of them, got {value!r}")
    if min(both) < least:
        raise ArgumentError(f"conv: {name} must be at least {least}, got {value}")
    return int(both[0]), int(both[1])


def _sides(padding: Any, size: Pair, stride: Pair, dilation: Pair) -> Sides:
    """Read the padding of all four sides out of a number, a pair, two pairs, or "same"."""
    if isinstance(padding, str):
        if padding != "same":
            raise ArgumentError(f'conv: unknown padding {padding!r}; use "same", a number or a pair of numbers')
        if stride != (1, 1):
            raise ArgumentError(f'conv: padding="same" needs stride 1, got {stride}; give the padding as a number')
        total = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
        return (total[0] // 2, -(-total[0] // 2)), (total[1] // 2, -(-total[1] // 2))
    if isinstance(padding, Sequence) and len(padding) == 2 and all(isinstance(p, Sequence) for p in padding):
        return _pair("padding", padding[0], 0), _pair("padding", padding[1], 0)
    vertical, horizontal = _pair("padding", padding, 0)
    return (vertical, vertical), (horizontal, horizontal)


# ------------------------------------------------------------------------------------------------ im2col and col2im


def _laid(shape: Sizes, filter_h: int, filter_w: int, stride: Step, pad: Step, dilation: Step) -> Windows:
    """Check the arguments of ``im2col``, and lay its windows on images of this shape."""
    if len(shape) != 4:
        raise ShapeError(f"im2col: needs images of shape (N, C, H, W), got {shape}")
    if np.min(stride) < 1 or np.min(pad) < 0 or filter_h < 1 or filter_w < 1:
        raise ArgumentError(f"im2col: stride and filter must be at least 1 and pad at least 0, got {stride=}, {pad=}")
    (sy, sx), (dy, dx) = _pair("stride", stride, 1), _pair("dilation", dilation, 1)
    (top, left) = _pair("pad", pad, 0)
    covered = dy * (filter_h - 1) + 1, dx * (filter_w - 1) + 1
    if covered[0] > shape[2] + 2 * top or covered[1] > shape[3] + 2 * left:
        raise ShapeError(f"im2col: the {covered[0]}×{covered[1]} filter is larger than {shape[2:]} padded by {pad}")
    sides = (top, top), (left, left)
    windows = windows_on((shape[2], shape[3]), (filter_h, filter_w), (sy, sx), sides, (dy, dx))
    refuse_huge((shape[0], *windows.places, shape[1], filter_h, filter_w), 8)
    return windows


def _im2col_vjp(
    g: Array, x_shape: Sizes, filter_h: int, filter_w: int, stride: Step, pad: Step, dilation: Step
) -> Array:
    return col2im.dispatch(g, x_shape, filter_h, filter_w, stride, pad, dilation)


@op(family="movement", vjp={"x": _im2col_vjp})
def im2col(x: Array, /, filter_h: int, filter_w: int, stride: Step = 1, pad: Step = 0, dilation: Step = 1) -> Array:
    """Lay every window of the images out as one row (the book, section 7.4).

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    filter_h, filter_w
        Height and width of the window.
    stride
        Distance between windows: one number, or (vertical, horizontal).
    pad
        Rows and columns of zeros added on every side: one number, or (vertical, horizontal).
    dilation
        Distance between the elements of a window.

    Returns
    -------
    Tensor
        Shape (N · OH · OW, C · filter_h · filter_w), with OH and OW from the book's equation 7.1.
    """
    laid = _laid(np.shape(x), filter_h, filter_w, stride, pad, dilation)
    (sy, sx), (dy, dx) = laid.stride, laid.dilation
    padded = _padded(x, laid)
    windows = np.lib.stride_tricks.sliding_window_view(padded, laid.covered, (2, 3))[:, :, ::sy, ::sx, ::dy, ::dx]
    n, c, out_h, out_w = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * out_h * out_w, c * filter_h * filter_w)


def _col2im_vjp(g: Array, filter_h: int, filter_w: int, stride: Step, pad: Step, dilation: Step) -> Array:
    return im2col.dispatch(g, filter_h, filter_w, stride, pad, dilation)


@op(family="movement", vjp={"col": _col2im_vjp})
def col2im(
    col: Array,
    /,
    input_shape: tuple[int, int, int, int],
    filter_h: int,
    filter_w: int,
    stride: Step = 1,
    pad: Step = 0,
    dilation: Step = 1,
) -> Array:
    """Add rows of windows back into images: the adjoint of ``im2col``.

    Parameters
    ----------
    col
        Shape (N · OH · OW, C · filter_h · filter_w).
    input_shape
        Sizes of the images, (N, C, H, W).
    filter_h, filter_w, stride, pad, dilation
        As in ``im2col``.

    Returns
    -------
    Tensor
        Images of shape (N, C, H, W); where windows overlap, their elements are added.
    """
    laid = _laid(input_shape, filter_h, filter_w, stride, pad, dilation)
    n, c, h, w = input_shape
    (out_h, out_w), (sy, sx), (dy, dx) = laid.places, laid.stride, laid.dilation
    (top, _), (left, _) = laid.padding
    if np.shape(col) != (n * out_h * out_w, c * filter_h * filter_w):
        raise ShapeError(
            f"col2im: images {input_shape} have windows of shape {(n * out_h * out_w, c * filter_h * filter_w)}, "
            f"got {np.shape(col)}"
        )
    windows = np.reshape(col, (n, out_h, out_w, c, filter_h, filter_w)).transpose(0, 3, 4, 5, 1, 2)
    image = np.zeros((n, c, h + 2 * top, w + 2 * left), np.result_type(col))
    for i in range(filter_h):
        for j in range(filter_w):
            y, x = i * dy, j * dx
            image[:, :, y : y + sy * out_h : sy, x : x + sx * out_w : sx] += windows[:, :, i, j]
    return image[:, :, top : top + h, left : left + w]


# ------------------------------------------------------------------------------------------------ convolution


def _check_layout(x: Sizes, w: Sizes, groups: int, transposed: bool = False) -> None:
    """Refuse images and filters that are not NCHW, or whose channels do not match."""
    shape_of_w = "(C, O / groups, KH, KW)" if transposed else "(O, C / groups, KH, KW)"
    if len(x) != 4 or len(w) != 4:
        raise ShapeError(f"conv: needs x of shape (N, C, H, W) and w of shape {shape_of_w}, got {x} and {w}")
    if not isinstance(groups, int | np.integer) or groups < 1:
        raise ArgumentError(f"conv: groups must be a whole number of at least 1, got {groups!r}")
    if not all((x[1], *w[:2])):
        raise ShapeError(f"conv: needs at least one channel and one filter, got x of shape {x} and w of shape {w}")
    channels = w[0] if transposed else w[1] * groups
    if w[0] % groups or x[1] % groups:
        raise ShapeError(
            f"conv: {groups} groups need numbers of channels that they divide, got x of shape {x} with {x[1]} "
            f"channels (axis 1) and w of shape {w} with {w[0]} filters (axis 0)"
        )
    if x[1] != channels:
        last = "; x looks like (N, H, W, C): use x.transpose(0, 3, 1, 2)" if x[3] == channels else ""
        raise ShapeError(
            f"conv: x of shape {x} has {x[1]} channels (axis 1 of N, C, H, W), but w of shape {w}, "
            f"which is {shape_of_w} with groups={groups}, is for {channels}{last}"
        )


def _check_floats(**arrays: Array) -> None:
    for name, array in arrays.items():
        dtype = np.result_type(array)
        if dtype.kind != "f":
            raise DtypeError(
                f"conv: {name} must hold floating-point numbers, got {dtype}; use {name}.astype(np.float32), "
                "for pixels of 0…255 also divided by 255"
            )


def conv_windows(
    x: Sizes, w: Sizes, stride: Any, padding: Any, dilation: Any, groups: int, strict: bool = False
) -> Windows:
    """Check the arguments of a convolution, and lay the filters on the images."""
    _check_layout(x, w, groups)
    size, steps, gaps = (w[2], w[3]), _pair("stride", stride, 1), _pair("dilation", dilation, 1)
    laid = windows_on((x[2], x[3]), size, steps, _sides(padding, size, steps, gaps), gaps, strict)
    refuse_huge((x[0], w[0], *laid.places), 8)
    return laid


def checked_windows(x: Sizes, w: Sizes, stride: Any, padding: Any, dilation: Any, groups: int, strict: bool) -> Windows:
    """Do what :func:`conv_windows` does, or look up what it found for the same numbers.

    Pairs are checked anew each time: (1.0, 1.0), which is refused, would be found as (1, 1).
    """
    numbers = type(stride) is type(dilation) is type(groups) is int and type(padding) in (int, str)
    return (_known_windows if numbers else conv_windows)(x, w, stride, padding, dilation, groups, strict)


def known_windows(x: Sizes, w: Sizes, stride: Any, padding: Any, dilation: Any, groups: int) -> Windows:
    """Lay the filters of a convolution on the images once more, for a gradient: the arguments have been checked."""
    try:
        return _known_windows(x, w, stride, padding, dilation, groups, False)
    except TypeError:  # lists cannot be looked up
        return conv_windows(x, w, stride, padding, dilation, groups)


_known_windows = lru_cache(maxsize=1024)(conv_windows)


def _as_rows(y: Array) -> Array:
    """Outputs (N, O, OH, OW) as a matrix, one row a window."""
    return np.transpose(y, (0, 2, 3, 1)).reshape(-1, y.shape[1])


def _as_images(rows: Array, n: int, places: Pair) -> Array:
    return np.transpose(rows.reshape(n, *places, rows.shape[1]), (0, 3, 1, 2))


def _padded(x: Array, laid: Windows) -> Array:
    return np.pad(x, ((0, 0), (0, 0), *laid.padding)) if np.any(laid.padding) else x


def _by_group(a: Array, groups: int, axis: int) -> list[Array]:
    if groups == 1:
        return [a]
    n = a.shape[axis] // groups
    return [a[(slice(None),) * axis + (slice(i * n, i * n + n),)] for i in range(groups)]


def _joined(parts: list[Array], axis: int) -> Array:
    return np.concatenate(parts, axis) if len(parts) > 1 else parts[0]


def _conv2d_as_primitives(
    x: Array, w: Array, stride: Step, padding: Padding, dilation: Step, groups: int, strict: bool
) -> Array:
    """Pad, im2col, dot, reshape, transpose (the book, section 7.4.3)."""
    laid = conv_windows(x.shape, w.shape, stride, padding, dilation, groups, strict)
    outputs = []
    for images, filters in zip(_by_group(_padded(x, laid), groups, 1), _by_group(w, groups, 0), strict=True):
        col = im2col.dispatch(images, *laid.size, laid.stride, 0, laid.dilation)
        rows = np.dot(col, filters.reshape(filters.shape[0], -1).T)
        outputs.append(_as_images(rows, x.shape[0], laid.places))
    return _joined(outputs, 1)


def _conv2d_dx(
    g: Array, w: Array, x_shape: Sizes, stride: Step, padding: Padding, dilation: Step, groups: int
) -> Array:
    return conv2d_input_gradient.dispatch(g, w, x_shape, stride, padding, dilation, groups)


def _conv2d_dw(
    g: Array, x: Array, w_shape: Sizes, stride: Step, padding: Padding, dilation: Step, groups: int
) -> Array:
    return conv2d_weight_gradient.dispatch(g, x, w_shape, stride, padding, dilation, groups)


@op(
    family="bilinear",
    vjp={"x": _conv2d_dx, "w": _conv2d_dw},
    decomposition=_conv2d_as_primitives,
    rows={"x": 0},
)
def conv2d(
    x: Array,
    w: Array,
    /,
    stride: Step = 1,
    padding: Padding = 0,
    dilation: Step = 1,
    groups: int = 1,
    strict: bool = False,
) -> Array:
    """Convolution of images with filters, which are not flipped (the book, sections 7.2 and 7.4).

    A bias is added by ``+ b.reshape(-1, 1, 1)``.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W), floating point.
    w
        Filters, shape (O, C / groups, KH, KW).
    stride
        Distance between windows: one number, or (vertical, horizontal).
    padding
        Zeros around the images: one number, (vertical, horizontal), ((top, bottom), (left, right)), or "same" for
        outputs of the size of the images (with stride 1; a zero too many goes to the bottom and the right).
    dilation
        Distance between the elements of a window.
    groups
        Into how many groups the channels of `x` and of the result are cut; each filter sees its own group only.
    strict
        Refuse images whose last rows or columns no window sees (a remainder in equation 7.1).

    Returns
    -------
    Tensor
        Shape (N, O, OH, OW), sizes by the book's equation 7.1: ⌊(H + 2 · padding − KH) / stride⌋ + 1.
    """
    laid = checked_windows(np.shape(x), np.shape(w), stride, padding, dilation, groups, strict)
    _check_floats(x=x, w=w)
    if not len(x):  # the kernels would prepare the filters
        return np.empty((0, len(w), *laid.places), np.result_type(x, w))
    return kernels.conv2d_forward(x, w, laid.stride, laid.padding, laid.dilation, groups)


def _check_outputs(y: Sizes, n: int, outputs: int, places: Pair) -> None:
    if y != (n, outputs, *places):
        raise ShapeError(f"conv: the gradient of an output of shape {(n, outputs, *places)} cannot have shape {y}")


def _input_gradient_as_primitives(
    y: Array, w: Array, x_shape: Sizes, stride: Step, padding: Padding, dilation: Step, groups: int
) -> Array:
    """Dot with the filters, col2im, and off with the padding."""
    laid = conv_windows(x_shape, w.shape, stride, padding, dilation, groups)
    (top, bottom), (left, right) = laid.padding
    (n, c, h, width), images = x_shape, []
    for outputs, filters in zip(_by_group(y, groups, 1), _by_group(w, groups, 0), strict=True):
        col = np.dot(_as_rows(outputs), filters.reshape(filters.shape[0], -1))
        shape = (n, c // groups, h + top + bottom, width + left + right)
        padded = col2im.dispatch(col, shape, *laid.size, laid.stride, 0, laid.dilation)
        images.append(padded[:, :, top : top + h, left : left + width])
    return _joined(images, 1)


@op(
    symbol="conv2dᵀ",
    family="bilinear",
    vjp={
        "y": lambda g, w, stride, padding, dilation, groups: conv2d.dispatch(g, w, stride, padding, dilation, groups),
        "w": lambda g, y, w_shape, stride, padding, dilation, groups: _conv2d_dw(
            y, g, w_shape, stride, padding, dilation, groups
        ),
    },
    decomposition=_input_gradient_as_primitives,
    rows={"y": 0, "x_shape": 0},
)
def conv2d_input_gradient(
    y: Array,
    w: Array,
    /,
    x_shape: Sizes,
    stride: Step = 1,
    padding: Padding = 0,
    dilation: Step = 1,
    groups: int = 1,
) -> Array:
    """Carry the gradient of ``conv2d``'s output back to its images: the adjoint of ``conv2d`` in `x`.

    Parameters
    ----------
    y
        Gradient of the output, shape (N, O, OH, OW).
    w
        Filters, shape (O, C / groups, KH, KW).
    x_shape
        Sizes of the images, (N, C, H, W).
    stride, padding, dilation, groups
        As in ``conv2d``.

    Returns
    -------
    Tensor
        Sizes `x_shape`.
    """
    laid = conv_windows(x_shape, np.shape(w), stride, padding, dilation, groups)
    _check_outputs(np.shape(y), x_shape[0], len(w), laid.places)
    _check_floats(y=y, w=w)
    refuse_huge(x_shape, 8)
    if not len(y):
        return np.empty(x_shape, np.result_type(y, w))
    return kernels.conv2d_input_gradient(y, w, x_shape, laid.stride, laid.padding, laid.dilation, groups)


def _weight_gradient_as_primitives(
    y: Array, x: Array, w_shape: Sizes, stride: Step, padding: Padding, dilation: Step, groups: int
) -> Array:
    """Pad, im2col, dot, reshape."""
    laid = conv_windows(x.shape, w_shape, stride, padding, dilation, groups)
    filters = []
    for outputs, images in zip(_by_group(y, groups, 1), _by_group(_padded(x, laid), groups, 1), strict=True):
        col = im2col.dispatch(images, *laid.size, laid.stride, 0, laid.dilation)
        filters.append(np.dot(_as_rows(outputs).T, col))
    return _joined(filters, 0).reshape(w_shape)


@op(
    symbol="conv2d ∂w",
    family="bilinear",
    vjp={
        "y": lambda g, x, stride, padding, dilation, groups: conv2d.dispatch(x, g, stride, padding, dilation, groups),
        "x": lambda g, y, x_shape, stride, padding, dilation, groups: _conv2d_dx(
            y, g, x_shape, stride, padding, dilation, groups
        ),
    },
    decomposition=_weight_gradient_as_primitives,
)
def conv2d_weight_gradient(
    y: Array,
    x: Array,
    /,
    w_shape: Sizes,
    stride: Step = 1,
    padding: Padding = 0,
    dilation: Step = 1,
    groups: int = 1,
) -> Array:
    """Carry the gradient of ``conv2d``'s output back to its filters: the adjoint of ``conv2d`` in `w`.

    Parameters
    ----------
    y
        Gradient of the output, shape (N, O, OH, OW).
    x
        Images, shape (N, C, H, W).
    w_shape
        Sizes of the filters, (O, C / groups, KH, KW).
    stride, padding, dilation, groups
        As in ``conv2d``.

    Returns
    -------
    Tensor
        Sizes `w_shape`.
    """
    laid = conv_windows(np.shape(x), w_shape, stride, padding, dilation, groups)
    _check_outputs(np.shape(y), len(x), w_shape[0], laid.places)
    _check_floats(y=y, x=x)
    return kernels.conv2d_weight_gradient(y, x, w_shape, laid.stride, laid.padding, laid.dilation, groups)


@composite(family="bilinear")
def conv1d(
    x: Array,
    w: Array,
    /,
    stride: int = 1,
    padding: int | str | Pair = 0,
    dilation: int = 1,
    groups: int = 1,
    strict: bool = False,
) -> Array:
    """Convolution along one axis: ``conv2d`` with images of height 1.

    Parameters
    ----------
    x
        Sequences, shape (N, C, L), floating point.
    w
        Filters, shape (O, C / groups, K).
    stride, dilation, groups, strict
        As in ``conv2d``.
    padding
        Zeros at both ends: one number, (before, after), or "same".

    Returns
    -------
    Tensor
        Shape (N, O, ⌊(L + 2 · padding − K) / stride⌋ + 1).
    """
    if x.ndim != 3 or w.ndim != 3:
        raise ShapeError(
            f"conv1d: needs x of shape (N, C, L) and w of shape (O, C / groups, K), got {x.shape}, {w.shape}"
        )
    ends = padding if isinstance(padding, str) else ((0, 0), _pair("padding", padding, 0))
    images, filters = np.expand_dims(x, 2), np.expand_dims(w, 2)
    if isinstance(stride, Sequence) or isinstance(dilation, Sequence):
        raise ArgumentError(f"conv1d: stride and dilation are one whole number each, got {stride=}, {dilation=}")
    out = conv2d.dispatch(images, filters, (1, stride), ends, (1, dilation), groups, strict)
    return np.squeeze(out, 2)


@composite(symbol="conv2dᵀ", family="bilinear")
def conv_transpose2d(
    x: Array,
    w: Array,
    /,
    stride: Step = 1,
    padding: Step = 0,
    output_padding: Step = 0,
    dilation: Step = 1,
    groups: int = 1,
) -> Array:
    """Transposed convolution: every pixel of `x` stamps its filter, weighted, into a larger image.

    It is ``conv2d_input_gradient`` with the roles exchanged (V. Dumoulin, F. Visin, "A guide to convolution arithmetic
    for deep learning", 2016, section 4).

    Parameters
    ----------
    x
        Images, shape (N, C, H, W), floating point.
    w
        Filters, shape (C, O / groups, KH, KW).
    stride
        Distance between stamps: one number, or (vertical, horizontal).
    padding
        Rows and columns taken off on every side.
    output_padding
        Rows and columns added at the bottom and the right, fewer than `stride`: which of the image sizes that a
        convolution with this stride maps to the size of `x`.
    dilation
        Distance between the elements of a stamp.
    groups
        As in ``conv2d``.

    Returns
    -------
    Tensor
        Shape (N, O, (H − 1) · stride − 2 · padding + dilation · (KH − 1) + 1 + output_padding, … likewise for W).
    """
    _check_layout(x.shape, w.shape, groups, transposed=True)
    steps, gaps = _pair("stride", stride, 1), _pair("dilation", dilation, 1)
    off, extra = _pair("padding", padding, 0), _pair("output_padding", output_padding, 0)
    if extra[0] >= steps[0] or extra[1] >= steps[1]:
        raise ArgumentError(f"conv: output_padding must be smaller than stride {steps}, got {extra}")
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + e
        for n, k, s, p, d, e in zip(x.shape[2:], w.shape[2:], steps, off, gaps, extra, strict=True)
    ]
    if min(sizes) < 1:
        raise ShapeError(f"conv: padding {off} leaves nothing of the output, which would be {sizes[0]}×{sizes[1]}")
    shape = (x.shape[0], w.shape[1] * groups, *sizes)
    return conv2d_input_gradient.dispatch(x, w, shape, steps, off, gaps, groups)
