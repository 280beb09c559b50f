"""Dropout."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError, ShapeError
from ..generator import generator
from ..tensor import Tensor, as_tensor
from .module import Module, check_flags, check_numbers


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
        check_numbers(type(self).__name__, lambda p: 0 <= p < 1, "lie in [0, 1)", p=p)
        check_flags(type(self).__name__, inverted=inverted)
        self.p = p
        self.inverted = inverted

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of x, of any shape."""
        x = as_tensor(x)
        shape = self._mask_shape(x.shape)
        if not self.training:
            return x if self.inverted else x * (1 - self.p)
        if self.p == 0:
            return x
        if x.dtype.kind != "f":
            raise DtypeError(f"{type(self).__name__}: needs floating numbers, got {x.dtype}; use x.astype(float)")
        mask = (generator().random(shape, np.float32) >= self.p).astype(x.dtype)
        if self.inverted:
            mask /= 1 - self.p
        return x * mask

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}{'' if self.inverted else ', inverted=False'}"


class Dropout2d(Dropout):
    """Dropout of whole channels (J. Tompson et al., 2015): neighbours in an image are too alike to be dropped singly.

    Parameters
    ----------
    p, inverted
        As in :class:`Dropout`; the probability is that of a channel of an image.
    """

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 4:
            raise ShapeError(f"Dropout2d: needs images of shape (N, C, H, W), got {shape}")
        return (*shape[:2], 1, 1)
