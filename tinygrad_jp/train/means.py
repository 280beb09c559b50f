"""Means over an epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


class Means:
    """Means over the examples of an epoch so far, and the time it took; can be stored."""

    def __init__(self, count: int = 0, sums: Mapping[str, float] | None = None, spent: float = 0.0) -> None:
        self.count = count
        self.sums = dict(sums or {})
        self.spent = spent
        self.start = time.perf_counter()

    def add(self, count: int, values: Mapping[str, float]) -> None:
        """Add the means of a batch."""
        self.count += count
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + count * value

    def means(self) -> dict[str, float]:
        """Return the means by name."""
        return {name: total / self.count for name, total in self.sums.items()}

    def seconds(self) -> float:
        """Return the time since the epoch began, without that between interruption and resumption."""
        return self.spent + time.perf_counter() - self.start

    def state(self) -> dict[str, Any]:
        """Return what ``Means(**state)`` takes."""
        return {"count": self.count, "sums": self.sums, "spent": self.seconds()}
