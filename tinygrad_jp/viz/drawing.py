"""``graph``: the computational graph of a tensor, or the modules of a network, as a picture."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from ..errors import ArgumentError, DtypeError, GraphError
from ..files import write_atomically
from ..nn.module import Module
from ..tape import enable_grad, primitives
from ..tensor import Tensor
from .columns import heights, in_columns
from .detail import Depth, detail
from .dot import Rankdir, Show, dot, printable
from .folding import parameters_of
from .overview import overview
from .places import Places
from .record import Record, reachable
from .render import Format, render
from .scene import Box, Circle, Scene, Turn, scene
from .watch import Runs, tensors, unchanged, watch

MOST = 1000
"""So many operations or modules are drawn by default."""
WORDS = ("layers", "ops", "primitives")
HUGE = 10_000
"""Of a graph with more operations only an overview is given by default."""
SHORT = 5
"""So many modules and operations in a row are drawn from left to right; more of them from top to bottom."""
TOLD = 60
"""So many items are named in the description."""


class Graph:
    """A drawn graph; Jupyter shows it as it is.

    Attributes
    ----------
    dot : str
        The DOT text.
    svg : str
        The picture as SVG; made on first use.
    """

    def __init__(self, dot: str, title: str | None = None, contents: str = "", description: str = "") -> None:
        self.dot = dot
        self._title = title
        self._contents = contents
        self._description = description

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text, with a title and a description for those who do not see it."""
        texts = (("title", self._title or f"Computational graph: {self._contents}"), ("desc", self._description))
        told = "".join(f"<{tag}>{printable(text)}</{tag}>\n" for tag, text in texts if text)
        drawn = render(self.dot, "svg").decode().replace("<title>%3</title>\n", "", 1)
        return re.sub(r"(<svg\b[^>]*>\n?)", lambda start: start[1] + told, drawn, count=1)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file.

        Parameters
        ----------
        path
            Its suffix tells the format: .svg, .png, .pdf, or .dot (.gv) for the DOT text. Folders are made as needed;
            a file that is there is replaced only once the new one is complete.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ValueError
            For another suffix.
        GraphvizError
            If there is no Graphviz, or it fails.
        """
        target = Path(path)
        suffix = target.suffix.lower().removeprefix(".")
        if suffix in ("dot", "gv"):
            content = self.dot.encode()
        elif suffix == "svg":
            content = self.svg.encode()
        elif suffix in get_args(Format):
            content = render(self.dot, suffix)  # type: ignore[arg-type]
        else:
            raise ValueError(f"Graph.save: unknown suffix {target.suffix!r} in {target}; use .svg, .png, .pdf or .dot")
        return write_atomically(target, content)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Graph: {self._contents}; .save('x.svg') draws it>"


def graph(
    y: Tensor | Module,
    *inputs: Any,
    depth: Depth | None = None,
    expand: str | Iterable[str] = (),
    collapse: str | Iterable[str] = (),
    fold: bool = True,
    runs: Runs | None = None,
    rankdir: Rankdir | None = None,
    show: Show | None = None,
    max_nodes: int | None = None,
    title: str | None = None,
) -> Graph:
    """Draw the computational graph of a tensor as the book draws it, or the modules of a network.

    Of a tensor: operations are circles, inputs stand by their names. Above an arrow is the value that flows forward;
    after ``backward`` the gradient that comes back stands below it, in red. A gradient that was not computed is not
    drawn. A Python number is written into the circle ("×2", figure 5-1), a Tensor stands beside it (figure 5-2).

    Of a module, which runs once on the sample inputs and is afterwards as before: modules are boxes, with class,
    options, name and number of parameters (yellow: there are modules inside; blue: it has parameters; grey: neither).
    An opened module is a frame around its parts. Blocks in a row that compute the same are one, "×3".

    Parameters
    ----------
    y
        The result of a computation that requires a gradient (a leaf gives a picture of itself); or a module.
    *inputs
        What the module is called with. Floating arrays are taken as variables, so that the way from them is drawn.
    depth
        How far modules are opened: 1 draws the model's modules as boxes, 2 the modules inside these, and so on;
        "layers" opens all but those without modules inside, "ops" all, down to operations, and "primitives" also the
        fused operations. By default as few levels as show more than one module.
    expand, collapse
        Dotted names of modules that are opened, with all around them, or closed, whatever the depth. Closing is the
        stronger. The name of a ModuleList stands for what is inside.
    fold
        Whether repeated blocks are drawn once.
    runs
        What :func:`.watch` noted of the modules while `y`, a tensor, was computed: then it is drawn in modules, and
        after ``backward`` the norm of the gradient of what they return stands in red (all its uses together).
    rankdir
        Direction of the flow: "LR" (left to right), "TB", "RL" or "BT". By default "LR", and "TB" for more than a few
        modules; if these are many, in columns.
    show
        "values": numbers, up to 16 in one tensor, and the shape of larger ones; "shapes"; "both"; or "numbers": single
        numbers and else shapes. By default "values" of a tensor, and "numbers" between modules.
    max_nodes
        Draw at most this many operations, those nearest to the result; a notice says so. By default 1000, and a graph
        of more than 10,000 is only counted. Of more modules than this an overview is given.
    title
        Above the picture. By default, of modules, the model's class and number of parameters.

    Returns
    -------
    Graph
        With ``.dot``, ``.svg`` and ``.save(path)``.

    Raises
    ------
    ArgumentError
        If there is no module of a name (the nearest is suggested), or for an option that does not fit.
    GraphError
        If the module's output was not recorded.

    Examples
    --------
    >>> apple = Tensor(100.0, requires_grad=True, name="りんご")
    >>> price = apple * 2 * 1.1
    >>> price.backward()
    >>> graph(price).save("apple.svg")

    >>> graph(ResNet(18), images, depth=2, expand="stages.0")
    """
    opened, closed = ((names,) if isinstance(names, str) else tuple(names) for names in (expand, collapse))
    _check_call(y, inputs, depth, opened + closed, runs)
    _check_looks(rankdir, show, max_nodes)
    results = [y] if isinstance(y, Tensor) else []
    if isinstance(y, Module):
        with enable_grad(), unchanged(y), primitives() if depth == "primitives" else nullcontext(), watch(y) as runs:
            results = _results(y, y(*inputs))
    if runs is None:
        picture = _of_operations(results[0], max_nodes)
        return _graph(picture, rankdir or "LR", show or "values", title)
    picture = _of_modules(results, runs, (depth, opened, closed), fold, max_nodes)
    if rankdir is None:
        rankdir = "LR" if max(heights(picture).values()) <= SHORT else "TB"
    if rankdir in ("TB", "BT"):
        picture = in_columns(picture)
    return _graph(picture, rankdir, show or "numbers", title or _told(runs.model))


def _check_call(y: Any, inputs: tuple[Any, ...], depth: Any, names: tuple[str, ...], runs: Any) -> None:
    """Refuse what does not go together."""
    if not isinstance(y, Tensor | Module):
        raise DtypeError(f"viz.graph: draws a Tensor, got {type(y).__name__}; or a Module with a sample input")
    if isinstance(depth, bool) or not (depth in (None, *WORDS) or (isinstance(depth, int) and depth >= 0)):
        raise ArgumentError(f"viz.graph: depth must be a number of levels or one of {WORDS}, got {depth!r}")
    if isinstance(y, Module):
        if runs is not None:
            raise ArgumentError("viz.graph: runs= belongs to a Tensor; a Module is watched by itself")
        return
    if inputs:
        raise ArgumentError(f"viz.graph: a Tensor takes no sample input, got {len(inputs)}; pass the Module instead")
    if depth == "primitives":
        raise ArgumentError(
            "viz.graph: what was recorded fused stays so; compute the tensor inside `with primitives():`, or pass the "
            "Module and a sample input"
        )
    if runs is None and (depth not in (None, "ops") or names):
        raise ArgumentError(
            "viz.graph: the tape knows operations, not modules: compute the tensor inside `with viz.watch(model) as "
            "runs:` and pass runs=runs, or pass the Module and a sample input"
        )
    if runs is not None and not isinstance(runs, Runs):
        raise DtypeError(f"viz.graph: runs= is what viz.watch(model) gives, got {type(runs).__name__}")


def _check_looks(rankdir: Any, show: Any, max_nodes: Any) -> None:
    if rankdir not in (None, *get_args(Rankdir)):
        raise ArgumentError(f"viz.graph: rankdir must be one of {get_args(Rankdir)}, got {rankdir!r}")
    if show not in (None, *get_args(Show)):
        raise ArgumentError(f"viz.graph: show must be one of {get_args(Show)}, got {show!r}")
    if max_nodes is not None and max_nodes < 1:
        raise ArgumentError(f"viz.graph: max_nodes must be at least 1, got {max_nodes}")


def _results(model: Module, output: Any) -> list[Tensor]:
    """List the recorded Tensors in a model's output, and name them."""
    found = [tensor for tensor in tensors(output) if tensor._node is not None]
    if not found:
        raise GraphError(
            f"viz.graph: nothing that {type(model).__name__} returned was recorded; give it floating inputs, or let "
            "its parameters require a gradient"
        )
    for k, tensor in enumerate(found):
        tensor.name = tensor.name or ("output" if len(found) == 1 else f"output {k}")
    return found


def _of_operations(y: Tensor, max_nodes: int | None) -> Scene:
    """Draw every operation, or count them if they are far too many."""
    if max_nodes is None and y._node is not None:
        nodes = reachable([y._node])
        if len(nodes) > HUGE:
            notice = f"Too many to draw: max_nodes={MOST} draws those nearest to the result (続きは max_nodes で)"
            return overview([y], nodes, notice)
    return scene(y, max_nodes or MOST)


def _of_modules(
    results: Sequence[Tensor],
    runs: Runs,
    chosen: tuple[Depth | None, Iterable[str], Iterable[str]],
    fold: bool,
    max_nodes: int | None,
) -> Scene:
    """Draw modules, and the operations that are in none or in opened ones; or count them if they are too many."""
    record = Record([result._node for result in results if result._node is not None])
    places = Places(runs, record, detail(runs, record, *chosen), fold)
    if places.drawn(record) <= (max_nodes or MOST):
        return scene(results, None, places)
    notice = "Too many to draw: choose a smaller depth, collapse or a larger max_nodes (続きは depth か max_nodes で)"
    return overview(results, record.nodes, notice)


def _graph(picture: Scene, rankdir: Rankdir, show: Show, title: str | None) -> Graph:
    text = dot(picture, rankdir=rankdir, show=show, title=title)
    return Graph(text, title, _contents(picture), _description(picture))


def _told(model: Module) -> str:
    return f"{type(model).__name__} · {parameters_of(model):,} parameters"


def _contents(picture: Scene) -> str:
    """Count what is drawn."""
    boxes = [item for item in picture.items if isinstance(item, Box)]
    if picture.notice:
        return boxes[0].title
    counts = {"module": len(boxes), "operation": sum(isinstance(item, Circle) for item in picture.items)}
    if not boxes:
        del counts["module"]
    return ", ".join(f"{count} {word}{'s' if count != 1 else ''}" for word, count in counts.items())


def _description(picture: Scene) -> str:
    """Name what is drawn, in the order of computing."""
    names = [item.op if isinstance(item, Circle) else item.text for item in picture.items if not isinstance(item, Turn)]
    told = [name for name in names if name]
    return "In the order of computing: " + "; ".join(told[:TOLD] + ["…"] * (len(told) > TOLD))
