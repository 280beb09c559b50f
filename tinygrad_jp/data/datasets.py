"""MNIST: 70,000 images of handwritten digits (Y. LeCun, C. Cortes, C. J. C. Burges), from chapter 3 of the book on."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from ..errors import DataError
from .download import download as download_file
from .idx import MissingFileError, decompress, parse_idx, read_content

ENVIRONMENT_VARIABLE = "TINYGRAD_JP_DATA"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# Of the decompressed contents, since copies compressed anew are genuine too; in the order of the fields of Mnist.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MINI = Path(__file__).with_name("mnist_mini.npz")


class ChecksumError(DataError):
    """A data file that can be read but is not the genuine one."""


class Mnist(NamedTuple):
    """Images (x) and labels (t) for training and for testing, in the order ``x_train, t_train, x_test, t_test``."""

    x_train: ndarray
    t_train: ndarray
    x_test: ndarray
    t_test: ndarray


def mnist(
    directory: str | os.PathLike[str] | None = None,
    *,
    subset: str | None = None,
    download: bool = True,
    flatten: bool = True,
    normalize: bool = True,
) -> Mnist:
    """Load MNIST: 60,000 images for training and 10,000 for testing, of 28 × 28 pixels, and the digits they show.

    The four IDX files, plain or gzip, are looked for in `directory`, or if that is None, in the directory that the
    environment variable ``TINYGRAD_JP_DATA`` names; in its subdirectory ``mnist``; and in the user's cache. What is
    in none of them is downloaded to the cache. The SHA-256 of every file is checked, wherever it was found.

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
    Mnist
        ``x_train, t_train, x_test, t_test``: images of shape (N, 784) or (N, 1, 28, 28), labels int64 of shape (N,).

    Raises
    ------
    ValueError
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
        arrays = load_files(directory, download)
    elif subset == "mini":
        arrays = load_mini()
    else:
        raise ValueError(f"mnist: there is no subset {subset!r}; give 'mini', or None for all images")
    x_train, t_train, x_test, t_test = arrays
    return Mnist(
        images(x_train, flatten, normalize),
        t_train.astype(np.int64),
        images(x_test, flatten, normalize),
        t_test.astype(np.int64),
    )


def images(pixels: ndarray, flatten: bool, normalize: bool) -> ndarray:
    """Bring images, uint8 with 784 pixels each, into the shape and dtype that were asked for."""
    x = pixels.reshape((-1, 784) if flatten else (-1, 1, 28, 28))
    return x / np.float32(255) if normalize else x


def load_mini() -> list[ndarray]:
    """Return the four arrays of the subset in the package, uint8."""
    with np.load(MINI, allow_pickle=False) as file:
        return [file[field] for field in Mnist._fields]


def load_files(directory: str | os.PathLike[str] | None, download: bool) -> list[ndarray]:
    """Return the arrays of the four files, uint8, downloading what is missing if that is allowed."""
    places = [*named_places(directory), cache_directory()]
    return [load_file(name, find(name, places) or fetch(name, places, download)) for name in SHA256]


def load_file(name: str, path: Path) -> ndarray:
    """Return the array of one of the four files, after checking that it is genuine."""
    content = read_content(path)
    array = parse_idx(content, path)  # before the checksum, because it can say what is wrong
    check(name, content, path)
    return array


def check(name: str, content: bytes, source: str | os.PathLike[str]) -> None:
    """Raise ChecksumError unless this (decompressed) content is that of the genuine file."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256[name]:
        raise ChecksumError(
            f"{source}: not MNIST's {name} (a damaged copy, or another data set under the same name?): expected "
            f"SHA-256 {SHA256[name]} of the decompressed content, got {digest}; get the genuine file instead "
            "(mnist() downloads it if it finds none of that name)"
        )


def cache_directory() -> Path:
    """Return the directory for downloaded files: in the user's cache, as is the custom of the platform."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tinygrad_jp" / "mnist"


def named_places(directory: str | os.PathLike[str] | None) -> list[Path]:
    """Return the directories to search that the caller, or else the environment variable, names: perhaps none.

    Raises
    ------
    MissingFileError
        If the directory does not exist: a misspelt name must not pass unnoticed.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE) if directory is None else directory
    if not named:
        return []
    place = Path(named).expanduser()
    if not place.is_dir():
        origin = f"the environment variable {ENVIRONMENT_VARIABLE}" if directory is None else "the argument directory"
        raise MissingFileError(f"mnist: {origin} names {place}, which is no directory; correct it or leave it out")
    return [place, place / "mnist"]


def find(name: str, places: Sequence[Path]) -> Path | None:
    """Return the first file that bears one of the names under which this file of MNIST is spread, or None."""
    names = [stem + suffix for stem in (name, name.replace("-idx", ".idx")) for suffix in (".gz", "")]
    return next((path for place in places for path in map(place.joinpath, names) if path.is_file()), None)


def fetch(name: str, places: Sequence[Path], download: bool) -> Path:
    """Download one of the four files to the last of the places, the cache, and return its path there.

    Raises
    ------
    MissingFileError
        If the file may not, or could not, be downloaded.
    """
    if not download:
        raise missing(name, places, "mnist(download=False) does not download it.")

    def check_response(content: bytes, url: str) -> None:
        check(name, decompress(content, url), url)

    path = places[-1] / f"{name}.gz"
    try:
        download_file([f"{mirror}{path.name}" for mirror in MIRRORS], path, check_response)
    except DataError as error:
        raise missing(name, places, str(error)) from None  # its whole message is repeated in this one
    return path


def missing(name: str, places: Sequence[Path], reason: str) -> MissingFileError:
    """Return the error that says where a file was looked for, why it was not downloaded, and what to do."""
    searched = "".join(f"  {place}\n" for place in places)
    files = "".join(f"  {file}.gz\n" for file in SHA256)
    return MissingFileError(
        f"mnist: {name} is in none of\n{searched}{reason}\nPut these four files, with or without .gz,\n{files}"
        f"into {places[-1]}, or into a directory that you name in the environment variable {ENVIRONMENT_VARIABLE} or "
        "as mnist(directory); or take the images that need no download: mnist(subset='mini')"
    )
