"""Ops that move elements: views and copies in other shapes, indexing, joining and repeating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels.order import rows_of_images
from .table import Array, composite, op

Shape = int | Sequence[int]


@op(family="movement", vjp={"x": lambda g, x_shape: g.reshape(x_shape)}, numpy=[np.reshape])
def reshape(x: Array, /, shape: Shape) -> Array:
    """Same elements in row-major order in another shape; one length may be −1.

    Parameters
    ----------
    x
        Any shape.
    shape
        The new shape, with as many elements.
    """
    return rows_of_images(x, shape) if np.ndim(x) == 4 else np.reshape(x, shape)


@composite(family="movement", numpy=[np.ravel])
def ravel(x: Array, /) -> Array:
    """Flatten to one axis."""
    return np.reshape(x, (-1,))


def _inverse(axes: Sequence[int] | None) -> Sequence[int] | None:
    return None if axes is None else np.argsort([a % len(axes) for a in axes]).tolist()


@op(family="movement", vjp={"x": lambda g, axes: np.transpose(g, _inverse(axes))}, numpy=[np.transpose])
def transpose(x: Array, /, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes; without `axes`, reverse them.

    Parameters
    ----------
    x
        Any shape.
    axes
        A permutation of the axes: axis ``axes[i]`` of `x` becomes axis i of the result.
    """
    return np.transpose(x, axes)


@op(family="movement", vjp={"x": lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2)}, numpy=[np.swapaxes])
def swapaxes(x: Array, /, axis1: int, axis2: int) -> Array:
    """Exchange two axes."""
    return np.swapaxes(x, axis1, axis2)


@op(
    family="movement",
    vjp={"x": lambda g, source, destination: np.moveaxis(g, destination, source)},
    numpy=[np.moveaxis],
)
def moveaxis(x: Array, /, source: Shape, destination: Shape) -> Array:
    """Move axes to other positions; the rest keep their order."""
    return np.moveaxis(x, source, destination)


@op(family="movement", vjp={"x": lambda g, x_shape: g.reshape(x_shape)}, numpy=[np.expand_dims])
def expand_dims(x: Array, /, axis: Shape) -> Array:
    """Insert axes of length 1 at the given positions of the result."""
    return np.expand_dims(x, axis)


@op(family="movement", vjp={"x": lambda g, x_shape: g.reshape(x_shape)}, numpy=[np.squeeze])
def squeeze(x: Array, /, axis: int | tuple[int, ...] | None = None) -> Array:
    """Remove axes of length 1: the given ones, or all."""
    return np.squeeze(x, axis)


@op(family="movement", vjp={"x": lambda g: g}, numpy=[np.broadcast_to])
def broadcast_to(x: Array, /, shape: Shape) -> Array:
    """Repeat along missing axes and axes of length 1 until `x` has this shape."""
    return np.broadcast_to(x, shape)


def _part(g: Array, position: int, xs_shape: tuple[tuple[int, ...], ...], axis: int | None) -> Array:
    """Cut out of `g` what came from the array at this position."""
    if axis is None:
        start = sum(map(math.prod, xs_shape[:position]))
        return g[start : start + math.prod(xs_shape[position])].reshape(xs_shape[position])
    start = sum(shape[axis] for shape in xs_shape[:position])
    index = (slice(None),) * (axis % g.ndim) + (slice(start, start + xs_shape[position][axis]),)
    return g[index]


@op(symbol="concat", family="movement", variadic=True, vjp={"xs": _part}, numpy=[np.concatenate], rows={"xs": 0})
def concatenate(xs: Sequence[Array], /, axis: int | None = 0) -> Array:
    """Join arrays along an existing axis.

    Parameters
    ----------
    xs
        A sequence of arrays or Tensors, of the same shape except along `axis`.
    axis
        The axis along which they are joined; None joins them flattened.
    """
    return np.concatenate(xs, axis)


@composite(family="movement", variadic=True, numpy=[np.stack])
def stack(xs: Sequence[Array], /, axis: int = 0) -> Array:
    """Join arrays of the same shape along a new axis.

    Parameters
    ----------
    xs
        A sequence of arrays or Tensors of one shape.
    axis
        Position of the new axis in the result.
    """
    shapes = {np.shape(x) for x in xs}
    if len(shapes) != 1:
        raise ShapeError(f"stack: needs arrays of one shape, got {[np.shape(x) for x in xs]}")
    return np.concatenate([np.expand_dims(x, axis) for x in xs], axis)


@composite(family="movement", variadic=True, numpy=[np.vstack])
def vstack(xs: Sequence[Array], /) -> Array:
    """Join arrays as rows: along axis 0, vectors counting as one row each."""
    return np.concatenate([np.reshape(x, (1, -1)) if x.ndim < 2 else x for x in xs], 0)


@composite(family="movement", variadic=True, numpy=[np.hstack])
def hstack(xs: Sequence[Array], /) -> Array:
    """Join arrays side by side: along axis 1, vectors along their only axis."""
    parts = [np.reshape(x, (1,)) if x.ndim == 0 else x for x in xs]
    return np.concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


@composite(family="movement", numpy=[np.split])
def split(x: Array, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Cut along an axis into equal sections (an int) or before the given indices; returns a list of views.

    Parameters
    ----------
    x
        At least one axis.
    indices_or_sections
        Number of equal parts, or the sorted indices before which to cut.
    axis
        The axis to cut.
    """
    n = x.shape[normalize_axis_index(axis, x.ndim)]
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1 or n % indices_or_sections:
            raise ShapeError(f"split: axis {axis} of length {n} does not divide into {indices_or_sections} equal parts")
        cuts = list(range(0, n, n // indices_or_sections))[1:] if n else [0] * (indices_or_sections - 1)
    else:
        cuts = list(indices_or_sections)
    before = (slice(None),) * (axis % x.ndim)
    return [x[(*before, slice(a, b))] for a, b in zip([0, *cuts], [*cuts, n], strict=True)]


@composite(family="movement", numpy=[np.pad])
def pad(x: Array, /, pad_width: Any, mode: str = "constant", *, constant_values: float = 0) -> Array:
    """Add elements before and after along every axis.

    Parameters
    ----------
    x
        Any shape.
    pad_width
        An int, (before, after), or one pair for each axis, as in NumPy.
    mode
        "constant", or NumPy's "edge", "reflect", "symmetric" or "wrap", which repeat elements of `x`.
    constant_values
        One number to fill with in mode "constant".
    """
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    if any(w < 0 for pair in widths for w in pair):
        raise ShapeError(f"pad: widths must not be negative, got {pad_width}")
    if mode == "constant":
        shape = tuple(a + n + b for n, (a, b) in zip(x.shape, widths, strict=True))
        inside = tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))
        padded = scatter_add.dispatch(x, inside, shape)
        if constant_values == 0:
            return padded
        frame = np.full(shape, constant_values, x.dtype)
        frame[inside] = 0
        return padded + frame
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ArgumentError(f"pad: unknown mode {mode!r}; use constant, edge, reflect, symmetric or wrap")
    for axis, (n, width) in enumerate(zip(x.shape, widths, strict=True)):
        x = np.take(x, np.pad(np.arange(n), width, mode=mode), axis)  # type: ignore[call-overload]
    return x


@op(family="movement", vjp={"x": lambda g, axis: np.flip(g, axis)}, numpy=[np.flip])
def flip(x: Array, /, axis: int | tuple[int, ...] | None = None) -> Array:
    """Reverse the order of elements along one axis, several or all."""
    return np.flip(x, axis)


def _back(shift: Shape) -> Shape:
    return tuple(-s for s in shift) if isinstance(shift, Sequence) else -shift


@op(family="movement", vjp={"x": lambda g, shift, axis: np.roll(g, _back(shift), axis)}, numpy=[np.roll])
def roll(x: Array, /, shift: Shape, axis: Shape | None = None) -> Array:
    """Shift elements along an axis; what leaves at the end comes back at the start (None: flattened)."""
    return np.roll(x, shift, axis)


@composite(family="movement", numpy=[np.tile])
def tile(x: Array, /, reps: Shape) -> Array:
    """Repeat the whole array `reps` times along each axis (missing axes are added in front).

    Parameters
    ----------
    x
        Any shape.
    reps
        An int for the last axis, or one number for each of the last axes.
    """
    counts = list(reps) if isinstance(reps, Sequence) else [reps]
    ndim = max(len(counts), x.ndim)
    counts = [1] * (ndim - len(counts)) + counts
    shape = [1] * (ndim - x.ndim) + list(x.shape)
    doubled = [m for pair in zip(counts, shape, strict=True) for m in pair]
    single = [m for n in shape for m in (1, n)]
    repeated = np.broadcast_to(np.reshape(x, single), doubled)
    return np.reshape(repeated, [r * n for r, n in zip(counts, shape, strict=True)])


@composite(family="movement", numpy=[np.repeat])
def repeat(x: Array, /, repeats: int | Sequence[int], axis: int | None = None) -> Array:
    """Repeat each element (along an axis, or of the flattened array) the given number of times."""
    if axis is None:
        x, axis = np.reshape(x, (-1,)), 0
    n = x.shape[normalize_axis_index(axis, x.ndim)]
    return np.take(x, np.repeat(np.arange(n), repeats), axis)


@composite(family="movement", numpy=[np.take])
def take(x: Array, /, indices: Any, axis: int | None = None) -> Array:
    """Take elements at whole-number indices along an axis (of the flattened array for None).

    Parameters
    ----------
    x
        Any shape (…, n, …) with n elements along `axis`.
    indices
        Integer array of any shape, −n ≤ index < n; it replaces the axis in the result.
    axis
        The axis to take along.
    """
    if axis is None:
        x, axis = np.reshape(x, (-1,)), 0
    where = np.asarray(indices)
    if where.dtype.kind not in "iu" and where.size:
        raise DtypeError(f"take: indices must be whole numbers, got dtype {where.dtype}")
    return x[(slice(None),) * normalize_axis_index(axis, x.ndim) + (where.astype(np.intp),)]


def _is_basic(index: Any) -> bool:
    """Tell whether an index selects no element twice: slices, ints, None, … and Boolean masks do not."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        p is None
        or p is Ellipsis
        or isinstance(p, slice | int | np.integer | np.bool_)
        or (isinstance(p, np.ndarray) and p.dtype == bool)
        for p in parts
    )


def _back_into_place(g: Array, index: Any, x_shape: tuple[int, ...]) -> Array:
    return scatter_add.dispatch(g, index, x_shape)


@op(symbol="[ ]", family="movement", vjp={"x": _back_into_place})
def getitem(x: Array, /, index: Any) -> Array:
    """Select elements: NumPy's basic, Boolean and integer-array indexing, ``x[index]``."""
    return x[index]


@op(symbol="scatter", family="movement", vjp={"x": lambda g, index: g[index]})
def scatter_add(x: Array, /, index: Any, shape: tuple[int, ...]) -> Array:
    """Add elements into an array of zeros at an index: the adjoint of ``getitem``.

    Parameters
    ----------
    x
        The shape that an array of shape `shape` has under this index.
    index
        Anything ``getitem`` takes; where it selects an element twice, both are added.
    shape
        Shape of the result.
    """
    out = np.zeros(shape, np.result_type(x))
    if _is_basic(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out
