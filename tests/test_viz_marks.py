"""What is seen of operations at a glance: verdicts, costs, the first NaN, broadcasting, dtypes, sizes of gradients."""

from __future__ import annotations

import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.errors import ArgumentError, DtypeError, GraphError
from tinygrad_jp.ops.table import op
from tinygrad_jp.tape import Node
from tinygrad_jp.testing.verify import verify
from tinygrad_jp.viz.cost import cost
from tinygrad_jp.viz.detail import detail
from tinygrad_jp.viz.facts import Facts
from tinygrad_jp.viz.marks import Marks, nonfinite
from tinygrad_jp.viz.places import Places
from tinygrad_jp.viz.record import Record, reachable
from tinygrad_jp.viz.scene import Box, Circle, Label, Scene, scene
from tinygrad_jp.viz.wires import LARGEST, NONFINITE, SMALLEST, Scale, colour_of, scale


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@op(symbol="x²", vjp={"x": lambda g, x: g * 2.1 * x})
def wrong_square(x: Any, /) -> Any:
    return x * x


def node_of(y: Tensor) -> Node:
    assert y._node is not None
    return y._node


def marked(y: Tensor) -> Scene:
    return scene(y, 99, None, Marks(notes=nonfinite(reachable([node_of(y)]))))


def notes(picture: Scene) -> dict[str, str]:
    """Return the notes of what is marked, by the name of the operation or the input."""
    marks = [(item, item.mark) for item in picture.items if isinstance(item, Circle | Label | Box)]
    return {item.op if isinstance(item, Circle) else item.text: mark.note for item, mark in marks if mark is not None}


# ---------------------------------------------------------------------------------------------- NaN and infinities


class TestFirstNan:
    def test_where_it_arose_going_forward(self) -> None:
        y = tj.exp(tj.log(Tensor([1.0, -1.0], requires_grad=True, name="x")) + 1.0).sum()
        assert notes(marked(y)) == {"log": "NaN arose here"}

    def test_where_it_arose_going_backward(self) -> None:
        x = Tensor([0.0, 1.0], requires_grad=True, name="x")
        y = (tj.sqrt(x) * 2.0).sum()
        y.backward()
        assert notes(marked(y)) == {"sqrt": "inf arose here going backward"}

    def test_both(self) -> None:
        x = Tensor([0.0, 1.0], requires_grad=True, name="x")
        y = tj.log(x * 3.0).sum()
        y.backward()
        assert notes(marked(y)) == {"log": "inf arose here\ninf arose here going backward"}

    def test_an_input_that_brings_it_is_marked_and_no_operation(self) -> None:
        assert notes(marked(Tensor([np.nan, 1.0], requires_grad=True, name="x") * 2.0)) == {"x": "NaN in this input"}

    def test_so_is_a_large_one_without_gradient(self) -> None:
        x = np.ones(50)
        x[7] = np.nan
        with tj.keep_values():
            y = Tensor(x, name="x") * Tensor(np.ones(50), requires_grad=True, name="w")
        assert notes(marked(y)) == {"x": "NaN in this input"}

    def test_a_number_that_brings_it(self) -> None:
        assert notes(marked(Tensor([1.0], requires_grad=True) + np.inf)) == {"add": "inf in an input"}

    @pytest.mark.parametrize("kept", [False, True])
    @pytest.mark.parametrize("steps", [3, 9])
    def test_a_mask_of_minus_infinity_is_none(self, steps: int, kept: bool) -> None:
        scores = Tensor(np.ones((steps, steps)), requires_grad=True, name="scores")
        seen = np.tri(steps, dtype=bool)
        added = np.where(seen, 0.0, -np.inf)
        for masked in (
            lambda: tj.where(seen, scores, -np.inf) * 2.0,
            lambda: scores + added,
            lambda: scores + Tensor(added),
        ):
            with tj.keep_values() if kept else nullcontext():
                y = tj.softmax(masked(), axis=-1).sum()
            y.backward()
            assert notes(marked(y)) == {}

    def test_what_is_made_of_a_mask_may_be_one(self) -> None:
        masked = tj.where(np.array([True, False]), Tensor([1000.0, 1.0], requires_grad=True), -np.inf)
        assert notes(marked(tj.exp(masked))) == {"exp": "inf arose here"}
        assert notes(marked(masked * 0.0)) == {"mul": "NaN arose here"}
        learned = Tensor([1.0, -np.inf], requires_grad=True, name="learned")
        assert notes(marked(learned * 2.0)) == {"learned": "inf in this input"}

    def test_causal_attention_has_none(self) -> None:
        net = nn.MultiHeadAttention(4, 2)
        x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
        with tj.keep_values():
            y = net(Tensor(x, requires_grad=True), causal=True).sum()
        y.backward()
        assert "where" in {node.plan.op.name for node in reachable([node_of(y)])}
        assert notes(marked(y)) == {}

    def test_a_gradient_that_brings_it(self) -> None:
        y = Tensor([1.0], requires_grad=True, name="x") * 2.0
        y.backward(np.array([np.nan]))
        assert notes(marked(y)) == {"mul": "NaN in the gradient that comes in"}

    @pytest.mark.parametrize(
        ("kept", "note"), [(False, {"sum": "inf first seen here"}), (True, {"log": "inf arose here"})]
    )
    def test_what_is_not_known_cannot_be_judged(self, kept: bool, note: dict[str, str]) -> None:
        x = Tensor(np.arange(50.0), requires_grad=True, name="x")
        if kept:
            with tj.keep_values():
                y = tj.log(x).sum()
        else:
            y = tj.log(x).sum()
        assert notes(marked(y)) == note

    def test_finite_numbers_leave_no_mark(self) -> None:
        y = tj.log(Tensor([1.0, 2.0], requires_grad=True)).sum()
        y.backward()
        assert notes(marked(y)) == {}

    def test_a_weight_that_is_nan_only_since_is_none(self) -> None:
        w = Tensor([1.0], requires_grad=True, name="w")
        y = (w * w).sum()
        with tj.no_grad():
            w *= np.nan
        assert notes(marked(y)) == {}

    def test_it_is_red_and_read_aloud(self) -> None:
        drawn = viz.graph(tj.log(Tensor(-1.0, requires_grad=True, name="x")))
        assert 'color="#c0392b", penwidth=2' in drawn.dot
        assert "log (NaN arose here)" in drawn.svg.partition("</desc>")[0]

    def test_in_a_closed_module(self) -> None:
        net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        net[0].weight.numpy()[0, 0] = np.nan
        drawn = viz.graph(net, np.ones((1, 2), np.float32))
        assert "NaN in this input" in drawn.dot
        assert drawn.dot.count("penwidth=2") == 1

    def test_in_a_repetition_that_is_not_drawn(self) -> None:
        layers = [nn.Linear(2, 2) for _ in range(4)]
        net = nn.Sequential(layers)
        layers[2].weight.numpy()[...] = np.inf
        drawn = viz.graph(net, np.ones((1, 2), np.float32))
        assert drawn.dot.count('tooltip="Linear') == 1
        assert "inf in this input" in drawn.dot


# ---------------------------------------------------------------------------------------------- verdicts


class TestVerdicts:
    @staticmethod
    def loss() -> Tensor:
        x = Tensor([[0.0, 1.0, -2.0]], requires_grad=True, name="x")
        with tj.keep_values():
            loss = wrong_square(tj.relu(x) * 3.0).sum()
        loss.backward()
        return loss

    def test_each_operation_has_the_colour_of_its_verdict(self) -> None:
        loss = self.loss()
        picture = scene(loss, 99, None, Marks(report=verify(loss)))
        circles = [item for item in picture.items if isinstance(item, Circle)]
        assert {c.op: c.mark.verdict for c in circles if c.mark} == {
            "relu": "kink",
            "mul": "ok",
            "wrong_square": "wrong",
            "sum": "ok",
        }

    def test_the_error_is_told_when_the_pointer_rests_on_it(self) -> None:
        loss = self.loss()
        root = ET.fromstring(viz.graph(loss, verify=verify(loss)).svg)
        tips = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
        assert any(re.match(r"wrong_square\nerror 4\.\de-02; .*\ntest_viz_marks.py, line \d+: ", tip) for tip in tips)
        told = " ".join(root.itertext())
        assert all(text in told for text in ("gradient right", "gradient wrong", "at a kink"))
        assert "could not be judged" not in told

    def test_what_was_not_judged_is_grey(self) -> None:
        loss = self.loss()
        drawn = viz.graph((loss * 2.0).exp(), verify=verify(loss))
        assert drawn.dot.count('fillcolor="#ededed"') == 2
        assert "could not be judged" in drawn.dot

    def test_a_module_has_the_colour_of_its_worst_operation(self) -> None:
        class Square(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return wrong_square(x) * 2.0

        net = nn.Sequential(nn.Linear(2, 2), Square())
        with tj.keep_values(), viz.watch(net) as runs:
            y = net(np.array([[1.0, 2.0]])).sum()
        y.backward()
        record = Record([node_of(y)])
        places = Places(runs, record, detail(runs, record, 1, [], []), True)
        picture = scene(y, None, places, Marks(report=verify(y)))
        found = {box.title: box.mark.verdict for box in picture.items if isinstance(box, Box) and box.mark}
        assert found == {"Linear": "ok", "Square": "wrong"}

    @pytest.mark.parametrize(
        ("y", "options", "error", "message"),
        [
            (Tensor(1.0), {"verify": True}, DtypeError, "verify= is what testing.verify(y) gives, got bool"),
            (nn.ReLU(), {}, ArgumentError, "verify= judged the operations of a recorded Tensor"),
            (None, {"depth": "primitives"}, ArgumentError, "another depth than 'primitives'"),
        ],
    )
    def test_what_it_does_not_fit(self, y: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
        loss = self.loss()
        inputs = [np.ones(2)] if isinstance(y, nn.Module) else []
        with pytest.raises(error) as raised:
            viz.graph(loss if y is None else y, *inputs, **{"verify": verify(loss)} | options)
        assert message in str(raised.value)


# ---------------------------------------------------------------------------------------------- costs


class TestCosts:
    def test_of_operations(self) -> None:
        y = Tensor(np.ones((2, 3)), requires_grad=True).dot(np.ones((3, 4))).sum()
        picture = scene(y, 99, None, None, Facts(notes=("multiply_adds", "bytes")))
        product = next(item for item in picture.items if isinstance(item, Circle))
        assert product.notes[0].startswith("24 multiply-adds · ")
        assert "multiply-adds" not in viz.graph(y).dot

    def test_of_a_module_all_its_operations_together(self) -> None:
        net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        with viz.watch(net) as runs:
            y = net(np.ones((1, 4), np.float32))
        assert "18 multiply-adds" in viz.graph(y, runs=runs, depth=0, costs=True).dot
        total = sum(cost(node).bytes for node in reachable([node_of(y)]))
        assert f"18 multiply-adds · {total} B" in viz.graph(y, runs=runs, depth=0, costs=True).dot

    def test_of_repeated_modules_those_of_one(self) -> None:
        net = nn.Sequential([nn.Linear(3, 3) for _ in range(5)])
        assert "5 × 9 multiply-adds" in viz.graph(net, np.ones((1, 3), np.float32), costs=True).dot

    def test_what_a_backward_pass_freed_is_not_told_as_zero(self) -> None:
        y = tj.einsum("ij,jk->ik", Tensor(np.ones((2, 3)), requires_grad=True), np.ones((3, 4))).sum()
        assert "24 multiply-adds" in viz.graph(y, costs=True).dot
        y.backward()
        assert "? multiply-adds" in viz.graph(y, costs=True).dot


# ---------------------------------------------------------------------------------------------- wires


def wires(y: Tensor) -> dict[str, Any]:
    picture = scene(y, 99)
    names = {item.id: item.text for item in picture.items if isinstance(item, Label)}
    return {names[wire.tail]: wire for wire in picture.wires if wire.tail in names}


class TestBroadcasting:
    def test_the_larger_shape_is_told_and_the_arrow_is_thick(self) -> None:
        y = Tensor(np.ones((2, 3)), requires_grad=True, name="x") + Tensor(
            [1.0, 2.0, 3.0], name="b", requires_grad=True
        )
        found = wires(y)
        assert found["b"].expanded == (2, 3)
        assert found["x"].expanded is None
        drawn = viz.graph(y)
        assert "1 2 3<br/>⇒ (2, 3)" in drawn.dot
        assert drawn.dot.count("[penwidth=3]") == 1

    def test_broadcast_to(self) -> None:
        assert wires(tj.broadcast_to(Tensor([1.0], requires_grad=True, name="x"), (4,)))["x"].expanded == (4,)

    def test_equal_shapes_products_and_reductions_repeat_nothing(self) -> None:
        x, w = (Tensor(np.ones((2, 2)), requires_grad=True, name=name) for name in "xw")
        for y in (x * w, x.dot(w), x.sum(), x.reshape(4)):
            assert all(wire.expanded is None for wire in wires(y).values())

    def test_a_number_in_the_circle_does_not(self) -> None:
        assert "penwidth" not in viz.graph(Tensor([1.0, 2.0], requires_grad=True) * 2).dot


class TestDtypes:
    def test_they_are_told_where_they_change(self) -> None:
        x = Tensor(np.ones(2, np.float32), requires_grad=True, name="x")
        w = Tensor(np.ones(2), requires_grad=True, name="w")
        picture = scene((x * w).sum(), 99)
        assert [wire.dtype for wire in picture.wires] == ["float32", None, "float64", None]

    def test_whole_numbers(self) -> None:
        loss = tj.softmax_cross_entropy(Tensor([[1.0, 2.0]] * 2, requires_grad=True), np.array([1, 0]))
        assert "int64" in viz.graph(loss).dot
        net = nn.Embedding(4, 2)
        assert "int64" in viz.graph(net, np.array([1, 2]), depth=0).dot

    def test_elsewhere_they_are_not(self) -> None:
        y = Tensor(np.ones(3, np.float32), requires_grad=True) * 2 + np.ones(3, np.float32)
        assert "float" not in viz.graph(y).dot


class TestRelativeGradients:
    @staticmethod
    def chain(factor: float, n: int = 6) -> Tensor:
        y: Tensor = Tensor(np.ones(30), requires_grad=True, name="x")
        with tj.keep_values():
            for _ in range(n):
                y = y * factor
            y = y.sum()
        y.backward()
        return y

    def test_vanishing_gradients_go_from_red_to_blue(self) -> None:
        drawn = viz.graph(self.chain(0.01), gradients="relative").dot
        bars = [line for line in drawn.splitlines() if "|∇|" in line and "width=" in line and "->" not in line]
        assert colour_of(0) in drawn
        assert colour_of(1) in drawn
        assert len(bars) == 9  # x, six products, the sum; and the legend

    def test_the_scale_is_logarithmic(self) -> None:
        sizes = Scale(1e-8, 1.0)
        assert [sizes.share(10.0**-k) for k in (0, 2, 4, 8)] == pytest.approx([1, 0.75, 0.5, 0])
        assert colour_of(0) == "#{:02x}{:02x}{:02x}".format(*SMALLEST)
        assert colour_of(1) == "#{:02x}{:02x}{:02x}".format(*LARGEST)

    def test_nearly_equal_gradients_look_equal(self) -> None:
        assert Scale(0.9, 1.0).share(0.9) > 0.95
        assert Scale(1.0, 1.0).share(1.0) == 1

    def test_zero_has_no_bar_and_what_is_not_known_is_no_zero(self) -> None:
        x = Tensor([1.0, 2.0], requires_grad=True, name="x")
        large = Tensor(np.ones(50), requires_grad=True, name="W")
        y = (x * 0.0).sum() + large.sum()
        y.backward()
        drawn = viz.graph(y, gradients="relative").dot
        assert "|∇| 0<" in drawn
        assert "|∇| ?<" in drawn

    def test_what_was_not_computed_has_none(self) -> None:
        x, w = (Tensor(v, requires_grad=True, name=n) for v, n in ((3.0, "x"), (2.0, "w")))
        y = x * w
        tj.grad(y, x)
        assert scale(scene(y, 9)) == Scale(1.0, 2.0)
        lines = viz.graph(y, gradients="relative").dot.splitlines()
        assert len([line for line in lines if "|∇|" in line and "graph [" not in line]) == 2

    def test_before_backward_there_is_nothing_to_compare(self) -> None:
        y = Tensor([1.0], requires_grad=True) * 2.0
        assert viz.graph(y, gradients="relative").dot == viz.graph(y).dot

    def test_nan_is_magenta(self) -> None:
        y = (Tensor([0.0], requires_grad=True, name="x") ** 0.5).sum() * 2.0
        y.backward()
        assert f'<font color="{NONFINITE}">|∇| ∞' in viz.graph(y, gradients="relative").dot


# ---------------------------------------------------------------------------------------------- opened fused ops


class TestPrimitivesOfATensor:
    def test_they_stand_in_a_frame_of_the_fused_op(self) -> None:
        x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")
        with tj.keep_values():
            loss = tj.softmax_cross_entropy(x, [0, 2])
        loss.backward()
        fused, opened = viz.graph(loss), viz.graph(loss, depth="primitives")
        assert "subgraph" not in fused.dot
        assert opened.dot.count("subgraph") == 1
        assert '<td align="left" balign="left">softmax_cross_entropy</td>' in opened.dot
        for name in ("exp", "log", "sum"):
            assert f'tooltip="{name}&#10;' in opened.dot
        assert "parameters" not in opened.dot  # no model is known

    def test_with_modules_around(self) -> None:
        net = nn.MLP((4, 3, 2))
        with tj.keep_values(), viz.watch(net) as runs:
            y = net(np.ones((1, 4), np.float32)).sum()
        y.backward()
        drawn = viz.graph(y, runs=runs, depth="primitives")
        assert "MLP · 23 parameters" in drawn.dot
        assert drawn.dot.count(">affine<") == 2

    def test_what_was_not_kept(self) -> None:
        y = tj.softmax(Tensor([1.0, 2.0], requires_grad=True))
        with pytest.raises(GraphError, match=r"keep_values\(\)"):
            viz.graph(y, depth="primitives")
        with pytest.raises(GraphError, match="nothing was recorded"):
            viz.graph(Tensor(1.0), depth="primitives")
