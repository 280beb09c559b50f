"""IDX, the file format of MNIST: a magic number, the lengths of the axes, the elements; all of it big-endian.

The source is the description at the end of http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}


class IdxFormatError(DataError):
    """A file that is no IDX file, is truncated or too long, or whose gzip stream is corrupt."""


class MissingFileError(DataError, FileNotFoundError):
    """A data file, or the directory that should hold it, that does not exist."""


def read_idx(path: str | os.PathLike[str]) -> ndarray:
    """Read an IDX file, plain or gzip (told by its content, not by its name).

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ndarray
        Of the shape and dtype that the file declares (uint8, int8, int16, int32, float32 or float64), in native byte
        order, writable.

    Raises
    ------
    MissingFileError
        If there is no such file.
    IdxFormatError
        If the content is not exactly one IDX array.
    """
    return parse_idx(read_content(Path(path)), path)


def read_content(path: Path) -> bytes:
    """Return the content of a file, decompressed if it is gzip.

    Raises
    ------
    MissingFileError
        If there is no such file.
    IdxFormatError
        If the gzip stream is corrupt or truncated.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path}: there is no such file; check the path") from error
    return decompress(content, path)


def decompress(content: bytes, source: str | os.PathLike[str]) -> bytes:
    """Undo gzip; what does not start with gzip's magic bytes is returned as it is.

    Parameters
    ----------
    content
        What was read or received.
    source
        Its path or URL, for the error message.

    Raises
    ------
    IdxFormatError
        If the gzip stream is corrupt or truncated.
    """
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise IdxFormatError(
            f"{source}: corrupt gzip: expected a whole gzip stream, got {len(content)} damaged or truncated bytes "
            f"({error}); get the file again"
        ) from error


def parse_idx(content: bytes, source: str | os.PathLike[str]) -> ndarray:
    """Turn the (decompressed) content of an IDX file into an array.

    Parameters
    ----------
    content
        Two zero bytes, a byte for the dtype, a byte for the number of axes, four bytes for the length of each axis,
        then the elements.
    source
        The path or URL of the content, for the error messages.

    Returns
    -------
    ndarray
        In native byte order, writable.

    Raises
    ------
    IdxFormatError
        If the magic number is wrong, bytes are missing or left over, or NumPy cannot hold the shape.
    """
    dtype = DTYPES.get(content[2]) if len(content) >= 4 and content.startswith(b"\0\0") else None
    if dtype is None:
        codes = ", ".join(f"{code:02x}" for code in DTYPES)
        raise IdxFormatError(
            f"{source}: wrong magic number: expected 00 00, a dtype code ({codes}) and the number of axes, "
            f"got {content[:4].hex(' ') or 'nothing'}; give an IDX file, plain or gzip"
        )
    ndim = content[3]
    header = 4 + 4 * ndim
    if len(content) < header:
        raise IdxFormatError(
            f"{source}: truncated: the header of an array of {ndim} axes is {header} bytes, got {len(content)}; "
            "get the file again"
        )
    shape = struct.unpack_from(f">{ndim}I", content, 4)
    expected = header + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        problem = "truncated" if len(content) < expected else f"{len(content) - expected} trailing bytes"
        raise IdxFormatError(
            f"{source}: {problem}: expected {expected} bytes for {dtype.name} of shape {shape}, got {len(content)}; "
            "get the file again"
        )
    try:
        array = np.frombuffer(content, dtype, offset=header).reshape(shape)
    except ValueError as error:
        raise IdxFormatError(
            f"{source}: expected a shape that NumPy can hold, got {shape} ({error}); get the file again"
        ) from error
    return array.astype(dtype.newbyteorder("="))  # also a copy: the buffer of `content` is read-only
