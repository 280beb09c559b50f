"""The examples of chapter 6 run, and their small experiments show what the book's figures show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

pytest.importorskip("matplotlib")


def run(name: str, out: Path, figures: int = 1) -> dict[str, str]:
    """Run an example; return what it printed as ours, by its label, after checking that it drew its figures."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"book06_{name}.py", "--quick", "--out", out],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        # one thread: small products on all cores of a busy machine can take fifty times as long
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    assert "RuntimeWarning" not in done.stderr
    written = [Path(path) for path in re.findall(r"^figure: (.*)$", done.stdout, re.M)]
    assert len(written) == figures
    for path in written:
        assert path.parent == out
        assert path.read_bytes().startswith(b"\x89PNG")
    return dict(re.findall(r"^(.*?) +ours (.*?) +book ", done.stdout, re.M))


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]\d+)?", text)]


def test_optimizer_paths(tmp_path):
    ours = run("optimizer_paths", tmp_path)
    x, y, length, swings = numbers(ours["SGD, after 30 steps"].replace("length", ""))
    assert (x, y) == pytest.approx((-7 * (1 - 0.95 / 10) ** 30, 2 * (1 - 0.95 * 2) ** 30), abs=6e-4)
    assert length > 30
    assert swings == 30

    x, y, velocity = -7.0, 2.0, np.zeros(2)
    for _ in range(30):
        velocity = 0.9 * velocity - 0.1 * np.array([x / 10, 2 * y])
        x, y = x + velocity[0], y + velocity[1]
    assert numbers(ours["Momentum, after 30 steps"])[:2] == pytest.approx([x, y], abs=6e-4)

    for name in ("AdaGrad", "Adam", "RMSprop", "AdaDelta"):
        assert np.hypot(*numbers(ours[f"{name}, after 30 steps"])[:2]) < 1
    assert ours["the other three swing less than SGD"] == "yes"
    assert ours["and their paths are shorter"] == "yes"


def test_optimizers_on_mnist(tmp_path):
    ours = run("optimizers_mnist", tmp_path)
    order = ours["fastest to slowest, by the mean loss"].split(", ")
    assert sorted(order) == ["AdaGrad", "Adam", "Momentum", "SGD"]
    assert order[-1] == "SGD"
    assert ours["SGD is the slowest"] == "yes"
    means = [numbers(ours[f"{name}, mean loss of all / last 100 steps"]) for name in order]
    assert [of_all for of_all, _, _ in means] == sorted(of_all for of_all, _, _ in means)
    assert all(last < of_all for of_all, last, _ in means)


def test_initial_values_and_activations(tmp_path):
    ours = run("initial_activations", tmp_path, figures=6)
    spread = {
        label.removesuffix(": standard deviations"): numbers(text)
        for label, text in ours.items()
        if label.endswith("standard deviations")
    }
    assert all(len(layers) == 5 for layers in spread.values())
    assert min(spread["sigmoid, std = 1"]) > 0.4  # nearly 0.5, that of a coin: all at 0 and 1
    assert max(spread["sigmoid, std = 0.01"][1:]) < 0.02
    assert min(spread["sigmoid, Xavier"]) > 0.1
    assert spread["relu, std = 0.01"][-1] < 1e-5
    assert spread["relu, Xavier"] == sorted(spread["relu, Xavier"], reverse=True)
    assert min(spread["relu, He"]) > 0.7
    assert numbers(ours["sigmoid, std = 1: share beyond 0.1 and 0.9"])[0] > 0.7
    assert ours["spread of sigmoid: 0.01 < Xavier < 1"] == "yes"
    assert ours["spread of relu: 0.01 < Xavier < He"] == "yes"


def test_initial_values_and_learning(tmp_path):
    ours = run("initial_mnist", tmp_path)
    stuck, xavier, he = (
        numbers(ours[f"{name}, loss of the last 100 steps"])[0] for name in ("std = 0.01", "Xavier", "He")
    )
    assert stuck == pytest.approx(np.log(10), abs=0.01)
    assert he < xavier < stuck
    assert ours["He before Xavier, std = 0.01 stuck"] == "yes"


def test_batch_normalization(tmp_path):
    ours = run("batch_norm", tmp_path, figures=2)
    with_, without = (
        numbers(ours[f"He, {name}, after 2 epochs / 5"].replace("/", "")) for name in ("with batch norm", "without")
    )
    assert with_[0] > without[0]
    assert with_[1] > without[1] > 0.2
    with_, without = numbers(ours["std 0.046, with / without"])
    assert with_ > 0.5 > 0.2 > without
    faster, of = numbers(ours["faster with batch normalization"])
    assert of == 4
    assert faster >= 3


def test_overfitting(tmp_path):
    ours = run("overfit", tmp_path)
    found = {label.split(",")[0]: numbers(text) for label, text in ours.items() if "epochs" in label}
    train, test, gap = found["plain"]
    assert train == 1
    assert test < 0.9
    assert gap == pytest.approx(train - test)
    for name in ("weight decay 0.1", "dropout 0.2"):
        assert 0.5 < found[name][0] < 1
        assert found[name][2] < gap
        assert ours[f"{name}: a smaller gap than plain's"].startswith("yes")


def test_hyperparameters(tmp_path):
    ours = run("hyperparameters", tmp_path)
    best = [numbers(ours[f"best {k}, validation accuracy"]) for k in range(1, 6)]
    accuracies = [accuracy for accuracy, *_ in best]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > 0.3  # three times a guess
    for accuracy, last, lr, decay in best:
        assert accuracy >= last
        assert 1e-6 <= lr <= 1e-2
        assert 1e-8 <= decay <= 1e-4
    assert best[0][2] > 1e-3
