"""SVG files: complete, safe, told in words, legible on dark pages; looked at in a browser where there is one."""

from __future__ import annotations

import os
import re
import stat
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.errors import ArgumentError
from tinygrad_jp.viz.gallery import apple_gradients
from tinygrad_jp.viz.svg import DARK_FILLS, DARK_STROKES, DARK_TEXTS

from .webdriver import Browser, missing

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
NASTY = [
    '"quotes"',
    "it's",
    "<b>bold</b>",
    "a & b &amp; &#10;",
    "<script>alert(1)</script>",
    "]]>",
    "--><script>alert(1)</script><!--",
    "</title></svg><script>alert(1)</script>",
    '"][label=x]; evil -> "',
    "\\N \\G \\l \\",
    "りんご\n二行目",
    "🍎👩‍🔬",
    "javascript:alert(1)",
    "}; digraph",
    "\u202eright to left",
    "a" * 500,
]


def kept() -> Tensor:
    """Compute something with pictures, and with lines of code."""
    x = Tensor(np.random.default_rng(0).random((1, 1, 9, 9)), name="画像")
    w = Tensor(np.ones((2, 1, 3, 3)), requires_grad=True, name="W")
    with tj.keep_values():
        y = tj.relu(tj.conv2d(x, w)).sum()  # "<&>" ]]>
    y.backward()
    return y


def checked(svg: str) -> ET.Element:
    """Read an SVG, and find nothing in it that runs or is fetched."""
    root = ET.fromstring(svg)
    for element in root.iter():
        assert element.tag.removeprefix(SVG) not in ("script", "foreignObject", "iframe", "use")
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if name.removeprefix(XLINK) == "href":
                assert value.startswith("data:image/png;base64,")
    for style in root.iter(f"{SVG}style"):
        assert "@import" not in (style.text or "")
        assert "url(" not in (style.text or "")
    return root


class TestSafe:
    @pytest.mark.parametrize("name", NASTY)
    def test_names_are_drawn_as_they_are(self, name: str) -> None:
        x = Tensor(1.0, requires_grad=True, name=name)
        y = x * 2
        y.name = name
        root = checked(viz.graph(y, title=name).svg)
        texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
        for line in name.splitlines():
            assert sum(line.strip() in text for text in texts) >= 3

    @pytest.mark.parametrize("name", NASTY)
    def test_so_are_the_options_and_names_of_modules(self, name: str) -> None:
        class Odd(nn.Module):
            def __init__(self) -> None:
                setattr(self, name.replace(".", ""), nn.ReLU())

            def forward(self, x: Tensor) -> Any:
                return next(self.children())(x)

            def extra_repr(self) -> str:
                return name

        for depth in (0, 1):
            checked(viz.graph(Odd(), np.ones((1, 2), np.float32), depth=depth).svg)

    @pytest.mark.parametrize("name", NASTY)
    def test_and_the_names_of_files_and_notes_of_verdicts(self, name: str) -> None:
        program = f"with tj.keep_values():\n    y = x * 2.0  # {name!r}"
        x = Tensor(3.0, requires_grad=True)
        names: dict[str, Any] = {"tj": tj, "x": x}
        exec(compile(program, f"/folder/{name}.py", "exec"), names)
        drawn = viz.graph(names["y"])
        checked(drawn.svg)
        assert "/folder/" not in drawn.dot.replace("</", "")

    @settings(deadline=None, max_examples=25)
    @given(st.text(max_size=20), st.text(max_size=20))
    def test_any_text(self, name: str, title: str) -> None:
        with tj.keep_values():
            y = Tensor(np.ones(20), requires_grad=True, name=name) * 2
        checked(viz.graph(y, title=title).svg)


class TestTold:
    def test_screen_readers_find_title_and_description(self) -> None:
        root = checked(viz.graph(kept(), title="買い物").svg)
        assert root.get("role") == "img"
        title, description = root[0], root[1]
        assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
        assert title.text == "買い物"
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"

    def test_ids_are_its_own(self) -> None:
        ids = [
            element.get("id")
            for drawn in (viz.graph(kept()), viz.graph(apple_gradients()), viz.graph(apple_gradients(), title="x"))
            for element in checked(drawn.svg).iter()
            if element.get("id")
        ]
        assert len(ids) == len(set(ids)) > 10

    def test_the_pointer_finds_the_line_of_code_and_no_internal_names(self) -> None:
        root = checked(viz.graph(kept()).svg)
        tips = [title.text or "" for title in list(root.iter(f"{SVG}title"))[1:]]
        assert len(tips) == 3
        assert all(
            re.search(r'^\w+\n(\w+=.*\n)?test_viz_svg.py, line \d+: y = tj.relu.*"<&>" \]\]>$', tip) for tip in tips
        )

    def test_text_is_text(self) -> None:
        root = checked(viz.graph(apple_gradients()).svg)
        assert {"りんご", "220", "2.2"} <= {text.text for text in root.iter(f"{SVG}text")}


class TestColours:
    def test_every_colour_has_one_for_dark_pages(self) -> None:
        net = nn.MLP((4, 3, 3, 3, 2))
        x = np.ones((1, 4), np.float32)
        drawn = [viz.graph(net, x, depth=2, costs=True), viz.graph(kept()), viz.graph(Tensor(np.nan, True) * 2)]
        for svg in (graph.svg for graph in drawn):
            for element in checked(svg).iter():
                fill, stroke = element.get("fill"), element.get("stroke")
                known = DARK_TEXTS if element.tag == f"{SVG}text" else DARK_FILLS
                assert fill in (None, "none", "transparent", *known)
                # outlines of boxes are of a middle lightness
                assert stroke in (None, "none", "transparent", "white", "#c8a24a", "#7497c4", *DARK_STROKES)

    def test_rules_hold_for_this_picture_alone(self) -> None:
        root = checked(viz.graph(apple_gradients()).svg)
        (style,) = root.iter(f"{SVG}style")
        rules = re.findall(r"^([^@\n{}]+)\{", style.text or "", re.M)
        assert rules
        assert all(rule.startswith(f"#{root.get('id')} ") for rule in rules)


class TestPaths:
    @pytest.mark.parametrize("name", ["x", "x.", "x.docx", "x.svg.bak", "x.html"])
    def test_unknown_format(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ArgumentError, match=r"unknown suffix .*; use \.svg, \.png, \.pdf or \.dot"):
            viz.graph(apple_gradients()).save(tmp_path / name)
        assert not list(tmp_path.iterdir())

    def test_a_file_where_a_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match="it cannot be made") as raised:
            viz.graph(apple_gradients()).save(tmp_path / "file" / "x.svg")
        assert raised.value.filename == str(tmp_path / "file" / "x.svg")

    @pytest.mark.skipif(sys.platform == "win32" or getattr(os, "geteuid", lambda: 0)() == 0, reason="all is writable")
    def test_a_folder_that_is_not_writable(self, tmp_path: Path) -> None:
        tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
        try:
            with pytest.raises(PermissionError) as raised:
                viz.graph(apple_gradients()).save(tmp_path / "x.dot")
        finally:
            tmp_path.chmod(stat.S_IRWXU)
        assert raised.value.filename == str(tmp_path / "x.dot")

    def test_a_folder_of_that_name(self, tmp_path: Path) -> None:
        (tmp_path / "x.dot").mkdir()
        with pytest.raises(OSError, match=r"x\.dot"):
            viz.graph(apple_gradients()).save(tmp_path / "x.dot")


class TestNothingToDraw:
    def test_a_constant_is_drawn_by_itself(self) -> None:
        with tj.no_grad():
            y = Tensor([1.0, 2.0], requires_grad=True) * 2
        assert "(2,)" in viz.graph(y).svg
        assert "3.5" in viz.graph(Tensor(3.5)).svg

    def test_a_freed_graph_with_pictures(self) -> None:
        y = kept()
        assert y._node is not None
        assert y._node.saved == ()
        assert viz.graph(y).svg.count("<image") == 7

    @pytest.mark.parametrize(
        ("net", "inputs", "problem"),
        [
            (nn.SimpleConvNet(), (), "missing a required argument: 'x'"),
            (nn.ReLU(), (), "ReLU: no input;"),
            (nn.Linear(2, 2), (1, 2, 3), "too many positional arguments"),
        ],
    )
    def test_a_module_without_sample_input(self, net: nn.Module, inputs: tuple[Any, ...], problem: str) -> None:
        with pytest.raises(ArgumentError) as raised:
            viz.graph(net, *inputs)
        assert problem in str(raised.value)
        assert "on a sample input: viz.graph(model, x)" in str(raised.value)

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            (
                {"show": "pictures"},
                "show must be one of ('values', 'shapes', 'both', 'numbers', 'thumbnails', 'formulas', 'nothing')",
            ),
            ({"gradients": "big"}, "gradients must be one of ('values', 'relative'), got 'big'"),
            ({"gradients": None}, "gradients must be one of"),
            ({"rankdir": "lr"}, "rankdir must be one of"),
            ({"max_nodes": "10"}, "max_nodes must be at least 1, a whole number, got '10'"),
            ({"max_nodes": True}, "got True"),
        ],
    )
    def test_unknown_values_of_options(self, option: dict[str, Any], message: str) -> None:
        with pytest.raises(ArgumentError) as raised:
            viz.graph(apple_gradients(), **option)
        assert message in str(raised.value)


# ---------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if missing():
        pytest.skip(missing())
    opened = Browser()
    yield opened
    opened.close()


COLOURS = """
const luminance = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(x => (x /= 255) <= 0.04 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const page = luminance(getComputedStyle(document.querySelector("polygon")).fill);
return [page, ...[...document.querySelectorAll("text")].map(text => {
  const light = luminance(getComputedStyle(text).fill);
  return (Math.max(light, page) + 0.05) / (Math.min(light, page) + 0.05);
})];
"""


class TestInABrowser:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_text_is_legible_on_light_and_dark_pages(self, browser: Browser, tmp_path: Path, scheme: str) -> None:
        path = viz.graph(kept(), title="買い物").save(tmp_path / "x.svg")
        browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open(path)
        page, *contrasts = browser.run(COLOURS)
        assert page > 0.9 if scheme == "light" else page < 0.05
        assert len(contrasts) > 8
        assert min(contrasts) >= 4.5  # WCAG 2, AA

    def test_thumbnails_are_shown_sharp(self, browser: Browser, tmp_path: Path) -> None:
        browser.open(viz.graph(kept()).save(tmp_path / "x.svg"))
        looks = browser.run(
            "return [...document.querySelectorAll('image')].map(i => [i.getBBox().width, i.href.baseVal.slice(0, 15),"
            "getComputedStyle(i).imageRendering])"
        )
        assert len(looks) == 7
        assert all(width > 20 and start == "data:image/png;" and how == "pixelated" for width, start, how in looks)

    def test_text_can_be_selected_and_nothing_is_fetched(self, browser: Browser, tmp_path: Path) -> None:
        path = viz.graph(apple_gradients()).save(tmp_path / "x.svg")
        browser.open(path)
        assert browser.run(
            "const s = getSelection(); s.selectAllChildren(document.documentElement); return String(s)"
        ).count("りんご")
        assert browser.run("return performance.getEntriesByType('resource').length") == 0

    @pytest.mark.parametrize("name", NASTY)
    def test_no_name_runs_a_script(self, browser: Browser, tmp_path: Path, name: str) -> None:
        y = Tensor(1.0, requires_grad=True, name=name) * 2
        browser.open(viz.graph(y, title=name).save(tmp_path / "x.svg"))
        assert browser.run("return document.documentElement.tagName") == "svg"
        assert browser.run("return document.querySelectorAll('script, parsererror').length") == 0


def test_half_a_surrogate_pair_in_a_title_is_left_out() -> None:
    y = Tensor(2.0, requires_grad=True, name="\ud800") * 3.0
    assert ">ab<" in viz.graph(y, title="a\ud800b").svg
