"""Gradient descent on f(x0, x1) = x0² + x1² from (−3, 4), with three learning rates (section 4.4.1, figure 4-10).

With 0.1 it reaches the minimum at (0, 0), with 10 it flies away, with 1e-10 it hardly moves. The book's numbers for
the learning rate 10 are the work of rounding: far out, x + h and x − h are the same float, so that the numerical
gradient is 0 and the flight ends. The tape's gradient is exact, and its flight goes on.

Run: python examples/book04_gradient_descent.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _common import compare, parser

from tinygrad_jp import Tensor, grad, gradient_descent
from tinygrad_jp.viz import plots

START = np.array([-3.0, 4.0])
BOOK = {
    0.1: "[-6.11110793e-10  8.14814391e-10]",
    10.0: "[-2.58983747e+13 -1.29524862e+12]",
    1e-10: "[-2.99999994  3.99999992]",
}


def function_2(x):
    return (x**2).sum()


def path_by_tape(lr: float, steps: int) -> np.ndarray:
    """Return the points of the descent, shape (steps + 1, 2)."""
    path = [START]
    for _ in range(steps):
        x = Tensor(path[-1], requires_grad=True)
        path.append(path[-1] - lr * grad(function_2(x), x).numpy())
    return np.array(path)


def main(out: Path) -> None:
    for lr, book in BOOK.items():
        compare(f"learning rate {lr:g}, numerical gradient", gradient_descent(function_2, START, lr, 100), book)
        compare(f"learning rate {lr:g}, by the tape", path_by_tape(lr, 100)[-1])
    paths = {f"learning rate {lr:g}, 20 steps": path_by_tape(lr, 20) for lr in BOOK}
    limits = {"xlim": (-4.5, 4.5), "ylim": (-4.5, 4.5)}
    path = out / "book04_gradient_descent.png"
    print("figure:", plots.optimizer_paths(paths, lambda x0, x1: x0**2 + x1**2, path, **limits))


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)
