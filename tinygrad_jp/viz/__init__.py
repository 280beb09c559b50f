"""Pictures: computational graphs drawn as the book draws them, networks as modules, and plots of training.

(Plots are in :mod:`~tinygrad_jp.viz.plots`.)
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from .drawing import Graph, graph
from .render import GraphvizError
from .replay import replay
from .report import report
from .saved import Recording, load, save
from .stepper import step
from .watch import Runs, watch

__all__ = ["Graph", "GraphvizError", "Recording", "Runs", "graph", "load", "replay", "report", "save", "step", "watch"]


def __getattr__(name: str) -> ModuleType:
    """Import ``plots`` when it is first used: it loads matplotlib."""
    if name != "plots":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.plots")
