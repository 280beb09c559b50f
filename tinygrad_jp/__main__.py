"""The command line: ``tinygrad-jp``, also ``python -m tinygrad_jp``; its commands are in ``cli/program.py``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments
        Words after the program's name; by default those of this process.
    """
    try:
        from .cli.program import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        print('tinygrad-jp: the command line needs click: pip install "tinygrad_jp[cli]"', file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while the modules are read, `run` is not there yet to tell it
        print("tinygrad-jp: interrupted", file=sys.stderr)
        return 130
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
