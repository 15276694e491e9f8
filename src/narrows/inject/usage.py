"""Joins the usage of several answers that an agent gets as one.

The last answer's figures stand, and the output of those before it is added to them: to each figure, one that the last
answer does not have included, and what was added to the output to the total as well. The input is not added: an agent
judges by it how full its context is, and that is what the last request held.
"""

from __future__ import annotations

from narrows.core.edits import Edit
from narrows.inject.places import count_of, replaced, with_members
from narrows.wire.items import Place, object_at

Path = tuple[str, ...]
"""The keys that lead to a figure."""


class Tally:
    """What the answers before this one cost in output, and this one so far. `parts_of_output`: whether the figures add
    up to the output; otherwise the first is the output, and the others are contained in it."""

    def __init__(self, output: tuple[Path, ...], total: Path = (), *, parts_of_output: bool = False) -> None:
        self.output = output
        self.total = total
        self.counted = output if parts_of_output else output[:1]
        self.before = dict.fromkeys(output, 0)
        self.latest = dict.fromkeys(output, 0)

    def go_on(self) -> None:
        """The answer is over, and another follows."""
        for path, count in self.latest.items():
            self.before[path] += count
            self.latest[path] = 0


def added_usage(data: bytes, place: Place | None, tally: Tally) -> list[Edit]:
    """The edits of a usage that add what was before; the tally takes its figures as the latest."""
    figures = {path: _figure(data, place, path) for path in (*tally.output, tally.total) if path}
    if place is None or not any(figures.get(path) for path in (tally.output[0], tally.total)):
        return []
    edits: list[Edit] = []
    added = 0
    for path in tally.output:
        at, before = figures[path], tally.before[path]
        if at is not None:
            tally.latest[path] = _count(data, at)
        said = _said(data, place, path, tally.latest[path] + before) if before else None
        if said is not None:
            edits.append(said)
            added += before if path in tally.counted else 0
    total = figures.get(tally.total)
    if total is not None and added:
        edits.append(replaced(total, b"%d" % (_count(data, total) + added)))
    return edits


def _said(data: bytes, place: Place, path: Path, count: int) -> Edit | None:
    """The edit that says a figure, in place of another or as a new one; None where there is nothing to put it into."""
    *outer, key = path
    holder: Place | None = place
    for one in outer:
        holder = object_at(data, holder, None).get(one)
    fields = object_at(data, holder, None)
    if key in fields:
        return replaced(fields[key], b"%d" % count) if _figure(data, place, path) else None
    return with_members(data, holder, [(key, b"%d" % count)]) if holder is not None and fields else None


def _count(data: bytes, place: Place) -> int:
    return count_of(data[place[0] : place[1]]) or 0


def _figure(data: bytes, place: Place | None, path: Path) -> Place | None:
    """Where a count stands."""
    for key in path:
        place = object_at(data, place, None).get(key) if place is not None else None
    return place if place is not None and count_of(data[place[0] : place[1]]) is not None else None
