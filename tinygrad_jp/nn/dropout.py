"""Dropout."""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError
from ..generator import generator
from ..tensor import Tensor, as_tensor
from .module import Module


class Dropout(Module):
    """Dropout: in training, set each activation to 0 with probability `p` (N. Srivastava et al., 2014).

    Parameters
    ----------
    p
        The probability, in [0, 1).
    inverted
        True: in training what remains is divided by 1 − p, so that nothing is left to do in use. False: the book's
        variant (section 6.4.3), which multiplies by 1 − p in use instead.
    """

    def __init__(self, p: float = 0.5, inverted: bool = True) -> None:
        if not 0 <= p < 1:
            raise ArgumentError(f"Dropout: p must lie in [0, 1), got {p}")
        self.p = p
        self.inverted = inverted

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of x, of any shape."""
        x = as_tensor(x)
        if not self.training:
            return x if self.inverted else x * (1 - self.p)
        if self.p == 0:
            return x
        mask = (generator().random(x.shape, np.float32) >= self.p).astype(x.dtype)
        if self.inverted:
            mask /= 1 - self.p
        return x * mask

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}{'' if self.inverted else ', inverted=False'}"
