"""What the Trainer refuses before it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..data import DataLoader
from ..errors import ArgumentError
from ..metrics import get_metric
from .callbacks import Callback

Metric = Callable[[Any, Any], float]


def check_metrics(metrics: Iterable[str] | Mapping[str, Metric]) -> dict[str, Metric]:
    """Return the metrics by name."""
    names = [metrics] if isinstance(metrics, str) else metrics
    found = dict(names) if isinstance(names, Mapping) else {name: get_metric(name) for name in names}
    for name in found:
        if name in ("epoch", "loss", "lr", "seconds"):
            raise ArgumentError(f"Trainer: a metric cannot be named {name!r}, which is a column of its own; rename it")
    return found


def check_callbacks(callbacks: Callback | Iterable[Callback]) -> list[Callback]:
    """Return the callbacks as a list."""
    given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
    for callback in given:
        if not isinstance(callback, Callback):
            raise ArgumentError(f"Trainer: a callback must be a Callback, got {callback!r}")
    return given


def check_loaders(train: object, val: object) -> None:
    """Refuse what gives no batches of (inputs, targets)."""
    for name, loader in (("train", train), ("val", val)):
        if loader is None and name == "val":
            continue
        if not isinstance(loader, DataLoader):
            raise ArgumentError(f"Trainer.fit: {name} must be a DataLoader, as DataLoader((x, t)); got {type(loader)}")
        parts = len(loader.dataset[np.arange(1)])
        if parts != 2:
            raise ArgumentError(f"Trainer.fit: batches of {name} must be (inputs, targets), got {parts} arrays")


def examples(loader: DataLoader) -> int:
    """Count the examples of an epoch."""
    total = len(loader.dataset)
    return len(loader) * loader.batch_size if loader.drop_last else total
