"""Golden files: the DOT text of the book's figures, and of one picture for each thing that a picture can show.

``UPDATE_GOLDEN=1 python -m pytest tests/test_viz_golden.py`` writes them anew; look at what changed before committing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.errors import ShapeError
from tinygrad_jp.tape import Node
from tinygrad_jp.testing.verify import Verdict
from tinygrad_jp.viz.gallery import FIGURES

from .loops import Doubled, Looped, descent, newton

GOLDEN = Path(__file__).parent / "golden"

PROGRAM = """
x = Tensor(np.arange(12.0).reshape(3, 4) / 8, requires_grad=True, name="x")
b = Tensor(np.array([0.5, -1.0, 0.25, 2.0]), requires_grad=True, name="b")
with tj.keep_values():
    y = x * b
    loss = tj.softmax_cross_entropy(y, [1, 0, 3])
loss.backward()
loss.name = "L"
"""


def computed(program: str = PROGRAM) -> Any:
    """Run a program whose lines have fixed numbers, for the pictures tell them."""
    names: dict[str, Any] = {"tj": tj, "np": np, "Tensor": Tensor}
    exec(compile(program, "program.py", "exec"), names)
    return SimpleNamespace(**names)


IMAGES = """
image = Tensor(np.add.outer(np.arange(6.0), np.arange(6.0)).reshape(1, 1, 6, 6), name="画像")
W = Tensor((np.arange(18.0) - 9).reshape(2, 1, 3, 3) / 8, requires_grad=True, name="W")
V = Tensor((np.arange(24.0) - 11).reshape(2, 12) / 8, name="V")
with tj.keep_values():
    y = tj.conv2d(image, W).sum(axis=(2, 3)) @ V
y.sum().backward()
"""


class Report:
    """Verdicts of every kind, with errors that are the same on every machine."""

    errors: ClassVar = {"mul": (1e-9, True, False), "softmax_cross_entropy": (0.25, False, False)}

    def of(self, node: Node) -> Verdict:
        error, ok, kink = self.errors[node.plan.op.name]
        return Verdict(node, node.plan.op.name, None, error, ok, kink, "" if ok else '<wrong> & "quoted"')


def broadcast_and_dtypes() -> viz.Graph:
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True, name="x")
    y = x * Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True, name="w")
    return viz.graph(y.sum())


def first_nan() -> viz.Graph:
    x = Tensor([1.0, -2.0], requires_grad=True, name="x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = tj.log(x).sum()
        y.backward()
    return viz.graph(y)


def rolled_newton() -> viz.Graph:
    y = newton(3)
    y.backward()
    return viz.graph(y, roll=True)


def several_results() -> viz.Graph:
    x = Tensor(3.0, requires_grad=True, name="x")
    y = x * 2.0
    z = y + 1.0
    y.name, z.name = "y", "z"
    return viz.graph([z, y, x])


class Mismatched(nn.Module):
    def __init__(self) -> None:
        self.left, self.right = nn.Linear(4, 2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return tj.relu(self.left(x)) + self.right(x)


def stopped() -> viz.Graph:
    with pytest.raises(ShapeError) as raised:
        viz.graph(Mismatched(), (2, 4))
    return raised.value.graph  # type: ignore[attr-defined, no-any-return]


def small(*, training: bool = True) -> nn.Module:
    layers = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())
    model = nn.Sequential(layers, nn.Flatten(), nn.Linear(32, 2))
    return model if training else model.eval()


LOOKS = {"graph": {"bgcolor": "transparent"}, "node": {"fontname": "Times"}, "edge": {"color": "#3355aa"}}
SMALL = (1, 1, 4, 4)

PICTURES: dict[str, Callable[[], viz.Graph]] = {
    "thumbnails": lambda: viz.graph(computed(IMAGES).y, title="thumbnails"),
    "values_kept": lambda: viz.graph(computed().loss),
    "primitives_of_a_tensor": lambda: viz.graph(computed().loss, depth="primitives", show="shapes"),
    "relative_gradients": lambda: viz.graph(computed().loss, gradients="relative", rankdir="TB"),
    "costs": lambda: viz.graph(nn.MLP((4, 3, 2)), np.zeros((1, 4), np.float32), costs=True, depth=2),
    "verdicts": lambda: viz.graph(computed().loss, verify=Report(), show="shapes"),
    "first_nan": first_nan,
    "broadcast_and_dtypes": broadcast_and_dtypes,
    "several_results": several_results,
    "stopped": stopped,
    "names_and_notes": lambda: viz.graph(
        small(training=False), SMALL, depth="ops", notes=["options", "bytes", "saved"]
    ),
    "coloured": lambda: viz.graph(small(), SMALL, depth="layers", colour="bytes"),
    "coloured_below_zero": lambda: viz.graph(small(), SMALL, depth="layers", colour={"0.0": -2.0, "0.1": 1.0, "2": 2}),
    "only": lambda: viz.graph(small(), SMALL, only="0", depth="layers"),
    "rolled_layer": lambda: viz.graph(Doubled(), (2, 3), roll=True),
    "rolled_rnn": lambda: viz.graph(nn.RNN(3, 4), (1, 5, 3), depth="ops", roll=True),
    "rolled_cell": lambda: viz.graph(Looped(), (2, 6, 3), roll=True),
    "rolled_cell_opened": lambda: viz.graph(Looped(), (2, 6, 3), depth=2, roll=True, costs=True),
    "rolled_newton": rolled_newton,
    "rolled_descent": lambda: viz.graph(descent(), roll=True, hide="astype"),
    "bare": lambda: viz.graph(computed().loss, show="nothing", hide="constants", attributes=LOOKS),
}


@pytest.mark.parametrize("name", [*PICTURES, *(f"figure_{number}" for number in FIGURES)])
def test_dot_text(name: str) -> None:
    draw = PICTURES[name] if name in PICTURES else FIGURES[name.removeprefix("figure_")].draw
    (text,) = {draw().dot for _ in range(2)}
    path = GOLDEN / f"{name}.dot"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
