"""Write docs/ops.md from the op table. Run: python docs/make_ops_page.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinygrad_jp.ops import (
    Op,
    activation,
    arithmetic,
    conv,
    elementwise,
    fused,
    layer,
    linalg,
    loss,
    pool,
    reduce,
    shape,
)

PAGE = Path(__file__).with_name("ops.md")
HEAD = """# The op table

One line a row, written by `python docs/make_ops_page.py` from the table itself. On a Tensor the NumPy function runs the
row and is recorded. *Gradient*: "exact" to every order; "zero" by declaration; "none": the result carries no gradient.
`help(tinygrad_jp.maximum)` shows a row in full.
"""


def gradient(row: Op[Any]) -> str:
    if row.zero_gradient:
        return "zero"
    return "exact" if row.vjps or row.composite else "none"


def line(row: Op[Any]) -> str:
    functions = ", ".join(f"`np.{'linalg.' if f.__name__ == 'vector_norm' else ''}{f.__name__}`" for f in row.numpy)
    kinks = "; ".join(f"{kink.where}: {kink.gives}" for kink in row.kinks)
    kind = "fused" if row.decomposition else "composite" if row.composite else ""
    summary = (row.__doc__ or "").splitlines()[0]
    cells = [f"`{row.name}`", row.symbol, summary, gradient(row), kind, functions, kinks]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page() -> str:
    parts = [HEAD]
    for module in (arithmetic, elementwise, activation, reduce, shape, linalg, conv, pool, layer, fused, loss):
        rows = [
            row
            for row in vars(module).values()
            if isinstance(row, Op) and row.__wrapped__.__module__ == module.__name__
        ]
        parts.append(f"## {module.__name__.rpartition('.')[2]}\n\n{(module.__doc__ or '').splitlines()[0]}\n")
        parts.append(
            "| op | symbol | what | gradient | kind | NumPy | at kinks, gradient |\n|---|---|---|---|---|---|---|"
        )
        parts.append("\n".join(map(line, rows)) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
