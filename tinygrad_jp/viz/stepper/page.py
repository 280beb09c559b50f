"""``step`` and the page that it makes: one file with its data, its style and its script inside."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from ...errors import ArgumentError, DtypeError, GraphError
from ...language import language
from ...nn.module import Module
from ...tensor import Tensor
from ..record import reachable
from ..watch import Runs
from ..webpage import Page
from .contents import contents

MOST = 600
"""So many operations are played by default."""
SCRIPTS = ("texts", "elements", "folding", "picture", "camera", "panel", "search", "player", "main")
"""Files of the script, in the order in which they are joined."""


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
