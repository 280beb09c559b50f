"""Perceptrons as logic gates (chapter 2): AND, NAND, OR by hand, XOR out of them, and XOR learned.

A perceptron answers 1 where w1 x1 + w2 x2 + b > 0 (section 2.3). One alone cannot be XOR, because no straight line
separates XOR's answers (section 2.4); two layers of them can (section 2.5). The book chooses the weights by hand. A
network of two layers also finds some by itself, with what chapters 4 and 5 teach: the gradient of a loss.

Run: python examples/book02_perceptron.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import compare, new_figure, parser, save

from tinygrad_jp import Tensor, no_grad, sigmoid, softmax, softmax_cross_entropy
from tinygrad_jp.viz import plots

Gate = Callable[[np.ndarray], np.ndarray]

INPUTS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
TABLES = {"AND": [0, 0, 0, 1], "NAND": [1, 1, 1, 0], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}


# Every gate takes inputs of shape (N, 2) and returns N answers, 0 or 1.


def perceptron(x: np.ndarray, w: list[float], b: float) -> np.ndarray:
    return (x @ np.array(w) + b > 0).astype(int)


def and_gate(x: np.ndarray) -> np.ndarray:
    return perceptron(x, [0.5, 0.5], -0.7)


def nand_gate(x: np.ndarray) -> np.ndarray:
    return perceptron(x, [-0.5, -0.5], 0.7)


def or_gate(x: np.ndarray) -> np.ndarray:
    return perceptron(x, [0.5, 0.5], -0.2)


def xor_gate(x: np.ndarray) -> np.ndarray:
    """Two layers: AND of what NAND and OR say (figure 2-11)."""
    return and_gate(np.stack([nand_gate(x), or_gate(x)], axis=1))


def learn_xor(steps: int) -> Callable[[np.ndarray], np.ndarray]:
    """Train 2-4-2 on the four lines of XOR's table; return a function that tells the probability of the answer 1."""
    rng = np.random.default_rng(0)
    w1 = Tensor(rng.normal(size=(2, 4)), requires_grad=True)
    b1 = Tensor(np.zeros(4), requires_grad=True)
    w2 = Tensor(rng.normal(size=(4, 2)), requires_grad=True)
    b2 = Tensor(np.zeros(2), requires_grad=True)

    def scores(x: np.ndarray) -> Tensor:
        return sigmoid(Tensor(x).dot(w1) + b1).dot(w2) + b2

    for _ in range(steps):
        loss = softmax_cross_entropy(scores(INPUTS), np.array(TABLES["XOR"]))
        loss.backward()
        with no_grad():
            for w in (w1, b1, w2, b2):
                w -= 2.0 * w.grad
                w.zero_grad()

    def probability(x: np.ndarray) -> np.ndarray:
        with no_grad():
            return softmax(scores(x)).numpy()[:, 1]

    return probability


@plots.style()
def draw(gates: dict[str, Gate], out: Path) -> None:
    """Colour the plane by each gate's answer (the book's figures of sections 2.4 and 2.5 show OR's and XOR's)."""
    axis = np.linspace(-0.5, 1.5, 201)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1)
    figure = new_figure(13, 3.1)
    for axes, (name, gate) in zip(figure.subplots(1, len(gates)), gates.items(), strict=True):
        answers = gate(plane.reshape(-1, 2)).reshape(plane.shape[:2])
        axes.imshow(answers, cmap="RdBu_r", vmin=-1, vmax=2, extent=(-0.5, 1.5, -0.5, 1.5), origin="lower")
        for (x1, x2), t in zip(INPUTS, TABLES[name.split()[0]], strict=True):
            marker, colour = ("^", "tab:red") if t else ("o", "tab:blue")
            axes.plot(x1, x2, marker, color=colour, markersize=9, markeredgecolor="white")
        axes.set(title=name, xlabel="x1", ylabel="x2", xticks=[0, 1], yticks=[0, 1])
    save(figure, out / "book02_perceptron.png")


def main(quick: bool, out: Path) -> None:
    gates: dict[str, Gate] = {"AND": and_gate, "NAND": nand_gate, "OR": or_gate, "XOR": xor_gate}
    print("inputs (x1, x2): (0, 0), (1, 0), (0, 1), (1, 1)")
    for name, gate in gates.items():
        compare(name, gate(INPUTS).tolist(), TABLES[name])

    learned = learn_xor(steps=500 if quick else 2000)
    compare("XOR learned, probability of 1", learned(INPUTS).round(3).tolist(), TABLES["XOR"])
    draw({**gates, "XOR learned": learned}, out)


if __name__ == "__main__":
    given = parser(__doc__).parse_args()
    main(given.quick, given.out)
