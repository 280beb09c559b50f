"""jacobian, hessian, vjp, jvp; the book's numerical gradient and gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor
from tinygrad_jp.errors import DtypeError, GraphError, ShapeError
from tinygrad_jp.testing import arrays, shapes

EXAMPLES = settings(deadline=None, max_examples=30)
MODES = pytest.mark.parametrize(
    "mode", [nullcontext, tj.no_grad, tj.enable_grad], ids=["plain", "no_grad", "enable_grad"]
)


def book_4(x: Any) -> Any:
    """f(x₀, x₁) = x₀² + x₁² (the book, equation 4.6)."""
    return x[0] ** 2 + x[1] ** 2


def numerical_jacobian(f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """Column by column, by central differences."""
    h = 1e-5
    columns = []
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = h
        columns.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * h))
    shape = np.shape(f(x))
    return np.moveaxis(np.reshape(columns, (x.size, *shape)), 0, -1).reshape((*shape, *x.shape))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "to a number": lambda x: (x * np.sin(x)).sum(),
    "to the same shape": lambda x: np.exp(x) * x.sum(),
    "to a matrix": lambda x: np.outer(x.reshape(-1), np.tanh(x).reshape(-1)),
    "to a shorter vector": lambda x: (x * x * x).reshape(-1)[:1],
    "linear": lambda x: 2.0 * x.reshape(-1),
    "without an axis": lambda x: np.mean(x * x),
}
"""Smooth functions that Tensors and arrays share."""
SMOOTH = pytest.mark.parametrize("f", [pytest.param(f, id=name) for name, f in FUNCTIONS.items()])
POINTS = arrays(shape=shapes(max_dims=2, min_side=1, max_side=3), dtype=np.float64, intervals=((-1.5, 1.5),))


class TestJacobian:
    @MODES
    def test_by_hand(self, mode: Any) -> None:
        with mode():
            j = tj.jacobian(lambda x: tj.stack([x[0] * x[1], tj.sin(x[0]), x[2] ** 2]), [1.0, 2.0, 3.0])
        np.testing.assert_allclose(j.numpy(), [[2, 1, 0], [np.cos(1), 0, 0], [0, 0, 6]])
        assert not j.requires_grad

    @SMOOTH
    @EXAMPLES
    @given(x=POINTS)
    def test_is_the_numerical_one(self, f: Any, x: np.ndarray) -> None:
        original = x.copy()
        j = tj.jacobian(f, x)
        assert j.shape == (*np.shape(f(x)), *x.shape)
        np.testing.assert_allclose(j.numpy(), numerical_jacobian(f, x), rtol=1e-6, atol=1e-8)
        np.testing.assert_array_equal(x, original)

    @pytest.mark.parametrize(("rows", "columns"), [(2, 3), (1, 1), (0, 2), (3, 0)])
    def test_of_a_linear_map_is_its_matrix(self, rows: int, columns: int) -> None:
        a = np.random.default_rng(0).normal(size=(rows, columns))
        np.testing.assert_array_equal(tj.jacobian(lambda x: tj.dot(a, x), np.ones(columns)).numpy(), a)

    def test_of_an_elementwise_function_is_diagonal(self) -> None:
        x = np.array([0.5, 1.0, 2.0])
        np.testing.assert_allclose(tj.jacobian(tj.log, x).numpy(), np.diag(1 / x))

    def test_of_a_number(self) -> None:
        j = tj.jacobian(lambda x: x**3, 2.0)
        assert (j.shape, j.item()) == ((), 12.0)

    def test_of_a_constant_function(self) -> None:
        assert tj.jacobian(lambda x: Tensor([1.0, 2.0]), [3.0, 4.0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
        assert tj.jacobian(lambda x: tj.floor(x), [3.5, 4.5]).tolist() == [[0.0, 0.0], [0.0, 0.0]]

    def test_keeps_float32(self) -> None:
        assert tj.jacobian(lambda x: x * x, np.ones(2, np.float32)).dtype == np.float32


class TestHessian:
    @MODES
    def test_by_hand(self, mode: Any) -> None:
        with mode():
            h = tj.hessian(lambda x: x[0] ** 2 * x[1] + tj.exp(x[1]), [3.0, 0.5])
        np.testing.assert_allclose(h.numpy(), [[1.0, 6.0], [6.0, np.exp(0.5)]])
        assert not h.requires_grad

    @EXAMPLES
    @given(st.data())
    def test_of_a_quadratic_form(self, data: st.DataObject) -> None:
        n = data.draw(st.integers(1, 4))
        a = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(n, n))
        x = data.draw(arrays(shape=(n,), dtype=np.float64))
        np.testing.assert_allclose(tj.hessian(lambda t: tj.dot(t, tj.dot(a, t)), x).numpy(), a + a.T, atol=1e-12)

    @EXAMPLES
    @given(x=POINTS)
    def test_is_the_jacobian_of_the_gradient_and_symmetric(self, x: np.ndarray) -> None:
        f = lambda t: (tj.sin(t) * t.sum()).sum() + (t**3).mean()  # noqa: E731
        original = x.copy()
        h = tj.hessian(f, x)
        assert h.shape == x.shape * 2
        numeric = numerical_jacobian(lambda p: tj.vjp(f, p)[1].numpy(), x)
        np.testing.assert_allclose(h.numpy(), numeric, rtol=1e-6, atol=1e-7)
        flat = h.numpy().reshape(x.size, x.size)
        np.testing.assert_allclose(flat, flat.T, atol=1e-12)
        np.testing.assert_array_equal(x, original)

    def test_of_rosenbrock(self) -> None:
        def rosenbrock(x: Tensor) -> Tensor:
            return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

        np.testing.assert_allclose(tj.hessian(rosenbrock, [1.0, 1.0]).numpy(), [[802.0, -400.0], [-400.0, 200.0]])

    @pytest.mark.parametrize(
        "f", [lambda x: x.sum(), lambda x: Tensor(1.0), lambda x: tj.relu(x).sum(), lambda x: tj.abs(x).sum()]
    )
    def test_without_curvature_is_zero(self, f: Any) -> None:
        assert tj.hessian(f, [1.0, -2.0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]

    def test_of_a_number(self) -> None:
        h = tj.hessian(lambda x: x**3, 2.0)
        assert (h.shape, h.item()) == ((), 12.0)

    def test_needs_a_single_number(self) -> None:
        with pytest.raises(ShapeError, match=r"hessian: .*single number.*\(2,\)"):
            tj.hessian(lambda x: x * x, [1.0, 2.0])


class TestProducts:
    @MODES
    def test_vjp_by_hand(self, mode: Any) -> None:
        with mode():
            y, product = tj.vjp(lambda x: tj.stack([x[0] * x[1], x[0] ** 2]), [2.0, 3.0], [10.0, 1.0])
        assert y.tolist() == [6.0, 4.0]
        assert product.tolist() == [34.0, 20.0]
        assert not y.requires_grad
        assert not product.requires_grad

    @MODES
    def test_jvp_by_hand(self, mode: Any) -> None:
        with mode():
            y, product = tj.jvp(lambda x: tj.stack([x[0] * x[1], x[0] ** 2]), [2.0, 3.0], [10.0, 1.0])
        assert y.tolist() == [6.0, 4.0]
        assert product.tolist() == [32.0, 40.0]
        assert not y.requires_grad
        assert not product.requires_grad

    @SMOOTH
    @EXAMPLES
    @given(x=POINTS, seed=st.integers(0, 99))
    def test_are_products_with_the_jacobian(self, f: Any, x: np.ndarray, seed: int) -> None:
        rng = np.random.default_rng(seed)
        shape = np.shape(f(x))
        u, d = rng.normal(size=shape), rng.normal(size=x.shape)
        kept = [a.copy() for a in (x, u, d)]
        j = numerical_jacobian(f, x)
        y, left = tj.vjp(f, x, u)
        z, right = tj.jvp(f, x, d)
        np.testing.assert_allclose(y.numpy(), f(x), rtol=1e-13)
        np.testing.assert_allclose(z.numpy(), f(x), rtol=1e-13)
        assert (left.shape, right.shape) == (x.shape, shape)
        np.testing.assert_allclose(left.numpy(), np.tensordot(u, j, u.ndim), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(right.numpy(), np.tensordot(j, d, d.ndim), rtol=1e-6, atol=1e-7)
        assert (left.numpy() * d).sum() == pytest.approx((u * right.numpy()).sum(), rel=1e-10, abs=1e-10)
        for array, original in zip((x, u, d), kept, strict=True):
            np.testing.assert_array_equal(array, original)

    def test_vjp_of_a_number_needs_no_vector(self) -> None:
        y, product = tj.vjp(lambda x: (x * x).sum(), [1.0, 2.0])
        assert (y.item(), product.tolist()) == (5.0, [2.0, 4.0])
        with pytest.raises(GraphError, match="2 elements"):
            tj.vjp(lambda x: x * x, [1.0, 2.0])

    def test_wrong_shapes(self) -> None:
        with pytest.raises(ShapeError, match=r"jvp: v has shape \(3,\), but x has shape \(2,\)"):
            tj.jvp(lambda x: x * x, [1.0, 2.0], [1.0, 2.0, 3.0])
        with pytest.raises(ShapeError, match=r"shape \(3,\).*shape \(2,\)"):
            tj.vjp(lambda x: x * x, [1.0, 2.0], [1.0, 2.0, 3.0])

    @pytest.mark.parametrize("product", [tj.vjp, tj.jvp])
    def test_of_a_constant_function(self, product: Any) -> None:
        y, zero = product(lambda x: Tensor([1.0, 2.0]), [3.0, 4.0], [1.0, 1.0])
        assert y.tolist() == [1.0, 2.0]
        assert zero.tolist() == [0.0, 0.0]

    def test_jvp_of_a_constant_function_has_the_shape_of_its_value(self) -> None:
        assert tj.jvp(lambda x: Tensor([1.0, 2.0, 3.0]), [3.0, 4.0], [1.0, 1.0])[1].shape == (3,)


class TestPoints:
    """How the point of differentiation is taken, by all four."""

    @pytest.mark.parametrize(
        "run",
        [
            lambda f, x: tj.jacobian(f, x),
            lambda f, x: tj.hessian(f, x),
            lambda f, x: tj.vjp(f, x)[1],
            lambda f, x: tj.jvp(f, x, np.ones(np.shape(x)))[1],
        ],
        ids=["jacobian", "hessian", "vjp", "jvp"],
    )
    @pytest.mark.parametrize(
        "x",
        [[1, 2], [1.0, 2.0], np.array([1, 2]), Tensor([1.0, 2.0]), Tensor([1.0, 2.0], requires_grad=True)],
        ids=repr,
    )
    def test_anything_like_a_tensor(self, run: Any, x: Any) -> None:
        result = run(lambda t: (t * t).sum(), x)
        assert result.dtype == np.float64
        assert not result.requires_grad
        if isinstance(x, Tensor):
            assert x.grad is None

    def test_may_depend_on_other_tensors(self) -> None:
        w = Tensor([2.0, 3.0], requires_grad=True)
        assert tj.jacobian(lambda x: x * w, [1.0, 1.0]).tolist() == [[2.0, 0.0], [0.0, 3.0]]
        assert w.grad is None

    def test_nested(self) -> None:
        """A Jacobian of a Jacobian product is a Hessian."""
        h = tj.jacobian(lambda x: tj.grad((x**3).sum(), x, create_graph=True), [1.0, 2.0])
        assert h.tolist() == [[6.0, 0.0], [0.0, 12.0]]

    @pytest.mark.parametrize("run", [tj.jacobian, tj.hessian, tj.vjp, lambda f, x: tj.jvp(f, x, [1.0, 1.0])])
    def test_a_function_must_return_a_tensor(self, run: Any) -> None:
        with pytest.raises(DtypeError, match="f must return a Tensor, got float"):
            run(lambda x: 1.0, [1.0, 2.0])

    def test_the_function_may_not_see_the_callers_array(self) -> None:
        x = np.array([1.0, 2.0])

        def spoil(t: Tensor) -> Tensor:
            with tj.no_grad():
                t += 100.0
            return t.sum()

        tj.jacobian(spoil, x)
        assert x.tolist() == [1.0, 2.0]


# ------------------------------------------------------------------------------------------ the numerical ones


class TestNumericalGradient:
    @pytest.mark.parametrize(
        ("x", "expected"), [((3.0, 4.0), (6.0, 8.0)), ((0.0, 2.0), (0.0, 4.0)), ((3.0, 0.0), (6.0, 0.0))]
    )
    def test_of_the_book(self, x: Any, expected: Any) -> None:
        """Section 4.4."""
        np.testing.assert_allclose(tj.numerical_gradient(book_4, np.array(x)), expected, rtol=1e-9, atol=1e-9)

    def test_of_whole_numbers(self) -> None:
        """The book's own function, written with an integer array, would step nowhere."""
        g = tj.numerical_gradient(book_4, np.array([3, 4]))
        assert g.dtype == np.float64
        np.testing.assert_allclose(g, [6.0, 8.0])

    def test_partial_derivatives_of_the_book(self) -> None:
        """Section 4.3.3: f(x₀, 4) at 3 and f(3, x₁) at 4."""
        assert tj.numerical_gradient(lambda x: x[0] ** 2 + 4.0**2, [3.0])[0] == pytest.approx(6.00000000000378)
        assert tj.numerical_gradient(lambda x: 3.0**2 + x[0] ** 2, [4.0])[0] == pytest.approx(7.999999999999119)

    @EXAMPLES
    @given(x=POINTS)
    def test_agrees_with_the_tape(self, x: np.ndarray) -> None:
        original = x.copy()
        f = lambda t: (np.sin(t) * t).sum()  # noqa: E731
        numeric = tj.numerical_gradient(f, x)
        assert numeric.shape == x.shape
        np.testing.assert_allclose(numeric, tj.vjp(f, x)[1].numpy(), rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(x, original)

    @pytest.mark.parametrize(
        "x", [2.0, [2.0], [[1.0, 2.0], [3.0, 4.0]], Tensor([1.0, 2.0], requires_grad=True)], ids=repr
    )
    def test_any_shape(self, x: Any) -> None:
        g = tj.numerical_gradient(lambda t: (t * t).sum(), x)
        assert type(g) is np.ndarray
        np.testing.assert_allclose(g, 2 * (x.numpy() if isinstance(x, Tensor) else np.asarray(x)), rtol=1e-8)

    def test_takes_a_function_of_tensors(self) -> None:
        np.testing.assert_allclose(tj.numerical_gradient(lambda x: (Tensor(x) ** 2).sum(), [3.0, 4.0]), [6.0, 8.0])
        np.testing.assert_allclose(tj.numerical_gradient(lambda x: tj.exp(x).sum(), [0.0]), [1.0])

    def test_a_function_that_changes_its_argument_does_no_harm(self) -> None:
        x = np.array([3.0, 4.0])

        def spoil(t: np.ndarray) -> float:
            value = float((t**2).sum())
            t[:] = 0.0
            return value

        np.testing.assert_allclose(tj.numerical_gradient(spoil, x), [6.0, 8.0])
        assert x.tolist() == [3.0, 4.0]

    def test_step_of_the_book(self) -> None:
        """Central differences with h = 1e-4 have exactly the error h² of a cube."""
        assert tj.numerical_gradient(lambda x: x[0] ** 3, [0.0])[0] == pytest.approx(1e-8)


class TestGradientDescent:
    @pytest.mark.parametrize(
        ("lr", "expected"),
        [
            (0.1, (-6.11110793e-10, 8.14814391e-10)),
            (10.0, (-2.58983747e13, -1.29524862e12)),
            (1e-10, (-2.99999994, 3.99999992)),
        ],
    )
    def test_of_the_book(self, lr: float, expected: tuple[float, float]) -> None:
        """Section 4.4.1: a good learning rate, one too large, one too small."""
        init = np.array([-3.0, 4.0])
        x = tj.gradient_descent(book_4, init, lr=lr, step_num=100)
        np.testing.assert_allclose(x, expected, rtol=1e-3 if lr == 10.0 else 1e-6)
        assert init.tolist() == [-3.0, 4.0]

    def test_one_step(self) -> None:
        np.testing.assert_allclose(tj.gradient_descent(book_4, [3.0, 4.0], lr=0.5, step_num=1), [0.0, 0.0], atol=1e-9)

    def test_no_step_returns_a_copy(self) -> None:
        init = np.array([1.0, 2.0])
        x = tj.gradient_descent(book_4, init, step_num=0)
        assert x.tolist() == [1.0, 2.0]
        assert not np.shares_memory(x, init)

    def test_defaults_are_the_books(self) -> None:
        """lr = 0.01 and 100 steps: each step multiplies x by 0.98."""
        np.testing.assert_allclose(tj.gradient_descent(book_4, [1.0, 1.0]), [0.98**100] * 2, rtol=1e-6)

    def test_starts_from_a_tensor_or_whole_numbers(self) -> None:
        for init in (Tensor([-3.0, 4.0], requires_grad=True), [-3, 4], np.array([-3, 4])):
            x = tj.gradient_descent(book_4, init, lr=0.1)
            assert x.dtype == np.float64
            np.testing.assert_allclose(x, [0.0, 0.0], atol=1e-8)

    @pytest.mark.parametrize("options", [{"lr": 0.0}, {"lr": -0.1}, {"lr": np.nan}, {"step_num": -1}])
    def test_wrong_options(self, options: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="gradient_descent: lr must be positive and step_num at least 0"):
            tj.gradient_descent(book_4, [1.0, 2.0], **options)
