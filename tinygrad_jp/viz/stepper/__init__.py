"""``step``: one page that plays a computation forward and backward, node by node.

The tape is read into a :class:`.diagram.Diagram`, Graphviz places it, and ``assets/`` holds the page that shows it.
"""

from __future__ import annotations

from ..webpage import Page
from .page import step

__all__ = ["Page", "step"]
