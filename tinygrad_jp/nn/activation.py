"""Activation functions as layers, and what a layer that is only a function needs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ArgumentError, CallError
from ..ops.activation import elu, gelu, identity, leaky_relu, prelu, selu, silu, softplus
from ..ops.elementwise import relu, sigmoid, step, tanh
from ..ops.reduce import log_softmax, softmax
from ..ops.table import Op
from ..tensor import Tensor
from .module import Module, Parameter, check_counts, check_numbers

Found = TypeVar("Found")


class Function(Module):
    """A layer without parameters: one function, whose options are given when the layer is made.

    A subclass names the function. It takes the function's options as arguments and has its documentation.

    Attributes
    ----------
    options
        The function's static arguments by name.
    """

    function: ClassVar[Op[Any]]
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "function" in vars(cls):
            options = inspect.signature(cls.function).parameters.values()
            cls.__signature__ = inspect.Signature([p for p in options if p.kind is not p.POSITIONAL_ONLY])
            cls.__doc__ = f"{cls.__doc__ or cls.__name__}\n\n{cls.function.__doc__}"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            takes = ", ".join(self.__signature__.parameters) or "none"
            raise CallError(f"{type(self).__name__}: {error}; its options are: {takes}") from None
        bound.apply_defaults()
        self.options = dict(bound.arguments)

    def forward(self, *inputs: Any) -> Tensor:
        """Call the function."""
        return self.function(*inputs, **self.options)

    def extra_repr(self) -> str:
        """The options that were chosen."""
        default = {name: p.default for name, p in self.__signature__.parameters.items()}
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items() if value != default[name])


class Step(Function):
    """Layer of ``tinygrad_jp.step``."""

    function = step


class Sigmoid(Function):
    """Layer of ``tinygrad_jp.sigmoid``."""

    function = sigmoid


Logistic = Sigmoid
"""Another name of Sigmoid."""


class Tanh(Function):
    """Layer of ``tinygrad_jp.tanh``."""

    function = tanh


class Softplus(Function):
    """Layer of ``tinygrad_jp.softplus``."""

    function = softplus


class ReLU(Function):
    """Layer of ``tinygrad_jp.relu``."""

    function = relu


class LeakyReLU(Function):
    """Layer of ``tinygrad_jp.leaky_relu``."""

    function = leaky_relu


class PReLU(Module):
    """Layer of ``tinygrad_jp.prelu``: x where x > 0, else a learned slope times x (K. He et al., 2015).

    Parameters
    ----------
    features
        1: one slope for all; D: one for each of the last axis's D features.
    init
        The slope at first; 0.25 is the paper's.
    dtype
        Of the slope.

    Attributes
    ----------
    weight
        The slope, shape (features,).
    """

    function: ClassVar[Op[Any]] = prelu

    def __init__(self, features: int = 1, init: float = 0.25, dtype: DTypeLike = np.float32) -> None:
        check_counts("PReLU", features=features)
        check_numbers("PReLU", math.isfinite, "be a finite number", init=init)
        self.weight = Parameter(np.full(features, init), "slope", dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map x of shape (…, features), or of any shape if there is one slope."""
        return prelu(x, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"{self.weight.size}"


class ELU(Function):
    """Layer of ``tinygrad_jp.elu``."""

    function = elu


class SELU(Function):
    """Layer of ``tinygrad_jp.selu``."""

    function = selu


class GELU(Function):
    """Layer of ``tinygrad_jp.gelu``."""

    function = gelu


class SiLU(Function):
    """Layer of ``tinygrad_jp.silu``."""

    function = silu


class Identity(Function):
    """Layer of ``tinygrad_jp.identity``."""

    function = identity


class Softmax(Function):
    """Layer of ``tinygrad_jp.softmax``."""

    function = softmax


class LogSoftmax(Function):
    """Layer of ``tinygrad_jp.log_softmax``."""

    function = log_softmax


LAYERS: tuple[type[Function] | type[PReLU], ...] = (
    Step, Sigmoid, Tanh, Softplus, ReLU, LeakyReLU, PReLU, ELU, SELU, GELU, SiLU, Identity, Softmax, LogSoftmax,
)  # fmt: skip
BY_NAME: Mapping[str, type[Module]] = {layer.function.name: layer for layer in LAYERS} | {"logistic": Logistic}
"""The layers by the names of their functions."""


def look_up(kind: str, table: Mapping[str, Found], name: str) -> Found:
    """Return what a table has under a name, or suggest the nearest name."""
    if not isinstance(name, str) or name not in table:
        near = get_close_matches(str(name).lower(), table, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(table)}"
        raise ArgumentError(f"{kind}: there is no {name!r}; {hint}")
    return table[name]


def by_name(name: str) -> type[Module]:
    """Return the activation layer whose function has this name.

    Parameters
    ----------
    name
        As in ``tinygrad_jp``: ``"relu"``, ``"leaky_relu"``, …

    Raises
    ------
    ArgumentError
        If there is none; the nearest name is suggested.
    """
    return look_up("activation", BY_NAME, name)
