"""Pictures of networks: which module each op belongs to, what is opened, closed and folded, and large graphs."""

from __future__ import annotations

import importlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.errors import ArgumentError, DtypeError, GraphError
from tinygrad_jp.nn.models import BY_NAME
from tinygrad_jp.viz import columns
from tinygrad_jp.viz import render as rendering
from tinygrad_jp.viz.detail import detail
from tinygrad_jp.viz.places import Places, around
from tinygrad_jp.viz.record import Record
from tinygrad_jp.viz.scene import Box, Circle, Label, Scene, Turn, scene

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


def images(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def read(model: nn.Module, x: Any, depth: Any = None, expand: Any = (), collapse: Any = (), fold: bool = True) -> Scene:
    """Read a scene the way ``graph`` does, before it is cut into columns."""
    with viz.watch(model) as runs:
        y = model(x)
    assert y._node is not None
    record = Record([y._node])
    return scene(y, None, Places(runs, record, detail(runs, record, depth, expand, collapse), fold))


def boxes(picture: Scene) -> dict[str, Box]:
    """Return the boxes by what stands first below them: the module's name."""
    return {item.notes[0].partition(" ·")[0]: item for item in picture.items if isinstance(item, Box)}


def circles(picture: Scene) -> list[str]:
    return [item.op for item in picture.items if isinstance(item, Circle)]


def frames(item: Any) -> list[str]:
    """List the titles of the frames around an item, the outermost first."""
    return [group.title.partition("\n")[0] for group in reversed(around(item.group))]


def flows(picture: Scene) -> set[tuple[str, str]]:
    """List who feeds whom, by name."""
    names = {item.id: item.text for item in picture.items if isinstance(item, Label)}
    names |= {item.id: item.op for item in picture.items if isinstance(item, Circle)}
    names |= {box.id: name for name, box in boxes(picture).items()}
    return {(names[wire.tail], names[wire.head]) for wire in picture.wires}


def texts(svg: str) -> list[str]:
    return ["".join(t.itertext()).strip() for t in ET.fromstring(svg).iter(f"{SVG}text")]


class Residual(nn.Module):
    """relu(body(x) + x), as a block whose own ops are seen when it is opened."""

    def __init__(self, width: int) -> None:
        self.body = nn.Sequential(nn.Linear(width, width), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return tj.relu(self.body(x) + x)


class Chain(nn.Module):
    def __init__(self, *parts: nn.Module) -> None:
        self.blocks = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


# ---------------------------------------------------------------------------------------------- golden files


def small_mlp() -> nn.Module:
    return nn.MLP((4, 3, 2))


@pytest.mark.parametrize(
    ("name", "make", "x", "depth"),
    [
        ("mlp_depth_1", small_mlp, images(1, 4), 1),
        ("mlp_depth_2", small_mlp, images(1, 4), 2),
        ("mlp_primitives", small_mlp, images(1, 4), "primitives"),
        ("simple_conv_net", nn.SimpleConvNet, images(1, 1, 28, 28), None),
    ],
)
def test_golden(name: str, make: Callable[[], nn.Module], x: np.ndarray, depth: Any) -> None:
    drawn = {viz.graph(make(), x, depth=depth).dot for _ in range(2)}
    assert drawn == {(GOLDEN / f"{name}.dot").read_text(encoding="utf-8")}


# ---------------------------------------------------------------------------------------------- levels


class TestDepth:
    def test_the_whole_model(self) -> None:
        picture = read(small_mlp(), images(1, 4), 0)
        assert [(box.title, box.notes) for box in picture.items if isinstance(box, Box)] == [
            ("MLP", ("23 parameters",))
        ]

    def test_its_modules(self) -> None:
        picture = read(small_mlp(), images(1, 4), 1)
        assert boxes(picture).keys() == {"layers"}
        assert flows(picture) == {("x", "layers"), ("layers", "")}

    def test_layers_show_class_options_and_parameters(self) -> None:
        picture = read(nn.SimpleConvNet(), images(2, 1, 28, 28), 2)
        shown = [(box.title, box.options, box.kind) for box in boxes(picture).values()]
        assert shown[:3] == [
            ("Conv2d", "1, 30, 5×5", "learned"),
            ("ReLU", "", "function"),
            ("MaxPool2d", "size=2", "function"),
        ]
        assert boxes(picture)["layers.0"].notes == ("layers.0 · 780 parameters",)
        assert picture.wires[1].shape == (2, 30, 24, 24)

    def test_by_default_as_few_levels_as_show_something(self) -> None:
        assert boxes(read(nn.SimpleConvNet(), images(1, 1, 28, 28))).keys() == {f"layers.{i}" for i in range(7)}
        assert boxes(read(Chain(Residual(3), nn.ReLU()), images(1, 3))).keys() == {"blocks.0", "blocks.1"}
        assert boxes(read(nn.Sequential(nn.Linear(2, 2)), images(1, 2))).keys() == {"0"}

    def test_layers_opens_all_but_those_without_modules_inside(self) -> None:
        picture = read(Chain(Residual(3), nn.ReLU()), images(1, 3), "layers")
        assert boxes(picture).keys() == {"blocks.0.body.0", "blocks.0.body.1", "blocks.1"}
        assert circles(picture) == ["add", "relu"]

    def test_ops_opens_all(self) -> None:
        picture = read(small_mlp(), images(1, 4), "ops")
        assert not boxes(picture)
        assert circles(picture) == ["affine", "relu", "affine"]

    def test_primitives_open_the_fused_ops(self) -> None:
        drawn = viz.graph(small_mlp(), images(1, 4), depth="primitives")
        assert repr(drawn) == "<Graph: 5 operations; .save('x.svg') draws it>"
        assert "affine" not in drawn.dot
        assert drawn.dot.count('tooltip="dot"') == drawn.dot.count('tooltip="add"') == 2

    def test_a_model_without_modules_is_drawn_in_operations(self) -> None:
        picture = read(nn.TwoLayerNet(4, 3, 2), images(1, 4))
        assert circles(picture) == ["affine", "relu", "affine"]
        assert {"W1", "b1", "W2", "b2", "x"} <= {item.text for item in picture.items if isinstance(item, Label)}


class TestFrames:
    def test_they_nest_as_the_modules_do(self) -> None:
        picture = read(Chain(Residual(3), nn.ReLU()), images(1, 3), "ops")
        by_op = {item.op: item for item in picture.items if isinstance(item, Circle)}
        assert frames(by_op["affine"]) == ["blocks.0", "blocks.0.body", "blocks.0.body.0"]
        assert frames(by_op["tanh"]) == ["blocks.0", "blocks.0.body", "blocks.0.body.1"]
        assert frames(by_op["add"]) == ["blocks.0"]
        weight = next(item for item in picture.items if isinstance(item, Label) and item.text == "W")
        assert frames(weight) == ["blocks.0", "blocks.0.body", "blocks.0.body.0"]
        assert [frames(item) for item in picture.items if isinstance(item, Label) and item.text == "x"] == [[]]

    def test_in_dot_they_are_clusters_in_clusters(self) -> None:
        lines = viz.graph(Chain(Residual(3), nn.ReLU()), images(1, 3), depth="layers").dot.splitlines()
        level, seen = 0, {}
        for line in lines[1:-1]:
            level += ("subgraph" in line) - (line.strip() == "}")
            match = re.search(r'tooltip="(\w+)', line)
            if match:
                seen[match[1]] = level
        assert seen == {"Linear": 2, "Tanh": 2, "add": 1, "relu": 1, "ReLU": 0}
        assert level == 0

    def test_a_model_among_other_operations_has_its_own(self) -> None:
        net = small_mlp()
        with viz.watch(net) as runs:
            loss = (net(images(1, 4)) ** 2).sum()
        drawn = viz.graph(loss, runs=runs, depth=2)
        assert '<td align="left" balign="left">MLP</td>' in drawn.dot
        assert repr(drawn).startswith("<Graph: 3 modules, 2 operations")


class TestExpandAndCollapse:
    model = Chain(Residual(3), Residual(3), nn.Sequential(nn.Linear(3, 2), nn.ReLU()))

    def test_one_module_is_opened(self) -> None:
        picture = read(self.model, images(1, 3), 1, expand=["blocks.1"])
        assert boxes(picture).keys() == {"blocks.0", "blocks.1.body", "blocks.2"}
        assert circles(picture) == ["add", "relu"]
        assert flows(picture) == {
            *(("x", "blocks.0"), ("blocks.0", "blocks.1.body"), ("blocks.0", "add"), ("blocks.1.body", "add")),
            *(("add", "relu"), ("relu", "blocks.2"), ("blocks.2", "")),
        }

    def test_all_around_it_are_opened_too(self) -> None:
        picture = read(self.model, images(1, 3), 0, expand=["blocks.2.0"])
        assert boxes(picture).keys() == {"blocks.0 … 1", "blocks.2.1"}
        assert circles(picture) == ["affine"]

    def test_one_module_is_closed(self) -> None:
        picture = read(self.model, images(1, 3), "ops", collapse=["blocks.0", "blocks.1.body"])
        assert boxes(picture).keys() == {"blocks.0", "blocks.1.body"}
        assert circles(picture) == ["add", "relu", "affine", "relu"]

    def test_closing_is_the_stronger(self) -> None:
        picture = read(self.model, images(1, 3), 1, expand=["blocks.0.body"], collapse=["blocks.0"])
        assert "blocks.0" in boxes(picture)

    def test_a_list_of_modules_stands_for_what_is_inside(self) -> None:
        assert boxes(read(self.model, images(1, 3), "layers", collapse=["blocks"], fold=False)).keys() == {
            "blocks.0",
            "blocks.1",
            "blocks.2",
        }

    def test_a_single_name_is_no_list_of_letters(self) -> None:
        assert "blocks.2.0" in viz.graph(self.model, images(1, 3), expand="blocks.2").dot

    @pytest.mark.parametrize(
        ("option", "name", "message"),
        [
            ("expand", "block.1", "expand: Chain has no module 'block.1'; did you mean 'blocks.1'?"),
            (
                "collapse",
                "blocks.0.bodi",
                "collapse: Chain has no module 'blocks.0.bodi'; did you mean 'blocks.0.body'?",
            ),
        ],
    )
    def test_unknown_names_suggest_the_nearest(self, option: str, name: str, message: str) -> None:
        with pytest.raises(ArgumentError, match=re.escape(message)):
            viz.graph(self.model, images(1, 3), **{option: name})

    def test_a_module_that_did_not_run_is_told(self) -> None:
        net = Chain(nn.ReLU())
        net.spare = nn.Tanh()
        with pytest.raises(ArgumentError, match="'spare' of Chain did not run"):
            viz.graph(net, images(1, 3), expand="spare")


class TestFolding:
    def test_equal_blocks_in_a_row_are_one(self) -> None:
        picture = read(Chain(nn.Linear(2, 3), *(Residual(3) for _ in range(12)), nn.Linear(3, 2)), images(1, 2))
        (block,) = [box for box in boxes(picture).values() if box.times > 1]
        assert (block.title, block.times, block.notes) == ("Residual", 12, ("blocks.1 … 12 · 12 × 12 parameters",))
        assert flows(picture) == {
            ("x", "blocks.0"),
            ("blocks.0", "blocks.1 … 12"),
            ("blocks.1 … 12", "blocks.13"),
            ("blocks.13", ""),
        }

    def test_on_request_they_are_not(self) -> None:
        assert len(boxes(read(Chain(*(Residual(3) for _ in range(4))), images(1, 3), fold=False))) == 4

    def test_an_opened_block_is_drawn_once(self) -> None:
        picture = read(Chain(*(Residual(3) for _ in range(4))), images(1, 3), "layers")
        assert boxes(picture).keys() == {"blocks.0.body.0", "blocks.0.body.1"}
        assert circles(picture) == ["add", "relu"]
        (relu,) = [item for item in picture.items if isinstance(item, Circle) and item.op == "relu"]
        assert frames(relu) == ["blocks.0 … 3"]
        assert around(relu.group)[0].title.endswith("Residual ×4")

    def test_several_modules_in_turn(self) -> None:
        picture = read(nn.MLP((2, 3, 3, 3, 3, 1)), images(1, 2))
        assert boxes(picture).keys() == {"layers.0", "layers.1", "layers.2", "layers.3", "layers.8"}
        assert frames(boxes(picture)["layers.2"]) == ["layers", "×3"]
        assert ("layers.3", "layers.8") in flows(picture)

    def test_one_that_is_opened_stands_apart(self) -> None:
        picture = read(Chain(*(Residual(3) for _ in range(4))), images(1, 3), 1, expand=["blocks.1"])
        assert boxes(picture).keys() == {"blocks.0", "blocks.1.body", "blocks.2 … 3"}

    def test_different_sizes_or_options_are_different(self) -> None:
        net = Chain(nn.Linear(3, 3), nn.Linear(3, 3, bias=False), nn.LeakyReLU(0.1), nn.LeakyReLU(0.2))
        assert len(boxes(read(net, images(1, 3)))) == 4

    def test_a_value_that_is_used_elsewhere_is_kept(self) -> None:
        class Skips(Chain):
            def forward(self, x: Tensor) -> Tensor:
                first = self.blocks[0](x)
                return self.blocks[2](self.blocks[1](first)) + first

        picture = read(Skips(*(nn.Linear(3, 3) for _ in range(3))), images(1, 3))
        assert boxes(picture).keys() == {"blocks.0", "blocks.1 … 2"}

    def test_operations_in_between_keep_blocks_apart(self) -> None:
        class Between(Chain):
            def forward(self, x: Tensor) -> Tensor:
                for block in self.blocks:
                    x = tj.relu(block(x))
                return x

        picture = read(Between(nn.Linear(3, 3), nn.Linear(3, 3)), images(1, 3))
        assert len(boxes(picture)) == 2
        assert circles(picture) == ["relu", "relu"]

    def test_one_module_run_often_says_that_its_parameters_are_shared(self) -> None:
        cell = nn.Linear(3, 3)

        class Loop(nn.Module):
            def __init__(self) -> None:
                self.cell = cell

            def forward(self, x: Tensor) -> Tensor:
                return cell(cell(cell(x)))

        (box,) = boxes(read(Loop(), images(1, 3))).values()
        assert (box.times, box.notes) == (3, ("cell · 12 parameters, shared",))

    def test_resnet_34(self) -> None:
        net = nn.models.ResNet(34, (1, 16, 16), 3, width=0.05)
        picture = read(net, images(2, 1, 16, 16), 2)
        assert [box.times for box in boxes(picture).values() if box.title == "BasicBlock"] == [3, 1, 3, 1, 5, 1, 2]


# ---------------------------------------------------------------------------------------------- what is recorded


class TestWatch:
    def test_gradients_are_told_by_their_norms(self) -> None:
        net = small_mlp()
        x = np.array([[0.5, -1.0, 2.0, 3.0]], np.float32)
        with viz.watch(net) as runs:
            y = net(x)
            loss = (y**2).sum()
        before = viz.graph(loss, runs=runs, depth=2).svg
        assert not any("∇" in text for text in texts(before))
        loss.backward()
        after = viz.graph(loss, runs=runs, depth=2).svg
        norm = float(np.linalg.norm(2 * y.numpy()))
        assert f"|∇| {viz.scene.number(norm)}" in texts(after)
        assert (
            sum("∇" in text for text in texts(after)) == 4
        )  # x and the three layers; of the square only the shape is known

    def test_a_number_is_told_as_it_is(self) -> None:
        net = small_mlp()
        with viz.watch(net) as runs:
            loss = net(np.ones((1, 4), np.float32)).sum()
        loss.backward()
        shown = texts(viz.graph(loss, runs=runs, depth=1).svg)
        assert viz.scene.number(loss.item()) in shown
        assert "1" in shown

    def test_the_model_is_left_as_it_was(self) -> None:
        net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
        hooks = [module._forward_hooks for module in net.modules()]
        state, random = net.state_dict(), tj.generator.state()
        viz.graph(net, np.ones((4, 3), np.float32))
        assert all("forward" not in vars(module) for module in net.modules())
        assert [module._forward_hooks for module in net.modules()] == hooks
        assert all(module.training for module in net.modules())
        assert tj.generator.state() == random
        for name, values in net.state_dict().items():
            np.testing.assert_array_equal(values, state[name])
        assert all(parameter.grad is None for parameter in net.parameters())

    def test_it_is_left_so_even_if_it_fails(self) -> None:
        net = small_mlp()
        with pytest.raises(tj.errors.ShapeError):
            viz.graph(net, images(1, 5))
        assert all("forward" not in vars(m) and not m._forward_hooks for m in net.modules())
        assert boxes(read(net, images(1, 4)))

    def test_what_an_instance_has_in_place_of_forward_is_kept(self) -> None:
        net = nn.Sequential(nn.Linear(2, 2))
        own = vars(net[0])["forward"] = lambda x: x * 3.0
        assert circles(read(net, images(1, 2), "ops")) == ["mul"]
        assert vars(net[0])["forward"] is own

    def test_the_values_are_those_of_the_model(self) -> None:
        net = nn.SimpleConvNet()
        x = np.random.default_rng(0).normal(size=(2, 1, 28, 28)).astype(np.float32)
        with viz.watch(net):
            watched = net(x).numpy()
        np.testing.assert_allclose(watched, net(x).numpy(), rtol=1e-5, atol=1e-7)

    def test_every_layer_of_a_row_is_seen(self) -> None:
        net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
        assert boxes(read(net, images(1, 1, 8, 8))).keys() == {"0", "1", "2"}

    def test_a_module_that_returns_what_it_was_given_is_seen(self) -> None:
        net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.ReLU()).eval()
        picture = read(net, images(1, 3))
        assert flows(picture) == {("x", "0"), ("0", "1"), ("1", "2"), ("2", "")}

    def test_several_runs_and_what_is_computed_between(self) -> None:
        net = nn.Linear(2, 2)
        with viz.watch(net) as runs:
            y = net(images(1, 2)) * net(images(1, 2))
        assert repr(runs) == "<Runs of Linear: 2>"
        drawn = viz.graph(y, runs=runs, depth=0)
        assert drawn.dot.count('tooltip="Linear 2, 2"') == 2
        assert drawn.dot.count('tooltip="mul"') == 1

    def test_frozen_parameters(self) -> None:
        net = small_mlp().requires_grad_(False)
        assert boxes(read(net, images(1, 4))).keys() == {"layers.0", "layers.1", "layers.2"}

    def test_under_no_grad(self) -> None:
        with tj.no_grad():
            assert "layers.2" in viz.graph(small_mlp(), images(1, 4)).dot

    def test_only_a_module_is_watched(self) -> None:
        with pytest.raises(DtypeError, match=r"viz\.watch: watches a Module, got function"), viz.watch(tj.relu.forward):
            pass


class TestInputsAndOutputs:
    def test_whole_numbers_are_drawn_though_the_tape_does_not_know_them(self) -> None:
        class Words(nn.Module):
            def __init__(self) -> None:
                self.table = nn.Embedding(5, 3)
                self.out = nn.Linear(3, 2)

            def forward(self, index: Any) -> Tensor:
                return self.out(self.table(index))

        picture = read(Words(), np.array([[1, 2, 4]]))
        assert flows(picture) == {("index", "table"), ("table", "out"), ("out", "")}
        assert next(wire.shape for wire in picture.wires if wire.head == boxes(picture)["table"].id) == (1, 3)

    def test_several_outputs(self) -> None:
        drawn = viz.graph(nn.LSTM(3, 2), images(1, 4, 3), depth=1)
        assert {"output 0", "output 1", "output 2", "x"} <= set(texts(drawn.svg))

    def test_several_inputs(self) -> None:
        shown = texts(viz.graph(nn.MultiHeadAttention(4, 2), images(1, 3, 4), images(1, 5, 4)).svg)
        assert {"query", "key"} <= set(shown)

    def test_parts_with_names_are_called_by_them(self) -> None:
        picture = read(nn.MultiHeadAttention(4, 2), images(1, 3, 4))
        assert boxes(picture)["query"].title == "query"
        assert boxes(picture)["query"].options == "Linear 4, 4"

    def test_nothing_recorded(self) -> None:
        class Count(nn.Module):
            def forward(self, x: Any) -> Tensor:
                return Tensor([1])

        with pytest.raises(GraphError, match="nothing that Count returned was recorded"):
            viz.graph(Count(), images(1, 2))


# ---------------------------------------------------------------------------------------------- large ones


def chain(n: int) -> Tensor:
    y: Tensor = Tensor(1.0, requires_grad=True, name="x")
    for _ in range(n):
        y = y * 1.0
    return y


class TestLargeGraphs:
    def test_a_hundred_thousand_operations_are_counted_and_not_laid_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        drawing = importlib.import_module("tinygrad_jp.viz.drawing")

        def refuse(*_: object) -> Scene:
            raise AssertionError("every operation was drawn")

        monkeypatch.setattr(drawing, "scene", refuse)
        drawn = viz.graph(chain(100_000))
        assert repr(drawn) == "<Graph: 100,000 operations; .save('x.svg') draws it>"
        assert len(re.findall(r"^ +n\d+ \[", drawn.dot, re.M)) == 3
        shown = " ".join(texts(drawn.svg))
        assert "100,000 mul (×)" in shown
        assert "1 input:" in shown
        assert "max_nodes=1000" in shown

    def test_the_operations_nearest_to_the_result_on_request(self) -> None:
        assert viz.graph(chain(20_000), max_nodes=7).dot.count('tooltip="mul"') == 7

    def test_modules_are_drawn_however_much_they_compute(self) -> None:
        drawn = viz.graph(nn.RNN(2, 3), images(1, 2000, 2), depth=1)
        assert repr(drawn).startswith("<Graph: 1 module, ")

    def test_too_many_modules_are_counted(self) -> None:
        net = Chain(*(nn.Linear(2, 2) for _ in range(20)))
        drawn = viz.graph(net, images(1, 2), fold=False, max_nodes=10)
        assert repr(drawn).startswith("<Graph: 20 operations")
        assert "choose a smaller depth" in drawn.dot
        assert len(boxes(read(net, images(1, 2)))) == 1

    def test_the_most_frequent_operations_are_named(self) -> None:
        y = chain(9_990)
        for op in (tj.exp, tj.sin, tj.cos, tj.tanh, tj.relu, tj.abs, tj.sqrt, tj.log, tj.sigmoid, tj.square, tj.neg):
            y = op(y)
        drawn = viz.graph(((y + y) - y) / y)
        assert "9,990 mul" in drawn.dot
        assert re.search(r"\d+ others", drawn.dot)


class TestColumns:
    @staticmethod
    def turns(drawn: viz.Graph) -> list[str]:
        return re.findall(r"^ +n\d+[es] \[label=(\d+)", drawn.dot, re.M)

    def test_a_long_chain_is_cut_and_numbered(self) -> None:
        layers = [nn.Linear(i + 1, i + 2) for i in range(30)]
        drawn = viz.graph(nn.Sequential(layers), images(1, 1))
        assert self.turns(drawn) == ["1", "1", "2", "2"]
        assert drawn.dot.count('tooltip="Linear') == 30
        root = ET.fromstring(drawn.svg)
        width, height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
        assert height < 1300
        assert width < 900

    def test_a_short_one_is_not(self) -> None:
        assert self.turns(viz.graph(nn.SimpleConvNet(), images(1, 1, 28, 28))) == []

    def test_going_right_nothing_is_cut(self) -> None:
        layers = [nn.Linear(i + 1, i + 2) for i in range(30)]
        assert self.turns(viz.graph(nn.Sequential(layers), images(1, 1), rankdir="LR")) == []

    def test_a_few_modules_go_right(self) -> None:
        assert "rankdir=LR" in viz.graph(small_mlp(), images(1, 4)).dot
        assert "rankdir=TB" in viz.graph(nn.SimpleConvNet(), images(1, 1, 28, 28)).dot

    def test_no_cut_beside_a_value_that_is_still_needed(self) -> None:
        class Long(nn.Module):
            def __init__(self) -> None:
                self.body = nn.Sequential([nn.Linear(i % 7 + 3, (i + 1) % 7 + 3) for i in range(28)])

            def forward(self, x: Tensor) -> Tensor:
                return self.body(x) + x

        drawn = viz.graph(Long(), images(1, 3), depth=2, fold=False)
        assert self.turns(drawn) == []

    def test_columns_follow_each_other_to_the_right(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # the programs of Graphviz 2 put clusters that nothing joins in reverse; the numbers still tell the way
        monkeypatch.setattr(rendering.shutil, "which", lambda _: None)
        drawn = viz.graph(nn.models.GoogLeNet((1, 32, 32), 10, width=0.05), images(1, 1, 32, 32), depth="layers")
        at: dict[str, float] = {}
        for node in ET.fromstring(drawn.svg).iter(f"{SVG}g"):
            if re.fullmatch(r"graph-\w+-n\d+s", node.get("id") or ""):
                (text,) = node.iter(f"{SVG}text")
                at[text.text or ""] = float(text.attrib["x"])
        assert len(at) >= 3
        assert sorted(at, key=at.__getitem__) == sorted(at, key=int)

    def test_a_number_alone_can_go_down(self) -> None:
        net = small_mlp()
        with viz.watch(net) as runs:
            pass
        assert "3.5" in texts(viz.graph(Tensor(3.5), runs=runs, rankdir="TB").svg)

    def test_ends_are_joined_by_the_same_value(self) -> None:
        picture = columns.in_columns(read(nn.Sequential([nn.Linear(i + 1, i + 2) for i in range(30)]), images(1, 1)))
        groups: dict[int, list[str]] = {}
        for item in picture.items:
            if isinstance(item, Turn):
                groups.setdefault(item.number, []).append(item.id)
        for end, start in groups.values():
            (into,) = [wire for wire in picture.wires if wire.head == end]
            (out,) = [wire for wire in picture.wires if wire.tail == start]
            assert into.flow == out.flow
            assert into.shape == out.shape


# ---------------------------------------------------------------------------------------------- the picture


def test_title_and_description_are_read_aloud() -> None:
    root = ET.fromstring(viz.graph(nn.SimpleConvNet(), images(1, 1, 28, 28)).svg)
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root[0].text == "SimpleConvNet · 433,890 parameters"
    assert (root[1].text or "").startswith("In the order of computing: x; Conv2d 1, 30, 5×5; ReLU; MaxPool2d size=2")
    own = ET.fromstring(viz.graph(small_mlp(), images(1, 4), title="a < b\x00").svg)
    assert own[0].text == "a < b"


def test_names_inject_nothing() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            setattr(self, '<script>"\\N', nn.ReLU())

        def forward(self, x: Tensor) -> Any:
            return next(self.children())(x) * 2.0

        def extra_repr(self) -> str:
            return "<b>&"

    for depth in (0, 1, "ops"):
        root = ET.fromstring(viz.graph(Odd(), images(1, 2), depth=depth).svg)
        assert not list(root.iter(f"{SVG}script"))
    assert any('<script>"\\N' in text for text in texts(viz.graph(Odd(), images(1, 2), depth=1).svg))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: viz.graph(chain(2), depth=1), ArgumentError, "the tape knows operations, not modules"),
        (lambda: viz.graph(chain(2), expand="a"), ArgumentError, "pass runs=runs"),
        (lambda: viz.graph(chain(2), depth="primitives"), GraphError, "inside `with keep_values():`"),
        (lambda: viz.graph(chain(2), images(1)), ArgumentError, "a Tensor takes no sample input"),
        (lambda: viz.graph(chain(2), runs=3), DtypeError, "runs= is what viz.watch(model) gives"),
        (lambda: viz.graph(small_mlp(), images(1, 4), depth=-1), ArgumentError, "got -1"),
        (lambda: viz.graph(small_mlp(), images(1, 4), depth="all"), ArgumentError, "'layers', 'ops', 'primitives'"),
        (lambda: viz.graph(small_mlp(), images(1, 4), depth=True), ArgumentError, "got True"),
        (
            lambda: viz.graph(small_mlp(), images(1, 4), runs=viz.Runs(small_mlp())),
            ArgumentError,
            "runs= belongs to a Tensor",
        ),
    ],
)
def test_bad_arguments(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_depth_ops_of_a_tensor_is_what_it_always_was() -> None:
    assert viz.graph(chain(3), depth="ops").dot == viz.graph(chain(3)).dot


def test_the_page_shows_every_network() -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    for name in BY_NAME:
        assert f"(images/networks/{name}.svg)" in page
        title = ET.parse(ROOT / "docs" / "images" / "networks" / f"{name}.svg").getroot()[0].text or ""
        count = re.search(rf"\| \[`{name}`\]\(#{name}\) \| `(\w+)` \| ([\d,]+) \|", page)
        assert count is not None
        assert title == f"{count[1]} · {count[2]} parameters"
