"""Measure, and print one table: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from . import THREADS
from .libraries import Library, installed_peers, tinygrad_jp
from .measures import MEASURES, QUICK, Effort, Row
from .timing import Intruders

QUIET = 0.1
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


def cells(row: Row) -> tuple[str, ...]:
    """Write a row as text."""

    def number(x: float | None, unit: str = "") -> str:
        return "" if x is None else f"{x:.3g} {unit}" if x < 1000 else f"{x:.0f} {unit}"

    return (
        row.measure,
        number(row.ours, row.unit),
        row.peer,
        number(row.theirs, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.best is None else f"{row.best:.2f}",
        ""
        if row.target is None
        else f"≤ {row.target:.2f}"
        if row.ratio is not None
        else f"≤ {number(row.target, row.unit)}",
        {None: "", True: "yes", False: "no"}[row.met],
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


def quietness(intruders: dict[str, float | None]) -> str:
    """Tell how busy other processes kept the machine during each measure, and so what the numbers are worth."""
    known = {name: busy for name, busy in intruders.items() if busy is not None}
    if not known:
        return "processors kept busy by other processes meanwhile: unknown on this system"
    text = ", ".join(f"{name} {busy:.2f}" for name, busy in known.items())
    warning = "\nTHE MACHINE WAS BUSY: measure again when it is quiet" if max(known.values()) > QUIET else ""
    return f"processors kept busy by other processes meanwhile: {text}{warning}"


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
    intruders: dict[str, float | None] = {}
    for name in options.only or MEASURES:
        others = Intruders()
        rows += MEASURES[name](peers, effort)
        intruders[name] = others.processors()
    print(f"\n{table(rows)}\n\n{quietness(intruders)}")
    if options.json:
        report = {
            "machine": about,
            "missing": missing,
            "intruders": intruders,
            "rows": [asdict(row) | {"met": row.met} for row in rows],
        }
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
