"""What goes wrong in an exchange, and what the upstream then says.

A fault is the upstream's or the client's. The upstream plays it at the first attempt alone: a request that the gateway
sends again, because its kept connection turned out dead, is answered in full.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from random import Random

from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STALL,
    Answer,
    Ending,
    Recorded,
    Step,
    chunk,
    error,
    frame,
    head,
    whole,
)


class Fault(StrEnum):
    """One a exchange; the names say who is at fault."""

    NONE = "none"
    UPSTREAM_TRICKLES = "upstream trickles"
    UPSTREAM_SENDS_INTERIM = "upstream sends a 1xx"
    UPSTREAM_IS_BUSY = "upstream answers 429"
    UPSTREAM_CLOSES_AFTER = "upstream closes behind its answer"
    UPSTREAM_CUTS = "upstream cuts its answer"
    UPSTREAM_RESETS = "upstream resets its answer"
    UPSTREAM_IS_SILENT = "upstream closes unanswered"
    UPSTREAM_SPEAKS_GARBAGE = "upstream answers garbage"
    CLIENT_LEAVES_IN_BODY = "client leaves in its request"
    CLIENT_LEAVES_EARLY = "client leaves before the answer"
    CLIENT_LEAVES_LATE = "client leaves in the answer"
    CLIENT_LEAVES_AT_DONE = "client leaves at the end mark"
    CLIENT_READS_SLOWLY = "client reads slowly"
    CLIENT_TALKS_NONSENSE = "client sends no request"
    CLIENT_SMUGGLES = "client smuggles"


LEAVING = {
    Fault.CLIENT_LEAVES_EARLY, Fault.CLIENT_LEAVES_LATE, Fault.CLIENT_LEAVES_AT_DONE, Fault.CLIENT_LEAVES_IN_BODY,
}  # fmt: skip
SHARE_OF_FAULTS = 0.4


def drawn(random: Random) -> Fault:
    """A fault, or more often none."""
    others = [fault for fault in Fault if fault is not Fault.NONE]
    return random.choice(others) if random.random() < SHARE_OF_FAULTS else Fault.NONE


@dataclass(slots=True)
class Script:
    """What the upstream is to say to one request of a client, and the attempts it has seen."""

    fault: Fault
    answer: Answer
    attempts: list[Recorded] = field(default_factory=list)

    def play(self, request: Recorded) -> Answer:
        """The answer to the next attempt."""
        self.attempts.append(request)
        return self.answer if self.fault is Fault.NONE or len(self.attempts) > 1 else faulty(self.answer, self.fault)

    def sent(self) -> tuple[list[bytes], bytes]:
        """What the whole answer was to the last attempt: the lines of its head, and its body with its framing."""
        answer = BUSY if self.fault is Fault.UPSTREAM_IS_BUSY and len(self.attempts) == 1 else self.answer
        start, _, body = _bytes(answer).partition(b"\r\n\r\n")
        return start.split(b"\r\n"), body


def _bytes(answer: Answer) -> bytes:
    return b"".join(step for step in answer.steps if isinstance(step, bytes))


FIELDS = [("Content-Type", "text/event-stream; charset=utf-8"), ("X-Odd", " a,  B"), ("Set-Cookie", "a=1")]
BUSY = error(429, fields=(("Retry-After", "1"), ("retry-after-ms", "40")))
_GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"
_INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_PAUSE_S = 0.03


def streamed(random: Random) -> Answer:
    """A chat stream, some of it paced."""
    pace_s = random.choice((0.0, 0.0, 0.002, 0.02))
    words = random.choices(("Hello ", "é", "😀 ", "x" * 400), k=random.randint(3, 40))
    frames = [frame({"content": word}) for word in words]
    steps: list[Step] = [head([*FIELDS, ("Transfer-Encoding", "chunked")])]
    for one in (*frames, frame({}, finish_reason="stop")):
        steps += [chunk(one), pace_s]
    return Answer((*steps, chunk(DONE) + LAST_CHUNK))


def at_once(random: Random) -> Answer:
    """A completion with a length; a few are large."""
    size = random.choice((10, 300, 5_000, 60_000)) if random.random() < 0.97 else 2_000_000
    message = {"role": "assistant", "content": "e\u00e9 " * (size // 3)}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    return whole(body, fields=[("Content-Type", "application/json"), *FIELDS[1:]])


def faulty(answer: Answer, fault: Fault) -> Answer:
    """The same answer with a fault of the upstream in it, or one that waits for its client to leave."""
    whole_bytes = _bytes(answer)
    middle = (whole_bytes.index(b"\r\n\r\n") + 4 + len(whole_bytes)) // 2
    others = {
        Fault.UPSTREAM_TRICKLES: Answer(tuple(_pieces(whole_bytes, 24))),
        Fault.UPSTREAM_SENDS_INTERIM: Answer((_INTERIM, _PAUSE_S, *answer.steps)),
        Fault.UPSTREAM_IS_BUSY: BUSY,
        Fault.UPSTREAM_CLOSES_AFTER: Answer(answer.steps, Ending.CLOSE),
        Fault.UPSTREAM_CUTS: Answer((whole_bytes[:middle],), Ending.CLOSE),
        Fault.UPSTREAM_RESETS: Answer((whole_bytes[:middle], _PAUSE_S), Ending.RESET),
        Fault.UPSTREAM_IS_SILENT: Answer((), Ending.CLOSE),
        Fault.UPSTREAM_SPEAKS_GARBAGE: Answer((_GARBAGE,), Ending.STALL),
        Fault.CLIENT_LEAVES_EARLY: STALL,
        Fault.CLIENT_LEAVES_LATE: Answer((whole_bytes[:middle],), Ending.STALL),
        Fault.CLIENT_LEAVES_AT_DONE: Answer((whole_bytes.removesuffix(LAST_CHUNK),), Ending.STALL),
    }
    return others.get(fault, answer)


def _pieces(data: bytes, count: int) -> Sequence[Step]:
    places = sorted({len(data) * i // count for i in range(count + 1)})
    return [step for start, stop in pairwise(places) for step in (data[start:stop], 0.004)]
