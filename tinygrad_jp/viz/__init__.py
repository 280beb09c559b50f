"""Pictures: computational graphs drawn as the book draws them."""

from __future__ import annotations

from .graph import Graph, graph
from .render import GraphvizError, render

__all__ = ["Graph", "GraphvizError", "graph", "render"]
