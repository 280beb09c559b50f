"""FCN: segmentation."""

from __future__ import annotations

from collections.abc import Sequence

from ... import ops
from ...errors import ArgumentError
from ...tensor import Tensor, as_tensor
from ..activation import ReLU
from ..containers import ModuleList, Sequential
from ..conv import Conv2d
from ..dropout import Dropout2d
from ..module import Module
from .images import channels
from .vgg import stages

SKIPS = {32: 0, 16: 1, 8: 2}
"""For each variant, how many finer maps also tell their scores."""


class FCN(Module):
    """Fully convolutional network: a score for each class at each pixel (J. Long, E. Shelhamer, T. Darrell, 2015).

    VGG-16 whose fully connected layers have become convolutions gives coarse scores. They are enlarged to the size of
    the map before, whose own scores are added, and so on; at last to the size of the image (the paper's figure 3; the
    book, section 8.5.2). Enlarged is bilinearly, where the paper also learns the enlargement, and with
    zeros around the maps, where it adds 100 pixels around the image and crops: 134,346,581 parameters for the 21
    classes of PASCAL VOC with stride 32.

    Parameters
    ----------
    stride
        Of the finest scores in pixels: 32, 16 or 8 (the paper's FCN-32s, FCN-16s and FCN-8s).
    input_shape
        (channels, height, width) of a usual image. Others may have another size, which the output then has.
        A pool for which a usual image is too small is left out, and the stride becomes smaller.
    classes
        How many, with the background.
    width
        Multiplies the channels.
    hidden
        Channels of what were the fully connected layers.
    batch_norm
        Whether batches are normalized after each convolution of the stages, which is later than the paper.

    Attributes
    ----------
    stages, head, skips
        VGG's five stages (ModuleList); coarse scores from the last (Sequential); scores of finer maps (ModuleList).

    Examples
    --------
    Labels t of shape (N, H, W); the loss takes the classes last:

    >>> net = FCN(8, (3, 64, 64), classes=4, width=0.25, hidden=128)
    >>> loss = tj.softmax_cross_entropy(net(x).transpose(0, 2, 3, 1).reshape(-1, 4), t.ravel())
    """

    def __init__(
        self,
        stride: int = 8,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 21,
        width: float = 1.0,
        hidden: int = 4096,
        batch_norm: bool = False,
    ) -> None:
        if stride not in SKIPS:
            raise ArgumentError(f"FCN: stride must be 32, 16 or 8, got {stride!r}")
        parts, (maps, _, _) = stages(16, input_shape, width, batch_norm)
        self.stages = ModuleList(parts)
        self.head = Sequential(
            Conv2d(maps, hidden, 7, padding=3),
            ReLU(),
            Dropout2d(0.5),
            Conv2d(hidden, hidden, 1),
            ReLU(),
            Dropout2d(0.5),
            Conv2d(hidden, classes, 1, init="xavier"),
        )
        finer = [channels(512, width), channels(256, width)][: SKIPS[stride]]
        self.skips = ModuleList(Conv2d(count, classes, 1, init="zeros") for count in finer)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to scores (N, classes, H, W)."""
        x = as_tensor(x)
        maps = [x]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        scores = self.head(maps[-1])
        for skip, finer in zip(self.skips, (maps[-2], maps[-3]), strict=False):
            scores = _enlarged(scores, finer) + skip(finer)
        return _enlarged(scores, x)


def _enlarged(scores: Tensor, like: Tensor) -> Tensor:
    height, width = like.shape[2:]
    return ops.upsample(scores, size=(height, width))
