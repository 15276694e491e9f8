"""Requests that official SDKs send again by themselves, which must not make an agent act twice.

An SDK whose connection broke, or whose own patience ended, sends the same request again, and counts that in
`x-stainless-retry-count`. By then its agent has begun, and has been stopped, or works on for nobody. So a request that
says it is such a copy is refused where the first one was left by its client while the agent may have acted. The two are
known by the digest of everything that they say. Nothing is kept of requests that were answered, or refused.
"""

from __future__ import annotations

from collections import OrderedDict

from narrows.agents.session import Ask
from narrows.core.headers import field
from narrows.errors import RequestRepeated

MAX_LEFT = 1024
KEPT_S = 600.0
"""For how long a copy may be on its way: SDKs wait a minute at most, and clients of theirs may do so again."""
_COUNT_FIELD = b"x-stainless-retry-count"


class LeftRequests:
    """An agent's requests whose clients have left, with the names of their sessions."""

    def __init__(self, limit: int = MAX_LEFT, kept_s: float = KEPT_S) -> None:
        self._limit = limit
        self._kept_s = kept_s
        self._left: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def put(self, request: bytes, session: str, at_s: float) -> None:
        """The client of this request has left."""
        self._left[request] = session, at_s
        self._left.move_to_end(request)
        while len(self._left) > self._limit:
            self._left.popitem(last=False)

    def drop(self, request: bytes) -> None:
        """Its agent has not been told anything."""
        self._left.pop(request, None)

    def check(self, request: bytes, fields: bytes, at_s: float) -> None:
        """Refuse what was sent again by itself.

        Raises:
            RequestRepeated: it was, and its agent may have acted for the first one.
        """
        count = field(fields, _COUNT_FIELD) or b""
        session, left_s = self._left.get(request, ("", -self._kept_s))
        if count.strip(b"0").isdigit() and session and at_s - left_s < self._kept_s:
            raise RequestRepeated(
                "the agent had begun with this request when its client left, and is not asked twice:"
                f" GET /v1/sessions/{session} tells what became of it, where the agent was let go on;"
                " a request that is not a retry has it done again",
                may_have_acted=True,
            )


def digest_of(ask: Ask) -> bytes:
    """By which a request is known again."""
    return b"".join((*ask.digests[-1:], ask.name.encode()))
