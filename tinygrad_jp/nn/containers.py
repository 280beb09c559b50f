"""Modules that hold other modules."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, overload

from ..errors import DtypeError, IndexingError
from .activation import Function, ReLU
from .module import Module, taken_along
from .pooling import MaxPool2d


class ModuleList(Module):
    """A list of modules.

    Parameters
    ----------
    modules
        Its first elements.
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def append(self, module: Module) -> None:
        """Add a module at the end."""
        setattr(self, str(len(self)), _module(self, module))

    def extend(self, modules: Iterable[Module]) -> None:
        """Add modules at the end."""
        if not isinstance(modules, Iterable):
            raise DtypeError(f"{type(self).__name__}: holds Modules, got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)

    def insert(self, index: int, module: Module) -> None:
        """Add a module before the one at `index`; what follows is renumbered."""
        modules = list(self)
        modules.insert(index, _module(self, module))
        self._refill(modules)

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...

    def __getitem__(self, index: int | slice) -> Module | ModuleList:
        modules = list(self)
        return type(self)(modules[index]) if isinstance(index, slice) else modules[self._place(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(self._place(index)), _module(self, module))

    def __delitem__(self, index: int) -> None:
        place = self._place(index)
        self._refill([module for i, module in enumerate(self) if i != place])

    def _place(self, index: int) -> int:
        try:
            return range(len(self))[operator.index(index)]
        except (IndexError, TypeError):
            raise IndexingError(f"{type(self).__name__}: there is no module {index!r} among {len(self)}") from None

    def _refill(self, modules: list[Module]) -> None:
        for name, _ in list(self.named_children()):
            delattr(self, name)
        self.extend(modules)


class Sequential(ModuleList):
    """Modules run one after the other.

    Parameters
    ----------
    *modules
        In the order of running; or one iterable of them.

    Examples
    --------
    >>> net = Sequential(Linear(784, 50), ReLU(), Linear(50, 10))
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__(modules[0] if len(modules) == 1 and not isinstance(modules[0], Module) else modules)

    def forward(self, x: Any) -> Any:
        """Run the modules in turn, each on the output of the one before.

        A convolution takes relu and max pooling behind it along, batch normalization and ``Linear`` relu: one pass over
        memory instead of several. A module that is watched runs by itself.
        """
        modules = list(self)
        at = 0
        while at < len(modules):
            module = modules[at]
            at += 1
            able = taken_along.get(type(module).forward, ())
            if able and not module.watched:
                together = _options(able, modules[at : at + len(able)])
                at += len(together)
                x = module(x, **together)
            else:
                x = module(x)
        return x


_CALL_FUNCTION = Function.forward
"""What relu and pooling do when they run; a class in which it was replaced runs by itself."""


def _options(able: Sequence[str], behind: Sequence[Module]) -> dict[str, Any]:
    """Say which of the modules behind one it does itself: options of its ``forward``, in the order of the modules."""
    options: dict[str, Any] = {}
    for follower in behind:
        relu = type(follower) is ReLU
        option = "relu" if relu else "pool"
        value = relu or (type(follower) is MaxPool2d and follower.side)
        if not value or option not in able or option in options or "pool" in options:
            break
        if follower.watched or type(follower).forward is not _CALL_FUNCTION:
            break
        options[option] = value
    return options


class ModuleDict(Module):
    """A dictionary of modules.

    Parameters
    ----------
    modules
        Its first entries; a name holds no dot and is no attribute of ModuleDict.
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, module in (modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        self._check_name(name)
        setattr(self, name, _module(self, module))

    def __getitem__(self, name: str) -> Module:
        modules = dict(self.named_children())
        if name not in modules:
            near = get_close_matches(str(name), modules, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(modules) or 'none'}"
            raise IndexingError(f"ModuleDict: there is no {name!r}; {hint}")
        return modules[name]

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in dict(self.named_children())

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.named_children())

    def keys(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self)

    def values(self) -> Iterator[Module]:
        """Iterate over the modules."""
        return self.children()

    def items(self) -> Iterator[tuple[str, Module]]:
        """Iterate over names and modules."""
        return self.named_children()


def _module(holder: Module, module: Any) -> Module:
    """Refuse what is no module."""
    if not isinstance(module, Module):
        raise DtypeError(f"{type(holder).__name__}: holds Modules, got {type(module).__name__}")
    return module
