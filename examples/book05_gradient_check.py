"""Gradient check (section 5.7.3): backpropagation against numerical differentiation, on three images of MNIST.

The network of chapter 5 is built of the layers Affine, Relu and SoftmaxWithLoss, each with `forward` and `backward`
as in sections 5.5 and 5.6. For each of its parameters we print the mean absolute difference between the numerical
gradient and the one of the layers, and between the layers and the tape. All in float64, as in the book.

Run: python examples/book05_gradient_check.py [--data FOLDER] [--quick] [--out FOLDER]

--quick takes 5 hidden units instead of 50, and the images that ship with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import compare, images, new_figure, parser, save

from tinygrad_jp import Tensor, numerical_gradient, relu, softmax_cross_entropy
from tinygrad_jp.viz import plots

Arrays = dict[str, np.ndarray]
BOOK = {"W1": 2.2232446644e-13, "b1": 9.70418809871e-13, "W2": 8.41139039497e-13, "b2": 1.1945999745e-10}


class Affine:
    """x · W + b (section 5.6)."""

    def __init__(self, W: np.ndarray, b: np.ndarray) -> None:
        self.W, self.b = W, b

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout: np.ndarray) -> np.ndarray:
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Relu:
    """x where it is positive, else 0 (section 5.5.1)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.mask = x <= 0
        return np.where(self.mask, 0, x)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        return np.where(self.mask, 0, dout)


class SoftmaxWithLoss:
    """Softmax and cross entropy in one (section 5.6.3); t is one-hot."""

    def forward(self, x: np.ndarray, t: np.ndarray) -> float:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y, self.t = e / e.sum(axis=1, keepdims=True), t
        return float(-np.sum(t * np.log(self.y)) / len(x))

    def backward(self, dout: float = 1.0) -> np.ndarray:
        return dout * (self.y - self.t) / len(self.t)


class TwoLayerNet:
    """Affine, Relu, Affine, and SoftmaxWithLoss at the end (section 5.7.2)."""

    def __init__(self, params: Arrays) -> None:
        self.affine1 = Affine(params["W1"], params["b1"])
        self.relu = Relu()
        self.affine2 = Affine(params["W2"], params["b2"])
        self.last = SoftmaxWithLoss()

    def loss(self, x: np.ndarray, t: np.ndarray) -> float:
        for layer in (self.affine1, self.relu, self.affine2):
            x = layer.forward(x)
        return self.last.forward(x, t)

    def gradient(self, x: np.ndarray, t: np.ndarray) -> Arrays:
        self.loss(x, t)
        dout = self.last.backward()
        for layer in (self.affine2, self.relu, self.affine1):
            dout = layer.backward(dout)
        first, second = self.affine1, self.affine2
        return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}


def gradient_by_tape(params: Arrays, x: np.ndarray, t: np.ndarray) -> Arrays:
    p = {name: Tensor(value, requires_grad=True) for name, value in params.items()}
    softmax_cross_entropy(relu(Tensor(x).dot(p["W1"]) + p["b1"]).dot(p["W2"]) + p["b2"], t).backward()
    return {name: tensor.grad.numpy() for name, tensor in p.items()}


def gradient_by_differences(params: Arrays, x: np.ndarray, t: np.ndarray) -> Arrays:
    def loss_with(name: str) -> Callable[[np.ndarray], float]:
        return lambda value: TwoLayerNet({**params, name: value}).loss(x, t)

    return {name: numerical_gradient(loss_with(name), value) for name, value in params.items()}


def check_layers() -> None:
    """Compare what each layer alone does forward and backward with the tape's op, on random arrays."""
    rng = np.random.default_rng(1)
    x, w, b, dout = (rng.normal(size=shape) for shape in ((4, 3), (3, 5), (5,), (4, 5)))
    layer = Affine(w, b)
    p = [Tensor(a, requires_grad=True) for a in (x, w, b)]
    y = p[0].dot(p[1]) + p[2]
    y.backward(dout)
    ours = [layer.forward(x), layer.backward(dout), layer.dW, layer.db]
    report_layer("Affine", ours, [y, *(a.grad for a in p)])

    activation, scores = Relu(), Tensor(dout, requires_grad=True)
    y = relu(scores)
    y.backward(x[:, :1] * dout)
    report_layer("Relu", [activation.forward(dout), activation.backward(x[:, :1] * dout)], [y, scores.grad])

    last, scores, t = SoftmaxWithLoss(), Tensor(dout, requires_grad=True), np.eye(5)[[3, 0, 4, 3]]
    loss = softmax_cross_entropy(scores, t)
    loss.backward()
    report_layer("SoftmaxWithLoss", [last.forward(dout, t), last.backward()], [loss, scores.grad])


def report_layer(name: str, ours: list, tape: list[Tensor]) -> None:
    difference = max(np.max(np.abs(a - b.numpy())) for a, b in zip(ours, tape, strict=True))
    compare(f"{name}: largest difference from the tape", f"{difference:.1e}")


@plots.style()
def draw(gradients: Arrays, differences: Arrays, out: Path) -> None:
    """Show, for every element, the size of its gradient and how far the two methods differ."""
    figure = new_figure(7, 4.2)
    axes = figure.subplots()
    for name, difference in differences.items():
        axes.loglog(np.abs(gradients[name]).ravel(), difference.ravel(), ".", markersize=3, label=name)
    axes.set(xlabel="|gradient|", ylabel="|numerical − backpropagated|")
    axes.legend(markerscale=4)
    save(figure, out / "book05_gradient_check.png")


def main(data: Path | None, quick: bool, out: Path) -> None:
    check_layers()

    x_train, t_train, _, _ = images(quick, data)
    x, t = x_train[:3].astype(float), np.eye(10)[t_train[:3]]
    hidden = 5 if quick else 50
    rng = np.random.default_rng(0)
    params = {
        "W1": 0.01 * rng.normal(size=(784, hidden)),
        "b1": np.zeros(hidden),
        "W2": 0.01 * rng.normal(size=(hidden, 10)),
        "b2": np.zeros(10),
    }
    numerical = gradient_by_differences(params, x, t)
    exact = TwoLayerNet(params).gradient(x, t)
    taped = gradient_by_tape(params, x, t)
    differences = {name: np.abs(numerical[name] - exact[name]) for name in params}
    for name in params:
        compare(f"{name}: mean |numerical − layers|", f"{differences[name].mean():.2e}", BOOK[name])
    for name in params:
        compare(f"{name}: mean |tape − layers|", f"{np.abs(taped[name] - exact[name]).mean():.2e}")
    draw(exact, differences, out)


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick, given.out)
