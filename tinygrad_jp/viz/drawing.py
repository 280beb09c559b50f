"""``graph``: the computational graph of a tensor, or the modules of a network, as a picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..blank import Blank
from ..errors import ArgumentError
from ..nn.module import Module
from ..tape import Node
from ..tensor import Tensor
from .checks import (
    check_attributes,
    check_call,
    check_facts,
    check_formulas,
    check_looks,
    check_switches,
    check_texts,
    check_verdicts,
    computing,
    words,
)
from .colours import Colour, coloured
from .columns import heights, in_columns
from .detail import Depth, detail
from .dot import Gradients, Rankdir, Show, dot
from .facts import Facts
from .folding import parameters_of
from .formulas import formulas
from .marks import Marks, nonfinite
from .overview import overview
from .part import part
from .parts import Box, Circle, Label, Scene, Turn
from .picture import Graph
from .places import Places
from .record import Record
from .replay import replay
from .rolling import Rolling
from .saved import Recording, load
from .scene import scene
from .trial import Trial, numbers, reached, roots, run, sample
from .watch import Runs

if TYPE_CHECKING:
    from ..testing.verify import Report

__all__ = ["Graph", "graph"]

MOST = 1000
"""So many operations or modules are drawn by default."""
HUGE = 10_000
"""Of a graph with more operations only an overview is given by default."""
SHORT = 5
"""So many modules and operations in a row are drawn from left to right; more of them from top to bottom."""
TOLD = 60
"""So many items are named in the description."""


def graph(
    y: Tensor | Module | Sequence[Tensor] | Recording | str | os.PathLike[str],
    *inputs: Any,
    depth: Depth | None = None,
    expand: str | Iterable[str] = (),
    collapse: str | Iterable[str] = (),
    only: str | None = None,
    fold: bool = True,
    roll: bool = False,
    compute: bool | None = None,
    hide: str | Iterable[str] = (),
    runs: Runs | None = None,
    rankdir: Rankdir | None = None,
    show: Show | None = None,
    gradients: Gradients = "values",
    notes: str | Iterable[str] = (),
    costs: bool = False,
    colour: Colour | None = None,
    verify: Report | None = None,
    max_nodes: int | None = None,
    title: str | None = None,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Graph:
    """Draw the computational graph of a tensor as the book draws it, or the modules of a network.

    Of a tensor: operations are circles, inputs stand by their names. Above an arrow is the value that flows forward;
    after ``backward`` the gradient that comes back stands below it, in red. A gradient that was not computed is not
    drawn. A Python number is written into the circle ("×2", figure 5-1), a Tensor stands beside it (figure 5-2). Where
    an operation repeats a value, broadcasting, the arrow is thick and the larger shape follows "⇒"; where the dtype
    changes it is told. The operation out of which the first NaN or infinity came, forward or backward, is red.

    Of a module, which runs once on the sample inputs and is afterwards as before: modules are boxes, with class,
    options, name and number of parameters (yellow: there are modules inside; blue: it has parameters; grey: neither).
    An opened module is a frame around its parts. Blocks in a row that compute the same are one, "×3". If the module
    raises an exception, what ran until then is drawn, and red where it broke off: see "Raises".

    Parameters
    ----------
    y
        The result of a computation that requires a gradient (a leaf gives a picture of itself); several results in a
        list; a module; or a computation that :func:`.save` wrote, or the path of its file.
    *inputs
        What the module is called with. Floating arrays are taken as variables, so that the way from them is drawn. A
        tuple of whole numbers is a shape: random numbers (float32) stand in for the array.
    depth
        How far modules are opened: 1 draws the model's modules as boxes, 2 the modules inside these, and so on;
        "layers" opens all but those without modules inside, "ops" all, down to operations, and "primitives" also the
        fused operations (of a tensor: if it was computed inside ``keep_values()``). By default as few levels as show
        more than one module.
    expand, collapse
        Dotted names of modules that are opened, with all around them, or closed, whatever the depth. Closing is the
        stronger. The name of a ModuleList stands for what is inside.
    only
        Dotted name of a module: draw only its inside. `depth` then counts from there.
    fold
        Whether repeated blocks are drawn once.
    roll
        Whether operations and modules that a loop of the program runs again are drawn once, "↻ ×4" (of a tensor: if it
        was computed inside ``keep_values()``). A dashed arrow leads to the next run; on arrows that are not used in
        every run stands how often, "×3", or in which run, "1st", "last"; where numbers differ from run to run, the
        first and the last (and a bar is that of the first).
    compute
        False: compute nothing; shapes and dtypes alone flow through the module, which takes neither time nor memory,
        however large they are. Numbers and what needs them (the first NaN, "magnitude", "seconds", "saved") are not
        known then, and a module that decides by numbers breaks off there. By default a module computes, unless it is
        given shapes alone, nothing that is asked for needs numbers, and it does not decide by them.
    hide
        What is left out: "constants" (inputs that need no gradient), "parameters" (inputs that are learned), and
        operations by name ("reshape"), through which the arrows then run.
    runs
        What :func:`.watch` noted of the modules while `y`, a tensor, was computed: then it is drawn in modules, and
        after ``backward`` the norm of the gradient of what they return stands in red (all its uses together).
    rankdir
        Direction of the flow: "LR" (left to right), "TB", "RL" or "BT". By default "LR", and "TB" for more than a few
        modules; if these are many, in columns.
    show
        "values": numbers, up to 16 in one tensor, and the shape of larger ones; "shapes"; "both"; "numbers": single
        numbers and else shapes; "nothing": bare arrows; "formulas", of one tensor without `runs`: names and shapes, and
        below them how each gradient is made, "∂L/∂z × y" (figure 5-12); or "thumbnails": small pictures of larger
        tensors that are known, which are all inside ``keep_values()``: of images and feature maps in grey, of weights,
        gradients and all else as heat maps (blue below zero, white at zero, red above), of vectors as bars; NaN and
        infinities are magenta. By default "thumbnails" of what was computed inside ``keep_values()``; else "values" of
        a tensor, and "numbers" between modules.
    gradients
        "values", or "relative": a bar for the norm of each gradient that is known, on a logarithmic scale from the
        smallest (blue) to the largest (red), so that vanishing and exploding gradients are seen at a glance.
    notes
        Columns of :meth:`.Graph.rows` to be written at each operation and module: "multiply_adds", "bytes", "saved"
        (memory kept for the backward pass), "parameters", "seconds" (of a module drawn from a sample input),
        "gradient", "magnitude", "dtype", "options" (stride, axis, …; what is known of them is also told when the
        pointer rests on an operation) or "source" (the line of code).
    costs
        Short for ``notes=("multiply_adds", "bytes")``.
    colour
        Colour operations and modules by a quantity, with a legend: one of these columns that is a number; a mapping of
        your own numbers by the names of modules and results (operations without a name by their kind, "conv2d"); or a
        function of a row that returns a number, or None for what stays white.
    verify
        What :func:`tinygrad_jp.testing.verify` found of `y`: operations are green if their gradients are right, red if
        they are wrong, orange at a kink, grey if they could not be judged.
    max_nodes
        Draw at most this many operations, those nearest to the result; a notice says so. By default 1000, and a graph
        of more than 10,000 is only counted. Of more modules than this an overview is given.
    title
        Above the picture. By default, of modules, the model's class and number of parameters.
    attributes
        Your own looks in Graphviz's terms, for "graph", "node" and "edge". What the picture sets for a single item,
        such as a module's colour, stays.

    Returns
    -------
    Graph
        With ``.dot``, ``.svg``, ``.save(path)`` and ``.rows()``.

    Raises
    ------
    ArgumentError
        If there is no module of a name (the nearest is suggested), or for an option that does not fit.
    GraphError
        If the module's output was not recorded; with ``compute=False`` also, as NotComputedError, if the module needs
        numbers, for an ``if`` or for a shape.
    Exception
        What the module raised. Its attribute ``graph`` is the picture of what ran until then; a notebook shows it.

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
    >>> graph([loss, accuracy])
    >>> graph(RNN(3, 4), (1, 20, 3), depth="ops", roll=True)

    >>> graph(VGG(19), (100, 3, 224, 224))
    >>> graph(ResNet(18), (1, 3, 224, 224), only="stages.0", colour="seconds", notes=["seconds", "options"])
    >>> graph(net, x, colour=lambda row: row["multiply_adds"] / row["bytes"])

    What training changed, from two runs:

    >>> before = {row["name"]: row["magnitude"] for row in graph(net, x, notes="magnitude").rows()}
    >>> fit(net)
    >>> graph(net, x, notes="magnitude", colour=lambda row: row["magnitude"] - before[row["name"]])
    """
    y, runs = _computed(y, runs)
    check_switches(fold=fold, roll=roll, costs=costs)
    check_texts(only=only, title=title)
    named = {"expand": expand, "collapse": collapse, "hide": hide, "notes": notes}
    expand, collapse, hide, notes = (words(name, given) for name, given in named.items())
    notes += tuple(name for name in ("multiply_adds", "bytes") if costs and name not in notes)
    check_call(y, inputs, depth, (*expand, *collapse, *([] if only is None else [only])), runs)
    check_looks(rankdir, show, gradients, max_nodes)
    check_formulas(y, runs, show, roll)
    check_verdicts(y, depth, verify)
    check_facts(hide, notes, colour)
    check_attributes(attributes)
    compute = computing(y, inputs, compute, show, (*notes, colour))
    wanted = {*notes, *([colour] if isinstance(colour, str) else []), *(["site"] if roll else [])}
    trial = _trial(y, inputs, runs, depth, wanted, show == "thumbnails", compute)
    watched = runs is not None or isinstance(y, Module)
    view = _View((depth, expand, collapse), None if trial.failure else only, fold, roll, hide, notes, max_nodes)
    looks = _Looks(rankdir, show, gradients, colour, title, attributes)
    if trial.failure is None:
        return _drawn(trial, view, looks, verify, watched)
    try:
        error = _with_picture(trial.failure.error, _drawn(trial, view, looks, verify, watched))
    except Exception:  # such as for the name of a module that did not run any more: what stopped it matters more
        raise trial.failure.error from None
    raise error


def _computed(y: Any, runs: Runs | None) -> tuple[Any, Runs | None]:
    """Take what a saved computation holds."""
    y = load(y) if isinstance(y, str | os.PathLike) else y
    if not isinstance(y, Recording):
        return y, runs
    if runs is not None:
        raise ArgumentError("viz.graph: runs= belongs to a Tensor; a saved computation has its own")
    return y.result, y.runs


@dataclass(frozen=True)
class _View:
    """What is drawn: the arguments of :func:`graph` that choose it."""

    detail: tuple[Depth | None, tuple[str, ...], tuple[str, ...]]
    only: str | None
    fold: bool
    roll: bool
    hide: tuple[str, ...]
    notes: tuple[str, ...]
    max_nodes: int | None


@dataclass(frozen=True)
class _Looks:
    """How it is drawn."""

    rankdir: Rankdir | None
    show: Show | None
    gradients: Gradients
    colour: Colour | None
    title: str | None
    attributes: Mapping[str, Mapping[str, Any]] | None


def _trial(
    y: Any,
    inputs: Sequence[Any],
    runs: Runs | None,
    depth: Any,
    wanted: Collection[str],
    kept: bool,
    compute: bool | None,
) -> Trial:
    """Run the module, or take what was computed; with ``compute=None`` run it without computing if that goes."""
    if isinstance(y, Module):
        samples = [sample(given, numbers if compute else partial(Blank, dtype=np.float32)) for given in inputs]
        trial = run(y, samples, wanted, opened=depth == "primitives", kept=kept, computed=bool(compute))
        failed = compute is None and trial.failure is not None
        return _trial(y, inputs, runs, depth, wanted, kept, True) if failed else trial
    results = [y] if isinstance(y, Tensor) else list(y)
    if depth == "primitives":
        opened, runs = replay(results[0], runs)
        results = [opened]
    return Trial(results, runs, Facts().about(runs))


def _drawn(trial: Trial, view: _View, looks: _Looks, verify: Report | None, watched: bool) -> Graph:
    """Draw what was computed; as modules, with a title, if these were watched."""
    nodes = reached(trial.results)
    told = formulas(trial.results[0]) if looks.show == "formulas" else None
    picture = _picture(trial, nodes, view, Marks(verify, nonfinite(nodes) if trial.computed else {}, told))
    show, rankdir, title = looks.show if trial.computed else looks.show or "shapes", looks.rankdir, looks.title
    if show is None and any(node.call is not None for node in nodes):
        show = "thumbnails"
    if trial.runs is not None:
        if rankdir is None:
            rankdir = "TB" if watched and max(heights(picture).values()) > SHORT else "LR"
        if rankdir in ("TB", "BT"):
            picture = in_columns(picture)
        title = title or (_told(trial.runs.model, view.only) if watched else None)
    colouring = None if looks.colour is None or picture.notice else coloured(picture, looks.colour)
    drawn = dot(
        picture,
        rankdir=rankdir or "LR",
        show=show or ("values" if trial.runs is None else "numbers"),
        title=title,
        gradients=looks.gradients,
        colouring=colouring,
        attributes=looks.attributes,
    )
    rows = [item.row for item in picture.items if isinstance(item, Circle | Box) and item.row]
    return Graph(drawn.text, title, _contents(picture), _description(picture), drawn.thumbnails, rows)


def _picture(trial: Trial, nodes: Sequence[Node], view: _View, marks: Marks) -> Scene:
    """Read off the tape what is to be seen."""
    facts = replace(trial.facts, notes=view.notes)
    if trial.runs is not None:
        return _of_modules(trial, trial.runs, facts, view, marks)
    rolling = Rolling(nodes if view.roll else ())
    if view.max_nodes is None and len(set(map(rolling.first, nodes))) > HUGE:
        notice = f"Too many to draw: max_nodes={MOST} draws those nearest to the result (続きは max_nodes で)"
        return overview(_tensors(trial.results), nodes, notice)
    return scene(trial.results, view.max_nodes or MOST, None, marks, facts, view.hide, rolling=rolling)


def _of_modules(trial: Trial, runs: Runs, facts: Facts, view: _View, marks: Marks) -> Scene:
    """Draw modules, and the operations that are in none or in opened ones; or count them if they are too many."""
    record = Record(roots(trial.results))
    results, inside, nodes = trial.results, None, record.nodes
    depth, expand, collapse = view.detail
    if trial.failure is not None:
        expand = (*expand, trial.failure.path) if trial.failure.path and depth is None else expand
        marks = replace(marks, notes={**marks.notes, trial.failure.node.order: trial.failure.note})
    if view.only is not None:
        inside = part(runs, record, view.only)
        runs, results, nodes = inside.runs, inside.results, sorted(inside.nodes, key=attrgetter("order"))
    rolling = Rolling(nodes if view.roll else (), runs)
    places = Places(runs, record, detail(runs, record, depth, expand, collapse), view.fold, rolling)
    if places.fits(nodes, view.max_nodes or MOST):
        return scene(results, None, places, marks, facts, view.hide, inside, rolling)
    notice = "Too many to draw: choose a smaller depth, collapse or a larger max_nodes (続きは depth か max_nodes で)"
    return overview(_tensors(results), nodes, notice)


def _tensors(results: Sequence[Tensor | Node]) -> list[Tensor]:
    return [result for result in results if isinstance(result, Tensor)]


def _with_picture(error: Exception, drawn: Graph) -> Exception:
    """Let an exception carry the picture of what ran before it, and show that in a notebook."""
    error.graph = drawn  # type: ignore[attr-defined]
    error.add_note("viz.graph drew what ran until then: the exception's attribute `graph`, error.graph.save('x.svg')")
    notebook = sys.modules.get("IPython")
    if notebook is not None and getattr(notebook.get_ipython(), "kernel", None) is not None:
        notebook.display.display(drawn)
    return error


def _told(model: Module, only: str | None) -> str:
    if only:
        return f"{only} of {type(model).__name__}"
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
    if isinstance(item, Circle | Box) and item.times_run > 1:
        name += f" (run ×{item.times_run})"
    note = item.mark.note.replace("\n", ", ") if item.mark is not None else ""
    return f"{name} ({note})" if note else name
