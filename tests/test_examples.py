"""The examples of the book's chapters 2 to 5 and of lecture 4: each runs as a user runs it, and prints what it should.

(Chapter 5's older examples are tested in test_demo.py.)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
WEIGHTS = SHARED / "book" / "sample_weight.pkl"
FULL = next((p for p in (os.environ.get("TINYGRAD_JP_DATA", ""), str(SHARED / "mnist")) if p and Path(p).is_dir()), "")
LINE = re.compile(r"^(?P<what>.+?) +ours (?P<ours>.+?) +(?:book|lecture|wanted) ", re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")

needs_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs the book's sample_weight.pkl")


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env=os.environ | {"PYTHONUTF8": "1"},
    )


def results(script: str, folder: Path, *arguments: str, figure: str | None = None) -> dict[str, np.ndarray]:
    """Run an example, check its figure, and return the numbers it printed as ours, by what they are."""
    done = run(script, "--out", "out", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    written = folder / "out" / (figure or script.replace(".py", ".png"))
    assert f"figure: {written.relative_to(folder)}" in done.stdout
    assert [p.name for p in written.parent.iterdir()] == [written.name]
    if written.suffix == ".svg":
        ET.parse(written)
    else:
        assert written.read_bytes().startswith(b"\x89PNG")
    lines = {m["what"].strip(): m["ours"] for m in LINE.finditer(done.stdout)}
    return {what: np.array([float(x) for x in NUMBER.findall(ours)]) for what, ours in lines.items()}


def assert_equal(ours: dict[str, np.ndarray], expected: dict[str, object], rtol: float = 0.0) -> None:
    for what, value in expected.items():
        np.testing.assert_allclose(ours[what], np.atleast_1d(value), rtol=rtol, atol=0, err_msg=what)


def test_perceptrons(tmp_path: Path) -> None:
    ours = results("book02_perceptron.py", tmp_path, "--quick")
    assert_equal(ours, {"AND": [0, 0, 0, 1], "NAND": [1, 1, 1, 0], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]})
    np.testing.assert_allclose(ours["XOR learned, probability of 1"], [0, 1, 1, 0], atol=0.05)


def test_forward(tmp_path: Path) -> None:
    ours = results("book03_forward.py", tmp_path, "--quick", figure="book03_activations.png")
    assert_equal(
        ours,
        {
            "first layer, after the sigmoid": [0.57444252, 0.66818777, 0.75026011],
            "output of the three layers": [0.31682708, 0.69627909],
            "softmax of [0.3 2.9 4. ]": [0.01821127, 0.24519181, 0.73659691],
            "softmax of [1010. 1000.  990.]": [9.99954600e-01, 4.53978686e-05, 2.06106005e-09],
        },
    )


@needs_weights
def test_inference_on_the_images_of_the_package(tmp_path: Path) -> None:
    ours = results("book03_inference.py", tmp_path, "--quick", "--weights", str(WEIGHTS))
    assert_equal(ours, {"accuracy on 1,000 images, one by one": 0.945, "accuracy, in batches of 100": 0.945})


@needs_weights
@pytest.mark.skipif(not FULL, reason="needs the four MNIST files in the folder that TINYGRAD_JP_DATA names")
def test_inference_reaches_the_books_accuracy(tmp_path: Path) -> None:
    ours = results("book03_inference.py", tmp_path, "--weights", str(WEIGHTS), "--data", FULL)
    assert_equal(ours, {"accuracy on 10,000 images, one by one": 0.9352, "accuracy, in batches of 100": 0.9352})


def test_inference_without_the_file_says_where_to_get_it(tmp_path: Path) -> None:
    done = run("book03_inference.py", "--quick", "--weights", "nowhere.pkl", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere.pkl" in done.stderr
    assert "deep-learning-from-scratch (folder ch03)" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_images_are_a_message_and_no_traceback(tmp_path: Path) -> None:
    done = run("book05_gradient_check.py", "--data", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "--quick" in done.stderr
    assert "Traceback" not in done.stderr


def test_numerical_differentiation(tmp_path: Path) -> None:
    ours = results("book04_numerical_differentiation.py", tmp_path, "--quick")
    book = {"f'(5), central difference": 0.1999999999990898, "f'(10), central difference": 0.2999999999986347}
    assert_equal(ours, book)
    assert_equal(ours, {"f'(5), by the tape": 0.2, "f'(10), by the tape": 0.3}, rtol=1e-15)


def test_gradient_field(tmp_path: Path) -> None:
    ours = results("book04_gradient_field.py", tmp_path, "--quick")
    for method in ("numerically", "by the tape"):
        for point, gradient in (("[3.0, 4.0]", [6, 8]), ("[0.0, 2.0]", [0, 4]), ("[3.0, 0.0]", [6, 0])):
            assert_equal(ours, {f"gradient at {point}, {method}": gradient})


def test_gradient_descent(tmp_path: Path) -> None:
    ours = results("book04_gradient_descent.py", tmp_path, "--quick")
    assert_equal(
        ours,
        {
            "learning rate 0.1, numerical gradient": [-6.11110793e-10, 8.14814391e-10],
            "learning rate 10, numerical gradient": [-2.58983747e13, -1.29524862e12],
            "learning rate 1e-10, numerical gradient": [-2.99999994, 3.99999992],
        },
    )
    exact = np.array([-3.0, 4.0]) * (1 - 2 * 10.0) ** 100
    assert_equal(ours, {"learning rate 10, by the tape": exact}, rtol=1e-8)


def test_simple_net(tmp_path: Path) -> None:
    ours = results("book04_simple_net.py", tmp_path, "--quick")
    assert_equal(ours, {"loss": 0.92806853663411326}, rtol=1e-8)  # the book prints its weights to 8 digits
    for method in ("numerically", "by the tape"):
        assert_equal(ours, {f"dL/dW, row 0, {method}": [0.21924763, 0.14356247, -0.36281009]})
        assert_equal(ours, {f"dL/dW, row 1, {method}": [0.32887144, 0.2153437, -0.54421514]})


def test_two_layer_net(tmp_path: Path) -> None:
    ours = results("book04_two_layer_net.py", tmp_path, "--quick")
    assert ours["largest difference of the two curves"] < 1e-8
    before, after = ours["loss, before and after 30 steps"]
    assert after < 0.3 * before
    assert ours["accuracy"] > 0.95


def test_shop_layers(tmp_path: Path) -> None:
    ours = results("book05_shop_layers.py", tmp_path, "--quick", figure="book05_shop_layers.svg")
    for method in ("layer by layer", "by the tape"):
        assert_equal(ours, {f"price, {method}": 715})
        book = {"apple": 2.2, "apple_num": 110, "orange": 3.3, "orange_num": 165, "tax": 650}
        assert_equal(ours, {f"d price / d {name}, {method}": value for name, value in book.items()})


def test_gradient_check(tmp_path: Path) -> None:
    ours = results("book05_gradient_check.py", tmp_path, "--quick")
    for layer in ("Affine", "Relu", "SoftmaxWithLoss"):
        assert ours[f"{layer}: largest difference from the tape"] < 1e-14
    for name in ("W1", "b1", "W2", "b2"):
        assert 0 < ours[f"{name}: mean |numerical − layers|"] <= 1e-7
        assert ours[f"{name}: mean |tape − layers|"] < 1e-15


def test_lecture(tmp_path: Path) -> None:
    ours = results("lecture04_mnist.py", tmp_path, "--quick")
    singly, batches, entropy = (accuracy[0] for accuracy in ours.values())
    assert min(singly, batches) > 0.75
    assert entropy > 0.9


def test_trainer_learns_mnist_and_can_be_resumed(tmp_path: Path) -> None:
    script, options = "trainer_mnist.py", ("--quick", "--out", "out")
    first = run(script, *options, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert float(NUMBER.findall(LINE.search(first.stdout)["ours"])[0]) > 0.93  # type: ignore[index]
    assert {p.name for p in (tmp_path / "out/trainer_mnist").iterdir()} == {"last.safetensors", "best.safetensors"}
    again = run(script, *options, "--resume", cwd=tmp_path)
    assert again.stdout == first.stdout  # all five epochs were done already


def test_simple_conv_net_learns_mnist(tmp_path: Path) -> None:
    done = run("book07_simple_conv_net.py", "--quick", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(NUMBER.findall(LINE.search(done.stdout)["ours"])[0]) > 0.85  # type: ignore[index]
    assert (tmp_path / "out/book07_simple_conv_net.png").read_bytes().startswith(b"\x89PNG")
