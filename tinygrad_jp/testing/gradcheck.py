"""gradcheck: compare the tape's gradients with numerical ones, in random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..derivatives import gradient_or_zeros
from ..errors import ArgumentError, DtypeError, GradientError, ShapeError
from ..nn.module import check_counts
from ..ops import concatenate
from ..tensor import Tensor, as_tensor

FIRST_STEP = 2.0**-6
HALVINGS = 7
SLACK = 200.0
"""How many units of rounding error, of the dtype, a gradient may be off; relative to the size of its terms."""
DIFFERENCE_NOISE = 4 * 2.0**-52 / (FIRST_STEP / 2 ** (HALVINGS - 1))
"""Rounding in float64, magnified by the division by the smallest step."""
UNRELIABLE = 1e-4
"""A numerical estimate with a larger error than this, relative to the size of its terms, proves nothing."""


def richardson(phi: Callable[[float], float]) -> tuple[float, float]:
    """Derivative of a function of one variable at 0, by extrapolated central differences.

    Central differences with the steps h, h/2, h/4, … have errors in h², h⁴, …; each column of the table removes the
    next power (L. F. Richardson, 1911). The entry that agrees best with its neighbours is returned.

    Parameters
    ----------
    phi
        Smooth near 0, evaluated in float64.

    Returns
    -------
    estimate, error : float
        The derivative, and by how much the best entry differs from its neighbours.
    """
    best, error = np.nan, np.inf
    above: list[float] = []
    for k in range(HALVINGS):
        h = FIRST_STEP / 2**k
        row = [(phi(h) - phi(-h)) / (2 * h)]
        for j, coarser in enumerate(above, start=1):
            row.append(row[-1] + (row[-1] - coarser) / (4**j - 1))
            off = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser))
            if off < error:
                best, error = row[-1], off
        above = row
    return best, error


def gradcheck(
    f: Callable[..., Tensor],
    inputs: Tensor | Sequence[Tensor],
    order: int = 1,
    *,
    directions: int = 2,
    seed: int = 0,
) -> bool:
    """Compare the gradients of a function with numerical ones.

    For a random cotangent v and a random direction d of each input, ⟨vjp(v), d⟩ must equal the derivative of
    t ↦ ⟨v, f(x + t·d)⟩ at 0, estimated by :func:`richardson` in float64. The two may differ by rounding in the dtype of
    the input and by the error of the estimate.

    Parameters
    ----------
    f
        Takes Tensors, returns a Tensor of any shape. Deterministic, and smooth at and near the inputs.
    inputs
        A Tensor or several. Those with ``requires_grad=True`` are checked, the others are constants.
    order
        1, or 2 to check the gradient's own gradient too (with respect to the inputs and the cotangent).
    directions
        How many random pairs (v, d) to try for each input.
    seed
        Of the random numbers.

    Returns
    -------
    bool
        True; a gradient that is wrong raises.

    Raises
    ------
    GradientError
        A gradient disagrees, has another shape or dtype than its input, or cannot be judged because the numerical
        estimate does not settle (a kink or a pole is near).
    ValueError
        An input is NaN or infinite, `order` is not 1 or 2, or `directions` or `seed` is no such number.
    DtypeError
        No input requires a gradient, or `f` is no function or does not return a Tensor of floating numbers.

    Examples
    --------
    >>> gradcheck(lambda x: x * x, Tensor([1.0, 2.0], requires_grad=True), order=2)
    True
    """
    if not callable(f):
        raise DtypeError(f"gradcheck: f must be a function of Tensors, got {type(f).__name__}")
    points: list[Tensor] = [*inputs] if isinstance(inputs, Sequence) else [inputs]
    for i, x in enumerate(points):
        if not isinstance(x, Tensor):
            raise DtypeError(f"gradcheck: input {i} is no Tensor but {type(x).__name__}")
        if x.dtype == np.float16:
            raise DtypeError(f"gradcheck: float16 (input {i}) is too coarse to prove a gradient; check in float32")
    if not isinstance(order, int) or order not in (1, 2):
        raise ArgumentError(f"gradcheck: order must be 1 or 2, got {order!r}")
    check_counts("gradcheck", directions=directions)
    if not any(x.requires_grad for x in points):
        raise DtypeError("gradcheck: no input requires a gradient; make one with requires_grad=True")
    for i, x in enumerate(points):
        if x.dtype.kind == "f" and not np.isfinite(x.numpy()).all():
            raise ArgumentError(f"gradcheck: input {i} has NaN or infinite elements; check at finite points")
    rng = random_numbers("gradcheck", seed)
    _check(f, points, rng, directions, "gradient")
    if order == 2:
        y = f(*points)
        cotangent = Tensor(_random(rng, y.shape, y.dtype), requires_grad=True)
        _check(_gradient_of(f, len(points)), [*points, cotangent], rng, directions, "second derivative")
    return True


def random_numbers(name: str, seed: Any, *place: int) -> np.random.Generator:
    """Return a generator of random numbers.

    Parameters
    ----------
    name
        Who needs them, for the error.
    seed
        A whole number of at least 0.
    place
        Numbers that tell generators of the same seed apart.

    Raises
    ------
    ArgumentError
        For another seed.
    """
    try:
        return np.random.default_rng([seed, *place] if place else seed)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: seed must be a whole number of at least 0, got {seed!r}") from None


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = float) -> np.ndarray:
    """Draw numbers of size ½ … 1 and either sign: never all equal, never nearly 0."""
    return np.asarray(rng.uniform(0.5, 1.0, shape) * rng.choice([-1.0, 1.0], shape)).astype(dtype)


def _gradient_of(f: Callable[..., Tensor], n: int) -> Callable[..., Tensor]:
    """Turn f(*x) into the function (*x, v) ↦ vjp(v), all gradients laid end to end."""

    def first(*args: Tensor) -> Tensor:
        xs, v = args[:n], args[n]
        y = f(*xs)
        gradients = [gradient_or_zeros(y, x, v, create_graph=True) for x in xs if x.requires_grad]
        return concatenate([g.reshape(-1) for g in gradients])

    return first


def _check(
    f: Callable[..., Tensor], points: Sequence[Tensor], rng: np.random.Generator, directions: int, what: str
) -> None:
    leaves = [Tensor(x.numpy(), requires_grad=x.requires_grad) for x in points]
    y = f(*leaves)
    if not isinstance(y, Tensor) or y.dtype.kind != "f":
        raise DtypeError(f"gradcheck: f must return a Tensor of floating numbers, got {y!r}")
    for _ in range(directions):
        v = _random(rng, y.shape)
        for i, x in enumerate(leaves):
            if x.requires_grad:
                _compare(f, leaves, i, y, v, _random(rng, x.shape), what)


def _compare(
    f: Callable[..., Tensor], leaves: Sequence[Tensor], i: int, y: Tensor, v: np.ndarray, d: np.ndarray, what: str
) -> None:
    x = leaves[i]
    gradient = gradient_or_zeros(y, x, v)
    if gradient.shape != x.shape or gradient.dtype != x.dtype:
        raise GradientError(
            f"gradcheck: the {what} of input {i} is {gradient.dtype} {gradient.shape}, the input {x.dtype} {x.shape}"
        )
    terms = gradient.numpy().astype(float) * d
    analytic = float(terms.sum())
    numeric, error = richardson(_along(f, leaves, i, v, d))
    size = float(np.abs(terms).sum() + np.abs(v * y.numpy()).sum())
    report = f"input {i} of shape {x.shape}, {x.dtype}: tape {analytic:.10g}, numerical {numeric:.10g} ± {error:.1g}"
    if not np.isfinite(analytic):
        raise GradientError(f"gradcheck: the {what} is not finite; {report}")
    if not error <= UNRELIABLE * (size + 1e-3):
        raise GradientError(f"gradcheck: the numerical {what} does not settle (a kink or a pole is near?); {report}")
    coarsest = min(x.dtype, y.dtype, key=lambda dtype: dtype.itemsize)
    tolerance = (SLACK * float(np.finfo(coarsest).eps) + DIFFERENCE_NOISE) * size + 10 * error + 1e-12
    if abs(analytic - numeric) > tolerance:
        raise GradientError(
            f"gradcheck: the {what} is wrong; {report}, off by {abs(analytic - numeric):.3g} "
            f"where {tolerance:.1g} is allowed"
        )


def _along(
    f: Callable[..., Tensor], leaves: Sequence[Tensor], i: int, v: np.ndarray, d: np.ndarray
) -> Callable[[float], float]:
    """Make the function t ↦ ⟨v, f(x + t·d)⟩ of one input, in float64."""
    exact = [Tensor(x.numpy().astype(float), requires_grad=x.requires_grad) if x.requires_grad else x for x in leaves]
    start = exact[i].numpy()

    def phi(t: float) -> float:
        moved = [*exact[:i], Tensor(start + t * d, requires_grad=True), *exact[i + 1 :]]
        y = as_tensor(f(*moved)).numpy()
        if y.shape != v.shape:
            raise ShapeError(f"gradcheck: f returned shape {v.shape} first and then {y.shape}")
        return float((v * y).sum())

    return phi
