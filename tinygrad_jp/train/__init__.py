"""The training loop, its record and its callbacks."""

from __future__ import annotations

from .callbacks import Callback, EarlyStopping
from .histograms import Histogram, Histograms
from .history import History
from .search import Between, Search, Trial, search
from .trainer import BEST, LAST, Trainer

__all__ = [
    "BEST",
    "LAST",
    "Between",
    "Callback",
    "EarlyStopping",
    "Histogram",
    "Histograms",
    "History",
    "Search",
    "Trainer",
    "Trial",
    "search",
]
