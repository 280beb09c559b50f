"""How a picture writes numbers, shapes and names, and how they are made safe inside markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..blank import Blank
from ..tape import Node, Outline
from ..tensor import Tensor

UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
"""What XML does not allow, and control characters."""


def name_or_value(edge: Any) -> str:
    """Text for an input: its name, else its value if it is one number, else its shape."""
    name = getattr(edge, "name", None)
    if name:
        return str(name)
    value = edge.numpy() if isinstance(edge, Tensor) else edge
    shape = value.shape if isinstance(value, Node | Outline) else np.shape(value)
    if isinstance(value, Node | Outline | Blank) or np.size(value) != 1:
        return written(shape)
    return number(np.asarray(value).item())


def written(shape: tuple[int, ...]) -> str:
    """Write a shape as Python does: (), (3,), (2, 3)."""
    return str(tuple(map(int, shape)))


def number(x: float) -> str:
    """Write a number as a picture shows it: exactly if it is short (220, 1.1), else to four significant digits."""
    if isinstance(x, bool | int) and abs(x) < 10**7:
        return str(x)
    x = float(x)  # NumPy takes no longer integers than its own
    if np.isnan(x):
        return "NaN"
    if np.isinf(x):
        return "∞" if x > 0 else "-∞"
    exact = f"{x + 0.0:.10g}"  # + 0.0 turns -0 into 0
    return exact if len(exact) <= 7 else f"{x:.4g}"


def amount(n: float, unit: str = "") -> str:
    """Write a large number short: 950, 1.2 k, 34 M, 5.6 G."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= factor:
            return f"{n / factor:.3g} {prefix}{unit}"
    return f"{n:g} {unit}".rstrip()


def rolled(times: int, before: str = "") -> str:
    """Write how often a loop ran something, if it did, in a way that no product is written in."""
    return f"{before}↻ ×{times}" if times > 1 else ""


def joined(texts: Iterable[str]) -> str:
    """Write what differs from run to run as one: both, or the first and the last."""
    found = list(dict.fromkeys(texts))
    return ", ".join(found) if len(found) < 3 else f"{found[0]} … {found[-1]}"


def escape(text: str) -> str:
    """Make text safe inside Graphviz's markup; a newline becomes a line break, other control characters vanish."""
    # Graphviz reads \N and the like as commands, also in markup
    return "<br/>".join(printable(line).replace("\\", "\\\\") for line in text.splitlines())


def quoted(text: str) -> str:
    """Write text as an attribute in quotes; a newline stays one."""
    return '"' + "&#10;".join(printable(line).replace("\\", "\\\\") for line in text.splitlines()) + '"'


def printable(text: str) -> str:
    """Make text safe inside XML: control characters vanish."""
    return html.escape(UNSAFE.sub("", text))
