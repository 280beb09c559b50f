"""Overfitting, and what weight decay and dropout do about it (section 6.4, figures 6-20 to 6-23).

A network of seven layers (six hidden ones of 100 units) learns 300 images only: it comes to know them all by heart,
and does worse on others. With weight decay λ = 0.1 (201 epochs, as in the book) or dropout with probability 0.2 (301
epochs) the gap between training and test images is smaller, and the training images are not all recognised. Part of
that is slower learning, of dropout above all; a line after each therefore tells plain's gap at the same accuracy.

Run: python examples/book06_overfit.py [--data FOLDER] [--quick] [--out FOLDER]

--quick tests on the 1,000 images that ship with the package, every tenth epoch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _common import compare, images, parser

from tinygrad_jp import metrics, no_grad, seed, softmax_cross_entropy
from tinygrad_jp.data import Mnist
from tinygrad_jp.nn import Dropout, Linear, ReLU, Sequential
from tinygrad_jp.optim import SGD
from tinygrad_jp.viz import plots

EXAMPLES, BATCH = 300, 100
CASES: dict[str, tuple[int, dict[str, float], str]] = {
    "plain": (301, {}, "train 1.00, test far below"),
    "weight decay 0.1": (201, {"weight_decay": 0.1}, "train below 1.00, smaller gap"),
    "dropout 0.2": (301, {"dropout": 0.2}, "train below 1.00, smaller gap"),
}


@dataclass
class Curves:
    """Accuracies on the training and the test images at some epochs."""

    epochs: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)

    def gap(self, epoch: int) -> float:
        """Return by how much training images are recognised better, after this epoch."""
        k = self.epochs.index(epoch)
        return self.train[k] - self.test[k]


def network(dropout: float) -> Sequential:
    layers = []
    for inputs in (784, 100, 100, 100, 100, 100):
        layers += [Linear(inputs, 100, init="he"), ReLU(), *([Dropout(dropout, inverted=False)] if dropout else [])]
    return Sequential(*layers, Linear(100, 10, init="he"))


def train(digits: Mnist, epochs: int, every: int, weight_decay: float = 0.0, dropout: float = 0.0) -> Curves:
    """Learn the first 300 images; only weights decay, not biases."""
    x, t = digits.x_train[:EXAMPLES], digits.t_train[:EXAMPLES]
    seed(0)
    model = network(dropout)
    weights = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim == 1]
    optimizer = SGD([{"params": weights, "weight_decay": weight_decay}, {"params": biases}], lr=0.01)
    rng = np.random.default_rng(1)
    curves = Curves()
    for epoch in range(1, epochs + 1):
        for _ in range(EXAMPLES // BATCH):
            batch = rng.choice(EXAMPLES, BATCH)
            softmax_cross_entropy(model(x[batch]), t[batch]).backward()
            optimizer.step()
            optimizer.zero_grad()
        if (epoch - 1) % every == 0:
            with no_grad():
                model.eval()
                curves.epochs.append(epoch)
                curves.train.append(metrics.accuracy(model(x), t))
                curves.test.append(metrics.accuracy(model(digits.x_test), digits.t_test))
                model.train()
    return curves


def main(data: Path | None, quick: bool, out: Path) -> None:
    digits = images(quick, data)
    every = 10 if quick else 1
    found = {}
    for name, (epochs, regularization, book) in CASES.items():
        start = time.perf_counter()
        curves = found[name] = train(digits, epochs, every, **regularization)
        seconds = time.perf_counter() - start
        ours = f"train {curves.train[-1]:.3f}, test {curves.test[-1]:.3f}, gap {curves.gap(epochs):.3f}"
        compare(f"{name}, {epochs} epochs ({seconds:.1f} s)", ours, book)
        if regularization:
            plain = found["plain"]
            as_good = plain.epochs[int(np.argmin(np.abs(np.subtract(plain.train, curves.train[-1]))))]
            smaller = "yes" if curves.gap(epochs) < plain.gap(epochs) else "no"
            compare(f"{name}: a smaller gap than plain's", f"{smaller} ({plain.gap(epochs):.3f})", "yes")
            compare("  plain's gap at this training accuracy", f"{plain.gap(as_good):.3f} (epoch {as_good})")
    panels = {name: {"training images": c.train, "test images": c.test} for name, c in found.items()}
    print("figure:", plots.curve_sheet(panels, out / "book06_overfit.png", ylim=(0, 1.02), every=every))


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick, given.out)
