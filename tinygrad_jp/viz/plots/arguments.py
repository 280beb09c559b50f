"""What the plots take: a wrong argument is refused by name, before matplotlib would stumble over it somewhere inside.

The annotations of a plot's parameters say what each may be; :data:`KINDS` tells how that is checked.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from numbers import Real
from reprlib import repr as short
from typing import Any, ParamSpec, TypeVar

import numpy as np
from matplotlib.figure import Figure

from ...errors import ArgumentError
from ...nn.module import Module
from .stylesheet import style

P = ParamSpec("P")
T = TypeVar("T")

Count = int
"""A whole number of at least 1."""
Range = tuple[float, float]
"""The least value and the greatest."""
Limits = tuple[float | None, float | None]
"""The same; None is where the data end."""
Names = Sequence[str]


def plot(draw: Callable[P, T]) -> Callable[P, T]:
    """Let a function draw in the style of the plots, and refuse arguments that are not what its annotations say."""
    parameters = signature(draw).parameters

    @wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> T:
        given = {**dict(zip(parameters, args, strict=False)), **options}
        for name in parameters.keys() & given.keys():
            _check(draw.__name__, parameters[name], given[name])
        with style():
            return draw(*args, **options)

    return drawn


def _check(plot: str, parameter: Parameter, value: Any) -> None:
    kind = parameter.annotation.removesuffix(" | None")
    fits, told = KINDS.get(kind) or KINDS.get(kind.partition("[")[0], ANYTHING)
    if value is not parameter.default and not fits(value):
        raise ArgumentError(f"{plot}: {parameter.name} must be {told}, got {short(value)}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _is_pair(value: Any, free: bool = False) -> bool:
    return (
        _is_list(value)
        and len(value) == 2
        and all((x is None and free) or (isinstance(x, Real) and math.isfinite(x)) for x in value)
    )


Kind = tuple[Callable[[Any], bool], str]
ANYTHING: Kind = (lambda value: True, "")
NAMED: Kind = (lambda value: isinstance(value, Mapping), "a mapping, with a name for each")
KINDS: Mapping[str, Kind] = {
    "Count": (lambda value: _is_whole(value) and value >= 1, "a whole number of at least 1"),
    "Range": (lambda value: _is_pair(value) and value[0] < value[1], "two numbers, the smaller one first"),
    "Limits": (lambda value: _is_pair(value, free=True), "two numbers, or None in the place of one"),
    "Names": (
        lambda value: _is_list(value) and all(isinstance(name, str) for name in value),
        "a sequence of texts",
    ),
    "Mapping": NAMED,
    "History": NAMED,
    "Callable": (callable, "a function"),
    "Sequence[int]": (
        lambda value: _is_list(value) and all(map(_is_whole, value)),
        "a sequence of whole numbers",
    ),
    "Sequence[Mapping[str, Any]]": (_is_list, "a list"),
    "Module": (lambda value: isinstance(value, Module), "a Module"),
    "Figure": (lambda value: isinstance(value, Figure), "a Figure, as the plots return it"),
    "Path | str": (lambda value: isinstance(value, str | os.PathLike), "a path"),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "int": (_is_whole, "a whole number"),
    "str": (lambda value: isinstance(value, str), "a text"),
}
"""For each annotation what fits, and the same in words."""
