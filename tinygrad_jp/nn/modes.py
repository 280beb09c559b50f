"""Running a model without leaving a trace: as in use, wherever it stands in its training, and as if it had not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import generator
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


@contextmanager
def unchanged(model: Module) -> Iterator[None]:
    """Let a model run; its buffers and the random generator are afterwards as before."""
    buffers = [(m, name, vars(m)[name], vars(m)[name].copy()) for m in model.modules() for name in m._buffers]
    random = generator.state()
    try:
        yield
    finally:
        for module, name, array, values in buffers:
            array[...] = values
            setattr(module, name, array)
        generator.restore(random)
