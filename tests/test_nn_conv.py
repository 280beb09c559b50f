"""Convolution, pooling, and the layers for images: against PyTorch, shapes, gradients, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, no_grad, primitives
from tinygrad_jp.errors import ArgumentError, ShapeError
from tinygrad_jp.nn import Module
from tinygrad_jp.testing import gradcheck


@pytest.fixture(autouse=True)
def seeded() -> None:
    tj.seed(0)


def normal(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def scramble(module: Module) -> Module:
    """Double precision, and values other than 0 and 1 for biases, γ and β."""
    with no_grad():
        for k, p in enumerate(module.astype(np.float64).parameters()):
            p += 0.3 * normal(*p.shape, seed=k)
    return module


def assert_same_as(torch: Any, ours: Module, theirs: Any, x: np.ndarray, names: dict[str, str]) -> None:
    """Values, and gradients of the input and of the parameters (our name: theirs), agree."""
    theirs = theirs.double()
    own = dict(ours.named_parameters())
    theirs.load_state_dict({names[k]: torch.tensor(p.numpy()) for k, p in own.items()}, strict=False)
    mine, other = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = ours(mine), theirs(other)
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-11)
    g = normal(*y.shape, seed=7)
    y.backward(g)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-8, atol=1e-10)
    for k, p in own.items():
        np.testing.assert_allclose(p.grad.numpy(), theirs.get_parameter(names[k]).grad.numpy(), rtol=1e-8, atol=1e-10)


WEIGHTS = {"weight": "weight", "bias": "bias"}
SCALES = {"gamma": "weight", "beta": "bias"}


class TestConvolution:
    @pytest.mark.parametrize(
        ("kind", "size", "options"),
        [
            ("Conv2d", 3, {}),
            ("Conv2d", (3, 2), {"stride": (2, 1), "padding": (1, 0)}),
            ("Conv2d", (3, 2), {"padding": "same", "dilation": (1, 2)}),
            ("Conv2d", 2, {"groups": 2, "stride": 2, "dilation": 2, "padding": 1}),
            ("Conv2d", 1, {"bias": False}),
            ("Conv1d", 3, {"stride": 2, "padding": 1, "groups": 2}),
            ("Conv1d", 4, {"padding": "same", "dilation": 2}),
            ("ConvTranspose2d", (4, 3), {"stride": (2, 1), "padding": 1}),
            ("ConvTranspose2d", 2, {"stride": 3, "groups": 2, "output_padding": (1, 0), "dilation": 2}),
        ],
    )
    def test_as_pytorch(self, kind: str, size: Any, options: dict[str, Any]) -> None:
        torch = pytest.importorskip("torch")
        ours, theirs = getattr(nn, kind)(4, 6, size, **options), getattr(torch.nn, kind)(4, 6, size, **options)
        assert ours.weight.shape == tuple(theirs.weight.shape)
        x = normal(2, 4, 9) if kind == "Conv1d" else normal(2, 4, 7, 6)
        assert_same_as(torch, scramble(ours), theirs, x, WEIGHTS)

    def test_the_shapes_of_the_book(self) -> None:
        layer = nn.Conv2d(1, 30, 5)
        assert (layer.weight.shape, layer.bias.shape) == ((30, 1, 5, 5), (30,))
        y = layer(np.zeros((3, 1, 28, 28), np.float32))
        assert (y.shape, y.dtype) == ((3, 30, 24, 24), np.float32)
        assert nn.Conv2d(3, 2, (3, 5), 2, (1, 2))(np.zeros((0, 3, 8, 9), np.float32)).shape == (0, 2, 4, 5)
        assert nn.Conv2d(3, 2, 4, padding="same")(np.zeros((1, 3, 8, 9), np.float32)).shape == (1, 2, 8, 9)
        assert [name for name, _ in nn.Conv2d(3, 2, 3, bias=False).named_parameters()] == ["weight"]

    def test_initial_values(self) -> None:
        assert nn.Conv2d(64, 96, 3, groups=2).weight.numpy().std() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.03)
        assert nn.Conv2d(64, 96, 3, init="xavier").weight.numpy().std() == pytest.approx(np.sqrt(1 / 576), rel=0.03)
        assert nn.Conv1d(64, 96, 5, init=0.01).weight.numpy().std() == pytest.approx(0.01, rel=0.03)
        assert not nn.Conv2d(3, 4, 3).bias.numpy().any()

    @pytest.mark.parametrize(
        ("layer", "text"),
        [
            (nn.Conv2d(3, 8, 5), "Conv2d(3, 8, 5×5)"),
            (nn.Conv2d(4, 8, (3, 1), 2, "same", groups=2, bias=False),
             "Conv2d(4, 8, 3×1, stride=2, padding='same', groups=2, bias=False)"),
            (nn.Conv1d(3, 8, 5, dilation=2), "Conv1d(3, 8, 5, dilation=2)"),
            (nn.ConvTranspose2d(3, 8, 2, 2), "ConvTranspose2d(3, 8, 2×2, stride=2)"),
        ],
    )  # fmt: skip
    def test_repr(self, layer: Module, text: str) -> None:
        assert repr(layer) == text

    @pytest.mark.parametrize(
        ("layer", "shape", "multiply_adds"),
        [
            (nn.Conv2d(4, 6, (3, 2), 2, groups=2), (5, 4, 9, 8), 5 * 6 * 4 * 4 * (2 * 3 * 2)),
            (nn.Conv1d(4, 6, 3), (5, 4, 9), 5 * 6 * 7 * (4 * 3)),
            (nn.ConvTranspose2d(4, 6, (3, 2), 2, groups=2), (5, 4, 9, 8), 5 * 4 * 9 * 8 * (3 * 3 * 2)),
        ],
    )
    def test_summary(self, layer: Module, shape: tuple[int, ...], multiply_adds: int) -> None:
        assert layer.summary(shape).multiply_adds == multiply_adds

    def test_summary_counts_before_the_pooling_and_shows_each_layer(self) -> None:
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
        rows = net.summary((2, 3, 9, 9)).rows
        assert [row.output_shape for row in rows[1:]] == [(2, 4, 7, 7), (2, 4, 7, 7), (2, 4, 3, 3)]
        assert [row.multiply_adds for row in rows] == [0, 2 * 4 * 7 * 7 * 27, 0, 0]
        assert not net[0]._forward_hooks

    def test_second_derivatives(self) -> None:
        layer = scramble(nn.Conv2d(2, 2, (2, 3), (2, 1), (0, 1), groups=2))
        weight, bias = (Tensor(p.numpy(), requires_grad=True) for p in layer.parameters())

        def run(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
            vars(layer).update(weight=w, bias=b)  # Tensors, which a Module refuses in place of Parameters
            return layer(x) ** 2

        assert gradcheck(run, [Tensor(normal(2, 2, 3, 4), requires_grad=True), weight, bias], order=2, directions=1)

    @pytest.mark.parametrize(
        ("run", "error", "message"),
        [
            (lambda: nn.Conv2d(3, 4, 3, groups=2), ArgumentError, "divisible by groups, got 3 in, 4 out, groups=2"),
            (lambda: nn.Conv2d(4, 3, 3, groups=2), ArgumentError, "Conv2d: channels must be"),
            (lambda: nn.ConvTranspose2d(0, 3, 3), ArgumentError, "ConvTranspose2d: in_channels must be .* got 0"),
            (lambda: nn.Conv2d(3, 4, 0), ArgumentError, "Conv2d: size must be a whole number of at least 1, got 0"),
            (lambda: nn.Conv2d(3, 4, (3, 2.5)), ArgumentError, "Conv2d: size must be .* got 2.5"),
            (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ArgumentError, r"got size=\(3, 3, 3\)"),
            (lambda: nn.Conv1d(3, 4, (3, 3)), ArgumentError, "Conv1d: a filter needs 1 length"),
            (lambda: nn.Conv2d(3, 4, 3)(normal(2, 8, 8, 3)), ShapeError, r"\(N, 3, H, W\), channels first, got \(2, 8"),
            (lambda: nn.Conv2d(3, 4, 3)(normal(3, 8, 8)), ShapeError, r"Conv2d: needs shape \(N, 3, H, W\)"),
            (lambda: nn.Conv1d(3, 4, 3)(normal(2, 3, 8, 8)), ShapeError, r"Conv1d: needs shape \(N, 3, L\)"),
            (lambda: nn.Conv2d(3, 4, 9)(normal(2, 3, 8, 8)), ShapeError, "7.1"),
            (lambda: nn.Conv2d(3, 4, 3, 2, strict=True)(normal(2, 3, 8, 8)), ShapeError, "7.1"),
            (lambda: nn.Conv2d(3, 4, 3, 0)(normal(2, 3, 8, 8)), ArgumentError, "stride"),
            (lambda: nn.Conv2d(3, 4, 3, padding=-1)(normal(2, 3, 8, 8)), ArgumentError, "padding"),
        ],
    )
    def test_bad_input(self, run: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            run()


class TestPooling:
    def test_as_pytorch(self) -> None:
        torch = pytest.importorskip("torch")
        x = normal(2, 3, 9, 8)
        for ours, theirs in (
            (nn.MaxPool2d(2), torch.nn.MaxPool2d(2)),
            (nn.MaxPool2d(3, 2, 1), torch.nn.MaxPool2d(3, 2, 1)),
            (nn.AvgPool2d(3, 2), torch.nn.AvgPool2d(3, 2)),
            (nn.AdaptiveAvgPool2d((4, 3)), torch.nn.AdaptiveAvgPool2d((4, 3))),
            (nn.AdaptiveAvgPool2d(1), torch.nn.AdaptiveAvgPool2d(1)),
            (nn.Upsample(scale_factor=2), torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)),
            (nn.Upsample(size=(11, 5), align_corners=True),
             torch.nn.Upsample(size=(11, 5), mode="bilinear", align_corners=True)),
            (nn.LocalResponseNorm(5, 1e-2, 0.75, 2.0), torch.nn.LocalResponseNorm(5, 1e-2, 0.75, 2.0)),
        ):  # fmt: skip
            assert_same_as(torch, ours, theirs, x, {})

    def test_repr_and_state(self) -> None:
        net = nn.Sequential(nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1))
        assert "MaxPool2d(size=2)" in repr(net)
        assert not list(net.parameters())


class TestNormalization:
    X = 2 + 3 * normal(4, 6, 3, 5)

    def test_batch_norm_as_pytorch(self) -> None:
        torch = pytest.importorskip("torch")
        ours, theirs = scramble(nn.BatchNorm2d(6, momentum=0.8)), torch.nn.BatchNorm2d(6, momentum=0.2)
        for step in range(3):
            ours.train(step < 2)
            theirs.train(step < 2)
            ours.zero_grad()
            theirs.zero_grad()
            assert_same_as(torch, ours, theirs, self.X + step, SCALES)
            np.testing.assert_allclose(ours.running_mean, theirs.running_mean.numpy(), rtol=1e-6)
            np.testing.assert_allclose(ours.running_var, theirs.running_var.numpy(), rtol=1e-6)

    @pytest.mark.parametrize("groups", [1, 2, 3, 6])
    def test_group_norm_as_pytorch(self, groups: int) -> None:
        torch = pytest.importorskip("torch")
        assert_same_as(torch, scramble(nn.GroupNorm(groups, 6)), torch.nn.GroupNorm(groups, 6), self.X, SCALES)
        assert_same_as(torch, scramble(nn.GroupNorm(groups, 6)), torch.nn.GroupNorm(groups, 6), self.X[:, :, 0], SCALES)

    def test_mean_0_variance_1(self) -> None:
        y = nn.BatchNorm2d(6)(self.X).numpy()
        np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-6)
        np.testing.assert_allclose(y.std((0, 2, 3)), 1, rtol=1e-3)
        y = nn.GroupNorm(2, 6)(self.X).numpy().reshape(4, 2, -1)
        np.testing.assert_allclose(y.mean(-1), 0, atol=1e-6)
        np.testing.assert_allclose(y.std(-1), 1, rtol=1e-3)

    @pytest.mark.parametrize("layer", [nn.BatchNorm2d(2, eps=0.1), nn.GroupNorm(2, 2, eps=0.1)])
    def test_gradients_and_primitives(self, layer: Module) -> None:
        scramble(layer)
        x = normal(2, 2, 2, 3)
        assert gradcheck(layer, [Tensor(x, requires_grad=True)], order=2, directions=1)
        y = layer(Tensor(x))
        with primitives():
            np.testing.assert_allclose(layer(Tensor(x)).numpy(), y.numpy(), rtol=1e-10, atol=1e-12)

    def test_float32_stays_float32(self) -> None:
        x = self.X.astype(np.float32)
        for layer in (nn.BatchNorm2d(6), nn.BatchNorm2d(6).eval(), nn.GroupNorm(3, 6)):
            assert layer(x).dtype == np.float32
        assert nn.GroupNorm(3, 6)(x[:0]).shape == (0, 6, 3, 5)

    @pytest.mark.parametrize(
        ("run", "error", "message"),
        [
            (lambda: nn.BatchNorm2d(3)(normal(2, 4, 5, 5)), ShapeError, r"\(N, 3, H, W\), got \(2, 4, 5, 5\)"),
            (lambda: nn.BatchNorm2d(3)(normal(2, 3)), ShapeError, "BatchNorm2d: needs shape"),
            (lambda: nn.BatchNorm2d(3)(normal(1, 3, 1, 1)), ShapeError, "BatchNorm2d: a batch of 1 has no variance"),
            (lambda: nn.BatchNorm2d(3, momentum=2), ArgumentError, "BatchNorm2d: momentum must lie in"),
            (lambda: nn.GroupNorm(2, 3), ArgumentError, "2 groups do not divide 3 channels"),
            (lambda: nn.GroupNorm(0, 3), ArgumentError, "GroupNorm: groups must be .* at least 1, got 0"),
            (lambda: nn.GroupNorm(3, 3)(normal(2, 4, 5, 5)), ShapeError, r"GroupNorm: needs shape \(N, 3, …\)"),
        ],
    )
    def test_bad_input(self, run: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            run()

    def test_one_image_is_a_batch_of_its_places(self) -> None:
        assert nn.BatchNorm2d(3)(normal(1, 3, 2, 1)).shape == (1, 3, 2, 1)


class TestDropout2d:
    def test_whole_channels(self) -> None:
        layer = nn.Dropout2d(0.25)
        y = layer(Tensor(np.ones((200, 50, 2, 3), np.float32))).numpy()
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, y[:, :, :1, :1] * np.ones((2, 3), np.float32))
        assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
        assert (y == 0).mean() == pytest.approx(0.25, abs=0.02)
        x = Tensor(y)
        assert layer.eval()(x) is x

    def test_bad_input(self) -> None:
        for layer in (nn.Dropout2d(), nn.Dropout2d().eval()):
            with pytest.raises(ShapeError, match=r"Dropout2d: needs images of shape \(N, C, H, W\), got \(2, 3\)"):
                layer(normal(2, 3))
        with pytest.raises(ArgumentError, match="Dropout2d: p must lie in"):
            nn.Dropout2d(1)
