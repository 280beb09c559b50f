"""The hyper-parameter search: what is drawn, what is pruned, what is best."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp.errors import ArgumentError, DtypeError, TrainingError
from tinygrad_jp.language import speaking
from tinygrad_jp.train import Between, search

pytest.importorskip("optuna", reason="the extra [search] is not installed")


def parabola(params: dict[str, Any], report: Any) -> float:
    """Best at lr = 1e-4, and getting there in five epochs."""
    for epoch in range(5):
        value = -abs(np.log10(params["lr"]) + 4) * (5 - epoch)
        report(val_accuracy=value, accuracy=value + 0.1)
    return float(value)


SPACE = {"lr": Between(1e-6, 1e-2, log=True)}


def test_random_search_draws_orders_of_magnitude_alike() -> None:
    tj.seed(0)
    result = search(lambda params, report: 0.0, SPACE, trials=60, show=False)
    exponents = np.log10([trial.params["lr"] for trial in result.trials])
    assert exponents.min() > -6
    assert exponents.max() < -2
    assert np.histogram(exponents, bins=4, range=(-6, -2))[0].min() >= 7


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_best_first_and_repeatable_from_the_seed(sampler: Any) -> None:
    results = []
    for _ in range(2):
        tj.seed(1)
        results.append(search(parabola, SPACE, trials=25, sampler=sampler, show=False))
    first, second = results
    assert [t.params for t in first.trials] == [t.params for t in second.trials]
    assert abs(np.log10(first.best.params["lr"]) + 4) < 0.3
    values = [t.value for t in first.trials if not t.pruned]
    assert values == sorted(values, reverse=True)


def test_bad_trials_are_pruned_early_and_stand_last() -> None:
    tj.seed(2)
    result = search(parabola, SPACE, trials=30, show=False)
    pruned = [t for t in result.trials if t.pruned]
    assert pruned
    assert all(len(t.curves["val_accuracy"]) < 5 for t in pruned)
    assert [t.pruned for t in result.trials] == [False] * (30 - len(pruned)) + [True] * len(pruned)
    assert not any(t.pruned for t in search(parabola, SPACE, trials=12, prune=False, show=False).trials)


def test_less_is_better_and_choices_and_whole_numbers() -> None:
    space: dict[str, Any] = {"width": Between(10, 20), "kind": ["a", "b"], "rate": Between(0.0, 1.0)}

    def objective(params: dict[str, Any], report: Any) -> float:
        assert isinstance(params["width"], int)
        return params["width"] + (params["kind"] == "a") + params["rate"]

    tj.seed(0)
    result = search(objective, space, trials=40, mode="min", show=False)
    assert result.best.value == min(t.value for t in result.trials)
    assert {t.params["kind"] for t in result.trials} == {"a", "b"}
    assert "width=" in str(result)


def test_nan_is_worst() -> None:
    values = iter([np.nan, 0.5, 0.7])
    result = search(lambda params, report: next(values), SPACE, trials=3, prune=False, show=False)
    assert result.best.value == 0.7
    assert np.isnan(result.trials[-1].value)


def test_nan_alone_is_not_the_best() -> None:
    result = search(lambda params, report: np.nan, SPACE, trials=2, show=False)
    assert len(result.trials) == 2
    with pytest.raises(TrainingError, match="none of the 2 trials gave a number"):
        _ = result.best


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"mode": "mx"}, ArgumentError, "no mode 'mx'; did you mean 'max'"),
        ({"mode": "best"}, ArgumentError, "no mode 'best'; give 'max' or 'min'"),
        ({"sampler": "radom"}, ArgumentError, "no sampler 'radom'; did you mean 'random'"),
        ({"trials": 0}, ArgumentError, "trials must be at least 1, got 0"),
        ({"space": {"a": []}}, ArgumentError, "list of choices of a is empty"),
        ({"space": {"a": 0.1}}, DtypeError, r"a must be a Between\(low, high\) or a list of choices, got 0\.1"),
        ({"space": {"a": "relu"}}, DtypeError, "got 'relu'"),
    ],
)
def test_refused_before_the_first_trial(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    def never(params: dict[str, Any], report: Any) -> float:
        raise AssertionError("a trial began")

    with pytest.raises(error, match=f"^search: .*{message}"):
        search(never, **({"space": SPACE, "show": False} | arguments))


def test_sheet(tmp_path: Path) -> None:
    tj.seed(0)
    path = search(parabola, SPACE, trials=6, show=False).sheet(tmp_path / "sheet.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_an_error_in_the_objective_comes_through() -> None:
    def broken(params: dict[str, Any], report: Any) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        search(broken, SPACE, trials=2, show=False)


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (lambda params, report: None, DtypeError, r"the objective's result must be a number, got None \(is a return"),
        (lambda params, report: [1, 2], DtypeError, r"the objective's result must be a number, got list \[1, 2\]"),
        (
            lambda params, report: report(),
            ArgumentError,
            r"report\(\) was given nothing; call report\(val_accuracy=…\)",
        ),
        (lambda params, report: report(a=0.5, b=None), DtypeError, "report's b must be a number, got None"),
    ],
)
def test_what_the_objective_must_give(objective: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^search: {message}"):
        search(objective, SPACE, trials=1, show=False)


def test_in_japanese(capsys: pytest.CaptureFixture[str]) -> None:
    tj.seed(2)
    with speaking("ja"):
        result = search(parabola, SPACE, trials=12)
        assert "(打ち切り)" in str(result)
    assert "探索: 100%" in capsys.readouterr().err
    assert "(pruned)" in str(result)


def test_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="low ≤ high, both above 0"):
        Between(0.0, 1.0, log=True)
    with pytest.raises(ArgumentError, match="both ends must be finite"):
        Between(0.0, float("inf"))
    with pytest.raises(ArgumentError, match="space is empty"):
        search(parabola, {}, trials=1)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ArgumentError, match=r"tinygrad_jp\[search\]"):
        search(parabola, SPACE, trials=1)
