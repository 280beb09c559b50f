"""Running a model without leaving a trace: as in use, wherever it stands in its training, and as if it had not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

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


@contextmanager
def forgotten(model: Module) -> Iterator[None]:
    """Let a model run, and forget what its modules kept of it: attributes, and the contents of lists, dicts and sets.

    For runs that compute nothing: what a module keeps for the next run, such as a table of positions, would be blank.
    """
    before = [(vars(module), dict(vars(module))) for module in model.modules()]
    held = [value for _, values in before for value in values.values() if isinstance(value, list | dict | set)]
    contents = [copy(container) for container in held]
    try:
        yield
    finally:
        for attributes, values in before:
            attributes.clear()
            attributes.update(values)
        for container, content in zip(held, contents, strict=True):
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(content)
