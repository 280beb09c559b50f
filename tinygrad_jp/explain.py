"""Turn NumPy's complaint about an op's inputs into one that names the op, its inputs and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .errors import AxisError, DtypeError, ShapeError
from .ops.table import Op


def failure(op: Op[Any], arrays: Sequence[Any], attrs: Mapping[str, Any], error: Exception) -> Exception:
    """Make the exception to raise after `error` stopped the forward pass of `op` on `arrays`."""
    if isinstance(error, (ShapeError, DtypeError)) or str(error).startswith(f"{op.name}:"):
        return error
    names = [f"x{i}" for i in range(len(arrays))] if op.variadic else list(op.inputs)
    shapes = [np.shape(a) for a in arrays]
    if isinstance(error, np.exceptions.AxisError):
        return AxisError(f"{op.name}: {_inputs(names, arrays)}: {error}; axes run from −ndim to ndim − 1")
    if isinstance(error, ValueError):
        remedy = _remedy(op.name, names, shapes)
        if remedy:
            return ShapeError(f"{op.name}: {remedy}")
        return ShapeError(f"{op.name}: {error} ({_inputs(names, arrays)})")
    if isinstance(error, IndexError):
        return IndexError(f"{op.name}: {error} ({_inputs(names, arrays)})")
    return DtypeError(f"{op.name}: {error} ({_inputs(names, arrays)})")


def _inputs(names: Sequence[str], arrays: Sequence[Any]) -> str:
    return ", ".join(f"{name}: {np.result_type(a)} {np.shape(a)}" for name, a in zip(names, arrays, strict=False))


def _remedy(op: str, names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> str | None:
    if op in ("dot", "matmul", "affine") and len(shapes) >= 2:
        return _alignment(names, shapes[0], shapes[1])
    if len(shapes) < 2:
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
