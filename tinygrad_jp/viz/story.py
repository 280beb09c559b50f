"""The story of a computation: each step forward and backward as a formula, with its numbers, and its rule in words."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np

from ..errors import ArgumentError, GraphError
from ..language import language, speaking
from ..tape import DRAWABLE, Node, Outline, changes, topological_order
from ..tensor import Tensor
from ..text import table, width
from ..witness import Source
from .phrases import CHAIN, ELSEWHERE, MISSING, REPEATED, RESCUED, TOO_LARGE, Phrase, Said, phrase_of
from .scene import number, written

__all__ = ["NOT_COMPUTED", "BackwardStep", "ForwardStep", "Said", "Story", "explain", "story"]

FEW = 4
"""Arrays of at most this many elements are written out, larger ones as their shape."""
LONG = 72
"""Numbers that would take more columns than this are told by shapes, too."""
MEETING = 6
"""Of more contributions than this (and one) only the first and the last are written."""
NOT_COMPUTED = "—"
"""Stands in place of numbers that no backward pass has made."""


@dataclass(frozen=True)
class ForwardStep:
    """An op runs: "りんご × りんごの個数", "100 × 2 = 200".

    Attributes
    ----------
    node
        The op's record.
    result
        What its result is called: its own name, or a generated one (v1, v2, …, in order of computing; x1, x2, … for
        inputs; small constants by their value). Names that several values have are numbered: W1, W2.
    formula
        The op with the names of its inputs.
    numbers
        The same with the numbers put in, and what it gives; shapes in place of larger arrays, and of what is not known.
    rule
        What the op does.
    """

    node: Node
    result: str
    formula: str
    numbers: str
    rule: Said


@dataclass(frozen=True)
class BackwardStep:
    """A gradient goes back over one edge: "∂L/∂x = ∂L/∂z × y", "1.1 × 2 = 2.2".

    Attributes
    ----------
    node
        The record of the op that it goes back through.
    input
        Position of the op's input that it reaches.
    to
        What that input is called.
    formula
        The contribution to the input's gradient, by names; with "+=" where several contributions meet.
    numbers
        The same with the numbers put in, and "(strict_zero)" if that made an exact 0 of something undefined;
        :data:`NOT_COMPUTED` if no backward pass came here.
    rule
        What the op does with a gradient.
    total
        Where several contributions meet and this is the last: their sum, "1.1 + 2.2 = 3.3". Where the gradient is
        another one, what it is follows: "2.2 ⇒ 5". A hook replaced it, or something came from elsewhere.
    """

    node: Node
    input: int
    to: str
    formula: str
    numbers: str
    rule: Said
    total: str | None = None


@dataclass(frozen=True)
class Story:
    """All steps: forward in order of computing, backward in the order in which the tape walks.

    Attributes
    ----------
    forward, backward
        The steps.
    result
        What the result is called.
    start
        The gradient of the result, with which the backward pass began: "∂L/∂z = 1"; "∂L/∂z = —" if there was none.
    left_out
        So many earlier ops are not told.
    hints
        What is missing, and how to see it.
    names
        What each value is called: the results of ops by their nodes, leaves that are not told by their value.
    """

    forward: list[ForwardStep] = field(default_factory=list)
    backward: list[BackwardStep] = field(default_factory=list)
    result: str = ""
    start: str = ""
    left_out: int = 0
    hints: tuple[Said, ...] = ()
    names: Mapping[Any, str] = field(default_factory=dict, repr=False)


def story(y: Tensor, max_steps: int | None = None) -> Story:
    """Tell the computation behind a tensor step by step.

    Parameters
    ----------
    y
        The result of recorded ops; after ``backward()`` its gradients are told, too.
    max_steps
        At most this many ops, the last ones computed.

    Raises
    ------
    GraphError
        If nothing was recorded for `y`.
    ArgumentError
        If `max_steps` is no whole number of at least 1.
    """
    if max_steps is not None and (isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1):
        raise ArgumentError(f"explain: max_steps must be a whole number of at least 1, got {max_steps!r}")
    if y._node is None:
        kind = "a leaf: nothing was computed" if y.requires_grad else "no result of recorded ops"
        raise GraphError(
            f"explain: {y._label()} is {kind}; explain what was computed from a tensor with requires_grad=True, "
            "outside no_grad()"
        )
    return Teller(y._node).tell(max_steps)


UNKNOWN = Said(
    "Numbers that were not kept are told by their shapes, arguments by …: compute inside `with keep_values():` to "
    "keep them.",
    "残っていない数値は形状で、引数は … で示しています。`with keep_values():` の中で計算すると残ります。",
)


@dataclass(frozen=True, eq=False)
class Seen:
    """A value, None if it is not known, and its shape."""

    value: np.ndarray | None
    shape: tuple[int, ...]

    @property
    def short(self) -> bool:
        """Whether it is known and short enough to be written out."""
        return self.value is not None and 0 < self.value.size <= FEW

    @property
    def lost(self) -> bool:
        """Whether it is not known and would be short enough."""
        return self.value is None and 0 < math.prod(self.shape) <= FEW


class Teller:
    """A story in the making.

    Parameters
    ----------
    root
        The node of the result.

    Attributes
    ----------
    names
        What each value is called: see :class:`Story`.
    """

    def __init__(self, root: Node) -> None:
        self._nodes = topological_order(root)
        self._root = root
        self.names = _named(reversed(self._nodes))
        self._unknown = False
        self._elsewhere = False

    @cached_property
    def _meeting(self) -> dict[Any, list[tuple[Node, int]]]:
        """For each value the edges over which gradients come to it, in the order of the backward pass."""
        edges: dict[Any, list[tuple[Node, int]]] = {}
        for node in self._nodes:
            for i in node.plan.active:
                edges.setdefault(node.edges[i], []).append((node, i))
        return edges

    def tell(self, max_steps: int | None) -> Story:
        told = self._nodes[:max_steps]
        forward = [self._forward(node) for node in reversed(told)]
        backward = [self._backward(node, i) for node in told for i in node.plan.active]
        came = self._root.gradients is not None or self._root.plan.steps is None
        seed = self._text(self._own_gradient(self._root)) if came else NOT_COMPUTED
        missing = any(step.numbers == NOT_COMPUTED for step in backward)
        large = len(self._nodes) > DRAWABLE and self._root.gradients is None
        return Story(
            forward,
            backward,
            self.names[self._root],
            f"∂L/∂{self.names[self._root]} = {seed}",
            len(self._nodes) - len(told),
            (MISSING,) * missing
            + (TOO_LARGE,) * (missing and large)
            + (ELSEWHERE,) * self._elsewhere
            + (UNKNOWN,) * self._unknown,
            self.names,
        )

    # ---------------------------------------------------------------------------------------------- forward

    def _forward(self, node: Node) -> ForwardStep:
        phrase = _phrase(node)
        fields = self._by_names(node)
        arguments = {"more", *node.plan.op.defaults} & set(re.findall(r"{(\w+)}", phrase.formula))
        self._unknown |= node.call is None and any(fields[name].endswith("…") for name in arguments)
        return ForwardStep(
            node,
            self.names[node],
            _filled(phrase.formula, fields),
            self._numbers(node, phrase.formula, Seen(node.value, node.shape)),
            phrase.does,
        )

    def _by_names(self, node: Node, to: Any = None) -> dict[str, str]:
        """Return what stands for the fields of a template in a formula."""
        names = [self._name(edge) for edge in node.edges]
        out = self.names[node]
        local = f"∂{out}/∂{self._name(to)}" if to is not None else ""
        return _fields(node, names) | {"g": f"∂L/∂{out}", "out": out, "local": local}

    def _name(self, edge: Any) -> str:
        """Return the name of an input; a number or a small constant by its value."""
        if isinstance(edge, Node | Tensor | Outline) and edge in self.names:
            return self.names[edge]
        array = _array(edge)
        return _values(array) if 0 < array.size <= FEW else written(array.shape)

    # ---------------------------------------------------------------------------------------------- numbers

    def _numbers(self, node: Node, template: str, gives: Seen) -> str:
        """Put the numbers into a template: "100 × 2 = 200"; long arrays by their shapes, then with an arrow."""
        template = template.replace(CHAIN, "{g} · …")
        used = set(re.findall(r"{(\w+)}", template))
        inputs = [self._input(node, k) for k in range(len(node.edges))]
        seen = {"g": self._own_gradient(node), "out": Seen(node.value, node.shape)}
        seen |= dict(zip(_input_names(node), inputs, strict=True))
        put_in = inputs if "inputs" in used else [value for name, value in seen.items() if name in used]
        result = self._text(gives)

        def filled(write: Callable[[Seen], str]) -> str:
            texts = [write(value) if value in put_in else "" for value in inputs]
            return _filled(template, _fields(node, texts) | {k: write(seen[k]) for k in ("g", "out") if k in used})

        if all(value.short for value in (*put_in, gives)):
            whole = f"{filled(self._text)} = {result}"
            if width(whole) <= LONG:
                return whole
        self._unknown |= any(value.lost for value in (*put_in, gives))
        return f"{filled(_number_or_shape)} → {result}"

    def _text(self, seen: Seen) -> str:
        """Write a value if it is known and short, else its shape."""
        self._unknown |= seen.lost
        return _values(seen.value) if seen.value is not None and seen.short else written(seen.shape)

    def _input(self, node: Node, i: int) -> Seen:
        """Return an input; its value only if it is known to be the one that the op read."""
        edge = node.edges[i]
        if node.call is not None:
            value = np.asarray(node.call.inputs[i])
        elif isinstance(edge, Node | Outline):
            return Seen(edge.value if isinstance(edge, Node) else None, edge.shape)
        else:
            value = _array(edge)
            if isinstance(edge, Tensor) and changes.since(node.order, (value,)) is not None:
                return Seen(None, value.shape)
        return Seen(value, value.shape)

    def _own_gradient(self, node: Node) -> Seen:
        gradient = node.gradients[-1] if node.gradients else None
        return Seen(None if gradient is ... else gradient, node.shape)

    # ---------------------------------------------------------------------------------------------- backward

    def contribution(self, node: Node, i: int) -> str:
        """Write what a node contributes to the gradient of its input `i`, by names."""
        return _filled(_back(node, i), self._by_names(node, node.edges[i]))

    def _backward(self, node: Node, i: int) -> BackwardStep:
        edge = node.edges[i]
        rule = _phrase(node).returns
        if _was_repeated(node, i):
            rule += REPEATED
        to = self._name(edge)
        meeting = self._meeting[edge]
        sign = "+=" if len(meeting) > 1 else "="
        formula = f"∂L/∂{to} {sign} {self.contribution(node, i)}"
        total = self._total(edge, meeting) if meeting[-1] == (node, i) else None
        if total and self._is_from_elsewhere(edge, total):
            rule += ELSEWHERE
        if not self._came_through(node, i):
            return BackwardStep(node, i, to, formula, NOT_COMPUTED, rule)
        numbers = self._numbers(node, _back(node, i), Seen(node.contributions().get(i), edge.shape))
        if i in node.rescued:
            numbers += " (strict_zero)"
            rule += RESCUED
        return BackwardStep(node, i, to, formula, numbers, rule, total)

    def _came_through(self, node: Node, i: int) -> bool:
        """Tell whether a gradient came over this edge; of a very large graph only that a pass freed it is known."""
        if node.gradients is None and node.plan.steps is None and len(self._nodes) > DRAWABLE:
            self._unknown = True
            return True
        return i in node.contributions()

    def _total(self, edge: Any, meeting: list[tuple[Node, int]]) -> str | None:
        """Add up what meets at a value, "1.1 + 2.2 = 3.3"; None if it is a single contribution that stays as it is."""
        if not all(self._came_through(node, i) for node, i in meeting):
            self._elsewhere |= isinstance(edge, Node) and edge.gradients is not None
            return None
        parts = [Seen(node.contributions().get(i), edge.shape) for node, i in meeting]
        known = [part.value for part in parts if part.value is not None]
        added = Seen(np.asarray(sum(known)) if len(known) == len(parts) else None, edge.shape)
        told = f"{_joined(map(self._text, parts))} {'=' if added.short else '→'} {self._text(added)}"
        became = self._became(edge, added)
        if became is None:
            return told if len(parts) > 1 else None
        return f"{told if len(parts) > 1 else self._text(added)} ⇒ {became}"

    def _became(self, edge: Any, added: Seen) -> str | None:
        """Write the gradient of a value if it is another one than what was added up; None if it is that."""
        if isinstance(edge, Outline) or added.value is None:
            return None
        if isinstance(edge, Tensor):  # its .grad adds up over passes
            arrived, made = (edge._hooks and edge._hooks.last) or (None, None)
            seen_here = arrived is not None and _is_about(arrived, added.value)
            own = Seen(made if seen_here else None, edge.shape)
        else:
            own = self._own_gradient(edge)
        return None if own.value is None or _is_about(own.value, added.value) else self._text(own)

    def _is_from_elsewhere(self, edge: Any, total: str) -> bool:
        """Tell, and remember for a hint, whether a gradient is no sum of what is told, and no hook made it."""
        elsewhere = isinstance(edge, Node) and " ⇒ " in total and not (edge.notes and edge.notes.hooks)
        self._elsewhere |= elsewhere
        return elsewhere


def _is_about(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two gradients differ by rounding at most, in the coarser of their dtypes."""
    eps = max(float(np.finfo(g.dtype).eps) for g in (one, other))
    return np.allclose(one, other, 100 * eps, 100 * eps * float(np.abs(other).max(initial=0)), True)


def _joined(texts: Iterable[str]) -> str:
    first, *others = texts
    others = [f"({text})" if text.startswith("-") else text for text in others]
    if len(others) > MEETING:
        others[MEETING - 1 : -1] = ["…"]
    return " + ".join([first, *others])


# ------------------------------------------------------------------------------------------------ names and texts


def _named(nodes: Iterable[Node]) -> dict[Any, str]:
    """Name all values that are computed, and the leaves that are not told by their value.

    Parameters
    ----------
    nodes
        In order of computing.
    """
    nodes = list(nodes)
    leaves = dict.fromkeys(e for n in nodes for e in n.edges if isinstance(e, Tensor | Outline))
    alike: dict[str, list[Any]] = {}
    for value in (*leaves, *nodes):
        if value.name:
            alike.setdefault(" ".join(value.name.split()), []).append(value)
    named = {values[0]: name for name, values in alike.items() if len(values) == 1}
    groups = [(name, values) for name, values in alike.items() if len(values) > 1]  # the W and b of every layer
    inputs = [leaf for leaf in leaves if leaf.requires_grad or math.prod(leaf.shape) > FEW]
    groups.append(("x", [leaf for leaf in inputs if not leaf.name]))
    groups.append(("v", [node for node in nodes if not node.name]))
    for name, values in groups:
        free = (n for k in itertools.count(1) if (n := f"{name}{k}") not in alike)
        named |= zip(values, free, strict=False)
    return named


def _phrase(node: Node) -> Phrase:
    return phrase_of(node.plan.op, [_shape(edge) for edge in node.edges], _attrs(node))


def _array(edge: Any) -> np.ndarray:
    return edge.numpy() if isinstance(edge, Tensor) else np.asarray(edge)


def _attrs(node: Node) -> Mapping[str, Any]:
    """Return the static arguments; an ellipsis in place of each if they were not kept."""
    return node.call.attrs if node.call else dict.fromkeys(node.plan.op.defaults, ...)


def _shape(edge: Any) -> tuple[int, ...]:
    return edge.shape if isinstance(edge, Node | Tensor | Outline) else np.shape(edge)


def _input_names(node: Node) -> list[str]:
    op = node.plan.op
    return [f"{op.inputs[0]}{k}" for k in range(len(node.edges))] if op.variadic else list(op.inputs)


def _was_repeated(node: Node, i: int) -> bool:
    """Tell whether an input was broadcast."""
    op = node.plan.op
    return (op.family == "elementwise" or op.name == "broadcast_to") and _shape(node.edges[i]) != node.shape


def _back(node: Node, i: int) -> str:
    """Return the template of what a node contributes to the gradient of its input `i`."""
    template = _phrase(node).back.get(_input_names(node)[i], CHAIN)
    return f"sum({template})" if _was_repeated(node, i) else template


def _fields(node: Node, texts: Iterable[str]) -> dict[str, str]:
    """Return what stands for the fields of a template that are not numbers of the computation.

    Parameters
    ----------
    node
        The op.
    texts
        What stands for its inputs.
    """
    op, attrs = node.plan.op, _attrs(node)
    names, texts = _input_names(node), list(texts)
    given = {name: _attr(attrs[name]) if name in attrs else "…" for name in op.defaults}
    more = [f"{name}={given[name]}" for name in attrs if not _is_default(attrs[name], op.defaults.get(name))]
    if node.call is None:
        more = ["…"] * _arguments_matter(node)
    shape, ddof = _shape(node.edges[0]), attrs.get("ddof", 0)
    n = "…" if ddof is ... else math.prod(shape) // max(math.prod(node.shape), 1) - int(ddof)
    return {
        **given,
        **dict(zip(names, texts, strict=True)),
        "inputs": ", ".join(texts),
        "more": "".join(f", {text}" for text in more),
        "n": str(n),
        "rows": str(shape[0] if len(shape) == 2 else 1),
        "dtype": node.dtype.name,
    }


def _arguments_matter(node: Node) -> bool:
    """Tell whether static arguments could have made another result of the same inputs: an axis only if it is one."""
    among_axes = len(_shape(node.edges[0])) > 1 and bool(node.shape)
    return bool(node.plan.op.defaults) and (among_axes or not node.plan.op.defaults.keys() <= {"axis", "keepdims"})


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (isinstance(value, bool | int | float | str | tuple) and value == default)


def _attr(value: Any) -> str:
    """Write a static argument."""
    if isinstance(value, slice):
        bounds = ["" if part is None else str(part) for part in (value.start, value.stop, value.step)]
        return ":".join(bounds[: 3 if bounds[2] else 2])
    if isinstance(value, tuple | list):
        return (
            ", ".join(map(_attr, value))
            if any(isinstance(v, slice) for v in value)
            else f"({', '.join(map(_attr, value))})"
        )
    if isinstance(value, np.ndarray):
        return _values(value) if 0 < value.size <= FEW else f"array {written(value.shape)}"
    if isinstance(value, int | float | np.number):
        return str(value) if isinstance(value, bool) else number(np.asarray(value).item())
    return "…" if value is ... else str(value)


def _values(array: np.ndarray) -> str:
    """Write all elements, in brackets for each axis."""
    if array.ndim:
        return f"[{', '.join(map(_values, array))}]"
    return number(array.item())


def _number_or_shape(seen: Seen) -> str:
    return written(seen.shape) if seen.value is None or seen.shape else _values(seen.value)


OPENING = "(|⌊⌈‖[,"


def _filled(template: str, fields: Mapping[str, str]) -> str:
    """Put texts into a template; a negative number in parentheses where its sign would meet an operator's."""

    def text(match: re.Match[str]) -> str:
        filled = fields[match[1]]
        before = template[: match.start()].rstrip()
        alone = not before or before[-1] in OPENING
        raised = template[match.end() :].lstrip().startswith(("²", "**"))
        return f"({filled})" if filled.startswith("-") and (raised or not alone) else filled

    return re.sub(r"{(\w+)}", text, template)


# ------------------------------------------------------------------------------------------------ as text


class Text(str):
    """A text that an interactive session shows as it is."""

    __slots__ = ()

    __repr__ = str.__str__


HEADINGS = {
    "forward": Said("Forward, in order of computing", "順伝播(計算した順)"),
    "backward": Said(
        "Backward, from the result (∂L/∂x: how much the final result L grows per unit of x)",
        "逆伝播(結果から順に。∂L/∂x は x が 1 増えるごとに最終結果 L がどれだけ増えるか)",
    ),
    "rules": Said("Rules", "規則"),
    "step": Said("computation", "計算"),
    "gradient": Said("gradient", "勾配"),
    "numbers": Said("numbers", "数値"),
    "line": Said("line", "行"),
    "not computed": Said("not computed", "計算していません"),
    "left out": Said(
        "… {n:,} earlier steps left out (max_steps={shown})", "… これより前の {n:,} ステップは省略(max_steps={shown})"
    ),
}


def explain(y: Tensor, lang: str | None = None, max_steps: int = 50) -> Text:
    """Tell the computation behind a tensor as text: see ``Tensor.explain``."""
    if lang is not None:
        with speaking(lang):
            return explain(y, None, max_steps)
    told = story(y, max_steps)
    parts = [_said("forward"), _forward_table(told), "", _said("backward"), _backward_table(told), "", _rules(told)]
    return Text("\n".join([*parts, *(f"\n{_in_language(hint)}" for hint in told.hints)]))


def _in_language(said: Said) -> str:
    return said.ja if language() == "ja" else said.en


def _said(key: str, **values: Any) -> str:
    return _in_language(HEADINGS[key]).format(**values)


def _aligned(rows: list[list[str]]) -> list[str]:
    lines = table(rows, left=len(rows[0])).split("\n")
    return [f"  {line}".rstrip() for line in lines]


def _line(source: Source | None) -> str:
    """Write where an op was run: the file without its folder, the line and what stands there."""
    if source is None:
        return ""
    file = re.split(r"[\\/]", source.file)[-1]
    text = source.text if len(source.text) <= 48 else source.text[:47] + "…"
    return f"{file}:{source.line}  {text}".rstrip()


def _forward_table(told: Story) -> str:
    lined = any(step.node.source for step in told.forward)
    rows = [["", _said("step"), _said("numbers"), *([_said("line")] if lined else [])]]
    for k, step in enumerate(told.forward, start=told.left_out + 1):
        line = [_line(step.node.source)] if lined else []
        rows.append([str(k), f"{step.result} = {step.formula}", step.numbers, *line])
    head, *lines = _aligned(rows)
    return "\n".join([head, *_notice(told), *lines])


def _backward_table(told: Story) -> str:
    rows = [["", _said("gradient"), _said("numbers")]]
    rows.append(["", f"∂L/∂{told.result}", told.start.removeprefix(f"∂L/∂{told.result} = ")])
    for k, step in enumerate(told.backward, start=1):
        rows.append([str(k), step.formula, step.numbers])
        if step.total:
            rows.append(["", f"∂L/∂{step.to}", step.total])
    rows = [[k, formula, _said("not computed") if n == NOT_COMPUTED else n] for k, formula, n in rows]
    return "\n".join([*_aligned(rows), *_notice(told)])


def _notice(told: Story) -> list[str]:
    if not told.left_out:
        return []
    return ["  " + _said("left out", n=told.left_out, shown=len(told.forward))]


def _rules(told: Story) -> str:
    """Tell once for each op what it does, and what it does with a gradient."""
    rules: dict[tuple[str, Said], list[Said]] = {}
    for node in (step.node for step in told.forward):
        phrase = _phrase(node)
        known = rules.setdefault((node.plan.op.symbol, phrase.does), [phrase.does, phrase.returns])
        if REPEATED not in known and any(_was_repeated(node, i) for i in node.plan.active):
            known.append(REPEATED)
        if RESCUED not in known and node.rescued:
            known.append(RESCUED)
    rows = [[symbol, _in_language(reduce(add, sentences))] for (symbol, _), sentences in rules.items()]
    return "\n".join([_said("rules"), *_aligned(rows)])
