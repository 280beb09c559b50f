"""Memory of large arrays is used again, and never while somebody holds it."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_jp as tj
from tinygrad_jp import buffers

SHAPE = (64, 1024)


@pytest.fixture(autouse=True)
def fresh_pool(monkeypatch: pytest.MonkeyPatch) -> buffers.Pool:
    pool = buffers.Pool()
    monkeypatch.setattr(buffers, "pool", pool)
    return pool


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_when_nobody_holds_it(fresh_pool: buffers.Pool) -> None:
    array = buffers.empty(SHAPE, np.float32)
    assert type(array) is np.ndarray
    assert (array.shape, array.dtype) == (SHAPE, np.float32)
    where = address(array)
    del array
    assert fresh_pool.kept == 4 * 64 * 1024
    assert address(buffers.empty((1024, 32), np.float64)) == where  # as many bytes


def test_a_view_keeps_it(fresh_pool: buffers.Pool) -> None:
    array = buffers.empty(SHAPE, np.float32)
    array[...] = 1
    view = array[3:, ::2].T
    del array
    assert fresh_pool.kept == 0
    buffers.empty(SHAPE, np.float32)[...] = 2
    assert (view == 1).all()
    del view
    assert fresh_pool.kept == 2 * 4 * 64 * 1024


def test_small_arrays_are_not_kept(fresh_pool: buffers.Pool) -> None:
    array = buffers.empty((10,), np.float32)
    assert fresh_pool.kept == 0
    del array
    assert fresh_pool.kept == 0


def test_what_is_kept_has_a_limit(fresh_pool: buffers.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "MOST", 3 * 2**20)
    for mib in (1, 2, 1, 3):
        held = [buffers.empty((mib, 2**20), np.uint8) for _ in range(2)]
        held.clear()
        assert fresh_pool.kept <= 3 * 2**20
    fresh_pool.clear()
    assert fresh_pool.kept == 0


def test_a_training_step_asks_for_no_more_than_the_one_before(fresh_pool: buffers.Pool) -> None:
    pytest.importorskip("numba", reason="the extra [fast] is not installed")
    from tinygrad_jp.nn.models import SimpleConvNet

    net, rng = SimpleConvNet(), np.random.default_rng(0)
    x, t = rng.random((50, 1, 28, 28), np.float32), rng.integers(0, 10, 50)
    kept = []
    for _ in range(4):
        net.zero_grad()
        net.loss(x, t).backward()
        kept.append(fresh_pool.kept)
    assert kept[0] > 0
    assert kept[1:] == [kept[1]] * 3


def test_changes_of_memory_used_again_are_told_apart() -> None:
    """The version counter of an array that is gone says nothing about the next one in the same memory."""
    x = tj.Tensor(buffers.empty(SHAPE, np.float32), requires_grad=False)
    x.data[...] = 1
    x[0] = 2.0
    del x
    y = tj.Tensor(buffers.empty(SHAPE, np.float32), requires_grad=True)
    y.data[...] = 3
    loss = (y * y).sum()
    loss.backward()
    np.testing.assert_array_equal(y.grad.numpy(), np.full(SHAPE, 6, np.float32))


@pytest.mark.parametrize("shape", [(3,), SHAPE])
def test_they_begin_at_a_line_of_the_cache(shape: tuple[int, ...]) -> None:
    assert address(buffers.empty(shape, np.float32)) % buffers.LINE == 0
    copy = buffers.aligned(np.arange(6.0).reshape(2, 3).T)
    assert address(copy) % buffers.LINE == 0
    assert copy.flags.c_contiguous
    assert copy.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_only_an_array_that_has_the_memory_to_itself_is_lent(fresh_pool: buffers.Pool) -> None:
    array = buffers.empty(SHAPE, np.float32)
    assert buffers.lent(array)
    assert not buffers.lent(array[1:])
    assert not buffers.lent(array.T)
    assert not buffers.lent(np.ones(3)[1:])


def test_a_gradient_there_is_no_view(fresh_pool: buffers.Pool) -> None:
    """So backward hands it over as it is; that of a leaf used twice is its own sum."""
    x = tj.Tensor(np.ones((8, 16, 24, 24), np.float32), requires_grad=True)
    w = tj.Tensor(np.ones((16, 16, 3, 3), np.float32))
    tj.conv2d(x, w).sum().backward()
    once = x.grad.numpy().copy()
    x.grad = None
    (tj.conv2d(x, w) + tj.conv2d(x, w)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * once)
    held = x.grad
    x.grad = None
    tj.conv2d(x, w).sum().backward()
    np.testing.assert_array_equal(held.numpy(), 2 * once)
