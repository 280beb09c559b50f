"""A fully connected layer on arrays: product with the weights, bias and relu, and its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from .fast import compiled
from .pooling import rectify, stopped
from .product import SMALL, product

Array = np.ndarray[Any, Any]


def _fast(n: int, d: int, m: int) -> ModuleType | None:
    """Return the compiled kernels, unless a layer is so small that NumPy's few calls take no longer (measured)."""
    return compiled() if n * d * m >= SMALL else None


def forward(x: Array, w: Array, b: Array, relu: bool) -> Array:
    """Compute x · W + b, and max(…, 0) of it with `relu`.

    Parameters
    ----------
    x, w, b
        Shapes (N, D), (D, M), and (M,) or anything that broadcasts to it.

    Returns
    -------
    ndarray
        Shape (N, M).
    """
    (n, d), dtype = x.shape, x.dtype
    if w.shape == (d, *b.shape) and w.dtype is dtype and b.dtype is dtype:
        fast = _fast(n, *w.shape)
        found: Array | None = fast.affine.forward(x, w, b, relu) if fast is not None else None
        if found is not None:
            return found
    out = product(x, w)
    if b.dtype is out.dtype:
        out += b
    else:
        out = out + b
    return rectify(out, out) if relu else out


def gradients(wanted: Sequence[str], g: Array, x: Array | None, w: Array | None, out: Array | None) -> list[Array]:
    """Carry the gradient of the result back to what is wanted of ``"x"``, ``"w"`` and ``"b"``.

    Parameters
    ----------
    g
        Gradient of the result, shape (N, M).
    x, w
        What :func:`forward` was given; the gradient of one needs the other, that of the bias neither.
    out
        What it returned, if that was with relu.
    """
    (n, m), dtype = g.shape, g.dtype
    if (x is None or x.dtype is dtype) and (w is None or w.dtype is dtype):
        fast = _fast(n, len(w) if w is not None else x.shape[1] if x is not None else 0, m)
        found: dict[str, Array] | None = fast.affine.gradients(g, x, w, out) if fast is not None else None
        if found is not None:
            return [found[name] for name in wanted]
    if out is not None:
        g = stopped(g, out)
    made = {"b": lambda: np.add.reduce(g, axis=0)}
    by_columns = x is not None and x.flags.f_contiguous  # as images' rows do: then their gradient comes likewise
    if w is not None:
        made["x"] = lambda: product(w, g.T).T if by_columns else product(g, w.T)
    if x is not None:
        made["w"] = lambda: product(x.T, g)
    return [made[name]() for name in wanted]
