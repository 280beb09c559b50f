"""The op table: what one row holds, and how a vjp says which arrays it needs.

A row (:class:`Op`) is written in one place with the decorators :func:`op` (a primitive or fused op with its
own vjps) or :func:`composite` (an op that is only a combination of others). This module knows arrays only;
``tinygrad_jp.tape`` plugs in the function that runs a row on Tensors and records it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from operator import itemgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, ParamSpec

from ..errors import CallError, DtypeError

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
"""An ndarray, or, inside a vjp under ``create_graph=True``, a Tensor: the same line serves both."""

P = ParamSpec("P")
Vjp = Callable[..., Array]
Interval = tuple[float, float]
Shape = tuple[int, ...]
Rows = Mapping[str, Any] | Callable[[Sequence[Shape], Mapping[str, Any]], Mapping[str, Any]]
Family = Literal["elementwise", "reduction", "along_axis", "bilinear", "movement"]

REAL: tuple[Interval, ...] = ((-3.0, 3.0),)
POSITIVE: tuple[Interval, ...] = ((0.2, 3.0),)
NONZERO: tuple[Interval, ...] = ((-3.0, -0.2), (0.2, 3.0))


class Kink(NamedTuple):
    """What an op does where it has no derivative.

    Attributes
    ----------
    where
        The place, in words, for the docs: ``"x = 0"``.
    gives
        The gradient used there, in words: ``"0"``.
    inputs
        Arrays that lie on the kink.
    gradients
        The gradient of ``sum(op(*inputs))`` with respect to each differentiable input, as declared.
    attrs
        Static arguments of the op for this example.
    """

    where: str
    gives: str
    inputs: tuple[Any, ...]
    gradients: tuple[Any, ...]
    attrs: Mapping[str, Any] | None = None


class Op(Generic[P]):
    """One row of the op table.

    Attributes
    ----------
    name
        NumPy's name for it, then PyTorch's.
    forward
        The op on arrays. Its positional-only parameters are the inputs, the others static arguments.
    vjps
        For each differentiable input its vector-Jacobian product. The names of a vjp's parameters say what it
        needs: ``g`` (the output's gradient), inputs, ``out``, static arguments, or an input's shape as
        ``x_shape``; further what `keeps` lists. What it does not name is not kept alive. Empty for an op without a
        gradient. A function that tells no parameter names is given with them: ``(np.multiply, "g", "y")``.
    vjps_need
        What each vjp names after ``g``.
    together
        Computes several of the vjps at once, in fewer passes over memory: ``together(g, wanted, …)`` gets the names of
        the inputs, and by name all that their vjps name, and returns the gradients as a list. It is used where arrays
        flow; the vjps say what it computes.
    keeps
        What the forward pass computes on its way and the vjps want to use again: its name, and a function of inputs
        and static arguments (by their names) that computes it anew, which ``create_graph`` records. The forward then
        returns the result and these arrays, as a tuple.
    run
        The forward as written, with what it keeps; ``forward`` gives the result alone.
    symbol
        What the picture writes into the circle.
    family
        How outputs depend on inputs; ``strict_zero`` and the property tests read it.
    domain
        For each input the intervals in which the property tests draw its values.
    kinks
        What happens where there is no derivative.
    decomposition
        The same op as a combination of smaller ones (fused ops only); ``with primitives():`` runs it.
    composite
        True if ``forward`` itself is only a combination of other ops; then those are recorded.
    variadic
        True if the only input is a sequence of arrays; its vjp takes the position as second argument.
    ufunc
        The NumPy ufunc that is the forward; the function then only gives the name, the signature and the docstring.
    numpy
        Further NumPy functions that, called on a Tensor, run this row.
    trusted
        True for the rows of the table: their vjps are known to return arrays that nobody else holds, or `g` itself, so
        that the engine may add to them in place.
    zero_gradient
        True if the gradient is declared to be zero everywhere (``floor``, ``sign``, …).
    rows
        For :mod:`.outline`: of which inputs the first axis of the result is an axis, along which the op only repeats
        the same, so that without it nothing but its length would differ; unless a static argument `axis` includes the
        first axis. Names of inputs, and of static arguments that are the shape of one, and the axis of each (of a
        variadic op's input one for all, or a list); or a function of the inputs' shapes and the static arguments that
        returns these. Ops of the families "elementwise", "reduction" and "along_axis" have no need to tell.
    """

    apply: ClassVar[Callable[[Op[Any], Sequence[Any], dict[str, Any]], Tensor]]
    """Runs a row on Tensors and records it; set by ``tinygrad_jp.tape``."""
    compose: ClassVar[Callable[[Op[Any], tuple[Any, ...], dict[str, Any]], Tensor]]
    """Runs a composite row on Tensors; set by ``tinygrad_jp.tape``."""

    def __init__(
        self,
        forward: Callable[P, Array],
        *,
        vjp: Mapping[str, Vjp | tuple[Any, ...]] | None = None,
        together: Callable[..., list[Array]] | None = None,
        keeps: Mapping[str, Callable[..., Array]] | None = None,
        symbol: str | None = None,
        family: Family = "elementwise",
        domain: Mapping[str, tuple[Interval, ...]] | None = None,
        kinks: Sequence[Kink] = (),
        decomposition: Callable[P, Array] | None = None,
        composite: bool = False,
        variadic: bool = False,
        ufunc: Callable[..., Any] | None = None,
        numpy: Sequence[Callable[..., Any]] = (),
        zero_gradient: bool = False,
        rows: Rows | None = None,
    ) -> None:
        parameters = _parameters(forward)
        self.name = forward.__name__.strip("_")
        self.keeps = dict(keeps or {})
        self.run: Callable[..., Any] = ufunc or forward
        self.forward: Callable[..., Array] = _result_alone(forward) if keeps else self.run
        self.inputs = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
        self.operands = slice(0, len(self.inputs))
        """Where a call's arrays stand among its positional arguments."""
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            self.operands = slice(len(parameters) - 1, None)
        self.defaults = {p.name: p.default for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        self.needs_more = _misses(self.defaults)
        self.positional = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
        skipped = 1 + variadic
        self.vjps = {name: rule[0] if isinstance(rule, tuple) else rule for name, rule in (vjp or {}).items()}
        self.vjps_need = {
            name: list(rule[2:]) if isinstance(rule, tuple) else _names(rule)[skipped:]
            for name, rule in (vjp or {}).items()
        }
        self.together = together
        self.symbol = symbol or self.name
        self.family = family
        self.domain = dict.fromkeys(self.inputs, REAL) | dict(domain or {})
        self.kinks = tuple(kinks)
        self.decomposition = decomposition
        self.composite = composite
        self.variadic = variadic
        self.numpy = (ufunc, *numpy) if ufunc else tuple(numpy)
        self.zero_gradient = zero_gradient
        self.rows = rows
        self.trusted = False
        self.plans: dict[int, Plan] = {}
        self.__name__ = self.name
        self.__wrapped__ = forward  # inspect.signature and help() read it
        self.__doc__ = _document(self, inspect.getdoc(forward) or "")
        _check_row(self)

    def __repr__(self) -> str:
        return f"<op {self.name}{_plain_signature(self.__wrapped__)}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        """Run on Tensors, arrays or scalars; the result is a Tensor, recorded if an input requires a gradient."""
        if self.composite:
            return Op.compose(self, args, kwargs)
        inputs, attrs = self.bind(args, kwargs)
        return Op.apply(self, inputs, attrs)

    def dispatch(self, *args: Any, **kwargs: Any) -> Array:
        """Run on what the arguments are, arrays or Tensors: for the use inside another row's vjp."""
        inputs = args[0] if self.variadic else args[: len(self.inputs)]
        if any(hasattr(x, "requires_grad") for x in inputs):
            return self(*args, **kwargs)
        return self.forward(*args, **kwargs)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """Split a call's arguments into the inputs and the static arguments, in the order of the signature."""
        n = len(self.inputs)
        attrs = self.defaults
        if kwargs or len(args) != n or self.needs_more:
            given = dict(zip(self.positional, args[n:], strict=False)) | dict(kwargs)
            attrs = attrs | {name: self._static(name, value) for name, value in given.items()}
            # a name too many, an argument too many, one given twice, one too few
            if len(attrs) != len(self.defaults) or len(given) != len(args) + len(kwargs) - n or _misses(attrs):
                self._refuse(args, kwargs)
        return (tuple(args[0]) if self.variadic else args[:n]), attrs

    def _refuse(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise what Python says of a call that does not fit the signature, with the op's name."""
        signature = _plain_signature(self.__wrapped__)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise CallError(f"{self.name}: {error}; the signature is {self.name}{signature}") from None

    def _static(self, name: str, value: Any) -> Any:
        """Take a static argument as it is, or out of a Tensor that needs no gradient."""
        if not hasattr(value, "requires_grad"):
            return value
        if value.requires_grad:
            raise DtypeError(f"{self.name}: no gradient flows to '{name}'; pass {name}.detach()")
        return value.numpy()

    @property
    def known(self) -> list[str]:
        """Names, in order, of what a vjp can use of a call."""
        return [*self.inputs, "out", *self.defaults, *self.keeps, *(f"{name}_shape" for name in self.inputs)]

    def plan(self, mask: int) -> Plan:
        """Return the plan for the inputs whose bits are set in `mask` (bit i: input i requires a gradient)."""
        plan = self.plans.get(mask)
        if plan is None:
            plan = self.plans[mask] = Plan(self, mask)
        return plan


def _check_row(op: Op[Any]) -> None:
    """Refuse a row whose parts do not fit together, when it is written and not when it is first used."""
    if not op.composite and not op.inputs:
        raise CallError(f"{op.name}: has no input; inputs are positional-only: def {op.name}(x, /)")
    known = op.known
    for name, needs in op.vjps_need.items():
        if name not in op.inputs:
            raise CallError(f"{op.name}: has a vjp for '{name}', but its inputs are {', '.join(op.inputs)}")
        unknown = [p for p in needs if p not in known]
        if unknown:
            raise CallError(
                f"{op.name}: the vjp of '{name}' names {', '.join(unknown)}; after g it can name {', '.join(known)} "
                "(wrap a NumPy function in a lambda)"
            )


class Plan:
    """How to go backward through an op when a given subset of its inputs requires a gradient.

    ``save`` picks what the vjps of those inputs name out of what is known after the forward pass (:attr:`Op.known`);
    ``names`` tells what that is. (For a variadic op the inputs count as one, a tuple, and so do their shapes.) Places
    among the saved values count from the end, so that a node can keep other things before them; ``others`` is the slice
    of those. ``steps`` holds for each such input its index, its vjp, and the places of the vjp's arguments (see
    :func:`call_vjp`); ``saved_kept``, for each of the op's ``keeps`` among them, its place, how to compute it anew, and
    the places of what that takes. ``together`` holds the names of the inputs if the op can treat them at once.

    ``freed`` is the plan of a node that released its saved values: the same without steps.
    """

    __slots__ = (
        "active",
        "freed",
        "names",
        "needs_shapes",
        "op",
        "others",
        "save",
        "saved_inputs",
        "saved_kept",
        "saved_out",
        "steps",
        "together",
    )

    def __init__(self, op: Op[Any], mask: int) -> None:
        self.op = op
        wants = [i for i in range(mask.bit_length()) if mask >> i & 1]
        self.active = tuple(i for i in wants if op.variadic or op.inputs[i] in op.vjps)
        names = [op.inputs[0 if op.variadic else i] for i in self.active]
        vjps = [op.vjps[name] for name in names]
        known = op.known
        wanted = [[known.index(need) for need in op.vjps_need[name]] for name in names]
        kept = {known.index(name): compute for name, compute in op.keeps.items()}
        origins = {k: [known.index(name) for name in _names(kept[k])] for ks in wanted for k in ks if k in kept}
        picks = sorted({k for ks in (*wanted, *origins.values()) for k in ks})
        n = len(op.inputs)
        place = {k: position - len(picks) for position, k in enumerate(picks)}
        self.names = tuple(known[k] for k in picks)
        self.others = slice(None, -len(picks) or None)
        self.save = _tuple_getter(picks)
        self.needs_shapes = any(k >= len(known) - n for k in picks)
        self.saved_inputs = tuple((place[k], k) for k in picks if k < n)
        self.saved_out = place.get(n)
        self.saved_kept = tuple((place[k], kept[k], [place[j] for j in js]) for k, js in origins.items())
        self.steps: tuple[tuple[int, Vjp, Any], ...] | None = tuple(
            (i, _at_position(vjp, i) if op.variadic else vjp, _where([place[k] for k in ks]))
            for i, vjp, ks in zip(self.active, vjps, wanted, strict=True)
        )
        self.together = names if op.together is not None and len(names) > 1 else None
        self.freed = copy(self)
        self.freed.steps = None
        self.freed.others = slice(None)


def _result_alone(run: Callable[..., tuple[Array, ...]]) -> Callable[..., Array]:
    return lambda *args, **kwargs: run(*args, **kwargs)[0]


def _at_position(vjp: Vjp, i: int) -> Vjp:
    return lambda g, *args: vjp(g, i, *args)


def _where(at: list[int]) -> Any:
    """Write the place of a single value as a number: the engine then takes it without a loop."""
    return at[0] if len(at) == 1 else at


def call_vjp(vjp: Vjp, at: Any, g: Array, saved: tuple[Any, ...]) -> Array:
    """Call a vjp with those of the saved values that it names; `at` is one place or a list of places."""
    return vjp(g, saved[at]) if type(at) is int else vjp(g, *[saved[k] for k in at])


def _plain_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return a function's signature without its annotations, to be read by people."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=signature.empty)


def _misses(attrs: Mapping[str, Any]) -> bool:
    return any(value is inspect.Parameter.empty for value in attrs.values())


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """List a function's parameters; those of most are read from its code, for `inspect.signature` slows the import."""
    kind, starred = inspect.Parameter, inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    plain = isinstance(function, FunctionType) and not hasattr(function, "__wrapped__")
    if not plain or function.__code__.co_flags & starred:
        return list(inspect.signature(function).parameters.values())
    code = function.__code__
    alone, positional, named = code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames[: positional + named]
    kinds: list[Any] = [kind.POSITIONAL_ONLY] * alone + [kind.POSITIONAL_OR_KEYWORD] * (positional - alone)
    kinds += [kind.KEYWORD_ONLY] * named
    last = reversed(names[:positional])  # the last ones have the defaults
    defaults = dict(zip(last, reversed(function.__defaults__ or ()), strict=False)) | (function.__kwdefaults__ or {})
    return [kind(n, k, default=defaults.get(n, kind.empty)) for n, k in zip(names, kinds, strict=True)]


def _names(function: Callable[..., Any]) -> list[str]:
    return [p.name for p in _parameters(function)]


def _tuple_getter(picks: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if len(picks) < 2:  # an itemgetter of one index would return the bare item
        return itemgetter(slice(picks[0], picks[0] + 1) if picks else slice(0))
    return itemgetter(*picks)


def op(**row: Any) -> Callable[[Callable[P, Array]], Op[P]]:
    """Make a row of the op table out of a forward function on arrays (keywords: see :class:`Op`).

    The inputs are the function's positional-only parameters; the other parameters are static arguments.

    Examples
    --------
    >>> @op(symbol="eˣ", vjp={"x": lambda g, out: g * out})
    ... def exp(x, /):
    ...     return np.exp(x)
    """
    return lambda forward: Op(forward, **row)


def composite(**row: Any) -> Callable[[Callable[P, Array]], Op[P]]:
    """Make a row out of a function that only combines other ops, by operators and dispatching NumPy calls."""
    return lambda forward: Op(forward, composite=True, **row)


def longest(names: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """Tell which inputs have the first axis of the result, where they broadcast."""
    ndim = max(map(len, shapes))
    first = {name: shape[0] for name, shape in zip(names, shapes, strict=True) if ndim and len(shape) == ndim}
    return {name: 0 for name, n in first.items() if n == max(first.values())}


RETURNS = {
    "elementwise": "The broadcast shape of the inputs, in NumPy's result dtype.",
    "reduction": "The shape of `x` without the reduced axes (length 1 with `keepdims`).",
    "along_axis": "The shape of `x`.",
    "bilinear": "In NumPy's result dtype.",
    "movement": "In the dtype of the input.",
}


def _document(op: Op[Any], text: str) -> str:
    """Complete a row's docstring with what the row declares as data."""
    sections = [text]
    if op.inputs and "Parameters\n---" not in text:
        several = ", which broadcast with each other" if op.family == "elementwise" and len(op.inputs) > 1 else ""
        static = [
            f"{name}\n    {'Needed.' if d is inspect.Parameter.empty else f'By default {d}.'}"
            for name, d in op.defaults.items()
        ]
        inputs = f"{', '.join(op.inputs)}\n    Tensors, arrays or numbers of any shape{several}."
        sections.append("\n".join(["Parameters", "----------", inputs, *static]))
    if "Returns\n---" not in text:
        sections.append(f"Returns\n-------\nTensor\n    {RETURNS[op.family]}")
    notes = []
    if op.zero_gradient:
        notes.append("The gradient is zero everywhere, by declaration.")
    elif not op.composite and not op.vjps:
        notes.append("The result carries no gradient.")
    notes += [f"At {kink.where} the gradient is {kink.gives}." for kink in op.kinks]
    if op.decomposition is not None:
        notes.append("Fused; ``with primitives():`` records the smaller ops it is made of.")
    if notes:
        sections.append("\n".join(["Notes", "-----", *notes]))
    return "\n\n".join(sections)
