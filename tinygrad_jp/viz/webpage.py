"""A page of HTML that holds everything in itself, and its file."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from ..errors import ArgumentError
from ..files import write_atomically

FRAME = "width:100%;height:680px;border:1px solid #8886;border-radius:8px"
"""Looks of a page inside a notebook."""


class Page:
    """A page for any browser; Jupyter shows it as it is.

    Attributes
    ----------
    html : str
        The whole page. It needs no other file, and nothing may be loaded over the network from it.
    """

    def __init__(self, html: str, title: str, told: str) -> None:
        self.html = html
        self._title = title
        self._told = told

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file.

        Parameters
        ----------
        path
            Ends with .html or .htm. Folders are made as needed; a file that is there is replaced only once the new one
            is complete.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ArgumentError
            For another suffix.
        OSError
            If it cannot be written; what was there before is still there.
        """
        return write_atomically(checked(path), self.html.encode())

    def _repr_html_(self) -> str:
        # the frame has an origin of its own: nothing in it reaches the notebook
        inside, title = escape(self.html), escape(self._title)
        return f'<iframe srcdoc="{inside}" title="{title}" sandbox="allow-scripts" style="{FRAME}"></iframe>'

    def __repr__(self) -> str:
        return f"<Page: {self._told}; .save('x.html') writes it>"


def checked(path: str | os.PathLike[str]) -> Path:
    """Return the path of a page, or say that its suffix is none of HTML."""
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        raise ArgumentError(f"Page.save: unknown suffix {target.suffix!r} in {target}; use .html")
    return target
