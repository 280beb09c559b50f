"""Update rules: how a gradient changes the parameters."""

from __future__ import annotations

from .sgd import SGD

__all__ = ["SGD"]
