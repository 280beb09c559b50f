"""How parameters are cut, or gathered, into chunks that are updated at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..buffers import address
from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor
from .options import Options

CHUNK = 65_536
"""Elements updated at a time, in several passes: with their state they stay in the second-level cache."""
SMALL = 16_384
"""Parameters of fewer elements are updated together with their neighbours: a call costs as much as they do."""


COMPILED = "fd"
"""Characters of the dtypes for which there are compiled kernels: float32 and float64."""

Work = tuple[ndarray, ndarray]
"""Two arrays to compute in, of the length of the chunk."""


class Scratch(NamedTuple):
    """Arrays of the length of a chunk to compute in, and the first of them seen in the shapes of the parameters."""

    p: ndarray
    g: ndarray
    penalized: ndarray
    work: Work
    pieces: list[ndarray]


@dataclass(eq=False)
class Chunk:
    """What is updated at a time: a stretch of one large parameter, or several small parameters.

    Attributes
    ----------
    params
        The parameters.
    indices
        Their places in the bundle.
    start, stop
        Which elements of the flattened parameter, if it is one.
    state
        Views of the flat buffers, shape (n,) each.
    scratch
        By worker (see ``share_out``): views of what it computes in. Making them anew would take longer than using them.
    """

    params: list[Tensor]
    indices: list[int]
    start: int
    stop: int
    state: list[ndarray]
    scratch: dict[int, Scratch] = field(default_factory=dict)

    def cut(self, arrays: Sequence[ndarray]) -> Scratch:
        """Cut scratch memory to size."""
        p, g, penalized, a, b = (array[: self.stop - self.start] for array in arrays)
        few = len(self.params) > 1
        ends = list(itertools.accumulate(q.size for q in self.params))
        pieces = [p[end - q.size : end].reshape(q.shape) for q, end in zip(self.params, ends, strict=True) if few]
        return Scratch(p, g, penalized, (a, b), pieces)

    def gathered(self, arrays: list[ndarray], out: ndarray) -> ndarray:
        """Return the chunk's part of arrays shaped like its parameters, flat: a view where one will do, else `out`."""
        if len(arrays) > 1:
            return np.concatenate([array.reshape(-1) for array in arrays], out=out)
        flat = _stretch(arrays[0], self.start, self.stop)
        if flat.dtype == out.dtype and arrays[0].flags.c_contiguous:
            return flat
        out[...] = flat
        return out

    def scatter(self, scratch: Scratch) -> None:
        """Write the gathered values back into the parameters."""
        if scratch.pieces:
            for p, piece in zip(self.params, scratch.pieces, strict=True):
                p._data[...] = piece
        else:
            data = self.params[0]._data
            target = data.reshape(-1) if data.flags.c_contiguous else data.flat
            target[self.start : self.stop] = scratch.p


class Table(NamedTuple):
    """Where the parameters of an update lie.

    Attributes
    ----------
    rows
        Shape (k, 4), int64: address of a parameter, of its gradient; the place of its state in the flat buffers; how
        many elements it and the parameters before it have.
    step
        The number of their update.
    held
        The arrays at these addresses: another thread may forget a gradient while the kernel runs.
    """

    rows: ndarray
    step: int
    held: list[ndarray]


class Bundle:
    """The parameters of one group and precision, with the flat buffers of their state.

    Attributes
    ----------
    number, group
        The group's place among the groups, and its options.
    places, params
        The parameters' places in the group, and the parameters.
    dtype
        Of the state and the arithmetic: that of the parameters, but at least float32. (In float16, g² of a small
        gradient and most ε are 0.)
    steps, sizes
        How many updates each has had; how many elements it has.
    offsets
        Where its state begins in the flat arrays, and at last their length.
    state
        By name, one flat array over all parameters.
    chunks
        How they are cut, or gathered, for updating.
    """

    def __init__(
        self, number: int, group: Options, places: list[int], dtype: np.dtype[Any], names: Iterable[str]
    ) -> None:
        self.number = number
        self.group = group
        self.places = places
        self.params: list[Tensor] = [group["params"][i] for i in places]
        self.dtype = dtype
        self.dtypes = [p.dtype for p in self.params]
        self.steps = [0] * len(places)
        self.sizes = [p.size for p in self.params]
        self.offsets = [0, *itertools.accumulate(self.sizes)]
        self.state = {name: np.zeros(self.offsets[-1], dtype) for name in names}
        self.chunks = list(self._cut())

    def _cut(self) -> Iterator[Chunk]:
        few: list[int] = []
        for i, p in enumerate(self.params):
            large = p.size >= SMALL
            if few and (large or self.offsets[i + 1] - self.offsets[few[0]] > CHUNK):
                yield self._chunk(few)
                few = []
            if large:
                for start in range(0, p.size, CHUNK):
                    yield self._chunk([i], start, min(start + CHUNK, p.size))
            elif p.size:
                few = [*few, i]
        if few:
            yield self._chunk(few)

    def _chunk(self, indices: list[int], start: int = 0, stop: int | None = None) -> Chunk:
        offset, end = self.offsets[indices[0]], self.offsets[indices[-1] + 1]
        stop = end - offset if stop is None else stop
        state = [flat[offset + start : offset + stop] for flat in self.state.values()]
        return Chunk([self.params[i] for i in indices], indices, start, stop, state)

    def ready(self) -> list[bool]:
        """Tell which parameters are to be updated: those with a gradient that are not frozen."""
        ready = []
        for p, size in zip(self.params, self.sizes, strict=True):
            data, g = p._data, p.grad
            if data.size != size:
                raise _other_size(p)
            if g is None or not p._requires_grad:
                ready.append(False)
                continue
            if not (isinstance(g, Tensor) and g._data.shape == data.shape):
                raise _wrong_gradient(p)
            if not data.flags.writeable:
                raise ArgumentError(f"step: {p._label()} holds a read-only array; give it a copy")
            ready.append(True)
        return ready

    def count(self, ready: list[bool]) -> None:
        """Count an update of those parameters."""
        self.steps = [n + r for n, r in zip(self.steps, ready, strict=True)]

    def table(self, ready: list[bool]) -> Table | None:
        """Tell a compiled kernel where the parameters that are ready lie.

        Returns
        -------
        Table or None
            None if there are no parameters, if the numbers of their update differ, or if one does not lie in one
            stretch of memory in the dtype of the arithmetic.
        """
        chosen = [i for i, size in enumerate(self.sizes) if size and ready[i]]
        numbers = {self.steps[i] for i in chosen}
        if len(numbers) != 1 or self.dtype.char not in COMPILED:
            return None
        rows, held, end = [], [], 0
        for i in chosen:
            p, g = self.params[i]._data, self.params[i].grad._data  # type: ignore[union-attr]
            if not (p.dtype == g.dtype == self.dtype and p.flags.carray and g.flags.carray):
                return None
            end += self.sizes[i]
            held += [p, g]
            rows += [address(p), address(g), self.offsets[i], end]
        return Table(np.array(rows, np.int64).reshape(len(chosen), 4), numbers.pop(), held)

    def due(self, ready: list[bool]) -> list[Chunk]:
        """Return what is ready for an update; small parameters apart if their histories differ."""
        if all(ready) and self.steps.count(self.steps[0]) == len(ready):
            return self.chunks
        return [part for chunk in self.chunks for part in self._parts(chunk, ready)]

    def _parts(self, chunk: Chunk, ready: list[bool]) -> list[Chunk]:
        if all(ready[i] for i in chunk.indices) and len({self.steps[i] for i in chunk.indices}) == 1:
            return [chunk]
        return [self._chunk([i]) for i in chunk.indices if ready[i]]

    def views(self) -> Iterator[tuple[str, ndarray]]:
        """Yield the state of every parameter under its name, in the parameter's shape, without copying."""
        for i, (place, p) in enumerate(zip(self.places, self.params, strict=True)):
            if p.size != self.sizes[i]:
                raise _other_size(p)
            for name, flat in self.state.items():
                yield f"{self.number}.{place}.{name}", flat[self.offsets[i] : self.offsets[i + 1]].reshape(p.shape)


def _stretch(array: ndarray, start: int, stop: int) -> ndarray:
    """Return elements start to stop of the flattened array; of a non-contiguous one only their rows are copied."""
    if array.flags.c_contiguous:
        return array.reshape(-1)[start:stop]
    row = array.size // len(array)
    first = start // row
    return array[first : -(-stop // row)].reshape(-1)[start - first * row : stop - first * row]


def _other_size(p: Tensor) -> Exception:
    return ShapeError(
        f"step: {p._label()} has shape {p.shape} now, and had another size when the optimizer was made; make a new "
        "optimizer"
    )


def _wrong_gradient(p: Tensor) -> Exception:
    what = f"step: the gradient of {p._label()} was set to"
    if not isinstance(p.grad, Tensor):
        return DtypeError(f"{what} a {type(p.grad).__name__}; it must be a Tensor, as in p.grad = Tensor(g)")
    return ShapeError(f"{what} shape {p.grad.shape}, but the parameter has shape {p.shape}")
