"""Data sets in arrays, the loader (epochs, prefetch, resuming), and the split into training, validation and test."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_jp import generator as common
from tinygrad_jp.data import ArrayDataset, DataLoader, train_val_test_split
from tinygrad_jp.data.loader import Batch
from tinygrad_jp.data.prefetch import ahead
from tinygrad_jp.data.split import apportion
from tinygrad_jp.errors import ArgumentError, DtypeError, IndexingError, ShapeError, TinygradError

SIZES = st.integers(1, 40)
BATCH_SIZES = st.integers(1, 12)
PREFETCH = st.integers(0, 3)


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Every test must end with the threads it began with."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def arrays(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(2.0 * n).reshape(n, 2), np.arange(n)


def noisy(batch: Batch, rng: np.random.Generator) -> Batch:
    x, t = batch
    return x + rng.standard_normal(x.shape), t


def same(a: list[Batch], b: list[Batch]) -> bool:
    """Whether two lists of batches are equal bit for bit."""
    return [[(p.dtype, p.shape, p.tobytes()) for p in x] for x in a] == [
        [(p.dtype, p.shape, p.tobytes()) for p in x] for x in b
    ]


# ------------------------------------------------------------------------------------------------ ArrayDataset


def test_dataset_indexing() -> None:
    x, t = arrays(5)
    dataset = ArrayDataset(x, t)
    assert len(dataset) == 5
    one = dataset[-1]
    assert one[0].tolist() == [8, 9]
    assert one[1] == 4
    assert [part.tolist() for part in dataset[1:3]] == [[[2, 3], [4, 5]], [1, 2]]
    assert dataset[np.array([3, 0])][1].tolist() == [3, 0]
    assert [int(label) for _, label in dataset] == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError):
        dataset[5]
    with pytest.raises(IndexingError, match=r"dtype bool; np\.flatnonzero"):
        dataset[t > 2]


def test_slices_are_views_that_protect_the_data() -> None:
    x, t = arrays(5)
    batch = ArrayDataset(x, t)[1:3]
    assert np.shares_memory(batch[0], x)
    with pytest.raises(ValueError, match="read-only"):
        batch[0][...] = 0
    x[1] = 7  # the user's own array is not locked
    assert batch[0][0].tolist() == [7, 7]


def test_dataset_transform_sees_whole_batches() -> None:
    x, t = arrays(5)
    dataset = ArrayDataset(x, t, transform=lambda batch: (batch[0] - batch[0].mean(0), batch[1]))
    assert dataset[1:3][0].tolist() == [[-1, -1], [1, 1]]
    assert dataset[2][0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("given_arrays", "error", "message"),
    [
        ((), ArgumentError, "ArrayDataset: needs at least one array"),
        ((np.zeros((3, 2)), np.zeros(4)), ShapeError, r"same length along axis 0, got shapes \(3, 2\), \(4,\)"),
        ((np.zeros(3), 5.0), ShapeError, r"got shapes \(3,\), \(\)"),
        ((np.zeros(1), {"a": 1}), DtypeError, "argument 1 is dict, which is no array"),
    ],
)
def test_dataset_errors(given_arrays: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ArrayDataset(*given_arrays)


# ------------------------------------------------------------------------------------------------ epochs


@settings(deadline=None)
@given(SIZES, BATCH_SIZES, st.booleans(), PREFETCH, st.integers(0, 9))
def test_every_example_once_an_epoch(n: int, batch_size: int, shuffle: bool, prefetch: int, seed: int) -> None:
    x, t = arrays(n)
    loader = DataLoader((x, t), batch_size, shuffle, prefetch=prefetch, generator=np.random.default_rng(seed))
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader) == -(-n // batch_size)
        assert [len(labels) for _, labels in batches[:-1]] == [batch_size] * (len(batches) - 1)
        labels = np.concatenate([labels for _, labels in batches])
        assert (np.sort(labels) if shuffle else labels).tolist() == list(range(n))
        np.testing.assert_array_equal(np.concatenate([images for images, _ in batches]), x[labels])


@given(SIZES, BATCH_SIZES, st.booleans())
def test_drop_last(n: int, batch_size: int, shuffle: bool) -> None:
    if n < batch_size:
        with pytest.raises(ArgumentError, match=f"drop_last leaves no batch of {batch_size} from {n} examples"):
            DataLoader(arrays(n), batch_size, shuffle, drop_last=True)
        return
    loader = DataLoader(arrays(n), batch_size, shuffle, drop_last=True)
    sizes = [len(labels) for _, labels in loader]
    assert sizes == [batch_size] * (n // batch_size)
    assert len(loader) == n // batch_size


@settings(deadline=None)
@given(SIZES, BATCH_SIZES, st.integers(0, 2**32), PREFETCH)
def test_the_seed_decides(n: int, batch_size: int, seed: int, prefetch: int) -> None:
    def epochs(ahead: int) -> list[Batch]:
        common.seed(seed)
        loader = DataLoader(arrays(n), batch_size, shuffle=True, transform=noisy, prefetch=ahead)
        return [batch for _ in range(2) for batch in loader]

    assert same(epochs(0), epochs(prefetch))


def test_epochs_differ_and_seeds_differ() -> None:
    def labels(loader: DataLoader) -> list[int]:
        return [int(label) for _, t in loader for label in t]

    loader = DataLoader(arrays(50), 7, shuffle=True, generator=np.random.default_rng(0))
    first, second = labels(loader), labels(loader)
    other = labels(DataLoader(arrays(50), 7, shuffle=True, generator=np.random.default_rng(1)))
    assert len({tuple(first), tuple(second), tuple(other), tuple(range(50))}) == 4


def test_batches_of_a_random_transform_differ() -> None:
    loader = DataLoader((np.zeros((6, 2)), np.zeros(6)), 2, transform=noisy)
    assert len({x.tobytes() for _ in range(2) for x, _ in loader}) == 6


def test_a_plain_loader_draws_nothing() -> None:
    before = common.state()
    list(DataLoader(arrays(5), 2))
    assert common.state() == before
    list(DataLoader(arrays(5), 2, shuffle=True))
    assert common.state() != before


def test_no_copies_without_shuffling() -> None:
    x, t = arrays(6)
    assert all(np.shares_memory(images, x) and np.shares_memory(labels, t) for images, labels in DataLoader((x, t), 4))


def test_any_object_with_len_and_getitem_is_a_dataset() -> None:
    class Squares:
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: Any) -> Batch:
            return (np.arange(5)[index] ** 2,)

    assert [batch[0].tolist() for batch in DataLoader(Squares(), 2)] == [[0, 1], [4, 9], [16]]
    assert sorted(np.concatenate([x for (x,) in DataLoader(Squares(), 2, shuffle=True)])) == [0, 1, 4, 9, 16]
    assert [batch[0].tolist() for batch in DataLoader(np.arange(3), 2)] == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ArgumentError, "batch_size must be at least 1, got 0"),
        ({"batch_size": -3}, ArgumentError, "batch_size must be at least 1, got -3"),
        ({"batch_size": 2.0}, DtypeError, r"batch_size must be a whole number, got 2\.0"),
        ({"batch_size": True}, DtypeError, "batch_size must be a whole number, got True"),
        ({"prefetch": -1}, ArgumentError, "prefetch must be at least 0, got -1"),
        ({"generator": 7}, DtypeError, r"generator must be a numpy\.random\.Generator, got 7"),
        ({"transform": "noise"}, DtypeError, "transform must be callable, got 'noise'"),
        ({"dataset": np.zeros((0, 2))}, ArgumentError, "the data set is empty"),
        ({"dataset": (np.zeros(3), np.zeros(4))}, ShapeError, r"got shapes \(3,\), \(4,\)"),
        ({"dataset": 5}, DtypeError, r"needs arrays or a Dataset, got int; give \(x, t\)"),
        ({"dataset": {"x": 1}}, DtypeError, "needs arrays or a Dataset, got dict"),
        ({"dataset": [(np.zeros(2), 1), (np.zeros(2), 2)]}, DtypeError, r"is tuple, .*: x, t = map\(np\.array, zip"),
        ({"dataset": iter(())}, DtypeError, "needs arrays or a Dataset, got tuple_iterator"),
    ],
)
def test_loader_errors(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^(DataLoader|ArrayDataset): .*{message}"):
        DataLoader(**({"dataset": arrays(5)} | arguments))


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_transform_must_give_a_tuple(prefetch: int) -> None:
    loader = DataLoader(arrays(5), 2, transform=lambda batch, rng: list(batch), prefetch=prefetch)
    with pytest.raises(DtypeError, match="transform must give a tuple of arrays, got list"):
        list(loader)


# ------------------------------------------------------------------------------------------------ prefetching


@pytest.mark.parametrize("prefetch", [0, 1, 3])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, StopIteration])
def test_exceptions_arrive_in_their_turn(prefetch: int, kind: type[BaseException]) -> None:
    def fail_at_two(batch: Batch, rng: np.random.Generator) -> Batch:
        if 2 in batch[1]:
            raise kind("two")
        return batch

    batches = iter(DataLoader(arrays(5), 1, transform=fail_at_two, prefetch=prefetch))
    assert [int(t[0]) for _, t in islice(batches, 2)] == [0, 1]
    # a StopIteration must not pass for the end of the epoch: Python's generators make it a RuntimeError
    with pytest.raises(RuntimeError if kind is StopIteration else kind):
        next(batches)


def test_stopping_early_ends_the_thread() -> None:
    def slow(batch: Batch, rng: np.random.Generator) -> Batch:
        time.sleep(0.01)  # so that the thread is at work when the loop stops
        return batch

    def threads() -> set[str]:
        return {thread.name for thread in threading.enumerate()}

    loader = DataLoader(arrays(9), 1, transform=slow, prefetch=2)
    for count in range(4):
        for i, _ in enumerate(loader):
            assert "tinygrad_jp prefetch" in threads()
            if i == count:
                break
        assert "tinygrad_jp prefetch" not in threads()
    with pytest.raises(ZeroDivisionError):
        sum(1 // 0 for _ in loader)
    unused = iter(loader)
    assert "tinygrad_jp prefetch" not in threads()
    del unused


@pytest.mark.parametrize("count", [1, 2, 5])
def test_exactly_so_many_items_are_made_ahead(count: int) -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(20):
            made.append(i)
            yield i

    iterator = ahead(items(), count)
    for expected in range(20):
        assert next(iterator) == expected
        wanted = min(20, expected + 1 + count)
        until = time.monotonic() + 5
        while len(made) < wanted and time.monotonic() < until:
            time.sleep(0.0005)
        assert len(made) == wanted
    assert list(iterator) == []


def test_one_thread_makes_all_batches() -> None:
    threads = set()

    def note(batch: Batch, rng: np.random.Generator) -> Batch:
        threads.add(threading.get_ident())
        return batch

    list(DataLoader(arrays(9), 1, transform=note, prefetch=3))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


# ------------------------------------------------------------------------------------------------ resuming


@settings(deadline=None)
@given(SIZES, BATCH_SIZES, st.booleans(), st.booleans(), PREFETCH, PREFETCH, st.data())
def test_resuming_gives_the_remaining_batches(
    n: int, batch_size: int, shuffle: bool, random: bool, prefetch: int, then: int, data: st.DataObject
) -> None:
    """An interrupted run and its continuation give the batches of an uninterrupted run, over three epochs."""

    def loader(ahead: int) -> DataLoader:
        return DataLoader(arrays(n), batch_size, shuffle, transform=noisy if random else None, prefetch=ahead)

    common.seed(3)
    whole = loader(0)
    expected = [batch for _ in range(3) for batch in whole]

    common.seed(3)
    stop = data.draw(st.integers(0, 2 * len(whole) - 1), label="batches before the interruption")
    first, got = loader(prefetch), []
    while len(got) < stop:
        iterator = iter(first)
        got += list(islice(iterator, stop - len(got)))
    stored = json.dumps({"loader": first.state_dict(), "generator": common.state()})
    iterator = None

    common.seed(99)  # another process
    state = json.loads(stored)
    second = loader(then)
    common.restore(state["generator"])
    second.load_state_dict(state["loader"])
    assert second.state_dict() == state["loader"]
    while len(got) < len(expected):
        got += list(second)
    assert same(got, expected)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_resuming_with_a_generator_of_its_own(bits: type[np.random.BitGenerator]) -> None:
    def loader(seed: int) -> DataLoader:
        return DataLoader(
            arrays(10), 3, shuffle=True, transform=noisy, prefetch=2, generator=np.random.Generator(bits(seed))
        )

    whole = loader(5)
    expected = [batch for _ in range(3) for batch in whole]
    first = loader(5)
    got = [*first, *islice(first, 2)]
    second = loader(6)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    got += [*second, *second]
    assert same(got, expected)


def test_position_counts_what_was_handed_out() -> None:
    loader = DataLoader(arrays(10), 1, shuffle=True, prefetch=4)
    assert loader.state_dict()["epoch"] is None
    batches = iter(loader)
    for handed_out in range(10):
        assert loader.state_dict()["epoch"]["position"] == handed_out
        next(batches)
    at_the_end = loader.state_dict()  # the last batch was handed out, but the epoch is not over yet
    assert at_the_end["epoch"]["position"] == 10
    assert list(batches) == []
    assert loader.state_dict()["epoch"] is None
    loader.load_state_dict(at_the_end)
    assert [len(list(loader)), len(list(loader))] == [0, 10]


def test_a_new_loop_is_a_new_epoch() -> None:
    loader = DataLoader(arrays(5), 1)
    list(islice(loader, 3))
    assert len(list(loader)) == 5


@pytest.mark.parametrize("own", [True, False])
def test_a_fresh_epoch_leaves_the_loaders_own_alone(own: bool) -> None:
    def loader() -> DataLoader:
        rng = np.random.default_rng(5) if own else None
        return DataLoader(arrays(10), 3, shuffle=True, transform=noisy, prefetch=1, generator=rng)

    common.seed(5)
    undisturbed = list(loader())
    common.seed(5)
    first = loader()
    batches = iter(first)
    got = [next(batches), next(batches)]
    before = first.state_dict()["epoch"]
    fresh = first.fresh()
    drawn = common.state()
    assert sorted(np.concatenate([t for _, t in fresh])) == list(range(10))
    assert first.state_dict()["epoch"] == before
    stored = json.loads(json.dumps({"loader": first.state_dict(), "generator": common.state()}))
    assert stored["generator"] == drawn  # the seed is drawn at the call, and nothing after it
    assert same(got + list(batches), undisturbed)
    expected = list(first)  # the epoch after it

    common.seed(99)
    second = loader()
    common.restore(stored["generator"])
    second.load_state_dict(stored["loader"])
    if not own:
        assert not same(list(islice(second.fresh(), 2)), undisturbed[2:])  # before the loop resumes, too
        common.restore(stored["generator"])
    assert same(got + list(second), undisturbed)
    assert same(list(second), expected)


def test_two_loops_at_once_do_not_disturb_each_other() -> None:
    loader = DataLoader(arrays(20), 3, shuffle=True, prefetch=1)
    pairs = list(zip(loader, loader, strict=True))
    for side in range(2):
        assert sorted(np.concatenate([pair[side][1] for pair in pairs])) == list(range(20))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 3}, "batch_size=3 instead of 2"),
        ({"examples": 6, "shuffle": False}, "examples=6 instead of 5, shuffle=False instead of True"),
        ({"epoch": {"seed": 1, "position": 4}}, "position 4 of 3 batches"),
        ({"epoch": {"seed": 1, "position": -1}}, "position -1 of 3 batches"),
        ({"epoch": {"place": 1}}, "place"),
        ({"own_generator": "PCG64"}, "own_generator='PCG64' instead of None"),
    ],
)
def test_a_state_of_another_loader_is_refused(change: dict[str, Any], message: str) -> None:
    loader = DataLoader(arrays(5), 2, shuffle=True)
    good = loader.state_dict()
    with pytest.raises(ArgumentError, match=f"load_state_dict: .*{message}"):
        loader.load_state_dict(good | change)
    with pytest.raises(ArgumentError, match="no 'epoch'"):
        loader.load_state_dict({key: good[key] for key in good if key != "epoch"})
    assert loader.state_dict() == good


# ------------------------------------------------------------------------------------------------ splitting


@given(st.data(), st.integers(1, 60), st.booleans(), st.booleans())
def test_a_split_is_an_exact_partition(data: st.DataObject, n: int, shuffle: bool, stratify: bool) -> None:
    val = data.draw(st.integers(0, n - 1))
    test = data.draw(st.integers(0, n - 1 - val))
    labels = np.array(data.draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n)))
    x = np.arange(n)
    parts = train_val_test_split(x, labels, val=val, test=test, shuffle=shuffle, stratify=labels if stratify else None)
    assert [len(part[0]) for part in parts] == [n - val - test, val, test]
    assert sorted(np.concatenate([part[0] for part in parts])) == x.tolist()
    for images, classes in parts:
        np.testing.assert_array_equal(labels[images], classes)
        if not shuffle:
            assert (np.diff(images) > 0).all()
        if stratify:
            for label in set(labels):
                share = (labels == label).sum() * len(images) / n
                assert abs((classes == label).sum() - share) <= 1
    if not shuffle and not stratify:
        assert np.concatenate([part[0] for part in parts]).tolist() == x.tolist()


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.data())
def test_apportioning(counts: list[int], data: st.DataObject) -> None:
    n = sum(counts)
    cuts = sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=3)))
    sizes = np.diff([0, *cuts, n])
    quotas = apportion(np.array(counts), sizes)
    assert quotas.sum(axis=1).tolist() == counts
    assert quotas.sum(axis=0).tolist() == sizes.tolist()
    assert (abs(quotas - np.outer(counts, sizes) / n) <= 1 + 1e-9).all()


def test_shares_and_the_seed() -> None:
    x = np.arange(1000)

    def split(seed: int) -> list[list[int]]:
        return [part[0].tolist() for part in train_val_test_split(x, generator=np.random.default_rng(seed))]

    assert [len(part) for part in split(0)] == [800, 100, 100]
    assert split(0) == split(0) != split(1)
    assert split(0)[0] != sorted(split(0)[0])
    common.seed(4)
    first = train_val_test_split(x).test[0]
    common.seed(4)
    np.testing.assert_array_equal(train_val_test_split(x).test[0], first)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"val": 5, "test": 5}, ArgumentError, "val=5 and test=5 leave none of 10 examples to train"),
        ({"val": 20}, ArgumentError, "leave none of 10 examples"),
        ({"val": -1}, ArgumentError, "val must not be negative, got -1"),
        ({"test": 1.0}, ArgumentError, r"test as a share must be in \[0, 1\), got 1\.0; a count is an int"),
        ({"test": float("nan")}, ArgumentError, "test as a share"),
        ({"val": 0.01}, ArgumentError, r"val=0\.01 of 10 examples is none; give a number"),
        ({"val": "all"}, DtypeError, "val must be a share or a number of examples, got 'all'"),
        ({"stratify": np.zeros(9)}, ShapeError, r"one label an example, shape \(10,\), not \(9,\)"),
    ],
)
def test_split_errors(arguments: dict[str, Any], error: type[TinygradError], message: str) -> None:
    with pytest.raises(error, match=f"train_val_test_split: .*{message}"):
        train_val_test_split(np.arange(10), **arguments)


def test_split_of_unequal_arrays() -> None:
    with pytest.raises(ShapeError, match="train_val_test_split: the arrays must have the same length"):
        train_val_test_split(np.arange(10), np.arange(9))
    with pytest.raises(ArgumentError, match="needs at least one array"):
        train_val_test_split()
