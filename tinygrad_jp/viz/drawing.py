"""``graph``: the computational graph of a tensor, or the modules of a network, as a picture."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, get_args

from ..errors import ArgumentError, DtypeError, GraphError
from ..nn.module import Module
from ..tape import enable_grad, keep_values, primitives
from ..tensor import Tensor
from .columns import heights, in_columns
from .detail import Depth, detail
from .dot import Gradients, Rankdir, Show, dot
from .folding import parameters_of
from .marks import Marks, nonfinite
from .overview import overview
from .parts import Box, Circle, Label, Scene, Turn
from .picture import Graph
from .places import Places
from .record import Record, reachable
from .replay import replay
from .scene import scene
from .watch import Runs, tensors, unchanged, watch

if TYPE_CHECKING:
    from ..testing.verify import Report

__all__ = ["Graph", "graph"]

MOST = 1000
"""So many operations or modules are drawn by default."""
WORDS = ("layers", "ops", "primitives")
HUGE = 10_000
"""Of a graph with more operations only an overview is given by default."""
SHORT = 5
"""So many modules and operations in a row are drawn from left to right; more of them from top to bottom."""
TOLD = 60
"""So many items are named in the description."""


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
    gradients: Gradients = "values",
    costs: bool = False,
    verify: Report | None = None,
    max_nodes: int | None = None,
    title: str | None = None,
) -> Graph:
    """Draw the computational graph of a tensor as the book draws it, or the modules of a network.

    Of a tensor: operations are circles, inputs stand by their names. Above an arrow is the value that flows forward;
    after ``backward`` the gradient that comes back stands below it, in red. A gradient that was not computed is not
    drawn. A Python number is written into the circle ("×2", figure 5-1), a Tensor stands beside it (figure 5-2). Where
    an operation repeats a value, broadcasting, the arrow is thick and the larger shape follows "⇒"; where the dtype
    changes it is told. The operation out of which the first NaN or infinity came, forward or backward, is red.

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
        fused operations (of a tensor: if it was computed inside ``keep_values()``). By default as few levels as show
        more than one module.
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
        "values": numbers, up to 16 in one tensor, and the shape of larger ones; "shapes"; "both"; "numbers": single
        numbers and else shapes; or "thumbnails": small pictures of larger tensors that are known, which are all inside
        ``keep_values()``: of images and feature maps in grey, of weights, gradients and all else as heat maps (blue
        below zero, white at zero, red above), of vectors as bars; NaN and infinities are magenta. By default
        "thumbnails" of what was computed inside ``keep_values()``; else "values" of a tensor, and "numbers" between
        modules.
    gradients
        "values", or "relative": a bar for the norm of each gradient that is known, on a logarithmic scale from the
        smallest (blue) to the largest (red), so that vanishing and exploding gradients are seen at a glance.
    costs
        Whether multiply-adds and memory of each operation and module are written (see :class:`.cost.Cost`).
    verify
        What :func:`tinygrad_jp.testing.verify` found of `y`: operations are green if their gradients are right, red if
        they are wrong, orange at a kink, grey if they could not be judged.
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
    >>> graph(SimpleConvNet(), images, show="thumbnails")

    >>> with keep_values():
    ...     loss = softmax_cross_entropy(net(x), t)
    >>> loss.backward()
    >>> graph(loss, gradients="relative")
    >>> graph(loss, verify=testing.verify(loss))
    """
    expanded, collapsed = ((names,) if isinstance(names, str) else tuple(names) for names in (expand, collapse))
    _check_call(y, inputs, depth, expanded + collapsed, runs)
    _check_looks(rankdir, show, gradients, max_nodes)
    _check_verdicts(y, depth, verify)
    watched = runs is not None or isinstance(y, Module)
    if isinstance(y, Module):
        results, runs = _run(y, inputs, depth == "primitives", show == "thumbnails")
    elif depth == "primitives":
        opened, runs = replay(y, runs)
        results = [opened]
    else:
        results = [y]
    nodes = reachable([result._node for result in results if result._node is not None])
    show = show or ("thumbnails" if any(node.call is not None for node in nodes) else None)
    if runs is None and max_nodes is None and len(nodes) > HUGE:
        notice = f"Too many to draw: max_nodes={MOST} draws those nearest to the result (続きは max_nodes で)"
        return _graph(overview(results, nodes, notice), rankdir or "LR", show or "values", gradients, title)
    marks = Marks(costs, verify, nonfinite(nodes))
    if runs is None:
        picture = scene(results[0], max_nodes or MOST, None, marks)
        return _graph(picture, rankdir or "LR", show or "values", gradients, title)
    picture = _of_modules(results, runs, (depth, expanded, collapsed), fold, max_nodes, marks)
    if rankdir is None:
        rankdir = "TB" if watched and max(heights(picture).values()) > SHORT else "LR"
    if rankdir in ("TB", "BT"):
        picture = in_columns(picture)
    title = title or (_told(runs.model) if watched else None)
    return _graph(picture, rankdir, show or "numbers", gradients, title)


def _check_call(y: Any, inputs: tuple[Any, ...], depth: Any, names: tuple[str, ...], runs: Any) -> None:
    """Refuse what does not go together."""
    if not isinstance(y, Tensor | Module):
        raise DtypeError(f"viz.graph: draws a Tensor, got {type(y).__name__}; or a Module with a sample input")
    if isinstance(depth, bool) or not (depth in (None, *WORDS) or (isinstance(depth, int) and depth >= 0)):
        raise ArgumentError(f"viz.graph: depth must be a number of levels or one of {WORDS}, got {depth!r}")
    if isinstance(y, Module):
        if runs is not None:
            raise ArgumentError("viz.graph: runs= belongs to a Tensor; a Module is watched by itself")
        return _check_sample(y, inputs)
    if inputs:
        raise ArgumentError(f"viz.graph: a Tensor takes no sample input, got {len(inputs)}; pass the Module instead")
    if runs is None and (depth not in (None, "ops", "primitives") or names):
        raise ArgumentError(
            "viz.graph: the tape knows operations, not modules: compute the tensor inside `with viz.watch(model) as "
            "runs:` and pass runs=runs, or pass the Module and a sample input"
        )
    if runs is not None and not isinstance(runs, Runs):
        raise DtypeError(f"viz.graph: runs= is what viz.watch(model) gives, got {type(runs).__name__}")


def _check_sample(model: Module, inputs: tuple[Any, ...]) -> None:
    """Refuse a module without a sample input, or with too many."""
    signature = inspect.signature(model.forward)
    try:
        signature.bind(*inputs)
        problem = "no input" if signature.parameters and not inputs else ""
    except TypeError as error:
        problem = str(error)
    if problem:
        raise ArgumentError(
            f"viz.graph: {type(model).__name__}: {problem}; a module is drawn by running it once, on a sample input: "
            "viz.graph(model, x), where x is an array of the shape that it takes"
        )


def _check_looks(rankdir: Any, show: Any, gradients: Any, max_nodes: Any) -> None:
    options = (("rankdir", rankdir, Rankdir), ("show", show, Show), ("gradients", gradients, Gradients))
    for name, given, allowed in options:
        if given not in get_args(allowed) and (given is not None or name == "gradients"):
            raise ArgumentError(f"viz.graph: {name} must be one of {get_args(allowed)}, got {given!r}")
    if max_nodes is not None and (isinstance(max_nodes, bool) or not isinstance(max_nodes, int) or max_nodes < 1):
        raise ArgumentError(f"viz.graph: max_nodes must be at least 1, a whole number, got {max_nodes!r}")


def _check_verdicts(y: Tensor | Module, depth: Any, verify: Any) -> None:
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


def _run(model: Module, inputs: tuple[Any, ...], opened: bool, kept: bool) -> tuple[list[Tensor], Runs]:
    """Run a module on a sample input; it is afterwards as before."""
    modes: list[AbstractContextManager[Any]] = [enable_grad(), unchanged(model)]
    modes += [primitives()] * opened + [keep_values()] * kept
    with ExitStack() as stack:
        for mode in modes:
            stack.enter_context(mode)
        runs = stack.enter_context(watch(model))
        return _results(model, model(*inputs)), runs


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


def _of_modules(
    results: Sequence[Tensor],
    runs: Runs,
    chosen: tuple[Depth | None, Iterable[str], Iterable[str]],
    fold: bool,
    max_nodes: int | None,
    marks: Marks,
) -> Scene:
    """Draw modules, and the operations that are in none or in opened ones; or count them if they are too many."""
    record = Record([result._node for result in results if result._node is not None])
    places = Places(runs, record, detail(runs, record, *chosen), fold)
    if places.drawn(record) <= (max_nodes or MOST):
        return scene(results, None, places, marks)
    notice = "Too many to draw: choose a smaller depth, collapse or a larger max_nodes (続きは depth か max_nodes で)"
    return overview(results, record.nodes, notice)


def _graph(picture: Scene, rankdir: Rankdir, show: Show, gradients: Gradients, title: str | None) -> Graph:
    drawn = dot(picture, rankdir=rankdir, show=show, gradients=gradients, title=title)
    return Graph(drawn.text, title, _contents(picture), _description(picture), drawn.thumbnails)


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
    told = [text for item in picture.items if not isinstance(item, Turn) and (text := _named(item))]
    return "In the order of computing: " + "; ".join(told[:TOLD] + ["…"] * (len(told) > TOLD))


def _named(item: Circle | Label | Box) -> str:
    name = item.op if isinstance(item, Circle) else item.text
    return f"{name} ({item.mark.note})" if item.mark is not None and item.mark.note else name
