"""Data: data sets, batches, splits, preprocessing and augmentation."""

from __future__ import annotations

from .augment import Augmentation, Compose, RandomAffine, RandomCrop, RandomFlip, affine, crop, flip
from .datasets import (
    CIFAR10_CLASSES,
    FASHION_MNIST_CLASSES,
    ImageData,
    Mnist,
    cifar10,
    fashion_mnist,
    mnist,
)
from .idx import IdxFormatError, MissingFileError, read_idx
from .loader import ArrayDataset, DataLoader, Dataset
from .preprocess import Normalize, Whiten, one_hot
from .source import ChecksumError
from .split import Split, train_val_test_split
from .synthetic import spiral, two_moons

__all__ = [
    "CIFAR10_CLASSES",
    "FASHION_MNIST_CLASSES",
    "ArrayDataset",
    "Augmentation",
    "ChecksumError",
    "Compose",
    "DataLoader",
    "Dataset",
    "IdxFormatError",
    "ImageData",
    "MissingFileError",
    "Mnist",
    "Normalize",
    "RandomAffine",
    "RandomCrop",
    "RandomFlip",
    "Split",
    "Whiten",
    "affine",
    "cifar10",
    "crop",
    "fashion_mnist",
    "flip",
    "mnist",
    "one_hot",
    "read_idx",
    "spiral",
    "train_val_test_split",
    "two_moons",
]
