"""The gallery: the numbers that the book prints, and a page that shows what the code draws."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tinygrad_jp import Tensor, ops
from tinygrad_jp.tape import Node
from tinygrad_jp.viz import graph
from tinygrad_jp.viz.gallery import FIGURES
from tinygrad_jp.viz.wires import GRADIENT

DOCS = Path(__file__).parents[1] / "docs"
SVG = "{http://www.w3.org/2000/svg}"
ALL = {
    *("3-20", "3-26", "3-27"),
    *(f"5-{k:02}" for k in range(1, 18)),
    *("5-18a", "5-18b"),
    *(f"5-{k:02}" for k in range(19, 31) if k != 23),  # 5-23 is about matrix products, without a graph
    *("6-17", "7-23", "8-01", "8-11", "8-12"),
    *(f"A-{k}" for k in range(1, 6)),
    *("L-1", "L-2"),  # loops, which are not in the book
}


def leaves(y: Tensor) -> dict[str, Tensor]:
    """Find the named inputs of a computation."""
    found: dict[str, Tensor] = {}
    stack: list[Any] = [y._node]
    while stack:
        edge = stack.pop()
        if isinstance(edge, Node):
            stack += edge.edges
        elif isinstance(edge, Tensor) and edge.name:
            found[edge.name] = edge
    return found


def gradients(y: Tensor) -> dict[str, Any]:
    """Return the gradients of the named inputs that have one."""
    return {name: leaf.grad.numpy().tolist() for name, leaf in leaves(y).items() if leaf.grad is not None}


def texts(svg: str, colour: str | None = None) -> list[str]:
    """List the texts of a picture, or those in one colour."""
    drawn = ET.fromstring(svg).iter(f"{SVG}text")
    shown = [(t.text or "").strip() for t in drawn if colour is None or t.get("fill") == colour]
    return [text for text in shown if text]


def test_every_figure_of_the_book_is_there() -> None:
    assert set(FIGURES) == ALL


@pytest.mark.parametrize("number", FIGURES)
def test_figures_are_drawn(number: str) -> None:
    svg = FIGURES[number].draw().svg
    shown = texts(svg)
    assert shown
    assert not {"NaN", "∞", "-∞"} & set(shown)


def test_three_layers_give_the_numbers_of_section_3_4_3() -> None:
    y = FIGURES["3-20"]()
    np.testing.assert_allclose(y.numpy(), [0.31682708, 0.69627909], rtol=1e-7)
    assert {"0.3 0.7 1.1", "0.5744 0.6682 0.7503", "0.3168 0.6963"} <= set(texts(graph(y).svg))


@pytest.mark.parametrize(
    ("number", "shapes"),
    [
        ("3-26", ["(784,)", "(50,)", "(100,)", "(10,)"]),
        ("3-27", ["(100, 784)", "(100, 50)", "(100, 100)", "(100, 10)"]),
    ],
)
def test_shapes_flow_through_the_digit_network(number: str, shapes: list[str]) -> None:
    shown = texts(FIGURES[number].draw().svg)
    assert {*shapes, "(784, 50)", "(50, 100)", "(100, 10)"} <= set(shown)


@pytest.mark.parametrize(("number", "price"), [("5-01", 220), ("5-02", 220), ("5-03", 715), ("5-04", 4620)])
def test_prices(number: str, price: float) -> None:
    y = FIGURES[number]()
    assert y.item() == pytest.approx(price)
    assert str(price) in texts(graph(y).svg)
    assert texts(graph(y).svg, GRADIENT) == []


def test_only_the_price_of_an_apple_has_a_gradient_in_figure_5_5() -> None:
    assert sorted(texts(FIGURES["5-05"].draw().svg, GRADIENT)) == ["1", "1.1", "2.2"]


APPLE = {"りんご": 2.2, "りんごの個数": 110, "消費税": 200}
SHOP = {"りんご": 2.2, "りんごの個数": 110, "みかん": 3.3, "みかんの個数": 165, "消費税": 650}
PRINTED: dict[str, dict[str, Any]] = {
    "5-06": {"x": 0.5 * 4},
    "5-07": {"x": 6, "y": 6},
    "5-08": {"x": 6, "y": 6},
    "5-11": {"x": 1.3, "y": 1.3},
    "5-13": {"x": 6.5, "y": 13},
    "5-14": APPLE,
    "5-15": {},
    "5-16": APPLE,
    "5-17": SHOP,
    "5-18a": {"x": 1.3},
    "5-18b": {"x": 0},
    "5-20": {"x": 0.8 * (1 - 0.8)},
    "5-22": {"x": 0.8 * (1 - 0.8)},
    "5-30": {"a": [0.3, -0.8, 0.5]},
    "A-4": {"y1": 0, "y2": -1 / 0.2, "y3": 0},
    "A-5": {"a1": 0.01821127, "a2": 0.24519181 - 1, "a3": 0.73659691},
}


@pytest.mark.parametrize("number", PRINTED)
def test_gradients(number: str) -> None:
    found = gradients(FIGURES[number]())
    assert found.keys() == PRINTED[number].keys()
    for name, expected in PRINTED[number].items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-12)


def test_the_sigmoid_in_steps_is_the_sigmoid() -> None:
    """Between the steps stand −y², −y² and −y² exp(−x), as in figure 5-20."""
    assert texts(FIGURES["5-20"].draw().svg, GRADIENT) == ["0.16", "-0.16", "-0.64", "-0.64", "1"]
    assert FIGURES["5-20"]().item() == pytest.approx(FIGURES["5-21"]().item()) == pytest.approx(0.8)


def test_an_addition_inside_a_graph_hands_on_what_arrives() -> None:
    found = gradients(FIGURES["5-10"]())
    assert found["y"] == pytest.approx(1.2)
    assert found["a"] == pytest.approx(found["y"] * 5)  # through the node × before the sum


@pytest.mark.parametrize("number", ["5-25", "5-26", "5-27"])
def test_gradients_of_affine_have_the_shapes_of_their_variables(number: str) -> None:
    y = FIGURES[number]()
    for leaf in leaves(y).values():
        assert leaf.grad is not None
        assert leaf.grad.shape == leaf.shape
    x, w = leaves(y)["X"], leaves(y)["W"]
    g = np.ones(y.shape)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), g @ w.numpy().T)
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), np.atleast_2d(x.numpy()).T @ np.atleast_2d(g))


def test_the_bias_gets_the_sum_over_the_batch() -> None:
    bias = leaves(FIGURES["5-27"]())["B"]
    assert bias.grad is not None
    np.testing.assert_array_equal(bias.grad.numpy(), [4, 4, 4])


def test_softmax_in_nodes_gives_the_probabilities() -> None:
    net, *scores = FIGURES["A-2"]()
    np.testing.assert_allclose([y.item() for y in net(*scores)], [0.3, 0.2, 0.5])


@pytest.mark.parametrize("number", ["A-3", "A-5"])
def test_cross_entropy_in_nodes(number: str) -> None:
    found = FIGURES[number]()
    probability = {"A-3": 0.2, "A-5": 0.24519181}[number]
    assert found.item() == pytest.approx(-np.log(probability), rel=1e-6)


def test_batch_normalization_in_nodes_is_the_op() -> None:
    y = FIGURES["6-17"]()
    x, gamma, beta = inputs = [leaves(y)[name] for name in ("x", "γ", "β")]
    fresh = [Tensor(leaf.numpy().copy(), requires_grad=True) for leaf in inputs]
    op = ops.batch_norm(*fresh, eps=1e-7)
    op.backward(np.array([[1.0, 0], [0, 0], [0, 0], [0, 1]]))
    np.testing.assert_allclose(y.numpy(), op.numpy())
    for ours, expected in zip((x, gamma, beta), fresh, strict=True):
        assert ours.grad is not None
        assert expected.grad is not None
        np.testing.assert_allclose(ours.grad.numpy(), expected.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("number", "layers"),
    [
        ("5-28", "Linear ReLU Linear ReLU Linear Softmax"),
        ("7-23", "Conv2d ReLU MaxPool2d Flatten Linear ReLU Linear Softmax"),
        (
            "8-01",
            "Conv2d ReLU Conv2d ReLU MaxPool2d Conv2d ReLU Conv2d ReLU MaxPool2d Conv2d ReLU Conv2d ReLU MaxPool2d "
            "Flatten Linear ReLU Dropout Linear Dropout Softmax",
        ),
    ],
)
def test_networks_are_the_books_rows_of_layers(number: str, layers: str) -> None:
    net, _ = FIGURES[number]()
    assert [type(layer).__name__ for layer in net] == layers.split()


def test_the_residual_block_adds_its_input() -> None:
    block, x = FIGURES["8-12"]()
    x = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    np.testing.assert_allclose(block(x).numpy(), np.maximum(block.body(x).numpy() + x, 0), atol=1e-5)


def test_inception_joins_four_ways() -> None:
    assert "concat" in texts(FIGURES["8-11"].draw().svg)
    block, x = FIGURES["8-11"]()
    assert block(x).shape == (1, 64 + 128 + 32 + 32, 28, 28)


def script() -> ModuleType:
    """Load the script that writes the page."""
    spec = importlib.util.spec_from_file_location("make_gallery", DOCS / "make_gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_every_figure_with_its_code() -> None:
    page, made = (DOCS / "gallery.md").read_text(encoding="utf-8"), script()
    for number, figure in FIGURES.items():
        assert f"### Figure {made.title(figure)}\n" in page
        assert f"(images/gallery/{number}.svg)" in page
        assert made.source(figure) in page, f"figure {number}: run docs/make_gallery.py"
        assert figure.en in page
        assert figure.ja in page
        ET.parse(DOCS / "images" / "gallery" / f"{number}.svg")


@pytest.mark.parametrize(
    ("number", "formulas"),
    [
        ("5-06", ["∂L/∂y · ∂y/∂x", "∂L/∂y"]),
        ("5-09", ["∂L/∂z × 1", "∂L/∂z × 1", "∂L/∂z"]),
        ("5-12", ["∂L/∂z × y", "∂L/∂z × x", "∂L/∂z"]),
        ("5-22", ["∂L/∂y × y × (1 − y)", "∂L/∂y"]),
    ],
)
def test_formulas_below_the_arrows(number: str, formulas: list[str]) -> None:
    assert sorted(texts(FIGURES[number].draw().svg, GRADIENT)) == sorted(formulas)


def test_formulas_of_affine() -> None:
    shown = set(texts(FIGURES["5-27"].draw().svg, GRADIENT))
    assert {"∂L/∂v1 · Wᵀ", "Xᵀ · ∂L/∂v1", "sum(∂L/∂Y × 1)", "(4, 2)", "(2, 3)", "(3,)"} <= shown
