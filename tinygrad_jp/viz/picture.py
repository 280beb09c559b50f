"""A finished picture: its DOT text, its SVG, and files of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from ..errors import ArgumentError
from ..files import write_atomically
from .render import Format, render
from .svg import finished
from .thumbnails import Thumbnail

OTHERS = tuple(name for name in get_args(Format) if name not in ("svg", "png", "pdf"))
SHARP = 192
"""Thumbnails in PNG and PDF files have at least so many pixels along each side, for viewers would blur them."""


class Graph:
    """A drawn graph; Jupyter shows it as it is.

    Attributes
    ----------
    dot : str
        The DOT text. Thumbnails are named in it by what they show.
    svg : str
        The picture as SVG, complete in itself; made on first use.
    """

    def __init__(
        self,
        dot: str,
        title: str | None = None,
        contents: str = "",
        description: str = "",
        thumbnails: Mapping[str, Thumbnail] | None = None,
        rows: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.dot = dot
        self._title = title
        self._contents = contents
        self._description = description
        self._thumbnails = thumbnails or {}
        self._rows = rows

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text, with a title and a description for those who do not see it."""
        images = self._images()
        title = self._title or f"Computational graph: {self._contents}"
        return finished(render(self.dot, "svg", images).decode(), title, self._description, images)

    def _images(self, least: int = 1) -> dict[str, bytes]:
        return {name: thumbnail.png(least) for name, thumbnail in self._thumbnails.items()}

    def rows(self) -> list[dict[str, Any]]:
        """Return what is drawn as data: a row for each operation and module, in the order of computing.

        Returns
        -------
        list of dict
            With the same columns in each row; None is not known. Texts, numbers and tuples of numbers alone, ready for
            ``pandas.DataFrame``, ``csv.DictWriter`` and ``json.dump``. Of a graph that was only counted there are none.

            kind, name, type, options
                "operation", the name of its result, the operation's name, its static arguments; or "module", the
                dotted name, the class, its options.
            module
                Dotted name of the module around it.
            input_shapes, shape, dtype
                Of what flows in (without parameters and numbers) and out.
            parameters, multiply_adds, bytes, saved
                Numbers that are learned; products that are summed; memory in bytes that it adds (see
                :class:`.cost.Cost`), and that of all it keeps for the backward pass. Of repeated blocks those of one;
                of all runs of a loop together.
            times, runs
                How often a block is repeated; how often a loop ran it, with ``roll=True``.
            seconds
                How long a module took in its only run; or a module or an operation in its second run, if ``notes=`` or
                ``colour=`` asks for it.
            magnitude
                Mean absolute value of the result, if that is known, or ``notes=`` or ``colour=`` asks for it. (Of a
                module that was given shapes alone this, `saved` and `seconds` are known only with ``compute=True``.)
            gradient
                Euclidean norm of the result's gradient, after ``backward``; of all runs of a loop together.
            source
                The line of code, inside ``keep_values()`` or with ``notes="source"``.

        Examples
        --------
        >>> pandas.DataFrame(viz.graph(ResNet(18), (1, 3, 224, 224), depth="layers").rows())
        """
        return [dict(row) for row in self._rows]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file.

        Parameters
        ----------
        path
            Its suffix tells the format: .svg, .png, .pdf, or .dot (.gv) for the DOT text, beside which its thumbnails
            are written; or .jpg, .gif, .webp, .eps, .ps, … if the installed Graphviz writes them. Folders are made as
            needed; a file that is there is replaced only once the new one is complete.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ArgumentError
            For another suffix.
        OSError
            If the file cannot be written; it is named.
        GraphvizError
            If there is no Graphviz, if it does not write this format, or fails.
        """
        target = Path(path)
        suffix = target.suffix.lower().removeprefix(".")
        if suffix in ("dot", "gv"):
            for name, image in self._images(SHARP).items():
                write_atomically(target.with_name(name), image)
            content = self.dot.encode()
        elif suffix == "svg":
            content = self.svg.encode()
        elif suffix in get_args(Format):
            content = render(self.dot, suffix, self._images(SHARP))  # type: ignore[arg-type]
        else:
            raise ArgumentError(
                f"Graph.save: unknown suffix {target.suffix!r} in {target}; use .svg, .png, .pdf or .dot (or "
                f"{', '.join(f'.{name}' for name in OTHERS)})"
            )
        return write_atomically(target, content)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Graph: {self._contents}; .save('x.svg') draws it>"
