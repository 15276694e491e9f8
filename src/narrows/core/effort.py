"""A bound on how much may be done at once, for callers who must not be held up.

Bytes are a poor measure of how long a body takes to read: a megabyte of text is one step, a megabyte of `{}` three
hundred thousand. So the reader counts its steps as it takes them, and gives up where they are used up. What it would
have found is the same, whoever reads on; the bound decides where a body is read, never what is found in it.
"""

from __future__ import annotations


class OutOfEffortError(Exception):
    """The steps are used up; nothing was decided."""


class Effort:
    """So many `steps` are left. One is a few microseconds: a value found, or a byte scanned the slow way."""

    __slots__ = ("steps",)

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def spend(self, steps: int) -> None:
        """Take some away.

        Raises:
            OutOfEffortError: there are not so many left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise OutOfEffortError
