"""What shape and dtype an op's result has, without computing it.

The op's own forward tells them, on inputs from which the rows are cut away: most ops repeat the same along the first
axis of the result, so that a result without rows costs nothing and differs in nothing but their number (:class:`.Op`
tells of which inputs the rows are). So nothing is written twice, and what an op refuses it refuses here. An op that
does not repeat, or a call where the cut does not fit, runs as it is on numbers that do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import lru_cache, partial
from typing import Any, NoReturn

import numpy as np

from .blank import Blank, not_computed
from .errors import NotComputedError
from .ops.table import Array, Op, Plan, Shape, longest

INDICES = ("index", "indices")
"""Static arguments of whole numbers that choose elements: how many they choose their shape tells."""


def outline(op: Op[Any], arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """Return what ``op.run`` would, as blanks.

    Whole numbers and Booleans that are known stay so: what follows from them alone is computed (masks, positions).

    Parameters
    ----------
    op
        A row.
    arrays, attrs
        Its inputs, arrays and numbers, and its static arguments.

    Raises
    ------
    NotComputedError
        If the shape depends on values that were not computed.
    Exception
        What the forward raises for these shapes and dtypes.
    """
    if not any(isinstance(a, Blank) or np.result_type(a).kind == "f" for a in arrays):
        return _run(op, arrays, attrs)
    attrs = {name: _readable(op, name, value) for name, value in attrs.items()}
    plain = list(map(_plain, arrays))
    with np.errstate(all="ignore"):
        found = _without_rows(op, plain, attrs)
        if found is None:
            owners = {id(_owner(a)) for a in arrays}
            made = _run(op, plain, attrs)
            found = [_blank(out, owners) for out in (made if op.keeps else (made,))]
    if isinstance(found[0], Blank):
        found[0].op = op.name
    return found if op.keeps else found[0]


def _run(op: Op[Any], arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    return op.run(*((tuple(arrays),) if op.variadic else arrays), **attrs)


def _readable(op: Op[Any], name: str, value: Any) -> Any:
    """Take a static argument as an array that can be read; refuse one whose unknown values tell the shape."""
    if isinstance(value, tuple | list):
        return type(value)(_readable(op, name, part) for part in value)
    if not isinstance(value, Blank):
        return value
    if op.family != "elementwise" and not (name in INDICES and value.dtype.kind in "iu"):
        raise not_computed(f"{op.name}: '{name}'", value)
    return _plain(value)


def _plain(array: Any) -> Any:
    return array.view(np.ndarray) if isinstance(array, Blank) else array


def _owner(array: Any) -> Any:
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array


def _blank(out: Any, owners: set[int]) -> Any:
    """Replace a result by a blank; a view of an input stays one."""
    if not isinstance(out, np.ndarray | np.generic | bool | int | float):
        return out  # no array of numbers, which is refused later
    out = np.asarray(out)
    return out.view(Blank) if id(_owner(out)) in owners else Blank(out.shape, out.dtype)


# ---------------------------------------------------------------------------------------------------- rows


def _without_rows(op: Op[Any], arrays: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any] | None:
    """Run a forward on inputs without rows, and put their number back; None where this does not fit."""
    shapes = [np.shape(a) for a in arrays]
    axes = _row_axes(op, shapes, attrs)
    given = [_axis_of(op, axes, i) for i in range(len(arrays))]
    cut_shapes = {name: value for name, value in attrs.items() if name in axes}
    lengths = [shape[axis] for shape, axis in zip(shapes, given, strict=True) if axis is not None and axis < len(shape)]
    lengths += [value[axes[name]] for name, value in cut_shapes.items()]
    if len(set(lengths)) != 1 or any(0 in shape for shape in shapes):  # what has no element costs nothing anyway
        return None
    cut = [a if axis is None else _cut(a, axis) for a, axis in zip(arrays, given, strict=True)]
    try:
        made = _run(op, cut, {**attrs, **{name: (0, *value[1:]) for name, value in cut_shapes.items()}})
    except Exception:  # the forward tells of the shapes that were given, not of these
        return None
    results = made if op.keeps else (made,)
    if np.shape(results[0])[:1] != (0,):
        return None
    (n,) = set(lengths)
    out, *kept = results
    return [Blank((n, *out.shape[1:]), out.dtype), *(Blank(_with_rows(k.shape, n), k.dtype) for k in kept)]


def _with_rows(shape: Shape, n: int) -> Shape:
    """Put the rows back, of which something kept may have none: the moments of a batch, or nothing at all."""
    return (n, *shape[1:]) if shape[:1] == (0,) and 0 not in shape[1:] else shape


def _axis_of(op: Op[Any], axes: Mapping[str, Any], i: int) -> int | None:
    if not op.variadic:
        return axes.get(op.inputs[i])
    common = axes.get(op.inputs[0])
    return common[i] if isinstance(common, Sequence) else common


def _cut(array: Array, axis: int) -> Array:
    shape = np.shape(array)
    return np.empty((*shape[:axis], 0, *shape[axis + 1 :]), np.result_type(array))


def _row_axes(op: Op[Any], shapes: Sequence[Shape], attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tell which axes of the inputs are the rows (see :attr:`.Op.rows`); by default what the family says."""
    if not op.trusted or ("axis" in attrs and not _spares_rows(attrs["axis"], len(shapes[0]))):
        return {}
    if op.rows is not None:
        return op.rows(shapes, attrs) if callable(op.rows) else op.rows
    if op.family == "elementwise":
        return longest(op.inputs, shapes)
    along = op.family in ("reduction", "along_axis") and "axis" in attrs
    return {op.inputs[0]: 0} if along else {}


def _spares_rows(axis: Any, ndim: int) -> bool:
    """Tell whether an op along these axes leaves the first axis alone."""
    if axis is None or not ndim:
        return False
    return all(a % ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))


# ---------------------------------------------------------------------------------------------------- going backward


@lru_cache(maxsize=1000)
def without_gradient(plan: Plan) -> Plan:
    """Return the plan of a node that was not computed: the same, but its steps refuse to run."""
    refusing = copy(plan)
    refusing.steps = tuple((i, partial(_refuse_gradient, plan.op.name), []) for i, *_ in plan.steps or ())
    return refusing


def _refuse_gradient(name: str, *_: Any) -> NoReturn:
    raise NotComputedError(
        f"{name}: has no gradient, since its result was not computed, only its shape and dtype were worked out; let it "
        "be computed: compute=True"
    )
