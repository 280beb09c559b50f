"""A few threads for elementwise work on large arrays: NumPy's loops release the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from functools import cache, partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

T = TypeVar("T")


@cache
def threads() -> int:
    """How many threads to use: the environment variable ``TINYGRAD_JP_THREADS``, else one a processor, at most 8."""
    named = os.environ.get("TINYGRAD_JP_THREADS", "")
    return max(1, int(named)) if named.isdecimal() else min(os.cpu_count() or 1, 8)


class _Task:
    """A call that a helper makes, and the error it ended with."""

    __slots__ = "call", "context", "done", "error"

    def __init__(self, call: Callable[[], object]) -> None:
        self.call, self.context = call, copy_context()
        self.done = Lock()
        self.done.acquire()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.context.run(self.call)
        except BaseException as error:
            self.error = error
        self.done.release()


_helpers: list[Thread] = []
_starting = Lock()
_tasks: SimpleQueue[_Task] = SimpleQueue()


def _help() -> None:
    while True:
        _tasks.get().run()


def _start_helpers() -> None:
    with _starting:
        while len(_helpers) < threads() - 1:
            helper = Thread(target=_help, name=f"tinygrad_jp {len(_helpers) + 1}", daemon=True)
            try:
                helper.start()
            except RuntimeError:  # the system has no more threads: who waits does the work
                return
            _helpers.append(helper)


def _hand_out(task: Callable[[], object]) -> _Task:
    """Let a helper do it.

    A ThreadPoolExecutor takes three times as long: 100 µs more, 30 times in a training step (measured).
    """
    if len(_helpers) < threads() - 1:
        _start_helpers()
    handed = _Task(task)
    _tasks.put(handed)
    return handed


def _lend_a_hand() -> None:
    """Do what no helper has begun, so that nobody waits for a helper that waits itself, or was never started."""
    with suppress(Empty):
        while True:
            _tasks.get_nowait().run()


def in_use() -> bool:
    """Tell whether the threads have been started."""
    return bool(_helpers)


def _forget() -> None:
    """Begin anew: in a forked process, whose threads stay behind in its parent."""
    global _starting, _tasks
    _helpers.clear()
    _starting, _tasks = Lock(), SimpleQueue()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


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
    """Run the first task here and have helpers run the others; wait for all, also after an error."""
    others = [_hand_out(task) for task in tasks[1:]]
    try:
        tasks[0]()
    finally:
        _lend_a_hand()
        for other in others:
            other.done.acquire()
        failed = next((other.error for other in others if other.error is not None), None)
        for other in others:
            other.error = None  # an error knows the call it comes from: the two would keep each other alive
    try:
        if failed is not None:
            raise failed
    finally:
        del failed
