"""Download a file: from the first mirror that serves the right content, and atomically."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import DataError
from ..files import write_atomically
from ..progress import progress

TIMEOUT = 30.0
CHUNK = 1 << 16


def download(urls: Sequence[str], path: Path, check: Callable[[bytes, str], object]) -> None:
    """Download a file to `path`, from the first URL that serves what it should.

    Parameters
    ----------
    urls
        Where the file is served, tried in this order, each with a time limit of ``TIMEOUT`` seconds on any wait.
    path
        The file to write; its directory is made. It is replaced in one step by the whole, checked content, or left
        as it is.
    check
        Called with the content and its URL; raises a DataError if the content is not the right one.

    Raises
    ------
    DataError
        If no URL served the right content, or it could not be written; the message has a line for each URL.
    """
    from http.client import HTTPException  # slow to import, and rarely needed

    failures = []
    for url in urls:
        try:
            content = receive(url)
            check(content, url)
            write_atomically(path, content)
            return
        except (OSError, HTTPException) as error:  # DataError, URLError and time-outs are OSErrors
            failures.append(f"  {url}: {type(error).__name__}: {error}")
    raise DataError("\n".join([f"{path.name} could not be downloaded:", *failures]))


def receive(url: str) -> bytes:
    """Return what a URL serves, showing the progress on the standard error stream."""
    from urllib.request import urlopen  # slow to import, and rarely needed

    with urlopen(url, timeout=TIMEOUT) as response, progress(url.rpartition("/")[2], response.length, "B") as advance:
        chunks = []
        while chunk := response.read(CHUNK):
            chunks.append(chunk)
            advance(len(chunk))
    return b"".join(chunks)
