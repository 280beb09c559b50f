"""What ``viz.graph`` refuses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from ..errors import ArgumentError, DtypeError
from ..nn.module import Module
from ..ops import TABLE
from ..tensor import Tensor
from .colours import QUANTITIES
from .dot import Gradients, Rankdir, Show
from .facts import NOTES
from .scene import HIDEABLE
from .trial import check_sample, is_shape
from .watch import Runs

WORDS = ("layers", "ops", "primitives")
UNCOMPUTED = (None, "shapes", "nothing")
"""What can be shown where nothing is computed."""
COMPUTED = ("saved", "seconds", "gradient", "magnitude")
"""Columns that are not known then."""


def check_call(y: Any, inputs: tuple[Any, ...], depth: Any, names: Collection[Any], runs: Any) -> None:
    """Refuse what does not go together."""
    results = [y] if isinstance(y, Tensor | Module) else list(y) if isinstance(y, list | tuple) else None
    if results == []:
        raise ArgumentError("viz.graph: got no result to draw, an empty sequence")
    wrong = [type(x).__name__ for x in ([y] if results is None else results) if not isinstance(x, Tensor | Module)]
    if wrong or (results and len(results) > 1 and any(isinstance(x, Module) for x in results)):
        told = wrong[0] if wrong else "several modules"
        raise DtypeError(
            f"viz.graph: draws a Tensor, got {told}; or several Tensors in a list, or a Module with a sample input"
        )
    if isinstance(depth, bool) or not (depth in (None, *WORDS) or (isinstance(depth, int) and depth >= 0)):
        raise ArgumentError(f"viz.graph: depth must be a number of levels or one of {WORDS}, got {depth!r}")
    if isinstance(y, Module):
        if runs is not None:
            raise ArgumentError("viz.graph: runs= belongs to a Tensor; a Module is watched by itself")
        return check_sample(y, inputs)
    if inputs:
        raise ArgumentError(f"viz.graph: a Tensor takes no sample input, got {len(inputs)}; pass the Module instead")
    if depth == "primitives" and len(results or ()) > 1:
        raise ArgumentError("viz.graph: depth='primitives' opens the computation of one Tensor; draw them one by one")
    if runs is None and (depth not in (None, "ops", "primitives") or names):
        raise ArgumentError(
            "viz.graph: the tape knows operations, not modules: compute the tensor inside `with viz.watch(model) as "
            "runs:` and pass runs=runs, or pass the Module and a sample input"
        )
    if runs is not None and not isinstance(runs, Runs):
        raise DtypeError(f"viz.graph: runs= is what viz.watch(model) gives, got {type(runs).__name__}")


def check_switches(**switches: Any) -> None:
    """Refuse what neither turns on nor off."""
    for name, given in switches.items():
        if not isinstance(given, bool):
            raise ArgumentError(f"viz.graph: {name} must be True or False, got {given!r}")


def check_texts(**texts: Any) -> None:
    """Refuse what is no text."""
    for name, given in texts.items():
        if not (given is None or isinstance(given, str)):
            raise DtypeError(f"viz.graph: {name}= must be text, or None to leave it out, got {given!r}")


def check_looks(rankdir: Any, show: Any, gradients: Any, max_nodes: Any) -> None:
    """Refuse options that do not exist."""
    options = (("rankdir", rankdir, Rankdir), ("show", show, Show), ("gradients", gradients, Gradients))
    for name, given, allowed in options:
        if given not in get_args(allowed) and (given is not None or name == "gradients"):
            raise ArgumentError(f"viz.graph: {name} must be one of {get_args(allowed)}, got {given!r}")
    if max_nodes is not None and (isinstance(max_nodes, bool) or not isinstance(max_nodes, int) or max_nodes < 1):
        raise ArgumentError(f"viz.graph: max_nodes must be at least 1, a whole number, got {max_nodes!r}")


def check_formulas(y: Any, runs: Any, show: Any, roll: bool) -> None:
    """Refuse formulas of modules, of several results, and of all runs of a loop."""
    if show == "formulas" and (runs is not None or not isinstance(y, Tensor) or roll):
        raise ArgumentError(
            "viz.graph: show='formulas' tells of the operations behind one Tensor, without runs= and roll=True"
        )


def check_verdicts(y: Any, depth: Any, verify: Any) -> None:
    """Refuse verdicts on other operations than those that are drawn."""
    if verify is None:
        return
    if not callable(getattr(verify, "of", None)):
        raise DtypeError(f"viz.graph: verify= is what testing.verify(y) gives, got {type(verify).__name__}")
    if isinstance(y, Module) or depth == "primitives":
        raise ArgumentError(
            "viz.graph: verify= judged the operations of a recorded Tensor: pass that Tensor, and another depth than "
            "'primitives'"
        )


def check_facts(hide: Sequence[Any], notes: Sequence[Any], colour: Any) -> None:
    """Refuse words for what is hidden, written and coloured by that do not exist."""
    for argument, words, allowed, told in (
        ("hide", hide, (*HIDEABLE, *TABLE), f"{HIDEABLE} or the name of an operation"),
        ("notes", notes, tuple(NOTES), f"{tuple(NOTES)}"),
        ("colour", [colour] * isinstance(colour, str), QUANTITIES, f"{QUANTITIES}, a mapping or a function"),
    ):
        for word in words:
            if word not in allowed:
                near = get_close_matches(str(word), allowed, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ArgumentError(f"viz.graph: {argument} must be of {told}, got {word!r}{hint}")
    if not (colour is None or isinstance(colour, str | Mapping) or callable(colour)):
        raise DtypeError(
            f"viz.graph: colour= is one of {QUANTITIES}, numbers by name, or a function of a row (see Graph.rows), got "
            f"{type(colour).__name__}"
        )


def computing(y: Any, inputs: Sequence[Any], compute: Any, show: Any, columns: Collection[Any]) -> bool | None:
    """Tell whether a module computes, None if only should it decide by numbers; refuse what is known only if it does.

    Parameters
    ----------
    y, inputs, compute, show
        Arguments of ``graph``.
    columns
        Quantities that are written or coloured by; names, or functions of all of them.
    """
    if compute is not None:
        check_switches(compute=compute)
    needed = [f"show={show!r}"] * (show not in UNCOMPUTED) + [repr(name) for name in COMPUTED if name in columns]
    if compute is None and isinstance(y, Module) and inputs and all(map(_is_of_shapes, inputs)):
        return True if needed or any(map(callable, columns)) else None
    if compute is not False:
        return True
    if not isinstance(y, Module):
        raise ArgumentError("viz.graph: compute=False belongs to a Module; a Tensor was computed already")
    if needed:
        raise ArgumentError(f"viz.graph: {needed[0]} needs what compute=False does not compute; leave one of them out")
    return False


def _is_of_shapes(given: Any) -> bool:
    """Tell whether a sample input is a shape, or holds nothing else."""
    if isinstance(given, list | dict):
        parts = list(given.values() if isinstance(given, dict) else given)
        return bool(parts) and all(map(_is_of_shapes, parts))
    return is_shape(given)


def check_attributes(attributes: Any) -> None:
    """Refuse what are no attributes of Graphviz."""
    if attributes is None:
        return
    parts = ("graph", "node", "edge")
    if not isinstance(attributes, Mapping) or not all(isinstance(given, Mapping) for given in attributes.values()):
        raise DtypeError('viz.graph: attributes= is a mapping of mappings, {"node": {"fontname": "Helvetica"}}')
    for part, given in attributes.items():
        if part not in parts:
            raise ArgumentError(f"viz.graph: attributes= has looks for {parts}, got {part!r}")
        for name, value in given.items():
            if not re.fullmatch(r"[A-Za-z_]\w*", str(name)):
                raise ArgumentError(f"viz.graph: attributes=: {name!r} is no name of a Graphviz attribute")
            if not isinstance(value, str | int | float):
                raise DtypeError(f"viz.graph: attributes=: {part} {name} must be text or a number, got {value!r}")


def words(name: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """Take one word for a sequence of one; refuse what is neither."""
    found = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(word, str) for word in found):
        raise DtypeError(f"viz.graph: {name}= must be a name, or several in a list, got {given!r}; () for none")
    return found
