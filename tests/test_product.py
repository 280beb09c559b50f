"""Products of matrices by NumPy alone, shared out among threads, and the fully connected layer made of them."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp.kernels import affine, order, product
from tinygrad_jp.kernels.columns import empty_hcwn

SIZES = st.integers(1, 9) | st.integers(30, 60)
LONGER = SIZES | st.integers(200, 1000)


@pytest.fixture(autouse=True)
def by_our_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Share out every product among three threads."""
    for name in ("SMALL", "WORTH_SHARING"):
        monkeypatch.setattr(product, name, 0)
    monkeypatch.setattr(product, "in_use", lambda: True)
    monkeypatch.setattr(product, "workers", lambda: 3)
    tj.use_fast(False)
    yield
    tj.use_fast(None)


@given(
    SIZES,
    LONGER,
    SIZES,
    st.sampled_from("CF"),
    st.sampled_from("CF"),
    st.sampled_from([np.float32, np.float64, np.float16, np.int8]),
)
def test_a_product_is_numpys(n: int, k: int, m: int, a_order: str, b_order: str, dtype: type) -> None:
    rng = np.random.default_rng(n * k * m)
    a = np.array(rng.normal(size=(n, k)), dtype, order=a_order)
    b = np.array(rng.normal(size=(k, m)), dtype, order=b_order)
    found, expected = product.product(a, b), np.dot(a, b)
    assert found.dtype == dtype
    if dtype in (np.float16, np.int8):
        np.testing.assert_array_equal(found, expected)
    else:
        size = np.abs(a) @ np.abs(b)
        np.testing.assert_array_less(np.abs(found - expected), 8 * np.finfo(dtype).eps * size + 1e-30)


@given(st.integers(1, 5), st.integers(0, 99))
def test_rows_of_images_and_their_layer_keep_the_images_side_by_side(n: int, seed: int) -> None:
    """As a convolution left them in memory; the results are those of rows in the usual order."""
    rng = np.random.default_rng(seed)
    x = empty_hcwn((n, 3, 64, 200), np.dtype(np.float64))
    x[...] = rng.normal(size=x.shape)
    rows, usual = order.rows_of_images(x, (n, -1)), x.reshape(n, -1)
    np.testing.assert_array_equal(rows, usual)
    w, b, g = rng.normal(size=(rows.shape[1], 2)), rng.normal(size=2), rng.normal(size=(n, 2))
    np.testing.assert_allclose(affine.forward(rows, w, b, relu=False), usual @ w + b, atol=1e-10)
    dx, dw, db = affine.gradients("xwb", g, rows, w, None)
    for found, expected in zip((dx, dw, db), (g @ w.T, usual.T @ g, g.sum(0)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-10)
    for array in (rows, dx):
        assert array.flags.f_contiguous
    assert np.shares_memory(dx.reshape(x.shape), dx)  # the way back copies nothing
