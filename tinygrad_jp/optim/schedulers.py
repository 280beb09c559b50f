"""Schedulers: learning rates that change while training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError, DataError
from .optimizer import Optimizer


class Scheduler:
    """Base of schedulers that multiply each group's first learning rate with a factor of time.

    Call ``step()`` once after each unit of time, an epoch or a batch, that its arguments count in.

    Parameters
    ----------
    optimizer
        Whose groups' ``lr`` are set, at once and by each ``step``.

    Attributes
    ----------
    time
        How often ``step`` was called.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.time = 0
        self.base = [float(group["lr"]) for group in optimizer.param_groups]
        self._set()

    def factor(self, time: int) -> float:
        """Return what the first learning rate is multiplied with; to be written by the subclass."""
        raise NotImplementedError

    def step(self, metric: float | None = None) -> None:
        """Go on by one unit of time; the value of a metric matters to :class:`ReduceLROnPlateau` only."""
        self.time += 1
        self._set()

    def _set(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            group["lr"] = base * self.factor(self.time)

    def state_dict(self) -> dict[str, Any]:
        """Return what changes in time: numbers and lists only."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a stored state.

        Raises
        ------
        DataError
            If it is of another kind of scheduler.
        """
        if set(state) != set(self.state_dict()):
            raise DataError(
                f"{type(self).__name__}.load_state_dict: needs {', '.join(self.state_dict())}; got {', '.join(state)}"
            )
        vars(self).update(state)
        self._set()


class StepLR(Scheduler):
    """Multiply the learning rate by γ every `step_size` units of time.

    Parameters
    ----------
    optimizer
        See :class:`Scheduler`.
    step_size
        Units of time, at least 1.
    gamma
        γ.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ArgumentError(f"StepLR: step_size must be at least 1, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer)

    def factor(self, time: int) -> float:
        """γ to the number of whole steps."""
        return float(self.gamma ** (time // self.step_size))


class ExponentialLR(Scheduler):
    """Multiply the learning rate by γ every unit of time.

    Parameters
    ----------
    optimizer
        See :class:`Scheduler`.
    gamma
        γ.
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def factor(self, time: int) -> float:
        """γ to the time."""
        return float(self.gamma**time)


class CosineLR(Scheduler):
    """Warm up linearly, then follow half a cosine down (I. Loshchilov, F. Hutter, 2017, equation 5, without restarts).

    Parameters
    ----------
    optimizer
        See :class:`Scheduler`.
    total
        Units of time until the end, at least 1; afterwards the learning rate stays.
    warmup
        Units of time of rising from η / (warmup + 1) to η, fewer than `total`.
    minimum
        The last factor.
    """

    def __init__(self, optimizer: Optimizer, total: int, warmup: int = 0, minimum: float = 0.0) -> None:
        if not 0 <= warmup < total:
            raise ArgumentError(f"CosineLR: needs 0 ≤ warmup < total, got warmup={warmup}, total={total}")
        self.total = total
        self.warmup = warmup
        self.minimum = minimum
        super().__init__(optimizer)

    def factor(self, time: int) -> float:
        """Rise to 1, then fall to the minimum."""
        if time < self.warmup:
            return (time + 1) / (self.warmup + 1)
        done = min(1.0, (time - self.warmup) / (self.total - self.warmup))
        return self.minimum + (1 - self.minimum) * (1 + math.cos(math.pi * done)) / 2


class ReduceLROnPlateau(Scheduler):
    """Multiply the learning rate by `reduction` when a metric has not improved for `patience` steps.

    Parameters
    ----------
    optimizer
        See :class:`Scheduler`.
    reduction
        In (0, 1).
    patience
        Steps without improvement that are borne.
    mode
        ``"min"`` for a loss, ``"max"`` for an accuracy.
    threshold
        How much better counts as better.
    minimum
        The smallest factor.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        reduction: float = 0.1,
        patience: int = 10,
        mode: str = "min",
        threshold: float = 0.0,
        minimum: float = 0.0,
    ) -> None:
        if not 0 < reduction < 1:
            raise ArgumentError(f"ReduceLROnPlateau: reduction must lie in (0, 1), got {reduction}")
        if mode not in ("min", "max"):
            raise ArgumentError(f"ReduceLROnPlateau: mode must be 'min' or 'max', got {mode!r}")
        self.reduction = reduction
        self.patience = patience
        self.mode = mode
        self.threshold = threshold
        self.minimum = minimum
        self.best: float | None = None
        self.waited = 0
        self.current = 1.0
        super().__init__(optimizer)

    def factor(self, time: int) -> float:
        """The product of all reductions so far."""
        return self.current

    def step(self, metric: float | None = None) -> None:
        """Look at the metric's newest value."""
        if metric is None:
            raise ArgumentError("ReduceLROnPlateau.step: needs the metric's value, as in step(val_loss)")
        sign = 1 if self.mode == "min" else -1
        if self.best is None or sign * metric < sign * self.best - self.threshold:
            self.best, self.waited = float(metric), 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.current = max(self.minimum, self.current * self.reduction)
            self.waited = 0
        super().step()
