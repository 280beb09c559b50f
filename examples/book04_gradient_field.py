"""The gradient of f(x0, x1) = x0² + x1² (section 4.4): its values at three points, and its field (figure 4-9).

Every arrow is minus the gradient: it shows where the function falls most steeply, and is longer the steeper it is.

Run: python examples/book04_gradient_field.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

from pathlib import Path

from _common import compare, parser

from tinygrad_jp import Tensor, grad, numerical_gradient
from tinygrad_jp.viz import plots


def function_2(x0, x1):
    return x0**2 + x1**2


def main(out: Path) -> None:
    for point, book in (([3.0, 4.0], "[6. 8.]"), ([0.0, 2.0], "[0. 4.]"), ([3.0, 0.0], "[6. 0.]")):
        numerical = numerical_gradient(lambda x: function_2(*x), point)
        compare(f"gradient at {point}, numerically", numerical.round(8), book)
        x = Tensor(point, requires_grad=True)
        compare(f"gradient at {point}, by the tape", grad(function_2(*x), x).numpy(), book)
    path = out / "book04_gradient_field.png"
    print("figure:", plots.gradient_field(function_2, path, title="minus the gradient of x² + y²"))


if __name__ == "__main__":
    main(parser(__doc__).parse_args().out)
