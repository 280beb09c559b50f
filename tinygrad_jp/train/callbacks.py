"""What happens beside the training: hooks of the Trainer, and early stopping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Base of callbacks: a subclass writes the methods it needs.

    A callback whose attributes change while training returns them from ``state_dict``, so that ``resume`` knows them.
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Run before the first step of ``fit``."""

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        """Run after each batch, with its loss."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Run after each epoch, with its row of the history; may set ``trainer.stop = True`` or add to the row."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Run when ``fit`` ends, also when it was interrupted."""

    def state_dict(self) -> dict[str, Any]:
        """Return what changes while training: what JSON can hold."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a stored state: by default, set its entries as attributes."""
        vars(self).update(state)


class EarlyStopping(Callback):
    """Stop when a column of the history has not improved for `patience` epochs.

    Parameters
    ----------
    monitor
        Name of the column.
    patience
        Epochs without improvement that are borne.
    mode
        ``"min"`` or ``"max"``; by default ``"max"`` for an accuracy, F or R², else ``"min"``.
    threshold
        How much better counts as better.
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, mode: str | None = None, threshold: float = 0.0
    ) -> None:
        if patience < 0:
            raise ArgumentError(f"EarlyStopping: patience must be at least 0, got {patience}")
        self.monitor = monitor
        self.patience = patience
        self.threshold = threshold
        self.sign = direction(monitor, mode)
        self.best = math.inf
        self.waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best value and how long it has stood."""
        return {"best": self.best if math.isfinite(self.best) else None, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from there."""
        self.best = math.inf if state["best"] is None else state["best"]
        self.waited = state["waited"]

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Look at the monitored column."""
        value = self.sign * monitored(row, self.monitor)
        if value < self.best - self.threshold:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            trainer.stop = True


def monitored(row: Mapping[str, Any], name: str) -> float:
    """Return the value of a column, or say which there are."""
    if row.get(name) is None:
        raise ArgumentError(f"monitor: the history has no column {name!r}; it has {', '.join(row)}")
    return float(row[name])


def direction(monitor: str, mode: str | None) -> int:
    """Return 1 if less is better, −1 if more is."""
    if mode not in (None, "min", "max"):
        raise ArgumentError(f"mode must be 'min' or 'max', got {mode!r}")
    rising = any(part in monitor for part in ("accuracy", "precision", "recall", "f_score", "r2"))
    return -1 if mode == "max" or (mode is None and rising) else 1
