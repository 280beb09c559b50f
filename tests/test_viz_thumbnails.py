"""Thumbnails: what the small pictures show, that their files are valid, and how pictures use them."""

from __future__ import annotations

import base64
import re
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_jp as tj
from tinygrad_jp import Tensor, nn, viz
from tinygrad_jp.viz import render as rendering
from tinygrad_jp.viz import thumbnails
from tinygrad_jp.viz.parts import Look
from tinygrad_jp.viz.thumbnails import GAP, LEVELS, MAGENTA, MOST, NONFINITE, Thumbnail, thumbnail


def decoded(content: bytes) -> np.ndarray:
    """Read a PNG file of 8-bit indices, and return its colours: red, green, blue, opacity."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack(">I", content[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour_type = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour_type) == (8, 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    opacity = np.frombuffer(chunks[b"tRNS"], np.uint8)[:, None]
    assert rows[:, 1:].max() < len(palette)
    return np.hstack([palette, opacity])[rows[:, 1:]]


def drawn(array: object, look: Look = "signed") -> Thumbnail:
    found = thumbnail(array, look)
    assert found is not None
    return found


def colours(array: object, look: Look = "signed") -> np.ndarray:
    return decoded(drawn(array, look).png())[..., :3].astype(int)


class TestStyles:
    def test_an_image_is_grey_from_its_least_value_to_its_greatest(self) -> None:
        shown = colours([[2.0, 3.0], [4.0, 6.0]], "image")
        assert shown[..., 0].tolist() == [[0, 63], [128, 255]]
        assert (shown == shown[..., :1]).all()

    def test_heat_maps_are_white_at_zero_and_symmetric(self) -> None:
        blue, red, white, pale = colours([[-4.0, 4.0], [0.0, 2.0]]).reshape(4, 3)
        assert white.tolist() == [255, 255, 255]
        assert blue.tolist() == list(thumbnails.BLUE)
        assert red.tolist() == list(thumbnails.RED)
        assert abs(pale - (red + 255) / 2).max() <= 1

    def test_a_vector_is_drawn_as_bars(self) -> None:
        found = drawn([2.0, -1.0])
        up, down = (
            (found.pixels == thumbnails.POSITIVE).any(1).sum(),
            (found.pixels == thumbnails.NEGATIVE).any(1).sum(),
        )
        assert found.style == "bars"
        assert up == pytest.approx(2 * down, abs=2)
        assert (found.pixels[:, 0] == thumbnails.POSITIVE).any()
        assert not (found.pixels[:, 0] == thumbnails.NEGATIVE).any()
        assert (found.pixels[:, -1] == thumbnails.NEGATIVE).any()

    def test_of_a_vector_of_zeros_only_the_line_is_seen(self) -> None:
        levels = set(drawn(np.zeros(50)).pixels.ravel().tolist())
        assert levels == {GAP, LEVELS // 2}

    @pytest.mark.parametrize("shape", [(5,), (1, 5), (5, 1), (1, 1, 5, 1), (1,)])
    def test_vectors_have_one_axis_that_is_longer_than_1(self, shape: tuple[int, ...]) -> None:
        assert drawn(np.ones(shape)).style == "bars"

    def test_nan_and_infinities_are_magenta(self) -> None:
        for look in ("image", "weight", "signed"):
            shown = colours([[1.0, np.nan], [np.inf, -np.inf]], look)
            assert (shown == MAGENTA).all(-1).tolist() == [[False, True], [True, True]]
        assert (colours([1.0, np.nan, 2.0]) == MAGENTA).all(-1).any(0).sum() == 2  # a bar is two pixels wide

    def test_one_nan_among_many_elements_is_seen(self) -> None:
        array = np.ones((300, 300))
        array[17, 250] = np.nan
        for look in ("image", "signed"):
            assert (drawn(array, look).pixels == NONFINITE).sum() == 1

    def test_the_farthest_from_zero_stands_for_its_neighbours(self) -> None:
        array = np.full((4 * MOST, 4 * MOST), 0.01)
        array[0, 1] = -1.0
        levels = drawn(array).pixels
        assert levels.shape == (MOST, MOST)
        assert levels[0, 0] == 0
        assert (levels.ravel()[1:] >= LEVELS // 2).all()

    def test_in_images_the_mean_does(self) -> None:
        array = np.zeros((2 * MOST, MOST))
        array[0], array[-2:] = 1.0, 1.0
        assert drawn(array, "image").pixels[[0, 1, -1], 0].tolist() == [LEVELS // 2, 0, LEVELS - 1]


class TestWhichPart:
    def test_of_feature_maps_some_channels_of_the_first_example(self) -> None:
        array = np.zeros((2, 6, 3, 3))
        array[0, :4] = np.arange(4)[:, None, None]
        array[1] = 99
        assert sorted(set(drawn(array, "image").pixels.ravel().tolist())) == [0, 83, 167, LEVELS - 1, GAP]

    def test_of_filters_the_first_channels_of_some(self) -> None:
        array = np.zeros((20, 3, 2, 2))
        array[:, 0] = np.arange(20)[:, None, None]
        array[:, 1] = 99
        assert len(set(drawn(array, "weight").pixels.ravel().tolist()) - {GAP}) == thumbnails.FILTERS

    def test_of_one_image_its_channels(self) -> None:
        assert drawn(np.ones((3, 5, 5)), "image").pixels.shape == (11, 11)

    def test_axes_of_length_1_at_the_end_are_left_out(self) -> None:
        np.testing.assert_array_equal(
            drawn(np.arange(6.0).reshape(2, 3, 1, 1)).pixels, drawn(np.arange(6.0).reshape(2, 3)).pixels
        )

    def test_what_has_no_elements_has_no_picture(self) -> None:
        assert thumbnail(np.ones((0, 3))) is None


class TestSize:
    @pytest.mark.parametrize(
        ("shape", "size"),
        [((28, 28), (48, 48)), ((10, 20), (48, 24)), ((784, 50), (48, 48)), ((2, 4000), (48, 12)), ((50, 2), (12, 48))],
    )
    def test_longest_side_is_48_points_and_no_side_is_too_short(
        self, shape: tuple[int, int], size: tuple[int, int]
    ) -> None:
        found = drawn(np.ones(shape))
        assert abs(found.width - size[0]) <= 12
        assert abs(found.height - size[1]) <= 12
        assert max(found.width, found.height) == 48
        assert min(found.width, found.height) >= 12

    def test_few_elements_become_large_pixels_where_a_viewer_would_blur_them(self) -> None:
        small, sharp = (decoded(drawn(np.arange(6.0).reshape(2, 3)).png(least)) for least in (1, 100))
        np.testing.assert_array_equal(sharp, small.repeat(50, 0).repeat(50, 1))

    def test_a_hundred_million_elements_are_not_all_read(self) -> None:
        array = np.broadcast_to(np.float32(1), (10_000, 10_000))
        assert drawn(array).pixels.shape == (MOST, MOST)


ANY = hnp.arrays(
    st.sampled_from([np.dtype(t) for t in ("f4", "f8", "i8", "u1", "?", "f2")]),
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7),
)


@settings(deadline=None)
@given(ANY, st.sampled_from(["image", "weight", "signed"]))
def test_any_array_gives_a_valid_file(array: np.ndarray, look: Look) -> None:
    found = thumbnail(array, look)
    assert (found is None) == (not array.size)
    if found is not None:
        shown = decoded(found.png())
        assert shown.shape[:2] == found.pixels.shape
        magenta = (shown[..., :3] == MAGENTA).all(-1)
        if np.isfinite(array.astype(float)).all():
            assert not magenta.any()
        assert found.name == drawn(array.copy(), look).name


@settings(deadline=None)
@given(hnp.arrays(np.float64, (4, 5), elements=st.floats(-1e300, 1e300)))
def test_heat_maps_turn_round_with_the_sign(array: np.ndarray) -> None:
    one, other = drawn(array).pixels.astype(int), drawn(-array).pixels.astype(int)
    assert abs(one + other - (LEVELS - 1)).max() <= 1


# ---------------------------------------------------------------------------------------------- in pictures


def network() -> tuple[Tensor, nn.Module]:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 10))
    x = np.random.default_rng(0).normal(size=(2, 1, 6, 6)).astype(np.float32)
    with tj.keep_values():
        loss = tj.softmax_cross_entropy(net(Tensor(x, name="x")), [3, 1])
    loss.backward()
    return loss, net


def pictures(drawn: viz.Graph) -> list[bytes]:
    found = re.findall(r'<image xlink:href="data:image/png;base64,([^"]+)"', drawn.svg)
    return [base64.b64decode(text) for text in found]


class TestInPictures:
    def test_kept_values_and_gradients_have_pictures(self) -> None:
        loss, _ = network()
        found = pictures(viz.graph(loss))
        # values: x, filters, convolution with relu, flat, W, b, scores (3 biases stay numbers); gradients: all but x's
        assert len(found) == 7 + 6
        assert all(decoded(content).size for content in found)

    def test_without_keep_values_they_are_drawn_only_on_request_and_only_where_known(self) -> None:
        x, w = Tensor(np.ones((5, 8)), name="x"), Tensor(np.ones((8, 4)), requires_grad=True, name="W")
        loss = x.dot(w).sum()
        loss.backward()
        assert not pictures(viz.graph(loss))
        assert len(pictures(viz.graph(loss, show="thumbnails"))) == 1  # W; all else of that size is not kept

    def test_a_module_is_run_so_that_all_is_known(self) -> None:
        _, net = network()
        x = np.ones((1, 1, 6, 6), np.float32)
        assert not pictures(viz.graph(net, x))
        assert len(pictures(viz.graph(net, x, show="thumbnails"))) == 5

    def test_small_values_stay_numbers(self) -> None:
        with tj.keep_values():
            y = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x") * 2.0
        drawn = viz.graph(y)
        assert not pictures(drawn)
        assert "1 2<br/>3 4" in drawn.dot

    def test_large_kept_values_are_not_written_out(self) -> None:
        loss, _ = network()
        for show in ("values", "shapes", "both", "numbers"):
            assert "(2, 3, 4, 4)" in viz.graph(loss, show=show).dot
            assert len(viz.graph(loss, show=show).dot) < 20_000

    def test_gradients_are_told_by_their_norms_too(self) -> None:
        loss, net = network()
        weight = next(iter(net.parameters()))
        assert weight.grad is not None
        norm = float(np.linalg.norm(weight.grad.numpy()))
        assert f"|∇| {viz.scene.number(norm)}" in viz.graph(loss).dot

    def test_a_weight_is_drawn_as_it_was_when_it_was_read(self) -> None:
        w = Tensor(np.arange(20.0), requires_grad=True, name="w")
        with tj.keep_values():
            y = (w * w).sum()
        before = viz.graph(y).dot
        with tj.no_grad():
            w -= 100.0
        assert viz.graph(y).dot == before

    def test_an_image_is_grey_even_if_it_takes_part_in_the_gradient(self) -> None:
        for learned, style in ((False, "grey"), (True, "grey")):
            x = Tensor(np.random.default_rng(0).normal(size=(1, 1, 8, 8)), requires_grad=learned, name="x")
            w = Tensor(np.ones((1, 1, 3, 3)), requires_grad=True, name="W")
            drawn = viz.graph(tj.conv2d(x, w), show="thumbnails")
            assert drawn._thumbnails[re.findall(r"thumbnail-\w+\.png", drawn.dot)[0]].style == style


class TestFiles:
    def test_svg_is_complete_in_itself(self) -> None:
        svg = viz.graph(network()[0]).svg
        assert "thumbnail-" not in svg
        assert not re.search(r'(?:href|src)="(?!data:)', svg)
        assert "image-rendering:pixelated" in svg
        assert 'preserveAspectRatio="none"' in svg

    def test_beside_dot_text_lie_its_pictures(self, tmp_path: Path) -> None:
        drawn = viz.graph(network()[0])
        drawn.save(tmp_path / "x.dot")
        named = set(re.findall(r'src="([^"]+)"', drawn.dot))
        assert {path.name for path in tmp_path.iterdir()} == named | {"x.dot"}

    @pytest.mark.parametrize("renderer", ["program", "wheel"])
    def test_both_ways_to_draw_know_them(self, renderer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        if renderer == "program" and rendering.shutil.which("dot") is None:
            pytest.skip("no dot program")
        if renderer == "wheel":
            pytest.importorskip("pygraphviz")
            monkeypatch.setattr(rendering.shutil, "which", lambda _: None)
        monkeypatch.setenv("TMPDIR", str(tmp_path / "a folder with 'spaces'"))
        (tmp_path / "a folder with 'spaces'").mkdir()
        monkeypatch.setattr(rendering.tempfile, "tempdir", None)
        x = Tensor(np.random.default_rng(0).random((30, 30)), requires_grad=True)
        with_picture, without = (viz.graph(x.sum(), show=show) for show in ("thumbnails", "shapes"))
        assert len(pictures(with_picture)) == 1
        assert b"/Subtype /Image" in with_picture.save(tmp_path / "x.pdf").read_bytes()
        assert b"/Subtype /Image" not in without.save(tmp_path / "y.pdf").read_bytes()
        sizes = [len(drawn.save(tmp_path / "x.png").read_bytes()) for drawn in (with_picture, without)]
        assert sizes[0] > sizes[1] + 1000  # 900 grey values
        assert not list((tmp_path / "a folder with 'spaces'").iterdir())

    def test_a_program_that_fails_leaves_no_files(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(rendering.shutil, "which", lambda _: "dot")
        monkeypatch.setattr(rendering, "IN_PROCESS", 0)
        monkeypatch.setattr(rendering.tempfile, "tempdir", str(tmp_path))

        def fail(*_: object, **__: object) -> None:
            raise subprocess.TimeoutExpired("dot", 1)

        monkeypatch.setattr(rendering.subprocess, "run", fail)
        with pytest.raises(viz.GraphvizError, match="no layout after 120 s"):
            viz.graph(network()[0]).svg  # noqa: B018
        assert not list(tmp_path.iterdir())
