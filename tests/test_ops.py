"""Every row of the op table, by one parametrised property-based test, and what holds at kinks and edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tests.calls import FAMILIES, OWN, Call, calls
from tinygrad_jp import Tensor, ops
from tinygrad_jp.ops import TABLE, Kink, Op
from tinygrad_jp.testing import gradcheck, shapes

ROWS = [pytest.param(row, id=name) for name, row in TABLE.items()]
SMOOTH = [pytest.param(row, id=row.name) for row in TABLE.values() if row.vjps or (row.composite and row.inputs)]
EXAMPLES = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))


def leaves(call: Call, active: list[int]) -> list[Tensor]:
    return [Tensor(a, requires_grad=i in active and a.dtype.kind == "f") for i, a in enumerate(call.arrays)]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_calls_symbol_and_docs(row: Op[Any]) -> None:
    assert row.name in OWN or row.family in FAMILIES
    assert row.symbol
    assert len(row.__doc__ or "") > 10
    assert set(row.vjps) <= set(row.inputs)
    assert getattr(tj, row.name) is row


@pytest.mark.parametrize("row", ROWS)
@EXAMPLES
@given(data=st.data())
def test_row(row: Op[Any], data: st.DataObject) -> None:
    """Values as NumPy's; gradients of order 1 and 2; nothing mutated, shared or of another dtype."""
    call = data.draw(calls(row))
    if not call.differentiable or not (row.vjps or row.composite):
        check_without_gradient(call)
        return
    active = data.draw(st.lists(st.sampled_from(call.differentiable), min_size=1, unique=True))
    originals = [a.copy() for a in call.arrays]
    xs = leaves(call, active)
    y = call.run(*xs)
    assert isinstance(y, Tensor)
    assert y.dtype == (call.attrs["dtype"] if row.name == "astype" else xs[active[0]].dtype)
    check_value(call, y)
    if y.requires_grad:
        check_hygiene(call, xs, y, data.draw(st.integers(0, 99)))
        gradcheck(call.run, xs, order=2, directions=1, seed=data.draw(st.integers(0, 99)))
    else:
        assert row.name in ("ones_like", "zeros_like")
    for array, original in zip(call.arrays, originals, strict=True):
        np.testing.assert_array_equal(array, original)


def check_without_gradient(call: Call) -> None:
    y = call.run(*leaves(call, list(range(len(call.arrays)))))
    assert not y.requires_grad
    check_value(call, y)


def check_value(call: Call, y: Tensor) -> None:
    if call.row.numpy and call.row.name not in ("split", "einsum", "divmod"):
        args = [call.arrays] if call.row.variadic else call.arrays
        attrs = {NUMPY_NAMES.get((call.row.name, k), k): v for k, v in call.attrs.items()}
        if call.row.name == "clip":
            args, attrs = [*call.arrays, *attrs.values()], {}
        expected = call.row.numpy[0](*args, **attrs)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-6)
        assert y.shape == np.shape(expected)


NUMPY_NAMES: dict[tuple[str, str], str] = {}


def check_hygiene(call: Call, xs: list[Tensor], y: Tensor, seed: int) -> None:
    v = np.random.default_rng(seed).normal(size=y.shape).astype(y.dtype)
    kept = v.copy()
    y.backward(v)
    np.testing.assert_array_equal(v, kept)
    held = [v, y.numpy(), *call.arrays]
    for x in xs:
        if x.grad is None:
            continue
        assert x.grad.shape == x.shape
        assert x.grad.dtype == x.dtype
        assert not any(np.shares_memory(x.grad.numpy(), other) for other in held if x.size)
        assert x.grad.numpy().flags.writeable
        held.append(x.grad.numpy())


@pytest.mark.parametrize("row", [p for p in SMOOTH if p.values[0].decomposition])
@EXAMPLES
@given(data=st.data())
def test_fused_row_equals_its_decomposition(row: Op[Any], data: st.DataObject) -> None:
    call = data.draw(calls(row))
    results = []
    for mode in (None, tj.primitives):
        xs = leaves(call, call.differentiable)
        if mode is None:
            y = call.run(*xs)
            assert y._node.plan.op is row
        else:
            with mode():
                y = call.run(*xs)
                assert y._node is None or y._node.plan.op is not row
        active = [x for x in xs if x.requires_grad]
        v = Tensor(np.random.default_rng(0).uniform(0.5, 1, y.shape).astype(y.dtype))
        first = tj.grad(y, active, v, create_graph=True)
        u = sum((g * g).sum() for g in first)
        second = tj.grad(u, active, allow_unused=True) if u.requires_grad else [None] * len(active)
        zeros = [Tensor(np.zeros(x.shape, x.dtype)) if g is None else g for x, g in zip(active, second, strict=True)]
        results.append([y, *first, *zeros])
    for fused, decomposed in zip(*results, strict=True):
        scale = 1e-4 if fused.dtype == np.float32 else 1e-9
        np.testing.assert_allclose(fused.numpy(), decomposed.numpy(), rtol=scale, atol=10 * scale)


KINKS = [pytest.param(row, k, id=f"{row.name}: {k.where}") for row in TABLE.values() for k in row.kinks]


@pytest.mark.parametrize(("row", "kink"), KINKS)
def test_gradient_at_a_kink_is_the_declared_one(row: Op[Any], kink: Kink) -> None:
    xs = [Tensor(a, requires_grad=True) for a in kink.inputs]
    row(*xs, **kink.attrs or {}).sum().backward()
    for x, declared in zip(xs, kink.gradients, strict=True):
        np.testing.assert_array_equal(x.grad.numpy(), declared)
    assert kink.where in row.__doc__
    assert kink.gives in row.__doc__


KINKED = {
    "abs": {}, "maximum": {}, "minimum": {}, "relu": {}, "clip": {"a_min": -1, "a_max": 1}, "max": {}, "min": {},
    "std": {}, "norm": {}, "leaky_relu": {}, "prelu": {}, "elu": {"alpha": 2.0}, "selu": {}, "mean_absolute_error": {},
    "quantile_loss": {"quantile": 0.25}, "epsilon_insensitive_loss": {"epsilon": 1.0},
    "max_pool2d": {"size": (2, 3), "stride": 1, "padding": (1, 0)}, "adaptive_max_pool2d": {"output_size": (2, 3)},
    "global_max_pool2d": {}, "conv_layer": {"relu": True, "pool": 2, "padding": 1},
    "batch_norm": {"relu": True, "eps": 0.1}, "affine_relu": {},
}  # fmt: skip
SHAPES_AT_KINKS = {
    "conv_layer": [(1, 2, 3, 4), (2, 2, 2, 2), (2,)],
    "batch_norm": [(3, 2), (2,), (2,)],
    "affine_relu": [(2, 3), (3, 2), (2,)],
}
IMAGES = {"max_pool2d", "adaptive_max_pool2d", "global_max_pool2d"}


def test_every_kinked_row_is_proved() -> None:
    assert set(KINKED) | {"logsumexp"} == {row.name for row in TABLE.values() if row.kinks}


@pytest.mark.parametrize("name", KINKED)
@EXAMPLES
@given(data=st.data())
def test_gradient_at_kinks_lies_in_the_subdifferential(name: str, data: st.DataObject) -> None:
    """At whole numbers −1, 0, 1 (ties, edges and zeros everywhere) each output is locally convex or concave.

    A vector v is in the subdifferential (of Clarke) of such an f if and only if in every direction d the number ⟨v, d⟩
    lies between the one-sided derivatives f'(x; d) and −f'(x; −d).
    """
    row = TABLE[name]
    shape = (1, 2, 3, 4) if name in IMAGES else data.draw(shapes(max_dims=2, min_side=1, max_side=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    at = SHAPES_AT_KINKS.get(name, [shape] * len(row.inputs))
    points = [rng.integers(-1, 2, s).astype(float) for s in at]
    attrs = dict(KINKED[name])
    if name == "norm":
        attrs["ord"] = data.draw(st.sampled_from([1, 2, np.inf]))
    xs = [Tensor(p, requires_grad=True) for p in points]
    y = row(*xs, **attrs)
    output = rng.integers(y.size)
    y.ravel()[output].backward()
    f = lambda *arrays: row(*arrays, **attrs).numpy().ravel()[output]  # noqa: E731
    step = 1e-7
    for _ in range(4):
        ds = [rng.normal(size=p.shape) for p in points]
        forward = (f(*(p + step * d for p, d in zip(points, ds, strict=True))) - f(*points)) / step
        backward = (f(*points) - f(*(p - step * d for p, d in zip(points, ds, strict=True)))) / step
        slope = sum(float((x.grad.numpy() * d).sum()) for x, d in zip(xs, ds, strict=True))
        assert min(forward, backward) - 1e-5 <= slope <= max(forward, backward) + 1e-5


@pytest.mark.parametrize("name", [n for n, row in TABLE.items() if row.zero_gradient])
def test_rows_declared_to_have_zero_gradient_record_it(name: str) -> None:
    row = TABLE[name]
    xs = [Tensor([0.3, -1.7, np.inf, np.nan], requires_grad=True) for _ in row.inputs]
    with np.errstate(invalid="ignore"):
        y = row(*xs)
    y.backward(np.array([1.0, np.inf, 1.0, 1.0]))
    for x in xs:
        np.testing.assert_array_equal(x.grad.numpy(), np.zeros(4))


def test_astype_casts_the_gradient_back() -> None:
    x = Tensor(np.array([0.1, 0.2]), requires_grad=True)
    y = x.astype(np.float32)
    assert y.dtype == np.float32
    y.backward(np.array([1.0, 2.0]))
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 2.0])
    assert not x.astype(int).requires_grad


class TestEdgeValues:
    """Edge values that the docs promise."""

    def test_prod_with_zeros_is_exact(self) -> None:
        for values, expected in (([2.0, 0.0, 3.0], [0.0, 6.0, 0.0]), ([0.0, 0.0, 3.0], [0.0, 0.0, 0.0])):
            x = Tensor(values, requires_grad=True)
            x.prod().backward()
            np.testing.assert_array_equal(x.grad.numpy(), expected)

    def test_prod_with_zeros_has_exact_second_derivatives(self) -> None:
        np.testing.assert_array_equal(
            tj.hessian(lambda x: x.prod(), [2.0, 0.0, 3.0]).numpy(), [[0, 3, 0], [3, 0, 2], [0, 2, 0]]
        )

    def test_logsumexp_of_all_minus_infinity(self) -> None:
        x = Tensor([[-np.inf, -np.inf], [0.0, -np.inf]], requires_grad=True)
        y = x.logsumexp(axis=1)
        np.testing.assert_array_equal(y.numpy(), [-np.inf, 0.0])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [[0.0, 0.0], [1.0, 0.0]])

    def test_softmax_does_not_overflow(self) -> None:
        """The book, section 3.5.2."""
        y = tj.softmax([1010.0, 1000.0, 990.0])
        np.testing.assert_allclose(y.numpy(), [9.99954600e-01, 4.53978686e-05, 2.06106005e-09], rtol=1e-8)

    def test_sqrt_and_log_at_zero(self) -> None:
        for function, value in ((tj.sqrt, 0.0), (tj.log, -np.inf)):
            x = Tensor(0.0, requires_grad=True)
            with np.errstate(divide="ignore"):
                y = function(x)
                y.backward()
            assert y.item() == value
            assert x.grad.item() == np.inf

    @pytest.mark.parametrize(
        ("base", "exponent", "gradient"), [(0.0, 2.0, 0.0), (-3.0, 2.0, -6.0), (0.0, 0.0, 0.0), (0.0, 1.0, 1.0)]
    )
    def test_pow_of_zero_and_negative_bases(self, base: float, exponent: float, gradient: float) -> None:
        x = Tensor(base, requires_grad=True)
        (x**exponent).backward()
        assert x.grad.item() == gradient

    def test_sigmoid_at_extremes(self) -> None:
        x = Tensor([-1000.0, 0.0, 1000.0], requires_grad=True)
        y = x.sigmoid()
        np.testing.assert_array_equal(y.numpy(), [0.0, 0.5, 1.0])
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [0.0, 0.25, 0.0])

    def test_im2col_shapes_of_the_book(self) -> None:
        """Section 7.4.3."""
        assert tj.im2col(np.zeros((1, 3, 7, 7)), 5, 5).shape == (9, 75)
        assert tj.im2col(np.zeros((10, 3, 7, 7)), 5, 5).shape == (90, 75)

    def test_einsum_equals_numpy(self) -> None:
        from tests.calls import EINSUMS

        for subscripts, *given_shapes in EINSUMS:
            arrays = [np.random.default_rng(0).normal(size=s) for s in given_shapes]
            np.testing.assert_allclose(ops.einsum(subscripts, *arrays).numpy(), np.einsum(subscripts, *arrays))

    def test_split_equals_numpy(self) -> None:
        x = np.arange(12.0).reshape(6, 2)
        for how in (3, [1, 4]):
            for ours, theirs in zip(ops.split(x, how), np.split(x, how), strict=True):
                np.testing.assert_array_equal(ours.numpy(), theirs)

    @pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "logsumexp"])
    @pytest.mark.parametrize("axis", [None, 0, -1])
    def test_reductions_of_a_single_number(self, name: str, axis: int | None) -> None:
        x = Tensor(3.0, requires_grad=True)
        TABLE[name](x, axis=axis).backward()
        assert x.grad.item() == 1.0

    def test_mean_of_many_float16_has_a_gradient(self) -> None:
        x = Tensor(np.ones(70_000, np.float16), requires_grad=True)
        x.mean().backward()
        assert x.grad.numpy()[0] == np.float16(1 / 70_000)

    def test_variance_without_degrees_of_freedom_is_nan(self) -> None:
        for f in (lambda x: x.var(ddof=1), lambda x: x.std(ddof=1)):
            x = Tensor([3.0], requires_grad=True)
            with (
                np.errstate(invalid="ignore", divide="ignore"),
                pytest.warns(RuntimeWarning, match="Degrees of freedom"),
            ):
                f(x).backward()
            assert np.isnan(x.grad.item())

    def test_concatenate_flattened(self) -> None:
        x, y = Tensor(np.ones((2, 2)), requires_grad=True), Tensor(np.ones(3), requires_grad=True)
        np.concatenate([x, y], axis=None).backward(np.arange(7.0))
        assert x.grad.tolist() == [[0.0, 1.0], [2.0, 3.0]]
        assert y.grad.tolist() == [4.0, 5.0, 6.0]

    def test_boolean_exponent(self) -> None:
        x = Tensor([2.0, 3.0], requires_grad=True)
        (x ** np.array([True, False])).sum().backward()
        assert x.grad.tolist() == [1.0, 0.0]
