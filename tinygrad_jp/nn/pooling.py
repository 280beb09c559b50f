"""Layers that reduce or enlarge images, and local response normalization: functions without parameters."""

from __future__ import annotations

from ..kernels.reduction import WIDEST
from ..ops.pool import (
    adaptive_avg_pool2d,
    avg_pool2d,
    global_avg_pool2d,
    local_response_norm,
    max_pool2d,
    upsample,
)
from .activation import Function


class MaxPool2d(Function):
    """Layer of ``tinygrad_jp.max_pool2d``."""

    function = max_pool2d

    @property
    def side(self) -> int | None:
        """Side of the windows if they are square and lie side by side, without padding; else None."""
        size, stride, padding, strict = (self.options[name] for name in ("size", "stride", "padding", "strict"))
        plain = isinstance(size, int) and stride in (None, size) and padding == 0 and not strict
        return size if plain and 1 < size <= WIDEST else None


class AvgPool2d(Function):
    """Layer of ``tinygrad_jp.avg_pool2d``."""

    function = avg_pool2d


class AdaptiveAvgPool2d(Function):
    """Layer of ``tinygrad_jp.adaptive_avg_pool2d``."""

    function = adaptive_avg_pool2d


class GlobalAvgPool2d(Function):
    """Layer of ``tinygrad_jp.global_avg_pool2d``."""

    function = global_avg_pool2d


class Upsample(Function):
    """Layer of ``tinygrad_jp.upsample``."""

    function = upsample


class LocalResponseNorm(Function):
    """Layer of ``tinygrad_jp.local_response_norm``."""

    function = local_response_norm
