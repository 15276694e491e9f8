"""How long an empty seat waits for its next worker: a moment after a worker that served, and longer after each that did
not, so that one that cannot start does not keep the machine busy with starting it."""

from __future__ import annotations

FIRST_S = 0.2
LONGEST_S = 30.0
STEADY_S = 30.0
"""A worker that has served so long was no failure of the start."""


class Delays:
    """The waiting times of all seats, by number."""

    def __init__(self) -> None:
        self._next_s: dict[int, float] = {}

    def after(self, number: int, served_s: float) -> float:
        """The wait after a worker that served for so long."""
        return self._used(number, FIRST_S if served_s > STEADY_S else self._next_s.get(number, FIRST_S))

    def again(self, number: int) -> float:
        """The wait after an attempt that failed."""
        return self._used(number, self._next_s.get(number, FIRST_S))

    def _used(self, number: int, delay_s: float) -> float:
        self._next_s[number] = min(2 * delay_s, LONGEST_S)
        return delay_s
