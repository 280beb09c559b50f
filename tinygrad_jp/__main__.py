"""The command line: ``tinygrad-jp demo``, also ``python -m tinygrad_jp demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .demo import LANGUAGES, demo, language_of_user


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments
        Words after the program's name; by default those of this process.
    """
    parser = argparse.ArgumentParser(
        prog="tinygrad-jp",
        description="A tape-based autograd framework in NumPy. ゼロから作る Deep Learning の計算グラフを描きます。",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_jp {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "demo",
        help="draw the book's shopping graphs, then train a digit classifier on real MNIST (about 10 seconds)",
        description="Draw the computational graphs of the book's two shops with their gradients, then train a "
        "784-50-10 network, written with Tensor operations only, on a genuine subset of MNIST.",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("demo_output"),
        metavar="DIR",
        help="folder for the pictures (default: %(default)s)",
    )
    command.add_argument(
        "--lang", choices=LANGUAGES, default=language_of_user(), help="language of the messages (here: %(default)s)"
    )
    given = parser.parse_args(arguments)
    try:
        demo(given.out, given.lang)
    except KeyboardInterrupt:
        print("\ninterrupted (中断しました)", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"tinygrad-jp: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
