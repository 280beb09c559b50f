"""Arithmetic, comparison and selection: the ops behind Python's operators."""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError
from .table import NONZERO, POSITIVE, Array, Kink, composite, op

BETWEEN_JUMPS = {"x": ((-0.9, -0.1), (0.1, 0.9)), "y": ((1.0, 3.0),)}
"""Where x / y stays clear of the whole numbers."""
TIE = (np.array([1.0, 2.0, 0.0]), np.array([1.0, 0.0, 2.0]))


@op(symbol="+", vjp={"x": lambda g: g, "y": lambda g: g}, ufunc=np.add)
def add(x: Array, y: Array, /) -> Array:
    """Sum, x + y; the gradient passes through unchanged (the book, figure 5-9)."""


@op(symbol="−", vjp={"x": lambda g: g, "y": lambda g: -g}, ufunc=np.subtract)
def sub(x: Array, y: Array, /) -> Array:
    """Difference, x − y."""


@op(symbol="×", vjp={"x": (np.multiply, "g", "y"), "y": (np.multiply, "g", "x")}, ufunc=np.multiply)
def mul(x: Array, y: Array, /) -> Array:
    """Product, x · y; going backward it swaps its inputs (the book, figure 5-12)."""


@op(
    symbol="÷",
    vjp={"x": lambda g, y: g / y, "y": lambda g, y, out: -g * out / y},
    domain={"y": NONZERO},
    ufunc=np.divide,
)
def div(x: Array, y: Array, /) -> Array:
    """Quotient, x / y."""


@op(
    symbol="⌊÷⌋",
    zero_gradient=True,
    vjp={"x": lambda g: np.zeros_like(g), "y": lambda g: np.zeros_like(g)},
    domain=BETWEEN_JUMPS,
    ufunc=np.floor_divide,
)
def floor_divide(x: Array, y: Array, /) -> Array:
    """Quotient rounded down, ⌊x / y⌋."""


@op(
    symbol="mod",
    vjp={"x": lambda g: g, "y": lambda g, x, y: -g * np.floor_divide(x, y)},
    domain=BETWEEN_JUMPS,
    ufunc=np.remainder,
)
def mod(x: Array, y: Array, /) -> Array:
    """Remainder x − y ⌊x / y⌋, with the sign of y; at its jumps the gradient is the right-hand one."""


@composite(numpy=[np.divmod])
def divmod(x: Array, y: Array, /) -> list[Array]:
    """Quotient rounded down and remainder, [⌊x / y⌋, x mod y]."""
    return [np.floor_divide(x, y), np.remainder(x, y)]


@op(symbol="−", vjp={"x": lambda g: -g}, ufunc=np.negative)
def neg(x: Array, /) -> Array:
    """Negative, −x."""


@op(
    symbol="**",
    vjp={
        # y * 1 - (y != 0) (y may be Boolean) makes y = 0 harmless: y · x⁰, which is 0, instead of 0 · x⁻¹
        "x": lambda g, x, y: g * y * x ** (y * 1 - (y != 0)),
        # log(x + (x == 0)) is 0 at x = 0: there the gradient with respect to y is 0, as in PyTorch
        "y": lambda g, x, out: g * out * np.log(x + (x == 0)),
    },
    domain={"x": POSITIVE, "y": ((-2.0, 3.0),)},
    ufunc=np.power,
)
def pow(x: Array, y: Array, /) -> Array:
    """Power, xʸ.

    A negative base with a whole exponent is fine; its gradient with respect to the exponent is NaN.
    """


@op(
    symbol="|x|",
    vjp={"x": lambda g, x: g * np.sign(x)},
    domain={"x": NONZERO},
    kinks=[Kink("x = 0", "0", (np.array([0.0, 2.0, -2.0]),), (np.array([0.0, 1.0, -1.0]),))],
    ufunc=np.absolute,
    numpy=[np.fabs],
)
def abs(x: Array, /) -> Array:
    """Absolute value, |x|."""


@op(symbol="sgn", zero_gradient=True, vjp={"x": lambda g: np.zeros_like(g)}, domain={"x": NONZERO}, ufunc=np.sign)
def sign(x: Array, /) -> Array:
    """Sign: −1, 0 or 1."""


@op(
    symbol="max",
    vjp={
        "x": lambda g, x, y: g * (x > y) + g * (x == y) * 0.5,
        "y": lambda g, x, y: g * (y > x) + g * (x == y) * 0.5,
    },
    kinks=[Kink("x = y", "½ for each: ties share equally", TIE, ([0.5, 1.0, 0.0], [0.5, 0.0, 1.0]))],
    ufunc=np.maximum,
)
def maximum(x: Array, y: Array, /) -> Array:
    """Larger of two, element by element."""


@op(
    symbol="min",
    vjp={
        "x": lambda g, x, y: g * (x < y) + g * (x == y) * 0.5,
        "y": lambda g, x, y: g * (y < x) + g * (x == y) * 0.5,
    },
    kinks=[Kink("x = y", "½ for each: ties share equally", TIE, ([0.5, 0.0, 1.0], [0.5, 1.0, 0.0]))],
    ufunc=np.minimum,
)
def minimum(x: Array, y: Array, /) -> Array:
    """Smaller of two, element by element."""


@op(
    symbol="where",
    vjp={
        "x": lambda g, condition: np.where(condition, g, 0.0),
        "y": lambda g, condition: np.where(condition, 0.0, g),
    },
    numpy=[np.where],
)
def where(condition: Array, x: Array, y: Array, /) -> Array:
    """Take from x where the condition holds, from y elsewhere.

    Both branches were computed, so an infinite derivative in the branch not taken still gives 0 · ∞ = NaN;
    ``with strict_zero():`` makes it exactly 0.

    Parameters
    ----------
    condition
        Boolean array; it broadcasts with `x` and `y` and carries no gradient.
    x, y
        The two branches, of any mutually broadcastable shapes.
    """
    return np.where(condition, x, y)


def _within(g: Array, x: Array, a_min: Array, a_max: Array) -> Array:
    """Pass `g` where ``a_min <= x <= a_max``; a missing bound (None) does not restrict."""
    if a_min is not None:
        g = g * (x >= a_min)
    return g if a_max is None else g * (x <= a_max)


@op(
    symbol="clip",
    vjp={"x": _within},
    domain={"x": ((-3.0, -1.2), (-0.8, 0.8), (1.2, 3.0))},
    kinks=[
        Kink(
            "the edges",
            "1, as inside",
            (np.array([-1.0, 1.0, 0.0, 2.0]),),
            ([1.0, 1.0, 1.0, 0.0],),
            {"a_min": -1, "a_max": 1},
        )
    ],
    numpy=[np.clip],
)
def clip(x: Array, /, a_min: Array | None = None, a_max: Array | None = None) -> Array:
    """Limit x to the interval [a_min, a_max].

    Parameters
    ----------
    x
        Any shape.
    a_min, a_max
        Bounds: scalars or arrays that broadcast to the shape of `x`, or None. They carry no gradient; use
        ``minimum(maximum(x, a_min), a_max)`` for bounds that do.
    """
    if a_min is None and a_max is None:
        raise ArgumentError("clip: give a_min, a_max or both")
    return np.clip(x, a_min, a_max)


# Comparisons and tests: Boolean results, which carry no gradient.


@op(symbol="=", numpy=[np.equal])
def equal(x: Array, y: Array, /) -> Array:
    """Test x = y."""
    return np.equal(x, y)


@op(symbol="≠", ufunc=np.not_equal)
def not_equal(x: Array, y: Array, /) -> Array:
    """Test x ≠ y."""


@op(symbol="<", ufunc=np.less)
def less(x: Array, y: Array, /) -> Array:
    """Test x < y."""


@op(symbol="≤", ufunc=np.less_equal)
def less_equal(x: Array, y: Array, /) -> Array:
    """Test x ≤ y."""


@op(symbol=">", ufunc=np.greater)
def greater(x: Array, y: Array, /) -> Array:
    """Test x > y."""


@op(symbol="≥", ufunc=np.greater_equal)
def greater_equal(x: Array, y: Array, /) -> Array:
    """Test x ≥ y."""


@op(symbol="and", ufunc=np.logical_and)
def logical_and(x: Array, y: Array, /) -> Array:
    """Both are true (nonzero)."""


@op(symbol="or", ufunc=np.logical_or)
def logical_or(x: Array, y: Array, /) -> Array:
    """At least one is true (nonzero)."""


@op(symbol="not", ufunc=np.logical_not)
def logical_not(x: Array, /) -> Array:
    """Not true: zero."""


@op(symbol="&", ufunc=np.bitwise_and)
def bitwise_and(x: Array, y: Array, /) -> Array:
    """And, bit by bit; of Booleans or whole numbers."""


@op(symbol="|", ufunc=np.bitwise_or)
def bitwise_or(x: Array, y: Array, /) -> Array:
    """Or, bit by bit; of Booleans or whole numbers."""


@op(symbol="^", ufunc=np.bitwise_xor)
def bitwise_xor(x: Array, y: Array, /) -> Array:
    """Exclusive or, bit by bit; of Booleans or whole numbers."""


@op(symbol="~", ufunc=np.invert)
def invert(x: Array, /) -> Array:
    """Not, bit by bit; of Booleans or whole numbers."""


@op(symbol="NaN?", ufunc=np.isnan)
def isnan(x: Array, /) -> Array:
    """Test for NaN."""


@op(symbol="finite?", ufunc=np.isfinite)
def isfinite(x: Array, /) -> Array:
    """Test for a finite number (neither infinite nor NaN)."""


@op(symbol="∞?", ufunc=np.isinf)
def isinf(x: Array, /) -> Array:
    """Test for +∞ or −∞."""


@composite(numpy=[np.ones_like])
def ones_like(x: Array, /) -> Array:
    """Ones in the shape and dtype of x; a constant."""
    return np.ones(x.shape, x.dtype)


@composite(numpy=[np.zeros_like])
def zeros_like(x: Array, /) -> Array:
    """Zeros in the shape and dtype of x; a constant."""
    return np.zeros(x.shape, x.dtype)
