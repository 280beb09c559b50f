"""Shapes without computing: every row of the op table, whole networks, and what cannot be known then."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tests.calls import Call, calls
from tests.test_models import THIN
from tinygrad_jp import Tensor, detect_anomaly, generator, keep_values, nn, no_grad, primitives, viz
from tinygrad_jp.blank import Blank
from tinygrad_jp.errors import ArgumentError, NotComputedError, ShapeError
from tinygrad_jp.nn.models import BY_NAME, VGG, ResNet, by_name
from tinygrad_jp.ops import TABLE, Op
from tinygrad_jp.tape import Node, enable_grad, outlines
from tinygrad_jp.tensor import from_node
from tinygrad_jp.viz.watch import arrays, tensors

ROWS = [pytest.param(row, id=name) for name, row in TABLE.items()]
EXAMPLES = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))


def blank(*shape: int, dtype: Any = np.float32) -> Tensor:
    return from_node(Blank(shape, dtype), None)


def learned(call: Call, make: Callable[[np.ndarray], np.ndarray]) -> list[Tensor]:
    """Take the floating inputs of a call as variables, made out of their arrays."""
    tensors = [from_node(make(a) if a.dtype.kind == "f" else a, None) for a in call.arrays]
    for k in call.differentiable:
        tensors[k]._requires_grad = tensors[k].dtype.kind == "f"
    return tensors


def saved_of(node: Node) -> list[Any]:
    """List the shapes of all arrays that a node keeps, and the dtypes of those with elements."""
    return [(a.shape, a.dtype if a.size else None) for part in node.saved for a in arrays(part)]


class TestRows:
    @pytest.mark.parametrize("row", ROWS)
    @EXAMPLES
    @given(data=st.data())
    def test_shape_and_dtype_are_those_of_the_result(self, row: Op[Any], data: st.DataObject) -> None:
        """Also of what is kept for the gradients, and with every input unknown, or all of them known."""
        call = data.draw(calls(row))
        y = call.run(*learned(call, np.asarray))
        make = data.draw(st.sampled_from([np.asarray, lambda a: Blank(a.shape, a.dtype)]))
        with outlines():
            z = call.run(*learned(call, make))
        assert (z.shape, z.dtype, z.requires_grad) == (y.shape, y.dtype, y.requires_grad)
        if y._node is not None:
            assert z._node.plan.op is y._node.plan.op
            assert saved_of(z._node) == saved_of(y._node)
            assert isinstance(z.numpy(), Blank)

    @pytest.mark.parametrize(
        ("run", "shape"),
        [
            (lambda n: tj.conv2d(blank(n, 3, 9, 9), blank(4, 3, 3, 3), 2), (4, 4, 4)),
            (lambda n: tj.conv_transpose2d(blank(n, 3, 9, 9), blank(3, 4, 2, 2), 2), (4, 18, 18)),
            (lambda n: tj.conv_layer(blank(n, 3, 9, 9), blank(4, 3, 3, 3), blank(4), relu=True, pool=2), (4, 3, 3)),
            (lambda n: tj.max_pool2d(blank(n, 3, 9, 9), 3), (3, 3, 3)),
            (lambda n: tj.avg_pool2d(blank(n, 3, 9, 9), 3), (3, 3, 3)),
            (lambda n: tj.affine(blank(n, 3), blank(3, 5), blank(5)), (5,)),
            (lambda n: tj.affine_relu(blank(n, 3), blank(3, 5), blank(5)), (5,)),
            (lambda n: tj.dot(blank(n, 2, 3), blank(3, 5)), (2, 5)),
            (lambda n: blank(n, 2, 3) @ blank(3, 5), (2, 5)),
            (lambda n: blank(n, 2, 3) @ blank(n, 3, 5), (2, 5)),
            (lambda n: blank(2, 3) @ blank(n, 3, 5), (2, 5)),
            (lambda n: tj.einsum("bij,bkj->bik", blank(n, 2, 3), blank(n, 5, 3)), (2, 5)),
            (lambda n: tj.softmax(blank(n, 7)), (7,)),
            (lambda n: tj.sum(blank(n, 7, 5), (1, 2)), ()),
            (lambda n: tj.max(blank(n, 7, 5), -1, keepdims=True), (7, 1)),
            (lambda n: tj.standardize(blank(n, 7)), (7,)),
            (lambda n: tj.concatenate([blank(n, 2), blank(n, 3)], 1), (5,)),
            (lambda n: nn.BatchNorm1d(3)(blank(n, 3)), (3,)),
            (lambda n: nn.LayerNorm(3)(blank(n, 3)), (3,)),
            (lambda n: nn.MultiHeadAttention(4, 2)(blank(n, 3, 4)), (3, 4)),
            (lambda n: tj.reshape(blank(n, 2, 3), (-1, 6)), (6,)),
            (lambda n: tj.swapaxes(tj.gelu(blank(n, 2, 3)), 1, 2), (3, 2)),
        ],
    )
    def test_no_result_takes_memory(self, run: Callable[[int], Tensor], shape: tuple[int, ...]) -> None:
        with outlines():
            assert run(10**12).shape == (10**12, *shape)

    @pytest.mark.parametrize(
        ("run", "message"),
        [
            (lambda: blank(3, 2) + blank(4, 2), r"add: shapes \(3, 2\) and \(4, 2\) do not broadcast"),
            (lambda: tj.dot(blank(5, 2), blank(3, 2)), r"dot: shapes \(5, 2\) and \(3, 2\) do not align"),
            (
                lambda: tj.conv2d(blank(5, 2, 8, 8), blank(4, 3, 3, 3)),
                r"conv2d: x of shape \(5, 2, 8, 8\) has 2 channels",
            ),
            (lambda: tj.concatenate([blank(5, 2), blank(4, 2)], 1), "concatenate: "),
            (lambda: blank(2, 3, 4) @ blank(5, 4, 3), "matmul: "),
        ],
    )
    def test_what_does_not_fit_is_refused_with_the_shapes_that_were_given(
        self, run: Callable[[], Tensor], message: str
    ) -> None:
        with outlines(), pytest.raises(ShapeError, match=message):
            run()

    def test_an_op_of_the_users_own_runs_as_it_is(self) -> None:
        @tj.op(vjp={"x": lambda g, x: g * x})
        def half(x, /):  # whose family, by default "elementwise", is not right
            return x[: len(x) // 2] * 2

        with outlines():
            assert half(blank(6, 2)).shape == (3, 2)

        @tj.op()
        def text(x, /):
            return "text"

        with outlines(), pytest.raises(tj.errors.DtypeError, match="must return one array"):
            text(blank(6, 2))


class TestKnown:
    def test_whole_numbers_and_booleans_stay_known(self) -> None:
        ids = Tensor([3, 0, 2])
        with outlines():
            mask = ids != 0
            assert mask.tolist() == [True, False, True]
            assert blank(3, 4)[mask].shape == (2, 4)
            assert int(ids.max()) == 3

    def test_what_was_given_is_not_touched(self) -> None:
        x = Tensor([1.0, 2.0])
        with outlines():
            assert x.tolist() == [1.0, 2.0]
            assert not isinstance((x * 2).numpy().base, np.ndarray)

    @pytest.mark.parametrize(
        "read",
        [
            lambda y: y.item(), float, int, bool, lambda y: y.tolist(), lambda y: f"{y:.2f}", lambda y: 3 in y,
            lambda y: [0, 1][y.astype(int)[0]], np.asarray, lambda y: np.mean(y.numpy()), lambda y: y.numpy().max(),
            lambda y: np.sort(y.numpy()), lambda y: y.numpy().argmax(), lambda y: np.asarray(y.numpy().nonzero()),
            lambda y: np.matmul(y.numpy(), np.ones((1, 1))), lambda y: np.modf(y.numpy()),
            lambda y: float(y.numpy()[0]), lambda y: [float(n) for n in y.numpy()], lambda y: next(y.numpy().flat),
            lambda y: f"{y.numpy()[0]:.2f}", lambda y: round(y.numpy()[0]), lambda y: y.numpy().sort(),
            lambda y: y.numpy().fill(1), lambda y: pickle.dumps(y.numpy()),
        ],
    )  # fmt: skip
    def test_nobody_can_read_the_rest(self, read: Callable[[Tensor], Any]) -> None:
        with outlines():
            y = (Tensor(np.ones((1, 1))) * 2.0)[0, 0] if read in (float, int) else Tensor(np.ones(1)) * 2.0
            with pytest.raises(NotComputedError, match="compute=True"):
                read(y)

    def test_element_by_element_numpy_tells_the_shape_too(self) -> None:
        with outlines():
            y = (Tensor(np.ones((2, 1), np.float32)) * 2).numpy()
            z = (1 - y) > np.ones(3)
        assert isinstance(z, Blank)
        assert (z.shape, z.dtype) == ((2, 3), bool)

    def test_copies_take_no_memory(self) -> None:
        for make in (Blank.copy, copy.copy, copy.deepcopy):
            made = make(Blank((10**6, 10**6), np.float32))
            assert isinstance(made, Blank)
            assert (made.shape, made.dtype) == ((10**6, 10**6), np.float32)

    @pytest.mark.parametrize("use", [lambda h, kept: h * kept, lambda h, kept: np.tanh(kept) + h])
    def test_what_stays_of_it_is_refused_when_something_computes(self, use: Callable[[Tensor, Tensor], Any]) -> None:
        kept: dict[str, Tensor] = {}

        class Keeping(nn.Module):
            def __init__(self) -> None:
                self.layer = nn.Linear(3, 3)

            def forward(self, x: Tensor) -> Any:
                kept.setdefault("scale", tj.exp(Tensor(np.ones(3, np.float32))))
                return use(self.layer(x), kept["scale"])

        net = Keeping()
        viz.graph(net, (2, 3), compute=False)
        with pytest.raises(NotComputedError, match="compute=True"):
            net(np.ones((2, 3), np.float32))

    def test_print_says_so(self) -> None:
        assert str(Blank((), np.float32)) == "<(), not computed>"
        assert repr(Blank((), np.float32)) == "Blank(<(), not computed>, dtype=float32)"
        assert repr(blank(2, 3)) == "Tensor(<(2, 3), not computed>, dtype=float32)"

    @pytest.mark.parametrize(
        "choose",
        [lambda x, y: x[y > 0], lambda x, y: tj.repeat(x, y.astype(int), 0), lambda x, y: tj.reshape(x, y.astype(int))],
    )
    def test_shapes_that_depend_on_values(self, choose: Callable[[Tensor, Tensor], Tensor]) -> None:
        with outlines(), pytest.raises(NotComputedError):
            choose(blank(3, 4), blank(3) * 2)

    def test_indices_need_not_be_known(self) -> None:
        with outlines():
            best = blank(5, 3).argmax(axis=1)
            assert blank(3, 7)[best].shape == (5, 7)

    def test_there_is_no_gradient(self) -> None:
        w = Tensor(np.ones((4, 3)), requires_grad=True)
        with outlines():
            y = (tj.dot(np.ones((2, 4)), w) + 1).sum()
        for compute in (y.backward, lambda: tj.grad(y, w), lambda: tj.grad(y, w, create_graph=True)):
            with pytest.raises(NotComputedError, match="sum: has no gradient"):
                compute()
        assert w.grad is None


class TestModes:
    def test_inside_no_grad(self) -> None:
        w = Tensor(np.ones((4, 3)), requires_grad=True)
        with outlines(), no_grad():
            y = w * 2.0
            assert (y.shape, y.requires_grad) == ((4, 3), False)
            with enable_grad():
                z = w * 2.0
            assert z.requires_grad
        assert all(isinstance(t.numpy(), Blank) for t in (y, z))

    def test_where_nothing_is_recorded(self) -> None:
        with no_grad(), outlines():
            y = Tensor(np.ones(3), requires_grad=True) * 2.0
        assert isinstance(y.numpy(), Blank)
        assert not y.requires_grad

    def test_ends(self) -> None:
        with outlines():
            pass
        assert (Tensor(3.0) * 2).item() == 6

    def test_beside_others(self) -> None:
        with detect_anomaly(), keep_values(), outlines():
            y = tj.log(Tensor(0.0, requires_grad=True))
        assert y._node.call is None
        with outlines(), detect_anomaly(), keep_values():
            y = tj.log(Tensor(0.0, requires_grad=True))
        assert y._node.call is None

    def test_primitives(self) -> None:
        with outlines(), primitives():
            assert tj.conv2d(Tensor(np.ones((2, 3, 8, 8)), requires_grad=True), np.ones((4, 3, 3, 3))).shape == (
                2,
                4,
                6,
                6,
            )


class Tokens(nn.Module):
    """Whole numbers that decide what is attended to; a loop; ops outside the tape's record."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(10, 8)
        self.attention = nn.MultiHeadAttention(8, 2)
        self.norm = nn.LayerNorm(8)
        self.recurrent = nn.LSTM(8, 6)

    def forward(self, ids: Any) -> Tensor:
        ids = tj.tensor.as_tensor(ids)
        h = self.embedding(ids)
        h = self.norm(h + self.attention(h, mask=(ids != 9)[:, None]))
        with no_grad():
            mean = tj.mean(h, (0, 1))
        return self.recurrent(h - mean)[0][:, -1]


class Images(nn.Module):
    """Layers that no network of the library has."""

    def __init__(self) -> None:
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, groups=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Dropout(0.5)
        )
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = tj.gelu(self.norm(self.up(self.body(x))))
        h = np.concatenate([h, tj.upsample(tj.adaptive_avg_pool2d(h, 3), size=h.shape[2])], axis=1)
        return tj.log_softmax(tj.einsum("nchw,ncij->nhi", h, h) * 1e-4, -1)


def network(name: str) -> nn.Module:
    return by_name(name)((1, 28, 28), 10, **THIN.get(name, {}))


IMAGES = (2, 1, 28, 28)
NETWORKS: list[Any] = [
    *(pytest.param(lambda name=name: network(name), IMAGES, id=name) for name in BY_NAME),
    pytest.param(Images, (2, 3, 8, 8), id="Images"),
    pytest.param(lambda: nn.models.MLP([4, 3, 1]), (2, 4), id="MLP"),
    pytest.param(lambda: nn.TwoLayerNet(4, 3, 2), (5, 4), id="TwoLayerNet"),
    pytest.param(lambda: nn.RNN(3, 4), (2, 5, 3), id="RNN"),
    pytest.param(Tokens, np.array([[1, 2, 0], [3, 4, 5]]), id="Tokens"),
]
UNKNOWN = {"seconds", "magnitude", "saved"}


class TestPictures:
    @pytest.mark.parametrize(("make", "x"), NETWORKS)
    @pytest.mark.parametrize("depth", [None, "layers", "ops", "primitives"])
    @pytest.mark.parametrize("training", [True, False])
    def test_of_shapes_is_the_computed_one(
        self, make: Callable[[], nn.Module], x: Any, depth: Any, training: bool
    ) -> None:
        net = make().train(training)
        options: dict[str, Any] = {"depth": depth, "notes": ["options", "dtype"], "costs": True}
        computed = viz.graph(net, x, show="shapes", **options)
        outlined = viz.graph(net, x, compute=False, **options)
        assert outlined.dot == computed.dot
        for ours, theirs in zip(outlined.rows(), computed.rows(), strict=True):
            assert {k: v for k, v in ours.items() if k not in UNKNOWN} == {
                k: v for k, v in theirs.items() if k not in UNKNOWN
            }
            assert ours["seconds"] is ours["magnitude"] is None

    @pytest.mark.parametrize(("make", "x"), NETWORKS)
    def test_summary_is_that_of_a_computed_run(self, make: Callable[[], nn.Module], x: Any) -> None:
        net, dtype = make(), np.float32 if isinstance(x, tuple) else int
        shape = x if isinstance(x, tuple) else x.shape
        outlined = net.summary(shape, dtype)
        outputs: list[Tensor] = []

        def asks_for_numbers(module: nn.Module, inputs: Any, y: Any) -> None:
            outputs.append(tensors(y)[0])
            outputs[-1].tolist()

        net.register_forward_hook(asks_for_numbers)
        assert str(net.summary(shape, dtype)) == str(outlined)
        assert [isinstance(y.numpy(), Blank) for y in outputs] == [True, False]

    @pytest.mark.parametrize("depth", ["layers", "ops"])
    def test_of_a_large_network_take_no_memory(self, depth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """VGG-19 on 100 images: the activations alone would be 6 GB, and the largest of them 1.3 GB."""
        monkeypatch.setattr(nn.init, "normal", lambda shape, std=1.0: np.broadcast_to(np.float32(0), shape))
        net = VGG(19, width=1 / 4)
        tracemalloc.start()
        try:
            drawn = viz.graph(net, (100, 3, 224, 224), depth=depth, compute=False)
            table = net.summary((100, 3, 224, 224))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert "(100, 16, 224, 224)" in drawn.dot
        assert "(100, 16, 224, 224)" in str(table)
        assert peak < 30e6

    def test_several_results_of_a_loop_are_rolled(self) -> None:
        pictures = [
            viz.graph(nn.LSTM(3, 4, layers=2), (2, 3, 3), depth="ops", roll=True, **options)
            for options in ({"show": "shapes"}, {"compute": False})  # of one line, which the picture tells
        ]
        assert pictures[0].dot == pictures[1].dot

    def test_the_model_is_as_before(self) -> None:
        net = Images()
        before, random = {name: v.copy() for name, v in net.state_dict().items()}, generator.state()
        viz.graph(net, (2, 3, 8, 8), compute=False)
        assert generator.state() == random
        for name, value in net.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
        assert net.training
        assert net(np.ones((2, 3, 8, 8), np.float32)).numpy().shape == (2, 8, 8)

    @pytest.mark.parametrize(
        "draw", [lambda net: viz.graph(net, (3, 3), compute=False), lambda net: net.summary((3, 3))]
    )
    def test_what_a_module_keeps_for_the_next_run_is_computed_then(self, draw: Callable[[nn.Module], Any]) -> None:
        class Cached(nn.Module):
            def __init__(self) -> None:
                self.linear = nn.Linear(3, 3)
                self.shift = None
                self.lists, self.tables = ["kept"], {"kept": 1}

            def forward(self, x: Tensor) -> Tensor:
                if self.shift is None:
                    self.shift = tj.exp(Tensor(np.ones((3, 3), np.float32)))
                    self.later = self.shift
                    self.lists.append(self.shift)
                    self.tables["shift"] = self.shift
                return tj.softmax(self.shift) + tj.softmax(self.tables["shift"]) + self.linear(x)

        x = np.ones((3, 3), np.float32)
        net = Cached()
        draw(net)
        assert list(vars(net)) == list(vars(Cached()))
        assert (net.shift, net.lists, net.tables) == (None, ["kept"], {"kept": 1})
        expected = 2 / 3 + net.linear(x).numpy()
        np.testing.assert_allclose(net(x).numpy(), expected, rtol=1e-5)

    def test_single_numbers_are_shown_by_their_shape(self) -> None:
        class Scaled(nn.Module):
            def __init__(self) -> None:
                self.layer = nn.Linear(1, 1)

            def forward(self, x: Tensor) -> Tensor:
                with no_grad():
                    size = tj.mean(x)
                return self.layer(x) * size * self.layer(x).numpy() + 2.0

        drawn = viz.graph(Scaled(), (1, 1), compute=False, depth="ops")
        labels = {row["type"]: row["input_shapes"] for row in drawn.rows()}
        assert labels["mul"] == [(1, 1), (1, 1)]
        assert "label=<()>" in drawn.dot
        assert not any(text in drawn.dot for text in ("label=<0>", "<0<", ">0.0<"))

    def test_given_shapes_alone_a_module_computes_only_if_numbers_are_asked_for(self) -> None:
        class Counting(nn.Module):
            computed = 0

            def forward(self, x: Tensor) -> Tensor:
                Counting.computed += type(x.numpy()) is np.ndarray
                return x * 2.0

        def times(*inputs: Any, **options: Any) -> int:
            Counting.computed = 0
            viz.graph(Counting(), *inputs, **options)
            return Counting.computed

        assert times((2, 3)) == times((2, 3), show="shapes") == times((2, 3), costs=True) == 0
        assert times(np.ones((2, 3))) == times((2, 3), compute=True) == times((2, 3), show="values") == 1
        assert times((2, 3), notes="magnitude") == times((2, 3), colour=lambda row: row["magnitude"]) == 1

    def test_by_default_a_module_that_decides_by_numbers_computes(self) -> None:
        class Deciding(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return x * 2.0 if x.sum().item() < 1e9 else x

        assert "×2" in viz.graph(Deciding(), (2, 3)).dot

    def test_options_that_need_numbers_are_refused(self) -> None:
        net = nn.Linear(3, 2)
        for options in (
            {"show": "values"}, {"show": "both"}, {"show": "numbers"}, {"show": "thumbnails"}, {"notes": "seconds"},
            {"notes": ["options", "magnitude"]}, {"colour": "seconds"}, {"notes": "saved"},
        ):  # fmt: skip
            with pytest.raises(ArgumentError, match="needs what compute=False does not compute"):
                viz.graph(net, (5, 3), compute=False, **options)
        with pytest.raises(ArgumentError, match="compute must be True or False, got 0"):
            viz.graph(net, (5, 3), compute=0)
        with pytest.raises(ArgumentError, match="belongs to a Module"):
            viz.graph(Tensor(1.0, requires_grad=True) * 2, compute=False)

    def test_nothing_and_colours_can_be_shown(self) -> None:
        net = ResNet(18, (1, 8, 8), 3, width=0.05)
        drawn = viz.graph(net, (3, 1, 8, 8), compute=False, show="nothing", colour="multiply_adds", notes="bytes")
        assert "multiply-adds" in drawn.dot
        assert "(3, 1, 8, 8)" not in drawn.dot

    def test_a_module_that_decides_by_numbers_is_drawn_until_there(self) -> None:
        class Deciding(nn.Module):
            def __init__(self) -> None:
                self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

            def forward(self, x: Tensor) -> Tensor:
                h = self.first(x)
                return self.second(h) if h.sum() > 0 else h

        with pytest.raises(NotComputedError, match="result of greater") as raised:
            viz.graph(Deciding(), (5, 3), compute=False)
        assert "NotComputedError" in raised.value.graph.dot  # type: ignore[attr-defined]
        assert "(5, 2)" in str(Deciding().summary((5, 3))) or "second" in str(Deciding().summary((5, 3)))

    def test_a_failure_is_the_computed_one(self) -> None:
        net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 2))
        pictures = []
        for compute in (True, False):
            with pytest.raises(ShapeError, match=r"affine: shapes \(2, 4\) and \(5, 2\)") as raised:
                viz.graph(net, (2, 3), compute=compute, show="shapes")
            pictures.append(raised.value.graph.dot)  # type: ignore[attr-defined]
        assert pictures[0] == pictures[1]

    @pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.MSELoss, nn.BCEWithLogitsLoss])
    def test_with_a_loss_whose_targets_are_a_shape(self, loss: Callable[[], nn.Module]) -> None:
        class Judged(nn.Module):
            def __init__(self) -> None:
                self.layer, self.loss = nn.Linear(3, 4), loss()

            def forward(self, x: Tensor, t: Tensor) -> Tensor:
                return self.loss(self.layer(x), t)

        drawn = viz.graph(Judged(), (5, 3), (5, 4), compute=False, depth="layers")
        assert drawn.rows()[-1]["shape"] == ()
