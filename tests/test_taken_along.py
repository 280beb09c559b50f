"""Sequential runs as one op a convolution with relu and max pooling behind it, or a linear layer or normalization with
relu."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn
from tinygrad_jp.nn import BatchNorm2d, Conv2d, Linear, MaxPool2d, Module, ReLU, Sequential
from tinygrad_jp.tape import topological_order

RNG = np.random.default_rng(0)


def images(*shape: int) -> Tensor:
    return Tensor(RNG.normal(size=shape), requires_grad=True)


def ops_of(y: Tensor) -> list[str]:
    return [node.plan.op.name for node in reversed(topological_order(y._node))]


def layer_by_layer(net: Sequential, x: Tensor) -> Tensor:
    for layer in net:
        x = layer(x)
    return x


def conv(*layers: Module, bias: bool = True) -> Sequential:
    return Sequential(Conv2d(2, 3, 3, bias=bias, dtype=np.float64), *layers)


def linear(*layers: Module, bias: bool = True) -> Sequential:
    return Sequential(Linear(9, 5, bias=bias, dtype=np.float64), *layers)


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (conv(), ["conv_layer"]),
        (conv(ReLU()), ["conv_layer"]),
        (conv(ReLU(), MaxPool2d(2)), ["conv_layer"]),
        (conv(MaxPool2d(2)), ["conv_layer"]),
        (conv(MaxPool2d(2), ReLU()), ["conv_layer", "relu"]),
        (conv(ReLU(), ReLU()), ["conv_layer", "relu"]),
        (conv(ReLU(), MaxPool2d(2), MaxPool2d(2)), ["conv_layer", "max_pool2d"]),
        (conv(ReLU(), MaxPool2d(3, 2)), ["conv_layer", "max_pool2d"]),
        (conv(ReLU(), MaxPool2d(2, padding=1)), ["conv_layer", "max_pool2d"]),
        (conv(nn.Tanh(), MaxPool2d(2)), ["conv_layer", "tanh", "max_pool2d"]),
        (conv(bias=False), ["conv2d"]),
        (conv(ReLU(), MaxPool2d(2), bias=False), ["conv_layer"]),
        (conv(BatchNorm2d(3, dtype=np.float64), ReLU(), MaxPool2d(2)), ["conv_layer", "batch_norm", "max_pool2d"]),
        (linear(), ["affine"]),
        (linear(ReLU()), ["affine_relu"]),
        (linear(nn.Tanh()), ["affine", "tanh"]),
        (linear(ReLU(), ReLU()), ["affine_relu", "relu"]),
        (linear(ReLU(), MaxPool2d(2)), ["affine_relu", "max_pool2d"]),
        (linear(ReLU(), bias=False), ["dot", "relu"]),
        (linear(ReLU(), Linear(5, 2, dtype=np.float64)), ["affine_relu", "affine"]),
    ],
)
def test_what_becomes_one_op(net: Sequential, expected: list[str]) -> None:
    x = images(4, 2, 8, 9)
    y, apart = net(x), layer_by_layer(net, x)
    assert ops_of(y) == expected
    np.testing.assert_allclose(y.numpy(), apart.numpy(), rtol=1e-12, atol=1e-12)
    g = RNG.normal(size=y.shape)
    inputs = [x, *net.parameters()]
    for one, other in zip(
        tj.grad((y * g).sum(), inputs, create_graph=True), tj.grad((apart * g).sum(), inputs), strict=True
    ):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-9)


def test_second_derivatives_are_those_of_the_layers_apart() -> None:
    net = conv(ReLU(), MaxPool2d(2), Conv2d(3, 2, 2, dtype=np.float64), BatchNorm2d(2, dtype=np.float64), ReLU())
    x = images(3, 2, 8, 8)
    direction = RNG.normal(size=x.shape)

    def curvature(run: Any) -> list[np.ndarray]:
        (slope,) = tj.grad((run(x) ** 2).sum(), [x], create_graph=True)
        return [g.numpy() for g in tj.grad((slope * direction).sum(), [x, *net.parameters()])]

    for one, other in zip(curvature(net), curvature(lambda x: layer_by_layer(net, x)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("watched", [0, 1, 2])
def test_a_watched_layer_runs_by_itself(watched: int) -> None:
    net = conv(ReLU(), MaxPool2d(2))
    x = images(1, 2, 6, 6)
    seen: list[tuple[int, ...]] = []
    remove = net[watched].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    y = net(x)
    assert seen == [[(1, 3, 4, 4), (1, 3, 4, 4), (1, 3, 2, 2)][watched]]
    assert len(ops_of(y)) > 1
    remove()
    assert ops_of(net(x)) == ["conv_layer"]


def test_with_primitives_all_steps_are_recorded() -> None:
    net = conv(ReLU(), MaxPool2d(2))
    with tj.primitives():
        names = ops_of(net(images(1, 2, 6, 6)))
    assert "conv_layer" not in names
    assert {"im2col", "dot", "max"} <= set(names)


def test_a_subclass_with_a_forward_of_its_own_is_asked_for_nothing() -> None:
    class Doubled(Conv2d):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(x) * 2

    net = Sequential(Doubled(2, 3, 3, dtype=np.float64), ReLU())
    assert ops_of(net(images(1, 2, 4, 4))) == ["conv_layer", "mul", "relu"]


class _Twice:
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2  # type: ignore[misc]


class MixedIn(_Twice, Linear):
    """Whose ``forward`` comes from a class that is no module."""


class Called(Linear):
    def __call__(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().__call__(x)


class Named(Linear):
    """Changes nothing of what is computed."""


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(MixedIn, ["affine", "mul", "relu"]), (Called, ["affine", "relu"]), (Named, ["affine_relu"])],
)
def test_subclasses_are_asked_for_what_their_forward_knows(layer: type[Linear], expected: list[str]) -> None:
    net = Sequential(layer(3, 2, dtype=np.float64), ReLU())
    x = images(4, 3)
    assert ops_of(net(x)) == expected
    np.testing.assert_array_equal(net(x).numpy(), layer_by_layer(net, x).numpy())


@pytest.mark.parametrize("patched", [Linear, ReLU])
def test_a_forward_put_in_place_of_a_class_s_own_runs(patched: type[Module], monkeypatch: pytest.MonkeyPatch) -> None:
    own = patched.forward
    monkeypatch.setattr(patched, "forward", lambda self, x: own(self, x) * 2)
    net = Sequential(Linear(3, 2, dtype=np.float64), ReLU())
    x = images(4, 3)
    assert ops_of(net(x)).count("mul") == 1
    np.testing.assert_array_equal(net(x).numpy(), layer_by_layer(net, x).numpy())


def test_in_use_batch_normalization_takes_relu_along_too() -> None:
    net = Sequential(BatchNorm2d(3), ReLU())
    x = Tensor(RNG.normal(size=(4, 3, 2, 2)).astype(np.float32))
    net(x)
    net.eval()
    np.testing.assert_array_equal(net(x).numpy(), layer_by_layer(net, x).numpy())
    assert (net(x).numpy() >= 0).all()
