"""Derivatives of functions: Jacobian, Hessian, products with them, and the book's numerical ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .errors import DtypeError, ShapeError
from .tape import enable_grad
from .tensor import Tensor, as_tensor, grad

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Function = Callable[[Tensor], Tensor]


def _variable(x: Tensor | ArrayLike) -> Tensor:
    """Copy `x` into a leaf, connected to nothing, at which to differentiate."""
    array = np.array(as_tensor(x).numpy())
    return Tensor(array if array.dtype.kind == "f" else array.astype(float), requires_grad=True)


def _value(f: Function, x: Tensor, caller: str) -> Tensor:
    with enable_grad():
        y = f(x)
    if not isinstance(y, Tensor):
        raise DtypeError(f"{caller}: f must return a Tensor, got {type(y).__name__}")
    return y


def gradient_or_zeros(
    y: Tensor, x: Tensor, gradient: Tensor | ArrayLike | None = None, create_graph: bool = False
) -> Tensor:
    """Gradient of `y` at `x`; zeros if `y` does not depend on it."""
    if not y.requires_grad:
        return Tensor(np.zeros(x.shape, x.dtype))
    g = grad(y, x, gradient, retain_graph=True, create_graph=create_graph, allow_unused=True)
    return Tensor(np.zeros(x.shape, x.dtype)) if g is None else g


def vjp(f: Function, x: Tensor | ArrayLike, v: Tensor | ArrayLike | None = None) -> tuple[Tensor, Tensor]:
    """Vector-Jacobian product vᵀ · ∂f/∂x, by one backward pass.

    Parameters
    ----------
    f
        Function of one Tensor.
    x
        The point, any shape; integers are taken as floats.
    v
        In the shape of f(x); 1 if that is a single number.

    Returns
    -------
    value, product : Tensor
        f(x), and the product in the shape of `x`.
    """
    point = _variable(x)
    y = _value(f, point, "vjp")
    return y.detach(), gradient_or_zeros(y, point, v)


def jvp(f: Function, x: Tensor | ArrayLike, v: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
    """Jacobian-vector product ∂f/∂x · v (forward mode), composed of two backward passes.

    The vector-Jacobian product uᵀ · J is linear in u, so its own derivative with respect to u, along `v`, is J · v.

    Parameters
    ----------
    f
        Function of one Tensor, differentiable twice by the tape.
    x
        The point, any shape.
    v
        The direction, in the shape of `x`.

    Returns
    -------
    value, product : Tensor
        f(x), and the product in its shape.
    """
    point = _variable(x)
    direction = as_tensor(v)
    if direction.shape != point.shape:
        raise ShapeError(f"jvp: v has shape {direction.shape}, but x has shape {point.shape}")
    y = _value(f, point, "jvp")
    u = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
    product = gradient_or_zeros(y, point, u, create_graph=True)
    return y.detach(), gradient_or_zeros(product, u, direction).detach()


def jacobian(f: Function, x: Tensor | ArrayLike) -> Tensor:
    """Jacobian ∂f/∂x, by one backward pass for each element of f(x).

    Parameters
    ----------
    f
        Function of one Tensor.
    x
        The point, any shape.

    Returns
    -------
    Tensor
        Shape (shape of f(x)) + (shape of x).
    """
    point = _variable(x)
    y = _value(f, point, "jacobian")
    rows = [gradient_or_zeros(y, point, row.reshape(y.shape)).numpy() for row in np.eye(y.size, dtype=y.dtype)]
    return Tensor(np.reshape(rows, (*y.shape, *point.shape)))


def hessian(f: Function, x: Tensor | ArrayLike) -> Tensor:
    """Hessian ∂²f/∂x², by differentiating the gradient once for each element of `x`.

    Parameters
    ----------
    f
        Function of one Tensor that returns a single number.
    x
        The point, any shape.

    Returns
    -------
    Tensor
        Shape (shape of x) + (shape of x).
    """
    point = _variable(x)
    y = _value(f, point, "hessian")
    if y.size != 1:
        raise ShapeError(f"hessian: f must return a single number, got shape {y.shape}")
    first = gradient_or_zeros(y, point, create_graph=True)
    rows = [
        gradient_or_zeros(first, point, row.reshape(point.shape)).numpy()
        for row in np.eye(point.size, dtype=point.dtype)
    ]
    return Tensor(np.reshape(rows, (*point.shape, *point.shape)))


def numerical_gradient(f: Callable[[np.ndarray], float | Tensor], x: Tensor | ArrayLike) -> np.ndarray:
    """Gradient by central differences, (f(x + h) − f(x − h)) / 2h with h = 1e-4 (the book, equation 4.4).

    Parameters
    ----------
    f
        Function of an ndarray in the shape of `x` that returns a single number (or a Tensor of one element).
    x
        The point, any shape. It is not changed.

    Returns
    -------
    ndarray
        float64, in the shape of `x`.
    """
    h = 1e-4
    point = np.array(as_tensor(x).numpy(), dtype=float)
    gradient = np.empty_like(point)
    for index in np.ndindex(point.shape):
        here = point[index]
        point[index] = here + h
        above = float(f(point.copy()))
        point[index] = here - h
        below = float(f(point.copy()))
        point[index] = here
        gradient[index] = (above - below) / (2 * h)
    return gradient


def gradient_descent(
    f: Callable[[np.ndarray], float | Tensor], init_x: Tensor | ArrayLike, lr: float = 0.01, step_num: int = 100
) -> np.ndarray:
    """Minimise a function by following its numerical gradient downhill, x ← x − lr · ∇f(x) (the book, equation 4.7).

    Parameters
    ----------
    f
        Function of an ndarray that returns a single number.
    init_x
        Where to start, any shape. It is not changed.
    lr
        Learning rate η.
    step_num
        Number of steps.

    Returns
    -------
    ndarray
        float64, where the descent ended.
    """
    if not lr > 0 or step_num < 0:
        raise ValueError(f"gradient_descent: lr must be positive and step_num at least 0, got {lr=}, {step_num=}")
    x = np.array(as_tensor(init_x).numpy(), dtype=float)
    for _ in range(step_num):
        x -= lr * numerical_gradient(f, x)
    return x
