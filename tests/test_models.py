"""The networks for images: counts of parameters against their papers, shapes, gradients, the book's parameter files."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, no_grad, optim
from tinygrad_jp.cli import models as command_line
from tinygrad_jp.errors import ArgumentError, DataError
from tinygrad_jp.io import load_book_pickle
from tinygrad_jp.nn import Module, Parameter, models
from tinygrad_jp.nn.models import (
    BY_NAME,
    FCN,
    VGG,
    AlexNet,
    BasicBlock,
    BookNetwork,
    Bottleneck,
    DeepConvNet,
    GoogLeNet,
    Inception,
    LeNet5,
    ResNet,
    SimpleConvNet,
    TwoLayerNet,
    by_name,
    load_book_parameters,
)

THIN: dict[str, dict[str, Any]] = {
    "alexnet": {"width": 1 / 16, "hidden": 16},
    **{name: {"width": 1 / 16, "hidden": 16} for name in ("vgg11", "vgg16", "vgg19", "fcn32s", "fcn16s", "fcn8s")},
    **{name: {"width": 1 / 16} for name in ("googlenet", "resnet18", "resnet34", "resnet50")},
}
"""Options that make the large networks small enough to run in tests."""


@pytest.fixture(autouse=True)
def seeded() -> None:
    tj.seed(0)


@pytest.fixture
def weightless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every parameter be a view of one number, so that networks of 140 million cost neither memory nor time."""

    def make(self: Parameter, values: Any, name: str | None = None, dtype: Any = np.float32) -> None:
        Tensor.__init__(self, np.broadcast_to(np.zeros((), dtype), np.shape(values)), requires_grad=True, name=name)

    monkeypatch.setattr(Parameter, "__init__", make)
    monkeypatch.setattr(nn.init, "normal", lambda shape, std=1.0: np.broadcast_to(0.0, shape))


def count(module: Module) -> int:
    return sum(p.size for p in module.parameters())


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.usefixtures("weightless")
class TestCounts:
    @pytest.mark.parametrize(
        ("name", "published"),
        [
            ("alexnet", 60_965_224),
            ("vgg11", 132_863_336),
            ("vgg16", 138_357_544),
            ("vgg19", 143_667_240),
            ("googlenet", 6_998_552),
            ("resnet18", 11_689_512),
            ("resnet34", 21_797_672),
            ("resnet50", 25_557_032),
        ],
    )
    def test_for_imagenet(self, name: str, published: int) -> None:
        assert count(by_name(name)()) == published

    def test_of_the_book(self) -> None:
        assert count(SimpleConvNet()) == 30 * 25 + 30 + 4320 * 100 + 100 + 100 * 10 + 10
        convolutions = [(16, 1), (16, 16), (32, 16), (32, 32), (64, 32), (64, 64)]
        assert count(DeepConvNet()) == sum(a * b * 9 + a for a, b in convolutions) + 1024 * 50 + 50 + 500 + 10

    def test_lenet5_layer_by_layer(self) -> None:
        """The paper's C1, C5 and F6; its C3 sees fewer maps (1,516), its last layer measures distances."""
        layers = [count(layer) for layer in LeNet5().layers if count(layer)]
        assert layers == [156, 2_416, 48_120, 10_164, 850]
        assert count(LeNet5((1, 32, 32))) == count(LeNet5()) == 61_706

    def test_vgg_variants(self) -> None:
        maps = 64 + 128 + 2 * 256 + 4 * 512  # each has γ and β, and no bias
        assert count(VGG(11, batch_norm=True)) == 132_863_336 + maps
        assert count(VGG(16).features) == 14_714_688

    def test_googlenet_less_what_torchvisions_variant_lacks(self) -> None:
        """Torchvision publishes 6,624,904: batch normalization, and 3 × 3 filters instead of the paper's 5 × 5."""
        model = GoogLeNet(batch_norm=True)
        wide = [m.five[3].weight for m in model.inceptions if isinstance(m, Inception)]
        assert {w.shape[2:] for w in wide} == {(5, 5)}
        assert count(model) - sum(w.size * 16 // 25 for w in wide) == 6_624_904

    def test_fcn(self) -> None:
        """VGG-16's convolutions, its two layers as convolutions, 21 scores: the paper's 134 million (table 1)."""
        coarse = 14_714_688 + 102_764_544 + 16_781_312 + 21 * 4097
        assert count(FCN(32)) == coarse == 134_346_581
        assert count(FCN(16)) == coarse + 21 * 513
        assert count(FCN(8)) == coarse + 21 * 513 + 21 * 257

    def test_for_small_images(self) -> None:
        assert count(ResNet(18, (3, 32, 32), 10)) == 11_173_962  # as widely used on CIFAR-10
        assert count(AlexNet((1, 28, 28), 10).features) == count(AlexNet().features) - 2 * 96 * 121


def sides(model: Module, shape: tuple[int, ...], *kinds: str) -> list[tuple[int, ...]]:
    """Heights and widths that come out of the layers of these kinds."""
    return [row.output_shape[2:] for row in model.summary(shape).rows if row.layer in kinds]


class TestShapes:
    def test_simple_conv_net(self) -> None:
        rows = SimpleConvNet().summary((2, 1, 28, 28)).rows
        assert [row.output_shape[1:] for row in rows[2:]] == [
            (30, 24, 24), (30, 24, 24), (30, 12, 12), (4320,), (100,), (100,), (10,),
        ]  # fmt: skip
        other = SimpleConvNet((3, 20, 15), 7, filters=4, size=3, stride=2, padding=1, hidden=5)
        assert other.params["W2"].shape == (4 * 5 * 4, 5)
        assert other(images(2, 3, 20, 15)).shape == (2, 7)

    def test_deep_conv_net(self) -> None:
        rows = DeepConvNet().summary((2, 1, 28, 28)).rows
        assert [row.output_shape[1:] for row in rows if row.layer in ("Conv2d", "MaxPool2d", "Flatten", "Linear")] == [
            (16, 28, 28), (16, 28, 28), (16, 14, 14), (32, 14, 14), (32, 16, 16), (32, 8, 8),
            (64, 8, 8), (64, 8, 8), (64, 4, 4), (1024,), (50,), (10,),
        ]  # fmt: skip
        assert DeepConvNet((3, 21, 32), 4)(images(2, 3, 21, 32)).shape == (2, 4)

    def test_lenet5(self) -> None:
        for side in (28, 32):
            found = sides(LeNet5((1, side, side)), (1, 1, side, side), "Conv2d", "AvgPool2d")
            assert found == [(28, 28), (14, 14), (10, 10), (5, 5)]
        assert LeNet5((3, 12, 41), 4)(images(2, 3, 12, 41)).shape == (2, 4)

    def test_alexnet(self) -> None:
        found = sides(AlexNet(**THIN["alexnet"]), (1, 3, 224, 224), "Conv2d", "MaxPool2d")
        assert [h for h, _ in found] == [55, 27, 27, 13, 13, 13, 13, 6]
        assert AlexNet((3, 227, 227), **THIN["alexnet"])(images(1, 3, 227, 227)).shape == (1, 1000)

    def test_vgg(self) -> None:
        found = sides(VGG(11, **THIN["vgg11"]), (1, 3, 224, 224), "MaxPool2d")
        assert [h for h, _ in found] == [112, 56, 28, 14, 7]
        small = VGG(11, (1, 28, 28), 10, **THIN["vgg11"])
        assert [h for h, _ in sides(small, (1, 1, 28, 28), "MaxPool2d")] == [14, 7, 3, 1]  # a fifth has no room
        flat = VGG(11, (1, 4, 40), 10, **THIN["vgg11"])
        assert sides(flat, (1, 1, 4, 40), "MaxPool2d") == [(2, 20), (1, 10)]

    def test_googlenet(self) -> None:
        model = GoogLeNet(**THIN["googlenet"])
        assert [h for h, _ in sides(model, (1, 3, 224, 224), "Inception")] == [28] * 2 + [14] * 5 + [7] * 2
        outputs = [m.outputs for m in GoogLeNet(width=0.25).inceptions if isinstance(m, Inception)]
        assert outputs == [n // 4 for n in (256, 480, 512, 512, 512, 528, 832, 832, 1024)]

    def test_resnet(self) -> None:
        found = [h for h, _ in sides(ResNet(34, **THIN["resnet34"]), (1, 3, 224, 224), "BasicBlock")]
        assert found == [56] * 3 + [28] * 4 + [14] * 6 + [7] * 3
        small = ResNet(50, (1, 28, 28), 10, **THIN["resnet50"])
        assert [h for h, _ in sides(small, (1, 1, 28, 28), "Bottleneck")] == [28] * 3 + [14] * 4 + [7] * 6 + [4] * 3
        assert [m.outputs for m in small.stages][::5] == [16, 32, 64, 128]

    def test_fcn_keeps_the_size_of_any_image(self) -> None:
        for stride in (32, 16, 8):
            model = FCN(stride, (3, 64, 64), 5, **THIN["fcn8s"]).eval()
            assert model(images(2, 3, 64, 64)).shape == (2, 5, 64, 64)
            assert model(images(1, 3, 75, 98)).shape == (1, 5, 75, 98)

    @pytest.mark.parametrize("name", BY_NAME)
    def test_mnist_trains_every_parameter(self, name: str) -> None:
        model = by_name(name)((1, 28, 28), 10, **THIN.get(name, {}))
        x, t = images(4, 1, 28, 28), np.array([0, 3, 9, 3])
        scores = model(x)
        if name.startswith("fcn"):
            assert scores.shape == (4, 10, 28, 28)
            scores = scores.mean((2, 3))
        assert scores.shape == (4, 10)
        assert scores.dtype == np.float32
        tj.softmax_cross_entropy(scores, t).backward()
        for parameter_name, p in model.named_parameters():
            assert p.grad is not None, parameter_name
            assert np.isfinite(p.grad.numpy()).all(), parameter_name
        reached = [bool(p.grad.numpy().any()) for p in model.parameters()]
        assert np.mean(reached) > 0.9  # in so thin a network relu may close a few ways

    def test_summary_counts_multiply_adds(self) -> None:
        found = SimpleConvNet().summary((100, 1, 28, 28))
        assert found.multiply_adds == 100 * (30 * 24 * 24 * 25 + 4320 * 100 + 100 * 10)
        model = ResNet(18, (3, 32, 32), 10, **THIN["resnet18"])
        assert model.summary((1, 3, 32, 32)).parameters == count(model)


class TestBlocks:
    """Single blocks against PyTorch's functions."""

    @staticmethod
    def convolve(torch: Any, layers: Any, x: Any) -> Any:
        """Run convolutions, batch normalization and relu in PyTorch with our parameters."""
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                w = torch.tensor(layer.weight.numpy())
                b = None if layer.bias is None else torch.tensor(layer.bias.numpy())
                x = torch.conv2d(x, w, b, layer.options["stride"], layer.options["padding"])
            elif isinstance(layer, nn.BatchNorm2d):
                gamma, beta = torch.tensor(layer.gamma.numpy()), torch.tensor(layer.beta.numpy())
                x = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
            elif isinstance(layer, nn.MaxPool2d):
                x = torch.nn.functional.max_pool2d(x, 3, 1, 1)
            else:
                x = torch.relu(x)
        return x

    @pytest.mark.parametrize(
        "block", [BasicBlock(4, 4), BasicBlock(4, 6, 2), Bottleneck(8, 2), Bottleneck(4, 2), Bottleneck(4, 2, 2)]
    )
    def test_residual(self, block: Any) -> None:
        torch = pytest.importorskip("torch")
        block.astype(np.float64)
        x = images(2, block.body[0].in_channels, 7, 6).astype(float)
        other = torch.tensor(x)
        shortcut = other if isinstance(block.shortcut, nn.Identity) else self.convolve(torch, block.shortcut, other)
        expected = torch.relu(self.convolve(torch, block.body, other) + shortcut)
        np.testing.assert_allclose(block(Tensor(x)).numpy(), expected.numpy(), rtol=1e-8, atol=1e-10)

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_inception(self, batch_norm: bool) -> None:
        torch = pytest.importorskip("torch")
        block = Inception(5, (2, 3, 4, 3, 2, 6), batch_norm).astype(np.float64)
        x = images(2, 5, 6, 7).astype(float)
        ways = [self.convolve(torch, way, torch.tensor(x)) for way in (block.one, block.three, block.five, block.pool)]
        np.testing.assert_allclose(block(Tensor(x)).numpy(), torch.cat(ways, 1).numpy(), rtol=1e-8, atol=1e-10)
        assert block.outputs == 2 + 4 + 2 + 6

    def test_fcn_adds_finer_scores(self) -> None:
        model = FCN(8, (1, 64, 64), 3, **THIN["fcn8s"]).eval()
        x = images(1, 1, 64, 64)
        with no_grad():
            before = model(x).numpy()
            coarse = model.head(nn.Sequential(*model.stages)(x))
            for size in (4, 8, 64):
                coarse = tj.upsample(coarse, size=(size, size))
            np.testing.assert_allclose(before, coarse.numpy(), rtol=1e-4, atol=1e-5)  # at first the skips say nothing
            for skip, step in zip(model.skips, (0.5, 2.0), strict=True):
                skip.bias += np.array([step, 0, 0], np.float32)
            change = model(x).numpy() - before
        np.testing.assert_allclose(change, np.array([2.5, 0, 0])[None, :, None, None] + 0 * before, atol=1e-5)


class TestNames:
    def test_by_name(self) -> None:
        model = by_name("resnet34")((1, 28, 28), 7, width=1 / 16)
        assert isinstance(model, ResNet)
        assert len(list(model.stages)) == 16
        assert isinstance(by_name("fcn16s")((1, 28, 28), 7, width=1 / 16, hidden=4), FCN)
        with pytest.raises(ArgumentError, match="there is no 'resnet81'; did you mean 'resnet18'"):
            by_name("resnet81")

    def test_old_imports(self) -> None:
        assert (models.MLP, models.TwoLayerNet, models.MultiLayerNet) == (nn.MLP, nn.TwoLayerNet, nn.MLP)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: SimpleConvNet((28, 28)), r"SimpleConvNet: input_shape is that of one image, .*got \(28, 28\)"),
            (lambda: LeNet5(784), r"LeNet5: input_shape .*got 784"),  # type: ignore[arg-type]
            (lambda: LeNet5((1, 8, 8)), "LeNet5: needs images of at least 12 × 12, got 8 × 8"),
            (lambda: AlexNet((3, 20, 30)), "AlexNet: needs images of at least 21 × 21, got 20 × 30"),
            (lambda: DeepConvNet((0, 28, 28)), "DeepConvNet: input_shape"),
            (lambda: VGG(13), "VGG: there is no '13'"),
            (lambda: ResNet(101), "ResNet: there is no '101'"),
            (lambda: FCN(4), "FCN: stride must be 32, 16 or 8, got 4"),
            (lambda: SimpleConvNet((1, 4, 4)), "7.1"),
        ],
    )
    def test_bad_arguments(self, make: Callable[[], Module], message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            make()

    @pytest.mark.parametrize("name", ["simple_conv_net", "deep_conv_net", "lenet5"])
    def test_on_the_command_line(self, name: str) -> None:
        model = command_line.build(name, {}, [1, 28, 28], 10)
        assert model(images(2, 1, 28, 28)).shape == (2, 10)
        with pytest.raises(ArgumentError, match=r"one image, \(channels, height, width\), got \[2\]"):
            command_line.build(name, {}, [2], 10)
        assert "resnet18" in command_line.MODELS


# ------------------------------------------------------------------------------------------ the book's code, by loops


def convolved(x: np.ndarray, w: np.ndarray, b: np.ndarray, pad: int) -> np.ndarray:
    """One image (C, H, W): windows one after the other as rows, then a product of matrices, as the book has it."""
    filters, _, fh, fw = w.shape
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    height, width = padded.shape[1] - fh + 1, padded.shape[2] - fw + 1
    col = np.array([padded[:, i : i + fh, j : j + fw].ravel() for i in range(height) for j in range(width)])
    return (col @ w.reshape(filters, -1).T + b).T.reshape(filters, height, width)


def pooled(x: np.ndarray) -> np.ndarray:
    channels, height, width = x.shape
    out = np.empty((channels, height // 2, width // 2))
    for i in range(height // 2):
        for j in range(width // 2):
            out[:, i, j] = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max((1, 2))
    return out


def simple_scores(p: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    hidden = pooled(np.maximum(0, convolved(x, p["W1"], p["b1"], 0))).ravel()
    return np.maximum(0, hidden @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]


def deep_scores(p: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    for i, pad in enumerate((1, 1, 1, 2, 1, 1), 1):
        x = np.maximum(0, convolved(x, p[f"W{i}"], p[f"b{i}"], pad))
        if i % 2 == 0:
            x = pooled(x)
    hidden = np.maximum(0, x.ravel() @ p["W7"] + p["b7"]) * 0.5  # the book's dropout, in use
    return (hidden @ p["W8"] + p["b8"]) * 0.5


FILES: dict[str, tuple[type[BookNetwork], Any, dict[str, tuple[int, ...]]]] = {
    "simple": (
        SimpleConvNet,
        simple_scores,
        {"W1": (30, 1, 5, 5), "b1": (30,), "W2": (4320, 100), "b2": (100,), "W3": (100, 10), "b3": (10,)},
    ),
    "deep": (
        DeepConvNet,
        deep_scores,
        {
            "W1": (16, 1, 3, 3), "W2": (16, 16, 3, 3), "W3": (32, 16, 3, 3), "W4": (32, 32, 3, 3),
            "W5": (64, 32, 3, 3), "W6": (64, 64, 3, 3), "W7": (1024, 50), "W8": (50, 10),
            "b1": (16,), "b2": (16,), "b3": (32,), "b4": (32,), "b5": (64,), "b6": (64,), "b7": (50,), "b8": (10,),
        },
    ),
}  # fmt: skip


def made_up(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        k: rng.normal(size=s) * np.sqrt(2 / max(1, np.prod(s[1:]) if len(s) == 4 else s[0])) for k, s in shapes.items()
    }


class TestTheBooksParameters:
    @pytest.mark.parametrize("name", FILES)
    def test_image_by_image_as_the_books_code(self, name: str, tmp_path: Path) -> None:
        kind, scores, shapes = FILES[name]
        params = made_up(shapes)
        path = tmp_path / "params.pkl"
        path.write_bytes(pickle.dumps(params))
        network = kind()
        load_book_parameters(network, load_book_pickle(path))
        x = np.random.default_rng(4).random((5, 1, 28, 28))
        expected = np.array([scores(params, image) for image in x])
        found = network.predict(x.astype(np.float32)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
        assert network.accuracy(x, expected.argmax(1), batch_size=2) == 1
        others = np.where(np.arange(5) < 3, expected.argmax(1), expected.argmin(1))
        assert network.accuracy(x, np.eye(10)[others]) == pytest.approx(0.6)
        assert network.training
        exact = kind().astype(np.float64)
        load_book_parameters(exact, params)
        np.testing.assert_allclose(exact.predict(x).numpy(), expected, rtol=1e-9, atol=1e-10)

    @pytest.mark.parametrize("name", FILES)
    def test_names_and_shapes(self, name: str) -> None:
        kind, _, shapes = FILES[name]
        assert {k: p.shape for k, p in kind().params.items()} == shapes

    def test_all_problems_are_told_and_nothing_is_changed(self) -> None:
        params = made_up(FILES["simple"][2])
        params["W2"] = params["W2"].T
        params["W9"] = params.pop("b3")
        network = SimpleConvNet()
        before = network.state_dict()
        with pytest.raises(DataError) as caught:
            load_book_parameters(network, params)
        message = str(caught.value)
        assert "parameters of this SimpleConvNet" in message
        for part in ("missing: b3 of shape (10,)", "unknown: W9", "W2 has shape (4320, 100) here, but (100, 4320)"):
            assert part in message
        assert all(np.array_equal(v, before[k]) for k, v in network.state_dict().items())

    def test_two_layer_net_too(self) -> None:
        network = TwoLayerNet(784, 50, 10)
        params = made_up({"W1": (784, 50), "b1": (50,), "W2": (50, 10), "b2": (10,)})
        load_book_parameters(network, params)
        np.testing.assert_array_equal(network.W2.numpy(), params["W2"].astype(np.float32))


class TestTheBooksNetworks:
    def test_initial_values(self) -> None:
        weights = [p.numpy().std() for k, p in SimpleConvNet().params.items() if k[0] == "W"]
        np.testing.assert_allclose(weights, 0.01, rtol=0.1)
        fans = (1 * 9, 16 * 9, 16 * 9, 32 * 9, 32 * 9, 64 * 9, 64 * 4 * 4, 50)  # the book's pre_node_nums
        for (name, p), n in zip(DeepConvNet().params.items(), fans, strict=False):
            assert p.numpy().std() == pytest.approx(np.sqrt(2 / n), rel=4 / np.sqrt(2 * p.size)), name

    def test_gradients_against_differences(self) -> None:
        network = SimpleConvNet((1, 6, 6), 3, filters=2, size=3, hidden=4, init=0.5).astype(np.float64)
        x, t = images(3, 1, 6, 6).astype(float), np.array([0, 2, 1])
        by_tape, by_differences = network.gradient(x, t), network.numerical_gradient(x, t)
        for name in ("W1", "b1", "W2", "b2", "W3", "b3"):
            np.testing.assert_allclose(by_tape[name], by_differences[name], atol=1e-7)

    def test_dropout_in_training_only(self) -> None:
        network, x = DeepConvNet(), images(3, 1, 28, 28)
        assert (network(x).numpy() == 0).any()  # the book drops scores, too
        first = network.predict(x).numpy()
        np.testing.assert_array_equal(first, network.predict(x).numpy())
        assert network.training
        np.testing.assert_array_equal(first, network.eval()(x).numpy())

    def test_learning(self) -> None:
        """Bars across or upright, at random places."""
        rng = np.random.default_rng(5)
        x, t = np.zeros((40, 1, 10, 10), np.float32), np.arange(40) % 2
        for image, label in zip(x[:, 0], t, strict=True):
            bar = rng.integers(10)
            (image if label else image.T)[bar] = 1
        network = SimpleConvNet((1, 10, 10), 2, filters=4, size=3, hidden=8, init="he")
        optimizer = optim.Adam(network.parameters(), lr=0.02)
        for _ in range(30):
            optimizer.zero_grad()
            network.loss(x, t).backward()
            optimizer.step()
        assert network.accuracy(x, t) == 1
