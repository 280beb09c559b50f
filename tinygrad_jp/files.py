"""Writing files so that nothing is lost."""

from __future__ import annotations

import glob
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STALE = 3600.0  # seconds after which nobody can still be writing a part


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a file so that at any moment `path` holds either all of the content or what it held before.

    Parameters
    ----------
    path
        The file; its folder is made if needed. If it is a symbolic link, the file that it points to is written.
    content
        What to write.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OSError
        If it cannot be written, or its folder is missing and cannot be made; the error names `path`.

    Notes
    -----
    The content is first written beside the file, as ``NAME.<16 hexadecimal digits>.part``. What a killed process left
    of this kind is removed by the next writing of the same name, an hour later or more.
    """
    target = Path(os.path.realpath(path))
    with _errors_naming(path, f"there is no folder {target.parent}, and it cannot be made: "):
        target.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale_parts(target)
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")  # same folder: os.replace stays on one disk
    with _errors_naming(path):
        try:
            with open(part, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    return path


@contextmanager
def _errors_naming(path: Path, problem: str = "") -> Iterator[None]:
    """Let an error name the file that the user asked for, not its part."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{problem}{error.strerror or error}", str(path)) from error


def _remove_stale_parts(target: Path) -> None:
    """Remove the parts of a file that nobody writes any more; one that cannot be removed stays."""
    for part in target.parent.glob(f"{glob.escape(target.name)}.{'[0-9a-f]' * 16}.part"):
        with suppress(OSError):  # somebody else's, or removed by another process just now
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()
