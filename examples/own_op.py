"""Write an op of your own, and let Hypothesis and gradcheck prove its gradients (needs the extra ``testing``).

Run: python examples/own_op.py
"""

from __future__ import annotations

import numpy as np
from hypothesis import given

from tinygrad_jp import op
from tinygrad_jp.testing import gradcheck, tensors


@op(symbol="softplus", vjp={"x": lambda g, x: g / (1 + np.exp(-x))})
def softplus(x, /):
    """log(1 + eˣ)."""
    return np.log1p(np.exp(x))


@given(tensors())
def test_softplus(x):
    assert gradcheck(softplus, x, order=2)


if __name__ == "__main__":
    test_softplus()
    print("softplus: first and second derivatives agree with the numerical ones, for every shape and dtype tried")
