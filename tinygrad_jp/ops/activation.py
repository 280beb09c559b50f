"""Activation functions; `sigmoid`, `relu`, `step` and `tanh` stand in elementwise, `softmax` in reduce."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError
from .elementwise import sigmoid
from .reduce import floating
from .table import NONZERO, Array, Kink, composite, op

logistic = sigmoid
"""Another name of `sigmoid`."""


@op(symbol="id", vjp={"x": lambda g: g})
def identity(x: Array, /) -> Array:
    """Identity, x: the output layer's activation for regression (the book, section 3.5.1)."""
    return np.asarray(x)


@op(symbol="softplus", vjp={"x": lambda g, x: g * sigmoid.dispatch(x)}, decomposition=lambda x: np.log1p(np.exp(x)))
def softplus(x: Array, /) -> Array:
    """Smooth relu, log(1 + eˣ) (C. Dugas et al., 2001), without overflow."""
    x = floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@op(
    symbol="leaky relu",
    vjp={"x": lambda g, x, negative_slope: np.where(x > 0, g, g * negative_slope)},
    domain={"x": NONZERO},
    kinks=[Kink("x = 0", "`negative_slope`", (np.array([0.0, 2.0, -2.0]),), ([0.01, 1.0, 0.01],))],
)
def leaky_relu(x: Array, /, negative_slope: float = 0.01) -> Array:
    """Leaky relu: x where x > 0, else `negative_slope` · x (A. Maas et al., 2013).

    Parameters
    ----------
    x
        Any shape.
    negative_slope
        A number; for one that is learned take ``prelu``.
    """
    x = floating(x)
    return np.where(x > 0, x, x * negative_slope)


@op(
    symbol="prelu",
    vjp={
        "x": lambda g, x, weight: np.where(x > 0, g, g * weight),
        "weight": lambda g, x: np.where(x > 0, 0.0, g * x),
    },
    domain={"x": NONZERO},
    kinks=[
        Kink(
            "x = 0",
            "`weight`, and 0 for the weight",
            (np.array([0.0, 2.0, -2.0]), np.array([0.25, 0.25, 0.25])),
            ([0.25, 1.0, 0.25], [0.0, 0.0, -2.0]),
        )
    ],
)
def prelu(x: Array, weight: Array, /) -> Array:
    """Parametric relu: x where x > 0, else weight · x, with a weight that is learned (K. He et al., 2015).

    Parameters
    ----------
    x
        Any shape.
    weight
        The slope for x < 0: a number, or any shape that broadcasts with `x` as in NumPy. One for each channel: shape
        (C,) for x of shape (N, C), but (C, 1, 1) for x of shape (N, C, H, W).
    """
    x = floating(x)
    return np.where(x > 0, x, x * weight)


@op(
    symbol="elu",
    vjp={"x": lambda g, out, alpha: np.where(out > 0, g, g * (out + alpha))},
    domain={"x": NONZERO},
    kinks=[Kink("x = 0", "`alpha`", (np.array([0.0, 2.0]),), ([2.0, 1.0],), {"alpha": 2.0})],
)
def elu(x: Array, /, alpha: float = 1.0) -> Array:
    """Exponential linear unit: x where x > 0, else α (eˣ − 1) (D.-A. Clevert et al., 2016).

    Parameters
    ----------
    x
        Any shape.
    alpha
        α ≥ 0, the value far below 0 is −α.
    """
    if not alpha >= 0:
        raise ArgumentError(f"elu: alpha must be at least 0, got {alpha!r}")
    x = floating(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
"""With these, and weights of mean 0 and variance 1/n, activations keep mean 0 and variance 1 from layer to layer."""


@composite(
    symbol="selu",
    domain={"x": NONZERO},
    kinks=[Kink("x = 0", "λα, about 1.758", (np.array([0.0, 2.0]),), ([SELU_SCALE * SELU_ALPHA, SELU_SCALE],))],
)
def selu(x: Array, /) -> Array:
    """Scaled exponential linear unit, λ · elu(x, α), λ ≈ 1.0507, α ≈ 1.6733 (G. Klambauer et al., 2017)."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969): the coefficients, the
# highest power first, of erf(x) / x in x² for |x| ≤ 0.46875, and of erfc(x) exp(x²) in x above.
ERF_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
ERFC_FAR = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip


def _horner(x: Array, coefficients: Sequence[float]) -> Array:
    """Evaluate a polynomial, its coefficients given from the highest power down, in one array."""
    out = coefficients[0] * x
    for c in coefficients[1:-1]:
        out += c
        out *= x
    out += coefficients[-1]
    return out


def _rational(x: Array, coefficients: tuple[Sequence[float], Sequence[float]]) -> Array:
    return _horner(x, coefficients[0]) / _horner(x, coefficients[1])


@op(symbol="erf", vjp={"x": lambda g, x: g * (2.0 / math.sqrt(math.pi)) * np.exp(-x * x)})
def erf(x: Array, /) -> Array:
    """Error function, 2/√π ∫₀ˣ exp(−t²) dt, to within 8 units in the last place (W. J. Cody, 1969)."""
    x = floating(x)
    wide = x.astype(np.result_type(x, np.float32), copy=False)  # float16 cannot hold the coefficients' sums
    size = np.minimum(np.abs(wide), 6.0)  # beyond 6, erf is 1 to the last digit
    square = size * size
    far = np.copysign(1.0 - np.exp(-square) * _rational(size, ERFC_FAR), wide)
    near = np.copysign(size, wide) * _rational(np.minimum(square, 0.25), ERF_NEAR)
    return np.where(size <= 0.46875, near, far).astype(x.dtype, copy=False)


@composite(symbol="gelu")
def gelu(x: Array, /, approximate: str = "none") -> Array:
    """Gaussian error linear unit, x Φ(x), where Φ is the normal distribution (D. Hendrycks, K. Gimpel, 2016).

    Parameters
    ----------
    x
        Any shape.
    approximate
        ``"none"``: exact, Φ(x) = (1 + erf(x / √2)) / 2. ``"tanh"``: the paper's approximation, which is faster,
        x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), off by less than 0.0005.
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    if approximate == "none":
        return x * (0.5 + 0.5 * erf(x * math.sqrt(0.5)))
    return x * (0.5 + 0.5 * np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * (x * x * x))))


@composite(symbol="silu")
def silu(x: Array, /) -> Array:
    """Sigmoid linear unit or swish, x · sigmoid(x) (S. Elfwing et al., 2018)."""
    return x * sigmoid(x)
