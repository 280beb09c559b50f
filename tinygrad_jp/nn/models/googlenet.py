"""GoogLeNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import ops
from ...tensor import Tensor
from ..containers import Sequential
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..pooling import GlobalAvgPool2d, LocalResponseNorm, MaxPool2d
from .images import channels, check_images, convolution, is_small

STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
"""Channels in the inception modules 3a … 5b, as in the paper's table 1: 1 × 1, 3 × 3 reduced, 3 × 3, 5 × 5 reduced,
5 × 5, behind the pool."""


class Inception(Module):
    """Four ways in parallel, whose maps are put together (C. Szegedy et al., 2014, figure 2b; the book, section 8.2.3).

    A 1 × 1 convolution; 3 × 3 and 5 × 5 ones, each behind a 1 × 1 that reduces the channels; a pool with a 1 × 1.

    Parameters
    ----------
    inputs
        Channels that come in.
    maps
        Six numbers of channels, in the order of :data:`STAGES`.
    batch_norm
        Whether batches are normalized after each convolution.

    Attributes
    ----------
    one, three, five, pool
        The four ways.
    outputs
        Channels that come out.
    """

    def __init__(self, inputs: int, maps: Sequence[int], batch_norm: bool = False) -> None:
        one, reduced3, three, reduced5, five, pooled = maps
        self.outputs = one + three + five + pooled

        def small(outputs: int) -> list[Module]:
            return convolution(inputs, outputs, 1, batch_norm=batch_norm)

        self.one = Sequential(small(one))
        self.three = Sequential(small(reduced3) + convolution(reduced3, three, 3, padding=1, batch_norm=batch_norm))
        self.five = Sequential(small(reduced5) + convolution(reduced5, five, 5, padding=2, batch_norm=batch_norm))
        self.pool = Sequential(MaxPool2d(3, 1, 1), *small(pooled))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H, W)."""
        return ops.concatenate([self.one(x), self.three(x), self.five(x), self.pool(x)], axis=1)


class GoogLeNet(Module):
    """GoogLeNet (C. Szegedy et al., "Going Deeper with Convolutions", 2014, table 1; the book, section 8.2.3).

    6,998,552 parameters for 1000 classes, without the two auxiliary classifiers. (Other libraries' counts are those
    of variants: with batch normalization, or with 3 × 3 filters where the paper has 5 × 5.)

    Parameters
    ----------
    input_shape
        (channels, height, width), of any size. For small images (below 64) the first convolution has no stride, and
        the pool after it is left out.
    classes
        How many.
    width
        Multiplies the channels.
    batch_norm
        Whether batches are normalized after each convolution, instead of local response normalization: later than
        the paper, and easier to train.

    Attributes
    ----------
    stem, inceptions, classifier
        Sequential: what comes before the inception modules, these with the pools between, what comes after.
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        width: float = 1.0,
        batch_norm: bool = False,
    ) -> None:
        inputs = check_images("GoogLeNet", input_shape)[0]
        self.stem = _stem(inputs, channels(64, width), channels(192, width), is_small(input_shape), batch_norm)
        maps = channels(192, width)
        modules: list[Module] = []
        for stage in STAGES:
            modules += [MaxPool2d(3, 2, 1)]
            for counts in stage:
                inception = Inception(maps, [channels(count, width) for count in counts], batch_norm)
                modules.append(inception)
                maps = inception.outputs
        self.inceptions = Sequential(modules)
        self.classifier = Sequential(GlobalAvgPool2d(), Dropout(0.4), Linear(maps, classes, init="xavier"))

    def forward(self, x: Tensor) -> Any:
        """Map images (N, *input_shape) to scores (N, classes)."""
        return self.classifier(self.inceptions(self.stem(x)))


def _stem(inputs: int, first: int, second: int, small: bool, batch_norm: bool) -> Sequential:
    normalize: list[Module] = [] if batch_norm else [LocalResponseNorm(5, 1e-4, 0.75, 1.0)]
    return Sequential(
        *convolution(inputs, first, 7, 1 if small else 2, 3, batch_norm=batch_norm),
        *([] if small else [MaxPool2d(3, 2, 1)]),
        *normalize,
        *convolution(first, first, 1, batch_norm=batch_norm),
        *convolution(first, second, 3, padding=1, batch_norm=batch_norm),
        *normalize,
    )
