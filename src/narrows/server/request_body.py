"""A request's body on its way through: held whole, to be planned, or passed on as it comes.

What is held counts against one budget for the whole gateway and against the body limit, as the bytes arrive; a length
that is announced and cannot fit is refused before it is sent. What is passed on is bounded by back-pressure instead,
and needs no limit. A small passed body is kept until the answer begins, in case the pooled connection was dead.
"""

from __future__ import annotations

from narrows.core.http1 import ChunkDecoder, Chunked, Framing, Sized
from narrows.errors import BodyTooLarge, Overloaded
from narrows.server.budget import ByteBudget

RETRY_AFTER_S = 1
_PLAIN_END = b"\r\n0\r\n\r\n"


class HeldBody:
    """A body that is planned. A chunked one is held as it came as well, because unedited it goes on as it came."""

    __slots__ = (
        "_budget",
        "_decoder",
        "_framed",
        "_limit",
        "_payload",
        "_released",
        "_replaced",
        "_taken",
        "forwarded_bytes",
        "size",
    )

    def __init__(self, framing: Framing, budget: ByteBudget, limit: int) -> None:
        """Raises BodyTooLarge or Overloaded, as `add` does, for the length that is announced."""
        self._budget = budget
        self._limit = limit
        self._framed: list[bytes] = []
        self._payload: list[bytes] = self._framed
        self._decoder: ChunkDecoder | None = None
        self._replaced: bytes | None = None
        self._released = False
        self._taken = 0
        self.size = 0
        self.forwarded_bytes = 0
        if isinstance(framing, Sized):
            self._check(framing.size, budget.has_room(framing.size))
        elif isinstance(framing, Chunked):
            self._decoder = ChunkDecoder()
            self._payload = []

    @classmethod
    def whole(cls, data: bytes, budget: ByteBudget) -> HeldBody:
        """A body of a known length that is all here, and that the budget counts already."""
        body = cls.__new__(cls)
        body._budget = budget
        body._framed = body._payload = [data]
        body._decoder = body._replaced = None
        body._released = False
        body._taken = body.size = body._limit = len(data)
        body.forwarded_bytes = 0
        return body

    def add(self, data: bytes) -> None:
        """Hold more bytes.

        Raises:
            BodyTooLarge: the body is over its limit.
            Overloaded: the gateway holds too many bytes of all requests already.
        """
        if not data:
            return
        self.size += len(data)
        share = len(data) if self._decoder is None else 2 * len(data)
        taken = self._budget.take(share)
        if taken:
            self._taken += share
        if not taken or self.size > self._limit:
            self._check(self.size, taken)
        self._framed.append(data)
        if self._decoder is not None:
            self._payload.append(b"".join(self._decoder.receive_data(data)[1]))

    def payload(self) -> bytes:
        """The bytes so far without chunk framing."""
        return _joined(self._payload)

    @property
    def has_trailers(self) -> bool:
        """Whether something other than a plain last chunk ends a chunked body: trailer fields, or an extension."""
        if self._decoder is None:
            return False
        framed = _joined(self._framed)
        return not framed.endswith(_PLAIN_END) and framed != _PLAIN_END[2:]

    def replace(self, payload: bytes) -> int:
        """Send another payload instead, in this body's framing (of a chunked one, in one chunk); returns its length."""
        self._replaced = payload
        if self._decoder is not None:
            self._replaced = b"%x\r\n%b\r\n0\r\n\r\n" % (len(payload), payload)
        self._framed.clear()
        self._payload.clear()
        return len(payload)

    def outgoing(self) -> bytes:
        """The bytes that go upstream."""
        outgoing = _joined(self._framed) if self._replaced is None else self._replaced
        self.forwarded_bytes = len(outgoing)
        return outgoing

    @property
    def replayable(self) -> bool:
        """Whether `outgoing` is there to be sent again: always, until it is released."""
        return not self._released

    def sent(self) -> None:
        """What there is has been given to a connection; it is still held, in case that was a dead one."""

    def release(self) -> None:
        """Hold nothing more."""
        if self._released:
            return
        self._budget.give_back(self._taken)
        self._taken = 0
        self._released = True
        self._replaced = None
        self._framed.clear()
        self._payload.clear()

    def _check(self, size: int, taken: bool) -> None:
        if size > self._limit:
            raise BodyTooLarge(
                f"the request's body is over {self._limit} bytes; send less, or raise max_body_bytes where the gateway"
                " is started"
            )
        if not taken:
            raise Overloaded(
                f"the gateway holds as many request bytes as it may ({self._budget.limit}); try again",
                retry_after_s=RETRY_AFTER_S,
            )


class PassedBody:
    """A body that is passed on. What has come is kept until it has been sent once, and, up to `replay_bytes`, until the
    answer begins."""

    __slots__ = ("_kept", "_replay_bytes", "forwarded_bytes", "size")

    def __init__(self, replay_bytes: int) -> None:
        self._replay_bytes = replay_bytes
        self._kept: list[bytes] | None = []
        self.size = 0
        self.forwarded_bytes = 0

    def add(self, data: bytes) -> None:
        """Note more bytes."""
        self.size += len(data)
        if data and self._kept is not None:
            self._kept.append(data)

    def outgoing(self) -> bytes:
        """Everything that has come so far; to be asked for only while it is replayable."""
        return _joined(self._kept or [])

    @property
    def replayable(self) -> bool:
        """Whether all that has come is still here."""
        return self._kept is not None

    def sent(self) -> None:
        """Everything so far has been given to a connection."""
        self.forwarded_bytes = self.size
        if self.size > self._replay_bytes:
            self._kept = None

    def release(self) -> None:
        """Keep nothing more."""
        self._kept = None


def _joined(pieces: list[bytes]) -> bytes:
    """The pieces as one, which takes their place."""
    if len(pieces) > 1:
        pieces[:] = [b"".join(pieces)]
    return pieces[0] if pieces else b""
