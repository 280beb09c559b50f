"""Compiled kernels compute what NumPy's do, and can be switched off."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import optim
from tinygrad_jp.errors import ArgumentError
from tinygrad_jp.kernels import layer, windows_on
from tinygrad_jp.kernels.choice import choose
from tinygrad_jp.kernels.fast import compiled
from tinygrad_jp.kernels.geometry import Windows
from tinygrad_jp.kernels.reduction import Reduction
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


@dataclass
class Layer:
    """A convolutional layer: the shapes of images and filters, and its options."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)
    pad: int | tuple[tuple[int, int], tuple[int, int]] = 0
    dilation: tuple[int, int] = (1, 1)
    relu: bool = False
    pool: int = 1

    @property
    def windows(self) -> Windows:
        sides = ((self.pad,) * 2,) * 2 if isinstance(self.pad, int) else self.pad
        return windows_on(self.x[2:], self.w[2:], self.stride, sides, self.dilation)

    @property
    def groups(self) -> int:
        return self.x[1] // self.w[1]

    @property
    def reduction(self) -> Reduction:
        return Reduction(self.relu, self.pool)

    def run(self, fast: bool, x: np.ndarray, w: np.ndarray, b: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
        """Return the result, the three gradients, that of the bias alone, and what the forward pass keeps."""
        tj.use_fast(fast)
        after = self.reduction
        out, kept = layer.forward(x, w, b, self.windows, self.groups, after)
        given = g, kept, x, w, x.shape, w.shape, self.windows, self.groups, after
        return [out, *layer.gradients("xwb", *given), *layer.gradients("b", *given), kept]

    def same_winners(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Tell whether rounding decided nothing: neither between pixels of a window nor at relu's edge."""
        return np.array_equal(a, b) if self.pool > 1 else np.array_equal(a > 0, b > 0)


def _kernel(layer: Layer, lanes: int) -> str:
    return choose(layer.windows, layer.x[0], layer.x[1], layer.w[0], layer.groups, lanes)


@st.composite
def conv_layers(draw: st.DrawFn) -> Layer:
    """Any layer, or one that Winograd's kernel takes."""
    pair = lambda least, most: draw(st.tuples(st.integers(least, most), st.integers(least, most)))  # noqa: E731
    n, relu = draw(st.integers(0, 7)), draw(st.booleans())
    if draw(st.booleans()):
        pad = pair(0, 2), pair(0, 2)
        image = pair(5, 14)
        channels, outputs = draw(st.sampled_from([(16, 16), (64, 32), (32, 80)]))
        return Layer((n, channels, *image), (outputs, channels, 3, 3), pad=pad, relu=relu, pool=draw(st.integers(1, 3)))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, outputs = draw(st.integers(1, 20)), draw(st.integers(1, 40))
    size, dilation, more = pair(1, 4), pair(1, 2), pair(0, 8)
    image = tuple(d * (k - 1) + 1 + m for k, d, m in zip(size, dilation, more, strict=True))
    made = Layer(
        (n, groups * channels, *image),
        (groups * outputs, channels, *size),
        pair(1, 3),
        (pair(0, 2), pair(0, 2)),
        dilation,
        relu,
    )
    made.pool = draw(st.integers(1, min(3, *made.windows.places)))
    return made


class TestWithNumba:
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _numba(cls) -> None:
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

    @settings(max_examples=60, deadline=None)
    @given(layer=conv_layers(), dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 2**32 - 1))
    @example(  # a padded image in blocks of 8 channels has as many numbers as the image without
        Layer((5, 13, 11, 8), (30, 13, 3, 2), (1, 2), ((2, 0), (1, 2)), (2, 2), pool=2), np.float64, 0
    )
    def test_convolutional_layers_equal_those_of_numpy(self, layer: Layer, dtype: Any, seed: int) -> None:
        """Compiled in the given precision, NumPy's in float64: result, and gradients of images, filters and bias."""
        rng = np.random.default_rng(seed)
        x, w, b = (rng.normal(size=shape).astype(dtype) for shape in (layer.x, layer.w, layer.w[:1]))
        g = rng.normal(size=(layer.x[0], layer.w[0], *(n // layer.reduction.pool for n in layer.windows.places)))
        fast = layer.run(True, x, w, b, g.astype(dtype))
        exact = layer.run(False, *(a.astype(np.float64) for a in (x, w, b, g.astype(dtype))))
        assume(layer.same_winners(fast.pop(), exact.pop()))
        # all numbers together: a single one may be a sum that cancels, which has no relative error in any library
        pixels, area = math.prod(g.shape) // g.shape[1], math.prod(layer.w[2:])
        sums_of = [layer.w[1] * area, layer.w[0] // layer.groups * area, max(pixels, 1)]
        norms = [np.linalg.norm(array) for array in (x, w, g)]
        factors = [norms[0] * norms[1], norms[1] * norms[2], norms[0] * norms[2]]
        sizes = [*(size / math.sqrt(k) for size, k in zip(factors, sums_of, strict=True)), norms[2], norms[2]]
        for a, e, size in zip(fast, exact, sizes, strict=True):
            assert a.dtype == dtype
            tolerance = (1e-6 if dtype == np.float32 else 1e-14) * max(np.linalg.norm(e), size)
            assert np.linalg.norm(a - e) <= tolerance
            np.testing.assert_allclose(a, e, rtol=0, atol=30 * tolerance / math.sqrt(max(e.size, 1)))

    @settings(max_examples=60, deadline=None)
    @given(
        sizes=st.tuples(*[st.integers(1, 40)] * 3),
        relu=st.booleans(),
        bias=st.sampled_from(["each its own", "one for all", "of another dtype"]),
        wanted=st.sampled_from([(0, 1, 2), (1, 2), (0, 2), (0, 1)]),
        order=st.sampled_from(["C", "F", "every other"]),
        writeable=st.booleans(),
        alone=st.sampled_from([0, 2**62]),
        dtype=st.sampled_from([np.float32, np.float64]),
        seed=st.integers(0, 2**32 - 1),
    )
    @example((2, 40, 3), True, "each its own", (0, 1, 2), "C", True, 0, np.float32, 0)  # the summands are shared out
    @example((3, 2, 40), True, "each its own", (0, 1, 2), "C", True, 0, np.float32, 0)  # the columns
    def test_fully_connected_layers_equal_those_of_numpy(
        self,
        sizes: Any,
        relu: bool,
        bias: str,
        wanted: Any,
        order: Any,
        writeable: bool,
        alone: int,
        dtype: Any,
        seed: int,
    ) -> None:
        """Compiled in the given precision, shared out or not, NumPy's in float64: result, and gradients."""
        n, d, m = sizes
        rng = np.random.default_rng(seed)
        x, w, g = (rng.normal(size=shape).astype(dtype) for shape in ((n, d), (d, m), (n, m)))
        b = rng.normal(size=1 if bias == "one for all" else m)
        b = b.astype(np.float16 if bias == "of another dtype" else dtype)

        def laid(a: np.ndarray) -> np.ndarray:
            a = np.repeat(a, 2, axis=-1)[..., ::2] if order == "every other" else np.array(a, order=order)
            a.flags.writeable = writeable
            return a

        def run(fast: bool, dtype: Any) -> list[np.ndarray]:
            tj.use_fast(fast)
            given = [a if fast else a.astype(dtype) for a in (x, w, b)]
            inputs = [tj.Tensor(laid(a), requires_grad=i in wanted) for i, a in enumerate(given)]
            y = (tj.affine_relu if relu else tj.affine)(*inputs)
            y.backward(laid(g.astype(y.dtype)))
            return [y.numpy(), *(inputs[i].grad.numpy() for i in wanted)]

        with mock.patch.multiple("tinygrad_jp.kernels.affine", SMALL=0), ExitStack() as stack:
            for module in ("affine", "product"):
                stack.enter_context(mock.patch(f"tinygrad_jp.kernels.accelerated.{module}.WORTH_SHARING", alone))
            fast, exact = run(True, dtype), run(False, np.float64)
        assume(np.array_equal(fast[0] > 0, exact[0] > 0))
        sums = np.abs(x).sum() * np.abs(w).max() + np.abs(g).sum() * max(np.abs(x).max(), np.abs(w).max(), 1)
        for a, e in zip(fast, exact, strict=True):
            tolerance = {2: 1e-2, 4: 1e-6, 8: 1e-14}[a.dtype.itemsize]
            np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * sums)

    def test_the_gradient_of_a_bias_loses_no_digits_over_many_rows(self) -> None:
        for fast in (True, False):
            tj.use_fast(fast)
            b = tj.Tensor(np.zeros(1, np.float32), requires_grad=True)
            w = tj.Tensor(np.ones((4, 1), np.float32), requires_grad=True)
            tj.affine(np.ones((100_000, 4), np.float32), w, b).backward(np.full((100_000, 1), 0.1, np.float32))
            assert b.grad.item() == pytest.approx(10_000, rel=1e-6)

    @pytest.mark.parametrize("alone", [0, 2**62])
    def test_a_nan_passes_relu_and_stops_nothing(self, alone: int) -> None:
        """As with NumPy: what is no number stays none, and its gradient is 0."""
        x, w, b = np.ones((100, 60), np.float32), np.ones((60, 70), np.float32), np.zeros(70, np.float32)
        x[3, 5], b[7] = np.nan, -100
        found = []
        for fast in (True, False):
            tj.use_fast(fast)
            inputs = [tj.Tensor(a, requires_grad=True) for a in (x, w, b)]
            with mock.patch("tinygrad_jp.kernels.accelerated.product.WORTH_SHARING", alone):
                y = tj.affine_relu(*inputs)
                y.backward(np.ones(y.shape, np.float32))
            found.append([y.numpy(), *(p.grad.numpy() for p in inputs)])
        for a, e in zip(*found, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-6)
        assert np.isnan(found[0][0][3]).all()
        assert not found[0][0][[0, 1, 2, 4], 7].any()

    @settings(max_examples=40, deadline=None)
    @given(
        shape=st.one_of(
            st.tuples(st.integers(2, 40), st.integers(1, 9)),
            st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 6), st.integers(2, 6)),
        ),
        relu=st.booleans(),
        channels_last=st.booleans(),
        dtype=st.sampled_from([np.float32, np.float64]),
        seed=st.integers(0, 2**32 - 1),
    )
    def test_batch_normalization_equals_that_of_numpy(
        self, shape: tuple[int, ...], relu: bool, channels_last: bool, dtype: Any, seed: int
    ) -> None:
        """Compiled in the given precision, NumPy's in float64: result, and gradients of x, γ and β."""
        rng = np.random.default_rng(seed)
        x, g = (rng.normal(3, 2, shape).astype(dtype) for _ in range(2))
        if channels_last:
            x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
        gamma, beta = (rng.normal(size=shape[1]).astype(dtype) for _ in range(2))

        def run(fast: bool, dtype: Any) -> list[np.ndarray]:
            tj.use_fast(fast)
            inputs = [tj.Tensor(a.astype(dtype), requires_grad=True) for a in (x, gamma, beta)]
            y = tj.batch_norm(*inputs, eps=0.1, relu=relu)
            y.backward(g.astype(dtype))
            return [y.numpy(), *(p.grad.numpy() for p in inputs)]

        fast, exact = run(True, dtype), run(False, np.float64)
        assume(np.array_equal(fast[0] > 0, exact[0] > 0))
        for a, e in zip(fast, exact, strict=True):
            assert a.dtype == dtype
            bound = np.abs(g).sum() * (1e-6 if dtype == np.float32 else 1e-14)
            np.testing.assert_allclose(a, e, rtol=0, atol=bound)

    @settings(max_examples=40, deadline=None)
    @given(
        shape=st.tuples(st.integers(1, 40), st.integers(1, 100)),
        scale=st.sampled_from([1.0, 100.0]),
        labels=st.sampled_from([np.uint8, np.int32, np.int64]),
        dtype=st.sampled_from([np.float32, np.float64]),
        seed=st.integers(0, 2**32 - 1),
    )
    @example((25, 300), 1.0, np.int64, np.float32, 0)
    def test_cross_entropy_equals_that_of_numpy(
        self, shape: tuple[int, int], scale: float, labels: Any, dtype: Any, seed: int
    ) -> None:
        """Compiled in the given precision, NumPy's in float64: the loss and the gradient of the scores."""
        rng = np.random.default_rng(seed)
        scores = (rng.normal(size=shape) * scale).astype(dtype)
        t = rng.integers(0, shape[1], shape[0]).astype(labels)

        def run(fast: bool, dtype: Any) -> list[np.ndarray]:
            tj.use_fast(fast)
            x = tj.Tensor(scores.astype(dtype), requires_grad=True)
            loss = tj.softmax_cross_entropy(x, t)
            loss.backward()
            return [loss.numpy(), x.grad.numpy()]

        for a, e in zip(run(True, dtype), run(False, np.float64), strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, e, rtol=0, atol=max(1, scale) * (1e-6 if dtype == np.float32 else 1e-14))

    def test_what_is_no_number_makes_the_loss_none(self) -> None:
        scores = np.zeros((30, 10))
        for row, bad in enumerate((np.nan, np.inf)):
            scores[row, 3] = bad
        found = []
        for fast in (True, False):
            tj.use_fast(fast)
            x = tj.Tensor(scores, requires_grad=True)
            with np.errstate(invalid="ignore"):
                loss = tj.softmax_cross_entropy(x, np.zeros(30, int))
            loss.backward()
            found.append(np.isnan(x.grad.numpy()))
            assert np.isnan(loss.item())
        np.testing.assert_array_equal(*found)
        assert found[0][:2].all()
        assert not found[0][2:].any()

    @settings(max_examples=40, deadline=None)
    @given(
        shape=st.tuples(st.integers(0, 5), st.integers(1, 40), st.integers(1, 30), st.integers(1, 30)),
        order=st.sampled_from(["first", "last", "read-only", "every other"]),
        dtype=st.sampled_from([np.float16, np.float32, np.float64, np.longdouble, ">f4", np.int32]),
    )
    @example((4, 40, 30, 30), "last", np.float16)
    @example((4, 40, 30, 30), "last", np.longdouble)
    @example((4, 40, 30, 30), "last", ">f8")
    @example((4, 40, 30, 30), "last", np.float32)
    @example((4, 40, 30, 30), "read-only", np.float64)
    def test_images_in_any_order_become_the_same_rows(self, shape: tuple[int, ...], order: str, dtype: Any) -> None:
        tj.use_fast(True)
        numbers = (np.arange(math.prod(shape)) % 1000).reshape(shape).astype(dtype)
        x = numbers if order == "first" else np.moveaxis(np.ascontiguousarray(np.moveaxis(numbers, 1, -1)), -1, 1)
        if order == "every other":
            x = np.repeat(x, 2, axis=3)[..., ::2]
        x.flags.writeable = order != "read-only"
        rows = tj.reshape(x, (shape[0], math.prod(shape[1:])))
        np.testing.assert_array_equal(rows, numbers.reshape(shape[0], math.prod(shape[1:])))
        np.testing.assert_array_equal(tj.reshape(x, np.array(rows.shape)), rows)
        if np.dtype(dtype).kind != "f":
            return
        given = tj.Tensor(x, requires_grad=True)
        twice = given.reshape(len(x), math.prod(shape[1:])) * 2
        twice.backward(np.ones(twice.shape, dtype))
        np.testing.assert_array_equal(given.grad, np.full(shape, 2, dtype))

    def test_both_compiled_convolutions_are_tried(self) -> None:
        lanes = 2 * compiled().BYTES // 4
        kernels = {
            _kernel(layer, lanes)
            for layer in (Layer((1, 64, 8, 8), (64, 64, 3, 3), pad=1), Layer((1, 3, 8, 8), (8, 3, 3, 3)))
        }
        assert kernels == {"winograd", "direct"}

    @pytest.mark.parametrize("w", [(64, 64, 3, 3), (24, 64, 3, 3)])
    def test_sums_do_not_depend_on_which_thread_is_faster(self, w: tuple[int, ...]) -> None:
        layer, rng = Layer((40, 64, 12, 12), w, pad=1, relu=True), np.random.default_rng(0)
        x, filters, b, g = (rng.normal(size=s).astype("f4") for s in (layer.x, w, w[:1], (40, w[0], 12, 12)))
        first, *others = (layer.run(True, x, filters, b, g) for _ in range(5))
        for other in others:
            for one, again in zip(first, other, strict=True):
                np.testing.assert_array_equal(one, again)

    def test_nan_is_not_lost_in_relu_and_pooling(self) -> None:
        x = np.zeros((1, 1, 4, 4), np.float32)
        x[0, 0, 1, 2] = np.nan
        layer = Layer(x.shape, (1, 1, 1, 1), relu=True, pool=2)
        for fast in (True, False):
            out, *_ = layer.run(
                fast, x, np.ones(layer.w, np.float32), np.zeros(1, np.float32), np.ones((1, 1, 2, 2), "f4")
            )
            np.testing.assert_array_equal(np.isnan(out[0, 0]), [[False, True], [False, False]])

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
