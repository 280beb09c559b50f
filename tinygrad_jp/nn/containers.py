"""Modules that hold other modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from ..errors import DtypeError
from .module import Module


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
        if not isinstance(module, Module):
            raise DtypeError(f"{type(self).__name__}: holds Modules, got {type(module).__name__}")
        setattr(self, str(len(self)), module)

    def extend(self, modules: Iterable[Module]) -> None:
        """Add modules at the end."""
        for module in modules:
            self.append(module)

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...

    def __getitem__(self, index: int | slice) -> Module | ModuleList:
        found = list(self.children())[index]
        return type(self)(found) if isinstance(found, list) else found

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(range(len(self))[index]), module)


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
        """Run the modules in turn, each on the output of the one before."""
        for module in self:
            x = module(x)
        return x


class ModuleDict(Module):
    """A dictionary of modules.

    Parameters
    ----------
    modules
        Its first entries; the names must be identifiers.
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, module in (modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise DtypeError(f"ModuleDict: holds Modules, got {type(module).__name__} for {name!r}")
        if hasattr(Module, name) or "." in name:
            raise DtypeError(f"ModuleDict: {name!r} cannot be a name: it holds a dot, or is a method of Module")
        setattr(self, name, module)

    def __getitem__(self, name: str) -> Module:
        return dict(self.named_children())[name]

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
