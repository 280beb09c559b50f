"""TwoLayerNet (section 4.5), trained twice: with numerical gradients and with the tape's.

The gradients agree to about 10 digits, so the two learning curves lie on each other. What differs is the time: two
values of the loss for each weight, against one pass forward and one backward. That is why the problem here is tiny,
three clouds of points in the plane, and why the book trains on MNIST with backpropagation only (section 5.7).

Run: python examples/book04_two_layer_net.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import compare, new_figure, parser, save

from tinygrad_jp import Tensor, no_grad, numerical_gradient, sigmoid, softmax_cross_entropy
from tinygrad_jp.viz import plots

Gradients = dict[str, np.ndarray]


class TwoLayerNet:
    """The book's network; its parameters are Tensors, so that the tape can be asked too."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float) -> None:
        rng = np.random.default_rng(0)
        values = {
            "W1": weight_init_std * rng.normal(size=(input_size, hidden_size)),
            "b1": np.zeros(hidden_size),
            "W2": weight_init_std * rng.normal(size=(hidden_size, output_size)),
            "b2": np.zeros(output_size),
        }
        self.params = {name: Tensor(value, requires_grad=True, name=name) for name, value in values.items()}

    def predict(self, x: np.ndarray) -> Tensor:
        """Return the scores; softmax is part of the loss."""
        p = self.params
        return sigmoid(Tensor(x).dot(p["W1"]) + p["b1"]).dot(p["W2"]) + p["b2"]

    def loss(self, x: np.ndarray, t: np.ndarray) -> Tensor:
        return softmax_cross_entropy(self.predict(x), t)

    def accuracy(self, x: np.ndarray, t: np.ndarray) -> float:
        return float((self.predict(x).argmax(axis=1).numpy() == t).mean())

    def numerical_gradient(self, x: np.ndarray, t: np.ndarray) -> Gradients:
        def loss_with(name: str) -> Callable[[np.ndarray], Tensor]:
            def loss(value: np.ndarray) -> Tensor:
                kept, self.params[name] = self.params[name], Tensor(value)
                result = self.loss(x, t)
                self.params[name] = kept
                return result

            return loss

        with no_grad():
            return {name: numerical_gradient(loss_with(name), p) for name, p in self.params.items()}

    def gradient(self, x: np.ndarray, t: np.ndarray) -> Gradients:
        for p in self.params.values():
            p.zero_grad()
        self.loss(x, t).backward()
        return {name: p.grad.numpy() for name, p in self.params.items()}


def clouds(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 3 n points in the plane around three centres, and which centre each belongs to."""
    rng = np.random.default_rng(1)
    t = np.repeat(np.arange(3), n)
    centres = np.array([[-1.0, -0.6], [1.0, -0.6], [0.0, 1.0]])
    return centres[t] + rng.normal(0, 0.35, (3 * n, 2)), t


def train(method: str, x: np.ndarray, t: np.ndarray, steps: int) -> tuple[TwoLayerNet, list[float], float]:
    """Train 2-6-3 with the gradients of one method; return the network, its losses and the seconds."""
    network = TwoLayerNet(2, 6, 3, weight_init_std=0.5)
    rng = np.random.default_rng(2)
    losses = []
    start = time.perf_counter()
    for _ in range(steps):
        batch = rng.choice(len(x), 30)
        gradients = getattr(network, method)(x[batch], t[batch])
        with no_grad():
            for name, p in network.params.items():
                p -= 1.0 * gradients[name]
            losses.append(network.loss(x, t).item())
    return network, losses, time.perf_counter() - start


@plots.style()
def draw(network: TwoLayerNet, x: np.ndarray, t: np.ndarray, curves: dict[str, list[float]], out: Path) -> None:
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    for (name, losses), style in zip(curves.items(), ({"lw": 5, "alpha": 0.35}, {"lw": 1.5, "ls": "--"}), strict=True):
        left.plot(losses, label=name, **style)
    left.set(title="loss", xlabel="step", ylim=(0, None))
    left.legend()
    axis = np.linspace(-2.3, 2.3, 200)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    regions = network.predict(plane).argmax(axis=1).numpy().reshape(200, 200)
    right.contourf(axis, axis, regions, levels=[-0.5, 0.5, 1.5, 2.5], colors=["#d2e3f0", "#ffe5cf", "#d5ecd5"])
    for k in range(3):
        right.plot(*x[t == k].T, ".", color=f"C{k}")
    right.set(title="three clouds and what the network says", xlabel="x0", ylabel="x1", aspect="equal")
    save(figure, out / "book04_two_layer_net.png")


def main(quick: bool, out: Path) -> None:
    x, t = clouds(50)
    steps = 30 if quick else 200
    network, slow, slow_seconds = train("numerical_gradient", x, t, steps)
    _, fast, fast_seconds = train("gradient", x, t, steps)
    compare("largest difference of the two curves", f"{np.max(np.abs(np.subtract(slow, fast))):.1e}")
    compare(f"loss, before and after {steps} steps", f"{fast[0]:.4f} {fast[-1]:.4f}")
    compare("accuracy", network.accuracy(x, t))
    print(f"numerical gradient {slow_seconds:.2f} s, backpropagation {fast_seconds:.2f} s")
    draw(network, x, t, {"numerical gradient": slow, "backpropagation": fast}, out)


if __name__ == "__main__":
    given = parser(__doc__).parse_args()
    main(given.quick, given.out)
