"""The modules of a page as frames inside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...tape import Node
from ..watch import Run, Runs

T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """What one run of a module computed.

    Attributes
    ----------
    name, layer
        Dotted name of the module, "" for the model; its class.
    parent
        Place of the frame around it among the frames; None if there is none.
    """

    name: str
    layer: str
    parent: int | None


class Frames:
    """The frames of some nodes.

    Parameters
    ----------
    nodes
        All that are drawn.
    runs
        What was noted of the modules; None: there are no frames.

    Attributes
    ----------
    all
        The frames, those around others before these.
    """

    def __init__(self, nodes: Sequence[Node], runs: Runs | None) -> None:
        self.all: list[Frame] = []
        self._places: dict[Run, int] = {}
        self._of: dict[Node, int | None] = {}
        paths = [runs.around(node.order) if runs else [] for node in nodes]
        whole = len(list(_shared(paths)))  # a frame around everything tells nothing
        for node, path in zip(nodes, paths, strict=True):
            self._of[node] = self._innermost(path[whole:])

    def _innermost(self, path: Sequence[Run]) -> int | None:
        parent = None
        for run in path:
            if run not in self._places:
                self._places[run] = len(self.all)
                self.all.append(Frame(run.path, run.layer, parent))
            parent = self._places[run]
        return parent

    def of(self, node: Node) -> int | None:
        """Return the innermost frame of a node."""
        return self._of[node]

    def title_length(self, frame: int) -> int:
        """Count the characters of a frame's title: its name in the frame around it, and its class."""
        name, layer, parent = self.all[frame].name, self.all[frame].layer, self.all[frame].parent
        outer = "" if parent is None else self.all[parent].name
        own = name.removeprefix(f"{outer}.") if outer else name
        return len(f"{own} · {layer}" if own else layer)

    def common(self, frames: Iterable[int | None]) -> int | None:
        """Return the innermost frame around all of some frames."""
        shared = list(_shared([self.around(frame) for frame in frames]))
        return shared[-1] if shared else None

    def around(self, frame: int | None) -> list[int]:
        """List a frame and those around it, the outermost first."""
        found: list[int] = []
        while frame is not None:
            found.insert(0, frame)
            frame = self.all[frame].parent
        return found


def _shared(paths: Sequence[Sequence[T]]) -> Iterator[T]:
    """Iterate over what all paths begin with."""
    for parts in zip(*paths, strict=False):
        if any(part != parts[0] for part in parts):
            return
        yield parts[0]
