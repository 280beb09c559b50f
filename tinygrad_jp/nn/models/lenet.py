"""LeNet-5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor
from ..activation import Tanh
from ..containers import Sequential
from ..conv import Conv2d
from ..linear import Flatten, Linear
from ..module import Module
from ..pooling import AvgPool2d
from .images import check_images


class LeNet5(Module):
    """LeNet-5 (Y. LeCun et al., 1998, "Gradient-Based Learning Applied to Document Recognition"; the book, 7.6.1).

    Convolution 6, 5 × 5 – pool – convolution 16, 5 × 5 – pool – 120 – 84 – classes, with tanh. It is today's variant,
    of 61,706 parameters for ten classes: the pools only average, every map of the second convolution sees every map
    of the first (in the paper ten of sixteen do not: 1,516 parameters instead of 2,416), and an affine layer stands for
    the distances to drawn characters.

    Parameters
    ----------
    input_shape
        (channels, height, width); the paper's images are 32 × 32. To smaller ones two pixels are added on every side,
        which brings MNIST's 28 × 28 to that size.
    classes
        How many.

    Attributes
    ----------
    layers
        Sequential.
    """

    def __init__(self, input_shape: Sequence[int] = (1, 28, 28), classes: int = 10) -> None:
        maps, height, width = check_images("LeNet5", input_shape, 12)
        padding = 2 if min(height, width) < 32 else 0
        sides = [((side + 2 * padding - 4) // 2 - 4) // 2 for side in (height, width)]
        self.layers = Sequential(
            Conv2d(maps, 6, 5, padding=padding, init="xavier"),
            Tanh(),
            AvgPool2d(2),
            Conv2d(6, 16, 5, init="xavier"),
            Tanh(),
            AvgPool2d(2),
            Flatten(),
            Linear(16 * sides[0] * sides[1], 120, init="xavier"),
            Tanh(),
            Linear(120, 84, init="xavier"),
            Tanh(),
            Linear(84, classes, init="xavier"),
        )

    def forward(self, x: Tensor) -> Any:
        """Map images (N, *input_shape) to scores (N, classes)."""
        return self.layers(x)
