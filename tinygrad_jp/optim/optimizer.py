"""What all optimizers share: groups of parameters, state, and updates that stay in the processor's cache."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError, DataError, DtypeError
from ..nn.module import Parameter
from ..parallel import share_out
from ..tape import changes
from ..tensor import Tensor

CHUNK = 65_536
"""Elements updated at a time: with their state they stay in the second-level cache (measured)."""
SMALL = 16_384
"""Parameters of fewer elements are updated together with their neighbours: a NumPy call costs as much as they do."""
PARALLEL = 200_000
"""From so many elements on a second thread pays: NumPy's loops release the interpreter's lock."""

Options = dict[str, Any]
Work = tuple[ndarray, ndarray]
"""Two arrays to compute in, of the length of the chunk."""


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
    """

    params: list[Tensor]
    indices: list[int]
    start: int
    stop: int
    state: list[ndarray]

    def gathered(self, arrays: list[ndarray], out: ndarray) -> ndarray:
        """Return the chunk's part of arrays shaped like its parameters, flat; of several a copy in `out`."""
        if len(arrays) == 1:
            return arrays[0].reshape(-1)[self.start : self.stop]
        return np.concatenate([array.reshape(-1) for array in arrays], out=out)

    def scatter(self, values: ndarray) -> None:
        """Write flat values back into the parameters."""
        if len(self.params) == 1:
            self.params[0]._data.flat[self.start : self.stop] = values
            return
        start = 0
        for p in self.params:
            p._data[...] = values[start : start + p._data.size].reshape(p._data.shape)
            start += p._data.size


class Bundle:
    """The parameters of one group and dtype, with the flat buffers of their state.

    Attributes
    ----------
    group
        The options.
    params
        The parameters.
    steps
        How many updates each has had.
    state
        By name, one flat array over all parameters.
    chunks
        How they are cut, or gathered, for updating.
    """

    def __init__(self, group: Options, params: Sequence[Tensor], names: Iterable[str]) -> None:
        self.group = group
        self.params = params
        self.dtype = params[0].dtype
        self.steps = [0] * len(params)
        self.offsets = [0, *itertools.accumulate(p.size for p in params)]
        self.state = {name: np.zeros(self.offsets[-1], self.dtype) for name in names}
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

    def due(self) -> Iterator[Chunk]:
        """Count an update, and yield what has gradients; small parameters apart if their histories differ."""
        self.steps = [n + (p.grad is not None) for n, p in zip(self.steps, self.params, strict=True)]
        for chunk in self.chunks:
            if len(chunk.params) == 1:
                if chunk.params[0].grad is not None:
                    yield chunk
            elif self._alike(chunk):
                yield chunk
            else:
                yield from (self._chunk([i]) for i in chunk.indices if self.params[i].grad is not None)

    def _alike(self, chunk: Chunk) -> bool:
        n = self.steps[chunk.indices[0]]
        return all(p.grad is not None and self.steps[i] == n for i, p in zip(chunk.indices, chunk.params, strict=True))

    def views(self) -> Iterator[tuple[int, str, ndarray]]:
        """Yield every parameter's index and state, in the shape of the parameter, without copying."""
        for i, p in enumerate(self.params):
            for name, flat in self.state.items():
                yield i, name, flat[self.offsets[i] : self.offsets[i + 1]].reshape(p.shape)


class Optimizer:
    """Base of all optimizers.

    A subclass names its state arrays in :meth:`state_names` and writes :meth:`update`, the rule for a flat stretch of
    parameters, in place.

    Parameters
    ----------
    params
        Parameters, or groups: dicts with ``"params"`` and the options that differ in this group.
    options
        The options of all other groups; each optimizer has ``lr``, ``weight_decay`` and ``l1``.

    Attributes
    ----------
    param_groups
        One dict a group: ``"params"`` and the options; may be changed between steps.

    Raises
    ------
    ArgumentError
        If there is no parameter, one stands twice, or an option has an impossible value.
    DtypeError
        If a parameter is no leaf Tensor that requires a gradient.
    """

    decoupled = False
    """Whether :meth:`update` treats ``weight_decay`` itself; otherwise it is added to the gradient."""

    def __init__(self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], **options: Any) -> None:
        self.defaults = options
        self.param_groups: list[Options] = []
        self._bundles: list[Bundle] = []
        self._known: set[int] = set()
        self._work: dict[
            tuple[int, np.dtype[Any]], list[ndarray]
        ] = {}  # kept: fresh memory costs more than the arithmetic
        given: list[Any] = list(params)
        groups = given if given and isinstance(given[0], Mapping) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own.

        Parameters
        ----------
        group
            ``"params"``, and the options that differ from the optimizer's.
        """
        name = type(self).__name__
        unknown = set(group) - {"params", *self.defaults}
        if unknown:
            raise ArgumentError(f"{name}: unknown options {', '.join(unknown)}; it has {', '.join(self.defaults)}")
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        if not params:
            raise ArgumentError(f"{name}: got no parameters")
        for i, p in enumerate(params):
            # (a Parameter may be frozen for a while)
            if not (isinstance(p, Tensor) and p.is_leaf and (p.requires_grad or isinstance(p, Parameter))):
                raise DtypeError(f"{name}: parameter {i} is no leaf Tensor with requires_grad=True: {p!r}")
            if id(p) in self._known:
                raise ArgumentError(f"{name}: parameter {i} of shape {p.shape} stands twice; give each once")
            self._known.add(id(p))
        options = self.defaults | {**group, "params": params}
        self._check(options)
        self.param_groups.append(options)
        for dtype in dict.fromkeys(p.dtype for p in params):
            alike = [p for p in params if p.dtype == dtype]
            self._bundles.append(Bundle(options, alike, self.state_names(options)))

    def _check(self, options: Options) -> None:
        """Refuse impossible options."""
        for key, value in options.items():
            limits = {"momentum": 1.0, "rho": 1.0, "beta1": 1.0, "beta2": 1.0}
            if key in ("lr", "eps", "weight_decay", "l1") or key in limits:
                top = limits.get(key, np.inf)
                if not (isinstance(value, int | float | np.number) and 0 <= value < top):
                    wanted = "≥ 0" if top == np.inf else f"in [0, {top:g})"
                    raise ArgumentError(f"{type(self).__name__}: {key} must be a number {wanted}, got {value!r}")

    # ------------------------------------------------------------------------------------------ the rule

    def state_names(self, options: Options) -> tuple[str, ...]:
        """Names of the arrays that are kept for each parameter."""
        return ()

    def update(self, p: ndarray, g: ndarray, state: Sequence[ndarray], options: Options, step: int, work: Work) -> None:
        """Change a stretch of parameters and its state in place.

        Parameters
        ----------
        p, g
            Parameters and gradients, shape (n,); g must not be changed.
        state
            In the order of :meth:`state_names`, shape (n,) each, at first 0.
        options
            Of the group.
        step
            Number of this update, from 1 on.
        work
            Two arrays of shape (n,) to compute in.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------ running it

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        due = [(bundle, chunk) for bundle in self._bundles for chunk in bundle.due()]
        if len(due) > 1 and sum(chunk.stop - chunk.start for _, chunk in due) >= PARALLEL:
            share_out(self._update_chunks, due)
        else:
            self._update_chunks(0, due)
        for bundle in self._bundles:
            for p in bundle.params:
                if p.grad is not None:
                    changes.mark(p._data)

    def _update_chunks(self, worker: int, due: Sequence[tuple[Bundle, Chunk]]) -> None:
        for bundle, chunk in due:
            key = worker, bundle.dtype
            if key not in self._work:
                self._work[key] = [np.empty(CHUNK, bundle.dtype) for _ in range(5)]
            self._update_chunk(bundle, chunk, [array[: chunk.stop - chunk.start] for array in self._work[key]])

    def _update_chunk(self, bundle: Bundle, chunk: Chunk, work: list[ndarray]) -> None:
        values = [p._data for p in chunk.params]
        grads = [p.grad._data for p in chunk.params]  # type: ignore[union-attr]
        p = chunk.gathered(values, work[0])
        g = self._penalized(p, chunk.gathered(grads, work[1]), bundle.group, work[2])
        self.update(p, g, chunk.state, bundle.group, bundle.steps[chunk.indices[0]], (work[3], work[4]))
        if len(values) > 1 or not values[0].flags.c_contiguous:  # then p is a copy
            chunk.scatter(p)

    def _penalized(self, p: ndarray, g: ndarray, options: Options, out: ndarray) -> ndarray:
        """Add the gradients of the penalties ½ λ Σ p² and λ₁ Σ |p| (the book, section 6.4.2)."""
        decay = 0.0 if self.decoupled else options["weight_decay"]
        if not decay and not options["l1"]:
            return g
        np.multiply(p, decay, out=out)
        out += g
        if options["l1"]:
            out += options["l1"] * np.sign(p)
        return out

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    # ------------------------------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Return the state (arrays by name) and the groups' options, to be stored."""
        state = {f"{b}.{i}.{name}": v.copy() for b, bundle in enumerate(self._bundles) for i, name, v in bundle.views()}
        state |= {f"{b}.steps": np.array(bundle.steps) for b, bundle in enumerate(self._bundles)}
        groups = [{k: v for k, v in group.items() if k != "params"} for group in self.param_groups]
        return {"state": state, "groups": groups}

    def load_state_dict(self, stored: Mapping[str, Any]) -> None:
        """Continue from a stored state.

        Raises
        ------
        DataError
            If it is of another optimizer or of other parameters; nothing was changed then.
        """
        state, groups = stored["state"], stored["groups"]
        expected = {
            f"{b}.{i}.{name}": v.shape for b, bundle in enumerate(self._bundles) for i, name, v in bundle.views()
        }
        expected |= {f"{b}.steps": (len(bundle.steps),) for b, bundle in enumerate(self._bundles)}
        found = {name: np.shape(v) for name, v in state.items()}
        keys = [sorted(g) for g in groups], [sorted(set(g) - {"params"}) for g in self.param_groups]
        if found != expected or keys[0] != keys[1]:
            wrong = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
            listed = "".join(
                f"\n  {name}: {expected.get(name, 'unknown')} here, {found.get(name, 'missing')} stored"
                for name in wrong
            )
            raise DataError(
                f"{type(self).__name__}.load_state_dict: the state is of another optimizer or other parameters:{listed}"
                + (f"\n  options {keys[1]} here, {keys[0]} stored" if keys[0] != keys[1] else "")
            )
        for group, options in zip(self.param_groups, groups, strict=True):
            group.update(options)
        for b, bundle in enumerate(self._bundles):
            bundle.steps = [int(n) for n in state[f"{b}.steps"]]
            for i, name, view in bundle.views():
                view[...] = state[f"{b}.{i}.{name}"]

    def __repr__(self) -> str:
        groups = [
            f"{len(group['params'])} parameters: " + ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(groups)})"
