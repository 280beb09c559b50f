"""What watch notes of modules beyond plain arrays: dictionaries, lists, time."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_jp import Tensor, nn, viz


class TakesDict(nn.Module):
    """A model of a dictionary with an array and a list."""

    def __init__(self) -> None:
        self.one = nn.Linear(3, 2)
        self.other = nn.Linear(2, 2)

    def forward(self, given: dict[str, Any]) -> dict[str, Tensor]:
        return {"scores": self.one(given["x"]) + self.other(given["pair"][0])}


GIVEN = {"x": np.ones((4, 3), np.float32), "pair": [np.ones((4, 2), np.float32)], "flag": True}


def test_arrays_in_dictionaries_and_lists_are_followed_by_name() -> None:
    with viz.watch(TakesDict()) as runs:
        output = runs.model(GIVEN)
    assert [name for name, _ in runs.given] == ["x", "pair[0]"]
    output["scores"].sum().backward()
    assert all(value.grad is not None for _, value in runs.given)


def test_a_model_of_a_dictionary_is_drawn() -> None:
    dot = viz.graph(TakesDict(), GIVEN).dot
    assert "[label=<x>]" in dot
    assert "[label=<pair[0]>]" in dot
    assert "Linear 3, 2" in dot


def test_runs_take_time_and_those_inside_no_more() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    with viz.watch(model) as runs:
        model(np.ones((4, 3), np.float32))
    (whole,) = runs.top
    assert whole.seconds is not None
    assert 0 < sum(run.seconds or 0.0 for run in whole.runs) <= whole.seconds
