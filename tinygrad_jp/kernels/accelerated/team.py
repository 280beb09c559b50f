"""A team of threads inside compiled code: they share out a computation in a microsecond.

To wake a thread that sleeps costs 50 µs and more, as long as a small kernel takes. So the helpers look out for work for
a while before they sleep again, as the threads of OpenMP and of a BLAS do, and do not hold the interpreter's lock
meanwhile. Who hands out work takes parts of it, too, and never waits for a helper that has not begun.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Event, Lock, Thread

import numpy as np
from numpy import ndarray

from ...buffers import LINE, aligned
from ...parallel import threads
from .atomic import add, call, read, relax, seize, write
from .jit import kernel

PATIENCE = 100_000
"""How often a helper looks for work before it sleeps: for about two milliseconds, which is longer than Python takes
from one kernel of a training step to the next."""

# The words of a team, each in a line of the cache of its own:
BUSY, OPEN, COUNT, NEXT, INSIDE, WORK, ARGUMENTS, HANDED_OUT, ASLEEP = range(0, 9 * (LINE // 8), LINE // 8)
"""Whether somebody hands out work; its number while parts may be taken, else 0; how many parts there are; the next one;
how many helpers may be taking parts; the addresses of the work and of its arguments (see ``atomic.bind``); how often
work was handed out so far; from here on, whether each helper sleeps."""


@kernel
def _take_parts(team: ndarray, worker: int) -> None:
    """Compute parts until none is left."""
    work, arguments, count = read(team, WORK), read(team, ARGUMENTS), read(team, COUNT)
    part = add(team, NEXT, 1)
    while part < count:
        call(work, arguments, part, worker)
        part = add(team, NEXT, 1)


@kernel
def hand_out(team: ndarray, bound: tuple[int, int], cuts: ndarray) -> None:
    """Compute all parts, each in whichever thread is free; all by itself if the team is busy.

    Parameters
    ----------
    team
        See :func:`team`.
    bound
        See ``atomic.bind``.
    cuts
        A part is from one of these to the next.
    """
    (work, arguments), count = bound, cuts.size - 1
    if count < 2 or not seize(team, BUSY):
        for part in range(count):
            call(work, arguments, part, 0)
        return
    number = add(team, HANDED_OUT, 1) + 1
    write(team, WORK, work)
    write(team, ARGUMENTS, arguments)
    write(team, COUNT, count)
    write(team, NEXT, 0)
    write(team, OPEN, number)
    _take_parts(team, 0)
    write(team, OPEN, 0)
    while read(team, INSIDE):
        relax()
    write(team, BUSY, 0)


@kernel
def _help(team: ndarray, worker: int, asleep: int, patience: int) -> None:
    """Take parts of whatever is handed out, until nothing was for a while."""
    idle, last = 0, 0
    write(team, asleep, 0)
    while True:
        number = read(team, OPEN)
        if number and number != last:
            add(team, INSIDE, 1)
            if read(team, OPEN) == number:  # else it was closed meanwhile, and is not waited for
                _take_parts(team, worker)
                last, idle = number, 0
            add(team, INSIDE, -1)
        elif idle < patience:
            relax()
            idle += 1
        else:
            write(team, asleep, 1)
            return


def _serve(team: ndarray, worker: int, wake: Event) -> None:
    """Be a helper."""
    while True:
        wake.wait()
        wake.clear()
        _help(team, worker, ASLEEP + (worker - 1) * (LINE // 8), PATIENCE)


class _Team:
    """The helpers of this process, once there are any."""

    words: ndarray | None = None
    alarms: Sequence[Event] = ()
    lock = Lock()

    @classmethod
    def forget(cls) -> None:
        """Begin anew: threads stay behind in the parent process."""
        cls.words, cls.alarms, cls.lock = None, (), Lock()

    @classmethod
    def start(cls) -> ndarray:
        """Start the helpers, asleep, unless another thread just did."""
        with cls.lock:
            return cls._start() if cls.words is None else cls.words

    @classmethod
    def _start(cls) -> ndarray:
        helpers = threads() - 1
        words = aligned(np.zeros(ASLEEP + max(helpers, 1) * (LINE // 8), np.int64))
        words[ASLEEP :: LINE // 8] = 1
        words[BUSY] = not helpers  # then everything is computed by who hands it out
        cls.alarms = [Event() for _ in range(helpers)]
        for i, wake in enumerate(cls.alarms):
            Thread(target=_serve, args=(words, i + 1, wake), name=f"tinygrad_jp_{i + 1}", daemon=True).start()
        cls.words = words
        return words


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Team.forget)


NOBODY = np.ones(1, np.int64)
"""A team that is busy always."""


def team(cuts: ndarray) -> ndarray:
    """Return the team for the parts that are so cut, awake or about to be: what kernels that share out work ask for."""
    if len(cuts) <= 2:
        return NOBODY
    words = _Team.words
    if words is None:
        words = _Team.start()
    for i, wake in enumerate(_Team.alarms):
        if words[ASLEEP + i * (LINE // 8)]:
            wake.set()
    return words
