"""What is known of each operation and module that is drawn: a row of facts, to be written, coloured by, or computed on.

The columns are those of :meth:`.Graph.rows`; ``notes=`` of ``viz.graph`` writes some of them into the picture, and
``colour=`` colours by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import hypot, prod
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ..blank import Blank
from ..nn.module import Module, Parameter
from ..tape import Node, Outline
from ..tensor import Tensor
from .cost import cost
from .folding import parameters_of
from .parts import Box, Circle
from .text import amount, joined, number
from .watch import Run, Runs, arrays, norm

NOTES: Mapping[str, Callable[[Any], str]] = {
    "multiply_adds": lambda n: "" if n == 0 else f"{amount(n)} multiply-adds",
    "bytes": lambda n: amount(n, "B"),
    "saved": lambda n: f"keeps {amount(n, 'B')}",
    "parameters": lambda n: f"{n:,} parameters" if n else "",
    "seconds": lambda x: f"{number(1e3 * x)} ms",
    "gradient": lambda x: f"|∇| {number(x)}",
    "magnitude": lambda x: f"mean |x| {number(x)}",
    "dtype": str,
    "options": str,
    "source": str,
}
"""The columns that can be written into a picture, and how."""
UNKNOWN = {"multiply_adds": "? multiply-adds", "saved": "keeps ?", "gradient": "|∇| ?", "magnitude": "mean |x| ?"}
"""What is written where it is not known but could be."""
OWN_LINES = ("options", "source")
"""Columns of text, which stand in lines of their own."""

WIDEST = 40
"""So many characters are written of one argument."""


@dataclass(frozen=True)
class Facts:
    """What is known of operations besides what the tape keeps.

    Attributes
    ----------
    options
        Their static arguments, by the order of a node.
    seconds, magnitudes
        How long they took, and the mean of the absolute values of what they returned; where that was measured.
    names
        Of inputs, by ``id``: the dotted names of parameters and buffers.
    norms
        Of gradients, by the order of the node that made the value.
    notes
        The columns that are to be written into the picture.
    """

    options: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    magnitudes: dict[int, float] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    norms: Mapping[int, float | None] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def about(self, runs: Runs | None) -> Facts:
        """Add what is known of a model's modules."""
        if runs is None:
            return self
        names = dotted_names(runs.model) | self.names
        return replace(self, names=names, norms=runs.norms)

    def name(self, edge: Any) -> str | None:
        """Return the dotted name of a parameter or buffer; one of the model itself keeps the name it was given."""
        name = self.names.get(id(edge))
        return name if name and ("." in name or not getattr(edge, "name", None)) else None

    def options_of(self, node: Node) -> str:
        """Write the static arguments of an operation: "stride=2, padding=1"; those that are known and set."""
        known = self.options.get(node.order) or (node.call.attrs if node.call else _saved_options(node))
        return ", ".join(f"{name}={_short(value)}" for name, value in known.items() if _is_setting(value))

    def row(
        self, item: Circle | Box, runs: Sequence[Sequence[Node]], of_module: Sequence[Run], inside: Run | None
    ) -> dict[str, Any]:
        """Put together what is known of an operation or a module; costs of all its runs together.

        Parameters
        ----------
        item
            As it is drawn.
        runs
            The records of what it computes in each run of a loop; of what is repeated otherwise, once.
        of_module
            The runs of the module.
        inside
            The run of the module around it.
        """
        nodes = list(chain.from_iterable(runs))
        ends = [run[-1] for run in runs]
        last = ends[-1]
        run = of_module[0] if of_module else None
        costs = [cost(node) for node in nodes]
        products = [each.multiply_adds for each in costs]
        seconds = [run.seconds for run in of_module] or [self.seconds.get(node.order) for node in ends]
        common = {
            "module": inside.path if inside else "",
            "input_shapes": _input_shapes(runs[0]),
            "shape": tuple(map(int, last.shape)),
            "dtype": str(last.dtype),
            "parameters": parameters_of(run.module) if run else _parameters(ends),
            "multiply_adds": _all_known(sum, products),
            "bytes": sum(each.bytes for each in costs),
            "saved": _saved_bytes(nodes),
            "seconds": _all_known(sum, seconds),
            "gradient": _all_known(_together, list(map(self._gradient, ends))),
            "magnitude": _all_known(fmean, list(map(self._magnitude, ends))),
            "times": item.times if isinstance(item, Box) else 1,
            "runs": item.times_run,
            "source": source_of(last),
        }
        if isinstance(item, Circle):
            options = joined(map(self.options_of, ends))
            own = {"kind": "operation", "name": last.name or "", "type": item.op, "options": options}
        else:
            assert run is not None
            own = {"kind": "module", "name": run.path, "type": run.layer, "options": run.module.extra_repr()}
        return own | common

    def _gradient(self, node: Node) -> float | None:
        if node.gradients and isinstance(node.gradients[-1], np.ndarray):
            return norm(node.gradients[-1])
        return self.norms.get(node.order)

    def _magnitude(self, node: Node) -> float | None:
        return magnitude(node.value) if node.value is not None else self.magnitudes.get(node.order)

    def written(self, row: Mapping[str, Any]) -> list[str]:
        """Write the columns that are wanted, as lines."""
        told = {name: _told(name, row[name]) for name in self.notes}
        numbers = [text for name, text in told.items() if text and name not in OWN_LINES]
        times = f"{row['times']} × " if row["times"] > 1 else ""
        line = [times + " · ".join(numbers)] if numbers else []
        # what options a module has its box tells anyway
        return line + [t for name, t in told.items() if t and name in OWN_LINES and t not in ("", row["type"])]


def _all_known(total: Callable[[list[Any]], Any], values: list[Any]) -> Any:
    """Put values together if none of them is None."""
    return None if None in values else total(values)


def _together(norms: Sequence[float]) -> float:
    """Return the Euclidean norm of all from the norms of parts."""
    return hypot(*norms)


def _told(name: str, value: Any) -> str:
    return UNKNOWN.get(name, "") if value is None else NOTES[name](value)


def dotted_names(model: Module) -> dict[int, str]:
    """Return the dotted names of a model's parameters and buffers, by ``id``."""
    found = {id(parameter): name for name, parameter in model.named_parameters()}
    for path, module in model.named_modules():
        found |= {id(vars(module)[name]): f"{path}.{name}".lstrip(".") for name in module._buffers}
    return found


def magnitude(array: np.ndarray) -> float | None:
    """Return the mean of the absolute values."""
    return float(np.abs(array).mean(dtype=np.float64)) if array.size else None


def source_of(node: Node) -> str:
    """Write the line of code that ran an operation; without the folder, which is another one on each machine."""
    source = node.source
    return f"{Path(source.file).name}, line {source.line}: {source.text}".rstrip(": ") if source else ""


def _saved_options(node: Node) -> dict[str, Any]:
    """Collect the static arguments that the backward pass needs."""
    return {
        name: value for name, value in zip(node.plan.names, node.saved, strict=False) if name in node.plan.op.defaults
    }


def _is_setting(value: Any) -> bool:
    """Tell whether an argument is to be shown: no array, such as the moments of a batch, and no flag that is off."""
    if isinstance(value, tuple | list):
        return all(part is None or part is False or _is_setting(part) for part in value)
    if isinstance(value, np.ndarray | Tensor):
        return value.size == 1 and not isinstance(value, Blank)
    return not (value is None or value is False)


def _short(value: Any) -> str:
    """Write an argument."""
    text = repr(value.item() if isinstance(value, np.ndarray | np.generic | Tensor) else value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _input_shapes(nodes: Sequence[Node]) -> list[tuple[int, ...]]:
    """List the shapes of what comes from outside, without parameters and numbers."""
    own = {node.order for node in nodes}
    edges = {
        edge.order if isinstance(edge, Node) else id(edge): edge
        for node in nodes
        for edge in node.edges
        if isinstance(edge, Node | Tensor | Outline | np.ndarray) and not isinstance(edge, Parameter)
    }
    return [tuple(map(int, edge.shape)) for key, edge in edges.items() if key not in own]


def _parameters(nodes: Sequence[Node]) -> int:
    """Count the numbers that are learned in what operations take."""
    sizes = {id(edge): prod(edge.shape) for node in nodes for edge in node.edges if isinstance(edge, Parameter)}
    return sum(sizes.values())


def _saved_bytes(nodes: Sequence[Node]) -> int | None:
    """Add up the memory that nodes keep for the backward pass, each array once; None if it was freed, or never made."""
    if any(node.plan.steps is None for node in nodes):
        return None
    kept = [array for node in nodes for value in node.saved for array in arrays(value)]
    if any(isinstance(array, Blank) for array in kept):
        return None
    owners = [array if array.base is None else array.base for array in kept]
    return sum({id(owner): owner.nbytes for owner in owners if isinstance(owner, np.ndarray)}.values())
