"""Training, validation and test data (validation data: the book, section 6.5.1)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError, DtypeError, ShapeError
from ..generator import generator as common_generator
from .loader import Batch, equally_long


class Split(NamedTuple):
    """Three parts of some arrays, each a tuple with one array for each array that was split."""

    train: Batch
    val: Batch
    test: Batch


def train_val_test_split(
    *arrays: Any,
    val: float = 0.1,
    test: float = 0.1,
    stratify: Any = None,
    shuffle: bool = True,
    generator: np.random.Generator | None = None,
) -> Split:
    """Split arrays into training, validation and test data: every example goes into exactly one part.

    Parameters
    ----------
    *arrays
        Of equal length N along axis 0.
    val, test
        The size of a part: a float in [0, 1) is a share of N, a whole number a number of examples. The rest is for
        training.
    stratify
        Labels, shape (N,). If given, each part has of each class its share of the whole, to within one example.
    shuffle
        Whether examples are picked, and the parts ordered, at random; else the order is kept and the first examples
        (of each class, with `stratify`) are for training, the last for testing.
    generator
        What to draw from, instead of the one generator of tinygrad_jp.

    Returns
    -------
    Split
        ``train, val, test``, each a tuple of arrays; copies.

    Raises
    ------
    ShapeError
        If the arrays or `stratify` differ in length.
    ArgumentError
        If `val` or `test` is negative, is a share that rounds to no example, or no example is left for training.
    DtypeError
        If `val` or `test` is no number.

    Examples
    --------
    >>> (x_train, t_train), (x_val, t_val), (x_test, t_test) = train_val_test_split(
    ...     np.zeros((50, 2)), np.arange(50) % 5, val=10, test=0.2, stratify=np.arange(50) % 5
    ... )
    >>> len(x_train), np.bincount(t_val), np.bincount(t_test)
    (30, array([2, 2, 2, 2, 2]), array([2, 2, 2, 2, 2]))
    """
    views = equally_long("train_val_test_split", arrays)
    n = len(views[0])
    sizes = np.array([0, number_of("val", val, n), number_of("test", test, n)])
    sizes[0] = n - sizes.sum()
    if sizes[0] < 1:
        raise ArgumentError(f"train_val_test_split: val={val!r} and test={test!r} leave none of {n} examples to train")
    classes = class_numbers(stratify, n)
    source = common_generator() if generator is None else generator
    order = source.permutation(n) if shuffle else np.arange(n)
    part = np.empty(n, np.intp)
    for i, quota in enumerate(apportion(np.bincount(classes), sizes)):
        part[order[classes[order] == i]] = np.repeat([0, 1, 2], quota)
    chosen = [order[part[order] == k] for k in range(3)]
    return Split(*(tuple(view[indices] for view in views) for indices in chosen))


def number_of(name: str, value: Any, n: int) -> int:
    """Return the size of a part of n examples: a float is a share, a whole number a number of examples."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise DtypeError(f"train_val_test_split: {name} must be a share or a number of examples, got {value!r}")
    if isinstance(value, int | np.integer):
        if value < 0:
            raise ArgumentError(f"train_val_test_split: {name} must not be negative, got {value}")
        return int(value)
    if not 0 <= value < 1:
        raise ArgumentError(
            f"train_val_test_split: {name} as a share must be in [0, 1), got {value}; a count is an int"
        )
    count = round(float(value) * n)
    if value > 0 and count == 0:
        raise ArgumentError(f"train_val_test_split: {name}={value} of {n} examples is none; give a number of examples")
    return count


def class_numbers(stratify: Any, n: int) -> ndarray:
    """Return the class of each example as a number from 0 on; all are of one class if there are no labels."""
    if stratify is None:
        return np.zeros(n, np.intp)
    labels = np.asarray(stratify)
    if labels.shape != (n,):
        raise ShapeError(
            f"train_val_test_split: stratify must have one label an example, shape ({n},), not {labels.shape}"
        )
    return np.unique(labels, return_inverse=True)[1]


def apportion(counts: ndarray, sizes: ndarray) -> ndarray:
    """Return how many examples of each class go into each part, exact in both sums and within one of the share.

    Parameters
    ----------
    counts
        Examples of each class, shape (K,).
    sizes
        Examples of each part, shape (P,), of the same sum.

    Returns
    -------
    ndarray
        Shape (K, P): the sum of row k is ``counts[k]``, the sum of column p is ``sizes[p]``, and each entry differs
        from ``counts[k] · sizes[p] / N`` by at most one.

    Notes
    -----
    Each entry is the share rounded down, or one more. What is missing makes a matrix of zeros and ones with given
    sums; filling row by row the columns that lack most yields one whenever there is one (Ryser, "Combinatorial
    properties of matrices of zeros and ones", 1957), and there is one: rounding the shares (Bacharach, "Matrix
    rounding problems", 1966).
    """
    quotas: ndarray = counts[:, None] * sizes // sizes.sum()
    lacking = sizes - quotas.sum(axis=0)
    for row, count in zip(quotas, counts, strict=True):
        more = np.argsort(-lacking, kind="stable")[: count - row.sum()]
        row[more] += 1
        lacking[more] -= 1
    return quotas
