"""Elementary functions of one array (and a few of two), element by element."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError
from ..kernels.pooling import rectify
from .reduce import floating
from .table import NONZERO, POSITIVE, REAL, Array, Kink, op

UNIT = ((-0.9, 0.9),)
"""Inside the domain of arcsin and arccos, away from the edges where they are infinitely steep."""
TAN = ((-1.3, 1.3),)
"""Between two poles of the tangent."""
LN2 = float(np.log(2.0))
LN10 = float(np.log(10.0))


@op(vjp={"x": lambda g, out: g * out}, ufunc=np.exp)
def exp(x: Array, /) -> Array:
    """Exponential, eˣ (the book, figure 5-20)."""


@op(vjp={"x": lambda g, x: g * np.exp(x)}, ufunc=np.expm1)
def expm1(x: Array, /) -> Array:
    """Exponential minus one, eˣ − 1, accurate near 0."""


@op(vjp={"x": lambda g, x: g / x}, domain={"x": POSITIVE}, ufunc=np.log)
def log(x: Array, /) -> Array:
    """Natural logarithm; −∞ at 0 (gradient ∞), NaN below."""


@op(vjp={"x": lambda g, x: g / (1.0 + x)}, domain={"x": ((-0.7, 3.0),)}, ufunc=np.log1p)
def log1p(x: Array, /) -> Array:
    """Logarithm of 1 + x, accurate near 0."""


@op(symbol="log₂", vjp={"x": lambda g, x: g / (x * LN2)}, domain={"x": POSITIVE}, ufunc=np.log2)
def log2(x: Array, /) -> Array:
    """Logarithm to base 2."""


@op(symbol="log₁₀", vjp={"x": lambda g, x: g / (x * LN10)}, domain={"x": POSITIVE}, ufunc=np.log10)
def log10(x: Array, /) -> Array:
    """Logarithm to base 10."""


@op(symbol="√", vjp={"x": lambda g, out: g * 0.5 / out}, domain={"x": POSITIVE}, ufunc=np.sqrt)
def sqrt(x: Array, /) -> Array:
    """Square root; at 0 the gradient is ∞, below 0 both are NaN."""


@op(symbol="x²", vjp={"x": lambda g, x: g * 2.0 * x}, decomposition=lambda x: x * x, ufunc=np.square)
def square(x: Array, /) -> Array:
    """Square, x²."""


@op(symbol="1/x", vjp={"x": lambda g, out: -g * out * out}, domain={"x": NONZERO}, ufunc=np.reciprocal)
def reciprocal(x: Array, /) -> Array:
    """Reciprocal, 1 / x."""


@op(vjp={"x": lambda g, x: g * np.cos(x)}, ufunc=np.sin)
def sin(x: Array, /) -> Array:
    """Sine of x radians."""


@op(vjp={"x": lambda g, x: -g * np.sin(x)}, ufunc=np.cos)
def cos(x: Array, /) -> Array:
    """Cosine of x radians."""


@op(vjp={"x": lambda g, out: g * (1.0 + out * out)}, domain={"x": TAN}, ufunc=np.tan)
def tan(x: Array, /) -> Array:
    """Tangent of x radians."""


@op(vjp={"x": lambda g, x: g / np.sqrt(1.0 - x * x)}, domain={"x": UNIT}, ufunc=np.arcsin)
def arcsin(x: Array, /) -> Array:
    """Inverse sine in radians, for −1 ≤ x ≤ 1."""


@op(vjp={"x": lambda g, x: -g / np.sqrt(1.0 - x * x)}, domain={"x": UNIT}, ufunc=np.arccos)
def arccos(x: Array, /) -> Array:
    """Inverse cosine in radians, for −1 ≤ x ≤ 1."""


@op(vjp={"x": lambda g, x: g / (1.0 + x * x)}, ufunc=np.arctan)
def arctan(x: Array, /) -> Array:
    """Inverse tangent in radians."""


@op(
    vjp={"y": lambda g, y, x: g * x / (x * x + y * y), "x": lambda g, y, x: -g * y / (x * x + y * y)},
    domain={"x": POSITIVE},
    ufunc=np.arctan2,
)
def arctan2(y: Array, x: Array, /) -> Array:
    """Angle in radians of the point (x, y)."""


@op(vjp={"x": lambda g, x: g * np.cosh(x)}, ufunc=np.sinh)
def sinh(x: Array, /) -> Array:
    """Hyperbolic sine."""


@op(vjp={"x": lambda g, x: g * np.sinh(x)}, ufunc=np.cosh)
def cosh(x: Array, /) -> Array:
    """Hyperbolic cosine."""


@op(vjp={"x": lambda g, out: g * (1.0 - out * out)}, ufunc=np.tanh)
def tanh(x: Array, /) -> Array:
    """Hyperbolic tangent."""


@op(
    vjp={
        "x": lambda g, x, y: g * np.exp(x - np.logaddexp(x, y)),
        "y": lambda g, x, y: g * np.exp(y - np.logaddexp(x, y)),
    },
    ufunc=np.logaddexp,
)
def logaddexp(x: Array, y: Array, /) -> Array:
    """Logarithm of eˣ + eʸ, without overflow."""


@op(
    symbol="sigmoid",
    vjp={"x": lambda g, out: g * out * (1.0 - out)},
    decomposition=lambda x: 1.0 / (1.0 + np.exp(-x)),
)
def sigmoid(x: Array, /) -> Array:
    """Logistic sigmoid, 1 / (1 + e⁻ˣ) (the book, equation 3.6 and figure 5-20)."""
    with np.errstate(over="ignore"):  # e⁻ˣ = ∞ gives the right limit, 0
        return 1.0 / (1.0 + np.exp(-floating(x)))


@op(
    symbol="relu",
    vjp={"x": lambda g, out: g * (out > 0)},
    domain={"x": NONZERO},
    kinks=[Kink("x = 0", "0", (np.array([0.0, 2.0, -2.0]),), ([0.0, 1.0, 0.0],))],
)
def relu(x: Array, /) -> Array:
    """Rectified linear unit, max(x, 0) (the book, equation 3.7 and figure 5-18)."""
    return rectify(np.asarray(x))


@op(symbol="step", zero_gradient=True, vjp={"x": lambda g: np.zeros_like(g)}, domain={"x": NONZERO})
def step(x: Array, /) -> Array:
    """Step function: 1 where x > 0, else 0, in the dtype of x (the book, equation 3.3)."""
    return np.greater(x, 0).astype(np.result_type(x))


@op(
    symbol="⌊x⌋",
    zero_gradient=True,
    vjp={"x": lambda g: np.zeros_like(g)},
    domain={"x": ((0.1, 0.9),)},
    ufunc=np.floor,
)
def floor(x: Array, /) -> Array:
    """Largest whole number not above x."""


@op(
    symbol="⌈x⌉",
    zero_gradient=True,
    vjp={"x": lambda g: np.zeros_like(g)},
    domain={"x": ((0.1, 0.9),)},
    ufunc=np.ceil,
)
def ceil(x: Array, /) -> Array:
    """Smallest whole number not below x."""


@op(
    symbol="trunc",
    zero_gradient=True,
    vjp={"x": lambda g: np.zeros_like(g)},
    domain={"x": ((0.1, 0.9),)},
    ufunc=np.trunc,
)
def trunc(x: Array, /) -> Array:
    """Whole part of x, rounded towards zero."""


@op(
    symbol="round",
    zero_gradient=True,
    vjp={"x": lambda g: np.zeros_like(g)},
    domain={"x": ((0.1, 0.4),)},
    numpy=[np.round, np.rint],
)
def round(x: Array, /, decimals: int = 0) -> Array:
    """Nearest number with the given decimals; halves go to the even neighbour, as in NumPy."""
    return np.round(x, decimals)


@op(symbol="cast", vjp={"x": lambda g: g}, domain={"x": REAL})
def astype(x: Array, /, dtype: np.dtype | type | str) -> Array:
    """Copy in another dtype; the gradient is cast back to the input's dtype.

    Parameters
    ----------
    x
        Any shape.
    dtype
        A Boolean, integer or floating dtype. Only a floating result carries a gradient.
    """
    if np.dtype(dtype).kind not in "biuf":
        raise DtypeError(f"astype: a Tensor holds Booleans, integers and floating numbers, not {np.dtype(dtype)}")
    return np.asarray(x).astype(dtype)
