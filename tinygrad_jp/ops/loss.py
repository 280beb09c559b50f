"""Loss functions: how far predictions are from targets, as one number (or, on request, one number each).

Every one is called as ``loss(prediction, target, reduction)``. They are made of other ops, so a picture shows how.
`softmax_cross_entropy`, the kernel of `cross_entropy`, stands in fused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, ParamSpec

import numpy as np

from ..blank import Blank
from ..errors import ArgumentError, ShapeError
from .activation import softplus
from .elementwise import relu
from .fused import check_targets, label_places, softmax_cross_entropy
from .reduce import log_softmax
from .table import Array, Kink, Op, composite

P = ParamSpec("P")
Reduction = Literal["mean", "sum", "none"]

# -------------------------------------------------------------------------------- what the docstrings share

ELEMENTS = """prediction, target
    Any shape, the same for both. Gradients flow to both."""
MARGINS = """prediction
    Scores, any shape; the sign is the predicted class.
target
    −1 or +1, in the shape of `prediction`. No gradient flows to it."""
CLASSES = """prediction
    {kind}, shape (N, classes), or (classes,) for one example.
target
    Labels 0 … classes − 1, shape (N,) or (); or one-hot rows or probabilities, of the shape of `prediction`. No
    gradient flows to them."""
BINARY = """prediction
    {kind}, any shape.
target
    0, 1, or a probability between them, in the shape of `prediction`. No gradient flows to it."""


def _loss(inputs: str, each: str = "element", more: str = "", **row: Any) -> Callable[[Callable[P, Array]], Op[P]]:
    """Make a composite row, and complete its docstring with the sections that the losses share."""
    parameters = f"""
reduction
    ``"mean"`` over the {each}s, ``"sum"``, or ``"none"``: one loss for each {each}.
{more}""".strip()
    returns = f"Tensor\n    Shape (); with reduction 'none' one number for each {each}."
    raises = """ShapeError
    If the shapes of prediction and target do not fit; they are never broadcast.
ArgumentError
    If a target or an argument is out of range, or the mean of an empty batch is asked for."""

    def decorate(forward: Callable[P, Array]) -> Op[P]:
        sections = {"Parameters": f"{inputs}\n{parameters}", "Returns": returns, "Raises": raises}
        text = [inspect.getdoc(forward) or "", *(f"{k}\n{'-' * len(k)}\n{v}" for k, v in sections.items())]
        forward.__doc__ = "\n\n".join(text)
        return composite(family="reduction", **row)(forward)

    return decorate


FAR = {"prediction": ((-1.0, 1.0),), "target": ((-4.0, -2.0), (2.0, 4.0))}
"""Where 1 < |y − t| < 5, so that the property tests cross no threshold that lies outside."""
OFF_THE_MARGIN = {"prediction": ((-3.0, -1.2), (-0.8, 0.8), (1.2, 3.0))}

# -------------------------------------------------------------------------------- what the losses share
# The messages begin with "loss"; the name of the row that was called takes its place.


def _reduced(losses: Array, reduction: str) -> Array:
    """Take the mean or the sum of losses, or leave them as they are."""
    if reduction not in ("mean", "sum", "none"):
        from difflib import get_close_matches  # not before it is used: the import takes long

        near = get_close_matches(str(reduction), ["mean", "sum", "none"], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(f"loss: reduction must be 'mean', 'sum' or 'none', got {reduction!r}{hint}")
    if reduction == "mean":
        if not losses.size:
            raise ArgumentError("loss: an empty batch has no mean; leave it out, or take reduction='sum'")
        return np.mean(losses)
    return np.sum(losses) if reduction == "sum" else losses


def _in_range(name: str, values: Array, low: float, high: float, remedy: str) -> None:
    """Refuse values outside [low, high]; NaN passes, so that a run that diverged shows it, and what is not computed."""
    if values.size and not isinstance(values, Blank) and (values.min() < low or values.max() > high):
        raise ArgumentError(
            f"loss: {name} must lie in {low:g}…{high:g}, got {values.min():g}…{values.max():g}; {remedy}"
        )


def _of_dtype(target: Array, prediction: Array) -> Array:
    """Take whole numbers and Booleans in the dtype of the prediction, so that float32 stays float32."""
    if target.dtype.kind == "f":
        return target
    return target.astype(prediction.dtype if prediction.dtype.kind == "f" else float)


def _alike(prediction: Array, target: Array) -> Array:
    """Return the target if it has the prediction's shape; other shapes would broadcast, and give a wrong loss."""
    if prediction.shape != target.shape:
        remedy = "reshape one of them to the shape of the other"
        if prediction.size == target.size:
            remedy = f"use target.reshape({prediction.shape})"
        raise ShapeError(
            f"loss: prediction of shape {prediction.shape} and target of shape {target.shape} must have the same "
            f"shape (they are not broadcast); {remedy}"
        )
    return _of_dtype(target, prediction)


def _residual(prediction: Array, target: Array) -> Array:
    return prediction - _alike(prediction, target)


def _margin(prediction: Array, target: Array) -> Array:
    """t · y, which is positive where the predicted sign is right."""
    signs = _alike(prediction, target).numpy()
    if not isinstance(signs, Blank) and not (np.abs(signs) == 1).all():
        wrong = signs[np.abs(signs) != 1].flat[0]
        raise ArgumentError(f"loss: targets must be −1 or +1, got {wrong:g}; labels 0 and 1 become so by 2 * t - 1")
    return prediction * signs


def _probable(prediction: Array, target: Array) -> Array:
    """Return targets between 0 and 1 as an array."""
    t = _alike(prediction, target).numpy()
    _in_range("targets", t, 0, 1, "labels −1 and +1 become so by (t + 1) / 2")
    return t


def _class_targets(prediction: Array, target: Array) -> Array:
    """Return labels, or rows of probabilities, that fit predictions for classes, as an array."""
    shape, t = prediction.shape, target.numpy()
    if len(shape) not in (1, 2):
        raise ShapeError(f"loss: needs a prediction of shape (N, classes) or (classes,), got {shape}")
    if t.shape not in (shape, shape[:-1]):
        raise ShapeError(
            f"loss: a prediction of shape {shape} needs labels of shape {shape[:-1]} or one-hot targets of shape "
            f"{shape}, got {t.shape}; reshape the target"
        )
    check_targets(t, shape)
    return _of_dtype(t, prediction) if t.shape == shape else t


def _of_target_class(log_probability: Array, t: Array) -> Array:
    """Σ t log y for each example: for a label, log y of its class."""
    if t.shape == log_probability.shape:
        return np.sum(log_probability * t, -1)
    return log_probability[label_places(t)]


# -------------------------------------------------------------------------------- regression


@_loss(ELEMENTS, "example", symbol="½Σ(y−t)²")
def sum_squared_error(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Sum of squared errors of an example, ½ Σ (y − t)² (the book, equation 4.1).

    The first axis counts the examples, so the mean is ½ Σ (y − t)² / N over all elements; an array of one axis is one
    example, as in the book.
    """
    squares = np.square(_residual(prediction, target))
    within = tuple(range(1 if squares.ndim > 1 else 0, squares.ndim))
    return _reduced(0.5 * np.sum(squares, within), reduction)


@_loss(ELEMENTS, symbol="mean (y−t)²")
def mean_squared_error(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Squared error (y − t)², by default its mean over all elements; `sum_squared_error` is the book's."""
    return _reduced(np.square(_residual(prediction, target)), reduction)


@_loss(
    ELEMENTS,
    symbol="mean |y−t|",
    kinks=[Kink("y = t", "0", ([1.0, 2.0], [1.0, 0.0]), ([0.0, 1.0], [0.0, -1.0]), {"reduction": "none"})],
)
def mean_absolute_error(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Absolute error |y − t|, by default its mean over all elements; its best constant is the median."""
    return _reduced(np.abs(_residual(prediction, target)), reduction)


@_loss(ELEMENTS, more="delta\n    δ > 0, where the square ends and the line begins.", symbol="huber", domain=FAR)
def huber_loss(prediction: Array, target: Array, /, reduction: Reduction = "mean", delta: float = 1.0) -> Array:
    """Huber's loss of d = y − t: ½ d² where |d| ≤ δ, else δ (|d| − δ/2) (P. J. Huber, 1964).

    In the form of 深層学習入門 (Morita, 2019). Its gradient is d, clipped to [−δ, δ].
    """
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta must be greater than 0, got {delta!r}")
    return _reduced(_huber(_residual(prediction, target), delta), reduction)


def _huber(d: Array, delta: float) -> Array:
    """c (d − c/2), where c is d clipped to [−δ, δ]: both of Huber's branches at once, without overflow."""
    c = np.clip(d, -delta, delta)
    return c * (d - 0.5 * c)


@_loss(ELEMENTS, more="beta\n    β > 0, where the square ends and the line begins.", symbol="smooth L1", domain=FAR)
def smooth_l1_loss(prediction: Array, target: Array, /, reduction: Reduction = "mean", beta: float = 1.0) -> Array:
    """Smooth L1 loss of d = y − t: ½ d²/β where |d| < β, else |d| − β/2 (R. Girshick, 2015; PyTorch's β).

    It is Huber's loss divided by β, so its gradient is at most 1.
    """
    if not beta > 0:
        raise ArgumentError(f"smooth_l1_loss: beta must be greater than 0, got {beta!r}; for 0 use mean_absolute_error")
    return _reduced(_huber(_residual(prediction, target), beta) / beta, reduction)


@_loss(
    ELEMENTS,
    more="quantile\n    τ between 0 and 1; 0.5 gives half of the absolute error.",
    symbol="quantile",
    kinks=[
        Kink(
            "y = t",
            "½ − τ for the prediction: the mean of both slopes",
            ([1.0, 2.0], [1.0, 0.0]),
            ([0.25, 0.75], [-0.25, -0.75]),
            {"reduction": "none", "quantile": 0.25},
        )
    ],
)
def quantile_loss(prediction: Array, target: Array, /, reduction: Reduction = "mean", quantile: float = 0.5) -> Array:
    """Quantile or pinball loss, τ (t − y) where t > y, else (1 − τ)(y − t) (R. Koenker, G. Bassett, 1978).

    Its best constant is the τ-quantile of the targets: too low a prediction costs τ a unit, too high a one 1 − τ.
    """
    if not 0 < quantile < 1:
        raise ArgumentError(f"quantile_loss: quantile must lie between 0 and 1, got {quantile!r}")
    d = _residual(prediction, target)
    return _reduced(np.maximum((1.0 - quantile) * d, -quantile * d), reduction)


@_loss(
    ELEMENTS,
    more="epsilon\n    ε ≥ 0: errors up to it cost nothing.",
    symbol="ε-insensitive",
    domain=FAR,
    kinks=[
        Kink(
            "|y − t| = ε",
            "0",
            ([1.0, -1.0, 2.0], [0.0, 0.0, 0.0]),
            ([0.0, 0.0, 1.0], [0.0, 0.0, -1.0]),
            {"reduction": "none", "epsilon": 1.0},
        )
    ],
)
def epsilon_insensitive_loss(
    prediction: Array, target: Array, /, reduction: Reduction = "mean", epsilon: float = 0.1
) -> Array:
    """ε-insensitive loss of support vector regression, max(0, |y − t| − ε) (V. N. Vapnik, 1995)."""
    if not epsilon >= 0:
        raise ArgumentError(f"epsilon_insensitive_loss: epsilon must be at least 0, got {epsilon!r}")
    return _reduced(relu(np.abs(_residual(prediction, target)) - epsilon), reduction)


# -------------------------------------------------------------------------------- classes

EPS = "eps\n    Added inside the logarithm, which is −∞ at 0."
LOGITS_INSTEAD = "for scores before the softmax use cross_entropy, before the sigmoid binary_cross_entropy_with_logits"


@_loss(
    CLASSES.format(kind="Probabilities"),
    "example",
    EPS,
    symbol="cross entropy error",
    domain={"prediction": ((0.1, 0.9),)},
)
def cross_entropy_error(prediction: Array, target: Array, /, reduction: Reduction = "mean", eps: float = 1e-7) -> Array:
    """Cross-entropy error of probabilities, −Σ t log(y + ε), averaged over a batch (the book, equations 4.2 and 4.3).

    ε = 10⁻⁷ is the book's (section 4.2). In training `cross_entropy`, from scores, is faster and exact.
    """
    t = _class_targets(prediction, target)
    _in_range("probabilities", prediction.numpy(), 0, 1, LOGITS_INSTEAD)
    return _reduced(-_of_target_class(np.log(prediction + eps), t), reduction)


@_loss(CLASSES.format(kind="Scores (logits)"), "example", symbol="cross entropy")
def cross_entropy(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Cross entropy of softmax(scores), −Σ t log softmax(x) (the book, equations 3.10, 4.2 and 4.3, appendix A).

    The mean is the fused `softmax_cross_entropy`, the others pass through `log_softmax`; nothing overflows.
    """
    t = _class_targets(prediction, target)
    if reduction == "mean" and prediction.size:
        return softmax_cross_entropy(prediction, t)
    return _reduced(-_of_target_class(log_softmax(prediction), t), reduction)


@_loss(CLASSES.format(kind="Logarithms of probabilities, as `log_softmax` gives them"), "example", symbol="NLL")
def nll_loss(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Negative log likelihood, −Σ t log y for given log y: for a label, minus the one of its class (as in PyTorch).

    A −∞ of another class does no harm beside a label; beside a 0 in a one-hot row it gives NaN.
    """
    return _reduced(-_of_target_class(prediction, _class_targets(prediction, target)), reduction)


@_loss(BINARY.format(kind="Probabilities of class 1"), more=EPS, symbol="BCE", domain={"prediction": ((0.1, 0.9),)})
def binary_cross_entropy(
    prediction: Array, target: Array, /, reduction: Reduction = "mean", eps: float = 1e-7
) -> Array:
    """Cross entropy of two classes, −t log(y + ε) − (1 − t) log(1 − y + ε) (the book, equation 4.2, for two classes).

    PyTorch has no ε but cuts the logarithms off at −100. In training `binary_cross_entropy_with_logits` is exact.
    """
    t = _probable(prediction, target)
    _in_range("probabilities", prediction.numpy(), 0, 1, LOGITS_INSTEAD)
    return _reduced(-(np.log(prediction + eps) * t + np.log(1.0 - prediction + eps) * (1 - t)), reduction)


@_loss(BINARY.format(kind="Scores (logits) of class 1"), symbol="sigmoid + BCE")
def binary_cross_entropy_with_logits(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Cross entropy of sigmoid(x), −t log σ(x) − (1 − t) log(1 − σ(x)), without overflow or cancellation.

    By −log σ(x) = softplus(−x), which is accurate also where the loss is nearly 0.
    """
    t = _probable(prediction, target)
    return _reduced(softplus(-prediction) * t + softplus(prediction) * (1 - t), reduction)


# -------------------------------------------------------------------------------- margins, targets −1 and +1


@_loss(MARGINS, symbol="logistic loss")
def logistic_loss(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Logistic loss, log(1 + exp(−t y)) (J. Friedman et al., 2000), without overflow."""
    return _reduced(softplus(-_margin(prediction, target)), reduction)


@_loss(MARGINS, symbol="exponential loss")
def exponential_loss(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Exponential loss of AdaBoost, exp(−t y) (Y. Freund, R. E. Schapire, 1997); ∞ where that overflows."""
    return _reduced(np.exp(-_margin(prediction, target)), reduction)


@_loss(MARGINS, symbol="hinge", domain=OFF_THE_MARGIN)
def hinge_loss(prediction: Array, target: Array, /, reduction: Reduction = "mean") -> Array:
    """Hinge loss of support vector machines, max(0, 1 − t y) (C. Cortes, V. Vapnik, 1995).

    At t y = 1 the gradient is 0, that of `relu`.
    """
    return _reduced(relu(1.0 - _margin(prediction, target)), reduction)
