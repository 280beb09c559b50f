"""Batch normalization on arrays: each channel (axis 1) to mean 0 and variance 1, scaled and shifted, and its gradients.

S. Ioffe, C. Szegedy, "Batch normalization", 2015, algorithm 1. Arrays have shape (N, C) or (N, C, H, W), statistics and
parameters (C,). With `relu` negative results become 0; what is positive in the result was let through.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from .fast import compiled

Array = np.ndarray[Any, Any]


def _axes(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _column(values: Array, x: Array) -> Array:
    """Shape values of the channels so that they broadcast with `x`."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


def _fast(x: Array) -> ModuleType | None:
    """Return the compiled kernels if they are to take such images."""
    return compiled(np.result_type(x, np.float32)) if x.size else None


def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and (biased) variance of each channel, in at least float32."""
    fast = _fast(x)
    if fast is not None:
        mean, var = fast.normalization.moments(x)
        return mean, var
    dtype = np.result_type(x, np.float32)
    return x.mean(_axes(x), dtype=dtype), x.var(_axes(x), dtype=dtype)


def normalize(x: Array, mean: Array, scale: Array, gamma: Array, beta: Array, relu: bool) -> Array:
    """Return γ (x − mean) · scale + β, with `scale` = 1 / √(variance + ε)."""
    slope = gamma * scale
    shift = beta - slope * mean
    fast = _fast(x)
    if fast is not None:
        out: Array = fast.normalization.scaled(x, slope, shift, relu)
        return out
    out = x * _column(slope, x)
    out += _column(shift, x)
    return np.maximum(out, 0, out=out) if relu else out


def gradient_sums(g: Array, x: Array, mean: Array, scale: Array, out: Array, relu: bool) -> tuple[Array, Array]:
    """Return Σ g and Σ g x̂ of each channel, the gradients of β and γ; `g` is that of `out`."""
    fast = _fast(x)
    if fast is not None:
        total, slope = fast.normalization.gradient_sums(g, x, mean, scale, out, relu)
        return total, slope
    passed = g * (out > 0) if relu else g
    normal = (x - _column(mean, x)) * _column(scale, x)
    return passed.sum(_axes(x)), (passed * normal).sum(_axes(x))


def input_gradient(g: Array, x: Array, mean: Array, scale: Array, gamma: Array, out: Array, relu: bool) -> Array:
    """Return the gradient of `x`: γ · scale · (g − mean g − x̂ mean(g x̂)) (section 3 of the paper, summed up)."""
    total, slope = gradient_sums(g, x, mean, scale, out, relu)
    count = max(x.size // max(x.shape[1], 1), 1)
    # as a sum of g and x, each with a factor of its channel, and a constant
    of_g = gamma * scale
    of_x = -of_g * scale * slope / count
    constant = -of_g * total / count - of_x * mean
    fast = _fast(x)
    if fast is not None:
        images: Array = fast.normalization.combined(g, x, of_g, of_x, constant, out, relu)
        return images
    passed = g * (out > 0) if relu else g
    result: Array = passed * _column(of_g, x) + x * _column(of_x, x) + _column(constant, x)
    return result
