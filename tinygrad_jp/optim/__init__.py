"""Optimizers, learning-rate schedulers and gradient clipping."""

from __future__ import annotations

from .adaptive import AdaDelta, AdaGrad, Adam, AdamW, RMSprop
from .clipping import clip_grad_norm, clip_grad_value
from .naming import by_name
from .optimizer import Optimizer
from .schedulers import CosineLR, ExponentialLR, ReduceLROnPlateau, Scheduler, StepLR
from .sgd import SGD, Momentum

__all__ = [
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "CosineLR",
    "ExponentialLR",
    "Momentum",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Scheduler",
    "StepLR",
    "by_name",
    "clip_grad_norm",
    "clip_grad_value",
]
