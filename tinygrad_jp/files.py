"""Writing files so that nothing is lost."""

from __future__ import annotations

import glob
import os
import secrets
import time
from contextlib import suppress
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

    Notes
    -----
    The content is first written beside the file, as ``NAME.<16 hexadecimal digits>.part``. What a killed process left
    of this kind is removed by the next writing of the same name, an hour later or more.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale_parts(target)
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")  # same folder: os.replace stays on one disk
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return path


def _remove_stale_parts(target: Path) -> None:
    """Remove the parts of a file that nobody writes any more; one that cannot be removed stays."""
    for part in target.parent.glob(f"{glob.escape(target.name)}.{'[0-9a-f]' * 16}.part"):
        with suppress(OSError):  # somebody else's, or removed by another process just now
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()
