"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor, as_tensor
from .dropout import Dropout
from .linear import Linear
from .module import Module, check_counts


def attention_weights(query: Tensor, key: Tensor, mask: np.ndarray | None = None) -> Tensor:
    """Scaled dot-product attention's weights, softmax(Q Kᵀ / √d) (A. Vaswani et al., 2017, section 3.2.1).

    Parameters
    ----------
    query
        Q, shape (…, Tq, d).
    key
        K, shape (…, Tk, d).
    mask
        Boolean, broadcasts to (…, Tq, Tk); True where a query may see a key.

    Returns
    -------
    Tensor
        Shape (…, Tq, Tk); each row sums to 1.
    """
    scores = ops.matmul(query, ops.swapaxes(key, -1, -2)) * (1 / math.sqrt(query.shape[-1]))
    return ops.softmax(scores if mask is None else ops.where(mask, scores, -np.inf))


class MultiHeadAttention(Module):
    """Multi-head attention (A. Vaswani et al., 2017, section 3.2.2).

    Queries, keys and values are each mapped by an affine layer and cut into heads of d = D / heads features;
    softmax(Q Kᵀ / √d) V is taken in each head, and an affine layer joins them.

    Parameters
    ----------
    features
        D, the length of a query, key, value and output.
    heads
        How many; divides D.
    dropout
        Probability with which a weight of the attention is dropped in training.
    dtype
        Of the parameters.

    Attributes
    ----------
    query, key, value, output
        The affine layers, from D to D features, at first after Glorot.

    Examples
    --------
    >>> attend = MultiHeadAttention(64, 8)
    >>> y = attend(x)  # self-attention
    >>> y = attend(x, memory)  # cross-attention: queries from x, keys and values from memory
    >>> y = attend(x, causal=True)  # no step sees a later one
    """

    def __init__(self, features: int, heads: int, dropout: float = 0.0, dtype: DTypeLike = np.float32) -> None:
        check_counts("MultiHeadAttention", features=features, heads=heads)
        if features % heads:
            raise ArgumentError(f"MultiHeadAttention: {heads} heads do not divide {features} features")
        self.features = features
        self.heads = heads
        self.query, self.key, self.value, self.output = (
            Linear(features, features, init="xavier_uniform", dtype=dtype) for _ in range(4)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        mask: Any = None,
        causal: bool = False,
        with_weights: bool = False,
    ) -> Any:
        """Let every query look at the keys and fetch their values.

        Parameters
        ----------
        query
            Shape (N, Tq, D).
        key
            Shape (N, Tk, D); by default the query.
        value
            Shape (N, Tk, D); by default the key.
        mask
            Boolean, True where a query may see a key; broadcasts to (Tq, Tk), (N, Tq, Tk) or (N, heads, Tq, Tk).
        causal
            Whether query i sees the keys 0 … i only.
        with_weights
            Return the attention's weights too, before dropout, shape (N, heads, Tq, Tk).

        Returns
        -------
        Tensor, or (Tensor, Tensor)
            Shape (N, Tq, D).

        Raises
        ------
        ShapeError, DtypeError, ArgumentError
            If shapes do not fit, the mask is not Boolean, or it leaves a query without any key.
        """
        query = as_tensor(query)
        key = query if key is None else as_tensor(key)
        value = key if value is None else as_tensor(value)
        self._check(query, key, value)
        seen = _visible(mask, causal, (len(query), self.heads, query.shape[1], key.shape[1]))
        q, k, v = (self._split(part(x)) for part, x in ((self.query, query), (self.key, key), (self.value, value)))
        weights = attention_weights(q, k, seen)
        fetched = ops.swapaxes(ops.matmul(self.dropout(weights), v), 1, 2)
        y = self.output(ops.reshape(fetched, query.shape))
        return (y, weights) if with_weights else y

    def _split(self, x: Tensor) -> Tensor:
        """Cut (N, T, D) into heads, (N, heads, T, d)."""
        n, t, d = x.shape
        return ops.swapaxes(ops.reshape(x, (n, t, self.heads, d // self.heads)), 1, 2)

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        shapes = [x.shape for x in (query, key, value)]
        if any(len(shape) != 3 or shape[2] != self.features for shape in shapes) or len({s[0] for s in shapes}) > 1:
            raise ShapeError(
                f"MultiHeadAttention: needs query, key and value of shape (N, T, {self.features}), got "
                f"{', '.join(map(str, shapes))}"
            )
        if query.shape[1] and not key.shape[1]:
            raise ShapeError(f"MultiHeadAttention: key of shape {key.shape} leaves a query without any key")
        if key.shape != value.shape:
            raise ShapeError(f"MultiHeadAttention: key {key.shape} and value {value.shape} must have the same shape")

    def extra_repr(self) -> str:
        """Features and heads."""
        return f"{self.features}, {self.heads}"


def _visible(mask: Any, causal: bool, shape: tuple[int, int, int, int]) -> np.ndarray | None:
    """Join a mask and the causal one, in four axes; refuse a query that sees nothing."""
    seen = np.tri(*shape[2:], dtype=bool) if causal else None
    if mask is not None:
        given = np.atleast_1d(as_tensor(mask).numpy())
        if given.dtype != bool:
            raise DtypeError(
                f"MultiHeadAttention: the mask must be Boolean (True: may be seen), got {given.dtype}; write mask != 0"
            )
        given = given[:, None] if given.ndim == 3 else given
        if given.ndim > 4 or any(n not in (1, m) for n, m in zip(given.shape[::-1], shape[::-1], strict=False)):
            raise ShapeError(
                f"MultiHeadAttention: a mask of shape {np.shape(mask)} does not fit attention of shape {shape} "
                "(N, heads, Tq, Tk); it may be (Tq, Tk), (N, Tq, Tk) or (N, heads, Tq, Tk)"
            )
        seen = given if seen is None else seen & given
    if seen is not None and not seen.any(-1).all():
        raise ArgumentError("MultiHeadAttention: the mask leaves a query without any key; let it see at least one")
    return seen
