"""Optimizers by name, for command lines and searches."""

from __future__ import annotations

from difflib import get_close_matches

from ..errors import ArgumentError
from .adaptive import AdaDelta, AdaGrad, Adam, AdamW, RMSprop
from .optimizer import Optimizer
from .sgd import SGD, Momentum

OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind for kind in (SGD, Momentum, AdaGrad, RMSprop, AdaDelta, Adam, AdamW)
}


def by_name(name: str) -> type[Optimizer]:
    """Return the optimizer of this name, in any case of letters.

    Raises
    ------
    ArgumentError
        If there is none; the nearest is suggested.
    """
    kind = OPTIMIZERS.get(str(name).lower())
    if kind is None:
        near = get_close_matches(str(name).lower(), OPTIMIZERS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(OPTIMIZERS)}"
        raise ArgumentError(f"optim: there is no optimizer {name!r}; {hint}")
    return kind
