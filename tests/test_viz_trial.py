"""A module's run on a sample input: shapes in the place of arrays, and what is drawn if it raises."""

from __future__ import annotations

import sys
import traceback
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, generator, nn, viz
from tinygrad_jp.errors import ArgumentError, ShapeError


class Between(nn.Module):
    """Fails at an operation of its own."""

    def __init__(self) -> None:
        self.stem = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
        self.left = nn.Linear(8, 2)
        self.right = nn.Linear(8, 3)
        self.unused = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        self.unused(h)
        return 2.0 * (self.left(h) + self.right(h))


class Inside(nn.Module):
    """Fails in a layer of a part."""

    def __init__(self) -> None:
        self.stem = nn.Linear(4, 8)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(9, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stem(x))


class Raising(nn.Module):
    """Raises what it is told to, after a layer."""

    def __init__(self, error: Exception) -> None:
        self.first = nn.Linear(4, 3)
        self.error = error

    def forward(self, x: Tensor) -> Tensor:
        self.first(x)
        raise self.error


def stopped(model: nn.Module, *inputs: Any, **options: Any) -> tuple[Exception, viz.Graph]:
    """Let a model fail, and return the picture that the exception carries."""
    with pytest.raises(Exception, match=r".") as raised:
        viz.graph(model, *inputs, **options)
    return raised.value, raised.value.graph  # type: ignore[attr-defined]


class TestShapes:
    def test_stand_for_random_numbers(self) -> None:
        assert viz.graph(nn.Linear(4, 3), (5, 4)).dot == viz.graph(nn.Linear(4, 3), np.ones((5, 4), np.float32)).dot

    def test_also_in_lists_and_dictionaries(self) -> None:
        class Sum(nn.Module):
            def forward(self, parts: Any) -> Tensor:
                return parts["a"] + parts["b"][0]

        assert "(2, 3)" in viz.graph(Sum(), {"a": (2, 3), "b": [(3,)]}).dot

    def test_do_not_touch_the_random_generator(self) -> None:
        model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))
        before = generator.state()
        viz.graph(model, (5, 4))
        assert generator.state() == before

    def test_negative_lengths(self) -> None:
        with pytest.raises(ArgumentError, match="negative length"):
            viz.graph(nn.Linear(4, 3), (-1, 4))


class TestStopped:
    def test_where_the_operation_of_a_module_failed(self) -> None:
        error, drawn = stopped(Between(), (2, 4))
        assert isinstance(error, ShapeError)
        assert [row["name"] or row["type"] for row in drawn.rows()] == ["stem", "unused", "left", "right", "raised"]
        assert drawn.rows()[-1]["input_shapes"] == [(2, 2), (2, 3)]
        assert "ShapeError: add: shapes (2, 2) and (2, 3) do<br/>not broadcast" in drawn.dot
        assert drawn.dot.count('fillcolor="#fbd5d0"') == 1

    def test_where_no_operation_failed_what_was_not_used_yet_flows_there(self) -> None:
        class Stops(Between):
            def forward(self, x: Tensor) -> Tensor:
                h = self.stem(x)
                left, right = self.left(h), self.right(h)
                self.unused(tj.relu(left)[:, :1] + h)
                raise KeyError(f"{right.shape}")

        _, drawn = stopped(Stops(), (2, 4))
        assert drawn.rows()[-1]["input_shapes"] == [(2, 3), (2, 5)]

    def test_the_layer_that_failed_is_red_and_all_around_it_is_open(self) -> None:
        _, drawn = stopped(Inside(), (2, 4))
        assert [row["name"] for row in drawn.rows()] == ["stem", "head.0", "head.1"]
        (line,) = (line for line in drawn.dot.splitlines() if 'fillcolor="#fbd5d0"' in line)
        assert "head.1" in line
        assert "ShapeError: affine" in line
        assert drawn.dot.count("-> n3 ") + drawn.dot.count("-> n3\n") == 1  # what it was given flows into it

    @pytest.mark.parametrize("depth", [0, 1, "layers", "ops", "primitives"])
    def test_at_any_depth(self, depth: Any) -> None:
        _, drawn = stopped(Inside(), (2, 4), depth=depth)
        assert drawn.dot.count('fillcolor="#fbd5d0"') == 1
        assert drawn.svg.startswith("<?xml")

    def test_the_error_is_the_models_own_and_tells_of_the_picture(self) -> None:
        error, _ = stopped(Between(), (2, 4))
        assert "forward" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert "error.graph.save('x.svg')" in error.__notes__[0]

    @pytest.mark.parametrize("options", [{"expand": "head.1"}, {"only": "left"}, {"collapse": "right"}])
    def test_a_module_that_did_not_run_any_more_hides_not_why(self, options: dict[str, Any]) -> None:
        class Early(Between):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(self.right(x))

        with pytest.raises(ShapeError, match="affine: shapes"):
            viz.graph(Early(), (2, 4), **options)

    def test_nor_does_a_function_of_the_users(self) -> None:
        with pytest.raises(ShapeError, match="add: shapes"):
            viz.graph(Between(), (2, 4), colour=lambda row: {}[row["name"]])

    def test_where_nothing_ran(self) -> None:
        class Never(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                raise RuntimeError("<no> & 'no'")

        _, drawn = stopped(Never(), (3,), depth="ops")
        assert "RuntimeError: &lt;no&gt; &amp; &#x27;no&#x27;" in drawn.dot
        assert [row["type"] for row in drawn.rows()] == ["raised"]
        assert "line" in drawn.rows()[0]["source"]

    def test_with_indices(self) -> None:
        model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(4, 2))
        _, drawn = stopped(model, np.zeros((1, 2), int))
        assert [row["type"] for row in drawn.rows()] == ["Embedding", "Linear"]

    def test_an_exception_that_the_model_handles_is_none(self) -> None:
        class Careful(Between):
            def forward(self, x: Tensor) -> Tensor:
                try:
                    return super().forward(x)
                except ShapeError:
                    return self.left(self.stem(x))

        assert "raised" not in viz.graph(Careful(), (2, 4)).dot

    def test_the_model_is_as_before(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(4), Inside())
        stopped(model, (2, 4))
        np.testing.assert_array_equal(model[0].running_mean, np.zeros(4))
        assert "forward" not in vars(model[1])

    @pytest.mark.parametrize("kernel", [None, object()])
    def test_a_notebook_shows_it(self, monkeypatch: pytest.MonkeyPatch, kernel: Any) -> None:
        shown: list[Any] = []
        notebook = SimpleNamespace(
            get_ipython=lambda: SimpleNamespace(kernel=kernel), display=SimpleNamespace(display=shown.append)
        )
        monkeypatch.setitem(sys.modules, "IPython", notebook)  # type: ignore[arg-type]
        _, drawn = stopped(Between(), (2, 4))
        assert shown == ([drawn] if kernel else [])

    def test_with_times(self) -> None:
        _, drawn = stopped(Between(), (2, 4), notes=["seconds", "magnitude"], colour="bytes")
        assert " ms · mean |x| " in drawn.dot

    def test_an_exception_that_cannot_be_written(self) -> None:
        class SilentError(Exception):
            def __str__(self) -> str:
                raise ValueError("no text")

        with pytest.raises(SilentError) as raised:
            viz.graph(Raising(SilentError()), (2, 4))
        assert "SilentError" in raised.value.graph.dot  # type: ignore[attr-defined]

    def test_an_exception_that_takes_no_picture(self) -> None:
        class FrozenError(Exception):
            def __setattr__(self, *_: Any) -> None:
                raise AttributeError("frozen")

        with pytest.raises(FrozenError):
            viz.graph(Raising(FrozenError()), (2, 4))
