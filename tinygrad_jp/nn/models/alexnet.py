"""AlexNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...kernels.geometry import output_size
from ...tensor import Tensor
from ..activation import ReLU
from ..containers import Sequential
from ..dropout import Dropout
from ..linear import Flatten, Linear
from ..module import Module
from ..pooling import LocalResponseNorm, MaxPool2d
from .images import channels, check_images, convolution, is_small


class AlexNet(Module):
    """AlexNet (A. Krizhevsky, I. Sutskever, G. Hinton, 2012, figure 2; the book, section 7.6.2).

    Five convolutions, of which three are cut into two groups, as the paper's two GPUs cut them; relu, local response
    normalization, overlapping pools, dropout: 60,965,224 parameters for images of 224 × 224 in 1000 classes. (Without
    groups there are 62,378,344.) The initial values are He's, later than the paper.

    Parameters
    ----------
    input_shape
        (channels, height, width); at least 21 × 21. Small images (below 64) are filtered without stride.
    classes
        How many.
    width
        Multiplies the channels.
    hidden
        Units of the two fully connected layers.

    Attributes
    ----------
    features, classifier
        Sequential: the convolutions, and the fully connected layers.
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        width: float = 1.0,
        hidden: int = 4096,
    ) -> None:
        inputs, *sides = check_images("AlexNet", input_shape, 21)
        stride = 1 if is_small(input_shape) else 4
        c1, c2, c3, c4, c5 = (channels(count, width) for count in (96, 256, 384, 384, 256))
        self.features = Sequential(
            *convolution(inputs, c1, 11, stride, 2),
            LocalResponseNorm(5, 5e-4, 0.75, 2.0),
            MaxPool2d(3, 2),
            *convolution(c1, c2, 5, padding=2, groups=2),
            LocalResponseNorm(5, 5e-4, 0.75, 2.0),
            MaxPool2d(3, 2),
            *convolution(c2, c3, 3, padding=1),
            *convolution(c3, c4, 3, padding=1, groups=2),
            *convolution(c4, c5, 3, padding=1, groups=2),
            MaxPool2d(3, 2),
        )
        sides = [output_size(side, 11, stride, 2) for side in sides]
        for _ in range(3):
            sides = [output_size(side, 3, 2, 0) for side in sides]
        self.classifier = Sequential(
            Flatten(),
            Dropout(0.5),
            Linear(c5 * sides[0] * sides[1], hidden),
            ReLU(),
            Dropout(0.5),
            Linear(hidden, hidden),
            ReLU(),
            Linear(hidden, classes, init="xavier"),
        )

    def forward(self, x: Tensor) -> Any:
        """Map images (N, *input_shape) to scores (N, classes)."""
        return self.classifier(self.features(x))
