"""How pictures are laid out: columns that nothing joins, and no more than needs a place of its own."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_jp import Tensor, nn, no_grad, viz
from tinygrad_jp.viz import columns, marks
from tinygrad_jp.viz import render as rendering
from tinygrad_jp.viz.parts import Circle, Scene, Turn, Wire
from tinygrad_jp.viz.places import Group, Places, around

SVG = "{http://www.w3.org/2000/svg}"


def long_net(inside: int = 30) -> nn.Module:
    """Make a chain of different layers in a frame."""
    return nn.Sequential(nn.Sequential([nn.Linear(i + 1, i + 2) for i in range(inside)]), nn.ReLU())


def draw(net: nn.Module, depth: str = "layers", **options: object) -> viz.Graph:
    return viz.graph(net, np.zeros((1, 1), np.float32), depth=depth, **options)  # type: ignore[arg-type]


def placed(svg: str) -> dict[str, tuple[float, float]]:
    """Return where the first text of each item stands."""
    found = {}
    for node in ET.fromstring(svg).iter(f"{SVG}g"):
        name = re.fullmatch(r"graph-\w+-(\w+)", node.get("id") or "")
        text = next(node.iter(f"{SVG}text"), None)
        if name and text is not None:
            found[name[1]] = float(text.attrib["x"]), float(text.attrib["y"])
    return found


def connected(dot: str) -> list[set[str]]:
    """List the parts of a picture that no wire and no frame joins, by the ids in them."""
    parts: list[set[str]] = []
    frames: list[str] = []
    for line in dot.splitlines():
        opened = re.match(r" +subgraph (\w+)", line)
        item = re.match(r" +([nw]\d+[es]?) \[", line)
        wire = re.match(r" +([nw]\d+[es]?)(?::\w)? -> ([nw]\d+[es]?)", line)
        if opened:
            frames.append(opened[1])
        if line == "  }":
            frames.pop()
        joined = {*frames, *(item.groups() if item else ()), *(wire.groups() if wire and not frames else ())}
        joined |= set(wire.groups()) if wire else set()
        if joined:
            parts = [part for part in parts if not part & joined] + [
                joined.union(*(part for part in parts if part & joined))
            ]
    return parts


class TestColumns:
    def test_nothing_joins_them(self) -> None:
        drawn = draw(long_net(), "ops")
        count = len(re.findall(r"^ +n\d+s \[", drawn.dot, re.M)) + 1
        assert count >= 3
        assert f'packmode="array_it{count}"' in drawn.dot
        assert len(connected(drawn.dot)) == count

    def test_a_picture_in_one_piece_is_not_packed(self) -> None:
        assert "pack" not in draw(long_net(3), "ops").dot

    @pytest.mark.parametrize("renderer", ["program", "wheel"])
    @pytest.mark.parametrize("rankdir", ["TB", "BT"])
    def test_they_stand_side_by_side_in_order(
        self, renderer: str, rankdir: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if renderer == "program":
            if rendering.shutil.which("dot") is None:
                pytest.skip("no dot program")
            monkeypatch.setattr(rendering, "IN_PROCESS", 0)
        else:
            monkeypatch.setattr(rendering.shutil, "which", lambda _: None)
        drawn = draw(long_net(), rankdir=rankdir)
        at = placed(drawn.svg)
        starts = [at[name] for name in re.findall(r"^ +(n\d+s) \[", drawn.dot, re.M)]
        assert len(starts) >= 2
        assert [x for x, _ in starts] == sorted(x for x, _ in starts)
        assert [y for _, y in starts] == pytest.approx([starts[0][1]] * len(starts), abs=2)

    def test_a_frame_goes_on_in_the_next_one(self) -> None:
        drawn = draw(long_net())
        titles = re.findall(r'balign="left">([^<]*)<br/>Sequential', drawn.dot)
        assert titles == ["0", *["… 0"] * (len(titles) - 1)]
        assert len(titles) >= 3

    def test_each_has_frames_of_its_own(self) -> None:
        outer = Group("outer")
        inner = Group("inner", outer)
        groups = [outer] * 6 + [inner] * 24
        items = [Circle(f"n{i}", "relu", "relu", group) for i, group in enumerate(groups)]
        wires = [Wire(f"n{i}", f"n{i + 1}", (1,), flow=i) for i in range(len(items) - 1)]
        found = columns.in_columns(Scene(items, wires)).items
        starts = [i for i, item in enumerate(found) if isinstance(item, Turn) and item.id.endswith("s")]
        parts = [found[i:j] for i, j in itertools.pairwise([0, *starts, len(found)])]
        frames = [{group for item in part for group in around(item.group)} for part in parts]
        assert len(parts) >= 2
        assert not any(a & b for a, b in itertools.combinations(frames, 2))
        for item in items:
            assert [group.title.removeprefix("… ") for group in around(item.group)] in (["outer"], ["inner", "outer"])

    @given(data=st.data())
    def test_the_cheapest_of_all_ways(self, data: st.DataObject) -> None:
        steps = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=9))
        ends = list(itertools.accumulate(steps))
        stops, height = ends[:-1], ends[-1]
        cut = data.draw(st.lists(st.integers(0, 3), min_size=len(stops), max_size=len(stops)))

        def costs(way: Sequence[int]) -> float:
            edges = [0, *(stops[k] for k in way), height]
            filled = np.diff(edges) / max(columns.TALLEST, height / columns.COLUMNS)
            if len(way) >= columns.COLUMNS or (len(way) and min(filled) <= 0):
                return np.inf
            looks = columns.COLUMN_COSTS + columns.EVEN_COSTS * filled**2
            over = columns.OVERFULL_COSTS * np.maximum(filled - 1, 0) ** 2
            return float(sum(looks + over) + columns.CUT_COSTS * sum(cut[k] ** 2 for k in way))

        ways = [way for n in range(len(stops) + 1) for way in itertools.combinations(range(len(stops)), n)]
        found = columns.cheapest(stops, cut, height)
        assert costs(found) == pytest.approx(min(map(costs, ways)))

    def test_only_high_ones_are_laid_out_quickly(self) -> None:
        assert "splines=line" not in draw(long_net(105), "ops").dot
        assert "splines=line" in draw(long_net(105), "ops", rankdir="LR").dot


class TestInputsTellTheirShapes:
    """Going down, what a weight is stands below its name: its arrow needs no room for a table of its own."""

    @staticmethod
    def labels(drawn: viz.Graph) -> list[str]:
        return re.findall(r"^ +n\d+ \[label=<([^<>]*(?:<br/>[^<>]*)?)>\]", drawn.dot, re.M)

    def test_going_down(self) -> None:
        drawn = draw(long_net(2), "ops", rankdir="TB")
        assert self.labels(drawn) == [
            "x",
            *("0.0.weight<br/>(1, 2)", "0.0.bias<br/>(2,)", "0.1.weight<br/>(2, 3)", "0.1.bias<br/>(3,)"),
            "output",
        ]
        tables = re.findall(r"^ +w\d+ \[", drawn.dot, re.M)
        assert len(tables) == 4  # x, between the two, to relu, from it

    def test_they_stand_below_what_flows_in(self) -> None:
        drawn = draw(long_net(2), "ops", rankdir="TB")
        at = placed(drawn.svg)
        (x,) = re.findall(r"^ +(w\d+) \[[^\n]*<td>\(1, 1\)</td>", drawn.dot, re.M)
        (weight,) = re.findall(r"^ +(n\d+) \[label=<0\.0\.weight", drawn.dot, re.M)
        assert at[x][1] < at[weight][1]

    def test_not_going_right(self) -> None:
        assert "0.0.weight" in self.labels(draw(long_net(2), "ops", rankdir="LR"))

    def test_not_on_bare_arrows(self) -> None:
        assert "0.0.weight" in self.labels(draw(long_net(2), "ops", rankdir="TB", show="nothing"))

    def test_gradients_stay_on_the_arrows(self) -> None:
        net = long_net(2)
        with viz.watch(net) as runs:
            loss = net(np.ones((1, 1), np.float32)).sum()
        loss.backward()
        drawn = viz.graph(loss, runs=runs, depth="ops", rankdir="TB")
        assert {"0.0.weight", "0.0.bias"} <= set(self.labels(drawn))

    def test_one_that_is_used_twice_tells_it_on_each_arrow(self) -> None:
        class Twice(nn.Module):
            def __init__(self) -> None:
                self.w = nn.Parameter(np.ones((1, 3)))

            def forward(self, x: Tensor) -> Tensor:
                return (x * self.w).sum() + self.w.sum()

        drawn = draw(nn.Sequential(Twice(), nn.ReLU()), "ops", rankdir="TB")
        assert "0.w" in self.labels(drawn)

    def test_a_shape_for_a_name_is_not_told_twice(self) -> None:
        class Plus(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return x + np.arange(40.0, dtype=np.float32)

        drawn = draw(nn.Sequential(Plus(), nn.ReLU()), "ops", rankdir="TB")
        assert "(40,)" in self.labels(drawn)
        assert not any("(40,)<br/>" in label for label in self.labels(drawn))


@pytest.mark.parametrize(("rankdir", "enters", "leaves"), [("LR", "w", "e"), ("RL", "e", "w"), ("BT", "s", "n")])
def test_wires_run_straight_through_their_tables(rankdir: str, enters: str, leaves: str) -> None:
    drawn = draw(long_net(3), rankdir=rankdir).dot
    assert set(re.findall(r"-> w\d+:(\w)", drawn)) == {enters}
    assert set(re.findall(r"w\d+:(\w) ->", drawn)) == {leaves}


def test_without_images_no_folder_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a folder was made")

    monkeypatch.setattr(rendering.tempfile, "TemporaryDirectory", refuse)
    assert "<svg" in rendering.render("digraph {a}", "svg").decode()


def test_masks_are_looked_for_only_where_something_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> bool:
        raise AssertionError("a finite value was searched for −∞")

    monkeypatch.setattr(marks, "_is_masked", refuse)
    assert "first NaN" not in draw(long_net(3), "ops").dot


def test_a_weight_that_is_used_again_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    judge = marks._bad
    monkeypatch.setattr(marks, "_bad", lambda value, masked=False: looked_at.append(id(value)) or judge(value, masked))
    w = Tensor(np.ones(3), requires_grad=True)
    y = w + 0.0
    for _ in range(5):
        y = y * w
    viz.graph(y)
    assert looked_at.count(id(w.numpy())) == 1


def test_one_that_was_spoilt_later_is_found_where_it_is_used_again() -> None:
    w = Tensor(np.ones(3), requires_grad=True, name="w")
    y = w + 0.0
    with no_grad():
        w *= np.nan
    assert "NaN in this input" in viz.graph(y + w).dot


def test_no_more_is_counted_than_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    of = Places.of
    monkeypatch.setattr(Places, "of", lambda self, node: asked.append(node) or of(self, node))
    assert "choose a smaller depth" in draw(long_net(), "ops", max_nodes=3).dot
    assert len(asked) == 4
