"""Paths of six optimizers down one valley, f(x, y) = x²/20 + y² (figures 6-3 and 6-5 to 6-8).

The valley is twenty times steeper across (y) than along (x), so the gradient points almost nowhere to the minimum at
(0, 0). From (−7, 2) SGD swings across at every step; the others turn towards the minimum, each in its own way. RMSprop
and AdaDelta, which figure 6-8 does not have, stand below.

Run: python examples/book06_optimizer_paths.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from _common import compare, parser

from tinygrad_jp import Tensor
from tinygrad_jp.optim import SGD, AdaDelta, AdaGrad, Adam, Momentum, Optimizer, RMSprop
from tinygrad_jp.viz import plots

STEPS = 30
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "SGD": partial(SGD, lr=0.95),
    "Momentum": partial(Momentum, lr=0.1, momentum=0.9),
    "AdaGrad": partial(AdaGrad, lr=1.5),
    "Adam": partial(Adam, lr=0.3),
    "RMSprop": partial(RMSprop, lr=0.3, rho=0.9),
    "AdaDelta": partial(AdaDelta, lr=1.0, eps=0.01),  # the paper's ε = 1e-6 would hardly leave the start in 30 steps
}


def f(x, y):
    return x**2 / 20 + y**2


def path(make: Callable[..., Optimizer]) -> np.ndarray:
    """Return the points from the start on, shape (STEPS + 1, 2)."""
    x, y = Tensor(-7.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    optimizer = make([x, y])
    points = [(x.item(), y.item())]
    for _ in range(STEPS):
        f(x, y).backward()
        optimizer.step()
        optimizer.zero_grad()
        points.append((x.item(), y.item()))
    return np.array(points)


def swings(points: np.ndarray) -> int:
    """Count how often the path crosses the valley's floor; points nearer to it than 0.01 lie on it."""
    y = points[:, 1]
    return int((np.diff(np.sign(y[abs(y) > 0.01])) != 0).sum())


def length(points: np.ndarray) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def main(out: Path) -> None:
    paths = {name: path(make) for name, make in OPTIMIZERS.items()}
    for name, points in paths.items():
        x, y = points[-1]
        ours = f"({x:+.3f}, {y:+.3f}), length {length(points):.1f}, swings {swings(points)}"
        compare(f"{name}, after {STEPS} steps", ours)
    book = ("Momentum", "AdaGrad", "Adam")
    fewer = all(swings(paths[name]) < swings(paths["SGD"]) for name in book)
    shorter = all(length(paths[name]) < length(paths["SGD"]) for name in book)
    compare("the other three swing less than SGD", "yes" if fewer else "no", "yes (figures 6-3, 6-5 to 6-8)")
    compare("and their paths are shorter", "yes" if shorter else "no", "yes")
    titles = {f"{name}, lr {OPTIMIZERS[name].keywords['lr']:g}": points for name, points in paths.items()}
    print("figure:", plots.optimizer_paths(titles, f, out / "book06_optimizer_paths.png", xlim=(-9, 9), ylim=(-4, 4)))


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)
