"""Building blocks of networks: initial values of parameters."""

from __future__ import annotations

from .init import he, parameter, xavier

__all__ = ["he", "parameter", "xavier"]
