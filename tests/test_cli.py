"""The command line: training runs that are interrupted and go on, and what is done with their folders."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import string
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import tinygrad_jp
from tinygrad_jp.__main__ import main
from tinygrad_jp.cli import config as configuration
from tinygrad_jp.cli import models, text
from tinygrad_jp.cli.config import Config
from tinygrad_jp.cli.help import Formatter
from tinygrad_jp.cli.image import prepare, read_image
from tinygrad_jp.cli.language import TEXT, CommandError, choose, explain
from tinygrad_jp.cli.program import program
from tinygrad_jp.data import mnist
from tinygrad_jp.errors import ArgumentError, DataError, TrainingError
from tinygrad_jp.io import read_checkpoint
from tinygrad_jp.train import BEST, LAST
from tinygrad_jp.viz import GraphvizError, graph, plots

START = str(Path(tinygrad_jp.__file__).parent / "cli" / "start.py")
COMMANDS = ["demo", "train", "eval", "predict", "graph", "plot", "step", "report"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_JP_LANG", "en")


def trained(folder: Path, *options: str) -> Path:
    assert main(["train", "--out", str(folder), *options]) == 0
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on digits, not to be changed."""
    return trained(tmp_path_factory.mktemp("runs") / "digits", "--epochs", "3", "--hidden", "40", "--lr", "0.005")


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on points of the plane, not to be changed."""
    return trained(tmp_path_factory.mktemp("runs") / "points", "--data", "spiral", "--epochs", "2")


def weights(folder: Path, name: str = LAST) -> dict[str, np.ndarray]:
    model = read_checkpoint(folder / name).model
    assert model
    return model


def assert_same_weights(a: Path, b: Path) -> None:
    for name in (LAST, BEST):
        one, other = weights(a, name), weights(b, name)
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def failure(capsys: Capture, *arguments: str | Path, status: int = 1) -> str:
    """Run a command that must fail with one line, and return that line."""
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == status
    error = capsys.readouterr().err.removeprefix("\n")  # click ends the line in which the terminal shows ^C
    assert error.startswith("tinygrad-jp: ")
    assert error.count("\n") == 1
    return error


def process(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tinygrad_jp", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
        **options,
    )


class TestTrain:
    def test_writes_what_is_needed_and_tells_how_well_it_went(self, tmp_path: Path, capsys: Capture) -> None:
        run = trained(tmp_path / "x", "--hidden", "30,20", "--epochs", "2", "--batch-norm", "--dropout", "0.1")
        assert sorted(p.name for p in run.iterdir()) == sorted(
            ["config.json", "graph.npz", "history.csv", "learning_curves.png", LAST, BEST]
        )
        printed = capsys.readouterr().out
        assert "BatchNorm1d" in printed
        assert "Training on 4500 examples of mini, validating on 500." in printed
        accuracy = float(printed.partition("test accuracy: ")[2].partition("%")[0])
        assert 60 < accuracy <= 100
        rows = list(csv.DictReader((run / "history.csv").open()))
        assert [row["epoch"] for row in rows] == ["1", "2"]
        assert float(rows[1]["val_loss"]) < float(rows[0]["val_loss"])
        settings = json.loads((run / "config.json").read_text(encoding="utf-8"))
        assert settings["options"] == {"hidden": [30, 20], "activation": "relu", "dropout": 0.1, "batch_norm": True}
        assert (settings["lr"], settings["input_shape"], len(settings["classes"])) == (0.001, [1, 28, 28], 10)

    def test_options_arrive(self, tmp_path: Path) -> None:
        options = ["--optimizer", "SGD", "--lr", "0.5", "--weight-decay", "0.01", "--batch-size", "50", "--val", "0"]
        options += ["--seed", "7", "--activation", "tanh", "--data", "two-moons", "--hidden", ""]
        run = trained(tmp_path / "x", *options, "--epochs", "1")
        config = configuration.read(run)
        assert (config.optimizer, config.lr, config.weight_decay) == ("SGD", 0.5, 0.01)
        assert (config.batch_size, config.val, config.seed, config.options["activation"]) == (50, 0, 7, "tanh")
        assert {name: w.shape for name, w in weights(run).items()} == {
            "layers.0.weight": (2, 2),
            "layers.0.bias": (2,),
        }
        checkpoint = read_checkpoint(run / LAST)
        assert checkpoint.extra["updates"] == 4
        assert checkpoint.optimizer
        assert checkpoint.optimizer["groups"][0]["lr"] == 0.5
        assert "val_loss" not in checkpoint.extra["history"][0]

    def test_one_seed_gives_one_result(self, tmp_path: Path) -> None:
        a, b, c = (
            trained(tmp_path / name, "--data", "spiral", "--epochs", "2", "--seed", seed)
            for name, seed in (("a", "3"), ("b", "3"), ("c", "4"))
        )
        assert_same_weights(a, b)
        assert any((weights(a)[key] != weights(c)[key]).any() for key in weights(a))

    def test_augmented_images_give_other_weights_that_repeat(self, tmp_path: Path) -> None:
        options = ["--hidden", "10", "--epochs", "1"]
        plain = trained(tmp_path / "plain", *options)
        a, b = (trained(tmp_path / name, *options, "--augment") for name in "ab")
        assert_same_weights(a, b)
        assert any((weights(a)[key] != weights(plain)[key]).any() for key in weights(a))

    def test_patience(self, tmp_path: Path, capsys: Capture) -> None:
        options = ["--data", "spiral", "--lr", "0", "--epochs", "50", "--patience", "2"]
        run = trained(tmp_path / "x", *options)
        assert len(read_checkpoint(run / LAST).extra["history"]) == 4
        capsys.readouterr()
        trained(run, "--resume", "--epochs", "60")
        assert "stopped after 4 of 60 epochs: more than 2 in a row" in capsys.readouterr().out

    def test_run_is_not_overwritten_silently(self, tmp_path: Path, capsys: Capture) -> None:
        run = trained(tmp_path / "x", "--data", "spiral", "--epochs", "1")
        (run / "notes.txt").write_text("mine")
        (run / "confusion.png").write_text("of the old run")
        before = (run / LAST).read_bytes()
        assert "--overwrite" in failure(capsys, "train", "--out", run, "--data", "spiral")
        assert (run / LAST).read_bytes() == before
        trained(run, "--data", "two-moons", "--epochs", "1", "--overwrite")
        assert configuration.read(run).data == "two-moons"
        assert not (run / "confusion.png").exists()
        assert (run / "notes.txt").read_text() == "mine"

    def test_wrong_settings_leave_nothing_behind(self, tmp_path: Path, capsys: Capture) -> None:
        for option, value, hint in [
            ("--model", "mpl", "did you mean 'mlp'?"),
            ("--optimizer", "adm", "did you mean 'adam'?"),
            ("--data", "minst", "did you mean 'mnist'?"),
            ("--activation", "rleu", "did you mean 'relu'?"),
            ("--model", "zzzz", "there are mlp"),
            ("--val", "0.00001", "val"),
        ]:
            assert hint in failure(capsys, "train", "--out", tmp_path / "x", option, value)
        assert "--augment" in failure(capsys, "train", "--out", tmp_path / "x", "--data", "spiral", "--augment")
        assert not (tmp_path / "x").exists()

    def test_failed_overwrite_keeps_the_run(self, tmp_path: Path, capsys: Capture) -> None:
        run = trained(tmp_path / "x", "--data", "spiral", "--epochs", "1")
        before = (run / LAST).read_bytes()
        failure(capsys, "train", "--out", run, "--overwrite", "--activation", "rleu")
        assert (run / LAST).read_bytes() == before

    def test_too_little_memory_is_one_line(
        self, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def build(config: Config) -> None:
            raise MemoryError("Unable to allocate 584 GiB")

        monkeypatch.setattr("tinygrad_jp.cli.runs.build", build)
        line = failure(capsys, "train", "--out", tmp_path / "x")
        assert "the memory does not suffice (Unable to allocate 584 GiB)" in line
        assert not (tmp_path / "x").exists()

    def test_failure_before_the_first_checkpoint_leaves_no_run(self, tmp_path: Path, capsys: Capture) -> None:
        options = ["--data", "spiral", "--epochs", "1", "--batch-norm"]
        assert main(["train", "--out", str(tmp_path / "x"), *options, "--batch-size", "1"]) == 1
        assert "Traceback" not in capsys.readouterr().err
        trained(tmp_path / "x", *options)

    def test_diverging_training_is_one_line(self, tmp_path: Path, capsys: Capture) -> None:
        options = ["--optimizer", "sgd", "--lr", "1e30", "--data", "spiral", "--batch-size", "10"]
        with np.errstate(all="ignore"):
            assert main(["train", "--out", str(tmp_path / "x"), *options]) == 1
        assert "smaller learning rate" in capsys.readouterr().err.splitlines()[-1]

    def test_model_refuses_options_it_does_not_have(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(models.MODELS, "tiny", lambda shape, classes, *, hidden=(3,): models.mlp(shape, classes))
        assert models.complete("tiny", {}) == {"hidden": [3]}
        with pytest.raises(CommandError, match=r"tiny takes no --batch-norm; it takes --hidden"):
            models.complete("tiny", {"batch_norm": True})

    def test_last_batch_of_one_example_is_left_out(self, tmp_path: Path) -> None:
        """Batch normalization could not be trained on it: 200 examples, batches of 199."""
        options = ["--data", "two-moons", "--batch-size", "199", "--val", "0", "--batch-norm", "--epochs", "1"]
        assert read_checkpoint(trained(tmp_path / "x", *options) / LAST).extra["updates"] == 1


class TestInterruption:
    OPTIONS = ("--hidden", "100", "--batch-size", "8", "--epochs", "3", "--dropout", "0.2")

    def interrupted(self, folder: Path) -> str:
        """Send SIGINT to a real process in its second epoch, and return what it wrote to stderr."""
        run = process("train", "--out", folder, *self.OPTIONS)
        while not (folder / LAST).exists() and run.poll() is None:
            time.sleep(0.005)
        time.sleep(0.03)
        run.send_signal(signal.SIGINT)
        _, error = run.communicate(timeout=60)
        assert run.returncode == 130, error
        return error

    def test_sigint_mid_epoch_and_resume_give_the_weights_of_an_uninterrupted_run(
        self, tmp_path: Path, capsys: Capture
    ) -> None:
        whole = trained(tmp_path / "whole", *self.OPTIONS)
        for attempt in range(5):  # on a busy machine a signal may come between two epochs
            cut = tmp_path / f"cut{attempt}"
            error = self.interrupted(cut)
            checkpoint = read_checkpoint(cut / LAST)
            if checkpoint.extra["running"]["count"]:
                break
        assert checkpoint.extra["running"]["count"] > 0
        assert checkpoint.extra["epoch"] < 3
        assert f"tinygrad-jp train --out {cut} --resume" in error
        assert "Traceback" not in error
        assert main(["train", "--out", str(cut), "--resume"]) == 0
        assert_same_weights(cut, whole)
        columns = [[row["val_loss"] for row in csv.DictReader((run / "history.csv").open())] for run in (cut, whole)]
        assert columns[0] == columns[1]

    def test_more_epochs_continue_to_the_weights_of_a_longer_run(self, tmp_path: Path) -> None:
        options = ["--data", "spiral"]
        longer = trained(tmp_path / "longer", *options, "--epochs", "4")
        run = trained(tmp_path / "x", *options, "--epochs", "2")
        trained(run, "--resume", *options, "--epochs", "4")
        assert_same_weights(run, longer)
        assert configuration.read(run) == configuration.read(longer)

    def test_without_a_checkpoint_resume_begins_at_the_start(self, tmp_path: Path, capsys: Capture) -> None:
        whole = trained(tmp_path / "whole", "--data", "spiral", "--epochs", "2")
        killed = tmp_path / "killed"
        path = configuration.write(killed, configuration.read(whole))
        assert "holds no checkpoint yet" in failure(capsys, "eval", killed)
        good = path.read_text()
        path.write_text(json.dumps(json.loads(good) | {"options": {"hidden": [10**20]}}))
        assert "config.json cannot be used" in failure(capsys, "train", "--out", killed, "--resume")
        path.write_text(good)
        trained(killed, "--resume")
        assert "begins at the start" in capsys.readouterr().out
        assert_same_weights(killed, whole)

    def test_resume_refuses_other_settings(self, points: Path, tmp_path: Path, capsys: Capture) -> None:
        error = failure(capsys, "train", "--out", points, "--resume", "--lr", "0.7", "--hidden", "3", "--epochs", "1")
        assert "--epochs, --hidden, --lr; leave it out (only --epochs may be raised)" in error
        assert "holds no run" in failure(capsys, "train", "--out", tmp_path / "none", "--resume")
        assert "exclude" in failure(capsys, "train", "--out", points, "--resume", "--overwrite", status=2)

    def test_second_ctrl_c_says_how_to_go_on_too(
        self, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fit(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("tinygrad_jp.cli.train.Trainer.fit", fit)
        assert main(["train", "--out", str(tmp_path / "x"), "--data", "spiral"]) == 130
        assert "--resume" in capsys.readouterr().err

    def test_ctrl_c_before_training(self, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        def load(seed: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("tinygrad_jp.cli.datasets.Kind.load", property(lambda _: load), raising=False)
        assert failure(capsys, "train", "--out", tmp_path / "x", status=130).endswith("interrupted\n")
        assert not (tmp_path / "x").exists()


class TestRunFolder:
    """A folder that cannot be used is one line that says what to do."""

    def test_missing(self, tmp_path: Path, capsys: Capture) -> None:
        for command in (["eval"], ["plot"], ["graph"]):
            assert "holds no run (no config.json)" in failure(capsys, *command, tmp_path / "none")
        assert "holds no run" in failure(capsys, "predict", tmp_path, "x.png")

    def copy(self, run: Path, folder: Path) -> Path:
        folder.mkdir()
        for name in ("config.json", BEST, LAST):
            (folder / name).write_bytes((run / name).read_bytes())
        return folder

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"version": 99}, "version 99"),
            ({"version": "x"}, "version x"),
            ({"lr": "fast"}, "cannot be used (lr)"),
            ({"batch_size": True}, "cannot be used (batch_size)"),
            ({"input_shape": [1, "28", 28]}, "cannot be used (input_shape)"),
            ({"surprise": 1}, "cannot be used (surprise)"),
            ({"model": "lenet9000"}, "no model named 'lenet9000'"),
            ({"options": {"hidden": "many"}}, "cannot be used"),
            ({"options": {"wings": 2}}, "takes no --wings"),
            ({"options": {"hidden": [7]}}, "weights of another network"),
        ],
    )
    def test_changed_config(
        self, change: dict[str, Any], expected: str, points: Path, tmp_path: Path, capsys: Capture
    ) -> None:
        run = self.copy(points, tmp_path / "run")
        path = run / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        assert expected in failure(capsys, "eval", run)

    @pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"{}", b"[" * 100_000])
    def test_damaged_config(self, content: bytes, points: Path, tmp_path: Path, capsys: Capture) -> None:
        run = self.copy(points, tmp_path / "run")
        (run / "config.json").write_bytes(content)
        assert "cannot be used" in failure(capsys, "eval", run)

    def test_checkpoint_of_another_architecture(
        self, points: Path, digits: Path, tmp_path: Path, capsys: Capture
    ) -> None:
        run = self.copy(points, tmp_path / "run")
        for name in (LAST, BEST):
            (run / name).write_bytes((digits / name).read_bytes())
        assert "weights of another network" in failure(capsys, "eval", run)
        assert "weights of another network" in failure(capsys, "train", "--out", run, "--resume", "--epochs", "9")

    def test_truncated_checkpoint(self, points: Path, tmp_path: Path, capsys: Capture) -> None:
        run = self.copy(points, tmp_path / "run")
        (run / BEST).write_bytes((run / BEST).read_bytes()[:-9])
        assert "truncated" in failure(capsys, "eval", run)

    @given(
        st.builds(
            Config,
            lr=st.none() | st.floats(allow_nan=False),
            epochs=st.integers(),
            val=st.integers() | st.floats(allow_nan=False),
            patience=st.none() | st.integers(),
            classes=st.lists(st.text()),
            input_shape=st.lists(st.integers()),
        )
    )
    def test_config_is_read_as_it_was_written(self, tmp_path_factory: pytest.TempPathFactory, config: Config) -> None:
        folder = tmp_path_factory.mktemp("config")
        configuration.write(folder, config)
        assert configuration.read(folder) == config


class TestEval:
    def test_digits(self, digits: Path, capsys: Capture) -> None:
        capsys.readouterr()
        assert main(["eval", str(digits)]) == 0
        printed = capsys.readouterr().out
        assert "of 1000 examples" in printed
        lines = printed.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("Confusion matrix")) + 2
        matrix = np.array([line.split()[1:] for line in lines[start : start + 10]], int)
        assert matrix.sum(axis=1).tolist() == [100] * 10
        accuracy = np.trace(matrix) / 1000
        assert f"test accuracy: {accuracy:.2%}" in printed
        recall = [float(line.split()[2]) for line in lines[3:13]]
        np.testing.assert_allclose(recall, np.diag(matrix) / 100, atol=6e-4)
        for name in ("confusion.png", "misclassified.png"):
            assert Image.open(digits / name).size[0] > 300

    def test_points_have_no_misclassified_images(self, points: Path) -> None:
        assert main(["eval", str(points)]) == 0
        assert (points / "confusion.png").exists()
        assert not (points / "misclassified.png").exists()

    def test_other_data(self, points: Path, capsys: Capture) -> None:
        assert main(["eval", str(points), "--data", "spiral"]) == 0
        assert "(2,) in 2 classes" in failure(capsys, "eval", points, "--data", "two-moons")
        assert "did you mean 'mini'?" in failure(capsys, "eval", points, "--data", "mni")


class TestPredict:
    def test_the_same_digit_in_many_forms(self, digits: Path, tmp_path: Path, capsys: Capture) -> None:
        """White on black, black on white, 16 bits, transparent, a coloured page: all are the digit of the data set."""
        data = mnist(subset="mini", flatten=False, normalize=False)
        pixels, label = data.x_test[3, 0], data.t_test[3]
        page = Image.new("RGB", (320, 240), (240, 235, 220))
        page.paste(Image.fromarray(255 - pixels).resize((140, 140)), (150, 20))
        ghost = Image.new("RGBA", (28, 28))
        ghost.putalpha(Image.fromarray(pixels))
        images = {
            "white.png": Image.fromarray(pixels),
            "black.png": Image.fromarray(255 - pixels),
            "deep.png": Image.fromarray((255 - pixels).astype(np.uint16) * 257),
            "ghost.png": ghost,
            "page.jpg": page,
        }
        for name, image in images.items():
            image.save(tmp_path / name)
        capsys.readouterr()
        assert main(["predict", str(digits), *(str(tmp_path / name) for name in images), "--top", "1"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 10
        for name, title, first in zip(images, lines[::2], lines[1::2], strict=True):
            assert name in title
            assert ("inverted" in title) == (name != "white.png")
            assert first.split()[0] == str(label), name
        np.testing.assert_array_equal([float(line.split()[1][:-1]) > 50 for line in lines[1::2]], True)

    def test_unreadable_images_do_not_stop_the_others(self, digits: Path, tmp_path: Path, capsys: Capture) -> None:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)).save(tmp_path / "good.png")
        content = (tmp_path / "good.png").read_bytes()
        (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
        (tmp_path / "text.png").write_text("no image")
        (tmp_path / "empty.png").touch()
        capsys.readouterr()
        names = ["cut.png", "text.png", "empty.png", "missing.png", ".", "good.png"]
        assert main(["predict", str(digits), *(str(tmp_path / name) for name in names)]) == 1
        printed = capsys.readouterr()
        errors = printed.err.splitlines()
        assert len(errors) == 5
        assert sum("cannot be read as an image" in line for line in errors) == 4
        assert "missing.png: there is no such file" in errors[3]
        assert "good.png" in printed.out

    @pytest.mark.parametrize(("size", "colour"), [((28, 28), 255), ((1, 1), 0), ((2000, 1), 90)])
    def test_blank_image_is_said_to_be_blank(
        self, size: tuple[int, int], colour: int, digits: Path, tmp_path: Path, capsys: Capture
    ) -> None:
        Image.new("L", size, colour).save(tmp_path / "x.png")
        capsys.readouterr()
        assert main(["predict", str(digits), str(tmp_path / "x.png")]) == 0
        assert "x.png  (almost one colour" in capsys.readouterr().out

    def test_invert_is_obeyed(self, tmp_path: Path) -> None:
        Image.new("L", (28, 28), 200).save(tmp_path / "x.png")
        image = read_image(tmp_path / "x.png")
        values = {choice: prepare(image, (1, 28, 28), choice)[0].mean() for choice in (None, True, False)}
        assert values[None] == values[True] == pytest.approx(55 / 255)
        assert values[False] == pytest.approx(200 / 255)
        assert prepare(image, (3, 32, 32))[1] is False  # colours are not inverted

    def test_digit_is_fitted_and_centred_as_in_mnist(self) -> None:
        drawn = np.zeros((90, 120), np.uint8)
        drawn[10:50, 70:80] = 255
        x, inverted = prepare(Image.fromarray(drawn), (1, 28, 28), box=20)
        assert not inverted
        assert x.shape == (1, 28, 28)
        rows, columns = np.nonzero(x[0] > 0.5)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 23, 12, 16)

    def test_needs_a_run_on_images(self, points: Path, capsys: Capture) -> None:
        assert "points of the plane" in failure(capsys, "predict", points, "x.png")

    @pytest.mark.parametrize("size", [(1, 1), (1, 50), (300, 2), (28, 28), (57, 33)])
    @pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
    def test_any_size(self, size: tuple[int, int], shape: tuple[int, ...]) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
        for box in (None, 20, 28):
            x, _ = prepare(Image.fromarray(noise), shape, box=box)
            assert x.shape == shape
            assert x.dtype == np.float32
            assert x.min() >= 0
            assert x.max() <= 1


class TestPictures:
    @pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("dot", b"digraph")])
    def test_graph(self, suffix: str, start: bytes, digits: Path, tmp_path: Path) -> None:
        path = tmp_path / f"model.{suffix}"
        assert main(["graph", str(digits), "-o", str(path)]) == 0
        content = path.read_bytes()
        assert content.startswith(start)
        if suffix == "dot":
            assert b"(1, 10)" in content  # the shape of the scores, not their numbers
            for word in (b"affine", b"relu", b"1.layers.0.weight", b"scores"):
                assert word in content

    def test_the_run_can_be_drawn_by_its_folder(self, digits: Path) -> None:
        drawn = graph(digits, depth="layers")
        assert "(1, 10)" in drawn.dot
        assert "Linear" in drawn.dot

    def test_graph_with_unknown_suffix(self, points: Path, tmp_path: Path, capsys: Capture) -> None:
        assert "use .svg, .png, .pdf or .dot" in failure(capsys, "graph", points, "-o", tmp_path / "x.foo")

    def test_plot(self, points: Path) -> None:
        (points / "learning_curves.png").unlink()
        assert main(["plot", str(points)]) == 0
        for name in ("learning_curves.png", "weight_histograms.png"):
            assert (points / name).read_bytes().startswith(b"\x89PNG")

    def test_without_matplotlib(self, points: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "tinygrad_jp.viz.plots", None)
        monkeypatch.delattr("tinygrad_jp.viz.plots", raising=False)
        assert main(["plot", str(points)]) == 1
        assert 'pip install "tinygrad_jp[cli]"' in capsys.readouterr().out


class TestLanguage:
    def test_both_tables_have_the_same_keys_and_the_same_braces(self) -> None:
        assert list(TEXT["en"]) == list(TEXT["ja"])
        for key in TEXT["en"]:
            fields = [{name for _, name, _, _ in string.Formatter().parse(TEXT[lang][key]) if name} for lang in TEXT]
            assert fields[0] == fields[1], key

    @pytest.mark.parametrize(
        ("arguments", "environment", "expected"),
        [
            ([], {"LANG": "ja_JP.UTF-8"}, "ja"),
            ([], {"LANG": "de_DE.UTF-8"}, "en"),
            ([], {"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
            ([], {"LANG": "C", "LC_MESSAGES": "ja_JP.eucJP"}, "ja"),
            ([], {"LANG": "C", "TINYGRAD_JP_LANG": "ja"}, "ja"),
            (["train", "--lang", "en"], {"TINYGRAD_JP_LANG": "ja"}, "en"),
            (["--lang=ja"], {"LANG": "C"}, "ja"),
            (["--lang", "en", "demo", "--lang", "ja"], {}, "ja"),
        ],
    )
    def test_choice(self, arguments: list[str], environment: dict[str, str], expected: str) -> None:
        assert choose(arguments, environment) == expected

    def test_commands_speak_it(self, points: Path, capsys: Capture) -> None:
        assert main(["eval", str(points), "--lang", "ja"]) == 0
        assert "混同行列" in capsys.readouterr().out
        assert main(["eval", str(points)]) == 0
        assert "Confusion matrix" in capsys.readouterr().out
        assert "学習結果がありません" in failure(capsys, "--lang", "ja", "eval", "none")

    def test_the_library_speaks_it_too(self, tmp_path: Path, capsys: Capture) -> None:
        options = ["--data", "spiral", "--epochs", "1", "--out", str(tmp_path / "x")]
        assert main(["train", *options, "--lang", "ja"]) == 0
        said = capsys.readouterr()
        assert said.out.split()[:4] == ["層", "出力の形状", "パラメータ数", "積和演算の回数"]
        assert "エポック 1  損失 " in said.err
        assert "(検証損失 " in said.out
        assert main(["train", *options, "--overwrite"]) == 0
        assert capsys.readouterr().out.startswith("layer ")

    def test_errors_of_the_library_have_a_sentence_before_them(
        self, points: Path, tmp_path: Path, capsys: Capture
    ) -> None:
        bad = [
            "--lang",
            "ja",
            "train",
            "--data",
            "spiral",
            "--optimizer",
            "sgd",
            "--lr",
            "1e38",
            "--out",
            tmp_path / "x",
        ]
        with np.errstate(all="ignore"):
            said = failure(capsys, *bad)
        assert re.match(r"tinygrad-jp: 学習を続けられません。.*\(--lr\).*: Trainer: ", said)
        run = Path(shutil.copytree(points, tmp_path / "run"))
        (run / BEST).write_bytes(b"no checkpoint")
        assert "ファイルやデータを使えません: " in failure(capsys, "--lang", "ja", "eval", run)
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "a.svg"
        said = failure(capsys, "--lang", "ja", "graph", points, "--output", path)
        assert said.startswith(f"tinygrad-jp: {path}: 読み書きできません(there is no folder ")

    def test_english_errors_of_the_library_stand_as_they_are(self) -> None:
        for error in (TrainingError("a"), DataError("a"), GraphvizError("a"), ArgumentError("a"), OSError("a")):
            assert explain(error) == "a"
        assert explain(OSError(2, "no", "x")) == "x: no"

    def test_without_a_japanese_font_one_line_says_what_to_install(
        self, points: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tinygrad_jp.viz.plots.stylesheet.japanese_font", lambda: None)
        plots.stylesheet.warn_of_missing_font.cache_clear()
        assert main(["plot", str(points), "--lang", "ja"]) == 0
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("tinygrad-jp: plots: 日本語のフォントが見つからないので")

    @pytest.mark.parametrize("lang", ["en", "ja"])
    @pytest.mark.parametrize("command", ["", *COMMANDS])
    def test_help(self, command: str, lang: str, capsys: Capture) -> None:
        """In full sentences that fit an 80-column terminal, and with no word of the other language's table."""
        assert main([*command.split(), "--lang", lang, "--help"]) == 0
        page = capsys.readouterr().out
        assert max(map(text.width, page.splitlines())) <= 80
        assert page.startswith(TEXT[lang]["Usage"])
        assert f"{TEXT[lang]['Options']}:" in page
        assert "{" not in page
        end = "." if lang == "en" else "。"
        records = [
            p.help for p in (program.commands[command] if command else program).params if isinstance(p, click.Option)
        ]
        assert len(records) >= 2
        for key in records:
            assert TEXT[lang][key].endswith(end)
            words = TEXT[lang][key].format(**Formatter.facts).split()
            assert "".join(words) in "".join(page.split())

    def test_terminal_without_japanese_characters(self, digits: Path, tmp_path: Path) -> None:
        environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
        Image.new("L", (28, 28)).save(tmp_path / "x.png")
        command = [sys.executable, "-m", "tinygrad_jp", "predict", str(digits), str(tmp_path / "x.png"), "--lang", "ja"]
        done = subprocess.run(command, capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert b"%  #" in done.stdout  # bars are no row of question marks

    def test_every_command_is_listed(self, capsys: Capture) -> None:
        assert main([]) == 2
        page = capsys.readouterr().out
        assert [line.split()[0] for line in page.partition("Commands:")[2].splitlines() if line] == COMMANDS


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ("trian", "there is no command 'trian' (did you mean train?); see tinygrad-jp --help"),
            ("train", "--out is missing; see tinygrad-jp train --help"),
            ("train --modle mlp", "there is no option --modle (did you mean --model?); see tinygrad-jp train --help"),
            ("train --out=", "--out: the path is empty; '.' is the current folder; see tinygrad-jp train --help"),
            ("train --lr", "--lr needs a value; see tinygrad-jp train --help"),
            ("train --lr fast", "--lr: 'fast' is not a number"),
            ("train --epochs 1.5", "--epochs: '1.5' is not a whole number"),
            ("train --epochs 0", "--epochs: '0' is out of range; give ≥ 1"),
            ("train --dropout 1", "--dropout: '1' is out of range; give ≥ 0, < 1"),
            ("train --lr nan", "--lr: 'nan' is out of range"),
            ("train --lr inf", "--lr: 'inf' is out of range"),
            ("train --hidden 10,x", "--hidden: '10,x' is no list of unit counts"),
            (f"train --hidden {10**20}", f"--hidden: '{10**20}' is no list of unit counts"),
            ("train --hidden 10,0", "--hidden: '10,0' is no list of unit counts"),
            ("eval", "RUN is missing; see tinygrad-jp eval --help"),
            ("predict run", "IMAGE… is missing"),
            ("plot run more", "more is too much; see tinygrad-jp plot --help"),
            ("demo --lang fr", "--lang: 'fr' is none of en, ja"),
        ],
    )
    def test_is_one_line(self, arguments: str, expected: str, capsys: Capture) -> None:
        assert expected in failure(capsys, *arguments.split(), status=2)

    def test_folder_that_cannot_be(self, tmp_path: Path, capsys: Capture) -> None:
        (tmp_path / "file").touch()
        assert "Not a directory" in failure(capsys, "train", "--data", "spiral", "--out", tmp_path / "file" / "x")


def test_without_click_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; from tinygrad_jp.__main__ import main; sys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr == 'tinygrad-jp: the command line needs click: pip install "tinygrad_jp[cli]"\n'


def test_ctrl_c_while_modules_are_read_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "tinygrad_jp.cli.program":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "tinygrad_jp.cli.program")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    assert failure(capsys, "--help", status=130) == "tinygrad-jp: interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C alone there")
def test_ctrl_c_while_numpy_is_read_is_one_line() -> None:
    code = (
        "import os, runpy, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'numpy':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.exit(runpy.run_path(sys.argv.pop(1))['main']())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, START, "--help"], capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "tinygrad-jp: interrupted\n")


def test_the_program_begins_outside_the_package() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, runpy; sys.exit(runpy.run_path(sys.argv.pop(1))['main']())",
            START,
            "--version",
        ],
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout) == (0, f"tinygrad_jp {tinygrad_jp.__version__}\n")


def test_without_pillow_and_safetensors(
    points: Path, digits: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "Pillow" in failure(capsys, "predict", digits, "x.png")
    monkeypatch.setattr("tinygrad_jp.cli.train.find_spec", lambda _: None)
    assert "safetensors" in failure(capsys, "train", "--out", tmp_path / "x")
    assert not (tmp_path / "x").exists()


class TestText:
    @given(st.text(alphabet="ab 、。「」(あ漢字é", max_size=60), st.integers(8, 30))
    def test_wrapped_lines_fit_and_lose_nothing(self, sentence: str, columns: int) -> None:
        lines = text.wrap(sentence, columns)
        assert "".join("".join(lines).split()) == "".join(sentence.split())
        for line in lines:
            assert text.width(line) <= columns or len(text.UNIT.findall(line)) == 1

    def test_marks_stay_with_their_word(self) -> None:
        assert text.wrap("計算する。「図」", 8) == ["計算す", "る。", "「図」"]

    @pytest.mark.parametrize(("share", "drawn"), [(0, ""), (1, "██"), (0.5, "█"), (0.25, "▌"), (0.0625, "▏")])
    def test_bar(self, share: float, drawn: str) -> None:
        assert text.bar(share, columns=2) == drawn

    def test_bar_where_blocks_cannot_be_encoded(self) -> None:
        assert text.bar(0.5, columns=4, encoding="cp932") == "##"

    def test_table_counts_japanese_characters_twice(self) -> None:
        assert text.table([["名", "値"], ["abc", "10"]]) == "名   値\nabc  10"
