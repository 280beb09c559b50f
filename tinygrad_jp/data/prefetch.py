"""Work done ahead, by one background thread."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Any, TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], count: int) -> Generator[T, None, None]:
    """Yield the same items in the same order, while one thread makes up to `count` of them ahead.

    Parameters
    ----------
    items
        Made one at a time. What raises there is raised here, in its turn.
    count
        How many items may be ready or in the making; 0 makes them here, without a thread.

    Yields
    ------
    T
        The items. The thread ends with them, or when this generator is closed (a ``break`` out of the loop over it).
    """
    if count == 0:
        yield from items
        return
    room, stop = Semaphore(count - 1), Event()  # one item is in the making from the start
    ready: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

    def work() -> None:
        try:
            for item in items:
                ready.put((True, item))
                room.acquire()
                if stop.is_set():
                    return
            ready.put((False, None))
        except BaseException as error:  # whatever it is, the consumer must not wait forever
            ready.put((False, error))

    thread = Thread(target=work, name="tinygrad_jp prefetch", daemon=True)
    thread.start()
    try:
        while True:
            is_item, value = ready.get()
            if is_item:
                room.release()
                yield value
            elif value is None:
                return
            else:
                raise value
    finally:
        stop.set()
        room.release()
        thread.join()
