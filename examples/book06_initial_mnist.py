"""What initial values do to learning: std = 0.01, Xavier and He on MNIST (section 6.2.4, figure 6-15).

A network of five layers (784-100-100-100-100-10) with relu takes 2,000 steps of SGD (learning rate 0.01, batches of
128). With std = 0.01 almost nothing reaches the last layer, and almost no gradient comes back: the loss stays at
log 10 = 2.30, that of a guess.

Run: python examples/book06_initial_mnist.py [--data FOLDER] [--quick] [--out FOLDER]

--quick takes 250 steps on the images that ship with the package.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from _common import compare, images, parser

from tinygrad_jp import seed, softmax_cross_entropy
from tinygrad_jp.data import Mnist
from tinygrad_jp.nn import Linear, ReLU, Sequential
from tinygrad_jp.optim import SGD
from tinygrad_jp.viz import plots

INITS: dict[str, tuple[str | float, str]] = {
    "std = 0.01": (0.01, "does not learn"),
    "Xavier": ("xavier", "learns"),
    "He": ("he", "learns, faster than with Xavier"),
}


def network(init: str | float) -> Sequential:
    hidden = [layer for n in (784, 100, 100, 100) for layer in (Linear(n, 100, init=init), ReLU())]
    return Sequential(*hidden, Linear(100, 10, init=init))


def train(digits: Mnist, init: str | float, steps: int) -> list[float]:
    """Return the loss of every step."""
    seed(0)
    model = network(init)
    optimizer = SGD(model.parameters(), lr=0.01)
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
    for name, (init, book) in INITS.items():
        start = time.perf_counter()
        curves[name] = train(digits, init, steps)
        seconds = time.perf_counter() - start
        compare(f"{name}, loss of the last 100 steps", f"{np.mean(curves[name][-100:]):.4f} ({seconds:.1f} s)", book)
    stuck, xavier, he = (float(np.mean(losses)) for losses in curves.values())
    compare("He before Xavier, std = 0.01 stuck", "yes" if he < xavier < stuck and stuck > 2.29 else "no", "yes")
    print(
        "figure:",
        plots.curves(
            curves,
            out / "book06_initial_mnist.png",
            xlabel="step",
            ylabel="loss, mean of 15 steps",
            smooth=15,
            ylim=(0, 2.5),
        ),
    )


if __name__ == "__main__":
    given = parser(__doc__, data=True).parse_args()
    main(given.data, given.quick, given.out)
