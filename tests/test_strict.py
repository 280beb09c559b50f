"""strict_zero: a branch that where() did not take contributes exactly 0; genuine infinities and NaN stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_jp as tj
from tinygrad_jp import Tensor, strict_zero

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
EXAMPLES = settings(deadline=None, max_examples=60)


def leaf(values: Any) -> Tensor:
    return Tensor(np.array(values, dtype=float), requires_grad=True)


def strict_gradient(f: Callable[[Tensor], Tensor], values: Any) -> np.ndarray:
    x = leaf(values)
    with strict_zero():
        f(x).sum().backward()
    return x.grad.numpy()


# ------------------------------------------------------------------------------------------------ the example


class TestExample:
    def test_square_root_of_a_negative_number(self) -> None:
        f = lambda x: tj.where(x > 0, tj.sqrt(x), 0.0)  # noqa: E731
        x = leaf(-1.0)
        f(x).backward()
        assert np.isnan(x.grad.item())  # as in the other frameworks
        assert strict_gradient(f, -1.0).item() == 0.0

    def test_of_the_docstring(self) -> None:
        x = leaf([-1.0, 4.0])
        with strict_zero():
            tj.where(x > 0, tj.sqrt(x), 0.0).sum().backward()
        assert repr(x.grad) == "Tensor([0.  , 0.25])"

    def test_the_report_lists_what_was_saved(self) -> None:
        x = leaf([-1.0, 4.0, 0.0])
        with strict_zero() as report:
            tj.where(x > 0, tj.sqrt(x) + tj.log(x), 0.0).sum().backward()
        assert x.grad.tolist() == [0.0, 0.5, 0.0]
        saved = {(r.op, r.input, r.shape, r.elements) for r in report.saved}
        assert saved == {("sqrt", 0, (3,), 2), ("log", 0, (3,), 1)}  # 0 / −1, at the first element, is no NaN
        text = str(report)
        assert "2 node input(s)" in text
        assert "sqrt: 2 element(s) of input 0, shape (3,)" in text
        assert "log: 1 element(s) of input 0, shape (3,)" in text

    def test_the_report_says_when_there_was_nothing(self) -> None:
        x = leaf([1.0, 4.0])
        with strict_zero() as report:
            tj.sqrt(x).sum().backward()
        assert report.saved == []
        assert str(report) == "strict_zero: nothing to save"

    def test_what_stays_infinite_is_not_reported(self) -> None:
        x = leaf([0.0, 0.0])
        with strict_zero() as report:
            tj.sqrt(x @ np.array([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
        assert x.grad.tolist() == [np.inf, np.inf]
        assert report.saved == []

    def test_the_report_grows_over_several_passes(self) -> None:
        x = leaf(-1.0)
        with strict_zero() as report:
            for _ in range(3):
                tj.where(x > 0, tj.sqrt(x), 0.0).backward()
        assert [r.op for r in report.saved] == ["sqrt"] * 3
        assert x.grad.item() == 0.0


# ------------------------------------------------------------------------------------------------ branches by element

BRANCHES: dict[str, Callable[[Any], Any]] = {
    "sqrt": tj.sqrt,
    "log": tj.log,
    "1 / x": lambda x: 1 / x,
    "x / x": lambda x: x / x,
    "reciprocal": tj.reciprocal,
    "x ** -1": lambda x: x**-1,
    "x ** 0.5": lambda x: x**0.5,
    "x ** x": lambda x: x**x,
    "exp": tj.exp,
    "exp(1 / x)": lambda x: tj.exp(1 / x),
    "log(log(x))": lambda x: tj.log(tj.log(x)),
    "x · log x": lambda x: x * tj.log(x),
    "log1p": tj.log1p,
    "arcsin": tj.arcsin,
    "arctan2": lambda x: tj.arctan2(x, x * x),
    "tanh(sqrt)": lambda x: tj.tanh(tj.sqrt(x)),
    "reshaped": lambda x: tj.sqrt(x.reshape(-1)).reshape(x.shape),
    "flipped twice": lambda x: tj.flip(tj.log(tj.flip(x, 0)), 0),
    "indexed": lambda x: tj.log(x)[np.arange(len(x.numpy()))],
    "joined": lambda x: tj.concatenate([tj.log(x), tj.sqrt(x)])[: len(x.numpy())],
}
SAFE = 0.7
"""A point at which every branch is smooth."""


@pytest.mark.parametrize("branch", [pytest.param(f, id=name) for name, f in BRANCHES.items()])
@EXAMPLES
@given(
    values=hnp.arrays(
        float,
        hnp.array_shapes(max_dims=1, max_side=5),
        elements=st.sampled_from([SAFE, 0.4, 0.9, 0.0, -1.0, -0.5, 2.0, 1e200, np.inf, -np.inf, np.nan]),
    )
)
def test_equals_the_gradient_with_safe_values_in_the_masked_branch(branch: Any, values: np.ndarray) -> None:
    """The oracle is the usual trick: put a harmless number where the branch is not taken, before and after."""
    taken = (values > 0.3) & (values < 0.95)
    harmless = leaf(np.where(taken, values, SAFE))
    tj.where(taken, branch(harmless), 0.0).sum().backward()
    expected = np.where(taken, harmless.grad.numpy(), 0.0)
    found = strict_gradient(lambda x: tj.where(taken, branch(x), 0.0), values)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found[~taken] == 0).all()


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (lambda x: tj.where(x != 0, tj.sin(x) / x, 1.0), 0.0, 0.0),
        (lambda x: tj.where(x > 0, x * tj.log(x), 0.0), 0.0, 0.0),
        (lambda x: tj.where(x < 100, tj.log(1 + tj.exp(x)), x), 1000.0, 1.0),
        (lambda x: tj.where(x > 0, x**0.5, x**2), -3.0, -6.0),
        (lambda x: tj.where(x > 0, 1 / x, x), 0.0, 1.0),
        (lambda x: tj.where(x > 0, tj.where(x > 1, tj.log(x - 1), 0.0), 3 * x), 0.5, 0.0),
        (lambda x: tj.where(x > 0, tj.where(x > 1, tj.log(x - 1), 0.0), 3 * x), -0.5, 3.0),
    ],
    ids=["sinc", "x log x", "softplus", "roots", "1/x", "nested, between", "nested, outside"],
)
def test_functions_that_readers_write(f: Any, at: float, expected: float) -> None:
    assert strict_gradient(f, at).item() == expected


def test_both_inputs_of_an_op_are_saved() -> None:
    x, y = leaf([1.0, 0.0]), leaf([2.0, 0.0])
    with strict_zero() as report:
        tj.where(y != 0, x / y, 0.0).sum().backward()
    assert x.grad.tolist() == [0.5, 0.0]
    assert y.grad.tolist() == [-0.25, 0.0]
    assert {(r.op, r.input) for r in report.saved} == {("div", 0), ("div", 1)}


def test_broadcast_inputs() -> None:
    """One zero denominator for a whole row."""
    x, y = leaf(np.ones((2, 3))), leaf([[0.0], [2.0]])
    with strict_zero():
        tj.where(y != 0, x / y, 0.0).sum().backward()
    assert x.grad.tolist() == [[0.0] * 3, [0.5] * 3]
    assert y.grad.tolist() == [[0.0], [-0.75]]


def test_masking_by_multiplication_with_zero_counts_as_zero() -> None:
    """What matters is that the gradient is exactly 0 there, not how it became so."""
    x = leaf([0.0, 4.0])
    with strict_zero():
        (tj.sqrt(x) * np.array([0.0, 1.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]


# ------------------------------------------------------------------------------------------------ matrices


class TestMatrices:
    BAD = np.array([[1.0, np.inf], [2.0, -np.inf], [3.0, np.nan]])
    """The second column must not be touched."""

    @pytest.mark.parametrize(
        "product",
        [
            lambda x, w: tj.dot(x, w),
            lambda x, w: x @ w,
            lambda x, w: tj.affine(x, w, np.zeros(2)),
            lambda x, w: tj.einsum("ij,jk->ik", x, w),
            lambda x, w: w.T @ x.T,
        ],
        ids=["dot", "matmul", "affine", "einsum", "from the left"],
    )
    def test_a_masked_column(self, product: Any) -> None:
        """The column taken is finite, so its terms remain: not 0, not NaN."""
        x = leaf(np.ones((4, 3)))
        with strict_zero() as report:
            y = product(x, self.BAD)
            y = y if y.shape == (4, 2) else y.T
            tj.where(np.array([True, False]), y, 0.0).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), np.tile([1.0, 2.0, 3.0], (4, 1)))
        assert report.saved

    @pytest.mark.parametrize(
        ("w", "b"),
        [
            ([[-np.inf, 1.0], [1.0, 2.0]], [0.0, np.inf]),  # a result of inf passes relu
            ([[np.inf, 1.0], [1.0, 2.0]], [-np.inf, 0.0]),  # one of NaN does not
            ([[np.inf, 1.0], [1.0, 2.0]], [0.0, 0.0]),  # an infinite weight that counts
        ],
    )
    def test_fused_layers_are_saved_as_their_steps_are(self, w: Any, b: Any) -> None:
        def of(function: Any) -> tuple[np.ndarray, np.ndarray]:
            x = leaf([[1.0, 1.0], [2.0, 3.0]])
            with strict_zero():
                y = function(x)
                y.sum().backward()
            return y.numpy().reshape(2, 2), x.grad.numpy()

        def convolved(x: Any, fused: bool) -> Any:
            images, filters = x.reshape(2, 2, 1, 1), np.reshape(np.transpose(w), (2, 2, 1, 1))
            if fused:
                return tj.conv_layer(images, filters, np.array(b), relu=True)
            return tj.relu(tj.conv2d(images, filters) + np.reshape(b, (2, 1, 1)))

        with np.errstate(invalid="ignore"):
            for one, other in (
                (lambda x: tj.affine_relu(x, w, b), lambda x: tj.relu(tj.affine(x, w, b))),
                (lambda x: convolved(x, True), lambda x: convolved(x, False)),
            ):
                for found, expected in zip(of(one), of(other), strict=True):
                    np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize("function", [tj.dot, tj.matmul, lambda x, w: tj.einsum("ij,jk->ik", x, w)])
    def test_masked_rows_of_the_input(self, function: Any) -> None:
        """Rows of x that are not finite and not taken give the weights nothing."""
        x = np.array([[1.0, 2.0], [np.inf, 1.0], [np.nan, -np.inf], [3.0, 4.0]])
        w = leaf(np.ones((2, 3)))
        taken = np.isfinite(x).all(1, keepdims=True)
        with strict_zero():
            tj.where(taken, function(x, w), 0.0).sum().backward()
        np.testing.assert_array_equal(w.grad.numpy(), [[4.0] * 3, [6.0] * 3])

    def test_a_masked_exponential_behind_a_product(self) -> None:
        x, w = leaf([[1.0, 2.0]]), leaf([[1.0, 1000.0], [0.5, 1000.0]])
        with strict_zero():
            z = x @ w
            tj.where(z < 700, tj.exp(z), 0.0).sum().backward()
        e = np.exp(2.0)
        np.testing.assert_allclose(x.grad.numpy(), [[e, e / 2]])
        np.testing.assert_allclose(w.grad.numpy(), [[e, 0.0], [2 * e, 0.0]])

    def test_vectors_and_stacks(self) -> None:
        w = leaf(np.ones((2, 3, 1)))
        x = np.ones((2, 2, 3))
        x[1, 0] = np.nan
        with strict_zero():
            tj.where(np.isfinite(x).all(-1, keepdims=True), x @ w, 0.0).sum().backward()
        np.testing.assert_array_equal(w.grad.numpy(), np.array([2.0, 1.0]).reshape(2, 1, 1) * np.ones((2, 3, 1)))
        v = leaf([1.0, 2.0])
        with strict_zero():
            tj.where(False, v.dot(np.array([np.inf, 1.0])), 0.0).backward()
        assert v.grad.tolist() == [0.0, 0.0]

    @EXAMPLES
    @given(st.data())
    def test_equals_the_gradient_with_safe_values(self, data: st.DataObject) -> None:
        n, k, m = (data.draw(st.integers(1, 3)) for _ in range(3))
        numbers = st.sampled_from([0.0, 1.0, -2.0, 0.5, np.inf, -np.inf, np.nan])
        finite = st.sampled_from([0.0, 1.0, -2.0, 0.5])
        x, w = (
            data.draw(hnp.arrays(float, (n, k), elements=finite)),
            data.draw(hnp.arrays(float, (k, m), elements=numbers)),
        )
        taken = np.isfinite(w).all(0)
        gradients = []
        for columns in (w, np.where(taken, w, 1.0)):
            a, b = leaf(x), leaf(columns)
            with strict_zero():
                tj.where(taken, tj.tanh(a @ b), 0.0).sum().backward()
            gradients.append((a.grad.numpy(), b.grad.numpy()))
        for found, expected in zip(*gradients, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


# ------------------------------------------------------------------------------------------------ reductions

REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum(1, keepdims=True),
    "mean": lambda x: x.mean(1, keepdims=True),
    "prod": lambda x: x.prod(1, keepdims=True),
    "max": lambda x: x.max(1, keepdims=True),
    "min": lambda x: x.min(1, keepdims=True),
    "var": lambda x: x.var(1, keepdims=True),
    "std": lambda x: x.std(1, keepdims=True),
    "norm": lambda x: x.norm(1, keepdims=True),
    "norm, ord=1": lambda x: x.norm(1, keepdims=True, ord=1),
    "norm, ord=3": lambda x: x.norm(1, keepdims=True, ord=3),
    "norm, ord=∞": lambda x: x.norm(1, keepdims=True, ord=np.inf),
    "logsumexp": lambda x: x.logsumexp(1, keepdims=True),
    "softmax": lambda x: x.softmax(1),
    "log_softmax": lambda x: x.log_softmax(1),
    "cumsum": lambda x: x.cumsum(1),
    "log of sum": lambda x: tj.log(x.sum(1, keepdims=True)),
    "normalized": lambda x: x / x.norm(1, keepdims=True),
    "of the columns": lambda x: x.T.logsumexp(0, keepdims=True).T,
}
ROWS = st.sampled_from(
    [
        [1.0, 2.0, 4.0],
        [0.5, 3.0, 1.5],
        [0.0, 0.0, 0.0],
        [np.inf, 0.0, 1.0],
        [np.inf, -np.inf, 1.0],
        [np.nan, 1.0, 2.0],
        [-np.inf, -np.inf, -np.inf],
        [1e200, 1e200, -1e200],
    ]
)


@pytest.mark.parametrize("primitives", [False, True], ids=["fused", "primitives"])
@pytest.mark.parametrize("reduction", [pytest.param(f, id=name) for name, f in REDUCTIONS.items()])
@settings(deadline=None, max_examples=40)
@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_masked_rows_of_reductions(reduction: Any, primitives: bool, rows: list[list[float]]) -> None:
    values = np.array(rows)
    taken = (np.isfinite(values) & (values > 0) & (values < 10)).all(1, keepdims=True)
    gradients = []
    for at in (values, np.where(taken, values, [1.0, 2.0, 4.0])):
        x = leaf(at)
        with strict_zero():
            if primitives:
                with tj.primitives():
                    y = reduction(x)
            else:
                y = reduction(x)
            tj.where(taken, y, 0.0).sum().backward()
        gradients.append(x.grad.numpy())
    found, expected = gradients
    np.testing.assert_allclose(found, np.where(taken, expected, 0.0), rtol=1e-12, atol=1e-15)
    assert (found[~taken[:, 0]] == 0).all()


def test_masked_loss() -> None:
    x = leaf([[np.inf, 1.0], [1.0, 2.0]])
    with strict_zero():
        tj.where(False, tj.softmax_cross_entropy(x, [0, 1]), x[1].sum()).backward()
    assert x.grad.tolist() == [[0.0, 0.0], [1.0, 1.0]]


# ------------------------------------------------------------------------------------------------ what stays


class TestGenuine:
    """An infinity or NaN that a nonzero gradient reaches is the truth."""

    @pytest.mark.parametrize(
        ("f", "at", "expected"),
        [
            (tj.sqrt, [0.0, 4.0], [np.inf, 0.25]),
            (tj.log, [0.0, 2.0], [np.inf, 0.5]),
            (lambda x: 1 / x, [0.0, 2.0], [-np.inf, -0.25]),
            (tj.sqrt, [-1.0, 4.0], [np.nan, 0.25]),
            (lambda x: tj.where(x >= 0, tj.sqrt(x), 0.0), [0.0, -1.0], [np.inf, 0.0]),
            (lambda x: x * np.array([np.inf, np.nan]), [1.0, 1.0], [np.inf, np.nan]),
            (lambda x: tj.norm(x), [np.inf, 1.0], [np.nan, 0.0]),
            (lambda x: tj.sqrt(x.sum()), [0.0, 0.0], [np.inf, np.inf]),
            (lambda x: tj.sqrt(x).reshape(2, 1), [0.0, 4.0], [np.inf, 0.25]),
            (lambda x: x.dot(np.array([np.inf, 2.0])), [1.0, 1.0], [np.inf, 2.0]),
            (lambda x: tj.sqrt(x.dot(np.array([1.0, 2.0]))), [0.0, 0.0], [np.inf, np.inf]),
            (lambda x: tj.sqrt(x @ np.array([[1.0, 1.0], [2.0, 3.0]])), [0.0, 0.0], [np.inf, np.inf]),
            (lambda x: 1e200 * x.dot(np.array([1e200, 1.0])), [0.0, 0.0], [np.inf, 1e200]),
            (lambda x: tj.softmax(x), [np.nan, 1.0], [np.nan, np.nan]),
        ],
    )
    def test_stays(self, f: Any, at: list[float], expected: list[float]) -> None:
        np.testing.assert_array_equal(strict_gradient(f, at), expected)

    @pytest.mark.parametrize(
        "f", [lambda x: tj.sqrt(x @ np.ones((2, 2))), lambda x: 1e200 * x.dot(np.array([1e200, 1.0])), tj.sqrt]
    )
    def test_is_not_reported(self, f: Any) -> None:
        """The report lists what was changed, nothing else."""
        x = leaf([0.0, 0.0])
        with strict_zero() as report:
            f(x).sum().backward()
        assert report.saved == []

    def test_a_gradient_that_is_given_as_nan_stays(self) -> None:
        x = leaf([1.0, 2.0])
        with strict_zero() as report:
            (x * 3.0).backward([np.nan, 1.0])
        np.testing.assert_array_equal(x.grad.numpy(), [np.nan, 3.0])
        assert report.saved == []

    @EXAMPLES
    @given(st.data())
    def test_never_changes_what_was_finite(self, data: st.DataObject) -> None:
        """With only good numbers, gradients are the same bit for bit."""
        values = data.draw(hnp.arrays(float, (2, 3), elements=st.floats(0.1, 3.0)))
        reduction = data.draw(st.sampled_from(list(REDUCTIONS.values())))
        branch = data.draw(st.sampled_from([tj.sqrt, tj.log, tj.tanh]))
        w = np.random.default_rng(0).normal(size=(3, 3))
        f = lambda x: reduction(branch(x) @ w * 0.1 + 2.0)  # noqa: E731
        x = leaf(values)
        f(x).sum().backward()
        np.testing.assert_array_equal(strict_gradient(f, values), x.grad.numpy())


# ------------------------------------------------------------------------------------------------ modes


class TestCreateGraph:
    @pytest.mark.parametrize(
        ("f", "at", "first", "second"),
        [
            (lambda x: tj.where(x > 0, tj.sqrt(x), 0.0), [-1.0, 4.0], [0.0, 0.25], [0.0, -1 / 32]),
            (lambda x: tj.where(x > 0, tj.sqrt(x), 0.0), [0.0, 4.0], [0.0, 0.25], [0.0, -1 / 32]),
            (lambda x: tj.where(x > 0, tj.log(x), 0.0), [0.0, 2.0], [0.0, 0.5], [0.0, -0.25]),
            (lambda x: tj.where(x != 0, 1 / x, 0.0), [0.0, 2.0], [0.0, -0.25], [0.0, 0.25]),
            (lambda x: tj.where(x > 0, x**0.5, x**2), [-3.0, 4.0], [-6.0, 0.25], [2.0, -1 / 32]),
            (lambda x: tj.where(x < 700, tj.exp(x), 0.0), [1000.0, 0.0], [0.0, 1.0], [0.0, 1.0]),
        ],
        ids=["sqrt(-1)", "sqrt(0)", "log", "1/x", "pow", "exp"],
    )
    def test_by_element(self, f: Any, at: list[float], first: list[float], second: list[float]) -> None:
        x = leaf(at)
        with strict_zero():
            g = tj.grad(f(x).sum(), x, create_graph=True)
            np.testing.assert_allclose(g.numpy(), first)
            h = tj.grad(g.sum(), x)
        np.testing.assert_allclose(h.numpy(), second)
        assert (np.array(second) == 0).tolist() == (h.numpy() == 0).tolist()

    def test_of_a_product(self) -> None:
        """h(x) = Σ tanh(x · w) over the finite columns of w."""
        at = np.array([[0.1, 0.2]])
        bad = np.array([[1.0, np.inf], [0.5, np.nan]])
        x = leaf(at)
        with strict_zero():
            y = tj.where(np.array([True, False]), tj.tanh(x @ bad), 0.0)
            g = tj.grad(y.sum(), x, create_graph=True)
            h = tj.grad(g.sum(), x)
        t = np.tanh(0.2)
        np.testing.assert_allclose(g.numpy(), [[1 - t**2, (1 - t**2) / 2]])
        np.testing.assert_allclose(h.numpy(), -2 * t * (1 - t**2) * np.array([[1.0, 0.5]]) * 1.5)

    def test_of_a_reduction(self) -> None:
        x = leaf([[0.0, 0.0], [3.0, 4.0]])
        with strict_zero(), tj.primitives():
            n = tj.norm(x, axis=1)
            g = tj.grad(tj.where(n > 0, n, 0.0).sum(), x, create_graph=True)
            h = tj.grad((g * np.array([1.0, 0.0])).sum(), x)
        np.testing.assert_allclose(g.numpy(), [[0.0, 0.0], [0.6, 0.8]])
        np.testing.assert_allclose(h.numpy(), [[0.0, 0.0], [16 / 125, -12 / 125]], atol=1e-15)


class TestModes:
    @staticmethod
    def is_strict() -> bool:
        x = leaf(-1.0)
        tj.where(x > 0, tj.sqrt(x), 0.0).backward()
        return x.grad.item() == 0.0

    def test_off_by_default(self) -> None:
        assert not self.is_strict()

    def test_off_after_the_block_and_after_an_error(self) -> None:
        with strict_zero():
            assert self.is_strict()
        assert not self.is_strict()
        with pytest.raises(ZeroDivisionError), strict_zero():
            raise ZeroDivisionError
        assert not self.is_strict()

    def test_nested_blocks_have_their_own_report(self) -> None:
        with strict_zero() as outer:
            with strict_zero() as inner:
                assert self.is_strict()
            assert (len(outer.saved), len(inner.saved)) == (0, 1)
            assert self.is_strict()
            assert (len(outer.saved), len(inner.saved)) == (1, 1)
        assert not self.is_strict()

    def test_what_counts_is_the_backward_pass(self) -> None:
        x = leaf(-1.0)
        with strict_zero():
            y = tj.where(x > 0, tj.sqrt(x), 0.0)
        y.backward(retain_graph=True)
        assert np.isnan(x.grad.item())
        x.zero_grad()
        with strict_zero():
            y.backward()
        assert x.grad.item() == 0.0

    def test_other_threads_are_not_strict(self) -> None:
        results: list[bool] = []
        with strict_zero():
            thread = threading.Thread(target=lambda: results.append(self.is_strict()))
            thread.start()
            thread.join()
        assert results == [False]

    def test_grad_is_strict_too(self) -> None:
        x = leaf(-1.0)
        with strict_zero():
            assert tj.grad(tj.where(x > 0, tj.log(x) * tj.sqrt(x), 0.0), x).item() == 0.0

    def test_keeps_dtypes(self) -> None:
        x = Tensor(np.array([-1.0, 4.0], np.float32), requires_grad=True)
        with strict_zero():
            tj.where(x > 0, tj.sqrt(x), 0.0).sum().backward()
        assert x.grad.dtype == np.float32
        assert x.grad.tolist() == [0.0, 0.25]
