"""Pooling (the book, section 7.3), resampling of images, and local response normalization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError, IndexingError, ShapeError
from ..kernels.geometry import Pair, Windows, refuse_huge, windows_on
from ..kernels.pooling import Span, by_parts, max_pool_forward, max_unpool, spans, take
from ..kernels.reduction import NONE
from .conv import Sizes, Step, _check_floats, _pair, im2col
from .linalg import times_matrix
from .reduce import floating
from .table import Array, Kink, composite, op

# ------------------------------------------------------------------------------------------------ windows


def _check_images(shape: Sizes) -> None:
    if len(shape) != 4 or 0 in shape[2:]:
        raise ShapeError(f"pool2d: needs images of shape (N, C, H, W) with H and W of at least 1, got {shape}")


def _laid(shape: Sizes, size: Any, stride: Any, padding: Any, strict: bool = False) -> Windows:
    """Check the arguments of a pooling, and lay its windows on images of this shape."""
    _check_images(shape)
    window = _pair("size", size, 1)
    steps = window if stride is None else _pair("stride", stride, 1)
    top, left = _pair("padding", padding, 0)
    if 2 * top > window[0] or 2 * left > window[1]:
        raise ArgumentError(
            f"pool2d: padding must be at most half of the window, or windows would lie beside the image; got "
            f"padding={padding} with size={size}"
        )
    return windows_on((shape[2], shape[3]), window, steps, ((top, top), (left, left)), (1, 1), strict)


def _padded(w: Windows) -> bool:
    return any(map(any, w.padding))


def _columns(x: Array, w: Windows, fill: float) -> Array:
    """Lay the elements of every window out along the last axis: shape (N, C, OH, OW, KH · KW)."""
    n, c = x.shape[:2]
    padded = np.pad(x, ((0, 0), (0, 0), *w.padding), constant_values=fill)
    laid = im2col.dispatch(padded, *w.size, w.stride).reshape((n, *w.places, c, math.prod(w.size)))
    return np.transpose(laid, (0, 3, 1, 2, 4))


# ------------------------------------------------------------------------------------------------ the largest


def _lowest(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def _check_winner(shape: Sizes, winner: Array, w: Windows) -> None:
    winner = np.asarray(winner)
    if winner.dtype.kind not in "iu":
        raise DtypeError(f"pool2d: winner must hold whole numbers, as argmax_pool2d gives them, got {winner.dtype}")
    expected = (*shape[:2], *w.places)
    if winner.shape != expected:
        raise ShapeError(f"pool2d: winner must have one number for each window, shape {expected}, got {winner.shape}")
    last = math.prod(w.size) - 1
    if winner.size and not (winner.min() >= 0 and np.all((winner <= last) | (winner == NONE))):
        raise ArgumentError(f"pool2d: winner must lie in 0…{last}, got {winner.min()}…{winner.max()}")


def _max_as_columns(x: Array, size: Step, stride: Step | None, padding: Step, strict: bool) -> Array:
    return np.max(_columns(x, _laid(x.shape, size, stride, padding, strict), _lowest(x.dtype)), -1)


def _max_vjp(g: Array, winner: Array, x_shape: Sizes, size: Step, stride: Step | None, padding: Step) -> Array:
    return max_unpool2d.dispatch(g, winner, x_shape[2:], size, stride, padding)


@op(
    symbol="max pool",
    family="movement",
    vjp={"x": _max_vjp},
    keeps={"winner": lambda winner: winner},  # constant between the kinks: nothing to compute anew
    decomposition=_max_as_columns,
    rows={"x": 0},
    kinks=[
        Kink(
            "ties within a window",
            "that of the first of the largest, row by row",
            (np.array([[[[1.0, 2.0], [2.0, 2.0]]]]),),
            ([[[[0.0, 1.0], [0.0, 0.0]]]],),
            {"size": 2},
        )
    ],
)
def max_pool2d(x: Array, /, size: Step, stride: Step | None = None, padding: Step = 0, strict: bool = False) -> Array:
    """Largest pixel of each window (the book, section 7.3 and figure 7-14).

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    size
        Height and width of the window: one number, or (vertical, horizontal).
    stride
        Distance between windows; by default `size`, so that they lie side by side.
    padding
        Rows and columns added on every side, at most half of the window. They are never the largest.
    strict
        Refuse windows that do not fill the image; otherwise the pixels left over at the end are not seen.

    Returns
    -------
    Tensor
        Shape (N, C, OH, OW), with OH and OW from the book's equation 7.1.
    """
    return max_pool_forward(x, _laid(np.shape(x), size, stride, padding, strict))


@op(family="movement", rows={"x": 0})
def argmax_pool2d(
    x: Array, /, size: Step, stride: Step | None = None, padding: Step = 0, strict: bool = False
) -> Array:
    """Number, within each window of ``max_pool2d``, of the largest pixel: 0 … KH · KW − 1, row by row."""
    return max_pool_forward(x, _laid(np.shape(x), size, stride, padding, strict))[1]


def _max_unpool_vjp(g: Array, winner: Array, size: Step, stride: Step | None, padding: Step) -> Array:
    return take_winners2d.dispatch(g, winner, size, stride, padding)


@op(symbol="max unpool", family="movement", vjp={"x": _max_unpool_vjp}, rows={"x": 0, "winner": 0})
def max_unpool2d(
    x: Array, winner: Array, /, image: Pair, size: Step, stride: Step | None = None, padding: Step = 0
) -> Array:
    """Put each window's number back to where its largest pixel was: the gradient of ``max_pool2d``.

    Also the unpooling layer of M. Zeiler and R. Fergus, 2014, section 2.1.

    Parameters
    ----------
    x
        One number for each window, shape (N, C, OH, OW).
    winner
        Which pixel of the window it goes to, as ``argmax_pool2d`` tells; the same shape.
    image
        Height and width of the images.
    size, stride, padding
        As in ``max_pool2d``.

    Returns
    -------
    Tensor
        Shape (N, C, H, W): 0 where nothing was put; where a pixel won several windows, their numbers are added.
    """
    w = _laid((*np.shape(x)[:2], *_pair("image", image, 1)), size, stride, padding)
    _check_winner(x.shape, winner, w)
    refuse_huge((*x.shape[:2], *w.image), x.itemsize)
    return max_unpool(x, winner, w)


def _take_winners_vjp(g: Array, winner: Array, x_shape: Sizes, size: Step, stride: Step | None, padding: Step) -> Array:
    return max_unpool2d.dispatch(g, winner, x_shape[2:], size, stride, padding)


@op(symbol="take winners", family="movement", vjp={"x": _take_winners_vjp}, rows={"x": 0, "winner": 0})
def take_winners2d(x: Array, winner: Array, /, size: Step, stride: Step | None = None, padding: Step = 0) -> Array:
    """Take from each window the pixel of the given number: the adjoint of ``max_unpool2d``.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    winner
        Number of a pixel for each window, shape (N, C, OH, OW), as ``argmax_pool2d`` tells.
    size, stride, padding
        As in ``max_pool2d``.

    Returns
    -------
    Tensor
        Shape (N, C, OH, OW).
    """
    w = _laid(np.shape(x), size, stride, padding)
    _check_winner(x.shape, winner, w)
    return take(x, winner, w)


# ------------------------------------------------------------------------------------------------ sums and averages


def _add_along(x: Array, axis: int, length: int, pairs: Sequence[Span]) -> Array:
    """Add slices of an axis into slices of one of another length: one pass over the numbers for each pair."""
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    out = np.zeros_like(x, np.result_type(x, np.float32), shape=shape)  # sums of float16 are too coarse in float16
    before = (slice(None),) * axis

    def compute(part: tuple[slice, ...]) -> None:
        for to, origin in pairs:
            out[part][(*before, to)] += x[part][(*before, origin)]

    by_parts(compute, x)
    return out


def _window_sums(x: Array, w: Windows) -> Array:
    """Add up each window: first along its columns, then along its rows."""
    _check_floats(x=x)
    return _add_along(_add_along(x, 2, w.places[0], spans(w, 0)), 3, w.places[1], spans(w, 1))


def _sum_vjp(g: Array, x_shape: Sizes, size: Step, stride: Step | None, padding: Step) -> Array:
    return sum_unpool2d.dispatch(g, x_shape[2:], size, stride, padding)


@op(symbol="sum pool", family="movement", vjp={"x": _sum_vjp}, rows={"x": 0})
def sum_pool2d(x: Array, /, size: Step, stride: Step | None = None, padding: Step = 0) -> Array:
    """Sum of each window: shape (N, C, H, W) → (N, C, OH, OW); the arguments are those of ``max_pool2d``."""
    return _window_sums(x, _laid(np.shape(x), size, stride, padding)).astype(x.dtype, copy=False)


@op(
    symbol="sum unpool",
    family="movement",
    vjp={"x": lambda g, size, stride, padding: sum_pool2d.dispatch(g, size, stride, padding)},
    rows={"x": 0},
)
def sum_unpool2d(x: Array, /, image: Pair, size: Step, stride: Step | None = None, padding: Step = 0) -> Array:
    """Add each window's number to all of its pixels: the adjoint of ``sum_pool2d``.

    Parameters
    ----------
    x
        One number for each window, shape (N, C, OH, OW).
    image
        Height and width of the images.
    size, stride, padding
        As in ``max_pool2d``.

    Returns
    -------
    Tensor
        Shape (N, C, H, W).
    """
    w = _laid((*np.shape(x)[:2], *_pair("image", image, 1)), size, stride, padding)
    if np.shape(x)[2:] != w.places:
        raise ShapeError(f"pool2d: images of {w.image} have {w.places} windows, got x of shape {np.shape(x)}")
    _check_floats(x=x)
    refuse_huge((*x.shape[:2], *w.image), x.itemsize)
    rows, columns = ([(inside, places) for places, inside in spans(w, axis)] for axis in (0, 1))
    return _add_along(_add_along(x, 3, w.image[1], columns), 2, w.image[0], rows).astype(x.dtype, copy=False)


def _pixels(w: Windows, count_include_pad: bool, dtype: Any) -> Any:
    """Count the pixels of each window: one number, or shape (OH, OW)."""
    if count_include_pad or not _padded(w):
        return float(math.prod(w.size))
    rows, columns = (
        np.sum([(np.arange(m) >= s.start) & (np.arange(m) < s.stop) for s, _ in spans(w, axis)], 0)
        for axis, m in enumerate(w.places)
    )
    return np.multiply.outer(rows, columns).astype(dtype)


def _avg_vjp(
    g: Array, x_shape: Sizes, size: Step, stride: Step | None, padding: Step, count_include_pad: bool
) -> Array:
    pixels = _pixels(_laid(x_shape, size, stride, padding), count_include_pad, g.dtype)
    return sum_unpool2d.dispatch(g / pixels, x_shape[2:], size, stride, padding)


def _avg_as_columns(
    x: Array, size: Step, stride: Step | None, padding: Step, count_include_pad: bool, strict: bool
) -> Array:
    w = _laid(x.shape, size, stride, padding, strict)
    return np.sum(_columns(x, w, 0.0), -1) / _pixels(w, count_include_pad, x.dtype)


@op(symbol="avg pool", family="movement", vjp={"x": _avg_vjp}, decomposition=_avg_as_columns, rows={"x": 0})
def avg_pool2d(
    x: Array,
    /,
    size: Step,
    stride: Step | None = None,
    padding: Step = 0,
    count_include_pad: bool = True,
    strict: bool = False,
) -> Array:
    """Average of each window (the book, section 7.3).

    Parameters
    ----------
    x
        Images, shape (N, C, H, W), of floating numbers.
    size, stride, padding, strict
        As in ``max_pool2d``; what is added around the image is 0.
    count_include_pad
        Divide by the size of the window; if False, by the number of its pixels that lie on the image.

    Returns
    -------
    Tensor
        Shape (N, C, OH, OW), with OH and OW from the book's equation 7.1.
    """
    w = _laid(np.shape(x), size, stride, padding, strict)
    sums = _window_sums(x, w)
    sums /= _pixels(w, count_include_pad, sums.dtype)
    return sums.astype(x.dtype, copy=False)


# ------------------------------------------------------------------------------------------------ any output size


def _bins(n: int, m: int) -> tuple[Array, Array]:
    """Cut n pixels into m windows of nearly equal length, which may overlap: ⌊i n / m⌋ … ⌈(i + 1) n / m⌉ − 1."""
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


def _output(x: Array, output_size: Any) -> Pair:
    """Check the arguments of a pooling to a given size."""
    _check_images(x.shape)
    size = _pair("output_size", output_size, 1)
    refuse_huge((*x.shape[:2], *size), x.dtype.itemsize)
    return size


BLOCK = 64
"""Outputs that ``resample`` computes in one product of matrices (measured)."""


def _resample_vjp(g: Array, matrix: Array) -> Array:
    return resample.dispatch(g, matrix.T)


@op(
    symbol="resample",
    family="movement",
    vjp={"x": _resample_vjp},
    decomposition=lambda x, matrix: np.dot(x, matrix.T.astype(x.dtype)),
    rows={"x": 0},
)
def resample(x: Array, /, matrix: Any) -> Array:
    """Weighted sums along the last axis, x · matrixᵀ, of which each takes only numbers that lie close together.

    The work grows with the length of the axis, not with its square: it is done in products of matrices for a few
    outputs each, with the part of `x` that they need. (Infinities spread within such a part: 0 · ∞ is NaN.)

    Parameters
    ----------
    x
        Shape (…, W), of floating numbers.
    matrix
        Shape (M, W), constant: the weights of each output, zeros far from a diagonal.

    Returns
    -------
    Tensor
        Shape (…, M).
    """
    x, matrix = floating(x), np.asarray(matrix)
    if matrix.ndim != 2 or not x.ndim or x.shape[-1] != matrix.shape[1]:
        raise ShapeError(f"resample: needs x of shape (…, W) and a matrix (M, W), got {x.shape} and {matrix.shape}")
    matrix = matrix.astype(x.dtype, copy=False)
    parts = []
    for start in range(0, len(matrix), BLOCK):
        rows = matrix[start : start + BLOCK]
        used = np.flatnonzero(rows.any(0))
        near = slice(used[0], used[-1] + 1) if used.size else slice(0)
        parts.append(times_matrix(x[..., near], rows[:, near].T))
    return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty((*x.shape[:-1], 0), x.dtype)], -1)


def _both_axes(x: Array, rows: Array, columns: Array) -> Array:
    """Compute rows · x · columnsᵀ of each image."""
    tall = np.swapaxes(resample.dispatch(np.swapaxes(x, 2, 3), rows), 2, 3)
    return resample.dispatch(tall, columns)


def _resample_nearest_vjp(g: Array, x_shape: Sizes, source: Array, axis: int) -> Array:
    chosen = np.asarray(source) == np.arange(x_shape[axis])[:, None]
    return np.swapaxes(resample.dispatch(np.swapaxes(g, axis, -1), chosen), axis, -1)


@op(symbol="resample", family="movement", vjp={"x": _resample_nearest_vjp}, rows={"x": 0})
def resample_nearest(x: Array, /, source: Any, axis: int) -> Array:
    """Take elements along an axis, as ``take``, from positions that increase: its gradient is faster then.

    Parameters
    ----------
    x
        Shape (…, W, …).
    source
        M positions 0 … W − 1 in increasing order; one may come several times.
    axis
        The axis to take along.

    Returns
    -------
    Tensor
        Shape (…, M, …).
    """
    source = np.asarray(source)
    if source.ndim != 1 or (source.dtype.kind not in "iu" and source.size):
        raise DtypeError(
            f"resample_nearest: source must be a vector of whole numbers, got {source.dtype} {source.shape}"
        )
    if source.size and not 0 <= source.min() <= source.max() < x.shape[axis]:
        raise IndexingError(
            f"resample_nearest: source must lie in 0…{x.shape[axis] - 1}, got {source.min()}…{source.max()}"
        )
    return np.take(x, source.astype(np.intp, copy=False), axis)


def _averaging(n: int, m: int) -> Array:
    """Weights of the m averages of n pixels: shape (m, n)."""
    (starts, stops), pixel = _bins(n, m), np.arange(n)
    inside = (pixel >= starts[:, None]) & (pixel < stops[:, None])
    return inside / (stops - starts)[:, None]


@composite(symbol="avg pool", family="movement")
def adaptive_avg_pool2d(x: Array, /, output_size: Step) -> Array:
    """Average pooling to a given size, whatever the size of the images.

    Window i of m on n pixels reaches from ⌊i n / m⌋ to ⌈(i + 1) n / m⌉ − 1, as in PyTorch.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W), of floating numbers.
    output_size
        Height and width of the result: one number, or (vertical, horizontal).

    Returns
    -------
    Tensor
        Shape (N, C, *output_size).
    """
    out_h, out_w = _output(x, output_size)
    _check_floats(x=x)
    h, w = x.shape[2:]
    if h % out_h == 0 and w % out_w == 0:
        return avg_pool2d.dispatch(x, (h // out_h, w // out_w))
    return _both_axes(x, _averaging(h, out_h), _averaging(w, out_w))


def _side_by_side(x: Array, axis: int, m: int) -> tuple[Array, int]:
    """Repeat pixels so that the m windows along an axis become equally long and lie side by side."""
    n = x.shape[axis]
    if n % m == 0:
        return x, n // m
    starts, stops = _bins(n, m)
    length = int((stops - starts).max())
    taken = np.minimum(starts[:, None] + np.arange(length), stops[:, None] - 1)
    return resample_nearest.dispatch(x, taken.ravel(), axis), length


@composite(
    symbol="max pool",
    family="movement",
    kinks=[
        Kink(
            "ties within a window",
            "that of the first of the largest, row by row",
            (np.array([[[[2.0, 2.0, 2.0]]]]),),
            ([[[[1.0, 1.0, 0.0]]]],),
            {"output_size": (1, 2)},
        )
    ],
)
def adaptive_max_pool2d(x: Array, /, output_size: Step) -> Array:
    """Max pooling to a given size, whatever the size of the images; the windows are ``adaptive_avg_pool2d``'s.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    output_size
        Height and width of the result: one number, or (vertical, horizontal).

    Returns
    -------
    Tensor
        Shape (N, C, *output_size).
    """
    out_h, out_w = _output(x, output_size)
    x, height = _side_by_side(x, 2, out_h)
    x, width = _side_by_side(x, 3, out_w)
    return max_pool2d.dispatch(x, (height, width))


@composite(symbol="avg pool", family="movement")
def global_avg_pool2d(x: Array, /, *, keepdims: bool = False) -> Array:
    """Average of each channel (M. Lin et al., 2014, section 3.2).

    Parameters
    ----------
    x
        Images, shape (N, C, H, W), of floating numbers.
    keepdims
        Keep the axes of the image with length 1.

    Returns
    -------
    Tensor
        Shape (N, C), or (N, C, 1, 1) with `keepdims`.
    """
    _check_images(x.shape)
    _check_floats(x=x)
    return np.mean(x, (2, 3), keepdims=keepdims)


@composite(
    symbol="max pool",
    family="movement",
    kinks=[
        Kink(
            "ties within an image",
            "shared equally among the largest, as in ``max``",
            (np.array([[[[1.0, 2.0], [2.0, 0.0]]]]),),
            ([[[[0.0, 0.5], [0.5, 0.0]]]],),
        )
    ],
)
def global_max_pool2d(x: Array, /, *, keepdims: bool = False) -> Array:
    """Largest pixel of each channel.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    keepdims
        Keep the axes of the image with length 1.

    Returns
    -------
    Tensor
        Shape (N, C), or (N, C, 1, 1) with `keepdims`.
    """
    _check_images(x.shape)
    return np.max(x, (2, 3), keepdims=keepdims)


# ------------------------------------------------------------------------------------------------ enlarging


def _scales(image: Pair, size: Any, scale_factor: Any) -> tuple[Pair, tuple[float, float]]:
    """Work out height and width of the enlarged image, and the factors that the source positions follow."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(f"upsample: give either size or scale_factor, got {size=} and {scale_factor=}")
    if size is not None:
        h, w = _pair("size", size, 1)
        return (h, w), (h / image[0], w / image[1])
    both = scale_factor if isinstance(scale_factor, Sequence) else (scale_factor, scale_factor)
    if len(both) != 2 or not all(isinstance(s, int | float | np.number) and 0 < s < math.inf for s in both):
        raise ArgumentError(f"upsample: scale_factor must be a positive number or a pair, got {scale_factor!r}")
    h, w = (math.floor(n * s) for n, s in zip(image, both, strict=True))
    if min(h, w) < 1:
        raise ArgumentError(f"upsample: scale_factor={scale_factor} leaves nothing of images of {image}")
    # an axis that keeps its length is left alone, as PyTorch does
    down, across = (1.0 if m == n else float(s) for n, m, s in zip(image, (h, w), both, strict=True))
    return (h, w), (down, across)


def _interpolating(n: int, m: int, scale: float, align_corners: bool) -> Array:
    """Weights with which m positions lie between n pixels: shape (m, n), two neighbours in each row."""
    i = np.arange(m)
    source = i * ((n - 1) / max(m - 1, 1)) if align_corners else np.clip((i + 0.5) / scale - 0.5, 0, n - 1)
    low = source.astype(int)
    share = source - low
    weights = np.zeros((m, n))
    weights[i, low] = 1 - share
    weights[i, np.minimum(low + 1, n - 1)] += share
    return weights


def _nearest(n: int, m: int, scale: float) -> Array:
    """Of n pixels the ones that m positions lie on."""
    i = np.arange(m)
    if scale == m / n or m == 2 * n:  # PyTorch doubles exactly, whatever the scale was
        return i * n // m
    return np.minimum((i / scale).astype(int), n - 1)


@composite(symbol="upsample", family="movement")
def upsample(
    x: Array,
    /,
    size: Step | None = None,
    scale_factor: float | tuple[float, float] | None = None,
    mode: str = "bilinear",
    align_corners: bool = False,
) -> Array:
    """Enlarge (or shrink) images by interpolation, as PyTorch's ``interpolate``.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W).
    size
        Height and width of the result: one number, or (vertical, horizontal). Either this or `scale_factor`.
    scale_factor
        By how much to enlarge, one number or (vertical, horizontal); the new size is rounded down.
    mode
        ``"bilinear"``: weighted by the distance to the two nearest rows and columns. ``"nearest"``: pixels repeated.
    align_corners
        For "bilinear": let the centres of the corner pixels, not their outer corners, stay in place.

    Returns
    -------
    Tensor
        Shape (N, C, *size).
    """
    if mode not in ("bilinear", "nearest"):
        raise ArgumentError(f"upsample: mode must be 'bilinear' or 'nearest', got {mode!r}")
    _check_images(x.shape)
    (h, w), scales = _scales(x.shape[2:], size, scale_factor)
    refuse_huge((*x.shape[:2], h, w), x.dtype.itemsize)
    if mode == "nearest":
        if align_corners:
            raise ArgumentError("upsample: align_corners is for mode='bilinear'; leave it out with 'nearest'")
        tall = resample_nearest.dispatch(x, _nearest(x.shape[2], h, scales[0]), 2)
        return resample_nearest.dispatch(tall, _nearest(x.shape[3], w, scales[1]), 3)
    _check_floats(x=x)
    rows = _interpolating(x.shape[2], h, scales[0], align_corners)
    return _both_axes(x, rows, _interpolating(x.shape[3], w, scales[1], align_corners))


# ------------------------------------------------------------------------------------------------ normalization


@composite(symbol="LRN", family="along_axis")
def local_response_norm(x: Array, /, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """Local response normalization: x / (k + α/n Σ x²)^β, the sum over n neighbouring channels.

    A. Krizhevsky et al., 2012, section 3.3 (AlexNet). There k = 2, and α is not divided by n: for the paper's α = 10⁻⁴
    and n = 5 give ``alpha=5e-4, k=2``. The defaults are PyTorch's.

    Parameters
    ----------
    x
        Images, shape (N, C, H, W), of floating numbers.
    size
        n, the number of channels: from ⌊n/2⌋ before to ⌊(n − 1)/2⌋ after each one; there are zeros beside the first and
        the last.
    alpha, beta, k
        α ≥ 0, β, and k > 0, which keeps the divisor away from 0.

    Returns
    -------
    Tensor
        The shape of `x`.
    """
    _check_images(x.shape)
    _check_floats(x=x)
    if not (isinstance(size, int | np.integer) and size >= 1 and alpha >= 0 and k > 0):
        raise ArgumentError(
            f"local_response_norm: size must be a whole number of at least 1, alpha at least 0 and k above 0, "
            f"got {size=}, {alpha=}, {k=}"
        )
    n, c, h, w = x.shape
    squares = np.reshape(x * x, (n, 1, c, h * w))
    sums = sum_pool2d.dispatch(squares, (size, 1), 1, (size // 2, 0))[:, :, :c]  # an even size gives one too many
    return x / (k + (alpha / size) * np.reshape(sums, x.shape)) ** beta
