"""A user's picture in the form of the images a network was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from .language import CommandError

CONTRAST = 0.1
"""A picture whose brightness, 0 … 1, differs less shows nothing."""


def read_image(path: Path) -> Any:
    """Read a picture with Pillow: upright, and what is transparent on white.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    PIL.Image.Image
        Of mode "L" or "RGB".

    Raises
    ------
    CommandError
        If there is no such file, it is no picture, or Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise CommandError("no pillow") from error
    if not path.exists():
        raise CommandError("image missing", path=path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                image = ImageOps.exif_transpose(file)
        if image.mode.startswith(("I", "F")):  # 16 bits and more, of which convert("L") would cut all above 255
            pixels = np.asarray(image, np.float64)
            scale = 65535 if image.mode.startswith("I") and pixels.max() > 255 else max(pixels.max(), 1)
            return Image.fromarray((pixels.clip(0) * (255 / scale)).clip(0, 255).astype(np.uint8))
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("RGB")
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        raise CommandError("image unreadable", path=path, why=str(error) or type(error).__name__) from error


def prepare(
    image: Any, shape: Sequence[int], invert: bool | None = None, box: int | None = None
) -> tuple[ndarray, bool]:
    """Bring a picture into the form of a network's examples.

    Parameters
    ----------
    image
        Of Pillow.
    shape
        Of an example: (1, H, W) for grey, (3, H, W) for colours.
    invert
        Whether to invert it; None: if it is to be grey and its background, the median of its border, is light.
    box
        Side of the square into which what it shows is fitted; None, or if it is H × W already: all of it is scaled.

    Returns
    -------
    x : ndarray
        float32 in [0, 1], of that shape.
    inverted : bool
        Whether it was inverted.
    """
    channels, height, width = shape
    x = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.float32) / 255
    inverted = (channels == 1 and background(x) > 0.5) if invert is None else invert
    if inverted:
        x = 1 - x
    if x.shape[:2] != (height, width):
        x = resize(x, height, width) if box is None or channels > 1 else fit(x, height, width, box)
    return np.ascontiguousarray(x.reshape(height, width, channels).transpose(2, 0, 1)), inverted


def background(x: ndarray) -> float:
    """Return the median of the border of a grey picture."""
    return float(np.median(np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]])))


def resize(x: ndarray, height: int, width: int) -> ndarray:
    """Scale a picture, (H, W) or (H, W, C), to another size; each pixel becomes the mean of those it covers."""
    from PIL import Image

    planes = [x] if x.ndim == 2 else list(np.moveaxis(x, -1, 0))
    scaled = [np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
    return scaled[0] if x.ndim == 2 else np.stack(scaled, axis=-1)


def fit(x: ndarray, height: int, width: int, box: int) -> ndarray:
    """Cut out what a dark picture shows, scale it into a square and centre it, as the digits of MNIST were made.

    These were scaled to 20 × 20 pixels, keeping their proportions, and placed with their centre of mass in the middle
    of 28 × 28 (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits").

    Parameters
    ----------
    x
        Shape (H, W), light on dark.
    height, width
        Of the result.
    box
        Side of the square; what is scaled keeps its proportions.
    """
    dark = background(x)
    if x.max() - dark < CONTRAST:
        return resize(x, height, width)
    x = ((x - dark) / (x.max() - dark)).clip(0, 1)
    rows, columns = (np.flatnonzero((x > 0.3).any(axis=axis)) for axis in (1, 0))
    x = x[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = box / max(x.shape)
    x = resize(x, *(max(1, round(side * scale)) for side in x.shape))
    out = np.zeros((height, width), np.float32)
    places = []
    for axis, free in enumerate((height - x.shape[0], width - x.shape[1])):
        mass = x.sum(axis=1 - axis)
        centre = (mass * np.arange(len(mass))).sum() / mass.sum()
        start = round((free + len(mass) - 1) / 2 - centre)
        places.append(slice(max(0, min(free, start)), max(0, min(free, start)) + len(mass)))
    out[tuple(places)] = x
    return out
