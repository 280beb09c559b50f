"""Hyper-parameter search (the book, section 6.5) through Optuna (extra ``[search]``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from math import isfinite, isnan
from pathlib import Path
from typing import Any, Literal

from ..errors import ArgumentError, DtypeError, TrainingError
from ..generator import generator
from ..language import tell
from ..progress import progress

Report = Callable[..., None]
Objective = Callable[[dict[str, Any], Report], float]


@dataclass(frozen=True)
class Between:
    """A range of values to draw from.

    Parameters
    ----------
    low, high
        The ends, both included.
    log
        Draw the logarithm uniformly: for values whose order of magnitude is unknown (the book, section 6.5.2).
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high)):
            raise ArgumentError(f"Between: both ends must be finite, got {self}")
        if self.low > self.high or (self.log and self.low <= 0):
            raise ArgumentError(f"Between: needs low ≤ high{', both above 0' if self.log else ''}, got {self}")


@dataclass
class Trial:
    """One trial of a search.

    Attributes
    ----------
    params
        The values drawn.
    value
        What the objective returned; of a pruned trial the last value reported.
    pruned
        Whether it was ended early because it was worse than the median of the others at the same time.
    curves
        What was reported, by name.
    """

    params: dict[str, Any]
    value: float = float("nan")
    pruned: bool = False
    curves: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """The result of a search.

    Attributes
    ----------
    trials
        The best first.
    """

    trials: list[Trial]

    @property
    def best(self) -> Trial:
        """The best trial; a TrainingError if none gave a number."""
        if isnan(self.trials[0].value):
            raise TrainingError(
                f"search: none of the {len(self.trials)} trials gave a number, all gave NaN; search smaller values, "
                "for example of the learning rate"
            )
        return self.trials[0]

    def sheet(self, path: str | Path | None = None, most: int = 20) -> Any:
        """Draw the curves of the best trials (the book, figure 6-24; see ``viz.plots.search_sheet``)."""
        from ..viz.plots import search_sheet

        return search_sheet([{"params": t.params, "history": t.curves} for t in self.trials], path, most=most)

    def __str__(self) -> str:
        lines = []
        for rank, trial in enumerate(self.trials[:10], 1):
            drawn = ", ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in trial.params.items())
            lines.append(f"{rank:3}  {trial.value:.4f}  {drawn}{'  ' + tell('(pruned)') if trial.pruned else ''}")
        return "\n".join(lines)


def search(
    objective: Objective,
    space: Mapping[str, Between | list[Any]],
    trials: int = 100,
    *,
    mode: Literal["max", "min"] = "max",
    sampler: Literal["random", "tpe"] = "random",
    prune: bool = True,
    show: bool = True,
) -> Search:
    """Try out hyper-parameters drawn at random, on validation data, and give up early on those that do badly.

    Parameters
    ----------
    objective
        ``objective(params, report)`` trains with these values and returns the validation accuracy or loss. It calls
        ``report(val_accuracy=…, accuracy=…)`` after each epoch: the first value decides about pruning, all are kept
        for the sheet.
    space
        For each hyper-parameter a range, :class:`Between`, or a list of choices.
    trials
        How many.
    mode
        Whether more (``"max"``) or less (``"min"``) is better.
    sampler
        ``"random"`` as in the book, or ``"tpe"``, which learns from the trials so far (J. Bergstra et al., 2011).
    prune
        End a trial that is worse than the median of the earlier ones at the same epoch (from the sixth trial on).
    show
        Show a progress bar.

    Returns
    -------
    Search
        All trials, the best first; those that gave NaN stand behind all others that were not pruned.

    Raises
    ------
    ArgumentError
        If the space or a list of choices in it is empty, `trials` is below 1, there is no such mode or sampler, or
        `report` is called without a value.
    DtypeError
        If the space holds something else than ranges and lists, or the objective returns or reports no number.

    Examples
    --------
    >>> space = {"lr": Between(1e-6, 1e-2, log=True), "weight_decay": Between(1e-8, 1e-4, log=True)}
    >>> result = search(train_and_validate, space, trials=100)
    >>> print(result.best.params)
    """
    _check_choice("mode", mode, ("max", "min"))
    _check_choice("sampler", sampler, ("random", "tpe"))
    if trials < 1:
        raise ArgumentError(f"search: trials must be at least 1, got {trials}")
    _check_space(space)
    optuna = _optuna()
    study = _study(optuna, mode, sampler, prune)
    done: list[Trial] = []
    with progress(tell("search"), trials, tell("trial")) if show else nullcontext(_nothing) as advance:

        def run(drawn: Any) -> float:
            trial = Trial({name: _draw(drawn, name, choices) for name, choices in space.items()})
            done.append(trial)
            try:
                result = objective(trial.params, partial(_report, optuna, drawn, trial))
                trial.value = _number("the objective's result", result)
            finally:
                advance()
            return trial.value

        study.optimize(run, n_trials=trials)
    sign = -1 if mode == "max" else 1
    return Search(sorted(done, key=lambda trial: (trial.pruned, trial.value != trial.value, sign * trial.value)))


def _report(optuna: Any, drawn: Any, trial: Trial, /, **values: float) -> None:
    """Keep what an objective reports of an epoch, and end its trial if that does badly."""
    if not values:
        raise ArgumentError("search: report() was given nothing; call report(val_accuracy=…)")
    for name, value in values.items():
        trial.curves.setdefault(name, []).append(_number(f"report's {name}", value))
    trial.value = trial.curves[next(iter(values))][-1]
    drawn.report(trial.value, len(next(iter(trial.curves.values()))))
    if drawn.should_prune():
        trial.pruned = True
        raise optuna.TrialPruned


def _study(optuna: Any, mode: str, sampler: str, prune: bool) -> Any:
    """Make Optuna's study, seeded from the one generator."""
    samplers = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
    return optuna.create_study(
        direction="maximize" if mode == "max" else "minimize",
        sampler=samplers[sampler](seed=int(generator().integers(2**31))),
        pruner=optuna.pruners.MedianPruner() if prune else optuna.pruners.NopPruner(),
    )


def _check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        near = get_close_matches(str(value), known, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"give {' or '.join(map(repr, known))}"
        raise ArgumentError(f"search: there is no {name} {value!r}; {hint}")


def _check_space(space: Mapping[str, Any]) -> None:
    if not space:
        raise ArgumentError("search: the space is empty; give at least one hyper-parameter")
    for name, choices in space.items():
        if not isinstance(choices, Between | list | tuple):
            raise DtypeError(f"search: {name} must be a Between(low, high) or a list of choices, got {choices!r}")
        if not isinstance(choices, Between) and not choices:
            raise ArgumentError(f"search: the list of choices of {name} is empty; give at least one")


def _number(what: str, value: Any) -> float:
    """Return what the user's function gave as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        given = f"{type(value).__name__} {value!r}" if value is not None else "None (is a return missing?)"
        raise DtypeError(f"search: {what} must be a number, got {given}") from None


def _draw(trial: Any, name: str, choices: Between | list[Any]) -> Any:
    if not isinstance(choices, Between):
        return trial.suggest_categorical(name, list(choices))
    if isinstance(choices.low, int) and isinstance(choices.high, int):
        return trial.suggest_int(name, choices.low, choices.high, log=choices.log)
    return trial.suggest_float(name, choices.low, choices.high, log=choices.log)


def _nothing() -> None:
    """Advance a bar that is not shown."""


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ArgumentError('search: needs Optuna; pip install "tinygrad_jp[search]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
