"""Answers whose clients had left before they were there, until somebody asks for them or the session goes on.

They are held in memory alone, and bounded: an answer that is too long, or that many others have come after, is
forgotten, as every text of a conversation is.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_ANSWERS = 256
MAX_BYTES = 16 << 20


class Unread:
    """An agent's unread answers by session, the last of each: a chat completion, or an error object, as JSON."""

    def __init__(self, max_answers: int = MAX_ANSWERS, max_bytes: int = MAX_BYTES) -> None:
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, bytes] = OrderedDict()

    def put(self, session_id: str, answer: bytes) -> None:
        """Keep a session's answer, which takes the place of its last."""
        self.drop(session_id)
        self._answers[session_id] = answer
        self._bytes += len(answer)
        while self._bytes > self._max_bytes or len(self._answers) > self._max_answers:
            self.drop(next(iter(self._answers)))

    def get(self, session_id: str) -> bytes | None:
        """The answer, which stays."""
        return self._answers.get(session_id)

    def drop(self, session_id: str) -> None:
        """The session has gone on."""
        self._bytes -= len(self._answers.pop(session_id, b""))
