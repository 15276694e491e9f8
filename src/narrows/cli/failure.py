"""Failures of a command that end in a message and an exit status, not in a traceback."""

from __future__ import annotations

OK = 0
FAILED = 1
UNUSABLE = 2
NOTHING_DONE = 3


class Failure(Exception):
    """What happened, where, and what to do; `status` becomes the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status
