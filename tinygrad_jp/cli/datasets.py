"""The data sets that ``--data`` knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from .. import data
from ..data import ArrayDataset, Augmentation, Compose, RandomAffine, RandomFlip
from .naming import check

DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Data:
    """Examples for training and testing.

    Attributes
    ----------
    x_train, t_train, x_test, t_test
        Images, uint8, shape (N, C, H, W), or points, float32, shape (N, 2); and labels, shape (N,).
    """

    x_train: ndarray
    t_train: ndarray
    x_test: ndarray
    t_test: ndarray


@dataclass(frozen=True)
class Kind:
    """A data set before it is loaded.

    Attributes
    ----------
    load
        Loads it, given the seed of the run.
    classes
        Their names.
    augmentation
        How its images may be changed at random; None if it has no images.
    box
        Side of the square into which what a user's picture shows is fitted; None: the whole picture is scaled.
    """

    load: Callable[[int], Data]
    classes: tuple[str, ...]
    augmentation: Augmentation | None = None
    box: int | None = None


def _images(function: Callable[..., data.ImageData], **settings: Any) -> Callable[[int], Data]:
    return lambda seed: Data(*function(flatten=False, normalize=False, **settings))


def _points(function: Callable[..., tuple[ndarray, ndarray]]) -> Callable[[int], Data]:
    def load(seed: int) -> Data:
        drawn = [function(generator=np.random.default_rng([seed, part])) for part in (1, 2)]
        return Data(*drawn[0], *drawn[1])

    return load


_AFFINE = RandomAffine(shift=2, rotate=10, scale=(0.9, 1.1))
_MIRRORED = Compose([_AFFINE, RandomFlip()])

DATA: dict[str, Kind] = {
    "mini": Kind(_images(data.mnist, subset="mini"), DIGITS, _AFFINE, box=20),
    "mnist": Kind(_images(data.mnist), DIGITS, _AFFINE, box=20),
    "fashion-mnist": Kind(_images(data.fashion_mnist), data.FASHION_MNIST_CLASSES, _MIRRORED, box=28),
    "cifar10": Kind(_images(data.cifar10), data.CIFAR10_CLASSES, _MIRRORED),
    "spiral": Kind(_points(data.spiral), tuple("012")),
    "two-moons": Kind(_points(data.two_moons), tuple("01")),
}


def kind(name: str) -> Kind:
    """Return the data set of this name.

    Raises
    ------
    CommandError
        If there is none; the nearest is suggested.
    """
    check("data set", name, DATA)
    return DATA[name]


def examples(x: ndarray, t: ndarray) -> ArrayDataset:
    """Make a data set in which pixels lie in [0, 1]; they are converted batch by batch, which saves memory."""
    return ArrayDataset(x, t, transform=_scaled if x.dtype == np.uint8 else None)


def _scaled(batch: tuple[ndarray, ...]) -> tuple[ndarray, ...]:
    x, t = batch
    return x / np.float32(255), t
