"""Files: checkpoints (safetensors), npz, and the book's parameter files. Loading never runs code from a file."""

from __future__ import annotations

from .book_pickle import load_book_pickle
from .checkpoint import Checkpoint, load_checkpoint, read_checkpoint, save_checkpoint
from .npz import load_npz, save_npz

__all__ = [
    "Checkpoint",
    "load_book_pickle",
    "load_checkpoint",
    "load_npz",
    "read_checkpoint",
    "save_checkpoint",
    "save_npz",
]
