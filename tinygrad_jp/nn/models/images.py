"""What the networks for images share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError
from ..activation import ReLU
from ..conv import Conv2d, Lengths
from ..module import Module
from ..normalization import BatchNorm2d

SMALL = 64
"""Images with a side below this many pixels are small: the networks made for 224 × 224 then begin without strides,
which would leave nothing to see."""


def check_images(network: str, input_shape: Sequence[int], least: int = 1) -> tuple[int, int, int]:
    """Return (channels, height, width), or say what is wrong with it.

    Parameters
    ----------
    network
        Its name, for the message.
    input_shape
        Of an image.
    least
        The smallest height and width that the network can take.

    Raises
    ------
    ArgumentError
        If it is no such shape, or too small.
    """
    shape = tuple(input_shape) if isinstance(input_shape, Sequence) else ()
    if len(shape) != 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in shape):
        raise ArgumentError(
            f"{network}: input_shape is that of one image, (channels, height, width), got {input_shape!r}"
        )
    if min(shape[1:]) < least:
        raise ArgumentError(f"{network}: needs images of at least {least} × {least}, got {shape[1]} × {shape[2]}")
    channels, height, width = shape
    return channels, height, width


def is_small(input_shape: Sequence[int]) -> bool:
    """Tell whether images of shape (channels, height, width) are small."""
    return min(input_shape[1:]) < SMALL


def channels(count: int, width: float) -> int:
    """Multiply a number of channels by `width`; the result is even and at least 2."""
    return max(2, 2 * round(count * width / 2))


def convolution(
    inputs: int,
    outputs: int,
    size: Lengths,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    batch_norm: bool = False,
) -> list[Module]:
    """Return a convolution, [batch normalization, which makes the bias needless], and relu."""
    filters = Conv2d(inputs, outputs, size, stride, padding, groups=groups, bias=not batch_norm)
    return [filters, BatchNorm2d(outputs), ReLU()] if batch_norm else [filters, ReLU()]
