"""verify: a certificate for every gradient of a recorded graph, op by op."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import DtypeError, GraphError
from ..language import tell
from ..nn.module import check_numbers
from ..ops import Op
from ..tape import Node, topological_order
from ..tensor import Tensor, _Keep, apply, grad
from ..text import table
from ..witness import Call, Source
from .gradcheck import DIFFERENCE_NOISE, FIRST_STEP, HALVINGS, SLACK, _random, random_numbers, richardson

TOLERANCE = 1e-5
SCALE = 2.0**-10
"""The steps are this much smaller than :func:`richardson`'s: large arrays have elements near kinks."""
STEPS = [SCALE * FIRST_STEP / 2**k for k in range(HALVINGS)]
NOISE = DIFFERENCE_NOISE / SCALE
TINY = 2.0**-36
"""A step that float64 sees, and float32 does not."""
ONE_SIDED = 1e-3
"""To within this, relatively, one-sided differences tell a derivative."""
SETTLED = 10.0
"""By so many times its uncertainty a numerical derivative may be off."""
LISTED = 60
"""In a longer table the ops that are right are counted only."""
COMPUTED_ANEW = {("batch_norm", "moments")}
"""Static arguments that repeat what the inputs say, to save work."""


@dataclass(frozen=True)
class Verdict:
    """What was found about one op of a graph.

    Attributes
    ----------
    node, op
        The record, and the op's name.
    source
        The line of code that ran it.
    error
        The largest error found in its gradients, relative to the size of all their terms and to what can be seen beside
        rounding; NaN if they could not be judged. Small, and yet wrong, if one element among many is.
    ok
        False if something is wrong.
    kink
        Whether some results lie at, or too near, a point without a derivative. There the gradient is only known to lie
        between the one-sided derivatives.
    note
        What is to be said about it, in the language spoken when it was found.
    forward
        The relative error of the result on the tape, compared with float64.
    """

    node: Node = field(repr=False)
    op: str
    source: Source | None
    error: float
    ok: bool
    kink: bool
    note: str
    forward: float = np.nan

    @property
    def kind(self) -> str:
        """One of "wrong", "kink", "right" and "not judged"."""
        if not self.ok:
            return "wrong"
        return "kink" if self.kink else "not judged" if np.isnan(self.error) else "right"


@dataclass(frozen=True)
class Report:
    """The verdicts on all ops of a graph, in order of computing.

    Iterating gives them; ``str`` makes a table.
    """

    verdicts: tuple[Verdict, ...]

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failures

    @property
    def failures(self) -> list[Verdict]:
        """The verdicts on the ops with which something is wrong."""
        return [verdict for verdict in self.verdicts if not verdict.ok]

    @cached_property
    def _by_node(self) -> dict[Node, Verdict]:
        return {verdict.node: verdict for verdict in self.verdicts}

    def of(self, node: Node | None) -> Verdict | None:
        """Return the verdict on a node; None if it is not of this graph."""
        return None if node is None else self._by_node.get(node)

    def __str__(self) -> str:
        counts = Counter(verdict.kind for verdict in self.verdicts)
        totals = tell(
            "{ops}: {right} right, {kink} at a kink, {wrong} wrong, {rest} not judged",
            ops=tell("1 op") if len(self) == 1 else tell("{n} ops", n=len(self)),
            right=counts["right"],
            kink=counts["kink"],
            wrong=counts["wrong"],
            rest=counts["not judged"],
        )
        listed = [v for v in self.verdicts if len(self) <= LISTED or v.kind != "right"]
        if not listed:
            return totals
        headings = ["op", "shape", "error of gradient", "error of result", "verdict", "line"]
        rows = [list(map(tell, headings)), *map(_row, listed)]
        lines = [line.rstrip() for line in table(rows, left=len(headings)).split("\n")]
        if len(listed) < len(self):
            lines.append(tell("(those that are right are not listed)"))
        return "\n".join([*lines, totals])


def _row(verdict: Verdict) -> list[str]:
    def written(error: float) -> str:
        return "—" if np.isnan(error) else f"{error:.1e}"

    source = verdict.source
    line = "" if source is None else f"{source.file.replace(chr(92), '/').rpartition('/')[2]}:{source.line}"
    told = f"{tell(verdict.kind)}: {verdict.note}" if verdict.note else tell(verdict.kind)
    return [verdict.op, str(verdict.node.shape), written(verdict.error), written(verdict.forward), told, line]


def verify(loss: Tensor, *, tolerance: float = TOLERANCE, seed: int = 0) -> Report:
    """Check every op of a recorded graph: its result, its gradients, and what the tape made of them.

    Each op is run again in float64 on the inputs it had. Its result must agree with the one on the tape. For a random
    cotangent v, the vjp of every input that requires a gradient must agree with a numerical derivative of
    t ↦ ⟨v, op(x + t·d)⟩ in a direction d, in which no terms cancel. Where one-sided differences show a kink, the
    gradient must lie between them. Fused ops are checked as they are.

    If a backward pass was there, the gradients on the tape are checked, too: each must be what the vjp gives for the
    gradient that arrived, and what arrived the sum of what was sent. Call it on the tensor whose ``backward`` was
    called: contributions from elsewhere count as wrong. The gradients of leaves, which add up over calls, are not
    looked at.

    Parameters
    ----------
    loss
        The result of a graph that was recorded inside ``keep_values()``; of any shape.
    tolerance
        By how much a gradient may differ from the numerical one, relative to the Euclidean norm of its terms.
    seed
        Of the cotangents and directions; a whole number of at least 0.

    Returns
    -------
    Report
        A verdict for each op.

    Raises
    ------
    GraphError
        If nothing was recorded for `loss`, or not inside ``keep_values()``.
    DtypeError
        If `loss` is no Tensor.
    ArgumentError
        If `tolerance` is not positive, or for a seed that is none.

    Notes
    -----
    One direction is drawn for each input, in which every element moves in proportion to itself. Of n elements alike one
    is seen that is off by more than about `tolerance` · √n of itself: 0.3 % in 100,000. Not seen is what is wrong by
    less, an element so much smaller than the others that all of it is less, and errors of several elements that cancel
    in that direction (another `seed` draws another one). Smaller tolerances than 1e-6 gain little: rounding hides it.

    Examples
    --------
    >>> with keep_values():
    ...     loss = softmax_cross_entropy(model(x), t)
    >>> loss.backward()
    >>> report = verify(loss)
    >>> report.ok
    True
    """
    if not isinstance(loss, Tensor):
        raise DtypeError(f"verify: needs the Tensor that was computed, got {type(loss).__name__}")
    check_numbers("verify", lambda x: x > 0, "be positive", tolerance=tolerance)
    if loss._node is None:
        raise GraphError(
            f"verify: nothing was recorded for {loss._label()}: make a tensor it depends on with requires_grad=True, "
            "outside no_grad()"
        )
    nodes = topological_order(loss._node)[::-1]
    if not any(node.call for node in nodes):
        raise GraphError(
            "verify: this graph does not keep its values; compute it inside keep_values(): with keep_values(): loss = …"
        )
    sent = _sent(nodes)
    with np.errstate(all="ignore"):
        return Report(
            tuple(
                _Judge(node, tolerance, random_numbers("verify", seed, k)).verdict(sent.get(node))
                for k, node in enumerate(nodes)
            )
        )


def _sent(nodes: Sequence[Node]) -> dict[Node, list[Any]]:
    """For each node the contributions to its gradient; None among them where one is not known."""
    sent: dict[Node, list[Any]] = {}
    for node in nodes:
        known = node.contributions()
        for i in node.plan.active:
            edge = node.edges[i]
            if isinstance(edge, Node):
                sent.setdefault(edge, []).append(known.get(i))
    return sent


# ------------------------------------------------------------------------------------------------ running an op again


class _Replay:
    """An op that can be run again on its kept inputs.

    Parameters
    ----------
    node, call
        Its record, and what it was called with.
    exact
        In float64; else in the dtypes that it had.
    """

    def __init__(self, node: Node, call: Call, exact: bool) -> None:
        self.op: Op[Any] = node.plan.op
        self.active = node.plan.active
        self.inputs = [_exact(x) for x in call.inputs] if exact else list(call.inputs)
        self.attrs = _exact_attrs(self.op, call.attrs) if exact else dict(call.attrs)

    def value(self, inputs: Sequence[Any]) -> np.ndarray:
        """Run the op."""
        return np.asarray(self.op.forward(*((tuple(inputs),) if self.op.variadic else inputs), **self.attrs))

    def gradients(self, v: np.ndarray) -> dict[int, np.ndarray]:
        """Return the gradients of the inputs that require one, by position, for the cotangent v.

        The engine runs the op in a context of its own, in which no mode of the caller's (``no_grad``, ``primitives``)
        holds.
        """
        given = [Tensor(x, requires_grad=True) if i in self.active else x for i, x in enumerate(self.inputs)]
        wanted = [given[i] for i in self.active]

        def run() -> tuple[Tensor, ...]:
            return grad(apply(self.op, given, self.attrs), wanted, v)  # type: ignore[no-any-return]

        return {i: g.numpy() for i, g in zip(self.active, Context().run(run), strict=True)}


def _is_floating(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"


def _exact(x: Any) -> Any:
    return np.asarray(x, float) if _is_floating(x) else x


def _exact_attrs(op: Op[Any], attrs: Any) -> dict[str, Any]:
    """Let casts to floating dtypes cast to float64, and what only saves work be computed anew."""
    exact = dict(attrs)
    for name, value in attrs.items():
        if name == "dtype" and np.dtype(value).kind == "f":
            exact[name] = float
        elif (op.name, name) in COMPUTED_ANEW:
            exact[name] = op.defaults[name]
    return exact


# ------------------------------------------------------------------------------------------------ judging


class _Unjudged(Exception):  # noqa: N818 (no error: a finding)
    """Nothing can be said about an op; why not."""


class _Judge:
    """Looks at one op.

    Parameters
    ----------
    node, tolerance
        As in :func:`verify`.
    rng
        Where cotangents and directions come from.
    """

    def __init__(self, node: Node, tolerance: float, rng: np.random.Generator) -> None:
        self.node = node
        self.tolerance = tolerance
        self.rng = rng
        self.error = self.forward = np.nan
        self.wrong: list[str] = []
        self.notes: list[str] = []
        self.kinks = 0

    def verdict(self, sent: list[Any] | None) -> Verdict:
        """Judge the op; `sent` are the contributions to the gradient of its result."""
        try:
            self._judge(sent)
        except _Unjudged as finding:
            self.notes.append(str(finding))
        if self.kinks:
            self.notes.append(self._at_kinks())
        node, told = self.node, "; ".join([*self.wrong, *self.notes])
        kink = bool(self.kinks)
        return Verdict(node, node.plan.op.name, node.source, self.error, not self.wrong, kink, told, self.forward)

    def _judge(self, sent: list[Any] | None) -> None:
        if self.node.call is None:
            raise _Unjudged(tell("recorded outside keep_values()"))
        replay = _Replay(self.node, self.node.call, exact=True)
        try:
            value = replay.value(replay.inputs)
        except Exception as error:
            raise _Unjudged(tell("it cannot be run again in float64: {error}", error=error)) from error
        finite = self._compare_results(replay, value, self.node.call.out)
        self._compare_gradients(replay, value, finite)
        self._compare_with_tape(self.node.call, sent)

    def _at_kinks(self) -> str:
        declared = "; ".join(kink.where for kink in self.node.plan.op.kinks)
        where = f" ({declared})" if declared else ""
        return tell("{n} of {size} results{where}", n=self.kinks, size=math.prod(self.node.shape), where=where)

    # ---------------------------------------------------------------------------------------------- the result

    def _compare_results(self, replay: _Replay, value: np.ndarray, recorded: np.ndarray) -> np.ndarray:
        """Compare the result on the tape with the exact one, and return where both are finite."""
        if value.shape != recorded.shape:
            raise _Unjudged(tell("run again, its result has shape {shape}", shape=value.shape))
        finite = np.isfinite(value) & np.isfinite(recorded)
        if value.size and not finite.any():
            raise _Unjudged(tell("its results are NaN or infinite"))
        off = _largest(np.where(finite, value - recorded, 0))
        size = _largest(value[finite])
        self.forward = off / size if size else float(off > 0)
        if off > self._rounding(replay, value, finite, recorded.dtype):
            again = replay.value(replay.inputs)
            if not np.array_equal(again, value, equal_nan=True):
                raise _Unjudged(tell("random: run again on the same inputs it gives another result"))
            self.wrong.append(
                tell(
                    "the result on the tape is not what the op gives for its inputs, off by {off}: a wrong forward "
                    "pass, or an array changed in place",
                    off=f"{off:.2g}",
                )
            )
        return np.asarray(finite)

    def _rounding(self, replay: _Replay, value: np.ndarray, finite: np.ndarray, dtype: np.dtype[Any]) -> float:
        """Tell how large rounding errors in the op's dtype can be: as if its inputs were off by some.

        A few units of rounding of 1 are always granted: logarithms of numbers near 1 pass through them.
        """
        assert self.node.call is not None
        floats = [np.asarray(x) for x in self.node.call.inputs if _is_floating(x)]
        eps = max(float(np.finfo(t).eps) for t in (dtype, *(x.dtype for x in floats)))
        step = 2.0**-20
        moved = [
            x * (1 + step * self.rng.choice([-1.0, 1.0], np.shape(x))) if _is_floating(x) else x for x in replay.inputs
        ]
        change = np.where(finite, replay.value(moved) - value, 0)
        within = _largest(value[finite]) + _largest(change[np.isfinite(change)]) / step
        return SLACK * eps * within + 8 * eps * min(1.0, max(map(_largest, floats), default=0.0))

    # ---------------------------------------------------------------------------------------------- the gradients

    def _compare_gradients(self, replay: _Replay, value: np.ndarray, finite: np.ndarray) -> None:
        v = np.where(finite, _random(self.rng, value.shape), 0)
        if not finite.all():
            n = int(np.count_nonzero(~finite))
            self.notes.append(tell("{n} of {size} results are NaN or infinite", n=n, size=finite.size))
        try:
            gradients = replay.gradients(v)
        except Exception as error:
            self.wrong.append(tell("its vjp fails: {error}", error=error))
            return
        for i in replay.active:
            self._compare_gradient(replay, i, value, v, gradients[i])

    def _compare_gradient(self, replay: _Replay, i: int, value: np.ndarray, v: np.ndarray, r: np.ndarray) -> None:
        """Compare the gradient of one input with a numerical derivative."""
        x = replay.inputs[i]
        if not np.isfinite(r).all():
            self._compare_not_finite(replay, i, value, v, r)
            return
        d = self._direction(x, r)
        outs = {t: replay.value([*replay.inputs[:i], x + t * d, *replay.inputs[i + 1 :]]) for t in _both(STEPS)}
        smooth = _smooth(outs, value) | (v == 0)
        at_kinks = int(np.count_nonzero(~smooth))
        if at_kinks:
            self._refuse_coarse(replay, i, value, d, outs)
            self.kinks = max(self.kinks, at_kinks)
            self._compare_at_kinks(replay, i, value, np.where(smooth, 0, v), d, outs)
            v = np.where(smooth, v, 0)
            r = replay.gradients(v)[i]
        terms = np.where(d == 0, 0, r * d)
        analytic = float(terms.sum())

        def phi(t: float) -> float:
            return _weighted(v, outs[t * SCALE])

        numeric, uncertain = (part / SCALE for part in richardson(phi))
        size = max(float(np.abs(terms).sum()), abs(numeric))
        noise = NOISE * (_weighted(np.abs(v), np.abs(value)) + float(np.abs(np.where(d == 0, 0, r * x)).sum()))
        noise += float(np.finfo(float).tiny)
        coarse = self.tolerance * size + noise
        if not uncertain <= coarse:
            raise _Unjudged(tell("the numerical derivative by {input} does not settle", input=self._input(i)))
        # one wrong term among n is 1 / n of their size, but 1 / √n of their norm
        fine = self.tolerance * float(np.linalg.norm(terms)) + SETTLED * uncertain + noise
        off = abs(analytic - numeric)
        if at_kinks < max(v.size, 1):
            self.error = float(np.nanmax([self.error, self.tolerance * off / coarse]))
        if off > min(fine, coarse):
            self._is_wrong(i, analytic, numeric)

    def _is_wrong(self, i: int, analytic: float, numeric: float) -> None:
        self.wrong.append(
            tell(
                "the gradient of {input} is wrong: in one direction it gives {analytic}, numerically {numeric}",
                input=self._input(i),
                analytic=f"{analytic:.10g}",
                numeric=f"{numeric:.10g}",
            )
        )

    def _compare_not_finite(self, replay: _Replay, i: int, value: np.ndarray, v: np.ndarray, r: np.ndarray) -> None:
        """Tell a NaN or infinity that is wrong, where the op is smooth, from one that stands for no derivative."""
        x = replay.inputs[i]
        d = np.where(np.isfinite(r), 0.0, self._direction(x, np.zeros_like(x)))
        outs = {t: replay.value([*replay.inputs[:i], x + t * d, *replay.inputs[i + 1 :]]) for t in _both(STEPS)}
        known = all(np.isfinite(out).all() for out in (value, *outs.values()))
        if d.any() and known and _smooth(outs, value).all():
            numeric, uncertain = (part / SCALE for part in richardson(lambda t: _weighted(v, outs[t * SCALE])))
            settled = uncertain <= self.tolerance * abs(numeric) + NOISE * _weighted(np.abs(v), np.abs(value))
            if settled and np.isfinite(numeric / np.abs(d[d != 0]).min()):  # else it overflows
                self._differs(np.inf)
                self._is_wrong(i, float((r[d != 0] * d[d != 0]).sum()), numeric)
                return
        raise _Unjudged(tell("the gradient of {input} is NaN or infinite", input=self._input(i)))

    def _direction(self, x: np.ndarray, r: np.ndarray) -> np.ndarray:
        """Draw a direction in which the gradient's terms do not cancel, in proportion to the elements of `x`.

        So steps neither leave a domain nor pass 0, and none is lost to rounding beside a large number.
        """
        size = np.abs(x)
        known = size[np.isfinite(size) & (size > 0)]
        typical = min(float(np.sqrt(np.mean(known * known))), 1.0) if known.size else 1.0
        reach = np.where(size > 0, np.minimum(size, np.maximum(1.0, 1e-4 * size)), typical)
        signs = np.where(r == 0, self.rng.choice([-1.0, 1.0], x.shape), np.sign(r))
        return np.where(np.isfinite(x), signs * reach * self.rng.uniform(0.5, 1.0, x.shape), 0.0)

    def _compare_at_kinks(
        self,
        replay: _Replay,
        i: int,
        value: np.ndarray,
        v: np.ndarray,
        d: np.ndarray,
        outs: dict[float, np.ndarray],
    ) -> None:
        """Check that where results have a kink the gradient lies between the one-sided derivatives."""
        step = STEPS[-1]
        right, left = (outs[step] - value) / step, (value - outs[-step]) / step
        least, most = np.where(v == 0, 0, np.minimum(v * left, v * right)), np.maximum(v * left, v * right)
        low, high = float(least.sum()), float(np.where(v == 0, 0, most).sum())
        given = float(np.where(d == 0, 0, replay.gradients(v)[i] * d).sum())
        slack = ONE_SIDED * (abs(low) + abs(high)) + NOISE * _weighted(np.abs(v), np.abs(value))
        if not low - slack <= given <= high + slack:
            self.wrong.append(
                tell(
                    "at a kink the gradient of {input} is {given}, not between the one-sided derivatives {low} and "
                    "{high}",
                    input=self._input(i),
                    given=f"{given:.4g}",
                    low=f"{low:.4g}",
                    high=f"{high:.4g}",
                )
            )

    def _refuse_coarse(
        self, replay: _Replay, i: int, value: np.ndarray, d: np.ndarray, outs: dict[float, np.ndarray]
    ) -> None:
        """Take no rounding for kinks: an op that does not compute in float64 does not see a tiny step."""
        tiny = replay.value([*replay.inputs[:i], replay.inputs[i] + TINY * d, *replay.inputs[i + 1 :]])
        if np.count_nonzero(tiny != value) * 100 < np.count_nonzero(outs[STEPS[0]] != value):
            raise _Unjudged(tell("it computes more coarsely than in float64, whatever it is given"))

    def _input(self, i: int) -> str:
        op = self.node.plan.op
        return f"{op.inputs[0]}[{i}]" if op.variadic else op.inputs[i]

    # ---------------------------------------------------------------------------------------------- the tape

    def _compare_with_tape(self, call: Call, sent: list[Any] | None) -> None:
        """Check what a backward pass left on the tape, if there was one."""
        arrived = self.node.gradients[-1] if self.node.gradients else None
        if not isinstance(arrived, np.ndarray):
            return
        self._compare_sum(arrived, sent)
        given = _Replay(self.node, call, exact=False).gradients(arrived)
        for i, recorded in self.node.contributions().items():
            if recorded is None or not np.isfinite(given[i]).all():
                continue
            off = _largest(given[i] - recorded)
            if off > _grain(recorded) * max(_largest(given[i]), _largest(recorded)):
                self._differs(off / max(_largest(given[i]), _largest(recorded)))
                self.wrong.append(
                    tell(
                        "the gradient of {input} on the tape is not what the vjp gives, off by {off}",
                        input=self._input(i),
                        off=f"{off:.2g}",
                    )
                )

    def _compare_sum(self, arrived: np.ndarray, sent: list[Any] | None) -> None:
        """Check that the gradient that arrived is the sum of those that were sent."""
        if sent is None or any(part is None for part in sent) or not np.isfinite(arrived).all():
            return
        off = _largest(arrived - np.sum(sent, axis=0))
        if off <= _grain(arrived) * sum(map(_largest, sent)):
            return
        if any(not isinstance(hook, _Keep) for hook in (self.node.notes.hooks if self.node.notes else ())):
            self.notes.append(tell("the gradient that arrived was replaced by a hook"))
            return
        self._differs(off / max(_largest(arrived), *map(_largest, sent)))
        self.wrong.append(
            tell(
                "the gradient that arrived is not the sum of what was sent, off by {off} (if another result uses this "
                "one, too, verify the tensor whose backward() was called)",
                off=f"{off:.2g}",
            )
        )

    def _differs(self, error: float) -> None:
        self.error = float(np.nanmax([self.error, error]))


def _largest(x: Any) -> float:
    array = np.asarray(x)
    return float(np.abs(array).max()) if array.size else 0.0


def _grain(array: np.ndarray) -> float:
    return SLACK * float(np.finfo(array.dtype).eps)


def _both(steps: Sequence[float]) -> list[float]:
    return [sign * step for step in steps for sign in (1.0, -1.0)]


def _weighted(v: np.ndarray, out: np.ndarray) -> float:
    return float(np.where(v == 0, 0, v * out).sum())


def _smooth(outs: dict[float, np.ndarray], value: np.ndarray) -> np.ndarray:
    """Tell for each result whether it is smooth along the path: second differences then go with the square of the step.

    At a kink they go with the step, and near one they vanish for short steps. Both ratios are needed: at one distance
    from a kink one of them looks smooth.
    """

    def second(k: int) -> np.ndarray:
        return np.asarray(outs[STEPS[k]] - 2 * value + outs[-STEPS[k]])

    widest = second(0)
    slope = (outs[STEPS[0]] - outs[-STEPS[0]]) / (2 * STEPS[0])
    rounding = 200 * float(np.finfo(float).eps) * max(_largest(x[np.isfinite(x)]) for x in (value, slope))
    smooth = np.ones(value.shape, bool)
    for k in (2, 4):
        ratio = 4.0**k
        smooth &= np.abs(ratio * second(k) - widest) <= 0.5 * np.abs(widest) + ratio * rounding
    return smooth
