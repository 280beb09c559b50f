"""The examples of figure 7-25 and of chapter 8 run, and their small experiments show what they should."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_jp.io import read_checkpoint

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
# one thread: small products on all cores of a busy machine can take fifty times as long
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}

pytest.importorskip("matplotlib")
pytest.importorskip("safetensors")

Results = dict[str, list[float]]


def command(name: str, out: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(out), *arguments]


def run(name: str, out: Path, *arguments: str, figures: int = 1) -> tuple[Results, str]:
    """Run an example; return the numbers that it printed as ours, by their labels, and all that it printed.

    Its figures are checked to be where it says, with something in them.
    """
    done = subprocess.run(
        command(name, out, *arguments), capture_output=True, encoding="utf-8", timeout=300, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    assert "RuntimeWarning" not in done.stderr
    written = [Path(path) for path in re.findall(r"^figure: (.*)$", done.stdout, re.M)]
    assert len(written) == figures
    for path in written:
        assert path.parent == out
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000
    lines = re.findall(r"^(.*?) +ours (.*?) +(?:book|drawn) ", done.stdout, re.M)
    return {label: numbers(text) for label, text in lines}, done.stdout


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]\d+)?", text.replace(",", ""))]


def run_again(name: str, out: Path, *arguments: str, figures: int = 1) -> Results:
    """Run an example with ``--resume`` after it was done; no checkpoint may change."""
    checkpoints = {path: path.read_bytes() for path in out.glob("*/**/last.safetensors")}
    assert checkpoints
    results, _ = run(name, out, "--resume", *arguments, figures=figures)
    assert all(path.read_bytes() == content for path, content in checkpoints.items())
    return results


@pytest.mark.parametrize("kind", ["by hand", "learned"])
def test_edge_filters_answer_most_at_the_edges(kind: str, edges: Results) -> None:
    assert edges[f"{kind}: vertical edges, columns"] == pytest.approx([98, 122], abs=1)
    assert edges[f"{kind}: horizontal edges, rows"] == pytest.approx([100, 200], abs=1)


def test_edge_filters_are_learned(edges: Results) -> None:
    for name in ("vertical edges", "horizontal edges"):
        (cosine,) = edges[f"learned and by hand, {name}: cosine"]
        assert 0.6 < abs(cosine) <= 1  # the best of 30 random filters has about 0.5


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return run("book07_edge_filters", tmp_path_factory.mktemp("edges"))[0]


def test_edge_filters_picture_has_the_edges_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    import book07_edge_filters as example  # type: ignore[import-not-found]

    picture = example.picture()
    assert picture.shape == (240, 240)
    assert 0 < picture.min() < 0.25 < 0.9 < picture.max() <= 1
    steps = np.abs(np.diff(picture[160:170], axis=1)).mean(0)
    assert set(np.argsort(steps)[-2:]) == {97, 121}
    steps = np.abs(np.diff(picture[:, 44:56], axis=0)).mean(1)
    assert set(np.argsort(steps)[-2:]) == {99, 199}
    for axis, name in enumerate(("horizontal edges", "vertical edges")):
        edge = example.EDGES[name]
        assert edge.sum() == pytest.approx(0)
        assert np.ptp(edge, axis=1 - axis).max() == 0  # constant along the edge
        assert (np.diff(edge, axis=axis) < 0).all()


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results, str]:
    """Where DeepConvNet was trained, and what was printed."""
    out = tmp_path_factory.mktemp("deep")
    return out, *run("book08_deep_conv_net", out)


def test_deep_conv_net(deep: tuple[Path, Results, str]) -> None:
    out, ours, printed = deep
    (accuracy,) = ours["test accuracy"]
    assert accuracy > 0.3  # after 30 updates; three times a guess
    assert ours["misclassified test images"] == [pytest.approx(1000 * (1 - accuracy))]
    assert f"{123_552:,}" in printed  # parameters
    extra = read_checkpoint(out / "book08_deep_conv_net" / "last.safetensors").extra
    assert (extra["epoch"], extra["updates"]) == (3, 30)
    losses = [row["loss"] for row in extra["history"]]
    assert losses == sorted(losses, reverse=True)
    assert extra["history"][-1]["val_accuracy"] == pytest.approx(accuracy, abs=1e-4)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_deep_conv_net_can_be_interrupted(deep: tuple[Path, Results, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        command("book08_deep_conv_net", tmp_path), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline()  # of the first epoch's progress; there are two more epochs
        process.send_signal(signal.SIGINT)
        assert b"--resume goes on" in process.stderr.read()
    assert process.returncode == 1
    ours, _ = run("book08_deep_conv_net", tmp_path, "--resume")
    assert ours == deep[1]
    whole, resumed = (
        read_checkpoint(out / "book08_deep_conv_net" / "last.safetensors").model for out in (deep[0], tmp_path)
    )
    assert whole is not None
    assert resumed is not None
    assert all((whole[name] == resumed[name]).all() for name in whole)


def test_augmentation(tmp_path: Path) -> None:
    ours, printed = run("book08_augmentation", tmp_path, figures=2)
    assert ours["without augmentation, while learning"][0] > 0.97  # known by heart
    assert ours["with augmentation, while learning"] < ours["without augmentation, while learning"]
    for name in ("without", "with"):
        (accuracy,) = ours[f"{name} augmentation, on test images"]
        assert accuracy > 0.8
        checkpoint = read_checkpoint(tmp_path / "book08_augmentation" / name / "last.safetensors")
        assert checkpoint.extra["history"][-1]["val_accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert re.search(r"augmentation makes test accuracy better +ours yes", printed)
    again = run_again("book08_augmentation", tmp_path, figures=2)
    assert again == ours


def test_half_precision_keeps_the_accuracy(tmp_path: Path) -> None:
    ours, _ = run("book08_half_precision", tmp_path)
    double, single, half = (
        ours[f"SimpleConvNet in {dtype}: accuracy"][0] for dtype in ("float64", "float32", "float16")
    )
    assert single > 0.7
    assert double == pytest.approx(single, abs=0.002)
    assert half == pytest.approx(single, abs=0.01)
    memory = np.array([ours[f"{d}: KiB of parameters + activations"] for d in ("float64", "float32", "float16")])
    np.testing.assert_allclose(memory[:, 0] / memory[2, 0], [4, 2, 1], rtol=0.01)
    np.testing.assert_allclose(memory[:, 1] / memory[2, 1], [4, 2, 1], rtol=0.01)
    assert memory[1, 0] == pytest.approx(433_890 * 4 / 1024, abs=1)  # the parameters that nn counts
    assert 0 < ours["float32: largest difference of a score"][0] < 1e-4
    assert 1e-4 < ours["float16: largest difference of a score"][0] < 0.1  # it did compute in 16 bits


def test_half_precision_takes_the_checkpoint_of_deep_conv_net(deep: tuple[Path, Results, str], tmp_path: Path) -> None:
    checkpoint = deep[0] / "book08_deep_conv_net" / "last.safetensors"
    ours, _ = run("book08_half_precision", tmp_path, "--checkpoint", str(checkpoint))
    single, half = (ours[f"DeepConvNet in {dtype}: accuracy"][0] for dtype in ("float32", "float16"))
    assert half == pytest.approx(single, abs=0.01)
    assert not (tmp_path / "book08_half_precision").exists()  # nothing was trained


def test_transfer_learning(tmp_path: Path) -> None:
    ours, _ = run("book08_transfer_learning", tmp_path)
    assert ours["0 to 4, 2,500 labels: accuracy"][0] > 0.95
    table = np.array([ours[f"from scratch / frozen / fine-tuned, {count} each"] for count in (5, 20)])
    scratch, frozen, tuned = table.mean(0)
    assert scratch > 0.6
    assert frozen > scratch
    assert tuned > scratch
    assert (table[1] > table[0]).all()  # more labels
    assert run_again("book08_transfer_learning", tmp_path) == ours


def test_awesome_net_and_its_ensemble(tmp_path: Path) -> None:
    ours, _ = run("book08_awesome_net", tmp_path)
    singles = [ours[f"member {number}, test accuracy"][0] for number in (1, 2)]
    assert min(singles) > 0.5
    assert singles[0] != singles[1]
    assert ours["best single network"] == [max(singles)]
    assert ours["single networks, mean"][0] == pytest.approx(np.mean(singles), abs=1e-4)
    (ensemble,) = ours["ensemble of 2"]
    assert ensemble > min(singles)
    assert ours["digits it gets wrong"] == [pytest.approx(1000 * (1 - ensemble))]

    members = tmp_path / "book08_awesome_net"
    extra = read_checkpoint(members / "member1" / "last.safetensors").extra
    assert extra["updates"] == 3 * 10
    assert extra["history"][-1]["lr"] < 0.1 * 0.003  # the learning rate came down
    third = run_again("book08_awesome_net", tmp_path, "--members", "3")  # adds a member to the two that there are
    assert third["member 1, test accuracy"] == ours["member 1, test accuracy"]
    assert "ensemble of 3" in third
    assert (members / "member3" / "last.safetensors").is_file()
