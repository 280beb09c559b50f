"""What examples need around their experiment: options, images, a line that compares, a figure to draw in."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_jp.data import Mnist, mnist
from tinygrad_jp.errors import DataError
from tinygrad_jp.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parser(description: str | None, data: bool = False) -> argparse.ArgumentParser:
    """Return a parser with the options that all examples have, ``--quick`` and ``--out``.

    Parameters
    ----------
    description
        The example's docstring; ``--help`` prints it.
    data
        Whether the example reads MNIST: then it has the option ``--data`` too.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="a smaller experiment that takes a few seconds at most")
    made.add_argument(
        "--out", type=Path, default=Path("examples/output"), help="folder for the figures (default: %(default)s)"
    )
    if data:
        made.add_argument("--data", type=Path, help="folder of the four MNIST files (default: see README.md)")
    return made


def images(quick: bool, data: Path | None) -> Mnist:
    """Return MNIST: the 6,000 images that ship with the package if `quick`, else all 70,000.

    All of them are taken from `data`, from the folder that the environment variable ``TINYGRAD_JP_DATA`` names or from
    the user's cache, or they are downloaded. If that fails, the program ends with a message that says what to do.
    """
    try:
        return mnist(subset="mini") if quick else mnist(data)
    except DataError as error:
        raise SystemExit(f"{error}\n(--quick does without them)") from None


def compare(what: str, ours: object, theirs: object = "–", source: str = "book") -> None:
    """Print one result beside the book's; a dash stands for a number the book does not print."""
    print(f"{what:<44} ours {ours!s:<38} {source} {theirs}")


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches (extra ``[demo]``: matplotlib)."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit('The figures need matplotlib: pip install "tinygrad_jp[demo]"') from None
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the suffix of `path` tells, and print where it is."""
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix.removeprefix("."), dpi=120)
    print("figure:", write_atomically(path, content.getvalue()))
