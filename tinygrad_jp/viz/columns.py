"""A long chain of modules in columns, as a text is broken into lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate, pairwise
from operator import itemgetter

from .parts import Item, Label, Scene, Turn, Wire
from .places import Group, around, common

TALLEST = 12
"""So many items above each other are easily read; more of them cost the square of the rest."""
COLUMNS = 6
"""There are at most so many columns."""
COLUMN_COSTS = 6
UNEVEN_COSTS = 0.01
"""Of the square of a column's height: of equally good ways the one with equal columns is taken."""
CUT_COSTS = 8
"""Of each frame that is cut."""
BESIDE_COSTS = 100
"""Of each frame that is cut and fills a column only in part: what precedes or follows it would stand at its side."""
STOPS = 200
"""So many places for a cut are weighed against each other."""


@dataclass(frozen=True, eq=False)
class _Stop:
    """An item after which a column may end.

    Attributes
    ----------
    height
        How many items there are up to it.
    cut
        The frames that would be cut.
    before, after
        The frames around it, and around all that it feeds.
    """

    id: str
    height: int
    cut: list[Group]
    before: list[Group]
    after: list[Group]


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
    for first, last in pairwise([0, *starts, len(items)]):
        _gather(items[first:last])
    return replace(picture, items=items, wires=wires)


def _gather(column: Sequence[Item]) -> None:
    """Put a column inside a frame into one of its own, without a title: Graphviz then keeps the columns' order."""
    home = reduce(common, (item.group for item in column if not isinstance(item, Label)))
    if home is None:
        return
    own = Group("", home)
    for item in column:
        if item.group is home:
            item.group = own
        for group in around(item.group):
            if group.parent is home and group is not own:
                group.parent = own


def _cuts(picture: Scene, groups: Mapping[str, Group | None]) -> list[str]:
    """Choose the items after which the columns end, at the least costs."""
    at = heights(picture)
    frames = [around(item.group) for item in picture.items if not isinstance(item, Label)] or [[]]
    begin = _Stop("", 0, [], [], frames[0])
    end = _Stop("", max(at.values()), [], frames[-1], [])
    stops = [_stop(picture, groups, tail, at[tail]) for tail in _alone(picture)]
    stops = stops[:: 1 + len(stops) // STOPS]
    ended: dict[_Stop, tuple[float, tuple[str, ...]]] = {begin: (0, ())}  # the best way to end a column there
    ways = []
    for _ in range(COLUMNS):
        ways += [_longer(way, first, end) for first, way in ended.items()]
        columns = ((stop, [_longer(w, s, stop) for s, w in ended.items() if s.height < stop.height]) for stop in stops)
        ended = {stop: min(found, key=itemgetter(0)) for stop, found in columns if found}
    return [cut for cut in min(ways, key=itemgetter(0))[1] if cut]


def _longer(way: tuple[float, tuple[str, ...]], start: _Stop, end: _Stop) -> tuple[float, tuple[str, ...]]:
    """Add a column to those that end where it starts, and its costs to theirs."""
    height = end.height - start.height
    beside = sum(frame not in end.before for frame in start.cut) + sum(frame not in start.after for frame in end.cut)
    looks = COLUMN_COSTS + UNEVEN_COSTS * height**2 + max(0, height - TALLEST) ** 2
    return way[0] + looks + CUT_COSTS * len(end.cut) + BESIDE_COSTS * beside, (*way[1], end.id)


def _stop(picture: Scene, groups: Mapping[str, Group | None], tail: str, height: int) -> _Stop:
    inside = around(_fed_frame(picture.wires, groups, tail))
    before = around(groups[tail])
    return _Stop(tail, height, [frame for frame in before if frame in inside], before, inside)


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
        and not labels.intersection([tail, *(wire.head for wire in wires)])
    ]
