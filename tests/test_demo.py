"""The main job and the examples, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tinygrad_jp import demo as demonstration
from tinygrad_jp.__main__ import main
from tinygrad_jp.viz.gallery import apple_gradients

ROOT = Path(__file__).parent.parent
FULL = next(
    (
        Path(p)
        for p in (os.environ.get("TINYGRAD_JP_DATA", ""), ROOT.parent / "shared" / "mnist")
        if p and Path(p).is_dir()
    ),
    None,
)


@pytest.mark.parametrize(("lang", "accuracy_word"), [("en", "test accuracy"), ("ja", "認識精度")])
def test_demo(lang: str, accuracy_word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "out"), "--lang", lang]) == 0
    printed = capsys.readouterr()
    for number in ("220", "2.2", "110", "200", "715", "3.3", "165", "650"):
        assert number in printed.out
    assert accuracy_word in printed.out
    assert "100%" in printed.err  # the progress bar
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "apple.svg",
        "apple_and_orange.svg",
        "loss.png",
        "predictions.png",
    ]
    ET.parse(tmp_path / "out" / "apple.svg")
    assert (tmp_path / "out" / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_classifier_learns_and_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    images = demonstration.mnist(subset="mini")
    network, losses = demonstration.train(images, epochs=6)
    again, _ = demonstration.train(images, epochs=6)
    accuracy = (demonstration.predict(network, images.x_test) == images.t_test).mean()
    assert accuracy > 0.9
    assert len(losses) == 300
    assert np.mean(losses[-50:]) < 0.3 * np.mean(losses[:10])
    for a, b in zip(network, again, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_flow_table() -> None:
    assert demonstration.flow_table(apple_gradients(), ("wire", "forward", "backward")).splitlines() == [
        "wire              forward  backward",
        "りんご → ×            100       2.2",
        "りんごの個数 → ×        2       110",
        "× → ×                 200       1.1",
        "消費税 → ×            1.1       200",
        "× → 支払金額          220         1",
    ]


def test_without_matplotlib_the_demo_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tinygrad_jp.viz.plots", None)
    monkeypatch.setattr(
        demonstration, "train", lambda images, **_: (demonstration.new_network(np.random.default_rng(0)), [])
    )
    demonstration.demo(tmp_path)
    assert "pip install 'tinygrad_jp[demo]'" in capsys.readouterr().out


def test_unwritable_folder_is_a_message_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file" / "below")]) == 1
    assert "tinygrad-jp:" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_module_runs(flag: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_jp", flag],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    assert done.returncode == 0
    assert "tinygrad" in done.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        ("book05_shop.py", ["--quick"], "price: 715"),
        ("book05_figures.py", ["--quick", "--out", "{tmp}/figures"], "figure A-5"),
        ("own_op.py", [], "agree with the numerical ones"),
        ("book05_train_mnist.py", ["--quick"], "test images: 9"),
    ],
)
def test_example(script: str, arguments: list[str], expected: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *(a.format(tmp=tmp_path) for a in arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
    assert not (tmp_path / "--quick").exists()


@pytest.mark.skipif(FULL is None, reason="needs the four MNIST files in the folder that TINYGRAD_JP_DATA names")
def test_book05_training_reaches_the_books_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The book, section 5.7.4: 784-50-10, 10,000 steps, about 97 % on the 10,000 test images."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import book05_train_mnist

    assert book05_train_mnist.main(FULL) >= 0.97


def test_import_loads_nothing_heavy() -> None:
    heavy = (
        *("matplotlib", "pygraphviz", "tqdm", "hypothesis", "numba", "urllib.request"),
        *("click", "PIL", "safetensors", "optuna"),
    )
    code = f"import sys, tinygrad_jp; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "[]"


def test_subpackages_come_with_the_package() -> None:
    code = "import tinygrad_jp as t; print(t.viz.graph, t.data.mnist, t.optim.SGD, t.nn.Linear, t.testing.gradcheck)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
