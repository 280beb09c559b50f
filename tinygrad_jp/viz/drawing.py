"""``graph``: the computational graph of a tensor as a picture."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import get_args

from ..errors import DtypeError
from ..files import write_atomically
from ..tensor import Tensor
from .dot import Rankdir, Show, dot
from .render import Format, render
from .scene import scene


class Graph:
    """A drawn graph; Jupyter shows it as it is.

    Attributes
    ----------
    dot : str
        The DOT text.
    svg : str
        The picture as SVG; made on first use.
    """

    def __init__(self, dot: str) -> None:
        self.dot = dot

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text."""
        return render(self.dot, "svg").decode()

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
        operations = self.dot.count("shape=circle") + self.dot.count("shape=box")
        return f"<Graph: {operations} operations; .save('x.svg') draws it>"


def graph(
    y: Tensor, *, rankdir: Rankdir = "LR", show: Show = "values", max_nodes: int = 1000, title: str | None = None
) -> Graph:
    """Draw the computational graph of a tensor as the book draws it.

    Operations are circles, inputs stand by their names. Above an arrow is the value that flows forward; after
    ``backward`` the gradient that comes back stands below it, in red. A gradient that was not computed is not drawn.
    A Python number is written into the circle ("×2", figure 5-1), a Tensor stands beside it (figure 5-2).

    Parameters
    ----------
    y
        The result of a computation that requires a gradient. A leaf gives a picture of itself.
    rankdir
        Direction of the flow: "LR" (left to right), "TB", "RL" or "BT".
    show
        "values": numbers, up to 16 in one tensor, and the shape of larger ones; "shapes"; or "both".
    max_nodes
        Draw at most this many operations, those nearest to the result; a notice says so.
    title
        Above the picture.

    Returns
    -------
    Graph
        With ``.dot``, ``.svg`` and ``.save(path)``.

    Examples
    --------
    >>> apple = Tensor(100.0, requires_grad=True, name="りんご")
    >>> price = apple * 2 * 1.1
    >>> price.backward()
    >>> graph(price).save("apple.svg")
    """
    if not isinstance(y, Tensor):
        raise DtypeError(f"viz.graph: draws a Tensor, got {type(y).__name__}")
    if rankdir not in get_args(Rankdir):
        raise ValueError(f"viz.graph: rankdir must be one of {get_args(Rankdir)}, got {rankdir!r}")
    if show not in get_args(Show):
        raise ValueError(f"viz.graph: show must be one of {get_args(Show)}, got {show!r}")
    if max_nodes < 1:
        raise ValueError(f"viz.graph: max_nodes must be at least 1, got {max_nodes}")
    return Graph(dot(scene(y, max_nodes), rankdir=rankdir, show=show, title=title))
