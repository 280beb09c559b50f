"""Image data sets: MNIST (from chapter 3 of the book on), Fashion-MNIST and CIFAR-10.

All three are loaded by the same mechanism (``source.py``) and returned in the same form.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError
from .idx import parse_idx
from .source import ChecksumError, Directory, Source, cache_directory, find

__all__ = ["ChecksumError", "ImageData", "Mnist", "cache_directory", "cifar10", "fashion_mnist", "find", "mnist"]

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# Of the decompressed contents, since copies compressed anew are genuine too; in the order of the fields of ImageData.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MINI = Path(__file__).with_name("mnist_mini.npz")

FASHION_MNIST_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
# Of the .gz files as published, as TensorFlow Datasets lists them too; likewise for CIFAR-10.
FASHION_MNIST_SHA256 = {
    "train-images-idx3-ubyte": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
FASHION_MNIST_CLASSES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)

CIFAR10_MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
CIFAR10_SHA256 = {"cifar-10-binary.tar": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class ImageData(NamedTuple):
    """Images (x) and labels (t) for training and for testing, in the order ``x_train, t_train, x_test, t_test``."""

    x_train: ndarray
    t_train: ndarray
    x_test: ndarray
    t_test: ndarray


Mnist = ImageData


def mnist(
    directory: Directory = None,
    *,
    subset: str | None = None,
    download: bool = True,
    flatten: bool = True,
    normalize: bool = True,
) -> ImageData:
    """Load MNIST: 60,000 images for training and 10,000 for testing, of 28 × 28 pixels, and the digits they show.

    The authors are Y. LeCun, C. Cortes and C. J. C. Burges. The four IDX files, plain or gzip, are looked for in
    `directory`, or if that is None, in the directory that the environment variable ``TINYGRAD_JP_DATA`` names; in its
    subdirectory ``mnist``; and in the user's cache. What is in none of them is downloaded to the cache. The SHA-256
    of every file is checked, wherever it was found.

    Parameters
    ----------
    directory
        Where to look first; it must exist.
    subset
        ``"mini"`` loads a genuine subset that is part of the package, without any other file or the network: 5,000
        images for training and 1,000 for testing, each digit equally often. `directory` and `download` do not
        matter then.
    download
        Whether the network may be used.
    flatten
        Return each image as a vector, else as one channel of rows and columns.
    normalize
        Return float32 in [0, 1], else the pixels as they are, uint8 in [0, 255] (0 is the background).

    Returns
    -------
    ImageData
        ``x_train, t_train, x_test, t_test``: images of shape (N, 784) or (N, 1, 28, 28), labels int64 of shape (N,).

    Raises
    ------
    ArgumentError
        If there is no such subset.
    MissingFileError
        If `directory` does not exist, or files are missing and were not downloaded; the message says what to do.
    IdxFormatError
        If a file is truncated or corrupt.
    ChecksumError
        If a file is not the genuine one.

    Examples
    --------
    >>> x_train, t_train, x_test, t_test = mnist(subset="mini")
    >>> x_train.shape, t_train.shape
    ((5000, 784), (5000,))
    """
    if subset is None:
        hint = "; or take the images that need no download: mnist(subset='mini')"
        arrays = Source("mnist", "MNIST", MIRRORS, SHA256, hint=hint).load(parse_idx, directory, download)
    elif subset == "mini":
        arrays = load_mini()
    else:
        raise ArgumentError(f"mnist: there is no subset {subset!r}; give 'mini', or None for all images")
    return image_data(arrays, (1, 28, 28), flatten, normalize)


def fashion_mnist(
    directory: Directory = None, *, download: bool = True, flatten: bool = True, normalize: bool = True
) -> ImageData:
    """Load Fashion-MNIST (Xiao, Rasul & Vollgraf, 2017, arXiv:1708.07747): pictures of clothes in MNIST's format.

    Its files have the names of MNIST's. They are looked for in `directory` and its subdirectory ``fashion_mnist``, or
    if `directory` is None, in the subdirectory ``fashion_mnist`` of the directory that the environment variable
    ``TINYGRAD_JP_DATA`` names; and in the user's cache. Only the ``.gz`` files as published are taken.

    Parameters
    ----------
    directory, download, flatten, normalize
        As for :func:`mnist`.

    Returns
    -------
    ImageData
        60,000 images for training and 10,000 for testing: shape (N, 784) or (N, 1, 28, 28); labels int64 of shape
        (N,), whose names are in ``FASHION_MNIST_CLASSES``.

    Raises
    ------
    MissingFileError, ChecksumError
        As for :func:`mnist`.
    """
    source = Source(
        "fashion_mnist",
        "Fashion-MNIST",
        FASHION_MNIST_MIRRORS,
        FASHION_MNIST_SHA256,
        published=True,
        common_names=True,
    )
    return image_data(source.load(parse_idx, directory, download), (1, 28, 28), flatten, normalize)


def cifar10(
    directory: Directory = None, *, download: bool = True, flatten: bool = True, normalize: bool = True
) -> ImageData:
    """Load CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): colour photographs.

    The binary version, ``cifar-10-binary.tar.gz``, is read in memory; nothing is unpacked to the disk. It is looked
    for in `directory`, or if that is None, in the directory that the environment variable ``TINYGRAD_JP_DATA`` names;
    in its subdirectory ``cifar10``; and in the user's cache.

    Parameters
    ----------
    directory, download, flatten, normalize
        As for :func:`mnist`.

    Returns
    -------
    ImageData
        50,000 images for training and 10,000 for testing: shape (N, 3072) or (N, 3, 32, 32), channels red, green,
        blue; labels int64 of shape (N,), whose names are in ``CIFAR10_CLASSES``.

    Raises
    ------
    MissingFileError, ChecksumError
        As for :func:`mnist`.
    """
    source = Source("cifar10", "CIFAR-10", CIFAR10_MIRRORS, CIFAR10_SHA256, published=True)
    (arrays,) = source.load(parse_cifar10, directory, download)
    return image_data(arrays, (3, 32, 32), flatten, normalize)


def image_data(arrays: list[ndarray], shape: tuple[int, int, int], flatten: bool, normalize: bool) -> ImageData:
    """Bring images and labels, uint8, into the shape and dtypes that were asked for."""

    def images(pixels: ndarray) -> ndarray:
        x = pixels.reshape((-1, int(np.prod(shape))) if flatten else (-1, *shape))
        return x / np.float32(255) if normalize else x

    x_train, t_train, x_test, t_test = arrays
    return ImageData(images(x_train), t_train.astype(np.int64), images(x_test), t_test.astype(np.int64))


def load_mini() -> list[ndarray]:
    """Return the four arrays of the subset of MNIST in the package, uint8."""
    with np.load(MINI, allow_pickle=False) as file:
        return [file[field] for field in ImageData._fields]


def parse_cifar10(content: bytes, source: str | os.PathLike[str]) -> list[ndarray]:
    """Turn the (decompressed) tar archive of CIFAR-10, known to be genuine, into the four arrays, uint8.

    Each image is a record of 3073 bytes: its label, then 32 × 32 pixels of red, of green and of blue, row by row (as
    the data set's page, https://www.cs.toronto.edu/~kriz/cifar.html, describes).
    """
    import tarfile  # slow to import, and rarely needed

    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {Path(member.name).name: archive.extractfile(member) for member in archive if member.isfile()}
        parts = {name: file.read() for name, file in files.items() if file is not None}
    train = b"".join(parts[f"data_batch_{i}.bin"] for i in range(1, 6))
    arrays = []
    for part in (train, parts["test_batch.bin"]):
        records = np.frombuffer(part, np.uint8).reshape(-1, 3073)
        arrays += [records[:, 1:].copy(), records[:, 0]]
    return arrays
