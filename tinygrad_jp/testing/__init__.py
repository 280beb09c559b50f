"""Tools that prove gradients: ``gradcheck`` for functions, ``verify`` for recorded graphs; Hypothesis strategies.

(The strategies need the extra ``[testing]``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gradcheck import gradcheck, richardson
from .verify import Report, Verdict, verify

if TYPE_CHECKING:
    from .strategies import arrays, broadcastable_shapes, dtypes, shapes, spaced, tensors

__all__ = [
    "Report",
    "Verdict",
    "arrays",
    "broadcastable_shapes",
    "dtypes",
    "gradcheck",
    "richardson",
    "shapes",
    "spaced",
    "tensors",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import the strategies, and with them Hypothesis, only when one is asked for."""
    if name in __all__:
        from . import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
