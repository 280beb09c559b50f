"""Frames around opened modules: clusters of Graphviz, one inside the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence

from .parts import Label, Scene
from .places import Group, around, common

Groups = Mapping[str, Group | None]
"""The innermost frame around each item, by id."""


def with_own_inputs(picture: Scene) -> dict[Group, list[str]]:
    """Return, for each frame in which inputs such as weights stand, their ids."""
    found: dict[Group, list[str]] = {}
    for item in picture.items:
        if isinstance(item, Label) and item.group is not None:
            found.setdefault(item.group, []).append(item.id)
    return found


def frames_of_wires(picture: Scene, groups: Groups, own: Mapping[Group, object]) -> list[Group | None]:
    """Choose the frame in which what flows along each wire is written.

    Between the frames of its ends; or inside the latter, if other inputs stand there or the value flows elsewhere, too.
    """
    flows = Counter(wire.tail for wire in picture.wires)
    return [
        groups[wire.head]
        if groups[wire.head] in own or flows[wire.tail] > 1
        else common(groups[wire.tail], groups[wire.head])
        for wire in picture.wires
    ]


def entrances(
    picture: Scene, groups: Groups, own: Mapping[Group, Sequence[str]], told: Container[str], last: Sequence[str]
) -> list[str]:
    """Let a frame's own inputs stand after what flows into it: frames then stand one after the other.

    Parameters
    ----------
    told
        Inputs that tell their shape themselves: they stand also after what is written on the wires.
    last
        What stands last on each wire before its head, by id.
    """
    pairs = [
        (written if label in told else wire.tail, label)
        for wire, written in zip(picture.wires, last, strict=True)
        for frame in around(groups[wire.head])
        if not wire.back and frame in own and frame not in around(groups[wire.tail])
        for label in own[frame]
    ]
    return [f"  {tail} -> {label} [style=invis]" for tail, label in dict.fromkeys(pairs)]


def nested(statements: Sequence[tuple[Group | None, list[str]]], looks: Callable[[Group], str]) -> list[str]:
    """Put the statements of each frame into a cluster, inside that of the frame around it.

    Parameters
    ----------
    statements
        Lines of DOT and the frame they belong to.
    looks
        Gives the attributes of a frame.
    """
    inside: dict[Group | None, list[Group | list[str]]] = {None: []}

    def contents(group: Group | None) -> list[Group | list[str]]:
        if group is not None and group not in inside:
            contents(group.parent).append(group)
            inside[group] = []
        return inside[group]

    for group, lines in statements:
        contents(group).append(lines)
    names = {group: f"cluster_{k}" for k, group in enumerate(inside)}

    def written_out(group: Group | None) -> list[str]:
        found: list[str] = []
        for part in inside[group]:
            if isinstance(part, Group):
                head = [f"  subgraph {names[part]} {{", f"  graph [{looks(part)}]"]
                found += [*head, *written_out(part), "  }"]
            else:
                found += part
        return found

    return written_out(None)
