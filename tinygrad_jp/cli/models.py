"""The networks that ``--model`` knows.

A network is one function ``(input_shape, classes, *, option=default, …)`` and one line in :data:`MODELS`. Its
keyword-only arguments are its options: ``--hidden`` gives `hidden`, and so on; an option that no other network has
needs also a line in ``program.py``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..nn import MLP, Flatten, Module, Sequential
from ..nn.activation import BY_NAME
from ..nn.models import by_name
from .language import CommandError
from .naming import check


def mlp(
    input_shape: Sequence[int],
    classes: int,
    *,
    hidden: Sequence[int] = (100,),
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
) -> Module:
    """Build fully connected layers (the book, chapters 4 to 6); images are made flat first."""
    check("activation", activation, BY_NAME)
    layers = MLP((math.prod(input_shape), *hidden, classes), activation, batch_norm=batch_norm, dropout=dropout)
    return layers if len(input_shape) == 1 else Sequential(Flatten(), layers)


FOR_IMAGES = ("simple_conv_net", "deep_conv_net", "lenet5", "resnet18")
MODELS: dict[str, Callable[..., Module]] = {"mlp": mlp} | {name: by_name(name) for name in FOR_IMAGES}


def options(model: str) -> dict[str, Any]:
    """Return the options of a network with their defaults.

    Raises
    ------
    CommandError
        If there is no network of that name.
    """
    check("model", model, MODELS)
    parameters = inspect.signature(MODELS[model]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def complete(model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a network: those given, and the defaults of the others.

    Raises
    ------
    CommandError
        If the network does not exist, or has no such option.
    """
    own = options(model)
    for name in given:
        if name not in own:
            takes = ", ".join(map(flag, own)) or "–"
            raise CommandError("model takes", model=model, option=flag(name), takes=takes)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in {**own, **given}.items()}


def build(model: str, given: Mapping[str, Any], input_shape: Sequence[int], classes: int) -> Module:
    """Make a new network for examples of this shape and so many classes."""
    chosen = complete(model, given)
    return MODELS[model](input_shape, classes, **chosen)


def flag(name: str) -> str:
    """Return how an option is written on the command line."""
    return f"--{name.replace('_', '-')}"
