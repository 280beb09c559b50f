"""The figures of the book's chapter 5 and appendix A, each as a function that computes what the figure shows.

Every function returns the result with its names set and, where the figure shows gradients, after ``backward``:
``viz.graph(apple_gradients())`` draws figures 5-5 and 5-14.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ops import exp, log, reciprocal
from ..tensor import Tensor


def variable(value: float, name: str) -> Tensor:
    """Make a named number that takes part in the gradient."""
    return Tensor(float(value), requires_grad=True, name=name)


def _named(result: Tensor, name: str) -> Tensor:
    result.name = name
    return result


def apple() -> Tensor:
    """Figure 5-2: two apples at 100 yen, 10 % tax, 220 yen."""
    price = variable(100, "りんご") * variable(2, "りんごの個数") * variable(1.1, "消費税")
    return _named(price, "支払金額")


def apple_and_orange() -> Tensor:
    """Figure 5-3: two apples at 100 yen and three oranges at 150 yen, 10 % tax, 715 yen."""
    apples = variable(100, "りんご") * variable(2, "りんごの個数")
    oranges = variable(150, "みかん") * variable(3, "みかんの個数")
    return _named((apples + oranges) * variable(1.1, "消費税"), "支払金額")


def apple_gradients() -> Tensor:
    """Figures 5-5 and 5-14: what one more yen, apple or point of tax would cost (2.2, 110, 200)."""
    price = apple()
    price.backward()
    return price


def apple_and_orange_gradients() -> Tensor:
    """Figures 5-15 and 5-17: the same for the second shop (2.2, 110, 3.3, 165, 650)."""
    price = apple_and_orange()
    price.backward()
    return price


def square_of_a_sum() -> Tensor:
    """Figure 5-7: z = (x + y)², equation 5.4, here at x = 2, y = 1, with the chain rule's gradients."""
    z = _named((variable(2, "x") + variable(1, "y")) ** 2, "z")
    z.backward()
    return z


def addition() -> Tensor:
    """Figure 5-11: 10 + 5 = 15; the gradient 1.3 from above passes through."""
    total = variable(10, "x") + variable(5, "y")
    total.backward(1.3)
    return _named(total, "z")


def multiplication() -> Tensor:
    """Figure 5-13: 10 × 5 = 50; the gradient 1.3 from above times the *other* input, 6.5 and 13."""
    product = variable(10, "x") * variable(5, "y")
    product.backward(1.3)
    return _named(product, "z")


def softmax_with_loss() -> Tensor:
    """Figure A-5: softmax with cross entropy for three classes, as primitives; the scores get the gradients y − t."""
    scores = [variable(a, f"a{k}") for k, a in enumerate((0.3, 2.9, 4.0), start=1)]
    targets = [Tensor(t, name=f"t{k}") for k, t in enumerate((0.0, 1.0, 0.0), start=1)]
    exps = [exp(a) for a in scores]
    inverse = reciprocal(exps[0] + exps[1] + exps[2])
    logs = [t * log(e * inverse) for t, e in zip(targets, exps, strict=True)]
    loss = _named((logs[0] + logs[1] + logs[2]) * -1, "L")
    loss.backward()
    return loss


FIGURES: dict[str, Callable[[], Tensor]] = {
    "5-02": apple,
    "5-03": apple_and_orange,
    "5-05": apple_gradients,
    "5-07": square_of_a_sum,
    "5-11": addition,
    "5-13": multiplication,
    "5-17": apple_and_orange_gradients,
    "A-5": softmax_with_loss,
}
"""Functions by the number of the book's figure."""
