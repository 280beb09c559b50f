"""NumPy's npz: a zip file of arrays, to exchange parameters with other programs."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError, DataError, DtypeError
from . import disk


def save_npz(path: disk.PathLike, model_or_state: Any) -> Path:
    """Write arrays as an npz file that ``numpy.load`` reads too.

    Parameters
    ----------
    path
        The file to write; no suffix is added. It is replaced only when all of it is on the disk.
    model_or_state
        A model (its ``state_dict()`` is saved) or a dict of arrays by name. Any shapes; numeric dtypes.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ArgumentError
        If it is neither, or a name is no string or contains the character NUL.
    DtypeError
        If an array holds Python objects: they could only be stored as a pickle, which can run code when loaded.
    DataError
        If the file cannot be written.
    """
    state = model_or_state.state_dict() if hasattr(model_or_state, "state_dict") else model_or_state
    if not isinstance(state, Mapping):
        raise ArgumentError(f"save_npz: expected a model or a dict of arrays, got {type(state).__name__}")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # np.savez would trip over an array whose name is "file"
        for name, values in state.items():
            if not isinstance(name, str) or "\0" in name:
                raise ArgumentError(f"save_npz: names are strings without NUL, got {name!r}")
            array = np.asarray(values)
            if array.dtype.hasobject:
                raise DtypeError(f"save_npz: {name!r} holds Python objects; pass an array of numbers")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return disk.write(path, content.getvalue())


def load_npz(path: disk.PathLike) -> dict[str, ndarray]:
    """Read an npz file; one that would need to run code (object arrays) is refused.

    Parameters
    ----------
    path
        As written by :func:`save_npz`, ``numpy.savez`` or ``numpy.savez_compressed``.

    Returns
    -------
    dict
        Arrays by name, e.g. for ``model.load_state_dict``.

    Raises
    ------
    DataError
        If there is no such file, it is damaged, it is no npz file, or it holds Python objects.
    """
    content = disk.read(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            count = int.from_bytes(content[-12 - len(archive.comment) :][:2], "little")  # which zipfile does not check
            if count != min(len(entries), 0xFFFF):
                raise ValueError(f"its directory names {len(entries)} arrays and says that there are {count}")
            return {entry.filename.removesuffix(".npy"): _member(archive, entry) for entry in entries}
    except Exception as error:  # zipfile, zlib and NumPy's header parser each raise what they like
        raise DataError(
            f"{path}: not an npz file of numeric arrays, or a damaged one ({error}); write it with save_npz or "
            "numpy.savez from arrays of numbers"
        ) from error


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> ndarray:
    """Read one array, whose header must not claim more bytes than follow: NumPy would allocate them all at once."""
    content = io.BytesIO(archive.read(entry))
    version = np.lib.format.read_magic(content)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(content)
    if not dtype.hasobject and content.tell() + dtype.itemsize * math.prod(shape) != len(content.getvalue()):
        raise ValueError(f"{entry.filename}: the header says {dtype} of shape {shape}, the bytes do not fit")
    content.seek(0)
    array: ndarray = np.lib.format.read_array(content, allow_pickle=False)
    return array
