"""Observes the copy of a response, and can do the response no harm (law 8).

The bytes go to the client first; then the same objects are handed here, which costs an append. They are read in
batches: chunk framing and content coding are taken off, and the wire's observer gets what is left. Nothing in this
module raises into the proxy path. An observer that fails, a body that is not what its head says, one too large to keep
reading, or a batch that held the event loop for too long ends the observing, with its reason in the record, and never
the response.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import thread_time

import msgspec

from narrows.core.http1 import NO_BODY, ChunkDecoder, Chunked, FramingError, ResponseHead, Sized
from narrows.server.content_decoding import DECODING_ERRORS, Sink, UnknownCodingError, decoder_for
from narrows.wire.types import ResponseObserver, ResponseRecord, Wire


class Dropped(StrEnum):
    """Why a response was not, or not wholly, observed. An observer may have reasons of its own."""

    UNKNOWN_CODING = "unknown_coding"
    BAD_CODING = "bad_coding"
    BAD_FRAMING = "bad_framing"
    TOO_LARGE = "too_large"
    LAGGING = "lagging"
    OBSERVER_ERROR = "observer_error"


@dataclass(frozen=True, slots=True)
class ObservingLimits:
    """`batch_bytes` and `batch_pieces`: so much is gathered before it is read. `total_bytes`: decoded bytes of one
    response. `batch_s`: seconds of this thread's own time that reading one batch may hold the event loop; what a
    busy machine gives to others meanwhile is no fault of the batch."""

    batch_bytes: int = 16_384
    batch_pieces: int = 256
    total_bytes: int = 64 << 20
    batch_s: float = 0.25


DEFAULT_LIMITS = ObservingLimits()


class _TooLarge(Exception):
    pass


class ResponseTee:
    """Takes the body of one response as it came from the upstream, framing and coding included.

    `held_bytes`: taken, and not read yet. `strict` re-raises what an observer raises, for tests; `clock` gives seconds.
    Without `texts` the answer's are counted and not kept.
    """

    __slots__ = (
        "_clock",
        "_decoded_bytes",
        "_dropped",
        "_feed",
        "_head",
        "_held",
        "_limits",
        "_observer",
        "_strict",
        "_texts",
        "_wire",
        "held_bytes",
    )

    def __init__(
        self,
        wire: Wire,
        head: ResponseHead,
        *,
        limits: ObservingLimits = DEFAULT_LIMITS,
        clock: Callable[[], float] = thread_time,
        strict: bool = False,
        texts: bool = True,
    ) -> None:
        self._wire = wire
        self._head = head
        self._limits = limits
        self._clock = clock
        self._strict = strict
        self._texts = texts
        self._held: list[bytes] = []
        self.held_bytes = 0
        self._decoded_bytes = 0
        self._observer: ResponseObserver | None = None
        self._feed: Sink | None = None
        self._dropped: Dropped | None = None

    @property
    def dropped(self) -> str | None:
        """Why the observing ended early, if it did."""
        return self._dropped

    def hold(self, data: bytes) -> bool:
        """Take bytes that have been forwarded, to be read later; returns whether that should be soon."""
        if self._dropped is not None:
            return False
        self._held.append(data)
        self.held_bytes += len(data)
        return self.held_bytes >= self._limits.batch_bytes or len(self._held) >= self._limits.batch_pieces

    def receive_data(self, data: bytes) -> None:
        """Take bytes that have been forwarded, and read them when there are enough. Never raises."""
        if self.hold(data):
            self.read()

    def read(self) -> None:
        """Read what is held. Never raises."""
        if self._observer is None and self._dropped is None:
            self._guarded(self._open)
        if self._dropped is not None:
            self._held, self.held_bytes = [], 0
        elif self._held:
            self._guarded(self._read_held)

    def drop(self, reason: Dropped) -> None:
        """Stop observing, because the caller cannot hand over everything."""
        self._held.clear()
        self.held_bytes = 0
        self._dropped = self._dropped or reason

    def finish(self) -> ResponseRecord | None:
        """What was observed, when the body is over or broken off; None where a response has no body. Never raises. Then
        nothing is held."""
        record = self._record()
        self._held, self.held_bytes = [], 0
        return record

    def _record(self) -> ResponseRecord | None:
        if self._head.framing is NO_BODY:
            return None
        known = self._known_at_sight() if self._observer is None and self._dropped is None else None
        if known is not None:
            return known
        found = self._guarded(self._end) if self._dropped is None else None
        self._feed = None  # it leads back to this tee, as a cycle that only the collector could undo
        if found is None and self._observer is not None:
            found = self._guarded(self._observer.record)
        record = found if isinstance(found, ResponseRecord) else ResponseRecord()
        return record if self._dropped is None else msgspec.structs.replace(record, dropped=self._dropped)

    def _known_at_sight(self) -> ResponseRecord | None:
        """The record of an answer that is held whole and uncoded, if its wire can say it at once. Where it fails, or
        the limits are not the usual, the observer is asked, and judged for itself. To ask for this thread's time would
        cost as much as this reading, which the wire bounds."""
        head, held = self._head, self._held
        framing = head.framing
        if len(held) != 1 or head.content_codings or type(framing) is not Sized or self._limits is not DEFAULT_LIMITS:
            return None
        if framing.size != len(held[0]):
            return None
        try:
            return self._wire.whole(held[0])
        except Exception:  # bulkhead, as `_guarded`
            if self._strict:
                raise
            return None

    def _end(self) -> ResponseRecord | None:
        """Read what is held as the last of the body; None where that is not to be trusted."""
        if self._observer is None:
            self._open()
        if self._held:
            self._read_held()
        if self._dropped is not None or self._observer is None:
            return None
        self._observer.receive_eof()
        return self._observer.record()

    def _read_held(self) -> None:
        pieces = self._held
        self._held, self.held_bytes = [], 0
        if self._feed is None or self._head.framing is NO_BODY:
            return
        started_s = self._clock()
        self._feed(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._clock() - started_s > self._limits.batch_s:
            self._dropped = Dropped.LAGGING

    def _open(self) -> None:
        head = self._head
        decode: Sink = self._observe
        if head.content_codings:
            decode = decoder_for(head.content_codings.decode("latin-1"), decode)
        self._observer = self._wire.observer(head.content_type.decode("latin-1"), texts=self._texts)
        self._feed = _dechunking(decode) if isinstance(head.framing, Chunked) else decode

    def _observe(self, decoded: bytes) -> None:
        self._decoded_bytes += len(decoded)
        if self._decoded_bytes > self._limits.total_bytes:
            raise _TooLarge
        if self._observer is not None:
            self._observer.receive_data(decoded)

    def _guarded(self, step: Callable[..., object], *data: bytes) -> object:
        """Do one step of observing; what it raises ends the observing and nothing else."""
        try:
            return step(*data)
        except UnknownCodingError:
            self._dropped = Dropped.UNKNOWN_CODING
        except DECODING_ERRORS:
            self._dropped = Dropped.BAD_CODING
        except FramingError:
            self._dropped = Dropped.BAD_FRAMING
        except _TooLarge:
            self._dropped = Dropped.TOO_LARGE
        except Exception:  # bulkhead: a faulty observer must not reach the response (law 8)
            if self._strict:
                raise
            self._dropped = Dropped.OBSERVER_ERROR
        return None


def _dechunking(sink: Sink) -> Sink:
    decoder = ChunkDecoder()

    def feed(data: bytes) -> None:
        _, payload = decoder.receive_data(data)
        if payload:
            sink(b"".join(payload))

    return feed
