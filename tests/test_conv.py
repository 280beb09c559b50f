"""Convolution: the kernels against six loops, what the ops promise, and bad input.

(The derivatives of every row are tested in test_ops.py, and against PyTorch in test_against_torch.py.)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import Tensor, kernels
from tinygrad_jp.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_jp.kernels import choice, columns, convolution, layer, output_size, threads, winograd
from tinygrad_jp.kernels import room as room_module
from tinygrad_jp.kernels.reduction import Reduction
from tinygrad_jp.kernels.room import Room, own_room

Arguments = tuple[tuple[int, int], tuple[tuple[int, int], tuple[int, int]], tuple[int, int], int]


def by_loops(x: np.ndarray, w: np.ndarray, stride: Any, padding: Any, dilation: Any, groups: int) -> np.ndarray:
    """The definition, number by number."""
    padded = np.pad(x.astype(float), ((0, 0), (0, 0), *padding))
    outputs, channels, kh, kw = w.shape
    oh, ow = (
        (n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(padded.shape[2:], dilation, (kh, kw), stride, strict=True)
    )
    out = np.zeros((len(x), outputs, oh, ow))
    for n, o, i, j in np.ndindex(out.shape):
        first = o // (outputs // groups) * channels
        for c, k, l in np.ndindex(channels, kh, kw):  # noqa: E741
            row, column = i * stride[0] + k * dilation[0], j * stride[1] + l * dilation[1]
            out[n, o, i, j] += w[o, c, k, l] * padded[n, first + c, row, column]
    return out


def in_memory(x: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Return `x` with its axes in another order in memory."""
    return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


ORDERS = st.permutations(range(4))


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], Arguments]:
    """Shapes of images and filters, and arguments that fit them."""
    pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731
    groups, channels, outputs = (draw(st.integers(1, 2)) for _ in range(3))
    size, dilation, stride = draw(pair(1, 3)), draw(pair(1, 2)), draw(st.one_of(st.just((1, 1)), pair(1, 3)))
    padding = draw(st.one_of(st.just(((0, 0), (0, 0))), st.tuples(pair(0, 3), pair(0, 3))))
    least = [max(1, d * (k - 1) + 1 - sum(p)) for d, k, p in zip(dilation, size, padding, strict=True)]
    image = [n + draw(st.integers(0, 3)) for n in least]
    x = (draw(st.integers(0, 3)), groups * channels, *image)
    return x, (groups * outputs, channels, *size), (stride, padding, dilation, groups)


def forget() -> None:
    """Forget how convolutions were laid out."""
    columns.tiles.cache_clear()
    convolution._layout.cache_clear()


@pytest.fixture
def fresh() -> Iterator[None]:
    """Lay convolutions out anew, in this test and after it."""
    forget()
    yield
    forget()


@pytest.fixture(params=["whole", "tiles", "rows", "transformed", "im2col"])
def tiling(request: pytest.FixtureRequest, fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in one tile; or tiles of one image or row, shared by threads; transformed if possible; or im2col.

    All but the first also cut products into stretches, and share out carrying gradients back.
    """
    if request.param != "im2col":
        monkeypatch.setattr(choice, "THIN", 0)
    monkeypatch.setattr(columns, "FEW", 2 if request.param == "rows" else 1)
    if request.param != "whole":
        monkeypatch.setattr(columns, "CACHE", 64)
        monkeypatch.setattr(convolution, "CACHE", 64)
        for module, name in (
            (columns, "WORTH_SHARING"),
            (columns, "SHORTEST"),
            (columns, "UNCOPIED"),
            (convolution, "WORTH_SHARING"),
            (convolution, "SHORTEST_SUM"),
        ):
            monkeypatch.setattr(module, name, 1)
    if request.param == "transformed":
        monkeypatch.setattr(winograd, "WIDTHS", range(2, 6))
        for name in ("CHANNELS", "IMAGES", "FEWER"):
            monkeypatch.setattr(winograd, name, 0)


class TestKernels:
    """NumPy's kernels; test_fast.py compares the compiled ones with them."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _numpy(cls) -> Iterator[None]:
        tj.use_fast(False)
        yield
        tj.use_fast(None)

    @pytest.mark.usefixtures("tiling")
    @settings(deadline=None, max_examples=30)
    @given(problems(), ORDERS, st.sampled_from([np.float64, np.float32, np.float16]), st.integers(0, 99))
    @example(((2, 3, 4, 5), (2, 3, 1, 1), ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)), (0, 2, 3, 1), np.float32, 0)
    @example(((2, 1, 4, 5), (7, 1, 3, 2), ((1, 1), ((1, 0), (0, 2)), (1, 1), 1)), (0, 1, 2, 3), np.float64, 0)
    def test_against_the_definition(self, problem: Any, order: Sequence[int], dtype: Any, seed: int) -> None:
        x_shape, w_shape, arguments = problem
        rng = np.random.default_rng(seed)
        x, w = in_memory(rng.normal(size=x_shape).astype(dtype), order), rng.normal(size=w_shape).astype(dtype)
        close = {"rtol": 0, "atol": {2: 0.05, 4: 1e-4, 8: 1e-11}[x.itemsize]}
        out = kernels.conv2d_forward(x, w, *arguments)
        assert out.dtype == dtype
        np.testing.assert_allclose(out, by_loops(x, w, *arguments), **close)

        # the gradients are adjoints: ⟨y, conv(d)⟩ = ⟨gradient(y), d⟩ for every d
        y = in_memory(rng.normal(size=out.shape).astype(dtype), order)
        gx = kernels.conv2d_input_gradient(y, w, x_shape, *arguments)
        gw = kernels.conv2d_weight_gradient(y, x, w_shape, *arguments)
        assert (gx.dtype, gx.shape, gw.dtype, gw.shape) == (dtype, x_shape, dtype, w_shape)
        dx, dw = rng.normal(size=x_shape), rng.normal(size=w_shape)
        wide = y.astype(float)
        for gradient, d, moved in (
            (gx, dx, by_loops(dx, w, *arguments)),
            (gw, dw, by_loops(x, dw, *arguments)),
        ):
            expected, tolerance = float((wide * moved).sum()), 20 * close["atol"]
            assert float((gradient * d).sum()) == pytest.approx(expected, rel=tolerance, abs=tolerance)

    @pytest.mark.usefixtures("tiling")
    @settings(deadline=None, max_examples=20)
    @given(problems(), ORDERS, st.booleans(), st.integers(1, 3), st.integers(0, 99))
    def test_a_layer_against_the_definition(
        self, problem: Any, order: Sequence[int], relu: bool, pool: int, seed: int
    ) -> None:
        """Bias, relu and pooling after the convolution, and their way back before the gradients."""
        (n, c, h, width), w_shape, arguments = problem
        stride, padding, dilation, groups = arguments
        x_shape = (n, c, h + 4 * stride[0], width + 4 * stride[1])  # at least five outputs in a row
        rng = np.random.default_rng(seed)
        x, w, b = in_memory(rng.normal(size=x_shape), order), rng.normal(size=w_shape), rng.normal(size=w_shape[0])
        laid = kernels.windows_on(x_shape[2:], w_shape[2:], stride, padding, dilation)
        after = Reduction(relu, pool)
        out, kept = layer.forward(x, w, b, laid, groups, after)

        maps = by_loops(x, w, *arguments) + b[:, None, None]
        rows, columns_ = (size // pool for size in laid.places)
        whole = (n, len(w), rows, pool, columns_, pool)
        seen = maps[:, :, : rows * pool, : columns_ * pool].reshape(whole).swapaxes(3, 4).reshape(*out.shape, pool**2)
        largest = seen.max(-1)
        np.testing.assert_allclose(out, np.maximum(largest, 0) if relu else largest, atol=1e-11)

        y = in_memory(rng.normal(size=out.shape), order)
        gx, gw, gb = layer.gradients("xwb", y, kept, x, w, x_shape, w_shape, laid, groups, after)
        half = layer.gradients("xwb", y.astype(np.float16), kept, x, w, x_shape, w_shape, laid, groups, after)
        assert {g.dtype for g in half} == {np.dtype(np.float16)}
        first = np.arange(pool**2) == seen.argmax(-1)[..., None]
        back = (y * ((largest > 0) | (not relu)))[..., None] * first
        spread = np.zeros_like(maps)
        inside = back.reshape(n, len(w), rows, columns_, pool, pool).swapaxes(3, 4)
        spread[:, :, : rows * pool, : columns_ * pool] = inside.reshape(n, len(w), rows * pool, columns_ * pool)
        np.testing.assert_allclose(gb, spread.sum((0, 2, 3)), atol=1e-11)
        np.testing.assert_allclose(gb, layer.gradients("b", y, kept, x, w, x_shape, w_shape, laid, groups, after)[0])
        dx, dw = rng.normal(size=x_shape), rng.normal(size=w_shape)
        for gradient, d, moved in ((gx, dx, by_loops(dx, w, *arguments)), (gw, dw, by_loops(x, dw, *arguments))):
            assert float((gradient * d).sum()) == pytest.approx(float((spread * moved).sum()), rel=1e-9, abs=1e-9)

    def test_non_contiguous_images_and_filters(self) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(5, 4, 3, 2)).T, rng.normal(size=(2, 6, 2, 3))[:, ::2, ::-1]
        arguments = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        np.testing.assert_allclose(kernels.conv2d_forward(x, w, *arguments), by_loops(x, w, *arguments), atol=1e-12)

    def test_gradients_element_by_element(self) -> None:
        arguments: Arguments = ((2, 1), ((1, 0), (2, 1)), (1, 2), 2)
        rng = np.random.default_rng(1)
        x, w = rng.normal(size=(2, 4, 5, 6)), rng.normal(size=(4, 2, 3, 2))
        y = rng.normal(size=kernels.conv2d_forward(x, w, *arguments).shape)
        gx = kernels.conv2d_input_gradient(y, w, x.shape, *arguments)
        gw = kernels.conv2d_weight_gradient(y, x, w.shape, *arguments)
        for index in itertools.islice(np.ndindex(x.shape), 0, None, 7):
            unit = np.zeros_like(x)
            unit[index] = 1
            assert gx[index] == pytest.approx((y * by_loops(unit, w, *arguments)).sum(), abs=1e-12)
        for index in itertools.islice(np.ndindex(w.shape), 0, None, 5):
            unit = np.zeros_like(w)
            unit[index] = 1
            assert gw[index] == pytest.approx((y * by_loops(x, unit, *arguments)).sum(), abs=1e-12)

    @pytest.mark.parametrize(
        ("x", "w", "options", "kernel"),
        [
            ((24, 6, 5, 8), (6, 6, 3, 3), {}, "winograd"),
            ((24, 6, 7, 8), (6, 6, 5, 5), {}, "winograd"),
            ((9, 6, 5, 9), (6, 6, 3, 3), {}, "im2col"),
            ((1, 4, 5, 9), (6, 2, 3, 2), {"groups": 2, "stride": (2, 1), "dilation": (1, 2)}, "im2col"),
            ((24, 6, 7, 8), (6, 6, 1, 3), {"stride": (2, 1), "dilation": (2, 1)}, "winograd"),
            ((24, 12, 5, 8), (12, 6, 3, 3), {"groups": 2}, "winograd"),
            ((24, 12, 5, 8), (12, 3, 3, 3), {"groups": 4}, "columns"),
            ((23, 6, 5, 8), (6, 6, 3, 3), {}, "columns"),
            ((24, 5, 5, 8), (6, 5, 3, 3), {}, "columns"),
            ((24, 6, 5, 8), (5, 6, 3, 3), {}, "columns"),
            ((24, 6, 5, 7), (6, 6, 3, 3), {}, "columns"),  # five places, for which eight are computed
            ((24, 6, 5, 8), (6, 6, 3, 1), {}, "columns"),
            ((24, 6, 5, 8), (6, 6, 3, 2), {}, "columns"),
            ((24, 6, 5, 13), (6, 6, 3, 6), {}, "columns"),
            ((24, 6, 5, 13), (6, 6, 3, 3), {"stride": (1, 2)}, "columns"),
            ((24, 6, 5, 12), (6, 6, 3, 3), {"dilation": (1, 2)}, "columns"),
        ],
    )
    @pytest.mark.usefixtures("fresh")
    def test_which_kernel(self, x: Any, w: Any, options: Any, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """And both do the same."""
        arguments = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1} | options
        laid = kernels.windows_on(x[2:], w[2:], *(arguments[k] for k in ("stride", "padding", "dilation")))
        assert choice.choose(laid, *x[:2], w[0], arguments["groups"]) == kernel
        rng = np.random.default_rng(0)
        images, filters = rng.normal(size=x), rng.normal(size=w)
        y = rng.normal(size=(x[0], w[0], *laid.places))

        def passes() -> list[np.ndarray]:
            return [
                kernels.conv2d_forward(images, filters, **arguments),
                kernels.conv2d_input_gradient(y, filters, x, **arguments),
                kernels.conv2d_weight_gradient(y, images, w, **arguments),
            ]

        chosen = passes()
        forget()
        monkeypatch.setattr(convolution, "choose", lambda *_: "columns")
        for ours, other in zip(chosen, passes(), strict=True):
            np.testing.assert_allclose(ours, other, atol=1e-10)

    def test_winograd_loses_few_digits(self) -> None:
        """In float32 within 2e-6, relative to the largest output, of float64."""
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(24, 32, 16, 14)), rng.normal(size=(16, 32, 3, 3))
        arguments: Arguments = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        single = kernels.conv2d_forward(x.astype(np.float32), w.astype(np.float32), *arguments)
        double = kernels.conv2d_forward(x, w, *arguments)
        assert (single != double.astype(np.float32)).any()
        assert np.abs(single - double).max() < 2e-6 * np.abs(double).max()

    @given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 4))
    def test_pieces_are_as_equal_as_can_be(self, n: int, largest: int, multiple: int) -> None:
        cut = threads.pieces(n, largest, multiple)
        lengths = [some.stop - some.start for some in cut]
        assert [i for some in cut for i in range(n)[some]] == list(range(n))
        assert lengths == sorted(lengths, reverse=True)
        assert not lengths or (lengths[0] <= largest and lengths[0] - lengths[-1] <= 1)
        assert len(cut) % multiple == 0 or len(cut) == n

    @given(st.integers(0, 20), st.integers(-5, 5), st.integers(1, 8), st.integers(1, 5), st.integers(1, 6))
    def test_a_line_is_cut_where_its_blocks_end(
        self, length: int, start: int, blocks: int, step: int, size: int
    ) -> None:
        line, seen = np.arange(length), np.full((blocks, size), -1)
        for some, first, inside in winograd.cut_line(length, start, blocks, step, size):
            for number in range(blocks)[some]:
                begin = first + (number - some.start) * step
                seen[number, inside] = line[begin : begin + inside.stop - inside.start]
        places = start + step * np.arange(blocks)[:, None] + np.arange(size)
        np.testing.assert_array_equal(seen, np.where((places >= 0) & (places < length), places, -1))

    @pytest.mark.parametrize("n", [0, 1, 2, 7, 100])
    @pytest.mark.parametrize("cache", [1, 3_000, 2**20])
    @pytest.mark.parametrize("multiple", [1, 2, 3])
    @pytest.mark.parametrize("whole", [True, False])
    @pytest.mark.usefixtures("fresh")
    def test_tiles_cover_everything_once(
        self, n: int, cache: int, multiple: int, whole: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(columns, "CACHE", cache)
        monkeypatch.setattr(columns, "WORTH_SHARING", 1)
        monkeypatch.setattr(columns, "workers", lambda: 3)
        seen = np.zeros((n, 7), int)
        for images, rows in columns.tiles(n, 7, 100, 1, multiple, whole):
            seen[images, rows] += 1
            assert rows.start % multiple == 0
            assert (rows == slice(0, 7)) or not whole
        assert (seen == 1).all()

    def test_the_blas_gets_its_threads_back(self, threads_of_blas: Callable[[], int]) -> None:
        with threads.one_blas_thread(), threads.one_blas_thread():
            assert threads_of_blas() == 1
        with pytest.raises(ZeroDivisionError), threads.one_blas_thread():
            raise ZeroDivisionError
        assert threads_of_blas() == 2


class TestMemory:
    def test_results_lie_as_the_next_layer_reads_them(self) -> None:
        """Rows, channels, columns, images: from one layer to the next, and on the way back."""
        rng = np.random.default_rng(0)
        x, w, ones = rng.normal(size=(5, 2, 8, 6)), rng.normal(size=(3, 2, 3, 3)), np.ones((4, 3, 1, 1))
        arguments = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        tj.use_fast(False)
        try:
            maps = kernels.conv2d_forward(x, w, *arguments)
            pooled = tj.max_pool2d(tj.relu(maps), 2).numpy()
            pixels = tj.conv2d(pooled, ones).numpy()
            spread = tj.max_unpool2d(np.ones((5, 3, 4, 3)), tj.argmax_pool2d(maps, 2), (8, 6), 2).numpy()
            images = kernels.conv2d_input_gradient(spread, w, x.shape, *arguments)
        finally:
            tj.use_fast(None)
        for array in (maps, pooled, pixels, spread, images):
            assert array.transpose(2, 1, 3, 0).flags.c_contiguous

    @pytest.mark.parametrize(
        ("shape", "padding"), [((24, 6, 8, 8), (7, 9)), ((24, 6, 5, 0), (1, 4)), ((24, 6, 9, 1), (1, 6))]
    )
    def test_transformed_rows_without_pixels_hold_nothing(self, shape: tuple[int, ...], padding: Any) -> None:
        """Blocks of padding alone, and images without columns: no number of the call before is left."""
        rng = np.random.default_rng(0)
        w = rng.normal(size=(6, 6, 3, 3))
        arguments = ((1, 1), tuple((p, p) for p in padding), (1, 1), 1)
        tj.use_fast(False)
        try:
            kernels.conv2d_forward(rng.normal(size=(24, 6, 20, 20)), w, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
            every_other = rng.normal(size=(2 * shape[2], *shape[1::2], 24))[::2].transpose(3, 1, 0, 2)
            found = kernels.conv2d_forward(every_other, w, *arguments)
        finally:
            tj.use_fast(None)
        np.testing.assert_allclose(found, by_loops(every_other, w, *arguments), atol=1e-10)

    def test_a_thread_computes_in_the_same_memory_again(self) -> None:
        f4 = np.dtype(np.float32)
        with own_room(f4) as room:
            array = room("columns", 3, 4)
            with own_room(f4) as inner:
                assert inner is not room
        with own_room(f4) as again:
            assert np.shares_memory(again("columns", 2, 3), array)
        with own_room(np.dtype(float)) as other:
            assert other("columns", 2).dtype == np.dtype(float)

    def test_a_smaller_array_lies_in_the_larger_one(self) -> None:
        room = Room(np.dtype(float))
        large, small = room("columns", 3, 4), room("columns", 2, 5)
        assert np.shares_memory(large, small)
        assert not np.shares_memory(large, room("product", 3, 4))
        assert room.nbytes == 2 * 12 * 8

    def test_much_memory_is_given_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room_module, "KEPT", 100)
        for size, same in ((12, True), (13, False)):
            with own_room(np.dtype(float)) as room:
                room("columns", size)
            with own_room(np.dtype(float)) as again:
                assert (again is room) is same

    def test_memory_is_given_back_after_an_error(self) -> None:
        with pytest.raises(ZeroDivisionError), own_room(np.dtype(float)) as room:
            raise ZeroDivisionError
        with own_room(np.dtype(float)) as again:
            assert again is room

    def test_threads_have_memory_of_their_own(self) -> None:
        def lent() -> Room:
            with own_room(np.dtype(float)) as room:
                return room

        with ThreadPoolExecutor(1) as other:
            there, again = other.submit(lent).result(), other.submit(lent).result()
        assert there is again
        assert there is not lent()


class TestOutputSize:
    """The book, equation 7.1 and the examples of section 7.2.4."""

    @pytest.mark.parametrize(
        ("size", "window", "stride", "pad", "expected"),
        [(4, 3, 1, 1, 4), (7, 3, 2, 0, 3), (28, 5, 3, 2, 10), (31, 5, 3, 2, 11)],
    )
    def test_the_books_examples(self, size: int, window: int, stride: int, pad: int, expected: int) -> None:
        assert output_size(size, window, stride, pad) == expected

    def test_a_remainder_is_rounded_down_unless_strict(self) -> None:
        assert output_size(28, 5, 2, 2) == 14
        with pytest.raises(
            ShapeError, match=r"\(28 \+ 2·2 − 5\) / 2 \+ 1 = 14\.5.*last 1 of 32 elements are never seen"
        ):
            output_size(28, 5, 2, 2, strict=True)

    def test_dilation_and_uneven_padding(self) -> None:
        assert output_size(10, 3, 1, (1, 2), dilation=4) == 5
        with pytest.raises(ShapeError, match=r"\(10 \+ 1 \+ 2 − 5\) / 3 \+ 1 = 3\.66"):
            output_size(10, 3, 3, (1, 2), dilation=2, strict=True)


class TestIm2col:
    def test_shapes_of_the_book(self) -> None:
        """Section 7.4.3."""
        assert tj.im2col(np.zeros((1, 3, 7, 7)), 5, 5, stride=1, pad=0).shape == (9, 75)
        assert tj.im2col(np.zeros((10, 3, 7, 7)), 5, 5, stride=1, pad=0).shape == (90, 75)

    def test_a_row_is_a_window(self) -> None:
        x = np.arange(2 * 2 * 4 * 5.0).reshape(2, 2, 4, 5)
        rows = tj.im2col(x, 2, 3, stride=(2, 1), pad=(0, 1), dilation=(1, 2)).numpy()
        padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1)))
        expected = [padded[n, :, i : i + 2, j : j + 5 : 2].ravel() for n in range(2) for i in (0, 2) for j in range(3)]
        np.testing.assert_array_equal(rows, expected)


class TestConv2d:
    def test_the_books_numbers(self) -> None:
        """Figure 7-3 (a 4×4 image and a 3×3 filter), figure 7-5 (a bias), and the padding of figure 7-6."""
        image = np.array([[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]], float).reshape(1, 1, 4, 4)
        filters = np.array([[2, 0, 1], [0, 1, 2], [1, 0, 2]], float).reshape(1, 1, 3, 3)
        assert tj.conv2d(image, filters).numpy()[0, 0].tolist() == [[15, 16], [6, 15]]
        assert (tj.conv2d(image, filters) + np.full((1, 1, 1), 3.0)).numpy()[0, 0].tolist() == [[18, 19], [9, 18]]
        assert tj.conv2d(image, filters, padding=1).shape == (1, 1, 4, 4)

    def test_padding_in_all_its_forms(self) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(2, 2, 5, 4)), rng.normal(size=(3, 2, 4, 2))
        for padding, widths in (
            (1, ((1, 1), (1, 1))),
            ((2, 1), ((2, 2), (1, 1))),
            (((2, 0), (0, 1)), ((2, 0), (0, 1))),
            ("same", ((1, 2), (0, 1))),
        ):
            expected = tj.conv2d(np.pad(x, ((0, 0), (0, 0), *widths)), w)
            np.testing.assert_allclose(tj.conv2d(x, w, padding=padding).numpy(), expected.numpy(), atol=1e-12)
        assert tj.conv2d(x, w, padding="same").shape == (2, 3, 5, 4)
        assert tj.conv2d(x, w, padding="same", dilation=(2, 3)).shape == (2, 3, 5, 4)

    def test_groups_are_convolutions_side_by_side(self) -> None:
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(2, 6, 5, 4)), rng.normal(size=(9, 2, 3, 2))
        parts = [tj.conv2d(x[:, 2 * i : 2 * i + 2], w[3 * i : 3 * i + 3]) for i in range(3)]
        expected = np.concatenate([part.numpy() for part in parts], 1)
        np.testing.assert_allclose(tj.conv2d(x, w, groups=3).numpy(), expected, atol=1e-12)

    def test_only_the_gradient_that_is_needed_is_computed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        x, w = np.ones((1, 1, 4, 4)), Tensor(np.ones((2, 1, 3, 3)), requires_grad=True)
        monkeypatch.setattr(kernels, "conv2d_input_gradient", lambda *_: pytest.fail("nobody needs this"))
        tj.conv2d(x, w).sum().backward()
        assert w.grad.numpy().tolist() == np.full((2, 1, 3, 3), 4.0).tolist()

    def test_third_derivative(self) -> None:
        """Of x * w * w in a direction: products of three factors, so order three is where the last one vanishes."""
        rng = np.random.default_rng(0)
        x = Tensor(rng.normal(size=(1, 1, 4, 3)), requires_grad=True)
        w = Tensor(rng.normal(size=(1, 1, 2, 2)), requires_grad=True)
        y = tj.conv2d(tj.conv2d(x, w, padding=1), w).sum()
        (first,) = tj.grad(y, [w], create_graph=True)
        (second,) = tj.grad(first.sum(), [w], create_graph=True)
        (third,) = tj.grad(second.sum(), [x])
        # each derivative in the direction of ones replaces a filter by ones: 2 ways to choose the order
        ones = np.ones((1, 1, 2, 2))
        (expected,) = tj.grad(2 * tj.conv2d(tj.conv2d(x, ones, padding=1), ones).sum(), [x])
        np.testing.assert_allclose(third.numpy(), expected.numpy(), atol=1e-12)

    def test_half_precision_is_computed_in_single(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A sum of 4,096 ones, a tile each, of which float16 would lose half: there 2,048 + 1 is 2,048."""
        monkeypatch.setattr(columns, "IMAGES", 1)
        monkeypatch.setattr(columns, "FEW", 1)
        monkeypatch.setattr(threads, "threads", lambda: 1)
        x, y = np.ones((4096, 1, 1, 1), np.float16), np.ones((4096, 1, 1, 2), np.float16)
        gradient = tj.conv2d_weight_gradient(y, x, (1, 1, 1, 1), padding=((0, 0), (0, 1)))
        assert gradient.dtype == np.float16
        assert gradient.item() == 4096

    def test_with_primitives_the_book_is_seen(self) -> None:
        from tinygrad_jp.tape import topological_order

        x, w = (Tensor(np.ones(s), requires_grad=True) for s in ((1, 2, 4, 5), (3, 2, 2, 3)))
        with tj.primitives():
            y = tj.conv2d(x, w)
        names = [node.plan.op.name for node in topological_order(y._node)]
        assert {"im2col", "dot", "reshape", "transpose"} == set(names)


class TestTransposed:
    def test_a_pixel_stamps_its_filter(self) -> None:
        x = np.zeros((1, 1, 2, 2))
        x[0, 0, 0, 1] = 2.0
        w = np.arange(6.0).reshape(1, 1, 2, 3)
        out = tj.conv_transpose2d(x, w, stride=(2, 3)).numpy()[0, 0]
        expected = np.zeros((4, 6))
        expected[:2, 3:] = 2 * w[0, 0]
        np.testing.assert_array_equal(out, expected)

    @pytest.mark.parametrize("extra", [0, 1])
    def test_output_padding_says_which_size(self, extra: int) -> None:
        """A convolution with stride 2 makes 3×3 of 7×7 and of 8×8; transposed, output_padding tells them apart."""
        w = np.ones((1, 1, 3, 3))
        out = tj.conv_transpose2d(np.ones((1, 1, 3, 3)), w, stride=2, output_padding=extra)
        assert out.shape == (1, 1, 7 + extra, 7 + extra)
        assert tj.conv2d(out, w, stride=2).shape == (1, 1, 3, 3)


def images(*shape: int, dtype: Any = float) -> np.ndarray:
    return np.ones(shape, dtype)


X, W = images(2, 3, 5, 6), images(4, 3, 2, 3)
BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "larger kernel": (
        lambda: tj.conv2d(X, images(4, 3, 8, 3), padding=1),
        ShapeError,
        r"^conv2d: .*covers 8 elements, the axis has 7, padding included: equation 7\.1 gives \(5 \+ 2·1 − 8\) / 1",
    ),
    "dilated kernel": (lambda: tj.conv2d(X, W, dilation=(1, 4)), ShapeError, r"^conv2d: .*covers 9 .*axis has 6"),
    "strict": (
        lambda: tj.conv2d(X, W, stride=2, strict=True),
        ShapeError,
        r"^conv2d: .*\(5 \+ 2·0 − 2\) / 2 \+ 1 = 2\.5, no whole number",
    ),
    "channels": (
        lambda: tj.conv2d(X, images(4, 2, 2, 3)),
        ShapeError,
        r"^conv2d: x of shape \(2, 3, 5, 6\) has 3 channels \(axis 1 of N, C, H, W\), but w of shape \(4, 2, 2, 3\)",
    ),
    "layout": (
        lambda: tj.conv2d(images(2, 5, 6, 3), W),
        ShapeError,
        r"^conv2d: .*has 5 channels.*is for 3; x looks like \(N, H, W, C\): use x\.transpose\(0, 3, 1, 2\)",
    ),
    "rank": (
        lambda: tj.conv2d(images(5, 6), W),
        ShapeError,
        r"^conv2d: needs x of shape \(N, C, H, W\) and w of shape \(O, C / groups, KH, KW\), got \(5, 6\) and",
    ),
    "groups": (
        lambda: tj.conv2d(X, images(4, 1, 2, 3), groups=2),
        ShapeError,
        r"^conv2d: 2 groups need numbers of channels that they divide, got x of shape \(2, 3, 5, 6\) with 3",
    ),
    "filters of groups": (
        lambda: tj.conv2d(X, images(4, 1, 2, 3), groups=3),
        ShapeError,
        r"^conv2d: 3 groups .* with 4 filters",
    ),
    "no groups": (lambda: tj.conv2d(X, W, groups=0), ArgumentError, r"^conv2d: groups .*at least 1, got 0"),
    "negative padding": (lambda: tj.conv2d(X, W, padding=-1), ArgumentError, r"^conv2d: padding .*at least 0, got -1"),
    "padding": (lambda: tj.conv2d(X, W, padding="full"), ArgumentError, r"^conv2d: unknown padding 'full'"),
    "padding of three": (lambda: tj.conv2d(X, W, padding=(1, 1, 1)), ArgumentError, r"^conv2d: padding must be a"),
    "same with stride": (
        lambda: tj.conv2d(X, W, stride=2, padding="same"),
        ArgumentError,
        r"^conv2d: padding=\"same\" needs stride 1, got \(2, 2\)",
    ),
    "stride 0": (lambda: tj.conv2d(X, W, stride=0), ArgumentError, r"^conv2d: stride must be at least 1, got 0"),
    "stride 1.5": (lambda: tj.conv2d(X, W, stride=1.5), ArgumentError, r"^conv2d: stride must be a whole number"),
    "dilation 0": (lambda: tj.conv2d(X, W, dilation=(1, 0)), ArgumentError, r"^conv2d: dilation .*at least 1"),
    "integer images": (
        lambda: tj.conv2d(images(2, 3, 5, 6, dtype=np.uint8), W),
        DtypeError,
        r"^conv2d: x must hold floating-point numbers, got uint8; use x\.astype\(np\.float32\), .*divided by 255",
    ),
    "integer filters": (lambda: tj.conv2d(X, W.astype(int)), DtypeError, r"^conv2d: w must hold floating"),
    "memory": (
        lambda: tj.conv2d(X, W, padding=10**6),
        ArgumentError,
        r"^conv2d: the result of shape \(2, 4, 2000004, 2000004\) would need 238,419.5 GiB of memory, this",
    ),
    "memory of im2col": (lambda: tj.im2col(X, 3, 3, pad=10**6), ArgumentError, r"^im2col: .* GiB of memory"),
    "memory of the transposed": (
        lambda: tj.conv_transpose2d(X, images(3, 4, 2, 3), stride=10**6),
        ArgumentError,
        r"^conv_transpose2d: .* GiB of memory",
    ),
    "no channels": (
        lambda: tj.conv2d(images(2, 0, 5, 5), images(3, 0, 3, 3)),
        ShapeError,
        r"^conv2d: needs at least one channel and one filter, got x of shape \(2, 0, 5, 5\)",
    ),
    "no filters": (
        lambda: tj.conv_layer(X, images(0, 3, 3, 3), np.zeros(0)),
        ShapeError,
        r"^conv_layer: needs at least one channel and one filter",
    ),
    "conv1d: rank": (lambda: tj.conv1d(X, images(4, 3, 2)), ShapeError, r"^conv1d: needs x of shape \(N, C, L\)"),
    "conv1d: channels": (lambda: tj.conv1d(images(2, 3, 5), images(4, 2, 2)), ShapeError, r"^conv1d: .* 3 channels"),
    "conv1d: stride": (
        lambda: tj.conv1d(images(2, 3, 5), images(4, 3, 2), stride=(1, 2)),
        ArgumentError,
        r"^conv1d: stride and dilation are one whole number each",
    ),
    "transposed: channels": (
        lambda: tj.conv_transpose2d(X, W),
        ShapeError,
        r"^conv_transpose2d: x .* 3 channels .*\(C, O / groups, KH, KW\) with groups=1, is for 4",
    ),
    "transposed: output_padding": (
        lambda: tj.conv_transpose2d(X, images(3, 4, 2, 3), stride=2, output_padding=2),
        ArgumentError,
        r"^conv_transpose2d: output_padding must be smaller than stride",
    ),
    "transposed: padding": (
        lambda: tj.conv_transpose2d(X, images(3, 4, 2, 3), padding=4),
        ShapeError,
        r"^conv_transpose2d: padding \(4, 4\) leaves nothing",
    ),
    "input gradient": (
        lambda: tj.conv2d_input_gradient(images(2, 4, 5, 4), W, X.shape),
        ShapeError,
        r"^conv2d_input_gradient: the gradient of an output of shape \(2, 4, 4, 4\) cannot have shape \(2, 4, 5, 4\)",
    ),
    "weight gradient": (
        lambda: tj.conv2d_weight_gradient(images(2, 5, 4, 4), X, W.shape),
        ShapeError,
        r"^conv2d_weight_gradient: the gradient of an output of shape \(2, 4, 4, 4\) cannot have shape",
    ),
}


@pytest.mark.parametrize(("run", "kind", "message"), [pytest.param(*case, id=name) for name, case in BAD.items()])
def test_bad_input(run: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        run()
    assert type(caught.value) is kind


def test_options_may_be_lists_on_the_way_back_too() -> None:
    """They cannot be looked up among the geometries that are known."""
    x, w = (tj.Tensor(np.ones(shape), requires_grad=True) for shape in ((1, 1, 6, 6), (2, 1, 3, 3)))
    tj.conv_layer(x, w, np.zeros(2), stride=[1, 2], padding=[1, 1]).sum().backward()
    again = tj.Tensor(np.ones((1, 1, 6, 6)), requires_grad=True)
    tj.conv_layer(again, w, np.zeros(2), stride=(1, 2), padding=(1, 1)).sum().backward()
    np.testing.assert_array_equal(x.grad, again.grad)


def test_long_doubles_are_computed_by_numpy() -> None:
    """Also where the extra [fast] is installed, which does not know them."""
    x, w, b = (Tensor(np.ones(s, np.longdouble), requires_grad=True) for s in ((2, 3, 6, 6), (4, 3, 3, 3), (4,)))
    y = tj.conv_layer(x, w, b, relu=True, pool=2)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == w.grad.dtype == b.grad.dtype == np.longdouble
    np.testing.assert_array_equal(y.numpy(), np.full((2, 4, 2, 2), 28))
    np.testing.assert_array_equal(b.grad.numpy(), [8] * 4)
    normal = tj.batch_norm(x, np.ones(3, np.longdouble), np.ones(3, np.longdouble), relu=True)
    normal.sum().backward()
    assert normal.dtype == np.longdouble


@pytest.mark.parametrize("options", [{"stride": (1.0, 1.0)}, {"dilation": (1.0, 1.0)}, {"padding": (1.0, 1.0)}])
def test_pairs_that_are_refused_are_refused_also_after_equal_ones(options: dict[str, Any]) -> None:
    x, w = np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    whole = {name: tuple(int(n) for n in pair) for name, pair in options.items()}
    tj.conv2d(Tensor(x, requires_grad=True), w, **whole).sum().backward()
    with pytest.raises(ArgumentError, match="must be a whole number or a pair of them"):
        tj.conv2d(x, w, **options)
    with pytest.raises(ArgumentError, match="must be a whole number or a pair of them"):
        tj.conv_layer(x, w, np.zeros(1), **options)
