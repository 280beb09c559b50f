"""Timing in alternating rounds, so that a busy moment of the machine hits every contender alike."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Hashable, Mapping
from time import perf_counter
from typing import Any, TypeVar

Run = Callable[[], Any]
Key = TypeVar("Key", bound=Hashable)


def alternate(
    contenders: Mapping[Key, Run], *, rounds: int, at_least: float = 0.02, collector: bool = False
) -> dict[Key, list[float]]:
    """Time functions in turn, A, B, A, B and so on.

    Parameters
    ----------
    contenders
        The functions by name. Each is called once before, to warm up.
    rounds
        How many times each gets its turn.
    at_least
        Seconds that one turn should take; a fast function is called as often as that needs.
    collector
        Leave Python's cyclic garbage collector on. Off is what the standard library's ``timeit`` does.

    Returns
    -------
    dict
        For each name the seconds per call, one number a round.
    """
    calls = {name: _calls(run, at_least) for name, run in contenders.items()}
    times: dict[Key, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            # a few calls off the clock pay for what the one before left: cold caches, memory it only just freed
            _seconds(run, calls[name] // 4, collector)
            times[name].append(_seconds(run, calls[name], collector) / calls[name])
    return times


def _calls(run: Run, at_least: float) -> int:
    """Find how many calls fill a turn, from the second call: the first one warms up."""
    _seconds(run, 1, False)
    return math.ceil(at_least / _seconds(run, 1, False))


def _seconds(run: Run, calls: int, collector: bool) -> float:
    gc.collect()
    if not collector:
        gc.disable()
    try:
        start = perf_counter()
        for _ in range(calls):
            run()
        return perf_counter() - start
    finally:
        gc.enable()
