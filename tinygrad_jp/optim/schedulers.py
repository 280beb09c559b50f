"""Schedulers: learning rates that change while training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import ArgumentError, DataError
from .optimizer import Optimizer


class Scheduler:
    """Base of schedulers that multiply each group's first learning rate with a factor of time.

    Call ``step()`` once after each unit of time, an epoch or a batch, that its arguments count in. From then on the
    optimizer's learning rate is the scheduler's: what anybody else sets is found at the next ``step``, and refused.

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
        """Go on by one unit of time; the value of a metric matters to :class:`ReduceLROnPlateau` only.

        Raises
        ------
        ArgumentError
            If somebody else set a learning rate, or added a group, since the last time.
        """
        self._check_untouched()
        self.observe(metric)
        self.time += 1
        self._set()

    def observe(self, metric: float | None) -> None:
        """Look at the newest value of a metric; nothing, unless the subclass writes it."""

    def _set(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            group["lr"] = base * self.factor(self.time)

    def _check_untouched(self) -> None:
        name, found = f"{type(self).__name__}.step", [group["lr"] for group in self.optimizer.param_groups]
        wanted = [base * self.factor(self.time) for base in self.base]
        if len(found) != len(wanted):
            raise ArgumentError(
                f"{name}: the optimizer has {len(found)} groups now, but had {len(wanted)} when the scheduler was "
                "made; add groups before making it"
            )
        if found != wanted:
            raise ArgumentError(
                f"{name}: had set the learning rates to {wanted}, but finds {found}; leave them to one scheduler, and "
                "load an optimizer's state together with its scheduler's"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what changes in time: numbers and lists only."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a stored state.

        Raises
        ------
        DataError
            If it is of another kind of scheduler, or of an optimizer with other groups; nothing was changed then.
        """
        here, name = self.state_dict(), f"{type(self).__name__}.load_state_dict"
        if not isinstance(state, Mapping) or set(state) != set(here):
            raise DataError(f"{name}: needs a dict of {', '.join(here)}; got {state!r}")
        wrong = [f"\n  {k}: {v!r} here, {state[k]!r} stored" for k, v in here.items() if _kind(v) != _kind(state[k])]
        if wrong:
            raise DataError(f"{name}: the state is of another kind of scheduler, or other groups:{''.join(wrong)}")
        vars(self).update(state)
        self.base = list(self.base)
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
        _check("StepLR", "step_size", step_size, 1)
        _check("StepLR", "gamma", gamma, 0)
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
        _check("ExponentialLR", "gamma", gamma, 0)
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
        The last factor, in [0, 1].
    """

    def __init__(self, optimizer: Optimizer, total: int, warmup: int = 0, minimum: float = 0.0) -> None:
        if not 0 <= warmup < total:
            raise ArgumentError(f"CosineLR: needs 0 ≤ warmup < total, got warmup={warmup}, total={total}")
        _check("CosineLR", "minimum", minimum, 0, 1)
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
        How much better counts as better. NaN is never better.
    minimum
        The smallest factor, in [0, 1].
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
        _check("ReduceLROnPlateau", "patience", patience, 0)
        _check("ReduceLROnPlateau", "threshold", threshold, 0)
        _check("ReduceLROnPlateau", "minimum", minimum, 0, 1)
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

    def observe(self, metric: float | None) -> None:
        """Reduce after too many values that are no better than the best so far."""
        if metric is None:
            raise ArgumentError("ReduceLROnPlateau.step: needs the metric's value, as in step(val_loss)")
        sign = 1 if self.mode == "min" else -1
        better = self.best is None or sign * metric < sign * self.best - self.threshold
        if better and not math.isnan(metric):
            self.best, self.waited = float(metric), 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.current = max(self.minimum, self.current * self.reduction)
            self.waited = 0


def _check(scheduler: str, name: str, value: float, low: float, high: float = math.inf) -> None:
    """Refuse an argument outside its limits."""
    if not low <= value <= high:
        limits = f"at least {low}" if high == math.inf else f"in [{low}, {high}]"
        raise ArgumentError(f"{scheduler}: {name} must be {limits}, got {value}")


def _kind(value: Any) -> Any:
    """Tell what a stored value is: a number (or None in its place), so many of them, or something else."""
    if isinstance(value, list | tuple):
        return [_kind(v) for v in value]
    return Real if value is None or isinstance(value, Real) else type(value)
