"""Hypothesis strategies for shapes, arrays and Tensors, made for testing gradients.

They draw what breaks ops: shape (), axes of length 0 and 1, broadcasting, memory that is not contiguous. Values are
kept apart from each other (:func:`spaced`), so that ``max`` has no ties and a small step crosses no kink.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ..ops.table import REAL, Interval
from ..tensor import Tensor

Shape = tuple[int, ...]


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4) -> st.SearchStrategy[Shape]:
    """Draw shapes, () and axes of length 0 and 1 among them."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable_shapes(
    num_shapes: int = 2, max_dims: int = 3, min_side: int = 0, max_side: int = 4
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """Draw `num_shapes` shapes that broadcast with each other."""
    drawn = hnp.mutually_broadcastable_shapes(
        num_shapes=num_shapes, max_dims=max_dims, min_side=min_side, max_side=max_side
    )
    return drawn.map(lambda result: result.input_shapes)


def dtypes() -> st.SearchStrategy[np.dtype[Any]]:
    """Draw float64 or float32."""
    return st.sampled_from([np.dtype(np.float64), np.dtype(np.float32)])


def spaced(rng: np.random.Generator, n: int, intervals: Sequence[Interval] = REAL) -> np.ndarray:
    """Draw `n` numbers from a union of intervals, in random order, all well apart from each other.

    Parameters
    ----------
    rng
        Source of randomness.
    n
        How many.
    intervals
        Pairs (low, high); each gets its share of the numbers by its length.

    Returns
    -------
    ndarray
        float64, shape (n,). Neighbours are at least half a cell apart, a cell being the total length over `n`.
    """
    lengths = np.array([high - low for low, high in intervals])
    position = (np.arange(n) + rng.uniform(0.25, 0.75, n)) / max(n, 1) * lengths.sum()
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    which = np.searchsorted(starts, position, side="right") - 1
    lows = np.array([low for low, _ in intervals])
    return rng.permutation(lows[which] + position - starts[which])


LAYOUTS = ("C", "F", "strided", "reversed")


def _laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """Return an equal array whose memory is in order, transposed, with gaps, or backwards."""
    if not array.ndim:
        return array
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1])[::-1]
    return array


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    dtype: Any = None,
    intervals: Sequence[Interval] = REAL,
) -> np.ndarray:
    """Draw an array of well spaced numbers, contiguous or not.

    Parameters
    ----------
    draw
        Given by Hypothesis.
    shape
        A shape, a strategy for one, or None for any of :func:`shapes`.
    dtype
        A dtype, or None for float64 or float32.
    intervals
        Where the numbers lie.
    """
    drawn = draw(shape if isinstance(shape, st.SearchStrategy) else shapes() if shape is None else st.just(shape))
    kind = draw(dtypes()) if dtype is None else np.dtype(dtype)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = spaced(rng, math.prod(drawn), intervals).reshape(drawn).astype(kind)
    return _laid_out(values, draw(st.sampled_from(LAYOUTS)))


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    dtype: Any = None,
    intervals: Sequence[Interval] = REAL,
    requires_grad: bool = True,
) -> Tensor:
    """Draw a Tensor that requires a gradient; see :func:`arrays` for the arguments."""
    return Tensor(draw(arrays(shape, dtype, intervals)), requires_grad=requires_grad)
