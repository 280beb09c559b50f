"""SGD, Momentum, AdaGrad and Adam on MNIST (section 6.1.8, figure 6-9).

A network of five layers (784-100-100-100-100-10, relu, He's initial values) takes 2,000 steps with batches of 128. All
four start from the same weights and see the same batches. The learning rates are those the book's classes have by
default: 0.01, and 0.001 for Adam.

Run: python examples/book06_optimizers_mnist.py [--data FOLDER] [--quick] [--out FOLDER]

--quick takes 250 steps on the images that ship with the package.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from _common import compare, images, parser

from tinygrad_jp import seed, softmax_cross_entropy
from tinygrad_jp.data import Mnist
from tinygrad_jp.nn import Linear, ReLU, Sequential
from tinygrad_jp.optim import SGD, AdaGrad, Adam, Momentum, Optimizer
from tinygrad_jp.viz import plots

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "SGD": partial(SGD, lr=0.01),
    "Momentum": partial(Momentum, lr=0.01),
    "AdaGrad": partial(AdaGrad, lr=0.01),
    "Adam": partial(Adam, lr=0.001),
}


def network() -> Sequential:
    hidden = [layer for n in (784, 100, 100, 100) for layer in (Linear(n, 100, init="he"), ReLU())]
    return Sequential(*hidden, Linear(100, 10, init="he"))


def train(digits: Mnist, make: Callable[..., Optimizer], steps: int) -> list[float]:
    """Return the loss of every step."""
    seed(0)
    model = network()
    optimizer = make(model.parameters())
    rng = np.random.default_rng(1)
    losses = []
    for _ in range(steps):
        batch = rng.choice(len(digits.x_train), 128)
        loss = softmax_cross_entropy(model(digits.x_train[batch]), digits.t_train[batch])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def main(data: Path | None, quick: bool, out: Path) -> None:
    digits = images(quick, data)
    steps = 250 if quick else 2000
    curves = {}
    for name, make in OPTIMIZERS.items():
        start = time.perf_counter()
        curves[name] = train(digits, make, steps)
        seconds = time.perf_counter() - start
        means = f"{np.mean(curves[name]):.4f} / {np.mean(curves[name][-100:]):.4f}"
        compare(f"{name}, mean loss of all / last 100 steps", f"{means} ({seconds:.1f} s)")
    order = sorted(curves, key=lambda name: float(np.mean(curves[name])))
    compare("fastest to slowest, by the mean loss", ", ".join(order), "SGD last, AdaGrad a little ahead")
    compare("SGD is the slowest", "yes" if order[-1] == "SGD" else "no", "yes")
    print(
        "figure:",
        plots.curves(
            curves,
            out / "book06_optimizers_mnist.png",
            xlabel="step",
            ylabel="loss, mean of 15 steps",
            smooth=15,
            ylim=(0, 1),
        ),
    )


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick, given.out)
