"""What all optimizers share: groups of parameters, their state, and the updating chunk by chunk."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError, DataError, DtypeError
from ..kernels.fast import compiled
from ..nn.module import Parameter
from ..parallel import share_out
from ..tape import changes
from ..tensor import Tensor
from .chunks import CHUNK, Bundle, Chunk, Scratch, Table, Work
from .options import Options, plain

F = TypeVar("F", bound=Callable[..., bool])

PARALLEL = 200_000
"""From so many elements on a second thread pays: NumPy's loops release the interpreter's lock."""


FLUSHED_EVERY = 16
"""Updates after which numbers too small for full precision become 0 in the state."""


def _flush(array: ndarray, work: ndarray) -> None:
    """Set numbers too small for full precision (float32: below 1.2e-38) to 0, as compiled kernels do on their way.

    A running mean of a weight that no longer learns shrinks until it gets stuck at the smallest number there is, and a
    processor takes a hundred times as long for such numbers.
    """
    np.absolute(array, out=work)
    np.copyto(array, 0, where=work < np.finfo(array.dtype).tiny)


def computes(rule: Callable[..., None]) -> Callable[[F], F]:
    """Mark a method as what computes a rule at once; it does not serve a subclass or an object with another rule."""

    def mark(method: F) -> F:
        vars(method)["rule"] = rule
        return method

    return mark


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
        One dict a group: ``"params"`` and the options. Options may be changed between steps (the next step checks
        them); parameters are added with :meth:`add_param_group`.

    Raises
    ------
    ArgumentError
        If there is no parameter, one stands twice, or an option is unknown or has an impossible value.
    DtypeError
        If a parameter is no leaf Tensor that requires a gradient (a :class:`Parameter` may be frozen).
    """

    decoupled = False
    """Whether :meth:`update` treats ``weight_decay`` itself; otherwise it is added to the gradient."""

    def __init__(self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], **options: Any) -> None:
        self.defaults = options
        self.param_groups: tuple[Options, ...] = ()
        self._work: dict[Any, list[ndarray]] = {}  # kept: fresh memory costs more than the arithmetic
        if isinstance(params, Tensor | Mapping) or not isinstance(params, Iterable):
            raise ArgumentError(
                f"{type(self).__name__}: needs a list of parameters or of groups, as in net.parameters() or [w, b]; "
                f"got one {type(params).__name__}"
            )
        given: list[Any] = list(params)
        for group in given if any(isinstance(g, Mapping) for g in given) else [{"params": given}]:
            self.param_groups += (self._new_group(group),)
        self._lay_out({})

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own.

        Parameters
        ----------
        group
            ``"params"``, and the options that differ from the optimizer's.
        """
        new, stored = self._new_group(group), self._stored()  # either may refuse: then nothing was changed
        self.param_groups += (new,)
        self._lay_out(stored)

    def _new_group(self, group: Any) -> Options:
        name = type(self).__name__
        if not (isinstance(group, Mapping) and "params" in group):
            raise ArgumentError(f"{name}: a group is a dict with 'params', as in {{'params': [w, b], 'lr': 0.1}}")
        params = (group["params"],) if isinstance(group["params"], Tensor) else tuple(group["params"])
        if not params:
            raise ArgumentError(f"{name}: got no parameters (was a generator such as net.parameters() used up before?)")
        known = {id(p) for known_group in self.param_groups for p in known_group["params"]}
        for i, p in enumerate(params):
            if not (isinstance(p, Tensor) and p.is_leaf and (p.requires_grad or isinstance(p, Parameter))):
                raise DtypeError(f"{name}: parameter {i} is no leaf Tensor with requires_grad=True: {p!r}")
            if not p._data.flags.writeable:
                raise ArgumentError(f"{name}: parameter {i} of shape {p.shape} holds a read-only array; give it a copy")
            if id(p) in known:
                raise ArgumentError(f"{name}: parameter {i} of shape {p.shape} stands twice; give each once")
            known.add(id(p))
        return self._checked(self.defaults | {**group, "params": params})

    def _checked(self, options: Options) -> Options:
        """Return a group's options with plain Python numbers; refuse unknown, missing and impossible ones."""
        name = type(self).__name__
        for key in options.keys() ^ {"params", *self.defaults}:
            if key not in options:
                raise ArgumentError(f"{name}: a group lacks the option {key!r}")
            near = get_close_matches(str(key), self.defaults, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.defaults)}"
            raise ArgumentError(f"{name}: unknown option {key!r}; {hint}")
        return {key: plain(f"{name}: {key}", key, value) for key, value in options.items()}

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

    def update_at_once(
        self, kernels: Any, table: Table, state: Sequence[ndarray], options: Options, dtype: np.dtype[Any]
    ) -> bool:
        """Change all parameters of a table, and their state, with a compiled kernel, if there is one for these options.

        Marked by :func:`computes` as the twin of :meth:`update`.

        Parameters
        ----------
        kernels
            The compiled kernels.
        table
            Where the parameters lie.
        state, options
            As in :meth:`update`, but of all parameters; and the penalties are to be added here.
        dtype
            Of the parameters and their state.

        Returns
        -------
        bool
            Whether it was done.
        """
        return False

    # ------------------------------------------------------------------------------------------ running it

    def step(self) -> None:
        """Update every parameter that has a gradient and is not frozen.

        Raises
        ------
        ArgumentError
            If an option was changed into something impossible, or a parameter holds a read-only array; nothing was
            updated then.
        ShapeError, DtypeError
            If a ``grad`` that was set by hand does not fit; nothing was updated then.
        """
        self._refresh()
        due: list[tuple[Bundle, Chunk]] = []
        for bundle, ready in [(bundle, bundle.ready()) for bundle in self._bundles]:
            bundle.count(ready)
            if not self._updated_at_once(bundle, ready):
                due += [(bundle, chunk) for chunk in bundle.due(ready)]
            changes.mark(*[p._data for p in itertools.compress(bundle.params, ready)])
        if len(due) > 1 and sum(chunk.stop - chunk.start for _, chunk in due) >= PARALLEL:
            share_out(self._update_chunks, due)
        else:
            self._update_chunks(0, due)

    def _refresh(self) -> None:
        """Look at what was changed between steps: options, and the dtypes of parameters (``Module.astype``)."""
        stale = False
        for bundle in self._bundles:
            if [p._data.dtype for p in bundle.params] != bundle.dtypes:
                stale = True
        for group, seen in zip(self.param_groups, self._seen, strict=True):
            if group.get("params") is not seen["params"]:
                raise ArgumentError(
                    f"{type(self).__name__}: the parameters of a group cannot be changed; use add_param_group, or make "
                    "a new optimizer"
                )
            if group != seen:
                stale |= self.state_names(self._checked(group)) != self.state_names(seen)
                group.update(self._checked(group))
                seen.update(group)
        if stale:
            self._lay_out(self._stored())

    def _updated_at_once(self, bundle: Bundle, ready: list[bool]) -> bool:
        kernels, rule = compiled(), getattr(self.update_at_once, "rule", None)
        usable = kernels is not None and getattr(self.update, "__func__", None) is rule
        table = bundle.table(ready) if usable else None
        if table is None:
            return False
        return self.update_at_once(kernels, table, [*bundle.state.values()], bundle.group, bundle.dtype)

    def _update_chunks(self, worker: int, due: Sequence[tuple[Bundle, Chunk]]) -> None:
        for bundle, chunk in due:
            scratch = chunk.scratch.get(worker) or self._scratch(worker, bundle, chunk)
            p = chunk.gathered([p._data for p in chunk.params], scratch.p)
            g = chunk.gathered([p.grad._data for p in chunk.params], scratch.g)  # type: ignore[union-attr]
            g = self._penalized(p, g, bundle.group, scratch.penalized)
            step = bundle.steps[chunk.indices[0]]
            if step % FLUSHED_EVERY == 0:
                for array in chunk.state:
                    _flush(array, scratch.work[0])
            self.update(p, g, chunk.state, bundle.group, step, scratch.work)
            if p is scratch.p:
                chunk.scatter(scratch)

    def _scratch(self, worker: int, bundle: Bundle, chunk: Chunk) -> Scratch:
        key = worker, bundle.dtype
        if key not in self._work:
            self._work[key] = [np.empty(CHUNK, bundle.dtype) for _ in range(5)]
        chunk.scratch[worker] = chunk.cut(self._work[key])
        return chunk.scratch[worker]

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

    def _lay_out(self, known: Mapping[str, ndarray]) -> None:
        """Make the flat buffers anew, and fill in the state that is known already."""
        self._seen = [dict(group) for group in self.param_groups]
        self._bundles: list[Bundle] = []
        for number, group in enumerate(self.param_groups):
            precisions = [np.promote_types(p.dtype, np.float32) for p in group["params"]]
            for dtype in dict.fromkeys(precisions):
                places = [i for i, other in enumerate(precisions) if other == dtype]
                bundle = Bundle(number, group, places, dtype, self.state_names(group))
                if f"{number}.steps" in known:
                    bundle.steps = [int(known[f"{number}.steps"][i]) for i in places]
                for name, view in bundle.views():
                    view[...] = known.get(name, 0)
                self._bundles.append(bundle)

    def _stored(self) -> dict[str, ndarray]:
        """Return all state by name: ``"<group>.<parameter>.<array>"`` (views) and ``"<group>.steps"``."""
        arrays = {name: view for bundle in self._bundles for name, view in bundle.views()}
        steps = {f"{b.number}.steps": np.zeros(len(b.group["params"]), np.int64) for b in self._bundles}
        for bundle in self._bundles:
            steps[f"{bundle.number}.steps"][bundle.places] = bundle.steps
        return arrays | steps

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to continue.

        Returns
        -------
        dict
            ``"kind"``, the optimizer's name; ``"groups"``, each group's options; ``"state"``, arrays by name.
        """
        return {
            "kind": type(self).__name__,
            "groups": [{k: v for k, v in group.items() if k != "params"} for group in self.param_groups],
            "state": {name: array.copy() for name, array in self._stored().items()},
        }

    def load_state_dict(self, stored: Mapping[str, Any]) -> None:
        """Continue from a stored state, with its options.

        Raises
        ------
        DataError
            If it is of another optimizer or of other parameters: all problems at once, and nothing was changed.
        """
        name = f"{type(self).__name__}.load_state_dict"
        try:
            kind, groups = stored["kind"], [dict(group) for group in stored["groups"]]
            values = {key: np.asarray(value) for key, value in dict(stored["state"]).items()}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{name}: needs a dict as state_dict() returns it ({error!r})") from error
        problems = [] if kind == type(self).__name__ else [f"kind: {type(self).__name__} here, {kind} stored"]
        if len(groups) != len(self.param_groups):
            problems.append(f"groups: {len(self.param_groups)} here, {len(groups)} stored")
        options = list(self.param_groups)
        for i, (group, new) in enumerate(zip(self.param_groups, groups, strict=False)):
            try:
                options[i] = self._checked(new | {"params": group["params"]})
            except ArgumentError as error:
                problems.append(f"group {i}: {error}")
        problems += self._misfits(options, values)
        if problems:
            listed = "".join(f"\n  {problem}" for problem in problems)
            raise DataError(f"{name}: the state is of another optimizer or of other parameters:{listed}")
        for group, new in zip(self.param_groups, options, strict=True):
            group.update(new)
        self._lay_out(values)

    def _misfits(self, groups: Sequence[Options], values: Mapping[str, ndarray]) -> list[str]:
        """List what keeps these arrays from being the state of groups with these options."""
        expected: dict[str, tuple[int, ...]] = {}
        for number, group in enumerate(groups):
            expected[f"{number}.steps"] = (len(group["params"]),)
            for i, p in enumerate(group["params"]):
                expected |= {f"{number}.{i}.{name}": p.shape for name in self.state_names(group)}
        problems = [f"missing: {name} of shape {shape}" for name, shape in expected.items() if name not in values]
        for name, value in values.items():
            whole = name.endswith(".steps")
            if name not in expected:
                problems.append(f"unknown: {name} of shape {value.shape}")
            elif value.shape != expected[name]:
                problems.append(f"shape: {name} has shape {expected[name]} here, {value.shape} stored")
            elif value.dtype.kind not in ("iu" if whole else "fiu") or (whole and (value < 0).any()):
                problems.append(f"values: {name} must hold {'counts' if whole else 'real numbers'}, not {value.dtype}")
        return problems

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: the arrays themselves, not the views that would lose their connection."""
        left_out = ("_bundles", "_seen", "_work")
        return {k: v for k, v in vars(self).items() if k not in left_out} | {"_stored": self._stored()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        known = state.pop("_stored")
        vars(self).update(state, _work={})
        self._lay_out(known)

    def __repr__(self) -> str:
        groups = [
            f"{len(group['params'])} parameters: " + ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(groups)})"
