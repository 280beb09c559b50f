"""A few threads for elementwise work on large arrays: NumPy's loops release the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")


@cache
def threads() -> int:
    """How many threads to use: the environment variable ``TINYGRAD_JP_THREADS``, else one a processor, at most 8."""
    named = os.environ.get("TINYGRAD_JP_THREADS", "")
    return max(1, int(named)) if named.isdecimal() else min(os.cpu_count() or 1, 8)


_started: list[ThreadPoolExecutor] = []
"""The pool, once there is one. (A list: every product of matrices looks, and that must cost nothing.)"""


def _pool() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # not before it is used: the import takes long

    if not _started:
        _started.append(ThreadPoolExecutor(threads(), thread_name_prefix="tinygrad_jp"))
    return _started[0]


def in_use() -> bool:
    """Tell whether the threads have been started."""
    return bool(_started)


if hasattr(os, "register_at_fork"):  # the threads stay behind in the parent process
    os.register_at_fork(after_in_child=_started.clear)


def share_out(function: Callable[[int, Sequence[T]], object], jobs: Sequence[T]) -> None:
    """Call ``function(worker, jobs of this worker)`` in every thread, and wait for all, also after an error.

    Context variables (``np.errstate``, ``no_grad``) hold in all of them.

    Parameters
    ----------
    function
        Gets the number of the worker, from 0 on, and its share of the jobs.
    jobs
        Are dealt out in turn.
    """
    n = min(threads(), len(jobs))
    _run([partial(function, worker, jobs[worker::n]) for worker in range(n)])


def _run(tasks: Sequence[Callable[[], object]]) -> None:
    """Run the first task here and the others in the pool, and wait for all, also after an error."""
    from concurrent.futures import wait

    others = [_pool().submit(copy_context().run, task) for task in tasks[1:]]
    try:
        tasks[0]()
    finally:
        wait(others)
    for other in others:
        other.result()
