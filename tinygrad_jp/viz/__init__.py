"""Pictures: computational graphs drawn as the book draws them."""

from __future__ import annotations

from .drawing import Graph, graph
from .render import GraphvizError

__all__ = ["Graph", "GraphvizError", "graph"]
