"""Tools that prove gradients: ``gradcheck``, and Hypothesis strategies for Tensors (extra ``[testing]``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gradcheck import gradcheck, richardson

if TYPE_CHECKING:
    from .strategies import arrays, broadcastable_shapes, dtypes, shapes, spaced, tensors

__all__ = ["arrays", "broadcastable_shapes", "dtypes", "gradcheck", "richardson", "shapes", "spaced", "tensors"]


def __getattr__(name: str) -> Any:
    """Import the strategies, and with them Hypothesis, only when one is asked for."""
    if name in __all__:
        from . import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
