"""Measure, and print one table: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from . import THREADS
from .libraries import Library, installed_peers, tinygrad_jp
from .measures import MEASURES, QUICK, Effort, Row
from .timing import Intruders

QUIET = 0.2
"""More processors than this, kept busy by others, spoil a comparison of programs with two threads."""
HEADER = ("measure", "ours", "peer", "theirs", "ratio", "best", "target", "met")


def machine(libraries: Sequence[Library]) -> dict[str, str]:
    """Describe what the numbers were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")] if cpuinfo.exists() else []
    return {
        "CPU": models[0].partition(": ")[2] if models else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "threads": str(THREADS),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
    } | {library.name: library.version for library in libraries}


def disturbed(row: Row) -> bool:
    """Tell whether other processes spoilt a measurement."""
    return row.intruders is not None and row.intruders > QUIET


def cells(row: Row) -> tuple[str, ...]:
    """Write a row as text."""

    def quantity(x: float | None) -> str:
        return "" if x is None else f"{x:.3g} {row.unit}"

    def ratio(x: float | None) -> str:
        return "" if x is None else f"{x:.2f}"

    limit = quantity(row.target) if row.ratio is None else ratio(row.target)
    return (
        row.measure,
        quantity(row.ours),
        row.peer,
        quantity(row.theirs),
        ratio(row.ratio),
        ratio(row.best),
        limit and f"≤ {limit}",
        {None: "", True: "yes", False: "no"}[row.met] + ("?" if row.met is not None and disturbed(row) else ""),
    )


def table(rows: Sequence[Row]) -> str:
    """Align the rows in columns, the text to the left and the numbers to the right."""
    lines = [HEADER, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    left = {HEADER.index("measure"), HEADER.index("peer"), HEADER.index("met")}

    def line(texts: tuple[str, ...]) -> str:
        return "  ".join(
            text.ljust(width) if i in left else text.rjust(width)
            for i, (text, width) in enumerate(zip(texts, widths, strict=True))
        ).rstrip()

    return "\n".join(map(line, lines))


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: the numbers mean little")
    parser.add_argument("--only", metavar="NAME", action="append", choices=MEASURES, help=" ".join(MEASURES))
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the rows to this file")
    options = parser.parse_args()

    peers, missing = installed_peers()
    about = machine([tinygrad_jp(), *peers])
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    effort = QUICK if options.quick else Effort()
    rows: list[Row] = []
    for name in options.only or MEASURES:
        others = Intruders()
        measured = list(MEASURES[name](peers, effort))
        rows += [replace(row, intruders=others.processors()) for row in measured]
    print(f"\n{table(rows)}")
    if any(map(disturbed, rows)):
        print("\n? other processes kept the machine busy meanwhile: measure again when it is quiet")
    if options.json:
        report = {
            "machine": about,
            "missing": missing,
            "rows": [asdict(row) | {"met": row.met} for row in rows],
        }
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
