"""Measure the kernels of convolution against each other and write docs/kernels.md: run it on a quiet machine.

python docs/make_kernels_page.py
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

import tinygrad_jp
from tinygrad_jp.kernels import choice, convolution, winograd
from tinygrad_jp.kernels.fast import compiled
from tinygrad_jp.kernels.geometry import Windows, windows_on
from tinygrad_jp.parallel import threads

PAGE = Path(__file__).parent / "kernels.md"
ROUNDS = 9
FLOAT = np.dtype(np.float32)

INTRODUCTION = """# Which kernel computes a convolution

A convolution is computed by one of a few kernels, which `tinygrad_jp.kernels.choice.choose` picks from the shapes:

- **columns** (NumPy): windows of the images as the columns of a matrix (the book's im2col, section 7.4), laid out along
  the rows alone; for few images **im2col** lays them out in whole.
- **winograd**: fewer multiplications (Lavin and Gray, 2016). NumPy's kernel takes F(4, 3) along the rows, 6
  multiplications in place of 12, or F(2, 5), 6 in place of 10; the compiled one takes F(4×4, 3×3), 36 in place of 144.
- **direct** (compiled, with the extra `[fast]`): a tile of the product in registers, straight from the padded image.

Compiled kernels run wherever numba is installed; `tinygrad_jp.use_fast(False)` or `TINYGRAD_JP_FAST=0` switches them
off. `TINYGRAD_JP_THREADS` sets the number of threads for all of them; the BLAS then runs in one thread inside each.
The threads of the compiled kernels wait for work for about two milliseconds, occupying a processor, before they sleep.
They also compute the larger products of matrices and the optimizers' updates, in parts that depend on the shapes and
the number of threads alone: the same run gives the same bits, whatever the process did before.

In float32 the error of a whole result (norm of the difference over norm of the result; random numbers, 16 to 128
channels) is 2e-7 to 4e-7 with *direct* and *columns*, 3e-7 to 8e-7 with NumPy's *winograd*, 5e-7 to 1e-6 with the
compiled one; single numbers may be off by ten times as much. In float64 it is nine digits less. *winograd* makes NaN of
whatever lies in the same patch (compiled 4×4 pixels, NumPy's 1×4) as a window that sees an infinite number, and where a
window sees nothing but zeros, in a patch that is not all zeros, it leaves such an error in place of the exact result.
Compiled convolutions, normalizations and updates count what is too small for full precision (in float32 below 1.2e-38)
as 0.

Times in milliseconds for a batch of {batch}, float32, on {machine}, {threads} threads; the median of {rounds}
rounds. Forward pass · gradient of the images · gradient of the filters. **Bold** is what `choose` takes. Made by
`python docs/make_kernels_page.py`.
"""


class Shape(NamedTuple):
    """A convolution: channels, filters, side of the images and of the filters, stride, padding."""

    channels: int
    outputs: int
    side: int
    size: int
    stride: int = 1
    pad: int = 0

    @property
    def windows(self) -> Windows:
        """How the filters lie on the images."""
        sides = (self.pad, self.pad)
        return windows_on((self.side,) * 2, (self.size,) * 2, (self.stride,) * 2, (sides, sides))

    def __str__(self) -> str:
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        return f"{self.channels} → {self.outputs}, {self.side}×{self.side}, filters {self.size}×{self.size}{stride}"


SHAPES = [
    Shape(1, 30, 28, 5),
    Shape(1, 16, 28, 3, pad=1),
    Shape(16, 16, 28, 3, pad=1),
    Shape(16, 32, 14, 3, pad=1),
    Shape(32, 32, 14, 3, pad=2),
    Shape(32, 64, 8, 3, pad=1),
    Shape(64, 64, 8, 3, pad=1),
    Shape(64, 128, 8, 1),
    Shape(32, 64, 16, 3, stride=2, pad=1),
    Shape(3, 17, 31, 5, pad=2),
    Shape(128, 128, 8, 3, pad=1),
]
BATCH = 100
Passes = tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]


def passes(module: Any, shape: Shape, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> Passes:
    """Return the three passes by a module of kernels."""
    laid = shape.windows
    return (
        lambda: module.forward(x, w, laid, 1, FLOAT),
        lambda: module.input_gradient(y, w, x.shape, laid, 1, FLOAT),
        lambda: module.weight_gradient(y, x, w.shape, laid, 1, FLOAT),
    )


def numpy_passes(shape: Shape, name: str, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> Passes | None:
    """Return the three passes by one of NumPy's kernels, or None if it cannot do them."""
    if name == "winograd" and not (shape.stride == 1 and shape.size in winograd.WIDTHS):
        return None

    def by_name(run: Callable[[], Any]) -> Callable[[], Any]:
        def forced() -> Any:
            with mock.patch.object(convolution, "_layout", partial(laid_out, name)):
                return run()

        return forced

    forward, images, filters = map(by_name, passes(convolution, shape, x, w, y))
    return forward, images, filters


def laid_out(name: str, windows: Windows, n: int, channels: int, outputs: int, groups: int, dtype: Any) -> Any:
    """Lay a convolution out for the kernel of this name."""
    return convolution.KINDS[name](windows, groups, dtype)


def compiled_passes(shape: Shape, name: str, x: np.ndarray, w: np.ndarray, y: np.ndarray) -> Passes | None:
    """Return the three passes by one of the compiled kernels, or None if it cannot do them."""
    fast, laid = compiled(), shape.windows
    vector = fast.BYTES // FLOAT.itemsize
    full = not (shape.channels % vector or shape.outputs % vector)
    if name == "winograd" and not ((laid.size, laid.stride) == ((3, 3), (1, 1)) and full):
        return None
    return passes(fast.CONVOLUTIONS[name], shape, x, w, y)


def milliseconds(passes: Passes) -> str:
    """Time three passes, in turn."""
    times: list[list[float]] = [[], [], []]
    for i in range(ROUNDS + 1):
        for own, run in zip(times, passes, strict=True):
            start = perf_counter()
            run()
            if i:  # the first round warms up
                own.append(perf_counter() - start)
    return " · ".join(f"{1000 * median(own):.2f}" for own in times)


def rows(make: Callable[..., Passes | None], names: tuple[str, str], lanes: int | None) -> Iterator[str]:
    """Write the rows of one table."""
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x = rng.random((BATCH, shape.channels, shape.side, shape.side), np.float32)
        w = rng.random((shape.outputs, shape.channels, shape.size, shape.size), np.float32)
        y = rng.random((BATCH, shape.outputs, *shape.windows.places), np.float32)
        order = (0, 2, 3, 1) if lanes else (2, 1, 3, 0)  # as the layers pass them on to each other
        x, y = (np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order)) for a in (x, y))
        chosen = choice.choose(shape.windows, BATCH, shape.channels, shape.outputs, 1, lanes)
        cells = []
        for name in names:
            passes = make(shape, name, x, w, y)
            text = "–" if passes is None else milliseconds(passes)
            cells.append(f"**{text}**" if name == chosen else text)
        yield f"| {shape} | {' | '.join(cells)} | {chosen} |"


def tables() -> Iterator[str]:
    """Write both tables."""
    for title, make, names, lanes in (
        ("Compiled (extra `[fast]`)", compiled_passes, ("direct", "winograd"), 2 * compiled().BYTES // FLOAT.itemsize),
        ("NumPy alone", numpy_passes, ("columns", "winograd"), None),
    ):
        yield f"\n## {title}\n"
        yield f"| convolution | {' | '.join(names)} | taken |"
        yield "|---|---|---|---|"
        yield from rows(make, names, lanes)


def main() -> None:
    tinygrad_jp.use_fast(True)
    machine = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
        if Path("/proc/cpuinfo").exists()
        else iter([platform.processor()])
    )
    head = INTRODUCTION.format(
        batch=BATCH, machine=f"{machine} ({os.cpu_count()} cores)", threads=threads(), rounds=ROUNDS
    )
    PAGE.write_text("\n".join([head, *tables()]) + "\n", encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
