"""The gradient of a loss with respect to weights (section 4.4.2): simpleNet, two inputs and three classes.

The book draws the weights at random and prints them; with the same weights we get the same loss and gradient, by
numerical differentiation and by the tape. Then we follow the gradient downhill, which the book does only later.

Run: python examples/book04_simple_net.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _common import compare, new_figure, parser, save

from tinygrad_jp import Tensor, no_grad, numerical_gradient, softmax, softmax_cross_entropy
from tinygrad_jp.viz import plots

BOOK_W = [[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]]


class SimpleNet:
    """One layer, x · W, and softmax with cross entropy as its loss."""

    def __init__(self, w: np.ndarray) -> None:
        self.W = Tensor(w, requires_grad=True, name="W")

    def predict(self, x: np.ndarray) -> Tensor:
        return Tensor(x).dot(self.W)

    def loss(self, x: np.ndarray, t: np.ndarray) -> Tensor:
        return softmax_cross_entropy(self.predict(x), t)


@plots.style()
def draw(losses: list[float], probabilities: np.ndarray, out: Path) -> None:
    figure = new_figure(9, 3.4)
    left, right = figure.subplots(1, 2)
    left.plot(losses)
    left.set(title="loss", xlabel="step", ylim=(0, None))
    for k, curve in enumerate(probabilities.T):
        right.plot(curve, label=f"class {k}" + (", the answer" if k == 2 else ""))
    right.set(title="probability of each class", xlabel="step", ylim=(0, 1))
    right.legend()
    save(figure, out / "book04_simple_net.png")


def main(out: Path) -> None:
    x, t = np.array([0.6, 0.9]), np.array([0, 0, 1])
    net = SimpleNet(np.array(BOOK_W))

    compare("scores", net.predict(x).numpy(), "[1.05414809 0.63071653 1.1328074]")
    compare("largest score", net.predict(x).argmax().item(), 2)
    loss = net.loss(x, t)
    loss.backward()
    compare("loss", loss.item(), 0.92806853663411326)
    numerical = numerical_gradient(lambda w: SimpleNet(w).loss(x, t), net.W)
    book = ("[ 0.21924763  0.14356247 -0.36281009]", "[ 0.32887144  0.2153437  -0.54421514]")
    for i in range(2):
        compare(f"dL/dW, row {i}, numerically", numerical[i], book[i])
        compare(f"dL/dW, row {i}, by the tape", net.W.grad.numpy()[i], book[i])

    losses, probabilities = [], []
    for _ in range(100):
        net.W.zero_grad()
        loss = net.loss(x, t)
        loss.backward()
        losses.append(loss.item())
        probabilities.append(softmax(net.predict(x)).numpy())
        with no_grad():
            net.W -= 0.1 * net.W.grad
    compare("loss after 100 steps of gradient descent", f"{losses[-1]:.4f}")
    draw(losses, np.array(probabilities), out)


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)
