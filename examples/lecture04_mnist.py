"""MNIST three times, as in lecture 4 of『真面目なプログラマのためのディープラーニング入門』(新山祐介, Yusuke Shinyama).

1. Sigmoid and mean squared error, one image at a time.
2. The same by mini-batch: about 92 % of the test images.
3. Softmax and cross entropy in place of the last sigmoid and the squared error.

The network is 784-100-10 here. Every experiment goes through the training images a few times (epochs) and prints the
share of the test images that it recognises in the end.

Run: python examples/lecture04_mnist.py [--data FOLDER] [--quick] [--out FOLDER]

--quick learns from the 5,000 images that ship with the package.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import compare, images, new_figure, parser, save

from tinygrad_jp import Tensor, no_grad, sigmoid, softmax_cross_entropy
from tinygrad_jp.data import Mnist
from tinygrad_jp.viz import plots

Loss = Callable[[Tensor, np.ndarray], Tensor]


class Network:
    """784-100-10; what it returns are scores, before any activation of the last layer."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)

        def weights(inputs: int, units: int) -> Tensor:
            return Tensor(rng.normal(0, inputs**-0.5, (inputs, units)), requires_grad=True, dtype=np.float32)

        def biases(units: int) -> Tensor:
            return Tensor(np.zeros(units), requires_grad=True, dtype=np.float32)

        self.w1, self.b1, self.w2, self.b2 = weights(784, 100), biases(100), weights(100, 10), biases(10)

    def scores(self, x: np.ndarray) -> Tensor:
        return sigmoid(Tensor(x).dot(self.w1) + self.b1).dot(self.w2) + self.b2

    def accuracy(self, x: np.ndarray, t: np.ndarray) -> float:
        with no_grad():
            return float((self.scores(x).argmax(axis=1).numpy() == t).mean())

    def descend(self, lr: float) -> None:
        with no_grad():
            for p in (self.w1, self.b1, self.w2, self.b2):
                p -= lr * p.grad
                p.zero_grad()


def squared_error(scores: Tensor, t: np.ndarray) -> Tensor:
    """Mean squared error between sigmoids and one-hot targets: over the 10 outputs and over the batch."""
    targets = np.eye(10, dtype=np.float32)[t]
    return ((sigmoid(scores) - targets) ** 2).mean()


def train(data: Mnist, loss: Loss, batch_size: int, lr: float, epochs: int) -> list[float]:
    """Return the accuracy on the test images, measured ten times an epoch."""
    network = Network()
    rng = np.random.default_rng(1)
    accuracies = []
    for _ in range(epochs):
        for part in np.array_split(rng.permutation(len(data.x_train)), 10):
            for i in range(0, len(part), batch_size):
                batch = part[i : i + batch_size]
                loss(network.scores(data.x_train[batch]), data.t_train[batch]).backward()
                network.descend(lr)
            accuracies.append(network.accuracy(data.x_test, data.t_test))
    return accuracies


@plots.style()
def draw(curves: dict[str, list[float]], out: Path) -> None:
    figure = new_figure(7, 4.2)
    axes = figure.subplots()
    for name, accuracies in curves.items():
        axes.plot(np.arange(1, len(accuracies) + 1) / 10, accuracies, label=name)
    axes.axhline(0.92, color="0.6", linestyle=":", label="0.92")
    axes.set(xlabel="epoch", ylabel="accuracy on the test images", ylim=(0.5, 1))
    axes.legend(loc="lower right")
    save(figure, out / "lecture04_mnist.png")


def main(data: Path | None, quick: bool, out: Path) -> None:
    mnist = images(quick, data)
    experiments: dict[str, tuple[Loss, int, float, int, str]] = {
        "sigmoid + MSE, one image at a time": (squared_error, 1, 0.1, 2, "–"),
        "sigmoid + MSE, batches of 50": (squared_error, 50, 2.0, 4, "about 0.92"),
        "softmax + cross entropy, batches of 50": (softmax_cross_entropy, 50, 0.5, 4, "–"),
    }
    curves = {}
    for name, (loss, batch_size, lr, epochs, lecture) in experiments.items():
        start = time.perf_counter()
        curves[name] = train(mnist, loss, batch_size, lr, epochs)
        compare(
            name, f"{curves[name][-1]:.4f} ({time.perf_counter() - start:.1f} s)", "–" if quick else lecture, "lecture"
        )
    draw(curves, out)


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick, given.out)
