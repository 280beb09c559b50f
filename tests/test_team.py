"""The team of threads of the compiled kernels: who computes what, and what must not depend on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from time import monotonic
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_jp as tj
from tinygrad_jp import parallel
from tinygrad_jp.errors import ShapeError
from tinygrad_jp.kernels.accelerated import product, team, update
from tinygrad_jp.kernels.accelerated.atomic import bind, read
from tinygrad_jp.kernels.accelerated.jit import kernel
from tinygrad_jp.kernels.product import product as dispatched
from tinygrad_jp.kernels.threads import one_blas_thread

PATIENCE = 10.0
"""Seconds that a test waits for what must happen at some time."""


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a team of two begin anew, whatever machine this is."""
    for module in (parallel, team, product):
        monkeypatch.setattr(module, "threads", lambda: 2)
    team._Team.forget()
    yield
    team._Team.forget()


@kernel
def _note(part: int, worker: int, cuts: Any, who: Any, spins: int) -> None:
    """Write down who computes a part, and wait a little for the others, so that they come, too."""
    who[cuts[part]] = worker
    for _ in range(spins):
        if read(who, 0) >= 0 and read(who, 1) >= 0:
            return


_bound_note = bind(_note)


@kernel
def _note_all(words: Any, cuts: Any, *arguments: Any) -> None:
    team.hand_out(words, _bound_note(cuts, arguments), cuts)


def shared(spins: int = 10_000_000) -> tuple[np.ndarray, np.ndarray]:
    """Hand out two parts until both threads took one, for a while; return the team, and who did what."""
    cuts, end = np.arange(3), monotonic() + PATIENCE
    while True:
        who, words = np.full(2, -1), team.team(cuts)
        _note_all(words, cuts, who, spins)
        if sorted(who) == [0, 1] or monotonic() > end:
            return words, who


def test_helpers_take_parts() -> None:
    _, who = shared()
    assert sorted(who) == [0, 1]


def test_every_part_is_computed_once_however_many_there_are() -> None:
    for count in (1, 2, 3, 100):
        cuts, who = np.arange(count + 1), np.full(count, -1)
        _note_all(team.team(cuts), cuts, who, 0)
        assert set(who) <= {0, 1}


def test_helpers_go_to_sleep_and_are_woken() -> None:
    for _ in range(3):
        (words, who), end = shared(), monotonic() + PATIENCE
        assert sorted(who) == [0, 1]
        while not words[team.ASLEEP] and monotonic() < end:
            pass
        assert words[team.ASLEEP]


def test_who_finds_the_team_busy_does_everything() -> None:
    cuts, who = np.arange(5), np.full(4, -1)
    words = team.team(cuts)
    words[team.BUSY] = 1
    _note_all(words, cuts, who, 0)
    assert who.tolist() == [0] * 4
    words[team.BUSY] = 0


def test_threads_of_the_user_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((64, 96)), rng.random((96, 48))
    cuts = np.arange(3)
    team.team(cuts)
    results: list[np.ndarray] = []

    def many() -> None:
        results.extend(product.multiply(a, b) for _ in range(200))  # type: ignore[misc]

    users = [Thread(target=many) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert len(results) == 800
    for result in results:
        np.testing.assert_allclose(result, a @ b, rtol=1e-12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_a_team_of_its_own() -> None:
    program = """
import os, numpy as np
import tinygrad_jp as tj
x, w = np.ones((8, 3, 30, 30), np.float32), np.ones((40, 3, 3, 3), np.float32)
before = tj.conv2d(x, w).numpy()
child = os.fork()
if not child:
    os._exit(0 if (tj.conv2d(x, w).numpy() == before).all() else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    run = subprocess.run([sys.executable, "-c", program], timeout=120, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_numbers_too_small_for_full_precision_count_as_zero_and_only_there() -> None:
    tiny = np.float32(1e-40)
    p, g, m, v = (np.full(40, value, np.float32) for value in (1, 0, tiny, tiny))
    one = np.float32
    table = np.array([[p.ctypes.data, g.ctypes.data, 0, p.size]])
    update.adam(table, m, v, 0.9, 0.999, 0.1, 1e-8, 0.0, 1.0, 0.0, 0.0)
    if not m.any():  # on other processors than x86 they are kept
        assert not v.any()
    assert np.full(1, tiny)[0] * one(0.5) > 0
    assert (p == 1).all()


@given(st.data(), st.sampled_from([1, product.WORTH_SHARING]))
def test_products_are_numpys(data: st.DataObject, worth_sharing: int) -> None:
    n, k, m = (data.draw(st.integers(1, 70) | st.integers(100, 300)) for _ in range(3))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))

    def matrix(rows: int, columns: int) -> np.ndarray:
        layout = data.draw(st.sampled_from(["rows", "columns", "neither", "read-only"]))
        if layout == "columns":
            return rng.normal(size=(columns, rows)).astype(dtype).T
        if layout == "neither":
            return rng.normal(size=(rows * 2, columns * 3)).astype(dtype)[::2, ::3]
        made = rng.normal(size=(rows, columns)).astype(dtype)
        made.flags.writeable = layout != "read-only"
        return made

    a, b = matrix(n, k), matrix(k, m)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "WORTH_SHARING", worth_sharing)
        found, again = product.multiply(a, b), product.multiply(a, b)
    if found is None or again is None:
        pytest.skip("NumPy's BLAS is not OpenBLAS")
    size = np.abs(a) @ np.abs(b)
    assert found.dtype == dtype
    np.testing.assert_array_less(np.abs(found - a @ b), 8 * np.finfo(dtype).eps * size + 1e-30)
    np.testing.assert_array_equal(found, again)  # whoever computes what


@pytest.mark.parametrize(("n", "k", "m"), [(200, 90, 120), (90, 120, 250), (40, 2000, 50)])
def test_products_do_not_depend_on_what_the_process_did_before(n: int, k: int, m: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, k)), rng.normal(size=(k, m))
    fresh = dispatched(a, b)
    shared()
    with one_blas_thread():
        held = dispatched(a, b)
    np.testing.assert_array_equal(fresh, dispatched(a, b))
    np.testing.assert_array_equal(fresh, held)


def test_other_products_are_left_to_numpy() -> None:
    a = np.ones((4, 4), np.float32)
    assert product.multiply(a, a.astype(np.float64)) is None
    assert product.multiply(a.astype(np.float16), a.astype(np.float16)) is None


def test_a_process_forked_inside_a_product_gives_the_blas_its_threads_back() -> None:
    blas = np.zeros(7, np.int64)
    blas[[product.LOCKED, product.INSIDE, product.BEFORE]] = 1, 1, 3
    given: list[int] = []
    for _ in range(2):  # at the next fork nothing is to be done
        product._give_back(blas, given.append)
    assert given == [3]
    assert not blas[product.LOCKED]


def test_products_in_several_threads_have_the_same_bits(threads_of_blas: Callable[[], int]) -> None:
    """None of them lets the BLAS begin threads of its own while another computes."""
    a, b = np.random.default_rng(0).normal(size=(2, 300, 300))
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda _: dispatched(a, b).tobytes(), range(1500)))
    assert threads_of_blas() == 2
    assert len(set(found)) == 1


@pytest.mark.parametrize("n", [2, 600])
def test_matrices_that_do_not_align_are_refused(n: int) -> None:
    x, w = np.ones((n, 650), np.float32), np.ones((700, 800), np.float32)
    for op in (tj.dot, lambda x, w: tj.affine(x, w, np.zeros(800, np.float32)), lambda x, w: tj.dot(x[None], w)):
        with pytest.raises(ShapeError, match="do not align"):
            op(x, w)


def test_summands_are_shared_out_only_if_the_sums_are_small() -> None:
    def chosen(*given: int) -> tuple[int, int, int, int]:
        cuts, shared, more = product._cut(*given)
        return shared, len(cuts) - 1, cuts[-1], more

    assert chosen(100, 784, 50, 2) == (product.SUMMANDS, 2, 784, 1)
    assert chosen(2000, 4000, 2000, 8) == (product.ROWS, 8, 2000, 0)
    assert chosen(500, 4000, 2000, 8) == (product.COLUMNS, 8, 2000, 0)
    assert chosen(3, 1, 2, 8) == (product.ROWS, 3, 3, 0)


@pytest.mark.parametrize("filters", [16, 24])
def test_a_few_images_on_many_threads_stay_within_their_memory(filters: int) -> None:
    """Any of the threads may take one of the few parts: each needs room of its own."""
    program = f"""
import numpy as np
import tinygrad_jp as tj
rng = np.random.default_rng(0)
for n in range(2, 8):
    x, w = rng.standard_normal((n, 16, 24, 24)), rng.standard_normal(({filters}, 16, 3, 3))
    given = [tj.Tensor(a, requires_grad=True) for a in (x, w)]
    seen = set()
    for _ in range(200):
        y = tj.conv2d(*given, 1, 1)
        y.sum().backward()
        seen.add((y.numpy().tobytes(), *(g.grad.numpy().tobytes() for g in given)))
        for g in given:
            g.grad = None
    assert len(seen) == 1
"""
    environment = os.environ | {"TINYGRAD_JP_THREADS": "8"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, timeout=300, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_threads_that_begin_together_share_one_team() -> None:
    found: list[np.ndarray] = []
    users = [Thread(target=lambda: found.append(team.team(np.arange(3)))) for _ in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert len({id(words) for words in found}) == 1
    assert len(team._Team.alarms) == 1


def test_the_blas_has_its_threads_back_whoever_took_them(threads_of_blas: Callable[[], int]) -> None:
    team.team(np.arange(3))
    a = np.ones((200, 300))

    def multiply() -> None:
        for _ in range(300):
            product.multiply(a, a.T)

    def hold() -> None:
        for _ in range(3000):
            with one_blas_thread():
                pass

    users = [Thread(target=work) for work in (multiply, hold, multiply, hold)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert threads_of_blas() == 2


def test_products_of_numbers_in_foreign_order_and_tiny_ones_are_numpys() -> None:
    team.team(np.arange(3))
    a, b = np.full((200, 300), 1e-200), np.full((300, 200), 1e-112)
    assert (np.dot(a, b) > 0).all()
    for foreign in (">f8", "<f8"):
        np.testing.assert_array_equal(dispatched(a.astype(foreign), b.astype(foreign)), np.dot(a, b))
