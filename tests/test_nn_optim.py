"""Initial values and SGD."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_jp import Tensor
from tinygrad_jp.errors import DtypeError
from tinygrad_jp.nn import he, parameter, xavier
from tinygrad_jp.optim import SGD


def test_parameter_is_a_float32_leaf_with_memory_of_its_own() -> None:
    values = np.arange(3.0)
    w = parameter(values, name="w")
    values[0] = 9.0
    assert w.dtype == np.float32
    assert w.requires_grad
    assert w.is_leaf
    assert w.name == "w"
    np.testing.assert_array_equal(w.numpy(), [0.0, 1.0, 2.0])


@pytest.mark.parametrize(("init", "spread"), [(xavier, 1 / np.sqrt(400)), (he, np.sqrt(2 / 400))])
def test_spread_of_initial_values(init: object, spread: float) -> None:
    w = init(np.random.default_rng(0), 400, 300)  # type: ignore[operator]
    assert w.shape == (400, 300)
    assert w.numpy().std() == pytest.approx(spread, rel=0.02)
    assert abs(w.numpy().mean()) < 0.05 * spread


def test_sgd_follows_equation_6_1_in_place() -> None:
    w = parameter([1.0, 2.0])
    memory = w.data
    optimizer = SGD([w], lr=0.1)
    (w * w).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(w.numpy(), [0.8, 1.6], rtol=1e-6)
    assert w.data is memory
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.step()  # without a gradient nothing moves
    np.testing.assert_allclose(w.numpy(), [0.8, 1.6], rtol=1e-6)


def test_sgd_finds_the_minimum_of_the_books_function() -> None:
    """f(x, y) = x²/20 + y² (equation 6.2) from (−7, 2)."""
    p = parameter([-7.0, 2.0])
    optimizer = SGD([p], lr=0.9)
    for _ in range(200):
        (p[0] ** 2 / 20 + p[1] ** 2).backward()
        optimizer.step()
        optimizer.zero_grad()
    np.testing.assert_allclose(p.numpy(), [0.0, 0.0], atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "lr", "error", "message"),
    [
        ([], 0.1, ValueError, "no parameters"),
        ([parameter([1.0])], 0.0, ValueError, "must be positive"),
        ([Tensor([1.0])], 0.1, DtypeError, "parameter 0 is no leaf"),
        ([parameter([1.0]) * 2], 0.1, DtypeError, "parameter 0 is no leaf"),
    ],
)
def test_bad_arguments(parameters: list[Tensor], lr: float, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SGD(parameters, lr)
