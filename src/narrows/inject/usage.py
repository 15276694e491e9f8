"""Joins the usage of several answers that an agent gets as one.

The last answer's figures stand, and the output of those before it is added to them: to each figure that is there, and
what was added to these to the total. The input is not added: an agent judges by it how full its context is, and that is
what the last request held.
"""

from __future__ import annotations

from narrows.core.edits import Edit
from narrows.inject.places import count_of, replaced
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
    edits: list[Edit] = []
    added = 0
    for path in tally.output:
        at = _figure(data, place, path)
        if at is None:
            continue
        count = int(data[at[0] : at[1]])
        tally.latest[path] = count
        if before := tally.before[path]:
            edits.append(replaced(at, b"%d" % (count + before)))
            added += before if path in tally.counted else 0
    total = _figure(data, place, tally.total) if tally.total and added else None
    if total is not None:
        edits.append(replaced(total, b"%d" % (int(data[total[0] : total[1]]) + added)))
    return edits


def _figure(data: bytes, place: Place | None, path: Path) -> Place | None:
    """Where a count stands."""
    for key in path:
        place = object_at(data, place, None).get(key) if place is not None else None
    return place if place is not None and count_of(data[place[0] : place[1]]) is not None else None
