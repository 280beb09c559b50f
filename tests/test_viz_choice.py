"""What of a computation is drawn, and how: several results, one module's inside, bare arrows, own looks, formats."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.errors import ArgumentError, DtypeError
from tinygrad_jp.viz import render as rendering
from tinygrad_jp.viz.render import GraphvizError


def labels(drawn: viz.Graph) -> list[str]:
    """Return the texts of inputs and results."""
    return re.findall(r"^ +n\d+ \[label=<([^<>]*)>\]$", drawn.dot, re.MULTILINE)


def flows(drawn: viz.Graph) -> int:
    """Count the arrow heads."""
    return len([line for line in drawn.dot.splitlines() if "->" in line and "arrowhead=none" not in line])


class Block(nn.Module):
    def __init__(self) -> None:
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return tj.relu(self.b(tj.relu(self.a(x))) + x)


class Net(nn.Module):
    def __init__(self) -> None:
        self.first = nn.Linear(2, 3)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.last = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(x)


class TestSeveralResults:
    def test_share_what_both_need(self) -> None:
        x = Tensor(3.0, requires_grad=True, name="x")
        double = x * 2.0
        more, less = double + 1.0, double - 1.0
        double.name, more.name, less.name = "y", "z₁", "z₂"
        drawn = viz.graph([more, less, double])
        assert labels(drawn) == ["x", "z₁", "z₂", "y"]
        assert [row["type"] for row in drawn.rows()] == ["mul", "add", "sub"]
        assert viz.graph((more, less, double)).dot == drawn.dot

    def test_one_that_was_not_computed_stands_with_an_arrow_of_its_own(self) -> None:
        x = Tensor(3.0, requires_grad=True, name="x")
        assert flows(viz.graph([x * 2.0, x])) == 3
        assert labels(viz.graph([x, Tensor(1.0, requires_grad=True, name="y")])) == ["x", " ", "y", " "]

    def test_in_modules(self) -> None:
        net = Net()
        with viz.watch(net) as runs:
            y = net(np.ones((1, 2), np.float32))
            mean, total = y.mean(), y.sum()
        assert [row["type"] for row in viz.graph([mean, total], runs=runs).rows()][-2:] == ["mean", "sum"]

    @pytest.mark.parametrize(
        ("y", "error", "message"),
        [
            ([], ArgumentError, "no result"),
            ([Tensor(1.0), 2.0], DtypeError, "got float; or several Tensors in a list"),
            ([Net(), Net()], DtypeError, "got several modules"),
            ({"y": Tensor(1.0)}, DtypeError, "got dict"),
            (None, DtypeError, "got NoneType"),
            ([Tensor(1.0), None], DtypeError, "got NoneType"),
        ],
    )
    def test_what_is_none(self, y: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error) as raised:
            viz.graph(y)
        assert message in str(raised.value)

    def test_primitives_are_those_of_one(self) -> None:
        with tj.keep_values():
            x = Tensor([1.0, 2.0], requires_grad=True)
            results = [tj.softmax(x), x * 2.0]
        with pytest.raises(ArgumentError, match="one by one"):
            viz.graph(results, depth="primitives")
        assert [row["type"] for row in viz.graph(results[1:], depth="primitives").rows()] == ["mul"]


class TestOnly:
    def test_a_modules_inside_and_where_its_values_come_from_and_go(self) -> None:
        drawn = viz.graph(Net(), (1, 2), only="blocks.0", depth=1)
        assert [row["name"] or row["type"] for row in drawn.rows()] == [
            "blocks.0.a",
            "relu",
            "blocks.0.b",
            "add",
            "relu",
        ]
        assert labels(drawn) == ["… first", "… blocks.1"]
        assert "blocks.0 of Net" in drawn.dot
        assert "raise max_nodes" not in drawn.dot

    def test_depth_counts_from_there_and_names_stay(self) -> None:
        found = [viz.graph(Net(), (1, 2), only="blocks.1", depth=depth).rows() for depth in (0, 1)]
        assert [row["name"] for row in found[0]] == ["blocks.1"]
        drawn = viz.graph(Net(), (1, 2), only="blocks.1", depth=1, expand="blocks.1.a")
        assert {row["module"] for row in drawn.rows()} == {"blocks.1", "blocks.1.a"}
        assert labels(drawn) == ["… blocks.0", "blocks.1.a.weight", "blocks.1.a.bias", "… last"]

    def test_the_last_one_gives_the_result(self) -> None:
        assert labels(viz.graph(Net(), (1, 2), only="last")) == ["… blocks.1", "last.weight", "last.bias", "output"]
        assert labels(viz.graph(Net(), (1, 2), only="first", depth=0)) == ["x", "… blocks.0"]

    def test_gradients_are_those_of_the_whole(self) -> None:
        net = Net()
        with viz.watch(net) as runs:
            y = net(np.ones((1, 2), np.float32)).sum()
        y.backward()
        whole = {row["name"]: row["gradient"] for row in viz.graph(y, runs=runs, depth="layers").rows()}
        inside = {row["name"]: row["gradient"] for row in viz.graph(y, runs=runs, only="blocks.0", depth=1).rows()}
        assert inside["blocks.0.a"] == whole["blocks.0.a"] is not None

    def test_several_runs(self) -> None:
        drawn = viz.graph(Net(), (1, 2), only="blocks", depth=0, fold=False)
        assert [row["name"] for row in drawn.rows()] == ["blocks.0", "blocks.1"]

    def test_unknown_names(self) -> None:
        with pytest.raises(ArgumentError, match=r"only: Net has no module 'block'; did you mean 'blocks"):
            viz.graph(Net(), (1, 2), only="block")
        with pytest.raises(ArgumentError, match="the tape knows operations, not modules"):
            viz.graph(Tensor(1.0, requires_grad=True) * 2, only="a")


class TestNames:
    def test_parameters_and_buffers_by_their_dotted_names(self) -> None:
        net = nn.Sequential(nn.Linear(2, 30), nn.BatchNorm1d(30))
        net.eval()
        drawn = viz.graph(net, (4, 2), depth="ops")
        assert {"0.weight", "0.bias", "1.running_mean", "1.beta"} <= set(labels(drawn))

    def test_of_a_tensor_if_the_modules_were_watched(self) -> None:
        net = nn.Linear(2, 3)
        net.inner = nn.Linear(3, 30)
        with viz.watch(net) as runs:
            y = net.inner(net(np.ones((1, 2), np.float32)))
        assert {"inner.weight", "inner.bias"} <= set(labels(viz.graph(y, runs=runs, depth="ops")))

    def test_parameters_of_the_model_itself_keep_names_that_they_were_given(self) -> None:
        class Scale(nn.Module):
            def __init__(self) -> None:
                self.w = nn.Parameter(np.ones(20), name="重み")
                self.v = nn.Parameter(np.ones(20))

            def forward(self, x: Tensor) -> Tensor:
                return x * self.w * self.v

        assert labels(viz.graph(Scale(), (20,), depth="ops")) == ["x", "重み", "v", "output"]


class TestHiding:
    def test_bare_arrows(self) -> None:
        x = Tensor(np.ones((2, 3), np.float32), requires_grad=True, name="x")
        y = (x * np.array([1.0, 2.0, 3.0])).sum()
        y.backward()
        dot = viz.graph(y, show="nothing").dot
        assert "<table" not in dot
        assert "(2, 3)" not in dot

    def test_constants(self) -> None:
        x = Tensor([1.0, 2.0], requires_grad=True, name="x")
        y = x * np.array([3.0, 4.0]) + Tensor(5.0, name="c")
        assert labels(viz.graph(y)) == ["x", "(2,)", "c", " "]
        assert labels(viz.graph(y, hide="constants")) == ["x", " "]

    def test_parameters(self) -> None:
        assert labels(viz.graph(Net(), (1, 2), depth="ops", hide=["parameters"])) == ["x", "output"]

    def test_operations_that_values_pass_through(self) -> None:
        x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")
        y = tj.exp(x.reshape(6)).reshape(3, 2)
        drawn = viz.graph(y, hide="reshape")
        assert [row["type"] for row in drawn.rows()] == ["exp"]
        assert flows(drawn) == 2
        assert labels(viz.graph(y, hide=("reshape", "exp"))) == ["x", " "]

    def test_unknown_words(self) -> None:
        x = Tensor(1.0, requires_grad=True)
        with pytest.raises(ArgumentError, match=r"hide must be of .* got 'constant'; did you mean 'constants'"):
            viz.graph(x * 2, hide="constant")


class TestOptions:
    @pytest.mark.parametrize("name", ["fold", "roll", "compute", "costs"])
    @pytest.mark.parametrize("given", [0, "yes", 1])
    def test_switches_are_on_or_off(self, name: str, given: Any) -> None:
        with pytest.raises(ArgumentError, match=f"{name} must be True or False, got {given!r}"):
            viz.graph(Net(), (1, 2), **{name: given})

    @pytest.mark.parametrize("name", ["expand", "collapse", "hide", "notes"])
    @pytest.mark.parametrize("given", [None, 5, [["first"]], ["first", None]])
    def test_names_are_texts(self, name: str, given: Any) -> None:
        with pytest.raises(DtypeError, match=f"{name}= must be a name, or several in a list, got "):
            viz.graph(Net(), (1, 2), **{name: given})

    @pytest.mark.parametrize("name", ["title", "only"])
    @pytest.mark.parametrize("given", [5, ["first"], False])
    def test_a_title_and_a_module_are_one_text(self, name: str, given: Any) -> None:
        with pytest.raises(DtypeError, match=f"{name}= must be text, or None to leave it out, got "):
            viz.graph(Net(), (1, 2), **{name: given})


class TestFormulas:
    def test_several_uses_and_names(self) -> None:
        a, b = (Tensor(value, requires_grad=True, name="W") for value in (2.0, 3.0))
        y = (a * a) * b
        y.backward()
        told = re.findall(r"(?<=>)[^<>]+(?=</?(?:font|br|td))", viz.graph(y, show="formulas").dot)
        assert sorted(text for text in told if text.strip()) == sorted(
            ["W1", "∂L/∂v1 × W1", "W1", "∂L/∂v1 × W1", "v1", "∂L/∂v2 × W2", "W2", "∂L/∂v2 × v1", "v2", "∂L/∂v2"]
        )

    def test_gradients_that_were_not_computed_have_none(self) -> None:
        y = Tensor(2.0, requires_grad=True, name="x") * 2.0
        assert "∂" not in viz.graph(y, show="formulas").dot

    def test_gradients_as_bars(self) -> None:
        y = tj.exp(Tensor(np.ones((2, 3)), requires_grad=True, name="x") * 2.0).sum()
        y.backward()
        drawn = viz.graph(y, show="formulas", gradients="relative")
        assert "|∇|" in drawn.dot
        assert "v1<br/>(2, 3)" in drawn.dot
        assert "∂" not in drawn.dot

    def test_of_primitives(self) -> None:
        with tj.keep_values():
            y = tj.softmax(Tensor([1.0, 2.0], requires_grad=True, name="x"))
        y.backward([1.0, 0.0])
        drawn = viz.graph(y, show="formulas", depth="primitives").dot
        assert "exp" in drawn
        assert "∂L/∂x" not in drawn
        assert len(re.findall("∂L/∂v", drawn)) > 3

    def test_a_leaf_has_none(self) -> None:
        assert labels(viz.graph(Tensor(1.0, requires_grad=True, name="x"), show="formulas")) == ["x", " "]

    def test_only_of_one_tensor(self) -> None:
        net = Net()
        with viz.watch(net) as runs:
            y = net(np.ones((1, 2), np.float32))
        for call in (
            lambda: viz.graph(net, (1, 2), show="formulas"),
            lambda: viz.graph(y, runs=runs, show="formulas"),
            lambda: viz.graph([y, y * 2], show="formulas"),
        ):
            with pytest.raises(
                ArgumentError, match="'formulas' tells of the operations behind one Tensor, without runs="
            ):
                call()


class TestAttributes:
    def test_are_written_and_escaped(self) -> None:
        looks = {
            "graph": {"bgcolor": "#fffbe6", "nodesep": 1},
            "node": {"fontname": 'My "Font"'},
            "edge": {"color": "blue"},
        }
        drawn = viz.graph(Tensor(1.0, requires_grad=True) * 2, attributes=looks)
        assert '  graph [bgcolor="#fffbe6", nodesep="1"]\n' in drawn.dot
        assert 'stroke="blue"' in drawn.svg
        assert 'font-family="My &quot;Font&quot;"' in drawn.svg

    @pytest.mark.parametrize(
        ("attributes", "error", "message"),
        [
            ({"nodes": {}}, ArgumentError, "looks for ('graph', 'node', 'edge'), got 'nodes'"),
            ({"node": {"color]; evil [x": "a"}}, ArgumentError, "is no name of a Graphviz attribute"),
            ({"node": {"color": None}}, DtypeError, "node color must be text or a number, got None"),
            ({"node": "red"}, DtypeError, "a mapping of mappings"),
            ("red", DtypeError, "a mapping of mappings"),
        ],
    )
    def test_what_are_none(self, attributes: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error) as raised:
            viz.graph(Tensor(1.0, requires_grad=True) * 2, attributes=attributes)
        assert message in str(raised.value)


class TestFormats:
    @pytest.mark.parametrize(
        ("suffix", "start"), [("jpg", b"\xff\xd8"), ("gif", b"GIF8"), ("eps", b"%!PS"), ("ps", b"%!PS")]
    )
    def test_what_graphviz_writes(self, tmp_path: Path, suffix: str, start: bytes) -> None:
        drawn = viz.graph(Tensor(1.0, requires_grad=True) * 2)
        try:
            path = drawn.save(tmp_path / f"x.{suffix}")
        except GraphvizError as error:
            pytest.skip(str(error))
        assert path.read_bytes().startswith(start)

    def test_what_it_does_not_write_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        program = tmp_path / "dot"
        program.write_text(
            "#!/bin/sh\necho 'Format: \"bmp\" not recognized. Use one of: eps gif png svg xlib' >&2\nexit 1\n"
        )
        program.chmod(0o755)
        monkeypatch.setattr(rendering.shutil, "which", lambda _: str(program))
        with pytest.raises(GraphvizError, match="this Graphviz cannot write bmp, but svg, png, gif, eps"):
            viz.graph(Tensor(1.0, requires_grad=True) * 2).save(tmp_path / "x.bmp")
        assert not (tmp_path / "x.bmp").exists()

    def test_the_wheel_tells_it_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pygraphviz = pytest.importorskip("pygraphviz")
        monkeypatch.setattr(rendering.shutil, "which", lambda _: None)

        def draw(*_: Any, **__: Any) -> bytes:
            raise TypeError("'int' object is not subscriptable")

        monkeypatch.setattr(pygraphviz.AGraph, "draw", draw)
        with pytest.raises(GraphvizError, match="inside pygraphviz cannot write bmp"):
            viz.graph(Tensor(1.0, requires_grad=True) * 2).save(tmp_path / "x.bmp")
