"""``step`` and the page that it makes: one file with its data, its style and its script inside."""

from __future__ import annotations

import html
import json
import os
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...errors import ArgumentError, DtypeError, GraphError
from ...files import write_atomically
from ...language import language
from ...nn.module import Module
from ...tensor import Tensor
from ..record import reachable
from ..watch import Runs
from .contents import contents

MOST = 600
"""So many operations are played by default."""
SCRIPTS = ("texts", "elements", "folding", "picture", "camera", "panel", "search", "player", "main")
"""Files of the script, in the order in which they are joined."""
FRAME = "width:100%;height:{height}px;border:1px solid #8886;border-radius:8px"


class Page:
    """A page that plays a computation; Jupyter shows it as it is.

    Attributes
    ----------
    html : str
        The whole page. It needs no other file, and nothing may be loaded over the network from it.
    """

    height = 680
    """Of the frame in a notebook, in pixels."""

    def __init__(self, html: str, title: str, told: str) -> None:
        self.html = html
        self._title = title
        self._told = told

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, which any browser opens.

        Parameters
        ----------
        path
            Ends with .html or .htm. Folders are made as needed; a file that is there is replaced only once the new one
            is complete.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ArgumentError
            For another suffix.
        OSError
            If it cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ArgumentError(f"Page.save: unknown suffix {target.suffix!r} in {target}; use .html")
        return write_atomically(target, self.html.encode())

    def _repr_html_(self) -> str:
        # the frame has an origin of its own: nothing in it reaches the notebook
        quoted = html.escape(self.html)
        style = FRAME.format(height=self.height)
        title = html.escape(self._title)
        return f'<iframe srcdoc="{quoted}" title="{title}" sandbox="allow-scripts" style="{style}"></iframe>'

    def __repr__(self) -> str:
        return f"<Page: {self._told}; .save('x.html') writes it>"


def step(y: Tensor, *, runs: Runs | None = None, title: str | None = None, max_nodes: int | None = None) -> Page:
    """Make a page that plays a computation: forward node by node, then backward edge by edge.

    At every node stand the local formula and the numbers put into it (200 × 1.1 = 220); on the way back those of the
    chain rule (1.1 × 2 = 2.2), in words, too. A click on a node shows its history, its whole values and the line of
    code that ran it. The page speaks Japanese and English and opens in the one that :func:`.language` returns.

    Parameters
    ----------
    y
        The result of a computation that requires a gradient. What was computed inside ``with keep_values():`` is shown
        with all values and lines of code, else with small arrays only; after ``backward`` with gradients.
    runs
        What :func:`.watch` noted while `y` was computed: then modules are frames, which open and close.
    title
        Of the page; by default the result's name.
    max_nodes
        More operations than this, by default 600, are refused: no one would step through them.

    Returns
    -------
    Page
        With ``.save(path)`` and ``.html``.

    Raises
    ------
    GraphError
        If there is nothing behind `y`.
    ArgumentError
        If there are too many operations.
    GraphvizError
        If there is no Graphviz, or it fails.

    Examples
    --------
    >>> with keep_values():
    ...     price = apple * 2 * 1.1
    >>> price.backward()
    >>> viz.step(price).save("price.html")
    """
    _check(y, runs, title, max_nodes)
    shown = contents(y, runs, title)
    count = sum(item["kind"] == "op" for item in shown["items"])
    told = f"{count} operation{'s' if count != 1 else ''}, {len(shown['steps'])} steps"
    return Page(_written(shown), shown["title"] or told, told)


def _check(y: Any, runs: Any, title: Any, max_nodes: Any) -> None:
    if isinstance(y, Module):
        raise DtypeError(
            f"viz.step: plays what was computed, got the module {type(y).__name__}; pass the Tensor that it returns, "
            "computed inside `with keep_values(), viz.watch(model) as runs:`, and runs=runs"
        )
    if not isinstance(y, Tensor):
        raise DtypeError(f"viz.step: plays the computation of a Tensor, got {type(y).__name__}")
    if runs is not None and not isinstance(runs, Runs):
        raise DtypeError(f"viz.step: runs= is what viz.watch(model) gives, got {type(runs).__name__}")
    if title is not None and not isinstance(title, str):
        raise DtypeError(f"viz.step: title= is a text, got {type(title).__name__}")
    if max_nodes is not None and (isinstance(max_nodes, bool) or not isinstance(max_nodes, int) or max_nodes < 1):
        raise ArgumentError(f"viz.step: max_nodes must be a whole number of at least 1, got {max_nodes!r}")
    if y._node is None:
        raise GraphError(
            f"viz.step: there is no computation behind this Tensor of shape {y.shape}: it is a leaf, was detached, or "
            "was computed of nothing that requires a gradient, or inside no_grad()"
        )
    count = len(reachable([y._node]))
    if count > (max_nodes or MOST):
        raise ArgumentError(
            f"viz.step: {count:,} operations are too many to step through (at most {max_nodes or MOST:,}); step "
            "through a smaller model or a part, draw it with viz.graph(…, depth=1), or allow more with max_nodes="
        )


def _written(shown: dict[str, Any]) -> str:
    """Put contents, style and script into the page."""
    style, script = asset("page.css"), "\n".join(asset(f"{name}.js") for name in SCRIPTS)
    parts = {
        "language": language(),
        "title": html.escape(shown["title"] or "tinygrad_jp"),
        "policy": f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "data": safe_json(shown),
        "script": script,
    }
    page = asset("page.html")
    head, *pieces = page.split("{{")
    return head + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces))


def safe_json(value: Any) -> str:
    """Write JSON that stays inside its ``script`` element whatever the texts in it are."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")  # half a surrogate pair is no character


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def asset(name: str) -> str:
    """Read a file of the page."""
    return files(__package__).joinpath("assets", name).read_text("utf-8")
