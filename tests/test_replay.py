"""viz.replay: a recorded computation run again with its fused ops opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, keep_values, nn, viz
from tinygrad_jp.errors import DtypeError, GraphError
from tinygrad_jp.ops import op
from tinygrad_jp.tape import Node
from tinygrad_jp.viz.record import Record, reachable
from tinygrad_jp.viz.replay import replay
from tinygrad_jp.viz.watch import Runs


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def variable(*shape: int, seed: int = 0, name: str | None = None, dtype: Any = float) -> Tensor:
    return Tensor(rng(seed).normal(size=shape).astype(dtype), requires_grad=True, name=name)


def nodes(y: Tensor) -> list[Node]:
    assert y._node is not None
    return reachable([y._node])


def names(y: Tensor) -> list[str]:
    return [node.plan.op.name for node in nodes(y)]


def leaves(y: Tensor) -> list[Tensor]:
    """List the leaves that require a gradient, as they are met first."""
    edges = [edge for node in nodes(y) for edge in node.edges]
    return list(dict.fromkeys(edge for edge in edges if isinstance(edge, Tensor) and edge.requires_grad))


def check(y: Tensor, tolerance: float = 1e-7) -> tuple[Tensor, Runs | None]:
    """Replay, and compare the result, the leaves and their gradients with the original's."""
    again, frames = replay(y)
    np.testing.assert_array_equal(again.numpy(), y.numpy())
    assert again.dtype == y.dtype
    pairs = list(zip(leaves(y), leaves(again), strict=True))
    scale = max(float(np.abs(old.grad.numpy()).max()) for old, _ in pairs if old.grad is not None) + 1e-30
    for old, new in pairs:
        assert new is not old
        assert (new.name, new.dtype) == (old.name, old.dtype)
        np.testing.assert_array_equal(new.numpy(), old.numpy())
        assert (new.grad is None) == (old.grad is None)
        if old.grad is not None:
            np.testing.assert_allclose(new.grad.numpy(), old.grad.numpy(), atol=tolerance * scale)
    assert not any(node.plan.op.decomposition for node in nodes(again))
    return again, frames


# ---------------------------------------------------------------------------------------------- values and gradients

FUSED: dict[str, Callable[..., Tensor]] = {
    "affine": lambda x, w, b: tj.affine(x, w, b),
    "softmax_cross_entropy": lambda x, w, b: tj.softmax_cross_entropy(x @ w, np.arange(len(x)) % w.shape[1]),
    "standardize": lambda x, w, b: tj.standardize(x @ w, axis=0) * b,
    "batch_norm": lambda x, w, b: tj.batch_norm(x @ w, b, b, 1e-3, True),
    "softmax": lambda x, w, b: tj.softmax(x @ w + b),
    "log_softmax": lambda x, w, b: tj.log_softmax(x @ w),
    "logsumexp": lambda x, w, b: tj.logsumexp(x @ w, axis=1),
    "sigmoid": lambda x, w, b: tj.sigmoid(tj.affine(x, w, b)),
    "square": lambda x, w, b: tj.square(x @ w - b),
    "mean": lambda x, w, b: tj.mean(x @ w, axis=0) + b,
    "std": lambda x, w, b: tj.std(x @ w, axis=0) * b,
    "norm": lambda x, w, b: tj.norm(x @ w + b),
    "softplus": lambda x, w, b: tj.softplus(x @ w) / (b * b + 1.0),
    "cross_entropy": lambda x, w, b: tj.cross_entropy(x @ w, np.zeros(len(x), int), "sum"),
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(FUSED)), st.integers(2, 6), st.integers(1, 5), st.integers(2, 4), st.integers(0, 10**6))
def test_fused_ops_opened_give_the_same(name: str, n: int, d: int, m: int, seed: int) -> None:
    x, w, b = variable(n, d, seed=seed), variable(d, m, seed=seed + 1), variable(m, seed=seed + 2)
    with keep_values():
        y = FUSED[name](x, w, b)
    y.backward(rng(seed + 3).normal(size=y.shape))
    again, frames = check(y, 1e-6)
    assert frames is not None
    opened = [run.layer for run in frames.top]
    assert opened == [node.plan.op.name for node in nodes(y) if node.plan.op.decomposition]
    assert len(nodes(again)) > len(opened)


@settings(max_examples=20, deadline=None)
@given(st.booleans(), st.sampled_from([1, 2]), st.integers(1, 2), st.sampled_from([0, 1]), st.integers(0, 10**6))
def test_a_layer_of_convolution_and_pooling(relu: bool, pool: int, stride: int, padding: int, seed: int) -> None:
    x, w, b = variable(2, 2, 7, 6, seed=seed), variable(3, 2, 3, 3, seed=seed + 1), variable(3, seed=seed + 2)
    with keep_values():
        y = tj.ops.conv_layer(x, w, b, stride, padding, relu=relu, pool=pool)
        y = tj.conv2d(y, variable(2, 3, 1, 1, seed=seed + 3), padding=1)
        y = tj.avg_pool2d(y, 2)
    y.backward(rng(seed).normal(size=y.shape))
    check(y, 1e-6)


class Attention(nn.Module):
    def __init__(self) -> None:
        self.attention = nn.MultiHeadAttention(8, 2)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Any) -> Tensor:
        return self.norm(self.attention(x, causal=True) + x)


class Last(nn.Module):
    """The last output of a recurrent network."""

    def __init__(self, kind: type[nn.Module]) -> None:
        self.cells = kind(3, 4, 2)

    def forward(self, x: Any) -> Tensor:
        return self.cells(x)[0][:, -1]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "SimpleConvNet": (lambda: nn.SimpleConvNet((1, 12, 12), filters=4, hidden=6), (3, 1, 12, 12)),
    "MLP with batch norm and dropout": (lambda: nn.MLP((5, 6, 4), batch_norm=True, dropout=0.5), (6, 5)),
    "RNN": (lambda: Last(nn.RNN), (2, 10, 3)),
    "LSTM": (lambda: Last(nn.LSTM), (2, 5, 3)),
    "GRU": (lambda: Last(nn.GRU), (2, 5, 3)),
    "attention": (Attention, (2, 3, 8)),
    "ResNet": (lambda: nn.models.ResNet(18, (1, 8, 8), 3, width=0.05), (3, 1, 8, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    make, shape = NETWORKS[name]
    tj.seed(1)
    net = make()
    with keep_values():
        y = net(Tensor(rng(2).normal(size=shape).astype(np.float32), requires_grad=True, name="x"))
        y = tj.cross_entropy(y.reshape(-1, y.shape[-1]), np.arange(y.size // y.shape[-1]) % y.shape[-1])
    y.backward()
    before = tj.generator.state()
    check(y, 2e-4)
    assert str(tj.generator.state()) == str(before)


def test_values_on_all_edges_are_those_of_the_first_run() -> None:
    x, w, b = variable(4, 3), variable(3, 2, seed=1), variable(2, seed=2)
    with keep_values():
        y = tj.tanh(tj.sigmoid(tj.affine(x, w, b))).sum()
    again, _ = replay(y)
    old = {str(node.plan.op.name): node.value for node in nodes(y)}
    new = [node for node in nodes(again) if node.plan.op.name in ("tanh", "sum")]
    assert [node.plan.op.name for node in new] == ["tanh", "sum"]
    for node in new:
        np.testing.assert_array_equal(node.value, old[node.plan.op.name])


def test_gradients_stand_on_all_edges() -> None:
    with keep_values():
        y = tj.softmax_cross_entropy(variable(2, 3), np.array([0, 2]))
    y.backward()
    again, _ = replay(y)
    assert all(node.gradients and len(node.contributions()) == len(node.plan.active) for node in nodes(again))
    assert names(again) == ["exp", "sum", "div", "log", "mul", "sum", "neg", "div"]


def test_without_a_backward_pass_there_are_no_gradients() -> None:
    x = variable(2, 3)
    with keep_values():
        y = tj.softmax(x).sum()
    again, _ = replay(y)
    assert all(node.gradients is None for node in nodes(again))
    assert leaves(again)[0].grad is None
    y.backward()  # the first graph is as it was
    assert x.grad is not None


def test_the_gradient_of_the_result_is_the_one_it_had() -> None:
    x = variable(3)
    with keep_values():
        y = tj.sigmoid(x)
        z = (y * Tensor([1.0, -2.0, 3.0])).sum()
    z.backward()
    again, _ = replay(y)
    np.testing.assert_allclose(leaves(again)[0].grad.numpy(), x.grad.numpy())


def test_what_was_not_computed_stays_so() -> None:
    x, w = variable(2, 3, name="x"), variable(3, 2, seed=1, name="w")
    with keep_values():
        y = (tj.sigmoid(x @ w) * tj.sigmoid(x).sum()).sum()
    tj.grad(y, w)
    again, _ = replay(y)
    (product,) = [node for node in nodes(again) if node.plan.op.name == "matmul"]
    assert product.contributions().keys() == {1}
    first = nodes(again)[0]
    assert all(
        node.gradients is None for node in nodes(again) if set(node.edges) & {first.edges[0]} and node is not product
    )


def test_a_leaf_that_is_used_twice_stays_one() -> None:
    x = variable(3, name="x")
    with keep_values():
        y = (tj.sigmoid(x) * x + x).sum()
    y.backward()
    again, _ = replay(y)
    assert len(leaves(again)) == 1


def test_a_leaf_that_changed_in_between_becomes_two() -> None:
    w = variable(3, name="w")
    with keep_values():
        y = w * 2.0
        with tj.no_grad():
            w += 1.0
        z = (y + w * 3.0).sum()
    again, _ = replay(z)
    values = [leaf.numpy() for leaf in leaves(again)]
    assert len(values) == 2
    np.testing.assert_array_equal(values[0] + 1.0, values[1])


def test_a_later_update_does_not_matter() -> None:
    w = variable(3, name="w")
    with keep_values():
        y = tj.sigmoid(w).sum()
    y.backward()
    before = w.numpy().copy()
    with tj.no_grad():
        w -= w.grad
    np.testing.assert_array_equal(leaves(replay(y)[0])[0].numpy(), before)


def test_hooks_are_not_called_again_and_what_they_returned_counts() -> None:
    x = variable(3)
    calls = []

    def double(g: Tensor) -> Tensor:
        calls.append(g)
        return g * 2.0

    x.register_hook(double)
    with keep_values():
        y = tj.sigmoid(x)
        y.register_hook(double)
        z = (y * 3.0).sum()
    z.backward()
    again, _ = replay(z)
    assert len(calls) == 2
    np.testing.assert_allclose(leaves(again)[0].grad.numpy(), x.grad.numpy())


def test_of_several_passes_the_hooks_of_the_last_one_count() -> None:
    x = variable(3)
    x.register_hook(lambda g: g * 10.0)
    with keep_values():
        y = (x * x).sum()
    y.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * once)
    np.testing.assert_allclose(leaves(replay(y)[0])[0].grad.numpy(), once)
    x.zero_grad()
    np.testing.assert_allclose(leaves(replay(y)[0])[0].grad.numpy(), once)
    (x * 7.0).sum().backward()  # another graph: what the hooks made of this one's gradient is not known any more
    np.testing.assert_allclose(leaves(replay(y)[0])[0].grad.numpy(), once / 10)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_strict_zero_did_it_does_again() -> None:
    x = Tensor([-1.0, 4.0], requires_grad=True)
    with keep_values():
        y = tj.where(x > 0, tj.sqrt(tj.softplus(tj.log(x))), 0.0).sum()
    with tj.strict_zero():
        y.backward()
    again, _ = replay(y)
    np.testing.assert_allclose(leaves(again)[0].grad.numpy(), x.grad.numpy())
    assert "sqrt" in {node.plan.op.name for node in nodes(again) if node.rescued}


def test_names_and_lines_are_carried_over() -> None:
    x = variable(2, 3, name="りんご")
    with keep_values():
        y = tj.affine(x, Tensor(np.ones((3, 20)), name="W"), np.zeros(20))  # this line
        y.name = "値段"
        z = tj.exp(y).sum()
    z.name = "L"
    again, _ = replay(z)
    assert again.name == "L"
    by_op = {node.plan.op.name: node for node in nodes(again)}
    assert by_op["dot"].source.text.endswith("# this line")
    assert by_op["add"].source.text.endswith("# this line")
    assert by_op["add"].name == "値段"
    assert by_op["dot"].edges[1].name == "W"
    assert by_op["sum"].source.line == by_op["dot"].source.line + 2


def test_where_primitives_overflow_the_op_stays_fused() -> None:
    scores = Tensor([[1000.0, 0.0], [1.0, 2.0]], requires_grad=True)
    with keep_values():
        y = tj.softmax_cross_entropy(scores, np.array([0, 1])) + tj.sigmoid(scores).sum()
    y.backward()
    again, frames = replay(y)
    assert frames is not None
    assert "softmax_cross_entropy" in names(again)
    assert "sigmoid" not in names(again)
    np.testing.assert_allclose(leaves(again)[0].grad.numpy(), scores.grad.numpy())


def test_where_only_the_gradient_overflows_too() -> None:
    scores = Tensor(np.array([[95.0, 0.0]], np.float32) * 0.93, requires_grad=True)  # e⁻⁸⁸ is fine, its inverse is not
    with keep_values():
        y = tj.softmax_cross_entropy(scores, np.array([1]))
    y.backward()
    again, _ = replay(y)
    assert all(np.isfinite(g).all() for node in nodes(again) for g in node.gradients or ())
    np.testing.assert_allclose(leaves(again)[0].grad.numpy(), scores.grad.numpy(), rtol=1e-4)


def test_nothing_to_open() -> None:
    x = variable(3)
    with keep_values():
        y = (x * 2.0).sum()
    again, frames = replay(y)
    assert frames is None
    assert names(again) == ["mul", "sum"]


def test_modes_around_it_do_not_matter() -> None:
    with keep_values():
        y = tj.softmax(variable(2, 3)).sum()
    with tj.no_grad(), tj.detect_anomaly():
        again, _ = replay(y)
    assert names(again) == ["exp", "exp", "sum", "div", "sum"]
    assert (variable(2) * 2.0)._node.call is None


def test_a_deep_graph() -> None:
    x = variable(1)
    with keep_values():
        y = x
        for _ in range(20_000):
            y = y * 1.0
        y = tj.sigmoid(y).sum()
    y.backward()
    assert len(nodes(replay(y)[0])) == 20_000 + 4 + 1


# ---------------------------------------------------------------------------------------------- frames


def test_frames_nest_in_those_of_the_modules() -> None:
    net = nn.SimpleConvNet((1, 12, 12), filters=4, hidden=6)
    with keep_values(), viz.watch(net) as runs:
        loss = tj.softmax_cross_entropy(net(rng().normal(size=(2, 1, 12, 12)).astype(np.float32)), np.array([0, 1]))
    loss.backward()
    again, frames = replay(loss, runs)
    assert frames is not None
    assert frames.model is net
    assert [run.layer for run in frames.top] == ["SimpleConvNet", "softmax_cross_entropy"]
    (layers,) = frames.top[0].runs
    assert [run.layer for run in layers.runs[:3]] == ["Conv2d", "ReLU", "MaxPool2d"]
    assert [[inner.layer for inner in run.runs] for run in layers.runs[:3]] == [["conv_layer"], [], ["max_pool2d"]]
    for run in frames.all():
        assert all(
            run.start <= inner.start and inner.end <= run.end and inner.level == run.level + 1 for inner in run.runs
        )
    found = reversed(nodes(again))  # the first im2col, not that of the pooling
    around = {node.plan.op.name: [run.layer for run in frames.around(node.order)] for node in found}
    assert around["im2col"] == ["SimpleConvNet", "Sequential", "Conv2d", "conv_layer"]
    assert around["exp"] == ["softmax_cross_entropy"]
    assert all(around.values())


def test_every_node_stands_in_the_module_that_made_its_original() -> None:
    net = nn.MLP((5, 6, 6, 4), batch_norm=True)
    with keep_values(), viz.watch(net) as runs:
        y = net(rng().normal(size=(4, 5)).astype(np.float32)).sum()
    again, frames = replay(y, runs)
    assert frames is not None
    old, new = Record(nodes(y)), Record(nodes(again))
    pairs = zip(runs.all(), (run for run in frames.all() if run.path or run.layer == "MLP"), strict=True)
    for before, after in pairs:
        assert (before.path, before.level, before.module) == (after.path, after.level, after.module)
        inside = [name for node in old.between(before.start, before.end) for name in _opened(node)]
        assert [node.plan.op.name for node in new.between(after.start, after.end)] == inside


def _opened(node: Node) -> list[str]:
    primitives = {
        "affine": ["dot", "add"],
        "batch_norm": ["sum", "div", "sub", "mul", "sum", "div", "add", "sqrt", "div", "mul", "add"],
    }
    return primitives.get(node.plan.op.name, [node.plan.op.name])


def test_norms_and_inputs_are_known_in_the_new_runs() -> None:
    net = nn.MLP((4, 3, 2))
    x = Tensor(rng().normal(size=(1, 4)).astype(np.float32), requires_grad=True, name="x")
    with keep_values(), viz.watch(net) as runs:
        loss = (net(x) ** 2).sum()
    loss.backward()
    again, frames = replay(loss, runs)
    assert frames is not None
    assert list(frames.norms.values()) == list(runs.norms.values())
    made = {node.order for node in nodes(again)}
    assert frames.norms.keys() <= made
    assert all(order in made for run in frames.all() for order in run.outputs)
    ((name, value),) = frames.given
    assert name == "x"
    assert value is leaves(again)[0]
    assert any(value is given for given in frames.top[0].inputs)


def test_drawn_as_primitives_the_frames_are_titled_by_the_ops() -> None:
    net = nn.MLP((4, 3, 2))
    with keep_values(), viz.watch(net) as runs:
        loss = tj.softmax_cross_entropy(net(np.ones((1, 4), np.float32)), np.array([1]))
    loss.backward()
    again, frames = replay(loss, runs)
    drawn = viz.graph(again, runs=frames, depth="ops").dot
    assert ">softmax_cross_entropy<" in drawn
    assert ">affine<" in drawn
    assert 'tooltip="dot' in drawn
    assert 'tooltip="affine' not in drawn


# ---------------------------------------------------------------------------------------------- bad input


@op(vjp={"x": lambda g, x: g})
def noisy(x: Any, /) -> Any:
    return x + np.random.default_rng().normal(size=x.shape) * 10


def test_an_op_that_draws_random_numbers_is_refused() -> None:
    with keep_values():
        y = noisy(variable(50)).sum()
    with pytest.raises(GraphError, match="noisy did not give the same result"):
        replay(y)


def test_what_was_not_kept_is_refused() -> None:
    y = tj.softmax(variable(2, 3)).sum()
    with pytest.raises(GraphError, match="with keep_values"):
        replay(y)
    with pytest.raises(GraphError, match="nothing was recorded for 'x'"):
        replay(Tensor(1.0, name="x"))
    with pytest.raises(DtypeError, match="got int"):
        replay(3)  # type: ignore[arg-type]
