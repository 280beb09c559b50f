"""Pooling, resampling and local response normalization: the book's example, extremes, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor
from tinygrad_jp.errors import ArgumentError, DtypeError, IndexingError, ShapeError
from tinygrad_jp.kernels import pooling
from tinygrad_jp.ops import TABLE, pool
from tinygrad_jp.testing import gradcheck

WINDOWED = ["max_pool2d", "argmax_pool2d", "avg_pool2d", "sum_pool2d"]
SETTINGS = settings(deadline=None, max_examples=40)


def images(*shape: int, dtype: Any = np.float64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def gradient(f: Callable[[Tensor], Tensor], x: np.ndarray, g: np.ndarray | None = None) -> np.ndarray:
    leaf = Tensor(x, requires_grad=True)
    y = f(leaf)
    y.backward(np.ones(y.shape, y.dtype) if g is None else g)
    assert leaf.grad is not None
    return leaf.grad.numpy()


class TestByHand:
    BOOK = np.array([[1, 2, 1, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 4, 0, 1]], float).reshape(1, 1, 4, 4)

    def test_the_books_figure_7_14(self) -> None:
        y = tj.max_pool2d(self.BOOK, 2, 2)
        assert y.tolist() == [[[[2.0, 3.0], [4.0, 2.0]]]]
        assert tj.argmax_pool2d(self.BOOK, 2, 2).tolist() == [[[[1, 3], [3, 1]]]]
        slope = gradient(lambda x: tj.max_pool2d(x, 2, 2), self.BOOK, np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
        assert slope.tolist() == [[[[0, 1, 0, 0], [0, 0, 0, 2], [0, 0, 0, 4], [0, 3, 0, 0]]]]

    def test_averages(self) -> None:
        assert tj.avg_pool2d(self.BOOK, 2).tolist() == [[[[1.0, 1.5], [2.25, 1.0]]]]
        padded = tj.avg_pool2d(self.BOOK, 2, padding=1)
        assert padded.tolist() == [[[[0.25, 0.75, 0.0], [0.75, 1.0, 1.25], [0.5, 1.0, 0.25]]]]
        inside = tj.avg_pool2d(self.BOOK, 2, padding=1, count_include_pad=False)
        assert inside.tolist() == [[[[1.0, 1.5, 0.0], [1.5, 1.0, 2.5], [2.0, 2.0, 1.0]]]]

    def test_one_window_over_all_is_the_global_pooling(self) -> None:
        x = images(2, 3, 4, 5)
        for name in ("avg", "max"):
            whole = TABLE[f"global_{name}_pool2d"](x, keepdims=True).numpy()
            assert whole.shape == (2, 3, 1, 1)
            np.testing.assert_allclose(TABLE[f"{name}_pool2d"](x, (4, 5)).numpy(), whole)
            np.testing.assert_allclose(TABLE[f"adaptive_{name}_pool2d"](x, 1).numpy(), whole)
            np.testing.assert_array_equal(TABLE[f"global_{name}_pool2d"](x).numpy(), whole[:, :, 0, 0])

    def test_upsampling_a_ramp(self) -> None:
        x = np.array([0.0, 4.0]).reshape(1, 1, 1, 2)
        assert tj.upsample(x, (1, 4)).tolist() == [[[[0.0, 1.0, 3.0, 4.0]]]]
        assert tj.upsample(x, (1, 5), align_corners=True).tolist() == [[[[0.0, 1.0, 2.0, 3.0, 4.0]]]]
        assert tj.upsample(x, scale_factor=2, mode="nearest").tolist() == [[[[0.0, 0.0, 4.0, 4.0]] * 2]]

    def test_upsampling_by_factors_that_are_rounded_down(self) -> None:
        """As PyTorch: an axis of the same length is left alone, one of twice the length doubled exactly."""
        x = np.arange(5.0).reshape(1, 1, 1, 5)
        for mode in ("nearest", "bilinear"):
            assert tj.upsample(x, scale_factor=(1, 1.1), mode=mode).tolist() == x.tolist()
        assert tj.upsample(x, scale_factor=(1, 2.1), mode="nearest").tolist() == np.repeat(x, 2, axis=3).tolist()

    def test_local_response_norm_of_one_pixel(self) -> None:
        """A. Krizhevsky et al., 2012, section 3.3: the α there is α / n here."""
        a = np.array([1.0, 2.0, 3.0])
        y = tj.local_response_norm(a.reshape(1, 3, 1, 1), size=3, alpha=3e-4, beta=0.75, k=2.0).numpy().ravel()
        expected = a / (2.0 + 1e-4 * np.array([1 + 4, 1 + 4 + 9, 4 + 9])) ** 0.75
        np.testing.assert_allclose(y, expected)


@SETTINGS
@given(data=st.data())
def test_pooling_equals_a_loop_over_windows(data: st.DataObject) -> None:
    """On whole numbers too, where there are many ties: the first of the largest wins."""
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    size, stride = (draw(1, 4), draw(1, 3)), (draw(1, 4), draw(1, 3))
    padding = (draw(0, size[0] // 2), draw(0, size[1] // 2))
    shape = (draw(0, 2), draw(1, 2), *(max(k - 2 * p, 1) + draw(0, 5) for k, p in zip(size, padding, strict=True)))
    rng = np.random.default_rng(draw(0, 99))
    x = rng.integers(-2, 3, shape).astype(data.draw(st.sampled_from([np.float32, np.float64, np.float16, np.int64])))
    x = data.draw(st.sampled_from([x, np.asfortranarray(x), x[..., ::-1], x[:, :, ::-1]]))
    out = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(shape[2:], padding, size, stride, strict=True)]
    largest, which = np.zeros((*shape[:2], *out)), np.zeros((*shape[:2], *out), int)
    sums, counts, slope = np.zeros(largest.shape), np.zeros(largest.shape), np.zeros(shape)
    for at in np.ndindex(largest.shape):
        seen = {
            i * size[1] + j: (*at[:2], at[2] * stride[0] + i - padding[0], at[3] * stride[1] + j - padding[1])
            for i in range(size[0])
            for j in range(size[1])
        }
        pixels = {k: p for k, p in seen.items() if 0 <= p[2] < shape[2] and 0 <= p[3] < shape[3]}
        which[at] = max(pixels, key=lambda k: (x[pixels[k]], -k))
        largest[at] = x[pixels[which[at]]]
        slope[pixels[which[at]]] += 1
        sums[at], counts[at] = sum(float(x[p]) for p in pixels.values()), len(pixels)
    pooled = tj.max_pool2d(x, size, stride, padding)
    assert pooled.dtype == x.dtype
    np.testing.assert_array_equal(pooled.numpy(), largest)
    np.testing.assert_array_equal(tj.argmax_pool2d(x, size, stride, padding).numpy(), which)
    if x.dtype.kind == "f":
        np.testing.assert_array_equal(gradient(lambda t: tj.max_pool2d(t, size, stride, padding), x), slope)
        close = {"rtol": 2 * float(np.finfo(x.dtype).eps), "atol": 1e-7}
        np.testing.assert_array_equal(tj.sum_pool2d(x, size, stride, padding).numpy(), sums)
        np.testing.assert_allclose(tj.avg_pool2d(x, size, stride, padding).numpy(), sums / np.prod(size), **close)
        inside = tj.avg_pool2d(x, size, stride, padding, count_include_pad=False)
        np.testing.assert_allclose(inside.numpy(), sums / counts, **close)


WINNER = tj.argmax_pool2d(images(2, 3, 7, 5, seed=9), (3, 2), (2, 1), 1)
PAIRED: dict[str, tuple[tuple[int, ...], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sum_pool2d": (
        (2, 3, 7, 5),
        lambda x: tj.sum_pool2d(x, (3, 2), (2, 1), 1),
        lambda y: tj.sum_unpool2d(y, (7, 5), (3, 2), (2, 1), 1),
    ),
    "take_winners2d": (
        (2, 3, 7, 5),
        lambda x: tj.take_winners2d(x, WINNER, (3, 2), (2, 1), 1),
        lambda y: tj.max_unpool2d(y, WINNER, (7, 5), (3, 2), (2, 1), 1),
    ),
    "resample": (
        (2, 200),
        lambda x: tj.resample(x, pool._interpolating(200, 130, 0.65, False)),
        lambda y: tj.resample(y, pool._interpolating(200, 130, 0.65, False).T),
    ),
}


@pytest.mark.parametrize("name", PAIRED)
def test_adjoints(name: str) -> None:
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩."""
    shape, forward, back = PAIRED[name]
    x = images(*shape)
    y = images(*forward(x).shape, seed=1)
    assert np.vdot(forward(x).numpy(), y) == pytest.approx(np.vdot(x, back(y).numpy()))


SHARED: dict[str, Callable[[Any], Any]] = {
    "max": lambda x: tj.max_pool2d(x, 2),
    "overlapping max": lambda x: tj.max_pool2d(x, 3, 2, 1),
    "avg": lambda x: tj.avg_pool2d(x, 3, 2, 1),
}


class TestLarge:
    """What is too large for one thread, one byte or one block of a matrix is computed all the same."""

    @pytest.mark.parametrize("name", SHARED)
    def test_threads(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        x = images(7, 2, 9, 10)
        results = []
        for worth in (1, 10**9):
            monkeypatch.setattr(pooling, "WORTH_SHARING", worth)
            monkeypatch.setattr(pooling, "threads", lambda: 3)
            y = SHARED[name](x).numpy()
            results.append((y, gradient(SHARED[name], x, images(*y.shape, seed=1))))
        for shared, alone in zip(*results, strict=True):
            np.testing.assert_array_equal(shared, alone)

    def test_windows_of_more_than_256_pixels(self) -> None:
        x = np.zeros((1, 1, 20, 20))
        x[0, 0, 19, 18] = 1.0
        assert tj.argmax_pool2d(x, 20).item() == 398
        np.testing.assert_array_equal(gradient(lambda t: tj.max_pool2d(t, 20), x), x)

    def test_resampling_a_long_axis(self) -> None:
        """Longer than one block of the matrix."""
        x = images(1, 1, 3, 300)
        y = tj.upsample(x, (3, 450)).numpy()[0, 0]
        source = np.clip((np.arange(450) + 0.5) * 300 / 450 - 0.5, 0, 299)
        np.testing.assert_allclose(y, [np.interp(source, np.arange(300), row) for row in x[0, 0]])


class TestNumbers:
    @pytest.mark.parametrize("name", ["max_pool2d", "adaptive_max_pool2d", "upsample"])
    def test_whole_numbers_and_booleans_keep_their_dtype(self, name: str) -> None:
        attrs = {"upsample": {"scale_factor": 2, "mode": "nearest"}}.get(name)
        for dtype in (np.uint8, np.int64, bool):
            x = np.arange(9).reshape(1, 1, 3, 3).astype(dtype)
            y = TABLE[name](x, **attrs) if attrs else TABLE[name](x, 2)
            assert y.dtype == dtype
            assert y.numpy().max() == (x[..., :2, :2] if name == "max_pool2d" else x).max()

    def test_padding_is_never_the_largest(self) -> None:
        for dtype in (np.float32, np.int32):
            x = np.full((1, 1, 2, 2), -7, dtype)
            np.testing.assert_array_equal(tj.max_pool2d(x, 2, 2, 1).numpy(), x)

    def test_nan_is_seen_and_stays_in_its_windows(self) -> None:
        x = images(1, 1, 4, 4)
        x[0, 0, 0, 0] = np.nan
        for name in ("max_pool2d", "avg_pool2d"):
            assert np.isnan(TABLE[name](x, 2).numpy()).ravel().tolist() == [True, False, False, False]

    def test_infinities_do_not_spread(self) -> None:
        x = images(1, 1, 5, 5)
        x[0, 0, 0, 0] = -np.inf
        assert np.isfinite(tj.adaptive_max_pool2d(x, 3).numpy()).all()
        nearest = tj.upsample(x, 7, mode="nearest").numpy()
        assert np.isinf(nearest).sum() == 4
        assert not np.isnan(nearest).any()

    def test_averages_of_float16_are_summed_in_float32(self) -> None:
        x = np.full((1, 1, 100, 100), 9.0, np.float16)  # the sum is 90,000: beyond float16
        for y in (tj.avg_pool2d(x, 100), tj.adaptive_avg_pool2d(x, 1), tj.global_avg_pool2d(x)):
            assert y.dtype == np.float16
            assert y.item() == 9.0

    @pytest.mark.parametrize("worth", [1, 10**9])
    @pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 2, 3, 0), (3, 2, 0, 1)])
    def test_relu_in_any_order_of_memory(
        self, order: tuple[int, ...], worth: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pooling, "WORTH_SHARING", worth)
        monkeypatch.setattr(pooling, "threads", lambda: 3)
        x = images(4, 5, 3, 2)
        x[1, 2, 0] = np.nan, -np.inf
        laid = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        expected = np.where(x < 0, 0, x)
        np.testing.assert_array_equal(pooling.rectify(laid), expected)
        assert pooling.rectify(laid).strides == laid.strides
        assert pooling.rectify(laid, laid) is laid
        np.testing.assert_array_equal(laid, expected)
        assert pooling.rectify(np.array([[-1.0], [2.0]], np.float32).T).tolist() == [[0.0, 2.0]]

    def test_a_nan_wins(self) -> None:
        x = np.array([[[[1.0, np.nan], [3.0, 2.0]]]])
        assert tj.argmax_pool2d(x, 2).numpy().item() == 1

    def test_a_recorded_max_pool_keeps_no_image_alive(self) -> None:
        x = Tensor(images(1, 1, 8, 8), requires_grad=True)
        y = tj.max_pool2d(x, 2)
        held = [a for a in y._node.saved if isinstance(a, np.ndarray)]
        assert [(a.dtype, a.shape) for a in held] == [(np.uint8, (1, 1, 4, 4))]

    def test_gradient_of_overlapping_windows_to_the_second_order(self) -> None:
        x = Tensor(images(2, 2, 5, 6), requires_grad=True)
        gradcheck(lambda t: tj.max_pool2d(t * t, (3, 2), (2, 1), 1), x, order=2)


# ------------------------------------------------------------------------------------------------ bad input

GOOD = images(2, 3, 5, 6)
WHOLE = GOOD.astype(np.uint8)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a matrix": (lambda: tj.max_pool2d(GOOD[0, 0], 2), ShapeError, r"max_pool2d: .*\(N, C, H, W\).*got \(5, 6\)"),
    "one image": (lambda: tj.avg_pool2d(GOOD[0], 2), ShapeError, r"avg_pool2d: .*\(N, C, H, W\).*got \(3, 5, 6\)"),
    "no pixels": (lambda: tj.max_pool2d(GOOD[:, :, :0], 1), ShapeError, r"max_pool2d: .*\(2, 3, 0, 6\)"),
    "too large": (
        lambda: tj.max_pool2d(GOOD, (8, 2), padding=1),
        ShapeError,
        r"max_pool2d: .*covers 8 .*has 7.*equation 7.1 gives \(5 \+ 2·1 − 8\) / 8 \+ 1 = 0.875",
    ),
    "a remainder": (
        lambda: tj.max_pool2d(GOOD, 2, strict=True),
        ShapeError,
        r"max_pool2d: .*equation 7.1 gives \(5 \+ 2·0 − 2\) / 2 \+ 1 = 2.5",
    ),
    "an average's remainder": (
        lambda: tj.avg_pool2d(GOOD, (1, 4), (1, 4), strict=True),
        ShapeError,
        r"avg_pool2d: .*\(6 \+ 2·0 − 4\) / 4 \+ 1 = 1.5",
    ),
    "stride 0": (lambda: tj.max_pool2d(GOOD, 2, 0), ArgumentError, "max_pool2d: stride must be at least 1, got 0"),
    "size 0": (
        lambda: tj.avg_pool2d(GOOD, (0, 2)),
        ArgumentError,
        r"avg_pool2d: size must be at least 1, got \(0, 2\)",
    ),
    "negative padding": (lambda: tj.max_pool2d(GOOD, 2, 2, -1), ArgumentError, "max_pool2d: padding .*at least 0"),
    "much padding": (
        lambda: tj.max_pool2d(GOOD, (4, 3), padding=2),
        ArgumentError,
        r"max_pool2d: padding must be at most half of the window.*padding=2 with size=\(4, 3\)",
    ),
    "half a pixel": (lambda: tj.max_pool2d(GOOD, 2.5), ArgumentError, "max_pool2d: size must be a whole number.*2.5"),
    "three sizes": (lambda: tj.max_pool2d(GOOD, (2, 2, 2)), ArgumentError, r"max_pool2d: size .*pair.*\(2, 2, 2\)"),
    "whole numbers": (lambda: tj.avg_pool2d(WHOLE, 2), DtypeError, "avg_pool2d: .*floating.*uint8.*astype"),
    "whole numbers, adaptive": (lambda: tj.adaptive_avg_pool2d(WHOLE, 2), DtypeError, "adaptive_avg_pool2d: .*uint8"),
    "whole numbers, global": (lambda: tj.global_avg_pool2d(WHOLE), DtypeError, "global_avg_pool2d: .*uint8"),
    "whole numbers, bilinear": (lambda: tj.upsample(WHOLE, 2), DtypeError, "upsample: .*uint8"),
    "whole numbers, normalized": (lambda: tj.local_response_norm(WHOLE), DtypeError, "local_response_norm: .*uint8"),
    "nothing out": (lambda: tj.adaptive_max_pool2d(GOOD, 0), ArgumentError, "adaptive_max_pool2d: output_size .* 1"),
    "adaptive, rank": (
        lambda: tj.adaptive_avg_pool2d(GOOD[0], 2),
        ShapeError,
        r"adaptive_avg_pool2d: .*got \(3, 5, 6\)",
    ),
    "global, rank": (lambda: tj.global_max_pool2d(GOOD[0]), ShapeError, r"global_max_pool2d: .*got \(3, 5, 6\)"),
    "neither size": (lambda: tj.upsample(GOOD), ArgumentError, "upsample: give either size or scale_factor"),
    "both sizes": (lambda: tj.upsample(GOOD, 4, 2.0), ArgumentError, "upsample: give either size or scale_factor"),
    "scale 0": (lambda: tj.upsample(GOOD, scale_factor=0), ArgumentError, "upsample: scale_factor must be .*positive"),
    "tiny scale": (lambda: tj.upsample(GOOD, scale_factor=0.1), ArgumentError, "upsample: .*leaves nothing"),
    "mode": (lambda: tj.upsample(GOOD, 4, mode="linear"), ArgumentError, "upsample: mode .*'bilinear'.*'linear'"),
    "corners": (
        lambda: tj.upsample(GOOD, 4, mode="nearest", align_corners=True),
        ArgumentError,
        "upsample: align_corners is for mode='bilinear'",
    ),
    "huge": (lambda: tj.upsample(GOOD, scale_factor=1e6), ArgumentError, r"upsample: .*GiB"),
    "huge, adaptive": (lambda: tj.adaptive_max_pool2d(GOOD, 10**7), ArgumentError, r"adaptive_max_pool2d: .*GiB"),
    "LRN, size": (lambda: tj.local_response_norm(GOOD, 0), ArgumentError, "local_response_norm: size .*size=0"),
    "LRN, k": (lambda: tj.local_response_norm(GOOD, k=0.0), ArgumentError, "local_response_norm: .*k above 0.*k=0"),
    "LRN, rank": (lambda: tj.local_response_norm(GOOD[0]), ShapeError, r"local_response_norm: .*got \(3, 5, 6\)"),
    "winners of another shape": (
        lambda: tj.max_unpool2d(GOOD, np.zeros((2, 3, 4, 4), int), (10, 12), 2),
        ShapeError,
        r"max_unpool2d: winner .*\(2, 3, 5, 6\), got \(2, 3, 4, 4\)",
    ),
    "numbers for other images": (
        lambda: tj.max_unpool2d(GOOD, np.zeros(GOOD.shape, int), (8, 8), 2),
        ShapeError,
        r"max_unpool2d: .*\(2, 3, 4, 4\), got \(2, 3, 5, 6\)",
    ),
    "winners that are no numbers of pixels": (
        lambda: tj.take_winners2d(GOOD, GOOD, 1),
        DtypeError,
        "take_winners2d: winner must hold whole numbers.*float64",
    ),
    "winners outside the window": (
        lambda: tj.take_winners2d(GOOD, np.full((2, 3, 2, 3), 4), 2),
        ArgumentError,
        "take_winners2d: winner must lie in 0…3",
    ),
    "sums for other images": (
        lambda: tj.sum_unpool2d(GOOD, (8, 8), 2),
        ShapeError,
        r"sum_unpool2d: images of \(8, 8\) have \(4, 4\) windows, got x of shape \(2, 3, 5, 6\)",
    ),
    "a source outside": (
        lambda: tj.resample_nearest(GOOD, [0, -1], 3),
        IndexingError,
        "resample_nearest: source must lie in 0…5, got -1…0",
    ),
    "a source between": (
        lambda: tj.resample_nearest(GOOD, [0.5], 3),
        DtypeError,
        "resample_nearest: source must be .* whole numbers, got float64",
    ),
    "a number": (lambda: tj.max_pool2d(3.0, 2), ShapeError, r"max_pool2d: .*got \(\)"),
    "numbers for no window": (lambda: tj.max_unpool2d(3.0, 0, (2, 2), 2), ShapeError, "max_unpool2d: "),
    "a matrix for another length": (
        lambda: tj.resample(GOOD, np.ones((2, 5))),
        ShapeError,
        r"resample: .*\(2, 3, 5, 6\) and \(2, 5\)",
    ),
}


@pytest.mark.parametrize(("run", "kind", "message"), [pytest.param(*case, id=name) for name, case in REFUSED.items()])
def test_refused(run: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        run()
    assert type(caught.value) is kind
    assert re.match(r"\w+: ", str(caught.value))


@pytest.mark.parametrize("name", WINDOWED)
def test_a_stride_that_is_left_out_is_the_size(name: str) -> None:
    np.testing.assert_array_equal(TABLE[name](GOOD, (2, 3)).numpy(), TABLE[name](GOOD, (2, 3), (2, 3)).numpy())


@pytest.mark.parametrize("name", WINDOWED)
def test_pixels_left_over_are_not_seen(name: str) -> None:
    np.testing.assert_array_equal(TABLE[name](GOOD, 4).numpy(), TABLE[name](GOOD[:, :, :4, :4], 4).numpy())
