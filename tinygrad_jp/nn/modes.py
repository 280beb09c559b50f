"""Running a model as in use, wherever it stands in its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .module import Module


@contextmanager
def in_use(model: Module) -> Iterator[None]:
    """Let a model run as in use (``eval``); afterwards each of its modules is in the mode it was in.

    Parameters
    ----------
    model
        Any module.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
