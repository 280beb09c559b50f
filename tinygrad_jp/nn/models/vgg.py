"""VGG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensor import Tensor
from ..activation import ReLU, look_up
from ..containers import Sequential
from ..dropout import Dropout
from ..linear import Flatten, Linear
from ..module import Module
from ..pooling import MaxPool2d
from .images import channels, check_images, convolution

CONVOLUTIONS = {"11": (1, 1, 2, 2, 2), "16": (2, 2, 3, 3, 3), "19": (2, 2, 4, 4, 4)}
"""For each number of layers with weights, how many convolutions stand before each pool: columns A, D and E of the
paper's table 1."""
CHANNELS = (64, 128, 256, 512, 512)


def stages(
    depth: int, input_shape: Sequence[int], width: float = 1.0, batch_norm: bool = False
) -> tuple[list[Sequential], tuple[int, int, int]]:
    """Return VGG's five stages, each some 3 × 3 convolutions and a pool of 2 × 2, and the shape of what comes out.

    A pool for which the image has become too small is left out.

    Parameters
    ----------
    depth
        11, 16 or 19.
    input_shape
        (channels, height, width).
    width
        Multiplies the channels.
    batch_norm
        Whether batches are normalized after each convolution.
    """
    inputs, *sides = check_images("VGG", input_shape)
    found = []
    for count, maps in zip(look_up("VGG", CONVOLUTIONS, str(depth)), CHANNELS, strict=True):
        layers: list[Module] = []
        for _ in range(count):
            layers += convolution(inputs, channels(maps, width), 3, padding=1, batch_norm=batch_norm)
            inputs = channels(maps, width)
        if min(sides) >= 2:
            layers.append(MaxPool2d(2))
            sides = [side // 2 for side in sides]
        found.append(Sequential(layers))
    return found, (inputs, sides[0], sides[1])


class VGG(Module):
    """VGG (K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks", 2014, table 1; the book, 8.2.2).

    Parameters
    ----------
    depth
        11, 16 or 19 layers with weights: 132,863,336, 138,357,544 or 143,667,240 parameters for images of 224 × 224
        in 1000 classes.
    input_shape
        (channels, height, width), of any size: a pool for which the image has become too small is left out.
    classes
        How many.
    width
        Multiplies the channels.
    hidden
        Units of the two fully connected layers.
    batch_norm
        Whether batches are normalized after each convolution, which is later than the paper; without it the deeper
        ones hardly begin to learn by themselves.

    Attributes
    ----------
    features, classifier
        Sequential: the five stages of convolutions, and the fully connected layers.

    Examples
    --------
    >>> net = VGG(11, (1, 28, 28), 10, width=0.25, hidden=256, batch_norm=True)
    """

    def __init__(
        self,
        depth: int = 16,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        width: float = 1.0,
        hidden: int = 4096,
        batch_norm: bool = False,
    ) -> None:
        layers, (maps, height, across) = stages(depth, input_shape, width, batch_norm)
        self.features = Sequential(layers)
        self.classifier = Sequential(
            Flatten(),
            Linear(maps * height * across, hidden),
            ReLU(),
            Dropout(0.5),
            Linear(hidden, hidden),
            ReLU(),
            Dropout(0.5),
            Linear(hidden, classes, init="xavier"),
        )

    def forward(self, x: Tensor) -> Any:
        """Map images (N, *input_shape) to scores (N, classes)."""
        return self.classifier(self.features(x))
