"""verify: right graphs pass, whatever is wrong is found where it is, and what cannot be judged is told so."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tests.calls import calls
from tinygrad_jp import Tensor, keep_values, nn, no_grad, op, ops, primitives
from tinygrad_jp.errors import ArgumentError, DtypeError, GraphError
from tinygrad_jp.language import speaking
from tinygrad_jp.nn.models import DeepConvNet
from tinygrad_jp.testing import Report, Verdict, arrays, verify

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

ROWS = [row for row in ops.TABLE.values() if row.composite or row.vjps]


def variable(*shape: int, dtype: Any = np.float64, seed: int = 1) -> Tensor:
    return Tensor(np.random.default_rng(seed).uniform(0.5, 2.0, shape).astype(dtype), requires_grad=True)


def certified(f: Callable[..., Tensor], *inputs: Tensor, backward: bool = True) -> Report:
    with keep_values():
        y = f(*inputs)
    if backward:
        y.backward(np.random.default_rng(2).normal(size=y.shape).astype(y.dtype))
    return verify(y)


def only(report: Report) -> Verdict:
    (verdict,) = report
    return verdict


# ------------------------------------------------------------------------------------------------ what is right


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_row_of_the_table_is_certified(row: ops.Op[Any], data: st.DataObject) -> None:
    call = data.draw(calls(row))
    inputs = [Tensor(a, requires_grad=i in call.differentiable) for i, a in enumerate(call.arrays)]
    with keep_values():
        y = call.run(*inputs)
    if y.is_leaf:
        return
    y.backward(np.random.default_rng(0).normal(size=y.shape).astype(y.dtype))
    report = verify(y, seed=data.draw(st.integers(0, 9)))
    assert report.ok, str(report)
    assert {verdict.kind for verdict in report} <= {"right", "kink"}, str(report)
    assert all(verdict.error < 1e-6 for verdict in report if verdict.kind == "right")


UNARY = [tj.exp, tj.tanh, tj.sigmoid, tj.relu, tj.softmax, tj.log_softmax, lambda x: x.T, lambda x: x[::-1]]
BINARY = [
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x - y,
    lambda x, y: x / (tj.exp(y) + 1.0),
    lambda x, y: tj.maximum(x, y),
    lambda x, y: x @ y.T,
]


@settings(max_examples=60, deadline=None)
@given(
    x=arrays((3, 3)),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.integers(0, 9), st.integers(0, 9)), min_size=1),
)
def test_random_graphs_are_certified(x: np.ndarray, steps: list[tuple[bool, int, int, int]]) -> None:
    values = [Tensor(x / 3, requires_grad=True), variable(3, 3, dtype=x.dtype)]
    with keep_values():
        for unary, which, a, b in steps[:8]:
            first, second = values[a % len(values)], values[b % len(values)]
            values.append(UNARY[which](first) if unary else BINARY[which % len(BINARY)](first, second))
        loss = tj.stack(values[2:]).mean()
    loss.backward()
    report = verify(loss)
    assert report.ok, str(report)
    assert len(report) >= 2
    assert all(v.error < 1e-6 for v in report if v.kind == "right")


def test_a_convolutional_network_is_certified_fused_and_as_primitives() -> None:
    model = DeepConvNet()
    x = Tensor(np.random.default_rng(0).random((2, 1, 28, 28)).astype(np.float32))
    with keep_values():
        loss = tj.cross_entropy(model(x), np.array([3, 1]))
    loss.backward()
    report = verify(loss)
    assert report.ok, str(report)
    assert "conv_layer" in {verdict.op for verdict in report}
    assert all(0 < verdict.forward < 1e-5 for verdict in report if verdict.op == "conv_layer")
    small = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2))
    with keep_values(), primitives():
        y = small(x[:, :, :8, :8]).sum()
    y.backward()
    report = verify(y)
    assert report.ok, str(report)
    assert "im2col" in {verdict.op for verdict in report}


def test_modes_of_the_caller_do_not_disturb() -> None:
    with keep_values():
        y = tj.softplus(variable(3)).mean()
    with no_grad(), primitives():
        report = verify(y)
    assert [verdict.op for verdict in report] == ["softplus", "mean"]
    assert report.ok
    assert all(verdict.error < 1e-8 for verdict in report)


def test_empty_arrays_and_several_results() -> None:
    assert only(certified(lambda x: x * x, variable(0, 3))).kind == "right"
    assert only(certified(lambda x: tj.concatenate([x, x]), variable(2))).kind == "right"


def test_a_graph_that_was_never_walked_backward() -> None:
    assert certified(lambda x: (x * x).sum(), variable(3), backward=False).ok


# ------------------------------------------------------------------------------------------------ what is wrong


def user_op(forward: Callable[..., Any] | None = None, **vjps: Callable[..., Any]) -> Any:
    @op(vjp=vjps)
    def mine(x: Any, w: Any, /) -> Any:
        return x * x * w if forward is None else forward(x, w)

    return mine


RIGHT_X, RIGHT_W = lambda g, x, w: g * 2 * x * w, lambda g, x: g * x * x
WRONG = {
    "factor": (lambda g, x, w: 1.001 * g * 2 * x * w, RIGHT_W, "x"),
    "derivative": (lambda g, x, w: g * x * w, RIGHT_W, "x"),
    "sign": (lambda g, x, w: -g * 2 * x * w, RIGHT_W, "x"),
    "zero": (lambda g, x: 0 * g * x, RIGHT_W, "x"),
    "ignores g": (lambda g, x, w: 2 * x * w, RIGHT_W, "x"),
    "neighbour": (lambda g, x, w: g * 2 * np.roll(x, 1, 0) * w, RIGHT_W, "x"),
    "one input": (RIGHT_X, lambda g, x: g * x, "w"),
    "mean instead of sum": (RIGHT_X, lambda g, x: (g * x * x).mean(0), "w"),
    "wrong axis": (RIGHT_X, lambda g, x: (g * x * x).sum(1), "w"),
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_vjps_are_found_at_the_op_and_the_input(name: str, backward: bool) -> None:
    x_vjp, w_vjp, wrong = WRONG[name]
    x, w = variable(4, 4), variable(4, seed=3)
    assert certified(lambda x, w: tj.tanh(user_op(x=RIGHT_X, w=RIGHT_W)(x, w)), x, w).ok
    report = certified(lambda x, w: tj.tanh(user_op(x=x_vjp, w=w_vjp)(x, w) * 0.1), x, w, backward=backward)
    assert not report.ok
    (failure,) = report.failures
    assert failure.op == "mine"
    assert f"the gradient of {wrong} is wrong" in failure.note
    assert failure.error > 5e-4
    assert [verdict.kind for verdict in report] == ["wrong", "right", "right"]


def test_a_wrong_vjp_in_a_large_float32_array_is_found() -> None:
    wrong = user_op(x=lambda g, x, w: 1.001 * g * 2 * x * w, w=RIGHT_W)
    report = certified(wrong, variable(300, 200, dtype=np.float32), variable(200, dtype=np.float32))
    assert report.failures[0].error == pytest.approx(1e-3, rel=0.05)


@settings(max_examples=20, deadline=None)
@given(
    at=st.integers(0, 99_999),
    wrong=st.sampled_from([0.0, -1.0, 0.9, 1.1, 2.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    backward=st.booleans(),
    seed=st.integers(0, 99),
)
def test_one_wrong_element_among_100_000_is_found(at: int, wrong: float, dtype: Any, backward: bool, seed: int) -> None:
    factors = np.ones(100_000)
    vjp = lambda g, x: g * 2 * x * factors.astype(x.dtype)  # noqa: E731
    squared = op(vjp={"x": vjp})(lambda x, /: x * x)
    x = variable(100_000, dtype=dtype)
    with keep_values():
        y = squared(x)
    if backward:
        y.backward(np.ones_like(x.numpy()))
    assert only(verify(y, seed=seed)).kind == "right"
    factors[at] = wrong
    verdict = only(verify(y, seed=seed))
    assert "the gradient of x is wrong" in verdict.note
    analytic, numeric = re.findall(r"(?:gives|numerically) (\S+\d)", verdict.note)
    assert analytic != numeric  # also as they are written


def test_a_wrong_forward_is_found() -> None:
    def broken(x: Any, w: Any) -> Any:
        return x * x * w * (1.001 if x.dtype == np.float32 else 1)

    verdict = only(certified(user_op(broken, x=RIGHT_X, w=RIGHT_W), variable(3, dtype=np.float32), variable(3)))
    assert not verdict.ok
    assert verdict.forward == pytest.approx(1e-3, rel=0.1)
    assert "wrong forward pass" in verdict.note


def test_an_array_changed_in_place_is_found() -> None:
    x = variable(3)
    with keep_values():
        y = (x * 2.0) * x
    y.backward(np.ones(3))
    y._node.edges[0].value[:] = 7.0
    assert [verdict.ok for verdict in verify(y)] == [False, False]


def test_a_vjp_that_makes_nan_where_the_op_is_smooth_is_wrong() -> None:
    @op(vjp={"x": lambda g, x: 2 * g * x * (x - 1) / (x - 1)})
    def squared(x: Any, /) -> Any:
        return x * x

    verdict = only(certified(squared, Tensor([1.0, 2.0], requires_grad=True)))
    assert not verdict.ok
    assert verdict.kind == "wrong"
    assert "in one direction it gives nan, numerically" in verdict.note
    assert verdict.error == math.inf
    steep = only(certified(ops.sqrt, Tensor([0.0, 1.0], requires_grad=True)))  # there is no derivative
    assert steep.kind == "not judged"


def test_a_vjp_that_fails_is_wrong() -> None:
    verdict = only(certified(user_op(x=lambda g, x: "no", w=RIGHT_W), variable(3), variable(3), backward=False))
    assert not verdict.ok
    assert "its vjp fails" in verdict.note


def test_gradients_that_were_tampered_with_on_the_tape_are_found() -> None:
    def graph() -> Tensor:
        x = variable(3)
        with keep_values():
            h = tj.exp(x)
            y = (h * 2.0 + h * h).sum()
        y.backward()
        return y

    y = graph()
    assert verify(y).ok
    product = y._node.edges[0].edges[1]
    product.gradients[0] = product.gradients[0] * 1.01
    report = verify(y)
    assert [verdict.op for verdict in report.failures] == ["exp", "mul"]  # what is sent no longer adds up at exp
    assert "not the sum" in report.failures[0].note
    assert "not what the vjp gives" in report.of(product).note
    y = graph()
    exponential = y._node.edges[0].edges[0].edges[0]
    exponential.gradients[-1] = exponential.gradients[-1] * 2
    assert [verdict.op for verdict in verify(y).failures] == ["exp"]


def test_a_hook_is_told_and_is_not_wrong() -> None:
    x = variable(3)
    with keep_values():
        h = tj.exp(x)
        seen = tj.log(h)
        y = (h * seen).sum()
    seen.retain_grad()
    h.register_hook(lambda g: g * 2)
    y.backward()
    report = verify(y)
    assert report.ok, str(report)
    assert report.of(h._node).note == "the gradient that arrived was replaced by a hook"
    assert report.of(seen._node).note == ""


def test_another_user_of_a_value_is_named_as_the_reason() -> None:
    x = variable(3)
    with keep_values():
        h = tj.exp(x)
        first, second = (h * 2.0).sum(), tj.tanh(h).sum()
        total = first + second
    total.backward()
    assert verify(total).ok
    report = verify(first)
    assert [verdict.op for verdict in report.failures] == ["exp"]
    assert "verify the tensor whose backward() was called" in report.failures[0].note


# ------------------------------------------------------------------------------------------------ kinks


@pytest.mark.parametrize(
    ("row", "k"), [(row, k) for row in ROWS for k in range(len(row.kinks))], ids=lambda p: getattr(p, "name", p)
)
def test_declared_kinks_are_marked_and_not_wrong(row: ops.Op[Any], k: int) -> None:
    kink = row.kinks[k]
    given = zip(row.inputs, kink.inputs, strict=True)
    inputs = [Tensor(np.asarray(x, float), requires_grad=row.composite or n in row.vjps) for n, x in given]
    report = certified(lambda *xs: row(*xs, **dict(kink.attrs or {})), *inputs)
    assert report.ok, str(report)
    if all(np.isfinite(verdict.node.value).all() for verdict in report):
        assert "kink" in {verdict.kind for verdict in report}


def test_at_a_kink_only_what_lies_between_the_slopes_is_right() -> None:
    def slope_at_0(slope: float) -> Verdict:
        vjp = lambda g, x: np.where(x == 0, slope * g, g * (x > 0))  # noqa: E731
        mine = op(vjp={"x": vjp})(lambda x, /: np.maximum(x, 0))
        return only(certified(mine, Tensor([0.0, 1.0, -1.0, 0.0], requires_grad=True)))

    assert [slope_at_0(slope).kind for slope in (0.0, 0.5, 1.0)] == ["kink"] * 3
    assert [slope_at_0(slope).kind for slope in (-0.1, 1.1)] == ["wrong"] * 2
    assert slope_at_0(0.5).note == "2 of 4 results"
    assert slope_at_0(0.5).error < 1e-8  # of the others


def test_a_wrong_gradient_beside_a_kink_is_found() -> None:
    mine = op(vjp={"x": lambda g, x: 1.001 * g * (x > 0)})(lambda x, /: np.maximum(x, 0))
    verdict = only(certified(mine, Tensor([0.0, 1.0, -1.0, 2.0], requires_grad=True)))
    assert verdict.kind == "wrong"
    assert verdict.kink


# ------------------------------------------------------------------------------------------------ not judged


def test_random_ops_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    noisy = user_op(lambda x, w: x * w + rng.normal(size=x.shape), x=lambda g, w: g * w, w=lambda g, x: g * x)
    verdict = only(certified(noisy, variable(3), variable(3)))
    assert verdict.kind == "not judged"
    assert verdict.ok
    assert "random" in verdict.note
    assert math.isnan(verdict.error)


def test_what_is_not_finite_is_not_judged_and_the_rest_is() -> None:
    verdict = only(certified(tj.log, Tensor([0.0, -1.0], requires_grad=True), backward=False))
    assert verdict.kind == "not judged"
    assert verdict.note == "its results are NaN or infinite"
    verdict = only(certified(tj.sqrt, Tensor([0.0, 4.0], requires_grad=True), backward=False))
    assert verdict.kind == "not judged"
    assert verdict.note == "the gradient of x is NaN or infinite"
    hidden = Tensor([1.0, 2.0], requires_grad=True)
    verdict = only(certified(lambda x: ops.where(np.array([True, False]), x, -np.inf), hidden))
    assert verdict.kind == "right"
    assert verdict.note == "1 of 2 results are NaN or infinite"


def test_an_op_that_computes_in_float32_only_is_not_judged() -> None:
    rough = user_op(lambda x, w: np.sin(x * w).astype(np.float32), x=lambda g, x, w: g * w * np.cos(x * w))
    verdict = only(certified(rough, variable(3), variable(3).detach(), backward=False))
    assert verdict.kind == "not judged"
    assert "more coarsely" in verdict.note


def test_what_was_recorded_outside_is_told() -> None:
    x = variable(3)
    h = tj.exp(x)
    with keep_values():
        y = h.sum()
    assert [(v.op, v.kind, v.note) for v in verify(y)] == [
        ("exp", "not judged", "recorded outside keep_values()"),
        ("sum", "right", ""),
    ]


# ------------------------------------------------------------------------------------------------ report and refusals


def test_the_report_says_what_was_found_where() -> None:
    x = Tensor(np.array([1.0, 2.0, 0.0]), requires_grad=True)
    with keep_values():
        h = tj.relu(x)
        y = (h * 2.0).sum()
    y.backward()
    report = verify(y)
    assert [verdict.op for verdict in report] == ["relu", "mul", "sum"]
    assert len(report) == 3
    assert report.of(h._node) is report.verdicts[0]
    assert report.of(None) is None
    assert report.of(variable(2).sum()._node) is None
    assert report.of(h._node).source.text == "h = tj.relu(x)"
    assert verify(y).verdicts[1:] == report.verdicts[1:]  # the same random numbers
    lines = str(report).split("\n")
    assert lines[0].split() == ["op", "shape", "error", "of", "gradient", "error", "of", "result", "verdict", "line"]
    assert "kink: 1 of 3 results (x = 0)" in lines[1]
    assert lines[1].rpartition("  ")[2].startswith("test_verify.py:")
    assert lines[-1] == "3 ops: 2 right, 1 at a kink, 0 wrong, 0 not judged"
    with speaking("ja"):
        assert str(report).endswith("演算 3 個: 正しい 2、折れ点 1、誤り 0、判定不能 0")
        assert "折れ点: 結果 3 個のうち 1 個 (x = 0)" in str(verify(y))


def test_a_long_table_lists_only_what_is_not_right() -> None:
    x = Tensor(0.0, requires_grad=True)
    with keep_values():
        y = tj.relu(x)
        for _ in range(100):
            y = y + 1.0
    lines = str(verify(y)).split("\n")
    assert len(lines) == 4
    assert lines[-1] == "101 ops: 100 right, 1 at a kink, 0 wrong, 0 not judged"


def test_bad_arguments_are_refused() -> None:
    x = variable(3)
    with keep_values():
        y = x.sum()
    with pytest.raises(GraphError, match="nothing was recorded"):
        verify(x)
    with pytest.raises(GraphError, match="with keep_values"):
        verify(x.sum())
    with pytest.raises(DtypeError, match="ndarray"):
        verify(x.numpy())  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="tolerance"):
        verify(x.sum(), tolerance=0)
    with pytest.raises(ArgumentError, match="tolerance must be positive, got 'a'"):
        verify(x.sum(), tolerance="a")  # type: ignore[arg-type]
    for seed in ("a", -1, 1.5, None):
        with pytest.raises(ArgumentError, match=f"verify: seed must be a whole number of at least 0, got {seed!r}"):
            verify(y, seed=seed)  # type: ignore[arg-type]


def test_results_that_are_nearly_0_are_judged() -> None:
    report = certified(lambda x: (tj.exp(x) * x).sum(), Tensor([5e-324, 5e-324], requires_grad=True))
    assert all(verdict.forward >= 0 for verdict in report)
    vanished = user_op(lambda x, w: np.zeros_like(x) if x.dtype == np.float64 else x, x=lambda g: g, w=lambda g: g)
    verdict = only(certified(vanished, variable(3, dtype=np.float32), variable(3, dtype=np.float32), backward=False))
    assert verdict.forward == 1.0


def test_one_op_is_counted_as_one() -> None:
    report = certified(tj.exp, variable(2))
    assert str(report).endswith("1 op: 1 right, 0 at a kink, 0 wrong, 0 not judged")
    with speaking("ja"):
        assert str(report).endswith("演算 1 個: 正しい 1、折れ点 0、誤り 0、判定不能 0")
