"""Reading and writing whole files, with errors that name the file and say what to do."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DataError
from ..files import write_atomically

PathLike = str | os.PathLike[str]


def read(path: PathLike) -> bytes:
    """Return the content of a file.

    Raises
    ------
    DataError
        If it is not there or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: PathLike, error: OSError) -> DataError:
    """Return the error that says why a file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: there is no such file; check the path")
    return DataError(f"{path}: cannot be read ({error.strerror or error}); check that it is a file and its permissions")


def write(path: PathLike, content: bytes) -> Path:
    """Write a file whole or not at all.

    Raises
    ------
    DataError
        If it cannot be written (a full disk, a missing permission); what the file held before is still there.
    """
    try:
        return write_atomically(Path(path), content)
    except OSError as error:
        raise DataError(
            f"{path}: could not write {len(content):,} bytes ({error.strerror or error}); a file that was there before "
            "is unchanged; free some space or choose another folder, then save again"
        ) from error
