"""Figures of chapters 6 to 8: batch normalization and networks as rows of layers."""

from __future__ import annotations

import numpy as np

from ... import nn
from ...nn.models import DeepConvNet, SimpleConvNet
from ...nn.models.googlenet import Inception
from ...nn.models.resnet import BasicBlock
from ...ops import mean, reciprocal, sqrt
from ...tensor import Tensor
from .figure import figure, named

Network = tuple[nn.Module, np.ndarray]


def _array(values: object, name: str) -> Tensor:
    return Tensor(np.array(values, float), requires_grad=True, name=name)


@figure(
    "6-17",
    en="Batch normalization as a graph: the mean of the batch is taken off, the square's mean is the variance, its "
    "root's reciprocal scales to 1, then γ scales and β shifts. Going back, several ways meet at x and add up.",
    ja="Batch Normalization の計算グラフ。バッチの平均を引き、2 乗の平均である分散の平方根の逆数を掛けて正規化し、γ "
    "で拡大、β で平行移動します。逆伝播では x に複数の経路からの微分が合流して足されます。",
    show="shapes",
)
def batch_normalization() -> Tensor:
    """Figure 6-17: equations 6.7 and 6.8 in nodes, for four examples of two features."""
    x = _array([[1, 8], [3, 4], [5, 2], [7, 6]], "x")
    deviation = x - mean(x, axis=0)
    variance = mean(deviation**2, axis=0)
    normal = deviation * reciprocal(sqrt(variance + 1e-7))
    out = named(_array([1, 2], "γ") * normal + _array([0, 1], "β"), "y")
    out.backward(np.array([[1.0, 0], [0, 0], [0, 0], [0, 1]]))
    return out


@figure(
    "7-23",
    en="The book's simple convolutional network: Conv, ReLU and Pooling, then Affine, ReLU, Affine and Softmax in a "
    "row.",
    ja="単純な CNN の構成。Conv、ReLU、Pooling のあとに Affine、ReLU、Affine、Softmax が一列に並びます。",
    rankdir="LR",
)
def simple_conv_net() -> Network:
    """Figure 7-23: SimpleConvNet with the softmax behind it."""
    return nn.Sequential(*SimpleConvNet().layers, nn.Softmax()), np.zeros((1, 1, 28, 28), np.float32)


@figure(
    "8-01",
    en="A deep network for digits: three times two 3 × 3 convolutions with ReLU and a pooling, 16, 32 and 64 "
    "channels wide; then Affine, ReLU, Dropout, Affine, Dropout, Softmax.",
    ja="手書き数字を認識するディープな CNN。3 × 3 の畳み込み二つと Pooling の組を、チャンネル数 16、32、64 で 3 回重"
    "ね、Affine、ReLU、Dropout、Affine、Dropout、Softmax が続きます。",
)
def deep_conv_net() -> Network:
    """Figure 8-1: DeepConvNet with the softmax behind it."""
    return nn.Sequential(*DeepConvNet().layers, nn.Softmax()).eval(), np.zeros((1, 1, 28, 28), np.float32)


@figure(
    "8-11",
    en="The inception structure of GoogLeNet: filters of several sizes and a pooling side by side on the same input, "
    "their results joined to one.",
    ja="GoogLeNet のインセプション構造。大きさの異なる複数のフィルターとプーリングを同じ入力に並べて適用し、結果を一"
    "つに結合します。",
    depth="layers",
)
def inception() -> Network:
    """Figure 8-11: GoogLeNet's first inception."""
    return Inception(192, (64, 96, 128, 16, 32, 32)), np.zeros((1, 192, 28, 28), np.float32)


@figure(
    "8-12",
    en="The building block of ResNet: two weight layers with ReLU between, and a shortcut that adds the input x to "
    "what they give, F(x) + x, before the last ReLU. (Ours has batch normalization behind each convolution, as in the "
    "paper.)",
    ja="ResNet の構成要素。ReLU を挟む二つの重み層と、それを飛び越えて入力 x をそのまま足すショートカットがあり、"
    "F(x) + x が最後の ReLU に入ります。(ここでは論文どおり、各畳み込みのあとに Batch Normalization があります。)",
    depth="layers",
)
def residual_block() -> Network:
    """Figure 8-12: a basic block of ResNet."""
    return BasicBlock(64, 64), np.zeros((1, 64, 14, 14), np.float32)
