"""The memory of a large graph: ``python -m benchmarks.memory NODES`` prints it as JSON.

A program of its own, because the memory of a process that has done other things before tells little.
"""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygrad_jp import Tensor

MIB = 2**20
STATUS = Path("/proc/self/status")


def graph(nodes: int, measure: Callable[[], float]) -> float:
    """Build a chain, go backward, drop it; return the most memory seen."""
    x = Tensor(np.ones(1), requires_grad=True)
    y = x
    for _ in range(nodes):
        y = y * x
    built = measure()
    y.backward()
    return max(built, measure())


def traced() -> float:
    """Return what Python and NumPy have allocated since tracing began, in MiB."""
    return tracemalloc.get_traced_memory()[0] / MIB


def resident() -> float:
    """Return the memory that the process occupies, in MiB (Linux)."""
    return int(STATUS.read_text().partition("VmRSS:")[2].split()[0]) / 1024


def moments(nodes: int, measure: Callable[[], float], graphs: int) -> list[tuple[str, float]]:
    """Measure before the first graph, at the peak of each, and after the last."""
    before = ("before", measure())
    peaks = [(f"peak of graph {i + 1}" if graphs > 1 else "peak", graph(nodes, measure)) for i in range(graphs)]
    return [before, *peaks, ("after", measure())]


def main(nodes: int) -> None:
    """Measure the resident memory of three graphs one after the other, then trace one."""
    graph(1000, lambda: 0.0)  # what is made once only: plans of the ops, caches
    gc.collect()
    gc.disable()
    found = {}
    if STATUS.exists():
        found["resident"] = moments(nodes, resident, graphs=3)
    tracemalloc.start()
    found["traced"] = moments(nodes, traced, graphs=1)
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
