"""Networks ready to use: the book's, and those that its section 8.2 and others tell of.

Every network for images is made by ``(input_shape, classes, …)``, where an input's shape is (channels, height, width).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ..activation import look_up
from ..module import Module
from .alexnet import AlexNet
from .book import BookNetwork, DeepConvNet, SimpleConvNet, TwoLayerNet, load_book_parameters
from .fcn import FCN
from .googlenet import GoogLeNet, Inception
from .lenet import LeNet5
from .mlp import MLP, MultiLayerNet
from .resnet import BasicBlock, Bottleneck, ResNet
from .vgg import VGG

BY_NAME: Mapping[str, Callable[..., Module]] = {
    "simple_conv_net": SimpleConvNet,
    "deep_conv_net": DeepConvNet,
    "lenet5": LeNet5,
    "alexnet": AlexNet,
    "vgg11": partial(VGG, 11),
    "vgg16": partial(VGG, 16),
    "vgg19": partial(VGG, 19),
    "googlenet": GoogLeNet,
    "resnet18": partial(ResNet, 18),
    "resnet34": partial(ResNet, 34),
    "resnet50": partial(ResNet, 50),
    "fcn32s": partial(FCN, 32),
    "fcn16s": partial(FCN, 16),
    "fcn8s": partial(FCN, 8),
}
"""The networks for images by name; each is called with ``(input_shape, classes)``."""


def by_name(name: str) -> Callable[..., Module]:
    """Return what makes the network for images of this name.

    Parameters
    ----------
    name
        A key of :data:`BY_NAME`: ``"simple_conv_net"``, ``"resnet18"``, …

    Raises
    ------
    ArgumentError
        If there is none; the nearest name is suggested.

    Examples
    --------
    >>> net = by_name("resnet18")(input_shape=(1, 28, 28), classes=10)
    """
    return look_up("model", BY_NAME, name)


__all__ = [
    "BY_NAME",
    "FCN",
    "MLP",
    "VGG",
    "AlexNet",
    "BasicBlock",
    "BookNetwork",
    "Bottleneck",
    "DeepConvNet",
    "GoogLeNet",
    "Inception",
    "LeNet5",
    "MultiLayerNet",
    "ResNet",
    "SimpleConvNet",
    "TwoLayerNet",
    "by_name",
    "load_book_parameters",
]
