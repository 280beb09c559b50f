"""Compiled kernels compute what NumPy's do, and can be switched off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import optim
from tinygrad_jp.errors import ArgumentError
from tinygrad_jp.kernels.fast import compiled
from tinygrad_jp.nn import Parameter


@pytest.fixture(autouse=True)
def back_to_the_default() -> Iterator[None]:
    yield
    tj.use_fast(None)


def run(fast: bool, kind: str, options: dict[str, Any], shapes: list[tuple[int, ...]], dtype: Any) -> list[np.ndarray]:
    """Make five updates of parameters of these shapes with random gradients."""
    tj.use_fast(fast)
    assert (compiled() is not None) is fast
    rng = np.random.default_rng(0)
    params = [Parameter(rng.normal(size=shape), dtype=dtype) for shape in shapes]
    optimizer = optim.by_name(kind)(params, **options)
    for _ in range(5):
        for p in params:
            p.grad = tj.Tensor(rng.normal(size=p.shape).astype(dtype))
        optimizer.step()
    return [p.numpy() for p in params]


class TestWithNumba:
    @pytest.fixture(autouse=True, scope="class")
    def _numba(self) -> None:
        pytest.importorskip("numba", reason="the extra [fast] is not installed")

    @settings(max_examples=40, deadline=None)
    @given(
        kind=st.sampled_from(["sgd", "adam", "adamw"]),
        lr=st.floats(1e-4, 1.0),
        inside=st.booleans(),
        decay=st.sampled_from([0.0, 0.1]),
        shapes=st.lists(st.sampled_from([(), (3,), (0,), (40, 5), (200, 100)]), min_size=1, max_size=4),
        dtype=st.sampled_from([np.float32, np.float64]),
    )
    def test_updates_equal_those_of_numpy(
        self, kind: str, lr: float, inside: bool, decay: float, shapes: list[tuple[int, ...]], dtype: Any
    ) -> None:
        options: dict[str, Any] = {"lr": lr, "weight_decay": decay}
        if kind != "sgd":
            options["eps_inside"] = inside
        tolerance = 1e-6 if dtype == np.float32 else 1e-14
        for a, b in zip(*(run(fast, kind, options, shapes, dtype) for fast in (True, False)), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max(initial=1.0))

    def test_environment_variable_switches_them_off(self) -> None:
        code = "from tinygrad_jp.kernels.fast import compiled; print(compiled() is None)"
        for value, off in (("0", "True"), ("1", "False")):
            done = subprocess.run(
                [sys.executable, "-c", code],
                env={"TINYGRAD_JP_FAST": value, "SYSTEMROOT": "C:\\Windows"},
                capture_output=True,
                text=True,
            )
            assert done.stdout.strip() == off, done.stderr


def test_wanted_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_jp.kernels.fast.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"tinygrad_jp\[fast\]"):
        tj.use_fast(True)
    tj.use_fast(None)
    assert compiled() is None
