"""ResNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ... import ops
from ...tensor import Tensor
from ..activation import Identity, look_up
from ..containers import Sequential
from ..linear import Linear
from ..module import Module
from ..pooling import GlobalAvgPool2d, MaxPool2d
from .images import channels, check_images, convolution, is_small


class _Residual(Module):
    """relu(body(x) + shortcut(x)): the gradient flows unhindered through the sum (the book, section 8.2.4).

    Parameters
    ----------
    inputs
        Channels that come in.
    width
        Channels inside.
    stride
        2 halves the images.

    Attributes
    ----------
    body
        Convolutions with batch normalization, the last without relu.
    shortcut
        Nothing where the shape stays, else a 1 × 1 convolution with batch normalization (the paper's option B).
    outputs
        Channels that come out.
    """

    expansion: ClassVar[int]
    """Channels that come out, for each inside."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        self.outputs = width * self.expansion
        self.body = Sequential(self._body(inputs, width, stride))
        same = stride == 1 and inputs == self.outputs
        self.shortcut: Module = Identity() if same else Sequential(_last(inputs, self.outputs, 1, stride))

    def _body(self, inputs: int, width: int, stride: int) -> list[Module]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return ops.relu(self.body(x) + self.shortcut(x))


class BasicBlock(_Residual):
    """Two 3 × 3 convolutions beside a shortcut (K. He et al., 2015, figure 5, left)."""

    expansion = 1

    def _body(self, inputs: int, width: int, stride: int) -> list[Module]:
        return convolution(inputs, width, 3, stride, 1, batch_norm=True) + _last(width, width, 3, 1)


class Bottleneck(_Residual):
    """1 × 1, 3 × 3 and 1 × 1 convolutions beside a shortcut (K. He et al., 2015, figure 5, right).

    The stride is that of the 3 × 3 convolution, as everybody has it today; in the paper it is the first's.
    """

    expansion = 4

    def _body(self, inputs: int, width: int, stride: int) -> list[Module]:
        reduced = convolution(inputs, width, 1, batch_norm=True)
        filtered = convolution(width, width, 3, stride, 1, batch_norm=True)
        return reduced + filtered + _last(width, self.outputs, 1, 1)


def _last(inputs: int, outputs: int, size: int, stride: int) -> list[Module]:
    """Return a convolution with batch normalization and without relu."""
    return convolution(inputs, outputs, size, stride, size // 2, batch_norm=True)[:-1]


BLOCKS: dict[str, tuple[type[_Residual], tuple[int, ...]]] = {
    "18": (BasicBlock, (2, 2, 2, 2)),
    "34": (BasicBlock, (3, 4, 6, 3)),
    "50": (Bottleneck, (3, 4, 6, 3)),
}
"""For each number of layers with weights the kind of block, and how many there are in the four stages (table 1)."""


class ResNet(Module):
    """ResNet (K. He et al., "Deep Residual Learning for Image Recognition", 2015, table 1; the book, section 8.2.4).

    Parameters
    ----------
    depth
        18, 34 or 50 layers with weights: 11,689,512, 21,797,672 or 25,557,032 parameters for 1000 classes.
    input_shape
        (channels, height, width), of any size. For small images (below 64) the 7 × 7 convolution with stride 2 and the
        pool give way to a 3 × 3 convolution, as in the paper's section 4.2.
    classes
        How many.
    width
        Multiplies the channels.

    Attributes
    ----------
    stem, stages, classifier
        Sequential: what comes before the residual blocks, these, and what comes after.

    Examples
    --------
    >>> net = ResNet(18, (1, 28, 28), 10, width=0.25)
    """

    def __init__(
        self,
        depth: int = 18,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        width: float = 1.0,
    ) -> None:
        inputs = check_images("ResNet", input_shape)[0]
        block, counts = look_up("ResNet", BLOCKS, str(depth))
        maps = channels(64, width)
        small = is_small(input_shape)
        stem = convolution(inputs, maps, 3, 1, 1, batch_norm=True) if small else _large_stem(inputs, maps)
        self.stem = Sequential(stem)
        blocks: list[Module] = []
        for stage, count in enumerate(counts):
            for place in range(count):
                stride = 2 if stage and not place else 1
                residual = block(maps, channels(64 * 2**stage, width), stride)
                blocks.append(residual)
                maps = residual.outputs
        self.stages = Sequential(blocks)
        self.classifier = Sequential(GlobalAvgPool2d(), Linear(maps, classes, init="xavier"))

    def forward(self, x: Tensor) -> Any:
        """Map images (N, *input_shape) to scores (N, classes)."""
        return self.classifier(self.stages(self.stem(x)))


def _large_stem(inputs: int, maps: int) -> list[Module]:
    return [*convolution(inputs, maps, 7, 2, 3, batch_norm=True), MaxPool2d(3, 2, 1)]
