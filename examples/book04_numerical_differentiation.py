"""Numerical differentiation (section 4.3): the slope of f(x) = 0.01 x² + 0.1 x at 5 and at 10.

A derivative is estimated by the difference of two values of f, h before and h behind the point. The book names two
mistakes: an h so small that it is rounded away, and a difference taken on one side only. The tape computes the same
slope without any h. The figure shows f (figure 4-6) with its tangents (figure 4-7).

Run: python examples/book04_numerical_differentiation.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _common import compare, new_figure, parser, save

from tinygrad_jp import Tensor, grad
from tinygrad_jp.viz import plots


def function_1(x):
    return 0.01 * x**2 + 0.1 * x


def numerical_diff(f, x, h=1e-4):
    """Central difference (section 4.3.1)."""
    return (f(x + h) - f(x - h)) / (2 * h)


def tape_diff(f, x: float) -> float:
    variable = Tensor(x, requires_grad=True)
    return grad(f(variable), variable).item()


@plots.style()
def draw(points: list[float], out: Path) -> None:
    x = np.arange(0.0, 20.0, 0.1)
    figure = new_figure(10, 3.8)
    for axes, point in zip(figure.subplots(1, 2, sharey=True), points, strict=True):
        slope = numerical_diff(function_1, point)
        axes.plot(x, function_1(x), label="f(x) = 0.01 x² + 0.1 x")
        axes.plot(x, function_1(point) + slope * (x - point), label=f"tangent, slope {slope:.4f}")
        axes.plot(point, function_1(point), "o", color="black")
        axes.set(title=f"x = {point:g}", xlabel="x")
        axes.legend()
    save(figure, out / "book04_numerical_differentiation.png")


def main(out: Path) -> None:
    compare("h = 1e-50 in float32", np.float32(1e-50), 0.0)
    compare("f'(5), central difference", numerical_diff(function_1, 5), 0.1999999999990898)
    compare("f'(10), central difference", numerical_diff(function_1, 10), 0.2999999999986347)
    compare("f'(5), difference on one side", (function_1(5 + 1e-4) - function_1(5)) / 1e-4)
    compare("f'(5), by the tape", tape_diff(function_1, 5.0), "0.2 (on paper)")
    compare("f'(10), by the tape", tape_diff(function_1, 10.0), "0.3 (on paper)")
    draw([5, 10], out)


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)
