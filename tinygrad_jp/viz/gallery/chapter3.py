"""Figures of chapter 3: signals that go through three layers, and the shapes they have."""

from __future__ import annotations

import numpy as np

from ...ops import dot, sigmoid
from ...tensor import Tensor
from .figure import figure, named


def _array(values: object, name: str) -> Tensor:
    return Tensor(np.array(values, float), requires_grad=True, name=name)


@figure(
    "3-20",
    en="How signals reach the output of a network with two inputs, two hidden layers of three and two units and two "
    "outputs: in every layer the products with the weights and the bias are added up and go through the activation, "
    "the sigmoid in the hidden layers and the identity at the end. Section 3.4.3 computes it with the numbers drawn "
    "here.",
    ja="入力 2 個、隠れ層 3 個と 2 個、出力 2 個の 3 層ネットワークで、信号が出力層まで伝わる様子。各層で重みとの積と"
    "バイアスを足し合わせ、隠れ層ではシグモイド関数、出力層では恒等関数を通します。数値は 3.4.3 節の実装と同じです。",
)
def three_layers() -> Tensor:
    """Figure 3-20: the network of section 3.4.3 maps (1.0, 0.5) to (0.3168, 0.6963)."""
    w1, b1 = _array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], "W1"), _array([0.1, 0.2, 0.3], "B1")
    w2, b2 = _array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], "W2"), _array([0.1, 0.2], "B2")
    w3, b3 = _array([[0.1, 0.3], [0.2, 0.4]], "W3"), _array([0.1, 0.2], "B3")
    z1 = sigmoid(dot(_array([1.0, 0.5], "X"), w1) + b1)
    z2 = sigmoid(dot(z1, w2) + b2)
    return named(dot(z2, w3) + b3, "Y")


def _digits(*shape: int) -> Tensor:
    """Send images through the weights of the book's digit network; only the shapes matter here."""
    x = _array(np.zeros((*shape, 784)), "X")
    for k, (inputs, outputs) in enumerate(((784, 50), (50, 100), (100, 10)), start=1):
        x = dot(x, _array(np.zeros((inputs, outputs)), f"W{k}"))
    return named(x, "Y")


@figure(
    "3-26",
    en="The shapes on the way through the network for digits: a vector of 784 pixels, three matrices of weights "
    "whose inner sizes fit, and ten outputs.",
    ja="手書き数字のネットワークを通る配列の形状。784 個の画素のベクトルに、隣り合う次元の要素数が一致する三つの重み"
    "行列を順に掛け、10 個の出力になります。",
    show="shapes",
)
def shapes_of_one_image() -> Tensor:
    """Figure 3-26: 784 → 784 × 50 → 50 × 100 → 100 × 10 → 10."""
    return _digits()


@figure(
    "3-27",
    en="The same for a batch: a hundred images in one matrix give a hundred rows of ten outputs.",
    ja="同じ計算のバッチ処理。100 枚の画像を一つの行列にまとめて入力すると、100 行 10 列の出力が一度に得られます。",
    show="shapes",
)
def shapes_of_a_batch() -> Tensor:
    """Figure 3-27: 100 × 784 → … → 100 × 10."""
    return _digits(100)
