"""Which seats' sockets each worker accepts from: its own, and those of seats that are empty, evenly; so nobody who has
connected waits for a worker that is not there."""

from __future__ import annotations

from collections.abc import Iterable


def dealt(seated: Iterable[int], seats: Iterable[int]) -> dict[int, list[int]]:
    """The seats' numbers by the number of each worker that is seated; nothing where there is none."""
    taken = {number: [number] for number in seated}
    if not taken:
        return {}
    for number in seats:
        if number not in taken:
            min(taken.values(), key=len).append(number)
    return taken
