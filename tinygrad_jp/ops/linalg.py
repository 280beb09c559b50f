"""Products of vectors and matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import CallError, ShapeError
from ..kernels.product import product
from .table import Array, Shape, composite, longest, op


def _columns(y: Array) -> Array:
    """View the second operand of ``dot`` as a matrix: its contracted axis (the last but one) by all the others."""
    if y.ndim < 2:
        return y.reshape((y.shape[0], 1))
    return np.moveaxis(y, -2, 0).reshape((y.shape[-2], math.prod(y.shape[:-2]) * y.shape[-1]))


def times_matrix(x: Array, w: Array) -> Array:
    """Multiply the last axis of x with a matrix, as one product of matrices: np.dot loops over vectors instead."""
    if x.ndim < 3:
        return matrix_product(x, w)
    rows = x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
    return matrix_product(rows, w).reshape((*x.shape[:-1], w.shape[1]))


def matrix_product(x: Array, y: Array) -> Array:
    """Multiply matrices; arrays by the kernel that knows about threads."""
    if type(x) is np.ndarray and type(y) is np.ndarray and x.ndim == 2 == y.ndim:
        return product(x, y)
    return np.dot(x, y)


def _dot_dx(g: Array, x_shape: tuple[int, ...], y: Array) -> Array:
    if y.ndim == 2 and len(x_shape) == 2:
        return np.dot(g, y.T)
    if not x_shape or not y.ndim:
        return g * y
    columns = _columns(y)
    return np.dot(g.reshape((math.prod(x_shape[:-1]), columns.shape[1])), columns.T).reshape(x_shape)


def _dot_dy(g: Array, x: Array, y_shape: tuple[int, ...]) -> Array:
    if x.ndim == 2 and len(y_shape) == 2:
        return np.dot(x.T, g)
    if not x.ndim or not y_shape:
        return g * x
    rows = x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
    columns = math.prod(y_shape[:-2]) * (y_shape[-1] if len(y_shape) > 1 else 1)
    flat = np.dot(rows.T, g.reshape((rows.shape[0], columns)))
    if len(y_shape) < 2:
        return flat.reshape(y_shape)
    return np.moveaxis(flat.reshape((y_shape[-2], *y_shape[:-2], y_shape[-1])), 0, -2)


@op(symbol="dot", family="bilinear", vjp={"x": _dot_dx, "y": _dot_dy}, numpy=[np.dot], rows={"x": 0})
def dot(x: Array, y: Array, /) -> Array:
    """Dot product: the last axis of x with the last but one of y (the book, figure 5-24).

    Parameters
    ----------
    x
        Shape (…, k); or a scalar, then the result is the product.
    y
        Shape (k,) or (…, k, m).

    Returns
    -------
    Tensor
        The remaining axes of `x`, then those of `y`; (n, k) · (k, m) → (n, m).
    """
    return times_matrix(x, y) if np.ndim(x) > 2 and np.ndim(y) == 2 else np.dot(x, y)


def _matmul_dx(g: Array, x_shape: tuple[int, ...], y: Array) -> Array:
    if y.ndim == 1:
        return np.expand_dims(g, -1) * y
    if len(x_shape) == 1:
        return np.matmul(y, np.expand_dims(g, -1))[..., 0]
    return np.matmul(g, np.swapaxes(y, -1, -2))


def _matmul_dy(g: Array, x: Array, y_shape: tuple[int, ...]) -> Array:
    if x.ndim == 1:
        return np.expand_dims(x, -1) * np.expand_dims(g, -2) if len(y_shape) > 1 else g * x
    if len(y_shape) == 1:
        return np.matmul(np.swapaxes(x, -1, -2), np.expand_dims(g, -1))[..., 0]
    return np.matmul(np.swapaxes(x, -1, -2), g)


def _matmul_rows(shapes: Sequence[Shape], attrs: Mapping[str, Any]) -> dict[str, int]:
    """The rows of x, or of a stack of matrices the first axis."""
    return longest(("x", "y"), shapes) if max(map(len, shapes)) > 2 else {"x": 0}


@op(
    symbol="@",
    family="bilinear",
    vjp={"x": _matmul_dx, "y": _matmul_dy},
    numpy=[np.matmul],
    rows=_matmul_rows,
)
def matmul(x: Array, y: Array, /) -> Array:
    """Matrix product; leading axes are stacks of matrices and broadcast.

    Parameters
    ----------
    x
        Shape (…, n, k) or (k,).
    y
        Shape (…, k, m) or (k,).

    Returns
    -------
    Tensor
        Shape (…, n, m); n or m is missing where the operand is a vector.
    """
    return np.matmul(x, y)


@composite(symbol="⊗", family="bilinear", numpy=[np.outer])
def outer(x: Array, y: Array, /) -> Array:
    """Outer product of two arrays, each flattened first: (n,), (m,) → (n, m)."""
    return np.reshape(x, (-1, 1)) * np.reshape(y, (1, -1))


def _contract_vjp(g: Array, position: int, xs: tuple[Array, ...], subscripts: str, xs_shape: Any) -> Array:
    """Contract `g` with the other operands; an index that only this operand has was summed, so `g` is repeated."""
    terms, result = subscripts.split("->")
    operands = terms.split(",")
    own = operands[position]
    others = operands[:position] + operands[position + 1 :]
    known = "".join(i for i in own if i in result or any(i in other for other in others))
    partial = np.einsum(",".join([result, *others]) + "->" + known, g, *xs[:position], *xs[position + 1 :])
    shape = xs_shape[position]
    aligned = partial.reshape(tuple(n if i in known else 1 for i, n in zip(own, shape, strict=True)))
    return np.broadcast_to(aligned, shape)


def _contract_rows(shapes: Sequence[Shape], attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The axes with the first letter of the result."""
    terms, _, result = attrs["subscripts"].partition("->")
    return {"xs": [term.index(result[0]) if result[0] in term else None for term in terms.split(",")]} if result else {}


@op(symbol="einsum", family="bilinear", variadic=True, vjp={"xs": _contract_vjp}, rows=_contract_rows)
def contract(xs: tuple[Array, ...], /, subscripts: str) -> Array:
    """Einstein sum with explicit subscripts, without "…" and without an index repeated in one operand.

    The primitive under ``einsum``.
    """
    return np.einsum(subscripts, *xs, optimize=len(xs) > 2)


def _explicit(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """Write subscripts out: letters for "...", and the result that NumPy implies if there is none."""
    terms, arrow, result = subscripts.replace(" ", "").partition("->")
    operands = terms.split(",")
    if len(operands) != len(ndims):
        raise ShapeError(f"einsum: '{subscripts}' names {len(operands)} operands, got {len(ndims)}")
    letters = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in subscripts]
    widths = [n - len(term.replace("...", "")) if "..." in term else 0 for term, n in zip(operands, ndims, strict=True)]
    for term, n, width in zip(operands, ndims, widths, strict=True):
        if width < 0 or ("..." not in term and len(term) != n):
            raise ShapeError(f"einsum: '{term}' of '{subscripts}' does not fit an array of {n} axes")
    widest = max(widths, default=0)
    shared = "".join(letters[:widest])
    operands = [term.replace("...", shared[widest - w :]) for term, w in zip(operands, widths, strict=True)]
    if not arrow:
        once = sorted(c for c in set("".join(operands)) - set(shared) if "".join(operands).count(c) == 1)
        result = "..." + "".join(once)
    return operands, result.replace("...", shared)


def _diagonal(x: Array, term: str) -> tuple[Array, str]:
    """Replace indices that one operand repeats ("ii") by its diagonal ("i")."""
    unique = "".join(dict.fromkeys(term))
    if unique == term:
        return x, term
    lengths = dict(zip(term, x.shape, strict=True))
    if any(lengths[i] != n for i, n in zip(term, x.shape, strict=True)):
        raise ShapeError(f"einsum: '{term}' repeats an index over axes of different length, shape {x.shape}")
    grid = dict(zip(unique, np.ix_(*(np.arange(lengths[i]) for i in unique)), strict=True))
    return x[tuple(grid[i] for i in term)], unique


@composite(numpy=[np.einsum], family="bilinear")
def einsum(subscripts: str, *xs: Array) -> Array:
    """Einstein summation, ``einsum("ij,jk->ik", x, y)``, with NumPy's subscripts.

    Parameters
    ----------
    subscripts
        Letters for the axes of each operand, comma between operands, ``->`` and the result's letters; "..."
        stands for any further axes, an index repeated in one operand takes its diagonal.
    *xs
        Arrays or Tensors with as many axes as their subscripts have letters.
    """
    if not isinstance(subscripts, str):
        raise CallError(f"einsum: the first argument is the subscripts, a string; got {type(subscripts).__name__}")
    operands, result = _explicit(subscripts, [x.ndim for x in xs])
    lengths: dict[str, int] = {}
    prepared, terms = [], []
    for x, operand in zip(xs, operands, strict=True):
        diagonal, term = _diagonal(x, operand)
        prepared.append(diagonal)
        terms.append(term)
        for i, n in zip(term, diagonal.shape, strict=True):
            known = lengths.get(i, 1)
            if n != known and 1 not in (n, known):
                raise ShapeError(
                    f"einsum: index '{i}' of '{subscripts}' has length {known} in one operand, {n} in another"
                )
            lengths[i] = n if known == 1 else known
    # NumPy lets an axis of length 1 stand for any length; written out, so that its gradient is summed back
    shapes = [tuple(lengths[i] for i in term) for term in terms]
    full = [x if x.shape == shape else np.broadcast_to(x, shape) for x, shape in zip(prepared, shapes, strict=True)]
    return contract.dispatch(full, ",".join(terms) + "->" + result)
