"""Real networks and large graphs: what is folded, and that the work grows with the graph and not with its square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.viz import folding
from tinygrad_jp.viz.detail import detail
from tinygrad_jp.viz.folding import Fold, folds
from tinygrad_jp.viz.places import Places
from tinygrad_jp.viz.record import Record
from tinygrad_jp.viz.watch import Runs, tensors


def watched(net: nn.Module, *inputs: Any) -> tuple[Runs, Record]:
    with viz.watch(net) as runs:
        output = net(*inputs)
    return runs, Record([tensor._node for tensor in tensors(output) if tensor._node is not None])


def folded(net: nn.Module, *inputs: Any, path: str = "") -> list[tuple[str, int]]:
    """List the blocks inside a module that are folded, and how many there are of each."""
    runs, record = watched(net, *inputs)
    (run,) = [run for run in runs.all() if run.path == path]
    return [(fold.path, fold.times) for fold in folds(run.runs, record, detail(runs, record, "ops", (), ()))]


class Block(nn.Module):
    """One of a transformer (A. Vaswani et al., 2017), normalized before; with `memory` a decoder's."""

    def __init__(self, width: int, heads: int) -> None:
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiHeadAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        normal = self.norm1(x)
        x = x + (self.attention(normal, causal=True) if memory is None else self.attention(normal, memory))
        return x + self.feed(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, layers: int = 12, width: int = 8) -> None:
        self.tokens = nn.Embedding(50, width)
        self.blocks = nn.ModuleList(Block(width, 2) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, index: Any, memory: Any = None) -> Tensor:
        x = self.tokens(index)
        for block in self.blocks:
            x = block(x, memory)
        return self.norm(x)


class Cell(nn.Module):
    """An LSTM's step, of two states."""

    def __init__(self) -> None:
        self.gates = nn.Linear(4, 16)

    def forward(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = tj.split(self.gates(h), 4, axis=-1)
        c = tj.sigmoid(f) * c + tj.sigmoid(i) * tj.tanh(g)
        return tj.sigmoid(o) * tj.tanh(c), c


class Unrolled(nn.Module):
    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.cell = Cell()

    def forward(self, h: Tensor) -> Tensor:
        c = h * 0.5
        for _ in range(self.steps):
            h, c = self.cell(h, c)
        return h


def images(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


class TestRealNetworks:
    def test_resnet_50(self) -> None:
        net = nn.models.ResNet(50, (3, 16, 16), 10, width=0.05)
        assert folded(net, images(2, 3, 16, 16), path="stages") == [
            ("stages.1 … 2", 2),
            ("stages.4 … 6", 3),
            ("stages.8 … 12", 5),
            ("stages.14 … 15", 2),
        ]

    def test_vgg_19(self) -> None:
        net = nn.models.VGG(19, (3, 32, 32), 10, width=0.05)
        assert folded(net, images(2, 3, 32, 32), path="features.4") == [("features.4.0 … 7", 4)]

    def test_transformer(self) -> None:
        index = np.zeros((2, 5), int)
        assert folded(Transformer(), index) == [("blocks.0 … 11", 12)]
        shown = viz.graph(Transformer(), index, depth=1)
        assert "Block ×12" in shown.dot
        assert "3 modules" in repr(shown)

    def test_a_decoder_whose_blocks_all_take_the_same_memory(self) -> None:
        index, memory = np.zeros((2, 5), int), images(2, 7, 8)
        assert folded(Transformer(), index, memory) == [("blocks.0 … 11", 12)]
        shown = viz.graph(Transformer(), index, memory, depth=1)
        assert shown.dot.count("[label=<memory>") == 1

    def test_two_states_that_flow_from_step_to_step(self) -> None:
        assert folded(Unrolled(20), images(2, 4)) == [("cell", 20)]
        assert "Cell ×20" in viz.graph(Unrolled(20), images(2, 4), depth=1).dot

    def test_a_block_that_takes_something_else_stands_apart(self) -> None:
        class Mixed(Transformer):
            def forward(self, index: Any, memory: Any = None) -> Tensor:
                x = self.tokens(index)
                other = memory * 2.0
                for k, block in enumerate(self.blocks):
                    x = block(x, memory if k < 5 else other)
                return x

        found = folded(Mixed(), np.zeros((2, 5), int), Tensor(images(2, 7, 8), requires_grad=True))
        assert found == [("blocks.0 … 4", 5), ("blocks.5 … 11", 7)]


# ---------------------------------------------------------------------------------------------- large graphs


class Step(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 1.0


class Chain(nn.Module):
    def __init__(self, steps: int, interrupted: bool) -> None:
        self.steps = steps
        self.interrupted = interrupted
        self.step = Step()

    def forward(self, x: Tensor) -> Tensor:
        for k in range(self.steps):
            x = self.step(x)
            x = x + 1.0 if self.interrupted and k % 2 else x
        return x


@pytest.mark.parametrize("interrupted", [False, True])
def test_comparisons_grow_with_the_graph(interrupted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    compare: Callable[..., bool] = folding._feeds_only

    def counted(*blocks: Any) -> bool:
        counts.append(1)
        return compare(*blocks)

    monkeypatch.setattr(folding, "_feeds_only", counted)
    done = []
    for steps in (300, 600):
        counts.clear()
        found = folded(Chain(steps, interrupted), images(1))
        assert found == ([("step", 2)] * (steps // 2) if interrupted else [("step", steps)])
        done.append(len(counts))
    assert done[1] < 2.2 * done[0]


def test_a_long_row_of_modules_is_one_box() -> None:
    shown = viz.graph(Chain(5000, False), images(1), depth=1)
    assert "Step ×5000" in shown.dot.replace(",", "")


def test_a_large_graph_of_modules_that_differ_is_counted() -> None:
    shown = viz.graph(Chain(3000, True), images(1), depth="ops")
    assert repr(shown).startswith("<Graph: 4,500 operations")
    assert "3,000 mul" in shown.dot


def test_nodes_stand_in_the_fold_they_belong_to() -> None:
    runs, record = watched(Chain(50, False), images(1))
    places = Places(runs, record, detail(runs, record, 1, (), ()), True)
    found = [places.of(node) for node in record.nodes]
    assert [place.hidden for place in found] == [False] + [True] * 49
    fold = found[0].fold
    assert isinstance(fold, Fold)
    assert fold.times == 50
