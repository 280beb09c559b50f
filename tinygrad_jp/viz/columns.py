"""A long chain of modules in columns, as a text is broken into lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import accumulate, pairwise
from operator import itemgetter

import numpy as np

from .parts import Item, Label, Scene, Turn, Wire
from .places import Group, around, common

TALLEST = 12
"""So many items above each other are easily read."""
COLUMNS = 6
"""There are at most so many columns; those of a very long chain are taller."""
COLUMN_COSTS = 6
EVEN_COSTS = 1.5
"""Of the square of a column's height, as a share of the tallest: of good ways the one with equal columns is taken."""
OVERFULL_COSTS = 144
"""Of the square of what stands beyond that height, as a share of it."""
CUT_COSTS = 8
"""Of the square of the number of frames that are cut: rather between blocks than inside one."""
STOPS = 200
"""So many places for a cut are weighed against each other."""
CONTINUED = "… "
"""Stands before the title of a frame that began in an earlier column."""


def heights(picture: Scene) -> dict[str, int]:
    """Return how many items there are on the longest way to each one, itself included, by id; labels do not count."""
    sources: dict[str, list[str]] = {}
    for wire in picture.wires:
        sources.setdefault(wire.head, []).append(wire.tail)
    found: dict[str, int] = {}
    for item in picture.items:
        before = (found.get(tail, 0) for tail in sources.get(item.id, ()))
        found[item.id] = max(before, default=0) + (not isinstance(item, Label))
    return found


def in_columns(picture: Scene) -> Scene:
    """Cut a tall picture where only one value flows; equal numbers mark the ends.

    Parameters
    ----------
    picture
        As read off the tape.

    Returns
    -------
    Scene
        The same, or with two :class:`.scene.Turn` for each cut.
    """
    groups = {item.id: item.group for item in picture.items}
    cuts = _cuts(picture, groups)
    if not cuts:
        return picture
    after: dict[str, list[Item]] = {}
    wires = list(picture.wires)
    for number, tail in enumerate(cuts, 1):
        inside = _fed_frame(wires, groups, tail)
        end, start = Turn(f"{tail}e", number, groups[tail]), Turn(f"{tail}s", number, inside)
        after[tail] = [end, start]
        first = next(k for k, wire in enumerate(wires) if wire.tail == tail)
        wires[first:first] = [replace(wires[first], head=end.id)]
        wires = [replace(w, tail=start.id) if w.tail == tail and w.head != end.id else w for w in wires]
    items = [part for item in picture.items for part in (item, *after.get(item.id, ()))]
    starts = [items.index(start) for _, start in after.values()]
    begun: set[Group] = set()
    for first, last in pairwise([0, *starts, len(items)]):
        _frame(items[first:last], begun)
    return replace(picture, items=items, wires=wires)


def _frame(column: Sequence[Item], begun: set[Group]) -> None:
    """Give a column frames of its own: nothing then joins the columns, and each is laid out by itself."""
    own: dict[Group, Group] = {}

    def here(group: Group | None) -> Group | None:
        if group is not None and group not in own:
            own[group] = Group(CONTINUED * (group in begun) + group.title, here(group.parent))
        return own[group] if group is not None else None

    for item in column:
        item.group = here(item.group)
    begun.update(own)


def _cuts(picture: Scene, groups: Mapping[str, Group | None]) -> list[str]:
    """Choose the items after which the columns end."""
    at = heights(picture)
    stops = _alone(picture)
    stops = stops[:: 1 + len(stops) // STOPS]
    cut = [len(_cut_frames(picture.wires, groups, tail)) for tail in stops]
    return [stops[k] for k in cheapest([at[tail] for tail in stops], cut, max(at.values(), default=0))]


def cheapest(stops: Sequence[int], cut: Sequence[int], height: int) -> list[int]:
    """Choose the stops at which columns end, at the least costs.

    Parameters
    ----------
    stops
        So many items there are up to each of them.
    cut
        So many frames a cut there goes through.
    height
        So many items there are.

    Returns
    -------
    list of int
        Which stops, in order; each column is higher than 0.
    """
    if not stops:
        return []
    ends = np.array([0, *stops, height])
    filled = (ends - ends[:, None]) / max(TALLEST, height / COLUMNS)  # of a column from one end to another
    looks = COLUMN_COSTS + EVEN_COSTS * filled**2 + OVERFULL_COSTS * np.maximum(filled - 1, 0) ** 2
    costs = np.where(filled > 0, looks, np.inf) + CUT_COSTS * np.square([0, *cut, 0])
    least, ways = costs[0], [[end] for end in range(len(ends))]  # of one column up to each end, then of more
    best = least[-1], ways[-1]
    for _ in range(COLUMNS - 1):
        longer = least[:, None] + costs
        least, ways = longer.min(axis=0), [[*ways[k], end] for end, k in enumerate(longer.argmin(axis=0))]
        best = min(best, (least[-1], ways[-1]), key=itemgetter(0))
    return [end - 1 for end in best[1][:-1]]


def _cut_frames(wires: Sequence[Wire], groups: Mapping[str, Group | None], tail: str) -> list[Group]:
    """List the frames that a cut behind an item goes through."""
    inside = around(_fed_frame(wires, groups, tail))
    return [frame for frame in around(groups[tail]) if frame in inside]


def _fed_frame(wires: Sequence[Wire], groups: Mapping[str, Group | None], tail: str) -> Group | None:
    """Find the innermost frame around all that an item feeds."""
    return reduce(common, (groups[wire.head] for wire in wires if wire.tail == tail))


def _alone(picture: Scene) -> list[str]:
    """List the items that one value leaves, while no wire runs beside from an earlier item to a later one."""
    place = {item.id: i for i, item in enumerate(picture.items)}
    leaving: dict[str, list[Wire]] = {}
    for wire in picture.wires:
        leaving.setdefault(wire.tail, []).append(wire)
    steps = [0] * len(place)
    for tail, wires in leaving.items():
        along = [place[tail], *(place[wire.head] for wire in wires)]
        steps[min(along)] += 1
        steps[max(along)] -= 1
    running = list(accumulate(steps))
    labels = {item.id for item in picture.items if isinstance(item, Label)}
    return [
        tail
        for tail, wires in leaving.items()
        if running[place[tail]] == 1
        and len({wire.flow for wire in wires}) == 1
        and not any(wire.to_next for wire in wires)
        and not labels.intersection([tail, *(wire.head for wire in wires)])
    ]
