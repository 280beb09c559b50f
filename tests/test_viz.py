"""Pictures: what they show, that they are deterministic and safe, and that Graphviz accepts them."""

from __future__ import annotations

import os
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, viz
from tinygrad_jp.errors import DtypeError
from tinygrad_jp.viz import dot
from tinygrad_jp.viz import render as rendering
from tinygrad_jp.viz.gallery import FIGURES, apple, apple_gradients
from tinygrad_jp.viz.scene import Circle, Label, number, scene

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> Counter[str]:
    """Count the texts a reader sees in an SVG, in colour or not."""
    return Counter((t.text or "").strip() for t in ET.fromstring(svg).iter(f"{SVG}text") if (t.text or "").strip())


def gradients(svg: str) -> list[str]:
    """List the texts drawn in the colour of gradients."""
    drawn = ET.fromstring(svg).iter(f"{SVG}text")
    return sorted(t.text.strip() for t in drawn if t.get("fill") == dot.GRADIENT and t.text and t.text.strip())


BOOK = {
    "5-02": (["×"] * 2, ["りんご", "りんごの個数", "消費税", "支払金額"], ["100", "2", "200", "1.1", "220"], []),
    "5-03": (
        ["×"] * 3 + ["+"],
        ["りんご", "りんごの個数", "みかん", "みかんの個数", "消費税", "支払金額"],
        ["100", "2", "200", "150", "3", "450", "650", "1.1", "715"],
        [],
    ),
    "5-05": (
        ["×"] * 2,
        ["りんご", "りんごの個数", "消費税", "支払金額"],
        ["100", "2", "200", "1.1", "220"],
        ["2.2", "1.1", "1"],
    ),
    "5-07": (["+", "**2"], ["x", "y", "z"], ["2", "1", "3", "9"], ["6", "6", "6", "1"]),
    "5-11": (["+"], ["x", "y", "z"], ["10", "5", "15"], ["1.3", "1.3", "1.3"]),
    "5-13": (["×"], ["x", "y", "z"], ["10", "5", "50"], ["6.5", "13", "1.3"]),
    "5-17": (
        ["×"] * 3 + ["+"],
        ["りんご", "りんごの個数", "みかん", "みかんの個数", "消費税", "支払金額"],
        ["100", "2", "200", "150", "3", "450", "650", "1.1", "715"],
        ["2.2", "110", "3.3", "165", "1.1", "1.1", "1.1", "650", "1"],
    ),
}


@pytest.mark.parametrize("figure", BOOK)
def test_figure_shows_what_the_book_shows(figure: str) -> None:
    symbols, names, values, backward = BOOK[figure]
    svg = viz.graph(FIGURES[figure]()).svg
    assert texts(svg) == Counter(symbols + names + values + backward)
    assert gradients(svg) == sorted(backward)


def test_figure_a5_softmax_with_cross_entropy() -> None:
    loss = FIGURES["A-5"]()
    picture = scene(loss, 100)
    assert Counter(item.symbol for item in picture.items if isinstance(item, Circle)) == Counter(
        {"exp": 3, "log": 3, "×": 6, "+": 4, "1/x": 1, "×-1": 1}
    )
    by_name = {item.text: item.id for item in picture.items if isinstance(item, Label)}
    scores = np.exp([0.3, 2.9, 4.0])
    for k, (y, t) in enumerate(zip(scores / scores.sum(), (0.0, 1.0, 0.0), strict=True), start=1):
        wire = next(w for w in picture.wires if w.tail == by_name[f"a{k}"])
        assert wire.gradient is not None
        assert wire.gradient.item() == pytest.approx(y - t)
    assert loss.item() == pytest.approx(-np.log(scores[1] / scores.sum()))


def test_value_stands_above_the_gradient() -> None:
    root = ET.fromstring(viz.graph(apple_gradients()).svg)
    height = {(t.text or "").strip(): float(t.get("y", "nan")) for t in root.iter(f"{SVG}text")}
    assert height["220"] < height["1"]
    assert height["100"] < height["2.2"]
    assert height["200"] != height["110"]


def test_flow_is_from_left_to_right_and_the_first_input_above() -> None:
    root = ET.fromstring(viz.graph(apple()).svg)
    at = {(t.text or "").strip(): (float(t.get("x", "0")), float(t.get("y", "0"))) for t in root.iter(f"{SVG}text")}
    assert at["りんご"][0] < at["消費税"][0] < at["支払金額"][0]
    assert at["りんご"][1] < at["りんごの個数"][1]


def test_before_backward_there_is_no_gradient() -> None:
    x = Tensor(3.0, requires_grad=True, name="x")
    y = x * 2
    assert gradients(viz.graph(y).svg) == []
    y.backward()
    assert gradients(viz.graph(y).svg) == ["1", "2"]


def test_gradient_that_was_not_computed_is_not_drawn_as_zero() -> None:
    x, w = (Tensor(v, requires_grad=True, name=n) for v, n in ((3.0, "x"), (2.0, "w")))
    y = x * w
    tj.grad(y, x)
    assert gradients(viz.graph(y).svg) == ["1", "2"]  # nothing at w
    assert "0" not in texts(viz.graph(y).svg)


def test_an_input_used_twice_has_two_edges_with_a_gradient_each() -> None:
    x = Tensor(3.0, requires_grad=True, name="x")
    y = x * x
    y.backward()
    picture = scene(y, 10)
    assert [(w.tail, w.head) for w in picture.wires[:2]] == [("n0", "n1")] * 2
    assert [w.gradient.item() for w in picture.wires[:2] if w.gradient is not None] == [3.0, 3.0]
    assert x.grad is not None
    assert x.grad.item() == 6.0


def test_python_numbers_go_into_the_circle_and_tensors_stand_beside() -> None:
    x = Tensor(3.0, requires_grad=True)
    symbols = [
        next(i.symbol for i in scene(y, 9).items if isinstance(i, Circle))
        for y in (x * 2, 2 * x, x + 0.5, x - 1, x / 4, x**2, 2 - x, 1 / x, x * Tensor(2.0))
    ]
    assert symbols == ["×2", "×2", "+0.5", "−1", "÷4", "**2", "−", "÷", "×"]


@pytest.mark.parametrize(
    ("show", "expected"), [("values", {"1 2 3"}), ("shapes", {"(3,)"}), ("both", {"1 2 3", "(3,)"})]
)
def test_show(show: str, expected: set[str]) -> None:
    y = (Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x") * 2).sum()
    shown = set(texts(viz.graph(y, show=show).svg))
    assert expected <= shown
    assert not ({"1 2 3", "(3,)"} - expected) & shown


def test_large_tensors_show_their_shape_and_gradients_too() -> None:
    x, w = Tensor(np.ones((5, 8)), name="画像"), Tensor(np.ones((8, 4)), requires_grad=True, name="W")
    loss = x.dot(w).sum()
    loss.backward()
    assert texts(viz.graph(loss).svg) == Counter(
        {"画像": 1, "W": 1, "dot": 1, "Σ": 1, "(5, 8)": 1, "(8, 4)": 2, "(5, 4)": 2, "160": 1, "1": 1}
    )
    assert gradients(viz.graph(loss).svg) == ["(5, 4)", "(8, 4)", "1"]


def test_leaf_draws_itself() -> None:
    x = Tensor(3.5, requires_grad=True, name="葉")
    assert texts(viz.graph(x).svg) == Counter(["葉", "3.5"])
    assert texts(viz.graph(Tensor(3.5)).svg) == Counter(["3.5"])
    x.backward()
    assert gradients(viz.graph(x).svg) == ["1"]


def test_freed_graph_still_draws() -> None:
    y = apple_gradients()
    assert y._node is not None
    assert y._node.saved == ()
    assert "220" in texts(viz.graph(y).svg)


def test_fused_op_is_one_circle_and_primitives_are_many() -> None:
    def loss() -> Tensor:
        return tj.softmax_cross_entropy(Tensor([[0.3, 2.9, 4.0]], requires_grad=True, name="a"), [1])

    fused = [i.op for i in scene(loss(), 99).items if isinstance(i, Circle)]
    with tj.primitives():
        opened = [i.op for i in scene(loss(), 99).items if isinstance(i, Circle)]
    assert fused == ["softmax_cross_entropy"]
    assert {"exp", "sum", "div", "log", "mul", "neg"} <= set(opened)


def test_dot_is_deterministic() -> None:
    assert len({viz.graph(FIGURES["A-5"]()).dot for _ in range(3)}) == 1
    assert viz.graph(apple()).dot == (Path(__file__).parent / "golden" / "apple.dot").read_text(encoding="utf-8")


def test_rankdir_and_title() -> None:
    drawn = viz.graph(apple(), rankdir="TB", title="買い物 <1>\n二行目")
    assert "rankdir=TB" in drawn.dot
    assert {"買い物 <1>", "二行目"} <= set(texts(drawn.svg))


NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(deadline=None, max_examples=40)
@given(NAMES, NAMES)
def test_any_name_draws_and_injects_nothing(name: str, title: str) -> None:
    x = Tensor(1.0, requires_grad=True, name=name)
    root = ET.fromstring(viz.graph(x * 2, title=title).svg)
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("name", ['"quotes"', "<b>bold</b>", "a & b", "<script>alert(1)</script>", "\\N", "🍎", "a;b}"])
def test_names_are_drawn_as_they_are(name: str) -> None:
    assert name in texts(viz.graph(Tensor(1.0, requires_grad=True, name=name) * 2).svg)


def test_nan_and_infinity_are_drawn() -> None:
    x = Tensor([np.nan, np.inf, -np.inf], requires_grad=True, name="x")
    assert "NaN ∞ -∞" in texts(viz.graph(x * 2).svg)


@pytest.mark.parametrize(
    ("x", "written"),
    [
        (220.00000000000003, "220"),
        (0.1 + 0.2, "0.3"),
        (0.31682708, "0.3168"),
        (-0.0, "0"),
        (123456789.0, "1.235e+08"),
        (True, "True"),
        (7, "7"),
        (1e-12, "1e-12"),
    ],
)
def test_numbers_are_written_short(x: float, written: str) -> None:
    assert number(x) == written


class TestLargeGraphs:
    @staticmethod
    def chain(n: int) -> Tensor:
        y: Tensor = Tensor(1.0, requires_grad=True, name="x")
        for _ in range(n):
            y = y * 1.0
        return y

    def test_a_thousand_operations_are_all_drawn(self) -> None:
        drawn = viz.graph(self.chain(1000))
        assert drawn.dot.count('tooltip="mul"') == 1000
        assert "max_nodes" not in drawn.dot
        assert texts(drawn.svg)["×1"] == 1000

    def test_larger_ones_are_cut_with_a_notice(self) -> None:
        drawn = viz.graph(self.chain(200_000), max_nodes=50)
        assert drawn.dot.count('tooltip="mul"') == 50
        shown = texts(drawn.svg)
        assert shown["…"] == 1
        assert any("max_nodes" in text for text in shown)


class TestSaving:
    @pytest.mark.parametrize(
        ("suffix", "magic"),
        [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph"), ("SVG", b"<?xml")],
    )
    def test_format_is_told_by_the_suffix(self, tmp_path: Path, suffix: str, magic: bytes) -> None:
        path = viz.graph(apple()).save(tmp_path / "new folder" / f"図.{suffix}")
        assert path.read_bytes().startswith(magic)

    def test_unknown_suffix_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"unknown suffix '.docx'.*use .svg, .png, .pdf or .dot"):
            viz.graph(apple()).save(tmp_path / "x.docx")
        assert list(tmp_path.iterdir()) == []

    def test_failure_leaves_the_old_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = viz.graph(apple()).save(tmp_path / "x.svg")
        old = path.read_bytes()

        def fail(*_: object) -> bytes:
            raise viz.GraphvizError("broken")

        monkeypatch.setattr("tinygrad_jp.viz.picture.render", fail)
        with pytest.raises(viz.GraphvizError):
            viz.graph(apple()).save(path)
        assert path.read_bytes() == old

    def test_jupyter_shows_the_svg(self) -> None:
        drawn = viz.graph(apple())
        assert drawn._repr_svg_() == drawn.svg
        assert repr(drawn) == "<Graph: 2 operations; .save('x.svg') draws it>"


class TestGraphviz:
    def test_without_any_the_error_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rendering.shutil, "which", lambda _: None)
        monkeypatch.setitem(sys.modules, "pygraphviz", None)
        with pytest.raises(viz.GraphvizError, match="pip install pygraphviz"):
            viz.graph(apple()).svg  # noqa: B018
        assert viz.graph(apple()).dot.startswith("digraph")

    def test_the_program_draws_what_is_large(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        if sys.platform == "win32":
            pytest.skip("needs a shell script as a stand-in for the program")
        program = tmp_path / "dot"
        program.write_text("#!/bin/sh\ncat > /dev/null\necho '<svg>drawn by the program</svg>'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.setattr(rendering, "IN_PROCESS", 0)
        assert "drawn by the program" in viz.graph(apple()).svg

    def test_what_the_program_complains_about_is_told(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        if sys.platform == "win32":
            pytest.skip("needs a shell script as a stand-in for the program")
        program = tmp_path / "dot"
        program.write_text("#!/bin/sh\necho 'syntax error in line 1' >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.setattr(rendering, "IN_PROCESS", 0)
        with pytest.raises(viz.GraphvizError, match="syntax error in line 1"):
            viz.graph(apple()).svg  # noqa: B018


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": 3.0}, DtypeError, "draws a Tensor, got float"),
        ({"rankdir": "left"}, ValueError, "rankdir must be one of"),
        ({"show": "all"}, ValueError, "show must be one of"),
        ({"max_nodes": 0}, ValueError, "max_nodes must be at least 1, a whole number, got 0"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        viz.graph(**({"y": apple()} | arguments))


def test_weight_that_was_updated_since_is_not_drawn_with_its_new_value() -> None:
    w = Tensor(2.0, requires_grad=True, name="w")
    loss = w * w
    loss.backward()
    with tj.no_grad():
        w -= 0.25 * w.grad
    drawn = texts(viz.graph(loss).svg)
    assert drawn["4"] == 1
    assert drawn["1"] == 1  # the gradient of the loss, and no value 1 of w
    assert drawn["()"] == 2


def test_fontconfig_is_not_heard_and_everything_else_is(capfd: pytest.CaptureFixture[str]) -> None:
    with rendering._no_font_warnings():
        os.write(2, b'Fontconfig warning: "/etc/fonts.conf": unknown element\nsomething else\n')
    assert capfd.readouterr().err == "something else\n"
