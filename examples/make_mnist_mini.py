"""Make the subset of MNIST that is part of the package: ``mnist(subset="mini")``.

Of each digit, the 500 training images and 100 test images that a fixed sequence of random numbers picks, in the order
of the genuine files. The arrays are always the same; the bytes of the file depend on the version of zlib.

    python examples/make_mnist_mini.py DIRECTORY [OUTPUT]
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy import ndarray

from tinygrad_jp.data import mnist

SEED = 0


def stratified(t: ndarray, count: int) -> ndarray:
    """Return the indices, ascending, of `count` examples of each digit.

    Parameters
    ----------
    t
        Labels, shape (N,).
    count
        How many of each digit.

    Returns
    -------
    ndarray
        Shape (10 · count,), int64.
    """
    keys = np.random.PCG64(SEED).random_raw(len(t))  # raw bits: the same in every version of NumPy, unlike choice()
    picked = []
    for digit in range(10):
        members = np.flatnonzero(t == digit)
        picked.append(members[np.argsort(keys[members])[:count]])
    return np.sort(np.concatenate(picked))


def main() -> None:
    """Read the genuine files and write the subset."""
    parser = argparse.ArgumentParser(description="Make the subset of MNIST that is part of tinygrad_jp.")
    parser.add_argument("directory", help="where the four genuine files of MNIST are")
    parser.add_argument("output", nargs="?", default="mnist_mini.npz", help="the file to write (default: %(default)s)")
    arguments = parser.parse_args()

    x_train, t_train, x_test, t_test = mnist(arguments.directory, download=False, normalize=False)
    train, test = stratified(t_train, 500), stratified(t_test, 100)
    np.savez_compressed(
        arguments.output,
        x_train=x_train[train],
        t_train=t_train[train].astype(np.uint8),
        x_test=x_test[test],
        t_test=t_test[test].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
