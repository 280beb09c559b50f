"""Turn NumPy's complaint about an op's inputs into one that names the op, its inputs and the remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .errors import ArgumentError, AxisError, DtypeError, IndexingError, ShapeError, TinygradError
from .ops.table import Op


def failure(op: Op[Any], arrays: Sequence[Any], attrs: Mapping[str, Any], error: Exception) -> Exception:
    """Make the exception to raise after `error` stopped the forward pass of `op` on `arrays`."""
    if isinstance(error, TinygradError):
        inner, _, message = str(error).partition(": ")
        return error if inner == op.name else type(error)(f"{op.name}: {message or inner}")
    names = [f"x{i}" for i in range(len(arrays))] if op.variadic else list(op.inputs)
    inputs = ", ".join(f"{name}: {np.result_type(a)} {np.shape(a)}" for name, a in zip(names, arrays, strict=False))
    if isinstance(error, np.exceptions.AxisError) or re.search("duplicate|repeated", str(error)):
        return AxisError(f"{op.name}: {inputs}: {error}; axes run from −ndim to ndim − 1, each at most once")
    if isinstance(error, IndexError):
        return IndexingError(f"{op.name}: {error} ({inputs})")
    if "read-only" in str(error):
        return ArgumentError(f"{op.name}: the array of shape {np.shape(arrays[0])} is read-only; give it a copy")
    if isinstance(error, ValueError | OverflowError):
        remedy = _remedy(op, names, [np.shape(a) for a in arrays], attrs)
        about_shapes = remedy or re.search("shape|dimension|size|axes|array|subscript", str(error))
        return (ShapeError if about_shapes else ArgumentError)(f"{op.name}: {remedy or f'{error} ({inputs})'}")
    return DtypeError(f"{op.name}: {error} ({inputs})")


def _remedy(
    op: Op[Any], names: Sequence[str], shapes: Sequence[tuple[int, ...]], attrs: Mapping[str, Any]
) -> str | None:
    """Say what does not fit and what to do, for the mistakes that are made most; else None."""
    if op.name == "reshape":
        return f"cannot bring x into shape {attrs['shape']}: x has shape {shapes[0]}, {math.prod(shapes[0])} elements"
    if op.name == "broadcast_to":
        return f"x of shape {shapes[0]} does not broadcast to {attrs['shape']}: a length that changes must be 1"
    if op.name in ("dot", "matmul", "affine", "affine_relu"):
        return _alignment(names, shapes[0], shapes[1])
    if op.variadic or len(shapes) < 2:
        return None
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return _broadcasting(names, shapes)
    return None


def _alignment(names: Sequence[str], x: tuple[int, ...], y: tuple[int, ...]) -> str | None:
    if not x or not y:
        return f"shapes {x} and {y}: a scalar has no axis to align; use * instead"
    axis = max(len(y) - 2, 0)
    if x[-1] == y[axis]:
        return None
    hint = f"; did you mean {names[1]}.T?" if len(y) == 2 and x[-1] == y[1] else ""
    return (
        f"shapes {x} and {y} do not align: {x[-1]} (axis {len(x) - 1} of {names[0]}) != "
        f"{y[axis]} (axis {axis} of {names[1]}){hint}"
    )


def _broadcasting(names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> str | None:
    """Name the first axis, from the last, whose lengths differ and are not 1."""
    for back in range(1, max(map(len, shapes)) + 1):
        lengths = [(name, shape[-back]) for name, shape in zip(names, shapes, strict=True) if len(shape) >= back]
        if len({n for _, n in lengths if n != 1}) > 1:
            listed = " and ".join(str(shape) for shape in shapes)
            told = ", ".join(f"{n} in {name}" for name, n in lengths)
            return (
                f"shapes {listed} do not broadcast: axis −{back} is {told}; lengths must be equal or 1 "
                "(reshape, transpose or expand_dims one of them)"
            )
    return None
