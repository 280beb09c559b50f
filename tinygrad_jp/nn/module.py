"""Module: a part of a network with parameters, made of smaller parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..errors import ArgumentError, DataError, DtypeError
from ..tensor import Tensor

Self = TypeVar("Self", bound="Module")
_COLLECTIONS = (dict, list, tuple, set, frozenset)
ForwardHook = Callable[["Module", tuple[Any, ...], Any], Any]
F = TypeVar("F", bound=Callable[..., Any])

taken_along: dict[Callable[..., Any], tuple[str, ...]] = {}
"""Which layers behind a module its ``forward`` can do itself, by that function: options "relu" and "pool"."""


def takes_along(*options: str) -> Callable[[F], F]:
    """Mark a ``forward`` that can do the layers behind it itself, if ``Sequential`` gives it these options.

    The function is marked and not the class: another one in its place, inherited or patched in, knows nothing of them.
    """

    def mark(forward: F) -> F:
        taken_along[forward] = options
        return forward

    return mark


class Parameter(Tensor):
    """A trainable Tensor: a leaf that a Module finds among its attributes and an optimizer changes.

    Parameters
    ----------
    values
        Any shape; copied.
    name
        Shown in pictures.
    dtype
        float32 by default.

    Raises
    ------
    DtypeError
        If there is no such dtype.
    """

    __slots__ = ()

    def __init__(self, values: ArrayLike | Tensor, name: str | None = None, dtype: DTypeLike = np.float32) -> None:
        array = values.numpy() if isinstance(values, Tensor) else values
        super().__init__(np.array(array, dtype=_dtype(dtype)), requires_grad=True, name=name)

    def __reduce__(self) -> Any:
        return _restore_parameter, (self._data.copy(), self._requires_grad, self._name, self.grad)


def _dtype(given: DTypeLike) -> np.dtype[Any]:
    try:
        return np.dtype(given)
    except (TypeError, ValueError):
        raise DtypeError(f"Parameter: dtype must be one of NumPy, such as np.float32, got {given!r}") from None


def _restore_parameter(values: np.ndarray, requires_grad: bool, name: str | None, grad: Tensor | None) -> Parameter:
    parameter = Parameter(values, name, values.dtype)
    parameter.requires_grad = requires_grad
    parameter.grad = grad
    return parameter


class Module:
    """A layer, or a network made of layers.

    A subclass creates its parts in ``__init__`` and combines them in ``forward``; calling the module runs it.
    Parameters and Modules assigned to attributes are found in the order of assignment, those of modules inside
    modules too, under dotted names (``"hidden.weight"``).

    Attributes
    ----------
    training
        True while training; ``eval()`` makes dropout and batch normalization behave as in use.

    Examples
    --------
    >>> class TwoLayerNet(Module):
    ...     def __init__(self):
    ...         self.hidden = Linear(784, 50)
    ...         self.out = Linear(50, 10)
    ...
    ...     def forward(self, x):
    ...         return self.out(relu(self.hidden(x)))
    >>> net = TwoLayerNet()
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    training: bool = True
    _buffers: frozenset[str] = frozenset()
    _forward_hooks: tuple[ForwardHook, ...] = ()

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; to be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method; write def forward(self, x): …")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run ``forward``, then the hooks."""
        output = self.forward(*inputs, **options)
        for hook in self._forward_hooks:
            replaced = hook(self, inputs, output)
            output = output if replaced is None else replaced
        return output

    # ------------------------------------------------------------------------------------------ parts

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        if isinstance(held, Module | Parameter) and not (value is None or isinstance(value, Module | Parameter)):
            raise DtypeError(
                f"{type(self).__name__}.{name} is a {type(held).__name__}; the {type(value).__name__} given would not "
                f"be found in its place: assign a Module, Parameter(values) or None, or del {name} first"
            )
        if isinstance(value, Module) and any(part is self for part in value.modules()):
            raise ArgumentError(f"{type(self).__name__}.{name}: a module cannot hold itself")
        self._refuse_hidden(name, value)
        object.__setattr__(self, name, value)

    def _refuse_hidden(self, name: str, value: Any) -> None:
        if _hides_parts(value):
            raise ArgumentError(
                f"{type(self).__name__}.{name}: modules and parameters inside a plain {type(value).__name__} would not "
                "be found; use ModuleList([…]), ModuleDict({…}) or one attribute each"
            )

    def _check_name(self, name: Any) -> None:
        if not isinstance(name, str) or not name or "." in name or hasattr(type(self), name):
            raise ArgumentError(
                f"{type(self).__name__}: {name!r} cannot be a name: it must be a str without a dot, and no attribute "
                f"that every {type(self).__name__} has"
            )

    def register_buffer(self, name: str, values: ArrayLike) -> None:
        """Keep an array that is no parameter but belongs to the state (a running average), as an attribute.

        Parameters
        ----------
        name
            Of the attribute.
        values
            Any shape.

        Raises
        ------
        ArgumentError
            If the name holds a dot, or is that of a method.
        """
        self._check_name(name)
        setattr(self, name, np.asarray(values))
        self._buffers |= {name}

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over the modules that are attributes, in the order of assignment."""
        return ((name, part) for name, part in vars(self).items() if isinstance(part, Module))

    def children(self) -> Iterator[Module]:
        """Iterate over the modules that are attributes."""
        return (part for _, part in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Iterate over this module (named "") and all modules inside, each once, with dotted names."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                inside = [(_join(path, name), part) for name, part in module.named_children()]
                stack.extend(reversed(inside))

    def modules(self) -> Iterator[Module]:
        """Iterate over this module and all modules inside, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Iterate over all parameters with their dotted names; a shared one comes once, under its first name.

        Raises
        ------
        ArgumentError
            If an attribute is a plain list, tuple, dict or set that came to hold modules or parameters.
        """
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, _COLLECTIONS):
                    module._refuse_hidden(name, value)
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def parameters(self) -> Iterator[Parameter]:
        """Iterate over all parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, np.ndarray]]:
        """Iterate over the arrays kept with :meth:`register_buffer`, with their dotted names."""
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if name in module._buffers:
                    yield _join(path, name), value

    def apply(self: Self, function: Callable[[Module], Any]) -> Self:
        """Call a function with every module inside, then with this one."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    @property
    def watched(self) -> bool:
        """Whether somebody wants to see each run: there is a forward hook, or an own ``forward`` or ``__call__``."""
        return bool(self._forward_hooks) or "forward" in vars(self) or type(self).__call__ is not Module.__call__

    def register_forward_hook(self, hook: ForwardHook) -> Callable[[], None]:
        """Call ``hook(module, inputs, output)`` after each forward; what it returns, unless None, replaces the output.

        Returns
        -------
        callable
            Call it to remove the hook.
        """
        if not callable(hook):
            raise DtypeError(f"{type(self).__name__}.register_forward_hook: needs a function, got {hook!r}")
        own = partial(hook)  # so that each registration of one function can be told from the others
        self._forward_hooks = (*self._forward_hooks, own)

        def remove() -> None:
            self._forward_hooks = tuple(h for h in self._forward_hooks if h is not own)

        return remove

    # ------------------------------------------------------------------------------------------ modes

    def train(self: Self, mode: bool = True) -> Self:
        """Let this module and all inside behave as in training."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Let this module and all inside behave as in use: no dropout, running averages in batch normalization."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self: Self, value: bool = True) -> Self:
        """Freeze all parameters (False), so that no gradient is computed for them, or unfreeze them (True)."""
        for parameter in self.parameters():
            parameter.requires_grad = value
        return self

    def astype(self: Self, dtype: DTypeLike) -> Self:
        """Change the dtype of all parameters and floating buffers; gradients are forgotten."""
        if np.dtype(dtype).kind != "f":
            raise DtypeError(f"{type(self).__name__}.astype: parameters need a floating dtype, got {np.dtype(dtype)}")
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = None
        for module in self.modules():
            for name in module._buffers:
                values = getattr(module, name)
                if values.dtype.kind == "f":
                    setattr(module, name, values.astype(dtype))
        return self

    # ------------------------------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters and buffers by dotted name."""
        parameters = {name: parameter.numpy().copy() for name, parameter in self.named_parameters()}
        return parameters | {name: values.copy() for name, values in self.named_buffers()}

    def load_state_dict(self, state: Mapping[str, ArrayLike | Tensor], strict: bool = True) -> None:
        """Take over the values of parameters and buffers, into the dtypes they have here.

        Parameters
        ----------
        state
            As from :meth:`state_dict`.
        strict
            Whether names that are missing or unknown are an error; otherwise they are passed over.

        Raises
        ------
        DataError
            If something does not fit: all problems at once, and nothing was changed.
        """
        if not isinstance(state, Mapping):
            raise ArgumentError(
                f"{type(self).__name__}.load_state_dict: needs arrays by name, as from state_dict(), got "
                f"{type(state).__name__}"
            )
        values = {name: np.asarray(v.numpy() if isinstance(v, Tensor) else v) for name, v in state.items()}
        parameters, buffers = dict(self.named_parameters()), dict(self.named_buffers())
        problems = _misfits(values, {name: (v.shape, v.dtype) for name, v in (parameters | buffers).items()}, strict)
        if problems:
            listed = "".join(f"\n  {problem}" for problem in problems)
            raise DataError(f"{type(self).__name__}.load_state_dict: the state is of another model:{listed}")
        for name, parameter in parameters.items():
            if name in values:
                parameter.data = values[name].astype(parameter.dtype)
        for path, module in self.named_modules():
            for name in module._buffers:
                if _join(path, name) in values:
                    setattr(module, name, values[_join(path, name)].astype(getattr(module, name).dtype))

    # ------------------------------------------------------------------------------------------ seen

    def extra_repr(self) -> str:
        """Text for the arguments, shown by ``repr``; to be written by the subclass."""
        return ""

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        inside = "\n" + "\n".join(lines) + "\n" if lines else ""
        return f"{type(self).__name__}({self.extra_repr()}{inside})"

    def summary(self, input_shape: Sequence[int], dtype: DTypeLike = np.float32) -> Any:
        """Return a table of the layers: output shape, parameters, multiply-adds (see :func:`.summary.summarize`)."""
        from .summary import summarize

        return summarize(self, input_shape, dtype)


def check_counts(name: str, **counts: Any) -> None:
    """Refuse numbers of features, units or layers that are not whole or less than 1; `name` is that of the layer."""
    for what, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise ArgumentError(f"{name}: {what} must be a whole number of at least 1, got {count!r}")


def check_numbers(name: str, fits: Callable[[float], bool], must: str, **numbers: Any) -> None:
    """Refuse what is no real number, or one that does not fit.

    Parameters
    ----------
    name
        Of the layer.
    fits
        Tells whether a number may be taken.
    must
        The same in words, as "lie in [0, 1)".
    **numbers
        What the user gave, by the argument's name.
    """
    for what, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Real) or not fits(float(number)):
            raise ArgumentError(f"{name}: {what} must {must}, got {number!r}")


def check_flags(name: str, **flags: Any) -> None:
    """Refuse what is neither true nor false, such as an array of values for ``bias``."""
    for what, flag in flags.items():
        if not isinstance(flag, bool | int | np.bool_):
            raise ArgumentError(f"{name}: {what} must be True or False, got {flag!r}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _hides_parts(value: Any, depth: int = 2) -> bool:
    """Tell whether a plain collection, or a collection in it, holds modules or parameters.

    Only the first 64 entries are looked at: a vocabulary need not be searched at every step of training.
    """
    if not depth or not isinstance(value, _COLLECTIONS):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return any(isinstance(part, Module | Parameter) or _hides_parts(part, depth - 1) for part in islice(inside, 64))


def _misfits(
    values: Mapping[str, np.ndarray], expected: Mapping[str, tuple[tuple[int, ...], np.dtype]], strict: bool
) -> list[str]:
    """List what keeps these values from being loaded into parameters and buffers of the expected shape and dtype."""
    problems = []
    if strict:
        problems += [f"missing: {name} of shape {shape}" for name, (shape, _) in expected.items() if name not in values]
        problems += [f"unknown: {name} of shape {v.shape}" for name, v in values.items() if name not in expected]
    for name, (shape, dtype) in expected.items():
        if name not in values:
            continue
        v = values[name]
        if v.shape != shape:
            problems.append(f"shape: {name} has shape {shape} here, but {v.shape} in the state")
        if v.dtype.kind not in "biuf":
            problems.append(f"dtype: {name} is {v.dtype} in the state; it must hold numbers")
        elif dtype.kind in "biu":
            problems += _lost(name, v, dtype)
    return problems


def _lost(name: str, values: np.ndarray, dtype: np.dtype) -> list[str]:
    """Say what whole numbers or Booleans of this dtype cannot hold of these values, if there is something."""
    with np.errstate(invalid="ignore"):  # of NaN, infinity and what is too large
        lost = values[values.astype(dtype) != values]
    return [f"values: {name} is {dtype} here, which cannot hold the {lost[0]} in the state"] if lost.size else []
