"""What is known of operations and modules: as rows, written into the picture, and as colours."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.errors import ArgumentError, DtypeError
from tinygrad_jp.viz.colours import COLD, UNKNOWN, WARM, Colouring
from tinygrad_jp.viz.svg import DARK_FILLS


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def loss(n: int = 2) -> Tensor:
    x = Tensor(np.ones((n, 3)), requires_grad=True, name="x")
    y = (x * 2.0).sum(axis=1)
    y.name = "y"
    return y.sum()


def rows(*args: Any, **options: Any) -> dict[str, dict[str, Any]]:
    """Return the rows of a picture by name, or the kind of what has none."""
    return {row["name"] or row["type"]: row for row in viz.graph(*args, **options).rows()}


def fills(drawn: viz.Graph) -> list[str]:
    return re.findall(r'^ +n\d+ .*fillcolor="([^"]+)"', drawn.dot, re.MULTILINE)


class TestRows:
    def test_of_modules(self) -> None:
        found = rows(net(), (5, 4), depth=1, compute=True)
        assert list(found) == ["0", "1", "2"]
        assert found["0"] == found["0"] | {
            "kind": "module",
            "type": "Linear",
            "options": "4, 3",
            "module": "",
            "input_shapes": [(5, 4)],
            "shape": (5, 3),
            "dtype": "float32",
            "parameters": 15,
            "multiply_adds": 60,
            "bytes": 60,
            "saved": 5 * 4 * 4 + 4 * 3 * 4,  # the input and the weight
            "times": 1,
            "gradient": None,
        }
        assert found["0"]["seconds"] > 0

    def test_of_operations(self) -> None:
        y = loss()
        y.backward(retain_graph=True)
        product, total = rows(y)["mul"], rows(y)["y"]
        assert (product["kind"], product["multiply_adds"], product["bytes"]) == ("operation", 0, 48)
        assert product["input_shapes"] == [(2, 3)]
        assert product["gradient"] == pytest.approx(6**0.5)
        assert product["magnitude"] == 2.0
        assert (total["type"], total["options"], total["shape"], total["module"]) == ("sum", "axis=1", (2,), "")

    def test_of_operations_inside_modules(self) -> None:
        found = viz.graph(net(), (1, 4), depth="ops").rows()
        assert [(row["type"], row["module"]) for row in found] == [("affine", "0"), ("relu", "1"), ("affine", "2")]

    def test_of_repeated_modules(self) -> None:
        (row,) = viz.graph(nn.Sequential([nn.Linear(3, 3) for _ in range(5)]), (1, 3)).rows()
        assert (row["times"], row["multiply_adds"], row["parameters"]) == (5, 9, 12)

    def test_what_a_backward_pass_freed_is_unknown(self) -> None:
        y = tj.einsum("ij,jk->ik", Tensor(np.ones((2, 3)), requires_grad=True), np.ones((3, 4)))
        y.name = "product"
        assert rows(y)["product"]["multiply_adds"] == 24
        y.sum().backward()
        assert rows(y)["product"]["multiply_adds"] is None
        assert rows(y)["product"]["saved"] is None
        assert "keeps ?" in viz.graph(y, notes="saved").dot

    def test_they_are_json_and_all_have_the_same_columns(self) -> None:
        found = viz.graph(nn.SimpleConvNet(), (1, 1, 28, 28), depth="ops").rows()
        assert len(found) == 7
        assert len({tuple(row) for row in found}) == 1
        assert json.loads(json.dumps(found))[0]["shape"] == [1, 30, 24, 24]

    def test_changing_them_changes_no_picture(self) -> None:
        drawn = viz.graph(loss())
        drawn.rows()[0].clear()
        assert drawn.rows()[0]

    def test_of_a_graph_that_is_only_counted_there_are_none(self) -> None:
        y = Tensor(1.0, requires_grad=True)
        for _ in range(10_001):
            y = y + 1.0
        assert viz.graph(y).rows() == []


class TestNotes:
    def test_options_are_told_when_the_pointer_rests_and_written_on_request(self) -> None:
        drawn = [viz.graph(loss(), notes=notes).dot for notes in ((), "options")]
        assert all('tooltip="sum&#10;axis=1"' in dot for dot in drawn)
        assert [">axis=1<" in dot for dot in drawn] == [False, True]

    def test_of_a_module_all_options_are_known(self) -> None:
        dot = viz.graph(nn.Conv2d(1, 2, 3, padding=1), (1, 1, 5, 5), depth="ops").dot
        assert "stride=1, padding=1" in dot

    def test_arrays_and_flags_that_are_off_are_no_options(self) -> None:
        found = rows(nn.BatchNorm1d(3), (4, 3), depth="ops")
        assert found["output"]["options"] == "eps=1e-05"
        x = Tensor(np.ones((2, 3)), requires_grad=True)
        assert viz.graph(x.sum()).rows()[0]["options"] == ""
        with tj.keep_values():
            y = x.sum(axis=(0, 1), keepdims=True)
        assert viz.graph(y).rows()[0]["options"] == "axis=(0, 1), keepdims=True"

    def test_what_is_kept_for_the_backward_pass(self) -> None:
        x = Tensor(np.ones(50), requires_grad=True, name="x")
        assert "keeps 400 B" in viz.graph(tj.exp(x), notes=["saved"]).dot
        assert "keeps 0 B" in viz.graph(x + 1.0, notes=["saved"]).dot

    def test_an_array_that_two_keep_counts_once_in_their_module(self) -> None:
        class Squares(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return x * x + x * x

        assert rows(Squares(), (4,), depth=0, compute=True)["Squares"]["saved"] == 16

    def test_several_in_the_order_in_which_they_are_asked_for(self) -> None:
        dot = viz.graph(net(), (1, 4), depth=1, notes=["bytes", "multiply_adds", "dtype", "magnitude"]).dot
        assert re.search(r"12 B · 12 multiply-adds · float32 · mean \|x\| \d", dot)

    def test_costs_are_short_for_two(self) -> None:
        named = viz.graph(net(), (1, 4), notes=("multiply_adds", "bytes"))
        assert viz.graph(net(), (1, 4), costs=True).dot == named.dot

    def test_lines_of_code(self) -> None:
        class Double(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return x * 2.0

        assert re.search(
            r">test_viz_facts.py, line \d+: return x \* 2.0<",
            viz.graph(Double(), (3,), depth="ops", notes="source").dot,
        )

    def test_unknown_words(self) -> None:
        with pytest.raises(ArgumentError, match=r"notes must be of .* got 'byte'; did you mean 'bytes'"):
            viz.graph(loss(), notes="byte")


class TestColour:
    def test_by_a_column(self) -> None:
        drawn = viz.graph(net(), (1, 4), depth=1, colour="multiply_adds")
        assert fills(drawn) == [WARM[-1], WARM[0], WARM[3]]  # 12, 0, 6: linear between 0 and 12
        assert all(text in drawn.dot for text in (">multiply-adds<", ">0<", ">12<"))

    def test_by_numbers_of_ones_own(self) -> None:
        assert fills(viz.graph(net(), (1, 4), depth=1, colour={"0": 1.0, "2": -1.0})) == [WARM[-1], UNKNOWN, COLD[-1]]
        assert fills(viz.graph(loss(), colour={"mul": 3.0, "y": 1})) == [WARM[-1], WARM[0], UNKNOWN]

    def test_by_a_function_of_a_row(self) -> None:
        def width(row: dict[str, Any]) -> int:
            return int(row["shape"][-1])

        drawn = viz.graph(net(), (1, 4), depth=1, colour=width)
        assert fills(drawn) == [WARM[-1], WARM[-1], WARM[0]]
        assert ">width<" in drawn.dot
        assert ">score<" in viz.graph(net(), (1, 4), depth=1, colour=lambda row: 1).dot

    def test_by_gradients_and_times(self) -> None:
        y = loss()
        with pytest.raises(ArgumentError, match=r"colour='gradient': nothing is known .*backward\(\)"):
            viz.graph(y, colour="gradient")
        y.backward()
        assert UNKNOWN not in fills(viz.graph(y, colour="gradient"))
        with pytest.raises(ArgumentError, match=r"colour='seconds': .*viz.graph\(model, x"):
            viz.graph(y, colour="seconds")
        model = net()
        with viz.watch(model) as runs:
            y = model(np.ones((1, 4), np.float32))
        assert UNKNOWN not in fills(viz.graph(y, runs=runs, colour="seconds"))
        drawn = viz.graph(net(), (1, 4), depth="ops", colour="seconds", notes="seconds")
        assert UNKNOWN not in fills(drawn)
        assert drawn.dot.count(" ms<") >= 3

    def test_what_is_wrong_stays_red(self) -> None:
        with np.errstate(all="ignore"):
            y = tj.log(Tensor(-1.0, requires_grad=True)) * 2.0
        assert fills(viz.graph(y, colour="bytes"))[0] == "#fbd5d0"

    def test_two_runs_compared(self) -> None:
        model = net()
        before = {name: row["magnitude"] for name, row in rows(model, (1, 4), notes="magnitude").items()}
        with tj.no_grad():
            for parameter in model[2].parameters():
                parameter *= 0.0
                parameter += 5.0  # whatever flows in, 5 at least flows out
        drawn = viz.graph(
            model, (1, 4), notes="magnitude", colour=lambda row: row["magnitude"] - before[row["name"]], depth=1
        )
        assert fills(drawn) == [WARM[0], WARM[0], WARM[-1]]

    @pytest.mark.parametrize(
        ("colour", "error", "message"),
        [
            ("flops", ArgumentError, "colour must be of"),
            ("byte", ArgumentError, "did you mean 'bytes'"),
            (3, DtypeError, "got int"),
            ({}, ArgumentError, "gives no finite number for what is drawn, which is mul, sum, y"),
            ({"y": np.nan}, ArgumentError, "gives no finite number"),
            ({"y": 10**400}, ArgumentError, "gives no finite number"),
            ({"y": "blue"}, DtypeError, "must give real numbers or None, got str"),
            (lambda row: row["name"], DtypeError, "must give real numbers or None, got str"),
        ],
    )
    def test_what_does_not_fit(self, colour: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error) as raised:
            viz.graph(loss(), colour=colour)
        assert message in str(raised.value)

    def test_wide_scales_are_logarithmic(self) -> None:
        numbers = {str(k): 8.0**k for k in range(6)} | {"zero": 0.0}
        colouring = Colouring("", numbers)
        filled = [colouring.fill(str(k)) for k in range(6)]
        assert filled == sorted(filled, key=WARM.index)
        assert len(set(filled)) >= 5
        assert (colouring.fill("zero"), filled[-1]) == (WARM[0], WARM[-1])
        assert colouring.fill("other") == UNKNOWN

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
    @example([1.0, 1.0])
    @example([0.0, 1e-9])
    @example([5e-324, 1.0, 1.7e308])
    def test_every_number_has_a_colour_that_the_legend_shows(self, numbers: list[float]) -> None:
        colouring = Colouring("", {str(k): x for k, x in enumerate(numbers)})
        assert {colouring.colour(x) for x in numbers} <= set(colouring.steps())

    def test_every_colour_has_one_for_dark_pages(self) -> None:
        assert {*WARM, *COLD, UNKNOWN} <= set(DARK_FILLS)
