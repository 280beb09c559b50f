"""Timing in alternating rounds, so that a busy moment of the machine hits every contender alike."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

Run = Callable[[], Any]
Key = TypeVar("Key", bound=Hashable)


def alternate(
    contenders: Mapping[Key, Run], *, rounds: int, at_least: float = 0.1, collector: bool = False
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
            _seconds(run, (calls[name] + 2) // 4, collector)
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


class Intruders:
    """The processors' time that other processes take, counted from here on (Linux; elsewhere unknown)."""

    def __init__(self) -> None:
        self._start = self._now()

    def processors(self) -> float | None:
        """Return how many processors the others have kept busy, on average."""
        then, now = self._start, self._now()
        if then is None or now is None:
            return None
        return max(0.0, now[1] - then[1]) / (now[0] - then[0])

    @staticmethod
    def _now() -> tuple[float, float] | None:
        """Return the clock, and the seconds of processor time spent by all processes but this one."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return None
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
        everyone = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        own = os.times()
        return perf_counter(), everyone - sum(own[:4])
