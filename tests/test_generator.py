"""The one generator: a seed repeats everything, and a stored state continues it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import generator as g
from tinygrad_jp.errors import ArgumentError, DataError


@pytest.fixture(autouse=True)
def _left_as_found() -> Iterator[None]:
    before = g.state()
    yield
    g.restore(before)


def draw() -> list[Any]:
    rng = g.generator()
    return [rng.normal(size=3).tolist(), rng.integers(0, 10, 5, dtype=np.int32).tolist(), rng.permutation(6).tolist()]


@given(st.integers(0, 2**64))
@settings(deadline=None, max_examples=30)
def test_a_seed_repeats_bit_for_bit(n: int) -> None:
    tj.seed(n)
    first = draw()
    second = draw()
    assert second != first
    tj.seed(n)
    assert [draw(), draw()] == [first, second]
    tj.seed(n + 1)
    assert draw() != first


def test_the_generator_stays_the_same_object() -> None:
    held = g.generator()
    tj.seed(5)
    assert g.generator() is held
    assert held.random() == np.random.default_rng(5).random()


@given(st.integers(0, 1000), st.integers(0, 3))
@settings(deadline=None, max_examples=30)
def test_a_state_continues_after_a_way_through_json(n: int, halves: int) -> None:
    tj.seed(n)
    g.generator().integers(0, 9, halves, dtype=np.int32)  # an odd number leaves half a draw behind
    stored = json.dumps(g.state())
    following = draw()
    tj.seed(n + 7)
    g.restore(json.loads(stored))
    assert draw() == following


def test_a_state_is_not_changed_by_drawing() -> None:
    state = g.state()
    kept = json.dumps(state)
    draw()
    assert json.dumps(state) == kept


@pytest.mark.parametrize("n", [-1, 1.5, None, "a", [1, 2]])
def test_a_seed_must_be_a_whole_number(n: Any) -> None:
    state = g.state()
    with pytest.raises(ArgumentError, match="whole number ≥ 0"):
        tj.seed(n)
    assert g.state() == state


def test_whole_numbers_of_numpy_are_seeds_too() -> None:
    tj.seed(np.int64(3))  # type: ignore[arg-type]
    first = draw()
    tj.seed(3)
    assert draw() == first


def bad_states() -> list[Any]:
    good = json.loads(json.dumps(np.random.PCG64(1).state))
    inner = good["state"]
    changed = [
        {"bit_generator": "MT19937"},
        {"state": inner | {"state": "1"}},
        {"state": inner | {"state": 1.5}},
        {"state": inner | {"state": float(inner["state"])}},  # as a JSON reader without large integers gives it
        {"state": inner | {"state": -1}},
        {"state": inner | {"inc": 2**200}},
        {"state": {}},
        {"has_uint32": "x"},
        {"uinteger": -1},
        {"uinteger": 2**40},
    ]
    lacking = [{k: v for k, v in good.items() if k != name} for name in good]
    return [None, 3, "state", [], {}, *lacking, *(good | change for change in changed)]


@pytest.mark.parametrize("state", bad_states(), ids=lambda state: str(state)[:60])
def test_a_bad_state_is_refused_and_changes_nothing(state: Any) -> None:
    before = g.state()
    with pytest.raises(DataError, match="cannot restore this state"):
        g.restore(state)
    assert g.state() == before
