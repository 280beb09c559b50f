"""Small pictures of the arrays that are too large to be written beside an arrow."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np

from ...nn.module import Parameter
from ...tape import Node
from ..parts import Look
from ..thumbnails import thumbnail
from .arrays import is_small

MOST = 400
"""In a diagram of more wires than this there are none: they would make most of the page."""

Picture = tuple[str, int, int]
"""Name, width and height."""


class Thumbnails:
    """The small pictures of a page, each written once.

    Attributes
    ----------
    files
        PNG as base64 by name.
    """

    def __init__(self, wires: int) -> None:
        self.files: dict[str, str] = {}
        self._wanted = wires <= MOST

    def add(self, array: Any, look: Look) -> Picture | None:
        """Draw an array; None if it is small, not known, or not of numbers."""
        known = isinstance(array, np.ndarray) and array.dtype.kind in "fiu"
        if not (known and self._wanted) or is_small(array):
            return None
        drawn = thumbnail(array, look)
        if drawn is None:
            return None
        self.files.setdefault(drawn.name, b64encode(drawn.png()).decode())
        return drawn.name, drawn.width, drawn.height


def look_of(edge: Any) -> Look:
    """Tell whether a value is a picture, learned, or something else that is computed."""
    if isinstance(edge, Parameter):
        return "weight"
    is_data = not isinstance(edge, Node) and not getattr(edge, "requires_grad", False)
    return "image" if is_data or len(edge.shape) > 3 else "signed"
