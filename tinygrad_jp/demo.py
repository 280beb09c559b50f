"""The demo: the book's two shops as graphs, and a digit classifier written with Tensor operations only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import viz
from .cli.text import table
from .data import Mnist, mnist
from .ops import dot, relu, softmax_cross_entropy
from .progress import progress
from .tape import no_grad
from .tensor import Tensor
from .viz.gallery import apple_and_orange_gradients, apple_gradients
from .viz.scene import Circle, number, scene

TEXT = {
    "en": {
        "apple": "Two apples, 10 % tax (figure 5-14)",
        "orange": "Two apples and three oranges, 10 % tax (figure 5-17)",
        "wire": "wire", "forward": "forward", "backward": "backward",
        "training": "Training 784-50-10 on {n} genuine MNIST images, with Tensor operations only",
        "epoch": "epoch", "accuracy": "test accuracy: {a:.2%} of {n} images, after {s:.1f} s of training",
        "saved": "saved {path}",
        "no plots": "no plots: pip install 'tinygrad_jp[demo]' for matplotlib",
    },
    "ja": {
        "apple": "りんご 2 個、消費税 10 %(図 5-14)",
        "orange": "りんご 2 個とみかん 3 個、消費税 10 %(図 5-17)",
        "wire": "線", "forward": "順伝播", "backward": "逆伝播",
        "training": "784-50-10 を本物の MNIST 画像 {n} 枚で学習します(Tensor の演算だけで書いたネットワーク)",
        "epoch": "エポック", "accuracy": "テスト画像 {n} 枚の認識精度: {a:.2%}(学習時間 {s:.1f} 秒)",
        "saved": "保存しました: {path}",
        "no plots": "グラフを描くには matplotlib が必要です: pip install 'tinygrad_jp[demo]'",
    },
}  # fmt: skip


def demo(out: Path, lang: str = "en") -> float:
    """Draw the shops, train the classifier, save the pictures, and tell about it.

    Parameters
    ----------
    out
        Folder for the pictures; it is made if needed.
    lang
        "en" or "ja".

    Returns
    -------
    float
        Accuracy on the test images, 0 … 1.
    """
    text = TEXT[lang]
    for key, name, price in (
        ("apple", "apple", apple_gradients()),
        ("orange", "apple_and_orange", apple_and_orange_gradients()),
    ):
        print(text[key])
        print(flow_table(price, (text["wire"], text["forward"], text["backward"])))
        print(text["saved"].format(path=viz.graph(price, title=text[key]).save(out / f"{name}.svg")), end="\n\n")

    images = mnist(subset="mini")
    print(text["training"].format(n=len(images.x_train)))
    start = time.perf_counter()
    network, losses = train(images, epoch_word=text["epoch"])
    seconds = time.perf_counter() - start
    predicted = predict(network, images.x_test)
    accuracy = float((predicted == images.t_test).mean())
    print(text["accuracy"].format(a=accuracy, n=len(predicted), s=seconds))
    try:
        from .viz.plots import loss_curve, prediction_sheet
    except ImportError:
        print(text["no plots"])
        return accuracy
    print(text["saved"].format(path=loss_curve(losses, out / "loss.png")))
    print(text["saved"].format(path=prediction_sheet(images.x_test, images.t_test, predicted, out / "predictions.png")))
    return accuracy


# ---------------------------------------------------------------------------------------------- the shops


def flow_table(y: Tensor, headings: tuple[str, str, str]) -> str:
    """Write what flows along every wire of a graph as a table: forward the value, backward the gradient.

    Parameters
    ----------
    y
        The result, of single numbers, after ``backward``.
    headings
        Of the three columns.
    """
    picture = scene(y, max_nodes=100)
    names = {item.id: item.symbol if isinstance(item, Circle) else item.text for item in picture.items}
    rows = [list(headings)]
    for wire in picture.wires:
        flows = [wire.value, wire.gradient]
        rows.append(
            [f"{names[wire.tail]} → {names[wire.head]}", *("" if f is None else number(f.item()) for f in flows)]
        )
    return table(rows)


# ---------------------------------------------------------------------------------------------- the classifier


class Network(NamedTuple):
    """The parameters of a network with one hidden layer: weights (in, out) and biases (out,), float32."""

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor


def new_network(rng: np.random.Generator, sizes: tuple[int, int, int] = (784, 50, 10)) -> Network:
    """Make a network with He's initial values (the book, section 6.2.3)."""
    n, hidden, classes = sizes

    def normal(rows: int, columns: int) -> Tensor:
        values = rng.normal(0.0, np.sqrt(2.0 / rows), (rows, columns))
        return Tensor(values, requires_grad=True, dtype=np.float32)

    def zeros(length: int) -> Tensor:
        return Tensor(np.zeros(length), requires_grad=True, dtype=np.float32)

    return Network(normal(n, hidden), zeros(hidden), normal(hidden, classes), zeros(classes))


def scores(network: Network, x: np.ndarray) -> Tensor:
    """Compute the network's scores, shape (N, classes), for images of shape (N, pixels)."""
    w1, b1, w2, b2 = network
    return relu(dot(x, w1) + b1).dot(w2) + b2


def train(
    images: Mnist, epochs: int = 20, batch_size: int = 100, lr: float = 0.2, seed: int = 0, epoch_word: str = "epoch"
) -> tuple[Network, list[float]]:
    """Train a new network by stochastic gradient descent, and return it with the loss of every step."""
    rng = np.random.default_rng(seed)
    network = new_network(rng)
    losses: list[float] = []
    n = len(images.x_train)
    with progress(epoch_word, epochs) as advance:
        for _ in range(epochs):
            for batch in rng.permutation(n)[: n - n % batch_size].reshape(-1, batch_size):
                loss = softmax_cross_entropy(scores(network, images.x_train[batch]), images.t_train[batch])
                loss.backward()
                descend(network, lr)
                losses.append(loss.item())
            advance(note=f"loss {np.mean(losses[-n // batch_size :]):.4f}")
    return network, losses


def descend(network: Network, lr: float) -> None:
    """Move every parameter a step against its gradient, in place, and forget the gradient."""
    with no_grad():
        for parameter in network:
            if parameter.grad is not None:
                parameter -= lr * parameter.grad
            parameter.zero_grad()


def predict(network: Network, x: np.ndarray) -> np.ndarray:
    """Return the most likely class of each image, shape (N,)."""
    with no_grad():
        return scores(network, x).argmax(axis=1).numpy()
