"""All that a page shows, as JSON: the picture and its places, the steps, and the arrays."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ...tensor import Tensor
from ..story import BackwardStep, Story, story
from ..watch import Runs
from .diagram import Diagram
from .layout import Layout, is_circle, layout

VERSION = 1


def contents(y: Tensor, runs: Runs | None, title: str | None) -> dict[str, Any]:
    """Collect what the page of a result shows.

    Parameters
    ----------
    y
        The result, which is no leaf.
    runs
        Of the modules.
    title
        Of the page; None: the result's name, if it has one.
    """
    told = story(y)
    diagram = Diagram(y, told.names, runs)
    placed = layout(diagram)
    return {
        "version": VERSION,
        "title": title if title is not None else y.name or "",
        "kept": all(item.told["value"] is not None for item in diagram.items if item.told),
        "width": placed.width,
        "height": placed.height,
        "items": [{**vars(item), "place": placed.places[item.id], "circle": is_circle(item)} for item in diagram.items],
        "wires": [_wire(diagram, placed, k) for k in range(len(diagram.wires))],
        "frames": [asdict(frame) for frame in diagram.frames.all],
        "steps": _steps(diagram, told),
        "arrays": diagram.facts.store.written(),
        "pictures": diagram.thumbnails.files,
    }


def _wire(diagram: Diagram, placed: Layout, k: int) -> dict[str, Any]:
    wire = diagram.wires[k]
    before, after = placed.splines[wire.id]
    return {**vars(wire), "place": placed.places[wire.id], "before": before, "after": after}


def _steps(diagram: Diagram, told: Story) -> list[dict[str, Any]]:
    """List the steps: the inputs, the way forward, and the way back."""
    forward = [
        {
            "kind": "forward",
            "op": diagram.ids[step.node],
            "name": step.result,
            "formula": step.formula,
            "numbers": step.numbers,
            "rule": asdict(step.rule),
        }
        for step in told.forward
    ]
    return [{"kind": "start"}, *forward, *_way_back(diagram, told)]


def _way_back(diagram: Diagram, told: Story) -> list[dict[str, Any]]:
    """List the steps of the backward pass, first the gradient with which it starts; none if it did not start here."""
    root = told.forward[-1].node
    if not root.gradients:
        return []
    formula, _, numbers = told.start.partition(" = ")
    turn = {"kind": "turn", "op": diagram.ids[root], "name": told.result, "formula": formula, "numbers": numbers}
    walked = (step for step in told.backward if step.input in step.node.contributions())
    return [turn, *(_backward(diagram, step) for step in walked)]


def _backward(diagram: Diagram, step: BackwardStep) -> dict[str, Any]:
    head = diagram.ids[step.node]
    wire = next(w for w in diagram.wires if w.head == head and w.input == step.input)
    return {
        "kind": "backward",
        "op": head,
        "wire": wire.id,
        "to": wire.tail,
        "name": step.to,
        "formula": step.formula,
        "numbers": step.numbers,
        "rule": asdict(step.rule),
        "total": step.total,
    }
