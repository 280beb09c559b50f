"""Augmentation of image batches: shift, rotate, scale, crop, flip (data augmentation: the book, section 8.1.2).

The functions say exactly what is done to each image; the classes draw it at random. Images are (N, C, H, W) or
(N, H, W), of a floating dtype or uint8, and keep shape (but for the size of a crop) and dtype. A position is counted
in pixels, rows down and columns to the right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import ArgumentError, DtypeError, ShapeError
from ..generator import generator as common_generator

BLOCK = 1 << 15  # pixels worked on at a time, so that the temporaries stay in the cache


def affine(images: Any, shift: Any = (0.0, 0.0), rotate: Any = 0.0, scale: Any = 1.0, fill: float = 0.0) -> ndarray:
    """Scale and rotate images about their centre, then shift them, in one bilinear resampling.

    Parameters
    ----------
    images
        Shape (N, C, H, W) or (N, H, W).
    shift
        Pixels down and to the right, shape (2,), or (N, 2) for each image its own.
    rotate
        Degrees counterclockwise, as ``np.rot90`` turns; a number, or shape (N,).
    scale
        Factor of enlargement, above 0; a number, or shape (N,).
    fill
        The value outside an image.

    Returns
    -------
    ndarray
        The pixel at position p is the image at q = c + R⁻¹(p − c − shift) / scale, where c is the centre and R the
        rotation, interpolated linearly between the four pixels around q. For uint8 it is rounded.

    Raises
    ------
    ShapeError, DtypeError
        If `images` is no batch of images.
    ArgumentError
        If a scale is not above 0, a number is not finite, or `fill` is no value of the dtype.
    """
    x = as_images("affine", images, fill)
    n, _, height, width = x.shape
    shift = np.broadcast_to(np.asarray(shift, np.float64), (n, 2))
    scale = np.broadcast_to(np.asarray(scale, np.float64), n)[:, None]
    angle = np.radians(np.broadcast_to(np.asarray(rotate, np.float64), n))[:, None]
    if not (scale > 0).all() or not all(np.isfinite(values).all() for values in (shift, angle, scale)):
        raise ArgumentError("affine: shift, rotate and scale must be finite, and scale above 0")
    cos = np.round(np.cos(angle), 15) / scale  # rounded: 0 and ±1 exactly at multiples of 90°
    sin = np.round(np.sin(angle), 15) / scale
    down = np.arange(height) - (height - 1) / 2 - shift[:, :1]
    right = np.arange(width) - (width - 1) / 2 - shift[:, 1:]
    # The source's row is a function of the row plus a function of the column, and so is its column.
    rows = (cos * down + (height - 1) / 2)[:, :, None], (sin * right)[:, None, :]
    columns = (-sin * down)[:, :, None], (cos * right + (width - 1) / 2)[:, None, :]
    out = np.empty_like(x)
    step = max(1, BLOCK // max(1, x[:1].size))
    for start in range(0, n, step):
        block = slice(start, start + step)
        out[block] = resample(x[block], rows[0][block] + rows[1][block], columns[0][block] + columns[1][block], fill)
    return out.reshape(np.shape(images))


def resample(x: ndarray, rows: ndarray, columns: ndarray, fill: float) -> ndarray:
    """Return images x, shape (N, C, H, W), at the positions `rows` and `columns`, each (N, H, W), interpolated."""
    n, channels, height, width = x.shape
    dtype = np.float32 if x.dtype == np.uint8 else x.dtype
    padded = np.full((n, channels, height + 3, width + 3), fill, dtype)  # so that all four neighbours exist
    padded[:, :, 1:-2, 1:-2] = x
    rows = np.clip(rows, -1, height)
    columns = np.clip(columns, -1, width)
    top, left = np.floor(rows), np.floor(columns)
    below = (rows - top).astype(dtype)[:, None]
    beside = (columns - left).astype(dtype)[:, None]
    index = ((top + 1) * (width + 3) + (left + 1)).astype(np.intp)[:, None]
    index = index + (np.arange(n * channels) * (height + 3) * (width + 3)).reshape(n, channels, 1, 1)
    flat = padded.ravel()
    upper = blend(flat.take(index), flat[1:].take(index), beside)
    lower = blend(flat[width + 3 :].take(index), flat[width + 4 :].take(index), beside)
    result = blend(upper, lower, below)
    return np.rint(result) if x.dtype == np.uint8 else result


def blend(a: ndarray, b: ndarray, weight: ndarray) -> ndarray:
    """Return a + weight · (b − a), in the memory of b."""
    b -= a
    b *= weight
    b += a
    return b


def crop(
    images: Any, top: Any, left: Any, size: tuple[int, int] | None = None, padding: int = 0, fill: float = 0.0
) -> ndarray:
    """Cut a window out of each image, after putting a border around it.

    Parameters
    ----------
    images
        Shape (N, C, H, W) or (N, H, W).
    top, left
        The window's first row and column, counted in the padded image: whole numbers, or shape (N,).
    size
        Rows and columns of the window; None for H and W.
    padding
        Width of the border.
    fill
        The value of the border.

    Returns
    -------
    ndarray
        Shape (N, C, *size) or (N, *size).

    Raises
    ------
    ShapeError
        If `images` is no batch of images, or a window does not lie in the padded image.
    """
    x = as_images("crop", images, fill)
    n, channels, height, width = x.shape
    rows, columns = size or (height, width)
    free = height + 2 * padding - rows, width + 2 * padding - columns
    top, left = np.broadcast_to(top, n), np.broadcast_to(left, n)
    if (top < 0).any() or (top > free[0]).any() or (left < 0).any() or (left > free[1]).any():
        raise ShapeError(
            f"crop: a window of {rows} × {columns} pixels does not lie within images of {height} × {width} pixels with "
            f"a border of {padding}; use a smaller size or more padding"
        )
    padded = np.full((n, channels, height + 2 * padding, width + 2 * padding), fill, x.dtype)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    windows = sliding_window_view(padded, (rows, columns), axis=(2, 3))
    cut: ndarray = windows[np.arange(n), :, top, left]
    return cut.reshape(n, *np.shape(images)[1:-2], rows, columns)


def flip(images: Any, where: Any = True, axis: int = -1) -> ndarray:
    """Mirror images.

    Parameters
    ----------
    images
        Shape (N, C, H, W) or (N, H, W).
    where
        Which images: shape (N,), or True for all.
    axis
        −1 exchanges left and right, −2 up and down.

    Returns
    -------
    ndarray
        Of the same shape.

    Raises
    ------
    ShapeError, DtypeError
        If `images` is no batch of images.
    ArgumentError
        If `axis` is another one.
    """
    x = as_images("flip", images)
    if axis not in (-1, -2):
        raise ArgumentError(f"flip: axis must be −1 (left and right) or −2 (up and down), got {axis}")
    out = x.copy()
    chosen = np.broadcast_to(np.asarray(where, bool), len(x))
    out[chosen] = np.flip(x[chosen], axis)
    return out.reshape(np.shape(images))


def as_images(function: str, images: Any, fill: float = 0.0) -> ndarray:
    """Return images as shape (N, C, H, W), after checking them.

    Raises
    ------
    ShapeError, DtypeError, ArgumentError
        If they are no images, or `fill` is no value of their dtype; the message begins with `function`.
    """
    x = np.asarray(images)
    if x.ndim not in (3, 4):
        raise ShapeError(
            f"{function}: needs images of shape (N, C, H, W) or (N, H, W), got {x.shape}; "
            "load them with flatten=False, or reshape them"
        )
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DtypeError(f"{function}: needs images of a floating dtype or uint8, got {x.dtype}")
    if x.dtype == np.uint8 and not 0 <= fill <= 255:
        raise ArgumentError(f"{function}: fill must be in [0, 255] for uint8 images, got {fill}")
    return x if x.ndim == 4 else x[:, None]


class Augmentation:
    """A random change of images: ``augmentation(images, rng)`` returns new ones.

    It also takes a batch, a tuple whose first array holds the images, and leaves the others (labels) as they are. So
    it can be the transform of a :class:`DataLoader`. `rng` is what to draw from, by default the one generator of
    tinygrad_jp.
    """

    def __call__(self, batch: Any, rng: np.random.Generator | None = None) -> Any:
        """Return changed images, or a batch with changed images."""
        rng = common_generator() if rng is None else rng
        if isinstance(batch, tuple):
            return (self.apply(batch[0], rng), *batch[1:])
        return self.apply(batch, rng)

    def apply(self, images: ndarray, rng: np.random.Generator) -> ndarray:
        """Return changed images; a subclass says how."""
        raise NotImplementedError(f"{type(self).__name__} must define apply(images, rng)")


class RandomAffine(Augmentation):
    """Shift, rotate and scale each image at random, in one resampling (:func:`affine`).

    Parameters
    ----------
    shift
        The largest shift in pixels: a number, or one for rows and one for columns. Uniform in [−shift, shift].
    rotate
        The largest angle in degrees. Uniform in [−rotate, rotate].
    scale
        The smallest and the largest factor. Its logarithm is uniform, so that enlarging and reducing are alike.
    fill
        The value outside an image.

    Raises
    ------
    ArgumentError
        If `shift` or `rotate` is negative or not finite, or not 0 < smallest ≤ largest scale < ∞.
    """

    def __init__(
        self,
        shift: float | tuple[float, float] = 0.0,
        rotate: float = 0.0,
        scale: tuple[float, float] = (1.0, 1.0),
        fill: float = 0.0,
    ) -> None:
        if not all((np.isfinite(values) & (np.asarray(values) >= 0)).all() for values in (shift, rotate)):
            raise ArgumentError(
                f"RandomAffine: shift and rotate must be finite and must not be negative, got {shift} and {rotate}"
            )
        if np.shape(scale) != (2,) or not 0 < scale[0] <= scale[1] < np.inf:
            raise ArgumentError(f"RandomAffine: scale must be (smallest, largest), both above 0, got {scale}")
        self.shift = np.broadcast_to(np.asarray(shift, np.float64), 2)
        self.rotate = rotate
        self.scale = scale
        self.fill = fill

    def apply(self, images: ndarray, rng: np.random.Generator) -> ndarray:
        """Return images, each changed in its own way."""
        n = len(images)
        shift = rng.uniform(-1, 1, (n, 2)) * self.shift
        rotate = rng.uniform(-1, 1, n) * self.rotate
        low, high = np.log(self.scale)
        scale = np.exp(rng.uniform(low, high, n))
        return affine(images, shift, rotate, scale, self.fill)


class RandomCrop(Augmentation):
    """Cut a window at a random place out of each image, after putting a border around it (:func:`crop`).

    Parameters
    ----------
    size
        Rows and columns of the window; None for those of the images.
    padding
        Width of the border.
    fill
        The value of the border.

    Raises
    ------
    ArgumentError
        If `size` is no pair of whole numbers above 0, or `padding` is negative.
    """

    def __init__(self, size: tuple[int, int] | None = None, padding: int = 0, fill: float = 0.0) -> None:
        whole = size is None or (np.shape(size) == (2,) and np.asarray(size).dtype.kind in "iu" and np.min(size) > 0)
        if not whole:
            raise ArgumentError(f"RandomCrop: size must be (rows, columns), whole numbers above 0, got {size}")
        if padding < 0:
            raise ArgumentError(f"RandomCrop: padding must not be negative, got {padding}")
        self.size = size
        self.padding = padding
        self.fill = fill

    def apply(self, images: ndarray, rng: np.random.Generator) -> ndarray:
        """Return windows, each from its own place; a ShapeError if the images are smaller than the window."""
        n, (height, width) = len(images), images.shape[-2:]
        rows, columns = self.size or (height, width)
        top = rng.integers(0, max(0, height + 2 * self.padding - rows), n, endpoint=True)
        left = rng.integers(0, max(0, width + 2 * self.padding - columns), n, endpoint=True)
        return crop(images, top, left, self.size, self.padding, self.fill)


class RandomFlip(Augmentation):
    """Mirror each image with a given probability (:func:`flip`).

    Parameters
    ----------
    p
        The probability.
    axis
        −1 exchanges left and right, −2 up and down.
    """

    def __init__(self, p: float = 0.5, axis: int = -1) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(f"RandomFlip: p must be in [0, 1], got {p}")
        self.p = p
        self.axis = axis

    def apply(self, images: ndarray, rng: np.random.Generator) -> ndarray:
        """Return images, some of them mirrored."""
        return flip(images, rng.random(len(images)) < self.p, self.axis)


class Compose(Augmentation):
    """Several changes one after the other.

    Parameters
    ----------
    steps
        Augmentations, and functions of the images alone such as a fitted :class:`Normalize`.

    Examples
    --------
    >>> augment = Compose([RandomAffine(shift=2, rotate=10, scale=(0.9, 1.1)), RandomCrop(padding=2)])
    >>> images, labels = np.zeros((8, 1, 28, 28), np.float32), np.arange(8)
    >>> x, t = augment((images, labels), np.random.default_rng(0))
    >>> x.shape, x.dtype, t is labels
    ((8, 1, 28, 28), dtype('float32'), True)
    """

    def __init__(self, steps: Sequence[Callable[..., Any]]) -> None:
        for step in steps:
            if not callable(step):
                raise DtypeError(f"Compose: {step!r} cannot be called; give augmentations or functions of images")
        self.steps = list(steps)

    def apply(self, images: ndarray, rng: np.random.Generator) -> ndarray:
        """Return images after all steps."""
        for step in self.steps:
            images = step(images, rng) if isinstance(step, Augmentation) else step(images)
        return images
