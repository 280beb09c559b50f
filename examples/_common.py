"""What examples need around their experiment: options, images, a line that compares, a figure to draw in."""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_jp.data import Mnist, mnist
from tinygrad_jp.errors import DataError
from tinygrad_jp.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinygrad_jp.data import DataLoader
    from tinygrad_jp.train import History, Trainer


def parser(
    description: str | None, data: bool = False, epochs: tuple[int, int] | None = None
) -> argparse.ArgumentParser:
    """Return a parser with the options that all examples have, ``--quick`` and ``--out``.

    Parameters
    ----------
    description
        The example's docstring; ``--help`` prints it.
    data
        Whether the example reads MNIST: then it has the option ``--data`` too.
    epochs
        How many it trains for if not told, in full and with ``--quick``: then it has ``--epochs`` and ``--resume`` too.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="a smaller experiment that takes a few seconds at most")
    made.add_argument(
        "--out", type=Path, default=Path("examples/output"), help="folder for the figures (default: %(default)s)"
    )
    if data:
        made.add_argument("--data", type=Path, help="folder of the four MNIST files (default: see README.md)")
    if epochs is not None:
        usual = f"(default: {epochs[0]}, quick: {epochs[1]})"
        made.add_argument("--epochs", type=int, help=f"passes over the training images {usual}")
        made.add_argument("--resume", action="store_true", help="go on from the last checkpoints in the folder")
    return made


def images(quick: bool, data: Path | None, flatten: bool = True) -> Mnist:
    """Return MNIST: the 6,000 images that ship with the package if `quick`, else all 70,000.

    Their shape is (N, 784), or (N, 1, 28, 28) if not `flatten`.

    All of them are taken from `data`, from the folder that the environment variable ``TINYGRAD_JP_DATA`` names or from
    the user's cache, or they are downloaded. If that fails, the program ends with a message that says what to do.
    """
    try:
        return mnist(subset="mini", flatten=flatten) if quick else mnist(data, flatten=flatten)
    except DataError as error:
        raise SystemExit(f"{error}\n(--quick does without them)") from None


def fit(trainer: Trainer, train: DataLoader, test: DataLoader, epochs: int, resume: bool) -> History:
    """Train into the Trainer's folder: if `resume`, on from the checkpoint that is there, else from the beginning.

    Ctrl-C ends the program, once there is a checkpoint.
    """
    from tinygrad_jp.train import LAST

    assert trainer.out is not None
    found = (trainer.out / LAST).exists()
    if found and not resume:
        shutil.rmtree(trainer.out)  # of an earlier run
    history = trainer.fit(train, test, epochs, resume=found and resume)
    if trainer.interrupted:
        raise SystemExit("(--resume goes on)")
    return history


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
