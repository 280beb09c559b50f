"""Large arrays as small pictures: images in grey, weights and gradients as heat maps, vectors as bars.

Every picture is made of few colours, and its PNG file is written here: no other package is needed.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt
from typing import Any, Literal

import numpy as np

from .parts import Look

Style = Literal["grey", "heat", "bars"]

SIDE = 48
"""Length of a picture's longest side, in points."""
GRID_SIDE = 64
"""The same of several pictures in a grid."""
FLATTEST = 4
"""A picture is at most so many times as wide as high, or as high as wide; else it is stretched."""
MOST = 64
"""So many elements are drawn along each side; more are put together."""
READ = 512
"""So many elements along each axis are looked at, evenly spaced, where there are more."""
CHANNELS = 4
"""So many channels of the first example are drawn."""
FILTERS = 9
"""So many filters are drawn, their first channels."""
BAR_ROWS = 33
"""Height of bars, in pixels."""
BARS_HEIGHT = 28
"""The same, in points."""

LEVELS = 251
"""Colours of a scale, indices 0 to 250; an odd number, so that one is the middle."""
NONFINITE, GAP, NEGATIVE, POSITIVE = 251, 252, 253, 254
"""Further indices: NaN and infinities; what is left free; bars."""
MAGENTA = (230, 0, 230)
BLUE, RED = (33, 102, 172), (192, 57, 43)
"""The ends of the scale of heat maps, and the colours of bars; the middle is white."""


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of an array.

    Attributes
    ----------
    style
        Its colours.
    pixels
        Indices of colours, of shape (height, width).
    width, height
        Its size on the page, in points.
    """

    style: Style
    pixels: np.ndarray
    width: int
    height: int

    @cached_property
    def name(self) -> str:
        """Name of its file: equal pictures have equal ones."""
        content = f"{self.style} {self.pixels.shape} ".encode() + self.pixels.tobytes()
        return f"thumbnail-{hashlib.sha256(content).hexdigest()[:12]}.png"

    def png(self, least: int = 1) -> bytes:
        """Write a PNG file with at least so many pixels along each side."""
        factor = ceil(least / min(self.pixels.shape))
        return png(self.pixels.repeat(factor, 0).repeat(factor, 1), _palette(self.style))


def thumbnail(array: Any, look: Look = "signed") -> Thumbnail | None:
    """Draw an array as a small picture.

    Parameters
    ----------
    array
        Of any shape and real dtype.
    look
        An "image" is drawn in grey, from its least value to its greatest: of (N, C, H, W) some channels of the first
        example, of (C, H, W) some channels. A "weight" and all else as heat maps, blue below zero, white at zero, red
        above, of filters (FN, C, FH, FW) the first channels of some. An array with only one axis longer than 1 is
        drawn as bars.

    Returns
    -------
    Thumbnail or None
        NaN and infinities are magenta; elements that are put together count as the one that is farthest from zero, in
        images as their mean. None for an empty array.
    """
    array = np.asarray(array)
    if not array.size:
        return None
    if max(array.shape, default=1) == array.size:
        return _bars(array.ravel())
    style: Style = "grey" if look == "image" else "heat"
    tiles = [_fewer(tile, style) for tile in _tiles(array, look)]
    return _grid(style, _levels(np.stack(tiles), style))


def _tiles(array: np.ndarray, look: Look) -> list[np.ndarray]:
    """Choose the matrices that are drawn."""
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    while array.ndim > 4:
        array = array[0]
    if array.ndim == 4:
        array = array[:FILTERS, 0] if look == "weight" else array[0]
    if array.ndim == 2:
        return [array]
    return list(array[: FILTERS if look == "weight" else CHANNELS])


def _fewer(matrix: np.ndarray, style: Style) -> np.ndarray:
    """Put elements together until there are few enough to be drawn."""
    rows, columns = (slice(None, None, ceil(n / READ)) for n in matrix.shape)
    matrix = matrix[rows, columns].astype(np.float64)
    for axis in (0, 1):
        matrix = _blocks(matrix, axis, style)
    return matrix


def _blocks(values: np.ndarray, axis: int, style: Style) -> np.ndarray:
    n = values.shape[axis]
    if n <= MOST:
        return values
    starts = np.arange(MOST) * n // MOST
    with np.errstate(invalid="ignore", over="ignore"):
        if style == "grey":
            counts = np.diff(np.append(starts, n))
            mean: np.ndarray = np.add.reduceat(values, starts, axis) / np.expand_dims(counts, 1 - axis)
            return mean
        least, greatest = (f.reduceat(values, starts, axis) for f in (np.minimum, np.maximum))
        return np.where(-least > greatest, least, greatest)


def _levels(values: np.ndarray, style: Style) -> np.ndarray:
    """Turn values into indices of colours."""
    finite = np.isfinite(values)
    known = values[finite] if finite.any() else np.zeros(1)
    if style == "heat":
        high = np.abs(known).max()
        low = -high
    else:
        low, high = known.min(), known.max()
    span = high / 2 - low / 2  # which does not overflow
    share = (np.where(finite, values, 0) / 2 - low / 2) / (span or 1) if span else np.full(values.shape, 0.5)
    levels = np.rint(np.clip(share, 0, 1) * (LEVELS - 1)).astype(np.uint8)
    return np.where(finite, levels, np.uint8(NONFINITE))


def _grid(style: Style, tiles: np.ndarray) -> Thumbnail:
    """Put equal tiles side by side, and below each other."""
    count, height, width = tiles.shape
    columns = ceil(sqrt(count))
    gap = max(1, round(max(height, width) / 16)) if count > 1 else 0
    rows = ceil(count / columns)
    pixels = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), GAP, np.uint8)
    for k, tile in enumerate(tiles):
        y, x = k // columns * (height + gap), k % columns * (width + gap)
        pixels[y : y + height, x : x + width] = tile
    return Thumbnail(style, pixels, *_size(pixels.shape, SIDE if count == 1 else GRID_SIDE))


def _size(shape: Sequence[int], side: int) -> tuple[int, int]:
    """Return width and height on the page."""
    height, width = shape
    longest = max(height, width)
    least = side // FLATTEST
    return max(least, round(side * width / longest)), max(least, round(side * height / longest))


def _bars(values: np.ndarray) -> Thumbnail:
    """Draw a vector as bars up from zero (red) or down (blue); NaN and infinities fill the height."""
    values = _blocks(values[:: ceil(values.size / READ**2)].astype(np.float64)[:, None], 0, "heat")[:, 0]
    finite = np.isfinite(values)
    values = values / (np.abs(values).max(where=finite, initial=0.0) or 1.0)
    top, bottom = values.max(where=finite, initial=0.0), values.min(where=finite, initial=0.0)
    span = top - bottom
    zero = round((BAR_ROWS - 1) * (top / span if span else 0.5))  # the row of the line of zero
    pixels = np.full((BAR_ROWS, values.size), GAP, np.uint8)
    pixels[zero] = LEVELS // 2
    rows = np.arange(BAR_ROWS)[:, None]
    ends = zero - np.where(finite, values, 0) / (span or 1.0) * (BAR_ROWS - 1)
    pixels[(rows >= np.rint(ends)) & (rows < zero)] = POSITIVE
    pixels[(rows <= np.rint(ends)) & (rows > zero)] = NEGATIVE
    pixels[:, ~finite] = NONFINITE
    pixels[zero] = np.where(finite, pixels[zero], NONFINITE)
    if values.size * 3 <= MOST:  # few bars stand apart
        apart = np.full((BAR_ROWS, values.size, 3), GAP, np.uint8)
        apart[:, :, :2] = pixels[:, :, None]
        apart[zero] = LEVELS // 2
        pixels = apart.reshape(BAR_ROWS, -1)[:, :-1]
    return Thumbnail("bars", pixels, SIDE, BARS_HEIGHT)


# ---------------------------------------------------------------------------------------------------- files


def _palette(style: Style) -> np.ndarray:
    """Return the 255 colours of a style, of shape (255, 3)."""
    share = np.linspace(-1, 1, LEVELS)[:, None]
    if style == "grey":
        scale = np.repeat((share + 1) / 2 * 255, 3, 1)
    elif style == "heat":
        end = np.where(share < 0, np.array([BLUE]), np.array([RED]))
        scale = 255 + (end - 255) * np.abs(share)
    else:
        scale = np.full((LEVELS, 3), 150.0)  # the line of zero
    rest = np.array([MAGENTA, (255, 255, 255), BLUE, RED])
    colours: np.ndarray = np.rint(np.concatenate([scale, rest])).astype(np.uint8)
    return colours


def png(pixels: np.ndarray, palette: np.ndarray) -> bytes:
    """Write indices of colours, of shape (height, width), as a PNG file; what is left free is transparent."""
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with a 0: it is not filtered
    rows[:, 1:] = pixels
    transparent = np.full(len(palette), 255, np.uint8)
    transparent[GAP] = 0
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"tRNS", transparent.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
