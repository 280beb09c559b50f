"""Module's machinery, containers, layers that are functions, summary, and the ready-made networks."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
import re
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_jp as tj
from tinygrad_jp import Tensor, generator, nn, no_grad, optim
from tinygrad_jp.errors import ArgumentError, CallError, DataError, DtypeError, IndexingError, TinygradError
from tinygrad_jp.nn import Linear, Module, ModuleDict, ModuleList, Parameter, ReLU, Sequential


class Net(Module):
    """A parameter between two modules, one module inside another, and a buffer."""

    def __init__(self) -> None:
        self.first = Linear(4, 3)
        self.scale = Parameter(2.0)
        self.body = Sequential(ReLU(), Linear(3, 3), nn.Dropout(0.5))
        self.register_buffer("seen", np.zeros(3))

    def forward(self, x: Any) -> Tensor:
        return self.body(self.first(x)) * self.scale


@pytest.fixture(autouse=True)
def seeded() -> None:
    tj.seed(0)


ODD: list[Any] = ["x", None, 2.5, -1, np.nan, [], {}, [1, 2], np.array([1, 2]), object(), 1j]
"""What no count and no probability is."""
LAYERS: dict[type[Module], tuple[Any, ...]] = {
    Linear: (2, 3), nn.Embedding: (4, 3), nn.PReLU: (1, 0.25), nn.Dropout: (0.5,), nn.Dropout2d: (0.5,),
    nn.Conv1d: (2, 2, 3), nn.Conv2d: (2, 2, 3), nn.ConvTranspose2d: (2, 2, 3), nn.BatchNorm1d: (3,),
    nn.BatchNorm2d: (3,), nn.GroupNorm: (1, 2), nn.LayerNorm: (3,), nn.RNN: (2, 3), nn.LSTM: (2, 3), nn.GRU: (2, 3),
    nn.MultiHeadAttention: (4, 2),
}  # fmt: skip
COUNTS = {"in_features", "out_features", "in_channels", "out_channels", "groups"}
COUNTS |= {"features", "hidden", "layers", "count", "heads"}
SHARES = {"p": "p", "dropout": "p", "momentum": "momentum"}

X = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)


class TestParts:
    def test_order_and_nested_names(self) -> None:
        net = Net()
        names = ["scale", "first.weight", "first.bias", "body.1.weight", "body.1.bias"]
        assert [name for name, _ in net.named_parameters()] == names
        assert [name for name, _ in net.named_modules()] == ["", "first", "body", "body.0", "body.1", "body.2"]
        assert [name for name, _ in net.named_children()] == ["first", "body"]
        assert list(net.children()) == [net.first, net.body]
        assert [name for name, _ in net.named_buffers()] == ["seen"]
        assert all(isinstance(p, Parameter) and p.requires_grad for p in net.parameters())

    def test_super_init_is_not_needed_and_attributes_can_be_replaced_and_deleted(self) -> None:
        net = Net()
        old = net.first
        net.first = Linear(4, 3)
        assert old not in set(net.modules())
        assert net.first in set(net.modules())
        del net.scale
        assert "scale" not in dict(net.named_parameters())

    def test_shared_modules_and_parameters_come_once(self) -> None:
        layer = Linear(3, 3)
        net = Sequential(layer, ReLU(), layer)
        tied = Linear(3, 3)
        tied.weight = layer.weight
        net.append(tied)
        assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "3.bias"]
        assert len(list(net.modules())) == 4
        x = Tensor(np.ones((2, 3), np.float32))
        net(x).sum().backward()
        assert layer.weight.grad is not None

    @pytest.mark.parametrize(
        ("value", "remedy"),
        [
            ([Linear(2, 2)], "ModuleList"),
            ((Parameter(1.0),), "inside a plain tuple"),
            ({"a": Linear(2, 2)}, "ModuleDict"),
            ([[Linear(2, 2)]], "plain list"),
            ({Linear(2, 2)}, "plain set"),
        ],
    )
    def test_plain_collections_of_modules_are_refused(self, value: Any, remedy: str) -> None:
        net = Net()
        with pytest.raises(ArgumentError, match=r"Net\.layers: .*" + remedy):
            net.layers = value
        net.sizes = [1, 2]  # other lists are no business of the module
        net.nothing = []

    def test_a_list_filled_later_is_found_when_parameters_are_collected(self) -> None:
        net = Net()
        net.layers = []
        net.layers.append(Linear(2, 2))
        for collect in (net.parameters, net.state_dict, net.zero_grad):
            with pytest.raises(ArgumentError, match=r"Net\.layers: .*ModuleList"):
                list(collect() or ())

    @pytest.mark.parametrize("replace", [lambda w: w.numpy(), lambda w: w * 2, lambda w: 3.0])
    def test_a_parameter_is_not_lost_by_assigning_values(self, replace: Any) -> None:
        layer = Linear(2, 2)
        with pytest.raises(DtypeError, match=r"Linear\.weight is a Parameter; the .* or del weight first"):
            layer.weight = replace(layer.weight)
        layer.bias = None
        with no_grad():
            layer.weight -= 1
        assert [name for name, _ in layer.named_parameters()] == ["weight"]

    def test_a_module_cannot_hold_itself(self) -> None:
        net = Net()
        with pytest.raises(ArgumentError, match="a module cannot hold itself"):
            net.body.append(Sequential(net.body))

    @pytest.mark.parametrize("name", ["forward", "a.b", "training", "", 1])
    def test_names_of_buffers(self, name: Any) -> None:
        with pytest.raises(ArgumentError, match="cannot be a name"):
            Net().register_buffer(name, [0])

    def test_forward_must_be_written(self) -> None:
        with pytest.raises(NotImplementedError, match="Half has no forward method"):
            type("Half", (Module,), {})()(X)

    def test_apply_reaches_the_inside_first(self) -> None:
        seen: list[str] = []
        net = Net()
        assert net.apply(lambda module: seen.append(type(module).__name__)) is net
        assert seen == ["Linear", "ReLU", "Linear", "Dropout", "Sequential", "Net"]

    def test_repr_is_a_tree(self) -> None:
        assert repr(Net()) == "\n".join(
            [
                "Net(",
                "  (first): Linear(4, 3)",
                "  (body): Sequential(",
                "    (0): ReLU()",
                "    (1): Linear(3, 3)",
                "    (2): Dropout(p=0.5)",
                "  )",
                ")",
            ]
        )


class TestModes:
    def test_train_and_eval_reach_everything(self) -> None:
        net = Net()
        assert net.eval() is net
        assert not any(module.training for module in net.modules())
        net.body.train()
        assert [module.training for module in net.modules()] == [False, False, True, True, True, True]

    def test_freezing(self) -> None:
        net = Net()
        net.first.requires_grad_(False)
        net(X).sum().backward()
        assert net.first.weight.grad is None
        assert net.body[1].weight.grad is not None
        net.zero_grad()
        assert all(p.grad is None for p in net.parameters())
        net.requires_grad_()
        net(X).sum().backward()
        assert net.first.weight.grad is not None

    def test_astype_changes_parameters_buffers_and_results(self) -> None:
        net = Net().eval()
        net(X).sum().backward()
        memory = list(net.parameters())
        assert net.astype(np.float64) is net
        assert {p.dtype for p in net.parameters()} | {b.dtype for _, b in net.named_buffers()} == {np.dtype(float)}
        assert all(p.grad is None for p in net.parameters())
        assert all(a is b for a, b in zip(memory, net.parameters(), strict=True))  # an optimizer still knows them
        assert net(X.astype(float)).dtype == np.float64
        with pytest.raises(DtypeError, match="floating dtype, got int64"):
            net.astype(np.int64)


class TestHooks:
    def test_a_hook_sees_and_may_replace_and_is_removed(self) -> None:
        layer = Linear(4, 3)
        seen: list[tuple[Any, ...]] = []
        remove = layer.register_forward_hook(lambda *call: seen.append(call))
        plain = layer(X)
        assert len(seen) == 1
        assert seen[0][0] is layer
        assert seen[0][1][0] is X
        assert seen[0][2] is plain
        remove_double = layer.register_forward_hook(lambda module, inputs, output: output * 2)
        np.testing.assert_array_equal(layer(X).numpy(), 2 * plain.numpy())
        remove()
        remove()  # a second time is no error
        remove_double()
        np.testing.assert_array_equal(layer(X).numpy(), plain.numpy())
        assert len(seen) == 2

    def test_one_function_twice_is_two_hooks(self) -> None:
        layer = Linear(4, 3)
        seen: list[Any] = []

        def hook(*call: Any) -> None:
            seen.append(call)

        remove, _ = layer.register_forward_hook(hook), layer.register_forward_hook(hook)
        remove()
        layer(X)
        assert len(seen) == 1
        with pytest.raises(DtypeError, match="register_forward_hook: needs a function, got 3"):
            layer.register_forward_hook(3)  # type: ignore[arg-type]

    def test_hooks_of_one_layer_are_not_another_ones(self) -> None:
        a, b = Linear(4, 3), Linear(4, 3)
        a.register_forward_hook(lambda *_: Tensor(0.0))
        assert b(X).shape == (5, 3)


class TestState:
    def test_round_trip(self) -> None:
        net, other = Net().eval(), Net().eval()
        net.seen += 7
        state = net.state_dict()
        assert set(state) == {"scale", "first.weight", "first.bias", "body.1.weight", "body.1.bias", "seen"}
        assert not np.array_equal(net(X).numpy(), other(X).numpy())
        other.load_state_dict(state)
        np.testing.assert_array_equal(net(X).numpy(), other(X).numpy())
        np.testing.assert_array_equal(other.seen, [7, 7, 7])
        state["first.weight"][:] = 0  # copies on both ways
        assert net.first.weight.numpy().any()
        assert other.first.weight.numpy().any()

    def test_values_take_the_dtype_of_the_model(self) -> None:
        net = Net()
        net.load_state_dict({name: v.astype(np.float64) for name, v in net.state_dict().items()})
        assert net.first.weight.dtype == np.float32

    def test_all_problems_at_once_and_nothing_changed(self) -> None:
        net = Net()
        before = net.state_dict()
        state: dict[str, Any] = net.state_dict()
        state["scale"] = np.float32(9)  # this one would fit
        del state["first.bias"]
        state["first.weight"] = np.zeros((3, 4))
        state["body.1.bias"] = np.array(["a", "b", "c"])
        state["extra"] = np.zeros(2)
        with pytest.raises(DataError, match="another model") as caught:
            net.load_state_dict(state)
        text = str(caught.value)
        assert "missing: first.bias of shape (3,)" in text
        assert "unknown: extra of shape (2,)" in text
        assert "first.weight has shape (4, 3) here, but (3, 4) in the state" in text
        assert "body.1.bias" in text
        for name, values in net.state_dict().items():
            np.testing.assert_array_equal(values, before[name])

    @pytest.mark.parametrize("state", [None, [1]])
    def test_a_state_is_a_mapping(self, state: Any) -> None:
        with pytest.raises(ArgumentError, match=r"Net\.load_state_dict: needs arrays by name"):
            Net().load_state_dict(state)

    @pytest.mark.parametrize(
        ("buffer", "value"),
        [(3, np.nan), (3, np.inf), (3, 2.5), (3, 1e30), (np.uint8(3), 300), (np.uint8(3), -1), (np.bool_(1), 2)],
    )
    def test_what_a_whole_number_cannot_hold_is_refused(self, buffer: Any, value: Any) -> None:
        net = Net()
        net.register_buffer("count", buffer)
        message = (
            rf"values: count is {net.count.dtype} here, which cannot hold the {re.escape(str(np.asarray(value)))} in"
        )
        with pytest.raises(DataError, match=message):
            net.load_state_dict(net.state_dict() | {"count": value})
        assert net.count == buffer

    @given(hnp.arrays(st.sampled_from([np.int64, np.uint8, np.float64, np.bool_]), (3,)))
    def test_whole_numbers_are_loaded_as_they_are_or_refused(self, values: np.ndarray) -> None:
        net = Net()
        net.register_buffer("counts", np.zeros(3, np.int16))
        fits = np.isin(values, np.arange(-(2**15), 2**15)).all()
        with nullcontext() if fits else pytest.raises(DataError, match="counts is int16"):
            net.load_state_dict({"counts": values}, strict=False)
        np.testing.assert_array_equal(net.counts, values if fits else np.zeros(3))
        assert net.counts.dtype == np.int16

    def test_not_strict_passes_names_over_but_not_shapes(self) -> None:
        net = Net()
        before = net.state_dict()
        net.load_state_dict({"scale": 5.0, "extra": np.zeros(2)}, strict=False)
        assert net.scale.item() == 5
        np.testing.assert_array_equal(net.state_dict()["first.weight"], before["first.weight"])
        with pytest.raises(DataError, match=r"scale has shape \(\) here"):
            net.load_state_dict({"scale": np.zeros(2)}, strict=False)

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
    def test_copies_are_whole_and_apart(self, duplicate: Any) -> None:
        net = Net().eval()
        net.tied = Linear(4, 3)
        net.tied.weight = net.first.weight
        net.first.requires_grad_(False)
        other = duplicate(net)
        np.testing.assert_array_equal(net(X).numpy(), other(X).numpy())
        assert other.tied.weight is other.first.weight
        assert not other.first.weight.requires_grad
        assert isinstance(other.first.weight, Parameter)
        assert not other.training
        with no_grad():
            other.first.weight += 1
        assert not np.array_equal(net(X).numpy(), other(X).numpy())


class TestContainers:
    def test_sequential(self) -> None:
        a, b, c = Linear(4, 3), ReLU(), Linear(3, 2)
        net = Sequential(a, b, c)
        np.testing.assert_array_equal(net(X).numpy(), c(b(a(X))).numpy())
        assert list(Sequential([a, b, c])) == [a, b, c]
        assert len(net) == 3
        assert net[-1] is c
        assert type(net[:2]) is Sequential
        assert list(net[:2]) == [a, b]
        net[1] = tanh = nn.Tanh()
        assert list(net) == [a, tanh, c]
        assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]

    def test_module_list(self) -> None:
        modules = ModuleList(Linear(2, 2) for _ in range(2))
        modules.append(ReLU())
        modules.extend([ReLU()])
        assert len(modules) == 4
        assert [name for name, _ in modules.named_children()] == ["0", "1", "2", "3"]
        with pytest.raises(IndexError):
            modules[4] = ReLU()
        with pytest.raises(DtypeError, match="holds Modules, got function"):
            modules.append(lambda x: x)  # type: ignore[arg-type]

    def test_module_list_stays_whole(self) -> None:
        a, b, c, d = (Linear(2, 2) for _ in range(4))
        modules = ModuleList([a, b, c])
        for wrong in (5, None):
            with pytest.raises(DtypeError, match="ModuleList: holds Modules"):
                modules[0] = wrong  # type: ignore[assignment]
            with pytest.raises(DtypeError, match="ModuleList: holds Modules"):
                modules.insert(0, wrong)  # type: ignore[arg-type]
        for place in (3, -4, "a", 1.0):
            with pytest.raises(IndexingError, match=r"there is no module .* among 3"):
                del modules[place]  # type: ignore[arg-type]
        assert list(modules) == [a, b, c]
        del modules[-2]
        modules.insert(1, d)
        modules.insert(0, b)
        assert list(modules) == [b, a, d, c]
        assert [name for name, _ in modules.named_children()] == ["0", "1", "2", "3"]
        with pytest.raises(DtypeError, match="Sequential: holds Modules, got NoneType"):
            Sequential(None)

    def test_module_dict(self) -> None:
        modules = ModuleDict({"up": Linear(2, 4), "down": Linear(4, 2)})
        modules["act"] = ReLU()
        assert list(modules) == list(modules.keys()) == ["up", "down", "act"]
        assert [m for _, m in modules.items()] == list(modules.values())
        assert "up" in modules
        assert "left" not in modules
        assert len(modules) == 3
        assert modules["down"].weight.shape == (4, 2)
        assert "up.weight" in dict(modules.named_parameters())
        for name in ("forward", "a.b", "keys", "items", 3, ""):
            with pytest.raises(ArgumentError, match="cannot be a name"):
                modules[name] = ReLU()  # type: ignore[index]
        with pytest.raises(IndexingError, match="there is no 'dwn'; did you mean 'down'"):
            modules["dwn"]
        del modules["up"]
        assert list(modules) == ["down", "act"]


class TestFunctions:
    @pytest.mark.parametrize("name", nn.activation.BY_NAME)
    def test_every_activation_is_its_function(self, name: str) -> None:
        layer = nn.activation.by_name(name)()
        x = Tensor(X, requires_grad=True)
        function = getattr(tj, "sigmoid" if name == "logistic" else name)
        expected = function(x, 0.25) if name == "prelu" else function(x)
        y = layer(x)
        np.testing.assert_array_equal(y.numpy(), expected.numpy())
        assert y.dtype == np.float32
        assert pickle.loads(pickle.dumps(layer))(x).shape == X.shape

    @pytest.mark.parametrize("name", nn.loss.BY_NAME)
    def test_every_loss_is_its_function(self, name: str) -> None:
        rng = np.random.default_rng(0)
        prediction = Tensor(rng.uniform(0.1, 0.9, (6, 3)).astype(np.float32), requires_grad=True)
        target: np.ndarray = rng.choice([-1.0, 1.0], (6, 3)).astype(np.float32)
        if "cross_entropy" in name or name == "nll_loss":
            target = (target + 1) / 2
        for reduction in ("mean", "sum", "none"):
            loss = nn.loss.by_name(name)(reduction=reduction)(prediction, target)
            np.testing.assert_array_equal(loss.numpy(), getattr(tj, name)(prediction, target, reduction).numpy())
            assert loss.requires_grad
            assert loss.ndim == 0 if reduction != "none" else loss.shape[0] == 6

    def test_every_function_of_the_family_has_a_layer(self) -> None:
        activations = {row.name for row in vars(tj.ops.activation).values() if isinstance(row, tj.ops.Op)}
        losses = {row.name for row in vars(tj.ops.loss).values() if isinstance(row, tj.ops.Op)}
        others = {"relu", "log_softmax", "softplus", "softmax_cross_entropy"}  # what they are made of
        assert activations - {"erf"} <= set(nn.activation.BY_NAME)
        assert losses - others == set(nn.loss.BY_NAME)

    def test_options(self) -> None:
        assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
        assert repr(nn.HuberLoss("sum", delta=2.0)) == "HuberLoss(reduction='sum', delta=2.0)"
        assert repr(nn.ReLU()) == "ReLU()"
        np.testing.assert_allclose(nn.LeakyReLU(0.2)(Tensor([-1.0, 1.0])).numpy(), [-0.2, 1])
        np.testing.assert_allclose(nn.Softmax(axis=0)(Tensor(X)).numpy().sum(0), 1, rtol=1e-5)
        assert list(inspect.signature(nn.QuantileLoss).parameters) == ["reduction", "quantile"]
        assert "pinball" in (nn.QuantileLoss.__doc__ or "")
        with pytest.raises(CallError, match=r"ELU: .*'slope'; its options are: alpha"):
            nn.ELU(slope=1.0)
        with pytest.raises(CallError, match=r"Tanh: .*options are: none"):
            nn.Tanh(3)

    def test_prelu_learns_its_slope(self) -> None:
        layer = nn.PReLU(4)
        assert [p.shape for p in layer.parameters()] == [(4,)]
        layer(Tensor(X)).sum().backward()
        np.testing.assert_allclose(layer.weight.grad.numpy(), np.minimum(X, 0).sum(0), rtol=1e-5)

    def test_books_names(self) -> None:
        assert nn.SoftmaxWithLoss is nn.CrossEntropyLoss
        assert nn.Logistic is nn.Sigmoid
        assert nn.Affine is nn.Linear

    @pytest.mark.parametrize(
        ("find", "name", "message"),
        [
            (nn.activation.by_name, "rleu", "activation: there is no 'rleu'; did you mean 'relu'?"),
            (nn.activation.by_name, "xyz", "there are step, sigmoid"),
            (nn.loss.by_name, "hubber_loss", "loss: there is no 'hubber_loss'; did you mean 'huber_loss'?"),
            (nn.init.get, "he_norml", "did you mean 'he_normal'?"),
            (nn.init.get, "xavier_norm", "did you mean 'xavier_normal'?"),
        ],
    )
    def test_unknown_names_suggest_the_nearest(self, find: Any, name: str, message: str) -> None:
        with pytest.raises(ArgumentError) as caught:
            find(name)
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: nn.CrossEntropyLoss(reduction="maen"), "did you mean 'mean'"),
            (lambda: nn.HuberLoss(delta=-1), "delta must be greater than 0"),
            (lambda: Linear(2.0, 3), "in_features must be a whole number of at least 1, got 2.0"),  # type: ignore[arg-type]
            (lambda: Linear(2, "3"), "out_features must be a whole number of at least 1, got '3'"),  # type: ignore[arg-type]
            (lambda: Linear(2, 3, init=-1.0), "a standard deviation must be finite and at least 0, got -1.0"),
            (lambda: Linear(2, 3, init=float("nan")), "got nan"),
            (lambda: nn.BatchNorm1d(-1), "BatchNorm1d: features must be a whole number"),
            (lambda: nn.LayerNorm(3, eps=-1), "LayerNorm: eps must be finite and at least 0, got -1"),
        ],
    )
    def test_bad_arguments_are_refused_when_made(self, make: Any, message: str) -> None:
        with pytest.raises(ArgumentError, match=message):
            make()

    @pytest.mark.parametrize(("layer", "usual"), LAYERS.items())
    def test_no_argument_raises_an_error_of_another_library(self, layer: type[Module], usual: tuple[Any, ...]) -> None:
        names = list(inspect.signature(layer).parameters)
        for name, odd in itertools.product(names, ODD):
            refused: Any = suppress(TinygradError)
            if name in COUNTS:
                refused = pytest.raises(ArgumentError, match=rf"^{layer.__name__}: {name} must be a whole number of at")
            elif name in SHARES:
                refused = pytest.raises(ArgumentError, match=rf"{SHARES[name]} must lie in .*, got")
            with refused:
                layer(**{**dict(zip(names, usual, strict=False)), name: odd})

    def test_every_name_of_initial_values_is_a_function_there(self) -> None:
        assert all(getattr(nn.init, name) is init for name, init in nn.init.BY_NAME.items())


class Tied(Module):
    """One layer run twice, a weight used by two modules, a module that is never run, products of its own."""

    def __init__(self) -> None:
        self.embed = nn.Embedding(7, 4)
        self.layer = Linear(4, 4)
        self.decode = Linear(4, 4, bias=False)
        self.decode.weight = self.layer.weight
        self.spare = Linear(2, 2)
        self.mix = Parameter(np.ones((4, 5)))

    def forward(self, index: Any) -> dict[str, Any]:
        x = self.decode(self.layer(self.layer(self.embed(index))))
        return {"scores": tj.einsum("nti,ij->ntj", x, self.mix), "x": [x]}


class TestSummary:
    def test_numbers_of_a_small_network(self) -> None:
        found = nn.MLP((784, 50, 10), batch_norm=True, dropout=0.5).summary((100, 784))
        rows = {row.path: (row.layer, row.output_shape, row.parameters, row.multiply_adds) for row in found.rows}
        assert rows == {
            "": ("MLP", (100, 10), 0, 0),
            "layers": ("Sequential", (100, 10), 0, 0),
            "layers.0": ("Linear", (100, 50), 784 * 50 + 50, 100 * 784 * 50),
            "layers.1": ("BatchNorm1d", (100, 50), 100, 0),
            "layers.2": ("ReLU", (100, 50), 0, 0),
            "layers.3": ("Dropout", (100, 50), 0, 0),
            "layers.4": ("Linear", (100, 10), 510, 100 * 50 * 10),
        }
        assert found.parameters == found.trainable == 784 * 50 + 50 + 100 + 510
        assert found.multiply_adds == 100 * (784 * 50 + 50 * 10)

    def test_shared_unused_and_own(self) -> None:
        found = nn.summarize(Tied(), (2, 3), int)
        rows = [(row.path, row.output_shape, row.parameters, row.multiply_adds) for row in found.rows]
        assert rows == [
            ("", (2, 3, 5), 20, 6 * 20),
            ("embed", (2, 3, 4), 28, 0),
            ("layer", (2, 3, 4), 20, 6 * 16),
            ("layer", (2, 3, 4), 0, 6 * 16),
            ("decode", (2, 3, 4), 0, 6 * 16),
            ("spare", None, 6, 0),
        ]
        assert found.parameters == sum(p.size for p in Tied().parameters())

    def test_recurrent_and_attention(self) -> None:
        assert nn.LSTM(5, 7).summary((3, 20, 5)).multiply_adds == 3 * 20 * (5 + 7) * 28
        attention = nn.MultiHeadAttention(16, 4).summary((3, 6, 16))
        assert attention.rows[0].multiply_adds == 2 * 3 * 6 * 6 * 16
        assert attention.multiply_adds == 2 * 3 * 6 * 6 * 16 + 4 * 3 * 6 * 16 * 16

    def test_frozen_parameters_are_counted_and_stay_frozen(self) -> None:
        net = nn.MLP((4, 3, 2))
        net.layers[0].requires_grad_(False)
        found = net.summary((1, 4))
        assert (found.parameters, found.trainable, found.multiply_adds) == (23, 8, 18)
        assert "15 parameters frozen" in str(found)
        assert not net.layers[0].weight.requires_grad

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_model_stays_as_it_is(self, fails: bool) -> None:
        class Drawing(Module):
            def __init__(self) -> None:
                self.inside = nn.BatchNorm1d(4)
                self.inside.eval()
                self.register_buffer("calls", np.zeros(()))

            def forward(self, x: Any) -> Tensor:
                self.calls += 1
                generator.generator().random()
                assert not fails
                return self.inside(x)

        net = Drawing()
        net.inside.gamma.grad = Tensor(np.ones(4, np.float32))
        before, random = net.state_dict(), generator.state()
        if fails:
            with pytest.raises(AssertionError):
                net.summary((3, 4))
        else:
            with no_grad():
                assert net.summary((3, 4)).parameters == 8
        assert generator.state() == random
        assert (net.training, net.inside.training) == (True, False)
        assert all(np.array_equal(v, before[k]) for k, v in net.state_dict().items())
        np.testing.assert_array_equal(net.inside.gamma.grad.numpy(), np.ones(4))
        assert not any("forward" in vars(module) for module in net.modules())

    def test_as_text_and_html(self) -> None:
        found = nn.MLP((4, 3, 2)).summary((10, 4))
        lines = str(found).split("\n")
        assert lines[0].split() == ["layer", "output", "shape", "parameters", "multiply-adds"]
        assert lines[-1].split() == ["total", "23", "180"]
        assert len({len(line) for line in lines}) == 1
        assert repr(found) == str(found)
        assert found._repr_html_().count("<tr>") == len(found.rows) + 2
        assert "<td" in found._repr_html_()

    def test_a_shape_that_is_none(self) -> None:
        with pytest.raises(ArgumentError, match=r"tuple of lengths, \(N, …\), got 784"):
            nn.MLP((784, 10)).summary(784)  # type: ignore[arg-type]


class TestModels:
    def test_mlp_layers_and_initial_values(self) -> None:
        names = [type(layer).__name__ for layer in nn.MLP((400, 300, 300, 10), batch_norm=True, dropout=0.2).layers]
        hidden = ["Linear", "BatchNorm1d", "ReLU", "Dropout"]
        assert names == [*hidden, *hidden, "Linear"]
        for activation, init, spread in (
            ("relu", None, np.sqrt(2 / 400)),
            ("tanh", None, np.sqrt(1 / 400)),
            ("relu", 0.01, 0.01),
        ):
            net = nn.MLP((400, 300, 100), activation, init)
            assert net.layers[0].weight.numpy().std() == pytest.approx(spread, rel=0.02)
            assert net.layers[-1].weight.numpy().std() == pytest.approx(np.sqrt(1 / 300), rel=0.02)
        assert nn.MLP((4, 3, 2), dtype=np.float64)(X.astype(float)).dtype == np.float64
        assert nn.MultiLayerNet is nn.MLP

    def test_mlp_refuses(self) -> None:
        with pytest.raises(ArgumentError, match="at least"):
            nn.MLP((784,))
        with pytest.raises(ArgumentError, match="did you mean 'sigmoid'"):
            nn.MLP((784, 10), activation="sigmod")

    def test_two_layer_net_as_in_the_book(self) -> None:
        net = nn.TwoLayerNet(input_size=4, hidden_size=6, output_size=3, weight_init_std=1.0)  # far from relu's kink
        assert {name: p.shape for name, p in net.params.items()} == {
            "W1": (4, 6),
            "b1": (6,),
            "W2": (6, 3),
            "b2": (3,),
        }
        assert nn.TwoLayerNet(400, 300, 10).W1.numpy().std() == pytest.approx(0.01, rel=0.02)
        t = np.array([0, 1, 2, 0, 1])
        scores = net.predict(X).numpy()
        assert net.accuracy(X, t) == net.accuracy(X, np.eye(3)[t]) == (scores.argmax(1) == t).mean()
        before = net.state_dict()
        net.astype(np.float64)
        by_tape, by_differences = net.gradient(X.astype(float), t), net.numerical_gradient(X.astype(float), t)
        for name in ("W1", "b1", "W2", "b2"):
            assert np.abs(by_tape[name] - by_differences[name]).max() < 1e-7
            assert net.params[name].grad is None
            np.testing.assert_array_equal(net.params[name].numpy(), before[name])
        loss = net.loss(X, t).item()
        with no_grad():
            for name in net.params:
                net.params[name] -= 0.5 * by_tape[name]
        assert net.loss(X, t).item() < loss


class TestInit:
    @pytest.mark.parametrize(
        ("init", "spread"),
        [
            ("xavier", np.sqrt(1 / 400)),
            ("xavier_normal", np.sqrt(2 / 700)),
            ("xavier_uniform", np.sqrt(2 / 700)),
            ("he", np.sqrt(2 / 400)),
            ("he_normal", np.sqrt(2 / 400)),
            ("he_uniform", np.sqrt(2 / 400)),
            ("normal", 1.0),
            ("uniform", np.sqrt(1 / 3)),
            (0.01, 0.01),
            ("zeros", 0.0),
            (lambda shape: np.full(shape, 3.0), 0.0),
        ],
    )
    def test_spread(self, init: Any, spread: float) -> None:
        w = Linear(400, 300, init=init).weight.numpy()
        assert w.shape == (400, 300)
        assert w.std() == pytest.approx(spread, rel=0.02, abs=1e-6)
        if init != "zeros" and not callable(init):
            assert abs(w.mean()) < 0.02 * spread

    def test_limits_and_constants(self) -> None:
        assert np.abs(nn.init.he_uniform((400, 300))).max() == pytest.approx(np.sqrt(6 / 400), rel=1e-3)
        assert np.abs(nn.init.xavier_uniform((400, 300))).max() == pytest.approx(np.sqrt(6 / 700), rel=1e-3)
        assert np.abs(nn.init.uniform((400, 300))).max() == pytest.approx(1, rel=1e-3)
        np.testing.assert_array_equal(nn.init.constant((2,), 0.5), [0.5, 0.5])
        assert nn.init.fans((16, 3, 5, 5)) == (75, 400)
        with pytest.raises(ArgumentError, match="no inputs and outputs"):
            nn.init.he((3,))

    def test_default_for_an_activation(self) -> None:
        assert nn.init.for_activation("relu") == nn.init.for_activation("gelu") == "he"
        assert nn.init.for_activation("sigmoid") == nn.init.for_activation("tanh") == "xavier"

    def test_a_seed_repeats_a_whole_network_bit_for_bit(self) -> None:
        def trained(seed: int) -> dict[str, np.ndarray]:
            tj.seed(seed)
            net = nn.MLP((4, 8, 3), batch_norm=True, dropout=0.5)
            optimizer = optim.SGD(net.parameters(), lr=0.1)
            for _ in range(5):
                optimizer.zero_grad()
                nn.CrossEntropyLoss()(net(X), np.array([0, 1, 2, 0, 1])).backward()
                optimizer.step()
            return net.state_dict()

        first, again, other = trained(3), trained(3), trained(4)
        assert all(first[name].tobytes() == again[name].tobytes() for name in first)
        assert first["layers.0.weight"].tobytes() != other["layers.0.weight"].tobytes()

    def test_parameters_copy_their_values(self) -> None:
        values = np.arange(3.0)
        w = Parameter(values, name="w")
        values[0] = 9
        assert (w.dtype, w.requires_grad, w.is_leaf, w.name) == (np.float32, True, True, "w")
        np.testing.assert_array_equal(w.numpy(), [0, 1, 2])
