"""A progress bar, if tqdm is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(description: str, total: int | None, unit: str = "it") -> Iterator[Callable[..., None]]:
    """Show the progress of a long job on the standard error stream: a bar if tqdm is installed, else one line.

    Parameters
    ----------
    description
        What is being done.
    total
        How many units there are, if known.
    unit
        Name of a unit; "B" for bytes, which are counted in kB and MB.

    Yields
    ------
    callable
        ``advance(n=1, note="")``: call it with the units done since the last call, and what to show beside the bar.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError:
        print(description, file=sys.stderr)
        yield lambda n=1, note="": None
        return
    with tqdm(total=total, desc=description, unit=unit, unit_scale=unit == "B") as bar:

        def advance(n: int = 1, note: str = "") -> None:
            if note:
                bar.set_postfix_str(note, refresh=False)
            bar.update(n)

        yield advance
