"""Tiles shared out among a few threads, each with a BLAS of one thread.

On small products the threads of a BLAS gain little, and the copies around them nothing. Two threads that each take half
of the tiles are 1.5 times as fast as one, if the BLAS inside them starts no threads of its own (measured).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from ..parallel import share_out, threads

T = TypeVar("T")

PREFIXES = ("scipy_", "")
SUFFIXES = ("64_", "")


@cache
def openblas_functions(*names: str, whole_numbers: int | None = None) -> tuple[Any, ...] | None:
    """Find functions of the OpenBLAS inside NumPy's wheel; None for another BLAS.

    Parameters
    ----------
    names
        With {} in place of what a build may put before ``openblas`` or ``cblas``, as in ``"{}cblas_sgemm"``.
    whole_numbers
        64 for a BLAS whose sizes have so many bits; by default any.
    """
    import ctypes  # not before they are used: the imports take long
    from pathlib import Path

    package = Path(np.__file__).parent
    for path in [*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")]:
        library = ctypes.CDLL(str(path))  # NumPy has loaded it already: this is the same one
        for prefix in PREFIXES:
            for suffix in SUFFIXES if whole_numbers is None else (SUFFIXES[0],):
                symbols = [name.format(prefix) + suffix for name in names]
                if all(hasattr(library, symbol) for symbol in symbols):
                    return tuple(getattr(library, symbol) for symbol in symbols)
    return None


def _openblas() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """Find how many threads the BLAS uses, and how to set it."""
    return openblas_functions("{}openblas_get_num_threads", "{}openblas_set_num_threads")


class _OneThread:
    """Holds the BLAS at one thread while anybody is inside.

    Compiled products set the number, too, with a lock and a count of their own. So who finds one thread writes nothing:
    whoever writes 1 has read the number before, and writes it at last.
    """

    def __init__(self, get: Callable[[], int], set: Callable[[int], Any]) -> None:
        self.get, self.set = get, set
        self.lock = Lock()
        self.inside = 0
        self.before = 1

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = self.get()
                if self.before != 1:
                    self.set(1)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside and self.before != 1:
                self.set(self.before)


@cache
def one_blas_thread() -> AbstractContextManager[None]:
    """Let products inside this ``with`` block run in one thread, if the BLAS can be told so."""
    blas = _openblas()
    return _OneThread(*blas) if blas else nullcontext()


def workers() -> int:
    """How many threads share the tiles: one if the BLAS cannot be told to start none of its own."""
    return threads() if _openblas() else 1


def pieces(n: int, largest: int, multiple: int = 1) -> list[slice]:
    """Cut n things into pieces as equal as can be, at most `largest`; their number a multiple if possible."""
    count = -(-n // max(largest, 1))
    count = min(-(-count // multiple) * multiple, n)
    size, larger = divmod(n, max(count, 1))
    ends = [i * size + min(i, larger) for i in range(count + 1)]  # the larger ones first: they are dealt out in turn
    return [slice(*ends[i : i + 2]) for i in range(count)]


def each_share(function: Callable[[int, Sequence[T]], object], tiles: Sequence[T]) -> None:
    """Call ``function(worker, its tiles)`` in every thread (see ``share_out``), with a BLAS of one thread.

    Also where only one thread has work: the BLAS's own would be in the way of ours in the next kernel (measured: in
    DeepConvNet, one layer that they share makes the step 1.5 times as long).
    """
    if not tiles:
        return
    with one_blas_thread():
        if len(tiles) < 2 or workers() < 2:
            function(0, tiles)
        else:
            share_out(function, tiles)
