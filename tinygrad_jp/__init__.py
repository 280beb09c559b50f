"""tinygrad_jp: a tape-based autograd framework in NumPy whose computational graphs look like the book's.

The book is『ゼロから作る Deep Learning』(斎藤康毅, O'Reilly Japan, 2016).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import errors, ops
from .derivatives import gradient_descent, hessian, jacobian, jvp, numerical_gradient, vjp
from .generator import seed
from .kernels.fast import use_fast
from .ops import *  # noqa: F403
from .strict import strict_zero
from .tape import detect_anomaly, enable_grad, keep_values, no_grad, primitives
from .tensor import Tensor, as_tensor, grad

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "as_tensor",
    "detect_anomaly",
    "enable_grad",
    "errors",
    "grad",
    "gradient_descent",
    "hessian",
    "jacobian",
    "jvp",
    "keep_values",
    "no_grad",
    "numerical_gradient",
    "ops",
    "primitives",
    "seed",
    "strict_zero",
    "use_fast",
    "vjp",
    *ops.__all__,
]


def __getattr__(name: str) -> Any:
    """Import a subpackage when it is first used: ``tinygrad_jp.viz.graph(y)`` needs no import of its own."""
    if name in ("data", "generator", "io", "metrics", "nn", "optim", "testing", "train", "viz"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
