"""Losses as modules: made with their options, called with predictions and targets."""

from __future__ import annotations

from typing import Any

from ..ops import loss as functions
from .activation import Function, look_up


class Loss(Function):
    """A loss, whose options are tried out on two numbers when it is made, not only in the first step of training."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.forward([0.5, 0.5], [1.0, 1.0])  # which every loss takes


class SumSquaredError(Loss):
    """Module of ``tinygrad_jp.sum_squared_error``."""

    function = functions.sum_squared_error


class MSELoss(Loss):
    """Module of ``tinygrad_jp.mean_squared_error``."""

    function = functions.mean_squared_error


class L1Loss(Loss):
    """Module of ``tinygrad_jp.mean_absolute_error``."""

    function = functions.mean_absolute_error


MAELoss = L1Loss
"""Another name of L1Loss."""


class CrossEntropyLoss(Loss):
    """Module of ``tinygrad_jp.cross_entropy``, from scores."""

    function = functions.cross_entropy


SoftmaxWithLoss = CrossEntropyLoss
"""The book's name (section 5.6.3)."""


class CrossEntropyError(Loss):
    """Module of ``tinygrad_jp.cross_entropy_error``, from probabilities."""

    function = functions.cross_entropy_error


class NLLLoss(Loss):
    """Module of ``tinygrad_jp.nll_loss``."""

    function = functions.nll_loss


class BCELoss(Loss):
    """Module of ``tinygrad_jp.binary_cross_entropy``."""

    function = functions.binary_cross_entropy


class BCEWithLogitsLoss(Loss):
    """Module of ``tinygrad_jp.binary_cross_entropy_with_logits``."""

    function = functions.binary_cross_entropy_with_logits


class LogisticLoss(Loss):
    """Module of ``tinygrad_jp.logistic_loss``."""

    function = functions.logistic_loss


class ExponentialLoss(Loss):
    """Module of ``tinygrad_jp.exponential_loss``."""

    function = functions.exponential_loss


class HingeLoss(Loss):
    """Module of ``tinygrad_jp.hinge_loss``."""

    function = functions.hinge_loss


class QuantileLoss(Loss):
    """Module of ``tinygrad_jp.quantile_loss``."""

    function = functions.quantile_loss


class HuberLoss(Loss):
    """Module of ``tinygrad_jp.huber_loss``."""

    function = functions.huber_loss


class SmoothL1Loss(Loss):
    """Module of ``tinygrad_jp.smooth_l1_loss``."""

    function = functions.smooth_l1_loss


class EpsilonInsensitiveLoss(Loss):
    """Module of ``tinygrad_jp.epsilon_insensitive_loss``."""

    function = functions.epsilon_insensitive_loss


LOSSES: tuple[type[Loss], ...] = (
    SumSquaredError, MSELoss, L1Loss, CrossEntropyLoss, CrossEntropyError, NLLLoss, BCELoss, BCEWithLogitsLoss,
    LogisticLoss, ExponentialLoss, HingeLoss, QuantileLoss, HuberLoss, SmoothL1Loss, EpsilonInsensitiveLoss,
)  # fmt: skip
BY_NAME: dict[str, type[Loss]] = {loss.function.name: loss for loss in LOSSES}
"""The modules by the names of their functions."""


def by_name(name: str) -> type[Loss]:
    """Return the loss module whose function has this name.

    Parameters
    ----------
    name
        As in ``tinygrad_jp``: ``"cross_entropy"``, ``"mean_squared_error"``, …

    Raises
    ------
    ArgumentError
        If there is none; the nearest name is suggested.
    """
    return look_up("loss", BY_NAME, name)
