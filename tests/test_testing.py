"""The tests of the tester: wrong vjps are caught, right ones pass, bad input is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, op
from tinygrad_jp.errors import CallError, DtypeError, GradientError
from tinygrad_jp.testing import arrays, broadcastable_shapes, gradcheck, richardson, shapes, spaced, tensors


def cube(vjp: Callable[..., Any]) -> Any:
    @op(vjp={"x": vjp})
    def cube(x: Any, /) -> Any:
        return x * x * x

    return cube


def product(x_vjp: Callable[..., Any], y_vjp: Callable[..., Any]) -> Any:
    @op(vjp={"x": x_vjp, "y": y_vjp})
    def product(x: Any, y: Any, /) -> Any:
        return np.matmul(x, y)

    return product


def point(*shape: int, dtype: Any = np.float64) -> Tensor:
    return Tensor(np.random.default_rng(1).uniform(0.5, 2.0, shape).astype(dtype), requires_grad=True)


RIGHT = cube(lambda g, x: 3 * g * x * x)
WRONG = {
    "sign": lambda g, x: -3 * g * x * x,
    "factor": lambda g, x: 2 * g * x * x,
    "power": lambda g, x: 3 * g * x,
    "ignores g": lambda g, x: 3 * x * x,
    "g squared": lambda g, x: 3 * g * g * x * x,
    "neighbour": lambda g, x: 3 * g * np.roll(x, 1) ** 2,
    "slightly off": lambda g, x: 3.001 * g * x * x,
    "not finite": lambda g, x: g * x / 0.0,
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", WRONG)
def test_planted_wrong_vjp_is_caught(name: str, dtype: Any) -> None:
    assert gradcheck(RIGHT, point(4, dtype=dtype), order=2)
    with pytest.raises(GradientError, match="gradient is"):
        gradcheck(cube(WRONG[name]), point(4, dtype=dtype))


def test_wrong_second_derivative_is_caught() -> None:
    """The vjp leaves the tape, so the second derivative loses 6 g x."""
    detached = cube(lambda g, x: 3 * g * (x.detach() if isinstance(x, Tensor) else x) ** 2)
    assert gradcheck(detached, point(4))
    with pytest.raises(GradientError, match="second derivative"):
        gradcheck(detached, point(4), order=2)


def test_wrong_matrix_vjps_are_caught() -> None:
    right = (lambda g, y: np.matmul(g, y.T), lambda g, x: np.matmul(x.T, g))
    assert gradcheck(product(*right), [point(3, 3), point(3, 3)], order=2)
    for x_vjp, y_vjp in [(lambda g, y: np.matmul(g, y), right[1]), (right[0], lambda g, x: np.matmul(x, g))]:
        with pytest.raises(GradientError):
            gradcheck(product(x_vjp, y_vjp), [point(3, 3), point(3, 3)])


def test_softmax_gradient_forgotten_sum_is_caught() -> None:
    """With a cotangent of ones the gradient of a softmax is 0, and a vjp without its sum would pass unseen."""

    @op(vjp={"x": lambda g, out: out * g - out * out * g})
    def wrong(x: Any, /) -> Any:
        return tj.softmax.forward(x)

    with pytest.raises(GradientError):
        gradcheck(wrong, point(5))


def test_vjp_of_a_wrong_shape_is_an_error() -> None:
    with pytest.raises(tj.errors.ShapeError, match=r"cube: the vjp of input 0 returned shape \(2,\)"):
        cube(lambda g, x: g[:2])(point(4)).sum().backward()


def test_reports_the_numbers() -> None:
    with pytest.raises(GradientError, match=r"input 0 of shape \(4,\), float64: tape .* numerical .* off by"):
        gradcheck(cube(WRONG["factor"]), point(4))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="input 0 has NaN or infinite"):
        gradcheck(tj.exp, Tensor([1.0, bad], requires_grad=True))


def test_kink_is_not_judged() -> None:
    with pytest.raises(GradientError, match="does not settle"):
        gradcheck(tj.abs, Tensor([1e-5, 1.0], requires_grad=True))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        gradcheck(tj.exp, point(2), order=3)
    with pytest.raises(DtypeError, match="no input requires a gradient"):
        gradcheck(tj.exp, Tensor([1.0]))
    with pytest.raises(DtypeError, match="must return a Tensor"):
        gradcheck(lambda x: x.numpy(), point(2))


def test_inputs_without_gradient_are_constants() -> None:
    assert gradcheck(lambda x, y, i: (x * y)[i], [point(3), Tensor(np.ones(3)), Tensor([0, 2])], order=2)


@settings(deadline=None)
@given(st.floats(0.2, 2.0), st.sampled_from([(np.exp, np.exp), (np.sin, np.cos), (np.log, lambda x: 1 / x)]))
def test_richardson_estimates_with_an_honest_error(x: float, pair: tuple[Any, Any]) -> None:
    f, derivative = pair
    estimate, error = richardson(lambda t: f(x + t))
    assert error < 1e-9
    assert abs(estimate - derivative(x)) <= 100 * error + 1e-11


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 1000))
def test_spaced_numbers_are_apart_and_inside(n: int, seed: int) -> None:
    intervals = ((-3.0, -1.0), (0.5, 2.5))
    values = spaced(np.random.default_rng(seed), n, intervals)
    assert values.shape == (n,)
    assert all(any(low <= v <= high for low, high in intervals) for v in values)
    gaps = np.diff(np.sort(values))
    assert (gaps >= 0.5 * 4.0 / max(n, 1) - 1e-12).all()


@settings(deadline=None)
@given(broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(given_shapes: tuple[tuple[int, ...], ...]) -> None:
    assert len(given_shapes) == 3
    np.broadcast_shapes(*given_shapes)


def test_strategies_reach_the_hard_cases() -> None:
    """Shape (), empty axes, float32 and memory that is not contiguous all turn up."""
    seen = set()

    @settings(deadline=None, max_examples=300, database=None)
    @given(arrays(), tensors(shape=shapes(max_dims=1), dtype=np.float32))
    def collect(array: np.ndarray, tensor: Tensor) -> None:
        seen.update({f"{array.dtype}", "contiguous" if array.flags.c_contiguous else "not contiguous"})
        seen.update({"scalar"} if array.ndim == 0 else {"empty"} if array.size == 0 else set())
        assert tensor.requires_grad
        assert tensor.dtype == np.float32
        assert tensor.ndim <= 1

    collect()
    assert seen == {"float32", "float64", "contiguous", "not contiguous", "scalar", "empty"}


def test_own_op_in_ten_lines() -> None:
    """What the README shows."""

    @op(symbol="softsign", vjp={"x": lambda g, x: g / (1 + np.abs(x)) ** 2})
    def softsign(x: Any, /) -> Any:
        return x / (1 + np.abs(x))

    @settings(deadline=None, max_examples=20)
    @given(tensors(intervals=((-3, -0.2), (0.2, 3))))
    def check(x: Tensor) -> None:
        assert gradcheck(softsign, x, order=2)

    check()
    assert softsign(Tensor(1.0)).item() == 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((tj.exp, np.ones(2)), DtypeError, "input 0 is no Tensor but ndarray"),
        ((tj.exp, [1.0]), DtypeError, "input 0 is no Tensor but float"),
        ((tj.exp, point(2, dtype=np.float16)), DtypeError, "float16 .* too coarse"),
    ],
)
def test_unsuitable_inputs_are_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gradcheck(*arguments)
    for directions in (0, 1.5, "a"):
        with pytest.raises(ValueError, match="directions must be a whole number of at least 1"):
            gradcheck(tj.exp, point(2), directions=directions)
    for seed in (-1, 1.5, "a"):
        with pytest.raises(ValueError, match="gradcheck: seed must be a whole number of at least 0, got"):
            gradcheck(tj.exp, point(2), seed=seed)
    with pytest.raises(DtypeError, match="f must be a function of Tensors, got Tensor"):
        gradcheck(point(2), point(2))


def test_a_row_that_keeps_what_its_forward_computed_can_be_differentiated_twice() -> None:
    computed = []

    def softplus_and_slope(x: np.ndarray, scale: float) -> np.ndarray:
        computed.append(x)
        return scale / (1 + np.exp(-scale * x))

    @op(vjp={"x": lambda g, slope: g * slope}, keeps={"slope": softplus_and_slope})
    def scaled_softplus(x: Any, /, scale: float = 2.0) -> Any:
        e = np.exp(scale * x)
        return np.log1p(e), scale * e / (1 + e)

    x = Tensor([-1.0, 0.5], requires_grad=True)
    scaled_softplus(x).sum().backward()
    assert computed == []  # the first order uses what the forward kept
    np.testing.assert_allclose(x.grad.numpy(), 2 / (1 + np.exp([2.0, -1.0])))
    gradcheck(scaled_softplus, x, order=2)
    assert computed
    np.testing.assert_array_equal(scaled_softplus.dispatch(x.numpy()), scaled_softplus(x).numpy())


def test_a_vjp_without_parameter_names_is_given_with_them() -> None:
    @op(vjp={"x": (np.multiply, "g", "y"), "y": (np.multiply, "g", "x")})
    def product(x: Any, y: Any, /) -> Any:
        return x * y

    x, y = Tensor([2.0, 3.0], requires_grad=True), Tensor([5.0, 7.0], requires_grad=True)
    gradcheck(product, [x, y], order=2)
    with pytest.raises(CallError, match=r"names z"):
        op(vjp={"x": (np.multiply, "g", "z")})(lambda x, /: x)
