"""Pictures: computational graphs drawn as the book draws them, networks as modules, and plots of training.

(Plots are in :mod:`~tinygrad_jp.viz.plots`.)
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from .drawing import Graph, graph
from .render import GraphvizError
from .watch import Runs, watch

__all__ = ["Graph", "GraphvizError", "Runs", "graph", "watch"]


def __getattr__(name: str) -> ModuleType:
    """Import ``plots`` when it is first used: it loads matplotlib."""
    if name != "plots":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.plots")
