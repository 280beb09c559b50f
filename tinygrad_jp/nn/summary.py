"""A table of a model's layers: output shapes, parameters and multiply-adds.

The model runs once, as a rule with shapes alone (:func:`.tape.outlines`), while every parameter requires a gradient, so
that the tape holds a node for each product. Which module made a node is told by its time: the nodes made between a
module's start and end, less those of the modules it called in between, are its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..blank import Blank
from ..errors import ArgumentError, NotComputedError
from ..language import tell
from ..ops.conv import conv_windows
from ..tape import Node, clock, enable_grad, outlines
from ..tensor import Tensor, from_node
from ..text import table, width
from .modes import forgotten, in_use, unchanged
from .module import Module


@dataclass
class Row:
    """One run of one module, or a module that was not run but has parameters.

    Attributes
    ----------
    path
        Dotted name; "" for the model itself.
    layer
        Name of the class.
    output_shape
        Of the first Tensor in the output; None if there was none.
    parameters
        How many numbers the module holds itself, without the modules inside; 0 where they were counted before.
    multiply_adds
        Of its own, without the modules inside.
    """

    path: str
    layer: str
    output_shape: tuple[int, ...] | None = None
    parameters: int = 0
    multiply_adds: int = 0

    def cells(self) -> tuple[str, str, str, str]:
        """Return the row as text."""
        name = f"{self.path}: {self.layer}" if self.path else self.layer
        shape = "–" if self.output_shape is None else str(self.output_shape)
        return name, shape, f"{self.parameters:,}", f"{self.multiply_adds:,}"


@dataclass(frozen=True)
class Summary:
    """What :func:`summarize` found; ``print`` shows it as a table, Jupyter too.

    Attributes
    ----------
    rows
        In the order in which the modules started.
    trainable
        How many of the parameters require a gradient.
    """

    rows: tuple[Row, ...]
    trainable: int

    @property
    def parameters(self) -> int:
        """All numbers in parameters, shared ones once."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """All multiplications followed by an addition, in one forward pass of the given batch."""
        return sum(row.multiply_adds for row in self.rows)

    def _total(self) -> tuple[str, str, str, str]:
        frozen = self.parameters - self.trainable
        note = tell("total ({n:,} parameters frozen)", n=frozen) if frozen else tell("total")
        return note, "", f"{self.parameters:,}", f"{self.multiply_adds:,}"

    def __str__(self) -> str:
        cells = [_headings(), *(row.cells() for row in self.rows), self._total()]
        head, *rows, total = table(cells, left=2).split("\n")
        rule = "─" * width(head)
        return "\n".join([head, rule, *rows, rule, total])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: Iterable[str], tag: str) -> str:
            sides = ("left", "left", "right", "right")
            inside = (f'<{tag} style="text-align:{s}">{escape(c)}</{tag}>' for c, s in zip(cells, sides, strict=True))
            return f"<tr>{''.join(inside)}</tr>"

        body = "".join(line(row.cells(), "td") for row in self.rows)
        return f"<table>{line(_headings(), 'th')}{body}{line(self._total(), 'th')}</table>"


def summarize(model: Module, input_shape: Sequence[int], dtype: DTypeLike = np.float32) -> Summary:
    """Run a model once on an input of this shape, and tabulate its layers.

    The model runs as in use (``eval``), and computes nothing but shapes, unless it decides by numbers. Training modes,
    buffers, gradients and the random generator stay as they are.

    Parameters
    ----------
    model
        Any module of one input.
    input_shape
        With the batch axis: (N, …).
    dtype
        Of the input: floating (random numbers) or integer (zeros).

    Returns
    -------
    Summary
        Multiply-adds are those of the products that the tape records: ``dot``, ``matmul``, ``affine``,
        ``affine_relu``, ``einsum``, and of convolutions, as many as the definition has, whatever their kernels save.
        Products of constants alone, and what a model computes outside the tape, are not seen.

    Raises
    ------
    ArgumentError
        If the shape is no sequence of lengths.

    Examples
    --------
    >>> print(summarize(Sequential(Linear(784, 50), ReLU(), Linear(50, 10)), (1, 784)))
    """
    _check_shape(input_shape)
    modules = dict(model.named_modules())
    trainable = sum(p.size for p in model.parameters() if p.requires_grad)
    try:
        with outlines(), forgotten(model):
            runs = _runs(model, modules, _example(input_shape, np.dtype(dtype), Blank))
    except NotComputedError:  # what the model does depends on numbers
        runs = _runs(model, modules, _example(input_shape, np.dtype(dtype), _random))
    rows = {path: row for row in reversed(runs) for path in [row.path]}  # the first run of each
    unused = [Row(path, type(module).__name__) for path, module in modules.items() if path not in rows]
    rows |= {row.path: row for row in unused}
    for name, parameter in model.named_parameters():
        rows[name.rpartition(".")[0]].parameters += parameter.size
    return Summary((*runs, *(row for row in unused if row.parameters)), trainable)


def _headings() -> tuple[str, str, str, str]:
    return tell("layer"), tell("output shape"), tell("parameters"), tell("multiply-adds")


def _check_shape(shape: Any) -> None:
    if not isinstance(shape, Sequence) or not all(isinstance(n, int | np.integer) and n >= 0 for n in shape):
        raise ArgumentError(f"summary: the input's shape must be a tuple of lengths, (N, …), got {shape!r}")


def _example(
    shape: Sequence[int], dtype: np.dtype[Any], floating: Callable[[tuple[int, ...], np.dtype[Any]], np.ndarray]
) -> Tensor:
    """Make an input: floating numbers as they are to be made, or zeros."""
    shape = tuple(map(int, shape))
    return from_node(floating(shape, dtype), None) if dtype.kind == "f" else Tensor(np.zeros(shape, dtype))


def _random(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Draw random numbers, apart, so that nobody else's change."""
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def _runs(model: Module, modules: Mapping[str, Module], x: Tensor) -> list[Row]:
    """Let a model run as in use, everything recorded, and write a row for each run of a module."""
    with in_use(model), unchanged(model), _all_learned(model), enable_grad(), _watched(modules) as runs:
        model(x)
    return runs


@contextmanager
def _all_learned(model: Module) -> Iterator[None]:
    """Let what is computed from any parameter be recorded, also from frozen ones, which are frozen again afterwards."""
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    model.requires_grad_()
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad = False


@contextmanager
def _watched(modules: Mapping[str, Module]) -> Iterator[list[Row]]:
    """Write a row for each run of these modules, by a wrapper around their ``forward``."""
    rows: list[Row] = []
    counted: set[Node] = set()

    def watch(path: str, module: Module) -> Callable[..., Any]:
        forward = module.forward

        def run(*inputs: Any, **options: Any) -> Any:
            row = Row(path, type(module).__name__)
            rows.append(row)
            start = clock()
            output = forward(*inputs, **options)
            tensors = list(_tensors(output))
            row.output_shape = tensors[0].shape if tensors else None
            own = _nodes(tensors, start) - counted
            counted.update(own)
            row.multiply_adds = sum(multiply_adds(node) or 0 for node in own)
            return output

        return run

    wrappers = {path: watch(path, module) for path, module in modules.items()}
    before = {path: vars(module).get("forward") for path, module in modules.items()}
    try:
        for path, module in modules.items():
            vars(module)["forward"] = wrappers[path]
        yield rows
    finally:
        for path, module in modules.items():
            del vars(module)["forward"]
            if before[path] is not None:
                vars(module)["forward"] = before[path]


def _tensors(output: Any) -> Iterator[Tensor]:
    """Iterate over the Tensors in an output: itself, or those in tuples, lists and dictionaries."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict | list | tuple):
        for part in output.values() if isinstance(output, dict) else output:
            yield from _tensors(part)


def _nodes(outputs: Iterable[Tensor], start: int) -> set[Node]:
    """Collect the nodes made since `start` that these outputs depend on."""
    stack: list[Any] = [tensor._node for tensor in outputs]
    found: set[Node] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node.order > start and node not in found:
            found.add(node)
            stack.extend(node.edges)
    return found


def multiply_adds(node: Node) -> int | None:
    """Count the multiplications, each followed by an addition, of a product.

    Parameters
    ----------
    node
        Of any op.

    Returns
    -------
    int or None
        As many as the definition has, whatever the kernels save; 0 for an op that sums no products; None if a backward
        pass freed what tells their number (a layer of convolution and pooling, ``einsum``).
    """
    edges, name = node.edges, node.plan.op.name
    if name in ("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient"):
        outputs = node.shape if name == "conv2d" else np.shape(edges[0])  # the second is a transposed convolution
        filters = node.shape if name == "conv2d_weight_gradient" else np.shape(edges[1])
        return math.prod(outputs) * math.prod(filters[1:])
    if name == "conv_layer":  # whose pooling comes after them
        known = _arguments(node)
        if "stride" not in known:
            return None
        images, filters = np.shape(edges[0]), np.shape(edges[1])
        laid = conv_windows(images, filters, *(known[name] for name in ("stride", "padding", "dilation", "groups")))
        return int(images[0] * math.prod(laid.places) * math.prod(filters))
    if name in ("dot", "matmul", "affine", "affine_relu"):
        shapes = [np.shape(edge) for edge in edges[:2]]
        return math.prod(node.shape) * (shapes[0][-1] if all(shapes) else 0)
    if name == "contract":
        known = _arguments(node)
        if "subscripts" not in known:
            return None
        letters = known["subscripts"].partition("->")[0].replace(",", "")
        return math.prod(dict(zip(letters, (n for edge in edges for n in edge.shape), strict=True)).values())
    return 0


def _arguments(node: Node) -> Mapping[str, Any]:
    """Return what is still known of a node's static arguments: what it saved for its vjps, or all of them."""
    if node.call is not None:
        return node.call.attrs
    return dict(zip(node.plan.names, node.saved[-len(node.plan.names) :], strict=True)) if node.saved else {}
