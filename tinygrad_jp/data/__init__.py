"""Data sets: MNIST, checked to be the genuine files, and a reader of IDX files."""

from __future__ import annotations

from .datasets import ChecksumError, Mnist, mnist
from .idx import IdxFormatError, MissingFileError, read_idx

__all__ = ["ChecksumError", "IdxFormatError", "MissingFileError", "Mnist", "mnist", "read_idx"]
