"""The layers with parameters: shapes, values against PyTorch, gradients of order 1 and 2, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, no_grad, primitives
from tinygrad_jp.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_jp.nn import (
    GRU,
    LSTM,
    RNN,
    BatchNorm1d,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    Module,
    MultiHeadAttention,
    Parameter,
    Reshape,
)
from tinygrad_jp.tape import topological_order
from tinygrad_jp.testing import gradcheck

EXAMPLES = settings(deadline=None, max_examples=5)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    tj.seed(0)


def normal(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def as_function(module: Module) -> tuple[Callable[..., Any], list[Tensor]]:
    """Return module and parameters as (*values, *inputs) ↦ output, and the values: what gradcheck can vary."""
    places = [(m, name) for m in module.modules() for name, v in vars(m).items() if isinstance(v, Parameter)]
    values = [Tensor(getattr(m, name).numpy(), requires_grad=True) for m, name in places]

    def run(*args: Tensor) -> Any:
        for (m, name), value in zip(places, args, strict=False):
            object.__setattr__(m, name, value)  # which a Module refuses: a Tensor in the place of a Parameter
        return module(*args[len(places) :])

    return run, values


def check(module: Module, *inputs: np.ndarray, pick: Callable[[Any], Tensor] = lambda y: y) -> None:
    """Gradients of order 1 and 2 with respect to all parameters and inputs."""
    run, values = as_function(module.astype(np.float64))
    xs = [Tensor(x, requires_grad=True) for x in inputs]
    assert gradcheck(lambda *args: pick(run(*args)), [*values, *xs], order=2, directions=1)


def scramble(module: Module, seed: int) -> Module:
    """Give parameters that start as 0 or 1 values at which a wrong gradient shows."""
    rng = np.random.default_rng(seed)
    with no_grad():
        for p in module.parameters():
            p += rng.uniform(-0.5, 0.5, p.shape)
    return module


class TestLinearAndShapes:
    def test_linear(self) -> None:
        layer = Linear(4, 3)
        x = normal(2, 5, 4).astype(np.float32)
        np.testing.assert_allclose(
            layer(x).numpy(), x @ layer.weight.numpy() + layer.bias.numpy(), rtol=1e-5, atol=1e-6
        )
        assert layer(x).dtype == np.float32
        assert Linear(4, 3, bias=False)(x[0]).shape == (5, 3)
        assert [name for name, _ in Linear(4, 3, bias=False).named_parameters()] == ["weight"]
        with pytest.raises(ShapeError):
            layer(normal(2, 5))
        with pytest.raises(ArgumentError, match="in_features must be a whole number of at least 1"):
            Linear(0, 3)

    @EXAMPLES
    @given(seed=SEEDS)
    def test_linear_gradient(self, seed: int) -> None:
        check(scramble(Linear(3, 2), seed), normal(4, 3, seed=seed))

    def test_flatten_and_reshape(self) -> None:
        x = Tensor(normal(2, 3, 4), requires_grad=True)
        np.testing.assert_array_equal(Flatten()(x).numpy(), x.numpy().reshape(2, 12))
        np.testing.assert_array_equal(Reshape(4, -1)(x).numpy(), x.numpy().reshape(2, 4, 3))
        assert Flatten()(Tensor(np.zeros((0, 3, 4)))).shape == (0, 12)
        Reshape(12)(Flatten()(x)).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), np.ones((2, 3, 4)))

    def test_embedding(self) -> None:
        layer = Embedding(5, 3)
        index = np.array([[0, 4], [4, 4]])
        y = layer(index)
        np.testing.assert_array_equal(y.numpy(), layer.weight.numpy()[index])
        y.sum().backward()
        np.testing.assert_array_equal(layer.weight.grad.numpy(), np.array([1, 0, 0, 0, 3])[:, None] * np.ones(3))
        with pytest.raises(ArgumentError, match=r"numbers in 0…4, got -1…2"):
            layer([-1, 2])
        with pytest.raises(ArgumentError, match=r"got 5…5"):
            layer(Tensor(5))
        with pytest.raises(DtypeError, match="whole numbers, got dtype float64"):
            layer([0.5])


class TestDropout:
    X = np.ones((200, 500), np.float32)

    def test_inverted_keeps_the_mean_and_does_nothing_in_use(self) -> None:
        layer = Dropout(0.3)
        y = layer(Tensor(self.X)).numpy()
        assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
        assert y.mean() == pytest.approx(1, abs=0.01)
        assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
        assert y.dtype == np.float32
        x = Tensor(self.X)
        assert layer.eval()(x) is x

    def test_the_books_variant_scales_in_use(self) -> None:
        layer = Dropout(0.3, inverted=False)
        y = layer(Tensor(self.X)).numpy()
        assert set(np.unique(y)) == {np.float32(0), np.float32(1)}
        assert y.mean() == pytest.approx(0.7, abs=0.01)
        np.testing.assert_allclose(layer.eval()(Tensor(self.X)).numpy(), 0.7, rtol=1e-6)

    def test_the_gradient_passes_where_the_value_does(self) -> None:
        x = Tensor(self.X, requires_grad=True)
        y = Dropout(0.5)(x)
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), y.numpy())

    def test_the_seed_repeats_the_mask(self) -> None:
        layer = Dropout(0.5)
        masks = []
        for seed in (1, 1, 2):
            tj.seed(seed)
            masks.append(layer(Tensor(self.X)).numpy())
        np.testing.assert_array_equal(masks[0], masks[1])
        assert not np.array_equal(masks[0], masks[2])
        assert not np.array_equal(layer(Tensor(self.X)).numpy(), masks[2])  # another draw, another mask

    def test_edges(self) -> None:
        x = Tensor(self.X)
        assert Dropout(0)(x) is x
        for p in (1.0, -0.1):
            with pytest.raises(ArgumentError, match="p must lie in"):
                Dropout(p)

    @pytest.mark.parametrize("x", [np.ones((2, 3), int), np.ones((2, 3), bool)])
    def test_whole_numbers_are_refused_in_training(self, x: np.ndarray) -> None:
        with pytest.raises(DtypeError, match=rf"Dropout: needs floating numbers, got {x.dtype}"):
            Dropout()(x)
        assert Dropout().eval()(x).dtype == x.dtype


class TestNormalization:
    @EXAMPLES
    @given(seed=SEEDS)
    def test_gradients(self, seed: int) -> None:
        x = normal(4, 3, seed=seed)
        check(scramble(LayerNorm(3, eps=0.1), seed), x)
        check(scramble(BatchNorm1d(3, eps=0.1), seed), x)
        used = scramble(BatchNorm1d(3), seed)
        used(x)
        check(used.eval(), x)

    def test_mean_0_variance_1(self) -> None:
        x = 5 + 3 * normal(64, 7)
        for y, axis in ((BatchNorm1d(7)(x).numpy(), 0), (LayerNorm(7)(x).numpy(), 1)):
            np.testing.assert_allclose(y.mean(axis), 0, atol=1e-6)
            np.testing.assert_allclose(y.std(axis), 1, rtol=1e-3)

    def test_figure_6_17_under_primitives(self) -> None:
        layer = BatchNorm1d(3)
        x = Tensor(normal(4, 3), requires_grad=True)
        with primitives():
            y = layer(x)
        nodes = [node.plan.op.name for node in reversed(topological_order(y._node))]
        assert nodes == ["sum", "div", "sub", "mul", "sum", "div", "add", "sqrt", "div", "mul", "add"]  # Σ, /N: a mean
        np.testing.assert_allclose(y.numpy(), layer(x).numpy(), rtol=1e-6)
        assert [n.plan.op.name for n in topological_order(layer(x)._node)] == ["batch_norm"]

    def test_a_single_example_in_training_is_refused(self) -> None:
        layer = BatchNorm1d(3)
        with pytest.raises(ShapeError, match="a batch of 1 has no variance"):
            layer(normal(1, 3))
        assert not layer.running_mean.any()
        assert layer.eval()(normal(1, 3)).shape == (1, 3)

    def test_a_batch_with_nan_leaves_the_averages(self) -> None:
        layer = BatchNorm1d(3)
        layer(normal(4, 3))
        before = layer.state_dict()
        x = normal(4, 3)
        x[0, 1] = np.nan
        assert np.isnan(layer(x).numpy()[:, 1]).all()  # the batch itself shows it
        assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())

    @pytest.mark.parametrize("layer", [BatchNorm1d(3), LayerNorm(3)])
    def test_bad_shapes(self, layer: Module) -> None:
        with pytest.raises(ShapeError, match=r"3.*got .*\(5, 4\)"):
            layer(Tensor(normal(5, 4)))

    def test_bad_arguments(self) -> None:
        with pytest.raises(ShapeError, match="flatten it first"):
            BatchNorm1d(3)(Tensor(normal(5, 2, 3)))
        with pytest.raises(ArgumentError, match="momentum must lie in 0…1"):
            BatchNorm1d(3, momentum=1.5)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_running_averages_as_pytorch(self, dtype: Any) -> None:
        torch = pytest.importorskip("torch")
        ours = scramble(BatchNorm1d(3, momentum=0.8, dtype=dtype), 0)
        theirs = torch.nn.BatchNorm1d(3, momentum=0.2, dtype=torch.tensor(np.zeros(0, dtype)).dtype)
        theirs.load_state_dict(
            {"weight": torch.tensor(ours.gamma.numpy()), "bias": torch.tensor(ours.beta.numpy())}, strict=False
        )
        tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
        for step in range(4):
            x = (3 + 2 * normal(6, 3, seed=step)).astype(dtype)
            if step == 3:
                ours.eval()
                theirs.eval()
            np.testing.assert_allclose(ours(x).numpy(), theirs(torch.tensor(x)).detach().numpy(), **tolerance)
            np.testing.assert_allclose(ours.running_mean, theirs.running_mean.numpy(), **tolerance)
            np.testing.assert_allclose(ours.running_var, theirs.running_var.numpy(), **tolerance)
        assert ours.running_mean.dtype == dtype

    def test_layer_norm_as_pytorch(self) -> None:
        torch = pytest.importorskip("torch")
        layer = scramble(LayerNorm(4, dtype=np.float64), 0)
        x = normal(2, 3, 4)
        gamma, beta = (torch.tensor(p.numpy()) for p in layer.parameters())
        theirs = torch.nn.functional.layer_norm(torch.tensor(x), (4,), gamma, beta)
        np.testing.assert_allclose(layer(x).numpy(), theirs.numpy(), rtol=1e-10)


RECURRENT = {
    "RNN": RNN,
    "RNN relu": lambda *args, **options: RNN(*args, activation="relu", **options),
    "LSTM": LSTM,
    "GRU": GRU,
}


def in_pytorch(torch: Any, ours: Any, name: str) -> Any:
    """Make PyTorch's layer with the same weights."""
    kind, _, activation = name.partition(" ")
    options = {"nonlinearity": activation} if activation else {}
    d, h = ours.features, ours.hidden
    theirs = getattr(torch.nn, kind)(d, h, len(ours.layers), batch_first=True, dtype=torch.float64, **options)
    with torch.no_grad():
        for i, layer in enumerate(ours.layers):
            for ending, values in (
                (f"weight_ih_l{i}", layer.weight.numpy().T),
                (f"weight_hh_l{i}", layer.recurrent_weight.numpy().T),
                (f"bias_ih_l{i}", layer.bias.numpy()),
                (f"bias_hh_l{i}", layer.recurrent_bias.numpy() if kind == "GRU" else np.zeros(len(layer.bias))),
            ):
                getattr(theirs, ending).copy_(torch.tensor(values))
    return theirs


class TestRecurrent:
    @pytest.mark.parametrize("name", RECURRENT)
    @pytest.mark.parametrize("with_state", [False, True])
    def test_values_and_gradients_as_pytorch(self, name: str, with_state: bool) -> None:
        torch = pytest.importorskip("torch")
        ours = RECURRENT[name](3, 4, 2, dtype=np.float64)
        theirs = in_pytorch(torch, ours, name)
        x = normal(2, 19, 3)
        states = [normal(2, 2, 4, seed=k) for k in range(1 + (name == "LSTM"))]
        pack = (lambda parts: tuple(parts) if name == "LSTM" else parts[0]) if with_state else (lambda parts: None)
        our_x, their_x = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        our_states = [Tensor(s, requires_grad=True) for s in states]
        their_states = [torch.tensor(s, requires_grad=True) for s in states]
        y, last = ours(our_x, pack(our_states))
        their_y, their_last = theirs(their_x, pack(their_states))
        results, their_results = (
            [a, *(b if isinstance(b, tuple) else [b])] for a, b in ((y, last), (their_y, their_last))
        )
        cotangents = [normal(*r.shape, seed=9 + k) for k, r in enumerate(results)]
        for mine, other in zip(results, their_results, strict=True):
            np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-10, atol=1e-12)
        sum((r * v).sum() for r, v in zip(results, cotangents, strict=True)).backward()
        sum((r * torch.tensor(v)).sum() for r, v in zip(their_results, cotangents, strict=True)).backward()
        pairs = [(our_x.grad, their_x.grad)]
        pairs += [(a.grad, b.grad) for a, b in zip(our_states, their_states, strict=True) if with_state]
        for i, layer in enumerate(ours.layers):
            pairs += [
                (layer.weight.grad.T, getattr(theirs, f"weight_ih_l{i}").grad),
                (layer.recurrent_weight.grad.T, getattr(theirs, f"weight_hh_l{i}").grad),
                (layer.bias.grad, getattr(theirs, f"bias_ih_l{i}").grad),
            ]
            if name == "GRU":
                pairs.append((layer.recurrent_bias.grad, getattr(theirs, f"bias_hh_l{i}").grad))
        for mine, other in pairs:
            np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-8, atol=1e-10)

    @pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
    @pytest.mark.parametrize("last", [0, 1])
    def test_gradients(self, name: str, last: int) -> None:
        layer = RECURRENT[name](2, 2)
        x, h, c = normal(2, 3, 2), normal(1, 2, 2, seed=2), normal(1, 2, 2, seed=3)
        if name == "LSTM":
            both = type("Both", (Module,), {"forward": lambda self, x, h, c: self.layer(x, (h, c))})()
            both.layer = layer
            check(both, x, h, c, pick=lambda y: y[1][1] if last else y[0])
        else:
            check(layer, x, h, pick=lambda y: y[last])

    @pytest.mark.parametrize("name", RECURRENT)
    def test_shapes_dtypes_and_initial_values(self, name: str) -> None:
        layer = RECURRENT[name](3, 25, 2)
        y, state = layer(normal(2, 5, 3).astype(np.float32))
        parts = state if name == "LSTM" else (state,)
        assert y.shape == (2, 5, 25)
        assert {p.shape for p in parts} == {(2, 2, 25)}
        assert {p.dtype for p in (y, *parts)} == {np.dtype(np.float32)}
        np.testing.assert_array_equal(parts[0].numpy()[-1], y.numpy()[:, -1])
        for p in layer.parameters():
            assert 0.15 < np.abs(p.numpy()).max() <= 0.2

    @pytest.mark.parametrize("name", RECURRENT)
    def test_a_sequence_in_two_parts_gives_the_same(self, name: str) -> None:
        layer = RECURRENT[name](3, 4, 2, dtype=np.float64)
        x = normal(2, 7, 3)
        whole, last = layer(x)
        first, state = layer(x[:, :4])
        second, end = layer(x[:, 4:], state)
        np.testing.assert_allclose(np.concatenate([first.numpy(), second.numpy()], 1), whole.numpy(), rtol=1e-12)
        for a, b in zip(*((s if name == "LSTM" else (s,)) for s in (last, end)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)

    def test_bad_input(self) -> None:
        layer = LSTM(3, 4, 2)
        for shape in ((2, 3), (2, 5, 4), (2, 0, 3)):
            with pytest.raises(ShapeError, match=r"LSTM: needs x of shape \(N, T, 3\)"):
                layer(np.zeros(shape))
        with pytest.raises(ShapeError, match=r"2 arrays of shape \(2, 5, 4\)"):
            layer(np.zeros((5, 1, 3)), (np.zeros((2, 5, 4)), np.zeros((2, 4))))
        with pytest.raises(ShapeError, match=r"one array of shape \(1, 5, 4\)"):
            GRU(3, 4)(np.zeros((5, 1, 3)), np.zeros((5, 4)))
        with pytest.raises(ShapeError, match=r"\(h, c\) of 2 arrays of shape .*, got 1 of shape \(5, 4\)"):
            LSTM(3, 4)(np.zeros((5, 1, 3)), np.zeros((5, 4)))
        for make in (GRU, RNN):
            with pytest.raises(ShapeError, match=r"one array of shape .* got 2 of shape \(1, 5, 4\), \(1, 2\)"):
                make(3, 4)(np.zeros((5, 1, 3)), (np.zeros((1, 5, 4)), np.zeros((1, 2))))
        with pytest.raises(ArgumentError, match="did you mean 'relu'"):
            RNN(3, 4, activation="rely")
        with pytest.raises(ArgumentError, match="at least 1"):
            GRU(3, 4, layers=0)


MASKS = {
    "none": None,
    "(Tq, Tk)": normal(4, 5) > 0,
    "(N, Tq, Tk)": normal(2, 4, 5) > 0,
    "(N, 1, 1, Tk)": np.array([[True] * 5, [True, True, True, False, False]])[:, None, None],
    "(N, heads, Tq, Tk)": normal(2, 3, 4, 5) > 0,
}
for mask in MASKS.values():
    if mask is not None:
        mask[..., 0] = True  # nobody is left with nothing


class TestAttention:
    @pytest.mark.parametrize("shape", MASKS)
    def test_as_pytorchs_scaled_dot_product_attention(self, shape: str) -> None:
        torch = pytest.importorskip("torch")
        layer = MultiHeadAttention(6, 3, dtype=np.float64)
        query, memory, mask = normal(2, 4, 6), normal(2, 5, 6, seed=2), MASKS[shape]

        def heads(part: Linear, x: np.ndarray) -> Any:
            return torch.tensor(part(x).numpy().reshape(2, -1, 3, 2).swapaxes(1, 2))

        their_mask = None if mask is None else torch.tensor(mask[:, None] if mask.ndim == 3 else mask)
        fetched = torch.nn.functional.scaled_dot_product_attention(
            heads(layer.query, query), heads(layer.key, memory), heads(layer.value, memory), their_mask
        )
        expected = layer.output(fetched.numpy().swapaxes(1, 2).reshape(2, 4, 6))
        np.testing.assert_allclose(layer(query, memory, mask=mask).numpy(), expected.numpy(), rtol=1e-10)

    @pytest.mark.parametrize("causal", [False, True])
    def test_values_and_gradients_as_pytorchs_layer(self, causal: bool) -> None:
        torch = pytest.importorskip("torch")
        layer = scramble(MultiHeadAttention(6, 3, dtype=np.float64), 0)
        theirs = torch.nn.MultiheadAttention(6, 3, batch_first=True, dtype=torch.float64)
        parts = (layer.query, layer.key, layer.value)
        with torch.no_grad():
            theirs.in_proj_weight.copy_(torch.tensor(np.concatenate([p.weight.numpy().T for p in parts])))
            theirs.in_proj_bias.copy_(torch.tensor(np.concatenate([p.bias.numpy() for p in parts])))
            theirs.out_proj.weight.copy_(torch.tensor(layer.output.weight.numpy().T))
            theirs.out_proj.bias.copy_(torch.tensor(layer.output.bias.numpy()))
        x = normal(2, 4, 6)
        our_x, their_x = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        hidden = torch.tensor(~np.tri(4, dtype=bool)) if causal else None
        y, weights = layer(our_x, causal=causal, with_weights=True)
        their_y, their_weights = theirs(their_x, their_x, their_x, attn_mask=hidden, average_attn_weights=False)
        np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=1e-10)
        np.testing.assert_allclose(weights.numpy(), their_weights.detach().numpy(), rtol=1e-10)
        v = normal(2, 4, 6, seed=3)
        y.backward(v)
        their_y.backward(torch.tensor(v))
        np.testing.assert_allclose(our_x.grad.numpy(), their_x.grad.numpy(), rtol=1e-8, atol=1e-10)
        ours = np.concatenate([p.weight.grad.numpy().T for p in parts])
        np.testing.assert_allclose(ours, theirs.in_proj_weight.grad.numpy(), rtol=1e-8, atol=1e-10)

    @EXAMPLES
    @given(seed=SEEDS, causal=st.booleans())
    def test_gradients(self, seed: int, causal: bool) -> None:
        layer = type("Causal", (Module,), {"forward": lambda self, x: self.attend(x, causal=causal)})()
        layer.attend = scramble(MultiHeadAttention(4, 2), seed)
        check(layer, normal(2, 3, 4, seed=seed))

    def test_nobody_sees_what_is_masked(self) -> None:
        layer = MultiHeadAttention(4, 2, dtype=np.float64)
        x = normal(1, 5, 4)
        y, weights = layer(x, causal=True, with_weights=True)
        assert weights.shape == (1, 2, 5, 5)
        np.testing.assert_allclose(weights.numpy().sum(-1), 1)
        assert not np.triu(weights.numpy()[0, 0], 1).any()
        changed = x.copy()
        changed[:, 3:] += 1
        np.testing.assert_allclose(layer(changed, causal=True).numpy()[:, :3], y.numpy()[:, :3], rtol=1e-12)
        mask = np.array([True, True, True, False, False])
        both = layer(x, mask=mask, causal=True).numpy()
        np.testing.assert_allclose(both[:, :3], y.numpy()[:, :3], rtol=1e-12)
        np.testing.assert_allclose(both, layer(x, mask=mask & np.tri(5, dtype=bool)).numpy(), rtol=1e-12)

    def test_cross_attention_shapes_and_dropout(self) -> None:
        layer = MultiHeadAttention(4, 2, dropout=0.5)
        query, memory = normal(2, 3, 4).astype(np.float32), normal(2, 6, 4).astype(np.float32)
        assert layer(query, memory).shape == (2, 3, 4)
        assert layer(query, memory).dtype == np.float32
        assert not np.array_equal(layer(query, memory).numpy(), layer(query, memory).numpy())
        layer.eval()
        np.testing.assert_array_equal(layer(query, memory).numpy(), layer(query, memory, memory).numpy())

    @pytest.mark.parametrize(
        ("run", "error", "message"),
        [
            (lambda a: MultiHeadAttention(4, 3), ArgumentError, "3 heads do not divide 4 features"),
            (lambda a: a(normal(2, 3, 5)), ShapeError, r"shape \(N, T, 4\), got \(2, 3, 5\)"),
            (lambda a: a(normal(2, 3, 4), normal(1, 3, 4)), ShapeError, "needs query, key and value"),
            (lambda a: a(normal(2, 3, 4), normal(2, 3, 4), normal(2, 5, 4)), ShapeError, "must have the same shape"),
            (lambda a: a(normal(2, 3, 4), normal(2, 0, 4)), ShapeError, "without any key"),
            (lambda a: a(normal(2, 3, 4), mask=np.ones((3, 3))), DtypeError, "must be Boolean.*got float64"),
            (lambda a: a(normal(2, 3, 4), mask=np.ones((3, 4), bool)), ShapeError, r"mask of shape \(3, 4\)"),
            (lambda a: a(normal(2, 3, 4), mask=np.eye(3, k=1, dtype=bool)), ArgumentError, "without any key"),
        ],
    )
    def test_bad_input(self, run: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            run(MultiHeadAttention(4, 2))
