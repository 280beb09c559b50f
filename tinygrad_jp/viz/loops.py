"""Arrows of pictures in which loops are drawn once: which lead to the next run, and how often each is used."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence

from .parts import Box, Circle, Scene, Wire


def tell_loops(picture: Scene) -> None:
    """Tell of each arrow how often it is used, if not in every run, and which lead to the next run of a loop.

    Items are put in an order in which only these lead back.
    """
    times = {item.id: item.times_run for item in picture.items if isinstance(item, Circle | Box)}
    _find_ways_back(picture)
    for wire in picture.wires:
        tail, head = times.get(wire.tail, 1), times.get(wire.head, 1)
        wire.often = _often(wire, tail, head)
        later = tail == head > 1 and all(made < used for made, used in wire.uses)
        wire.to_next = wire.back or later


def _often(wire: Wire, tail: int, head: int) -> str:
    """Write how often an arrow between items that run so often is used: "×3", or in which run; "" for all."""
    most, uses = max(tail, head), len(wire.uses)
    if uses >= most:
        return ""
    if uses > 1 or min(tail, head) > 1:
        return f"×{uses}"
    run = max(wire.uses[0])
    return "last" if run == most else ordinal(run)


def ordinal(n: int) -> str:
    """Write 1st, 2nd, 3rd, 4th, …."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _find_ways_back(picture: Scene) -> None:
    """Find the arrows that lead from an item to what leads to it, and put the items in the order of all others."""
    place = {item.id: k for k, item in enumerate(picture.items)}
    leads: dict[str, list[str]] = {item.id: [] for item in picture.items}
    doubtful = []
    for wire in picture.wires:
        if place[wire.tail] < place[wire.head]:
            leads[wire.tail].append(wire.head)
        else:
            doubtful.append(wire)
    for wire in doubtful:
        wire.back = _reaches(leads, wire.head, wire.tail)
        if not wire.back:
            leads[wire.tail].append(wire.head)
    if any(not wire.back for wire in doubtful):
        order = {id: k for k, id in enumerate(_sorted(leads, place))}
        picture.items.sort(key=lambda item: order[item.id])


def _reaches(leads: Mapping[str, Sequence[str]], start: str, end: str) -> bool:
    """Tell whether arrows lead from one item to another."""
    found, waiting = {start}, [start]
    while waiting and end not in found:
        new = set(leads[waiting.pop()]) - found
        found |= new
        waiting += new
    return end in found


def _sorted(leads: Mapping[str, Sequence[str]], place: Mapping[str, int]) -> list[str]:
    """Put each item after those that lead to it, and else where it was."""
    missing = Counter(head for heads in leads.values() for head in heads)
    ready = [(k, id) for id, k in place.items() if not missing[id]]
    heapq.heapify(ready)
    found = []
    while ready:
        _, id = heapq.heappop(ready)
        found.append(id)
        for head in leads[id]:
            missing[head] -= 1
            if not missing[head]:
                heapq.heappush(ready, (place[head], head))
    return found
