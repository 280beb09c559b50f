"""What a training run shows while it goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..language import tell

PATIENCE = 30.0
"""Seconds between plain lines within an epoch."""


class Display:
    """Shows the progress of an epoch; this one shows nothing."""

    def advance(self, examples: int, loss: float, metrics: dict[str, float]) -> None:
        """Note a batch: its number of examples, and the means of the epoch so far."""


class Bar(Display):
    """A bar of tqdm, with examples per second and the remaining time; in Jupyter the notebook's."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def advance(self, examples: int, loss: float, metrics: dict[str, float]) -> None:
        """Move the bar."""
        if time.monotonic() - self.bar.last_print_t_monotonic > 0.1:
            self.bar.last_print_t_monotonic = time.monotonic()
            self.bar.set_postfix(means(loss, metrics), refresh=False)
        self.bar.update(examples)


class Lines(Display):
    """Plain lines, where there is no terminal: one every half a minute."""

    def __init__(self, title: str, total: int, done: int) -> None:
        self.title, self.total, self.done = title, total, done
        self.start = self.last = time.monotonic()
        self.first = done

    def advance(self, examples: int, loss: float, metrics: dict[str, float]) -> None:
        """Write a line if it is time."""
        self.done += examples
        now = time.monotonic()
        if now - self.last >= PATIENCE:
            self.last = now
            speed = (self.done - self.first) / (now - self.start)
            line = tell(
                "{title}: {done}/{total}, {means}, {speed:.0f} examples/s, {left:.0f} s left",
                title=self.title,
                done=self.done,
                total=self.total,
                means=", ".join(f"{k} {v}" for k, v in means(loss, metrics).items()),
                speed=speed,
                left=(self.total - self.done) / speed,
            )
            print(line, file=sys.stderr, flush=True)


def means(loss: float, metrics: dict[str, float]) -> dict[str, str]:
    """Write the means of an epoch so far."""
    return {tell(name): f"{value:.4f}" for name, value in {"loss": loss, **metrics}.items()}


@contextmanager
def display(shown: bool, title: str, total: int, done: int) -> Iterator[Display]:
    """Choose how to show an epoch: a bar on a terminal or in a notebook, lines elsewhere, or nothing."""
    if not shown:
        yield Display()
    elif sys.stderr.isatty() or "ipykernel" in sys.modules:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            yield Lines(title, total, done)
            return
        with tqdm(total=total, initial=done, desc=title, unit=tell(" examples"), unit_scale=True, leave=False) as bar:
            bar.last_print_t_monotonic = 0.0
            yield Bar(bar)
    else:
        yield Lines(title, total, done)
