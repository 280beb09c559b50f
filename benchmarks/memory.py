"""The memory of one large graph: ``python -m benchmarks.memory NODES`` prints it as JSON.

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
GRAPHS = 3


def graph(nodes: int, measure: Callable[[], float]) -> tuple[float, float, float]:
    """Build a chain, go backward, drop it; measure before, at the most, and after."""
    before = measure()
    x = Tensor(np.ones(1), requires_grad=True)
    y = x
    for _ in range(nodes):
        y = y * x
    peak = measure()
    y.backward()
    peak = max(peak, measure())
    del x, y
    return before, peak, measure()


def traced() -> float:
    """Return what Python and NumPy have allocated since tracing began, in MiB."""
    return tracemalloc.get_traced_memory()[0] / MIB


def resident() -> float:
    """Return the memory that the process occupies, in MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main(nodes: int) -> None:
    """Print before, peak and after: traced for one graph, resident for each of several."""
    graph(1000, lambda: 0.0)  # what is made once only: plans of the ops, caches
    gc.collect()
    gc.disable()
    found = {"resident": [graph(nodes, resident) for _ in range(GRAPHS)]} if Path("/proc/self/status").exists() else {}
    tracemalloc.start()
    print(json.dumps(found | {"traced": [graph(nodes, traced)]}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
