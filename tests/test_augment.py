"""Augmentation of images, one-hot labels, normalization and whitening."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_jp.data import (
    Augmentation,
    Compose,
    DataLoader,
    Normalize,
    RandomAffine,
    RandomCrop,
    RandomFlip,
    Whiten,
    affine,
    augment,
    crop,
    flip,
    mnist,
    one_hot,
)
from tinygrad_jp.errors import ArgumentError, CallError, DtypeError, ShapeError

SHAPES = hnp.array_shapes(min_dims=3, max_dims=4, min_side=1, max_side=7)
IMAGES = st.sampled_from([np.float32, np.float64, np.uint8]).flatmap(
    lambda dtype: hnp.arrays(
        dtype, SHAPES, elements=st.integers(0, 255) if dtype == np.uint8 else st.floats(-8, 8, width=32)
    )
)
ALL = [
    RandomAffine(shift=2, rotate=30, scale=(0.8, 1.25)),
    RandomCrop(padding=2),
    RandomCrop(size=(3, 4), padding=2),
    RandomFlip(),
    Compose([RandomFlip(axis=-2), RandomAffine(shift=(0, 3), fill=1)]),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def equal(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def bilinear(image: np.ndarray, row: float, column: float, fill: float) -> float:
    """The value between four pixels, written down as the definition says."""
    total = 0.0
    for r in (int(np.floor(row)), int(np.floor(row)) + 1):
        for c in (int(np.floor(column)), int(np.floor(column)) + 1):
            inside = 0 <= r < image.shape[0] and 0 <= c < image.shape[1]
            total += (1 - abs(row - r)) * (1 - abs(column - c)) * (image[r, c] if inside else fill)
    return total


# ------------------------------------------------------------------------------------------------ affine


@given(IMAGES, st.integers(0, 9))
def test_identity(x: np.ndarray, fill: int) -> None:
    before = x.copy()
    equal(affine(x, fill=fill), x)
    equal(crop(x, 0, 0, fill=fill), x)
    equal(flip(x, False), x)
    for identity in (RandomAffine(), RandomCrop(), RandomFlip(p=0), Compose([])):
        equal(identity(x, rng()), x)
    equal(x, before)


@given(IMAGES, st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 9))
def test_a_shift_by_whole_pixels_is_slicing(x: np.ndarray, down: int, right: int, fill: int) -> None:
    height, width = x.shape[-2:]
    expected = np.full_like(x, fill)
    to = (..., slice(max(down, 0), max(height + down, 0)), slice(max(right, 0), max(width + right, 0)))
    of = (..., slice(max(-down, 0), max(height - down, 0)), slice(max(-right, 0), max(width - right, 0)))
    expected[to] = x[of]
    equal(affine(x, shift=(down, right), fill=fill), expected)


@given(IMAGES, st.integers(-4, 4))
def test_quarter_turns(x: np.ndarray, quarters: int) -> None:
    side = min(x.shape[-2:])
    square = x[..., :side, :side]
    equal(affine(square, rotate=90 * quarters, fill=5), np.rot90(square, quarters, axes=(-2, -1)))
    if quarters % 2 == 0:
        equal(affine(x, rotate=90 * quarters), np.rot90(x, quarters, axes=(-2, -1)))


def test_scaling_by_two_by_hand() -> None:
    row = np.array([[[0.0, 4.0, 8.0]]], np.float32)
    assert affine(row, scale=2)[0, 0].tolist() == [2, 4, 6]  # read at columns ½, 1 and 1½
    assert affine(row, scale=0.5, fill=1)[0, 0].tolist() == [1, 4, 1]  # at −1, 1, 3: outside


@settings(max_examples=40)
@given(
    hnp.arrays(np.float64, st.tuples(st.just(3), st.just(2), st.integers(1, 5), st.integers(1, 5)),
               elements=st.floats(-8, 8)),
    hnp.arrays(np.float64, (3, 4), elements=st.floats(-1, 1)),
)  # fmt: skip
def test_affine_is_its_definition(x: np.ndarray, numbers: np.ndarray) -> None:
    """Every pixel of every image, with numbers of its own, against a loop in complex arithmetic."""
    shift, rotate, scale = 3 * numbers[:, :2], 180 * numbers[:, 2], np.exp(numbers[:, 3])
    got = affine(x, shift, rotate, scale, fill=2.5)
    centre = complex((x.shape[3] - 1) / 2, -(x.shape[2] - 1) / 2)  # to the right and up
    for n, channel, r, c in np.ndindex(*x.shape):
        to = complex(c, -r) - centre - complex(shift[n, 1], -shift[n, 0])
        of = to * np.exp(-1j * np.radians(rotate[n])) / scale[n] + centre
        assert got[n, channel, r, c] == pytest.approx(bilinear(x[n, channel], -of.imag, of.real, 2.5), abs=1e-9)


def test_uint8_is_rounded() -> None:
    x = np.array([[[0, 1, 3, 255]]], np.uint8)
    assert affine(x, shift=(0, 0.4)).tolist() == [[[0, 1, 2, 154]]]  # 0, 0.6, 2.2, 154.2


@given(IMAGES, st.integers(0, 3))
def test_blocks_do_not_show(x: np.ndarray, seed: int) -> None:
    """Working on one image at a time gives the same as on all at once."""
    change = RandomAffine(shift=3, rotate=180, scale=(0.5, 2))
    with pytest.MonkeyPatch.context() as patch:
        whole = change(x, rng(seed))
        patch.setattr(augment, "BLOCK", 1)
        equal(change(x, rng(seed)), whole)


# ------------------------------------------------------------------------------------------------ crop and flip


@given(IMAGES, st.data())
def test_crop_is_slicing_of_the_padded_image(x: np.ndarray, data: st.DataObject) -> None:
    n, (height, width) = len(x), x.shape[-2:]
    border = data.draw(st.integers(0, 3))
    size = data.draw(st.tuples(st.integers(1, height + 2 * border), st.integers(1, width + 2 * border)))
    top = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, height + 2 * border - size[0])))
    left = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, width + 2 * border - size[1])))
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(border, border)] * 2, constant_values=7)
    expected = [image[..., r : r + size[0], c : c + size[1]] for image, r, c in zip(padded, top, left, strict=True)]
    equal(crop(x, top, left, size, border, fill=7), np.stack(expected))


@given(IMAGES, st.sampled_from([-1, -2]), st.data())
def test_flip(x: np.ndarray, axis: int, data: st.DataObject) -> None:
    where = data.draw(hnp.arrays(bool, len(x)))
    once = flip(x, where, axis)
    for image, mirrored, chosen in zip(x, once, where, strict=True):
        equal(mirrored, np.flip(image, axis) if chosen else image)
    equal(flip(once, where, axis), x)
    equal(RandomFlip(p=1, axis=axis)(x, rng()), np.flip(x, axis))


# ------------------------------------------------------------------------------------------------ at random


@pytest.mark.parametrize("change", ALL, ids=lambda change: type(change).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(50, 6, 6), (50, 3, 6, 6)])
def test_random_changes(change: Augmentation, dtype: Any, shape: tuple[int, ...]) -> None:
    """They keep dtype, input and labels, are repeated by the seed, and differ from image to image."""
    x = np.broadcast_to(rng(1).integers(0, 255, (6, 6)), shape).astype(dtype)
    t, before = np.arange(50), x.copy()
    images, labels = change((x, t), rng(2))
    assert labels is t
    assert images.dtype == dtype
    assert len(images) == 50
    assert len({image.tobytes() for image in images}) > 1
    equal(x, before)
    equal(change(x, rng(2)), images)
    assert not np.array_equal(change(x, rng(3)), images)


def test_random_affine_stays_in_its_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(augment, "affine", lambda *arguments: seen.append(arguments))
    RandomAffine(shift=(1, 3), rotate=20, scale=(0.5, 4), fill=9)(np.zeros((4000, 2, 2)), rng())
    _, shift, rotate, scale, fill = seen[0]
    assert fill == 9
    for values, low, high in ((shift[:, 0], -1, 1), (shift[:, 1], -3, 3), (rotate, -20, 20), (scale, 0.5, 4)):
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high
    assert abs(np.log(scale).mean() - np.log(2) / 2) < 0.05  # the logarithm is uniform: its mean is in the middle


def test_random_crop_reaches_every_place() -> None:
    x = np.arange(9.0).reshape(1, 3, 3).repeat(200, axis=0)
    corners = RandomCrop(size=(2, 2))(x, rng())[:, 0, 0]
    assert sorted(set(corners)) == [0, 1, 3, 4]


def test_as_the_transform_of_a_loader() -> None:
    x, t, *_ = mnist(subset="mini", flatten=False)
    augmentation = Compose([RandomAffine(2, 10, (0.9, 1.1)), RandomCrop(padding=1), Normalize(axis=None).fit(x)])
    loader = DataLoader((x[:50], t[:50]), 20, transform=augmentation)
    batches = list(loader)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), t[:50])
    images = np.concatenate([images for images, _ in batches])
    assert images.dtype == np.float32
    assert images.shape == (50, 1, 28, 28)
    assert abs(images.mean()) < 0.3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: affine(np.zeros((4, 784))), ShapeError, r"affine: needs images .* got \(4, 784\); .*flatten=False"),
        (
            lambda: flip(np.zeros((4, 5, 5), int)),
            DtypeError,
            "flip: needs images of a floating dtype or uint8, got int",
        ),
        (lambda: affine(np.zeros((4, 5, 5)), scale=0), ArgumentError, "affine: .* scale above 0"),
        (lambda: affine(np.zeros((4, 5, 5)), rotate=np.nan), ArgumentError, "affine: .* must be finite"),
        (lambda: affine(np.zeros((4, 5, 5), np.uint8), fill=-1), ArgumentError, r"fill must be in \[0, 255\]"),
        (lambda: flip(np.zeros((4, 5, 5)), axis=0), ArgumentError, "flip: axis must be −1 .* got 0"),
        (lambda: crop(np.zeros((4, 5, 5)), 0, 1), ShapeError, "crop: a window of 5 × 5 pixels does not lie within"),
        (lambda: crop(np.zeros((4, 5, 5)), -1, 0), ShapeError, "crop: a window"),
        (lambda: RandomCrop((9, 9), 1)(np.zeros((4, 5, 5))), ShapeError, "window of 9 × 9 .* a border of 1"),
        (lambda: RandomCrop(padding=-1), ArgumentError, "RandomCrop: padding must not be negative"),
        (
            lambda: RandomAffine(shift=-1),
            ArgumentError,
            "RandomAffine: shift and rotate must .* not be negative, got -1",
        ),
        (lambda: RandomAffine(rotate=np.nan), ArgumentError, "RandomAffine: shift and rotate must be finite"),
        (lambda: RandomAffine(shift=(np.inf, 1)), ArgumentError, "RandomAffine: shift and rotate must be finite"),
        (lambda: RandomAffine(scale=(1, np.inf)), ArgumentError, "RandomAffine: scale must be"),
        (lambda: RandomCrop(20), ArgumentError, r"size must be \(rows, columns\).* got 20"),  # type: ignore[arg-type]
        (lambda: RandomCrop(0), ArgumentError, r"size must be \(rows, columns\).* got 0"),  # type: ignore[arg-type]
        (lambda: RandomCrop((4, 0)), ArgumentError, "whole numbers above 0"),
        (lambda: RandomCrop((2.5, 2)), ArgumentError, "whole numbers above 0"),  # type: ignore[arg-type]
        (lambda: RandomAffine(scale=(2, 1)), ArgumentError, "RandomAffine: scale must be"),
        (lambda: RandomAffine(scale=2), ArgumentError, "RandomAffine: scale must be"),  # type: ignore[arg-type]
        (lambda: RandomFlip(p=2), ArgumentError, r"RandomFlip: p must be in \[0, 1\], got 2"),
        (lambda: Compose([3]), DtypeError, "Compose: 3 cannot be called"),  # type: ignore[list-item]
        (lambda: Augmentation()(np.zeros((4, 5, 5))), NotImplementedError, "must define apply"),
    ],
)
def test_augmentation_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# ------------------------------------------------------------------------------------------------ one-hot


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, min_side=0, max_side=4), elements=st.integers(0, 6)))
def test_one_hot(t: np.ndarray) -> None:
    encoded = one_hot(t, 7)
    assert encoded.shape == (*t.shape, 7)
    assert encoded.dtype == np.float32
    assert set(np.unique(encoded)) <= {0, 1}
    np.testing.assert_array_equal(encoded.argmax(-1), t)
    np.testing.assert_array_equal(encoded.sum(-1), np.ones(t.shape))


def test_one_hot_errors() -> None:
    with pytest.raises(ArgumentError, match=r"labels must be in \[0, 3\), got 3"):
        one_hot([0, 3], 3)
    with pytest.raises(ArgumentError, match="got -1"):
        one_hot([-1], 3)
    with pytest.raises(DtypeError, match="one_hot: labels must be whole numbers, got dtype float64"):
        one_hot([0.0], 3)


# ------------------------------------------------------------------------------------------------ normalization


@pytest.mark.parametrize("axis", [0, None, (0, 2), (0, 1, 2)])
def test_normalize_standard(axis: Any) -> None:
    x = rng().normal(5, 3, (40, 3, 4)).astype(np.float32)
    normalize = Normalize(axis=axis).fit(x)
    y = normalize(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.mean(axis, np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis, np.float64), 1, rtol=1e-5)
    np.testing.assert_allclose(normalize.invert(y), x, rtol=1e-5)


def test_normalize_minmax_and_whole_numbers() -> None:
    x = np.array([[0, 10], [255, 30], [51, 20]], np.uint8)
    normalize = Normalize("minmax").fit(x)
    y = normalize(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [[0, 0], [1, 1], [0.2, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(normalize.invert(y), x, rtol=1e-6)


@pytest.mark.parametrize("method", ["standard", "minmax"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e8])
def test_a_constant_feature_becomes_zero(method: Any, constant: float) -> None:
    x = np.full((7, 2), constant)
    np.testing.assert_allclose(Normalize(method).fit(x)(x), 0, atol=1e-6)


def test_data_in_the_place_of_the_method() -> None:
    with pytest.raises(DtypeError, match=r"method must be 'standard' or 'minmax', got ndarray; use Normalize\(\)\.fit"):
        Normalize(np.zeros((2, 3)))  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match=r"use Whiten\(\)\.fit\(x\)"):
        Whiten(np.zeros((2, 3)))  # type: ignore[arg-type]


def test_normalize_errors() -> None:
    with pytest.raises(CallError, match=r"Normalize: not fitted yet; call fit\(x_train\)"):
        Normalize()(np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match="no method 'standart'; did you mean 'standard'"):
        Normalize("standart")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="NaN or infinity"):
        Normalize().fit(np.array([[np.nan], [1.0]]))
    normalize = Normalize().fit(np.ones((5, 3)))
    for shape in ((5, 4), (5, 1, 3), (3,)):
        with pytest.raises(ShapeError, match="does not fit statistics of shape"):
            normalize(np.ones(shape))
    with pytest.raises(DtypeError, match="got dtype <U1"):
        normalize(np.array([["a"]]))
    with pytest.raises(ShapeError, match=r"x of shape \(0, 3\) is empty"):
        normalize.fit(np.ones((0, 3)))


def correlated(n: int = 500) -> np.ndarray:
    return rng(1).normal(size=(n, 4)) @ rng(2).normal(size=(4, 4)) + [1, 2, 3, 4]


@pytest.mark.parametrize("method", ["zca", "pca"])
def test_whitened_data_have_unit_covariance(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_jp.data.preprocess.ROWS", 64)  # so that the last block is a smaller one
    x = correlated()
    whiten = Whiten(method, epsilon=0).fit(x)
    y = whiten(x)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(y.T, bias=True), np.eye(4), atol=1e-9)
    np.testing.assert_allclose(whiten.invert(y), x, atol=1e-9)
    assert whiten(x.astype(np.float32)).dtype == np.float32


def test_zca_is_the_symmetric_inverse_root_and_pca_is_ordered() -> None:
    x = correlated()
    zca, pca = Whiten(epsilon=0.1).fit(x), Whiten("pca", epsilon=0).fit(x)
    covariance = np.cov(x.T, bias=True)
    np.testing.assert_allclose(zca.forward, zca.forward.T, atol=1e-12)
    np.testing.assert_allclose(zca.forward @ zca.forward, np.linalg.inv(covariance + 0.1 * np.eye(4)), atol=1e-9)
    directions = pca.forward * np.sqrt(np.linalg.eigvalsh(covariance)[::-1])
    np.testing.assert_allclose(directions.T @ directions, np.eye(4), atol=1e-9)
    largest = np.abs(pca.forward).argmax(0)
    assert (pca.forward[largest, range(4)] > 0).all()


def test_fewer_components() -> None:
    x = correlated()
    y = Whiten("pca", 0, components=2).fit(x)(x)
    np.testing.assert_allclose(y, Whiten("pca", 0).fit(x)(x)[:, :2], atol=1e-12)
    kept = Whiten("zca", 0, components=2).fit(x)
    assert kept(x).shape == x.shape
    lost = ((kept.invert(kept(x)) - x) ** 2).sum() / len(x)
    assert lost == pytest.approx(np.linalg.eigvalsh(np.cov(x.T, bias=True))[:2].sum())


def test_images_keep_their_shape() -> None:
    x = rng().random((30, 1, 2, 3)).astype(np.float32)
    zca, pca = Whiten().fit(x), Whiten("pca", components=5).fit(x)
    assert zca(x).shape == zca.invert(zca(x)).shape == pca.invert(pca(x)).shape == x.shape
    assert pca(x).shape == (30, 5)
    np.testing.assert_allclose(zca.invert(zca(x)), x, atol=1e-4)


@pytest.mark.parametrize("make", [Normalize, Whiten])
def test_stored_as_arrays(make: Any, tmp_path: Any) -> None:
    x = correlated()
    fitted = make().fit(x)
    np.savez(tmp_path / "fitted.npz", **fitted.state_dict())
    loaded = make()
    with np.load(tmp_path / "fitted.npz", allow_pickle=False) as file:
        loaded.load_state_dict(dict(file))
    equal(loaded(x), fitted(x))
    with pytest.raises(ArgumentError, match=r"load_state_dict: needs .*; got none"):
        loaded.load_state_dict({})
    with pytest.raises(CallError, match="not fitted yet"):
        make().state_dict()


def test_whiten_errors() -> None:
    with pytest.raises(ArgumentError, match="no method 'zac'; did you mean 'zca'"):
        Whiten("zac")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="epsilon must not be negative"):
        Whiten(epsilon=-1)
    with pytest.raises(ArgumentError, match="components must be at least 1"):
        Whiten(components=0)
    with pytest.raises(ArgumentError, match="no variance; use epsilon > 0"):
        Whiten(epsilon=0).fit(np.zeros((5, 2)))
    with pytest.raises(ArgumentError, match="NaN or infinity"):
        Whiten().fit(np.full((5, 2), np.inf))
    with pytest.raises(ShapeError, match=r"fitted to examples of shape \(4,\), got x of shape \(5, 3\)"):
        Whiten().fit(correlated())(np.zeros((5, 3)))
