"""Batch normalization makes learning fast, and nearly indifferent to the initial values (figures 6-18 and 6-19).

A network with five hidden layers of 100 units learns 1,000 images for 20 epochs, with and without batch normalization
before each relu: first from He's initial values, then from weights of 16 standard deviations, 1 down to 0.0001.

Run: python examples/book06_batch_norm.py [--data FOLDER] [--quick] [--out FOLDER]

--quick takes 5 epochs and 4 of the standard deviations, on the images that ship with the package.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from _common import compare, images, parser

from tinygrad_jp import metrics, no_grad, seed, softmax_cross_entropy
from tinygrad_jp.nn import BatchNorm1d, Linear, ReLU, Sequential
from tinygrad_jp.optim import SGD
from tinygrad_jp.viz import plots

BATCH = 100
EPS = 1e-6  # the book's; the layer's default, 1e-5, would outweigh the variances that the smallest weights give

Curves = dict[str, list[float]]


def network(init: str | float, batch_norm: bool) -> Sequential:
    layers = []
    for inputs in (784, 100, 100, 100, 100):
        layers += [Linear(inputs, 100, init=init), *([BatchNorm1d(100, EPS)] if batch_norm else []), ReLU()]
    return Sequential(*layers, Linear(100, 10, init=init))


@np.errstate(over="ignore", invalid="ignore")  # large weights overflow without batch normalization
def train(model: Sequential, x: np.ndarray, t: np.ndarray, epochs: int) -> list[float]:
    """Return the accuracy on the training images, at first and after each epoch."""

    def accuracy() -> float:
        with no_grad():
            result = metrics.accuracy(model.eval()(x), t)
        model.train()
        return result

    optimizer = SGD(model.parameters(), lr=0.01)
    rng = np.random.default_rng(1)
    accuracies = [accuracy()]
    for _ in range(epochs):
        for _ in range(len(x) // BATCH):
            batch = rng.choice(len(x), BATCH)
            softmax_cross_entropy(model(x[batch]), t[batch]).backward()
            optimizer.step()
            optimizer.zero_grad()
        accuracies.append(accuracy())
    return accuracies


def train_both(init: str | float, x: np.ndarray, t: np.ndarray, epochs: int) -> Curves:
    """Train with and without batch normalization, from the same initial values."""
    curves = {}
    for name, batch_norm in {"with batch norm": True, "without": False}.items():
        seed(0)
        curves[name] = train(network(init, batch_norm), x, t, epochs)
    return curves


def main(data: Path | None, quick: bool, out: Path) -> None:
    digits = images(quick, data)
    x, t = digits.x_train[:1000], digits.t_train[:1000]
    epochs, scales = (5, np.logspace(0, -4, 4)) if quick else (20, np.logspace(0, -4, 16))
    start = time.perf_counter()

    he = train_both("he", x, t, epochs)
    for name, accuracies in he.items():
        compare(f"He, {name}, after 2 epochs / {epochs}", f"{accuracies[2]:.3f} / {accuracies[-1]:.3f}")
    path = out / "book06_batch_norm.png"
    axes = {"xlabel": "epoch", "ylabel": "accuracy on the training images", "ylim": (0, 1.02), "first": 0}
    print("figure:", plots.curves(he, path, **axes))

    found = {float(scale): train_both(float(scale), x, t, epochs) for scale in scales}
    for scale, curves in found.items():
        compare(f"std {scale:.2g}, with / without", " / ".join(f"{a[-1]:.3f}" for a in curves.values()))
    faster = sum(np.mean(with_) > np.mean(without) for with_, without in map(dict.values, found.values()))
    learned = sum(curves["without"][-1] > 0.5 for curves in found.values())
    compare("faster with batch normalization", f"{faster} of {len(found)}", "almost all of 16")
    compare("more than half recognised without", f"{learned} of {len(found)}", "few of 16")
    print(f"{time.perf_counter() - start:.1f} s")
    panels = {f"std = {scale:.2g}": curves for scale, curves in found.items()}
    print("figure:", plots.curve_sheet(panels, out / "book06_batch_norm_scales.png", **axes))


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick, given.out)
