"""Histograms of what flows through a model while it is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tinygrad_jp
from tinygrad_jp import Tensor, nn, optim, softmax_cross_entropy
from tinygrad_jp.data import DataLoader
from tinygrad_jp.errors import ArgumentError, DataError
from tinygrad_jp.nn.modes import in_use
from tinygrad_jp.train import Histogram, Histograms, Trainer

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(40, 6)).astype(np.float32), RNG.integers(0, 3, 40)


def network() -> nn.Sequential:
    tinygrad_jp.seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))


def trainer(*callbacks: Histograms, **options: Any) -> Trainer:
    model = network()
    adam = optim.Adam(model.parameters(), lr=0.01)
    return Trainer(model, softmax_cross_entropy, adam, callbacks=callbacks, progress=False, **options)


def loader() -> DataLoader:
    return DataLoader((X, T), 10, shuffle=True)


class TestHistogram:
    @given(arrays(np.float64, array_shapes(min_side=0), elements=st.floats(width=32)), st.integers(1, 20))
    def test_every_number_is_counted_once(self, values: np.ndarray, bins: int) -> None:
        h = Histogram.of(values, bins)
        assert (len(h.counts), h.low < h.high) == (bins, True)
        finite = values[np.isfinite(values)]
        assert h.not_finite == values.size - finite.size
        assert h.zeros == np.sum(finite == 0)
        assert sum(h.counts) + h.zeros == h.total == finite.size
        assert h.std == (finite.std() if finite.size else 0)
        others = finite[finite != 0]
        assert not others.size or (h.low <= others.min() and others.max() <= h.high)

    def test_counts(self) -> None:
        h = Histogram.of(Tensor([[1.0, 1.5], [3.0, 0.0]]), 4)
        assert (h.low, h.high, list(h.counts), h.zeros) == (1, 3, [1, 1, 0, 1], 1)

    def test_numbers_that_are_alike_fill_one_bin(self) -> None:
        h = Histogram.of(np.full(7, 5.0), 10)
        assert h.low < 5 < h.high
        assert sorted(h.counts) == [0] * 9 + [7]


class TestHistograms:
    def test_of_each_layer_before_training_and_after_each_epoch(self) -> None:
        kept = Histograms(X[:8], T[:8], bins=12)
        trainer(kept).fit(loader(), epochs=3)
        assert kept.epochs == [0, 1, 2, 3]
        layers = ["0 Linear", "1 BatchNorm1d", "2 ReLU", "4 Linear"]  # the dropout in use changes nothing
        assert list(kept.activations) == list(kept.gradients) == layers
        assert list(kept.weights) == list(kept.weight_gradients) == ["0.weight", "4.weight"]
        for layers_of in (kept.activations, kept.gradients, kept.weights, kept.weight_gradients):
            assert {len(row) for row in layers_of.values()} == {4}
        assert {h.total for h in kept.activations["0 Linear"] if h} == {8 * 5}
        assert kept.activations["2 ReLU"][0] is not None
        assert kept.activations["2 ReLU"][0].zeros > 0

    def test_they_are_those_of_the_model_in_use(self) -> None:
        run = trainer()
        run.fit(loader(), epochs=1)
        kept = Histograms(X[:8], T[:8])
        kept.look(run.model, run.loss, 1)
        with in_use(run.model):
            hidden = run.model[0](Tensor(X[:8]))
            loss = softmax_cross_entropy(run.model(Tensor(X[:8])), T[:8])
        loss.backward()
        assert kept.activations["0 Linear"] == [Histogram.of(hidden)]
        gradient = run.model[0].weight.grad
        [found] = kept.weight_gradients["0.weight"]
        assert found is not None
        assert found.std == pytest.approx(gradient.numpy().std())

    def test_the_training_stays_bit_for_bit_what_it_would_be(self) -> None:
        plain, watched = trainer(), trainer(Histograms(X[:8], T[:8]))
        rows = []
        for run in (plain, watched):
            tinygrad_jp.seed(7)
            rows.append([{k: v for k, v in row.items() if k != "seconds"} for row in run.fit(loader(), epochs=3)])
        assert rows[0] == rows[1]
        for name, values in plain.model.state_dict().items():
            np.testing.assert_array_equal(values, watched.model.state_dict()[name])
        assert all(module.training and not module._forward_hooks for module in watched.model.modules())
        assert all(p.grad is None for p in watched.model.parameters())

    def test_frozen_layers_have_no_gradient(self) -> None:
        run = trainer()
        run.model[0].requires_grad_(False)
        kept = Histograms(X, T)
        kept.look(run.model, run.loss, 0)
        assert kept.weight_gradients["0.weight"] == [None]
        assert kept.weight_gradients["4.weight"] != [None]

    def test_a_layer_that_runs_later_has_none_before(self) -> None:
        class Growing(nn.Module):
            def __init__(self) -> None:
                self.a, self.b, self.deep = nn.Linear(6, 3), nn.Linear(3, 3), False

            def forward(self, x: Tensor) -> Tensor:
                y = self.a(x)
                return self.b(y) if self.deep else y

        model, kept = Growing(), Histograms(X, T)
        for epoch, model.deep in enumerate([False, True, False]):
            kept.look(model, softmax_cross_entropy, epoch)
        assert [h is None for h in kept.activations["b Linear"]] == [True, False, True]
        assert [h is None for h in kept.activations["a Linear"]] == [False] * 3

    def test_interrupted_runs_go_on(self, tmp_path: Path) -> None:
        pytest.importorskip("safetensors")
        whole = Histograms(X[:8], T[:8])
        tinygrad_jp.seed(1)
        trainer(whole, out=tmp_path / "a").fit(loader(), epochs=4)
        tinygrad_jp.seed(1)
        trainer(Histograms(X[:8], T[:8]), out=tmp_path / "b").fit(loader(), epochs=2)
        resumed = Histograms(X[:8], T[:8])
        trainer(resumed, out=tmp_path / "b").fit(loader(), epochs=4, resume=True)
        assert resumed.state_dict() == whole.state_dict()

    def test_state_goes_through_json(self) -> None:
        kept = Histograms(X, T)
        kept.look(network(), softmax_cross_entropy, 0)
        other = Histograms(X, T)
        other.load_state_dict(json.loads(json.dumps(kept.state_dict(), allow_nan=False)))
        assert (other.epochs, other.activations) == (kept.epochs, kept.activations)
        with pytest.raises(DataError, match="not the state of histograms"):
            other.load_state_dict({**kept.state_dict(), "weights": {"a": [{"low": 1}]}})

    @pytest.mark.parametrize(
        ("x", "t", "options"), [(X[:0], T[:0], {}), (X[:3], T[:2], {}), (X[:3], T[:3], {"bins": 0})]
    )
    def test_refused(self, x: np.ndarray, t: np.ndarray, options: dict[str, int]) -> None:
        with pytest.raises(ArgumentError, match="Histograms: "):
            Histograms(x, t, **options)
