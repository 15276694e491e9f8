"""The load: connections that ask again as soon as they are answered, streams that are listened to, and a metronome."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from time import perf_counter

from bench.dataplane.bodies import ANSWER, ANSWER_TEXT, MARK, STAMP_DIGITS
from bench.dataplane.exchanges import unframed
from bench.dataplane.loop import Link, Loop


class Failed(Exception):
    """A proxy did not do what it was asked to, so that there is nothing to measure."""


def told(answer: bytes) -> str:
    """What an answer that was not expected says, in short: its first line, and the front of its body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return f"{head.splitlines()[0].decode('latin-1')} {body[:160].decode('latin-1').strip()}".strip()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


class Tally:
    """What the connections of one slice have seen. `latencies_s` only where it is asked for."""

    def __init__(self, *, latencies: bool = False) -> None:
        self.done = 0
        self.latencies_s: list[float] | None = [] if latencies else None
        self.failures: list[str] = []
        self.finishing: int | None = None

    def finish(self, links: int) -> None:
        """From now on each of the connections closes with its answer, and the last one stops the loop."""
        self.finishing = links

    def check(self, what: str) -> None:
        """Raises Failed where anything went wrong."""
        if self.failures:
            raise Failed(f"{what}: {len(self.failures)} failures, the first: {self.failures[0]}")


class Asking(Link):
    """Sends `requests` in turn, the next when the last is answered; `limit` ends it, the loop too."""

    def __init__(
        self, loop: Loop, port: int, requests: Sequence[bytes], tally: Tally, limit: int | None = None
    ) -> None:
        super().__init__(loop, connect(port))
        self._requests = requests
        self._tally = tally
        self._limit = limit
        self._asked = 0
        self._asked_s = 0.0
        self._answer = b""
        self._wanted = -1
        self.ask()

    def ask(self) -> None:
        request = self._requests[self._asked % len(self._requests)]
        self._asked += 1
        self._answer = b""
        self._wanted = -1
        self._asked_s = perf_counter()
        self.write(request)

    def received(self, data: bytes) -> None:
        answer = self._answer + data if self._answer else data
        if self._wanted < 0:
            self._wanted = answer_length(answer)
        if len(answer) < self._wanted or self._wanted < 0:
            self._answer = answer
            return
        tally = self._tally
        if not answered(answer):
            tally.failures.append(told(answer))
        tally.done += 1
        if tally.latencies_s is not None:
            tally.latencies_s.append(perf_counter() - self._asked_s)
        if tally.finishing is not None:
            self.close()
            tally.finishing -= 1
            if not tally.finishing:
                self.loop.stop()
        elif self._limit is None or self._asked < self._limit:
            self.ask()
        else:
            self.loop.stop()

    def lost(self) -> None:
        self._tally.failures.append("the connection was closed before its answer")
        self.loop.stop()


_BODY = ANSWER.partition(b"\r\n\r\n")[2]
_TEXT = ANSWER_TEXT.encode()


def answered(answer: bytes) -> bool:
    """Whether this is the upstream's answer: its body, or, from a proxy that writes bodies anew, its text."""
    whole = answer.endswith(_BODY) or _TEXT in unframed(answer)
    return whole and answer.startswith(b"HTTP/1.1 200")


def answer_length(answer: bytes) -> int:
    """The length of the whole answer whose front this is; -1 while it cannot be told."""
    end = answer.find(b"\r\n\r\n") + 4
    if end < 4:
        return -1
    head = answer[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        return end + int(head[at + 17 : head.index(b"\r", at + 17)])
    return len(answer) if answer.endswith(b"0\r\n\r\n") else -1


class Heard:
    """What the streams of one slice have seen: how long each chunk was under way, while `counting`."""

    def __init__(self) -> None:
        self.chunks = 0
        self.lags_s: list[float] = []
        self.first_s: list[float] = []
        self.ended = 0
        self.failures: list[str] = []
        self.counting = False

    def check(self, what: str) -> None:
        """Raises Failed where anything went wrong."""
        if self.failures:
            raise Failed(f"{what}: {len(self.failures)} streams failed, the first: {self.failures[0]}")


class Listening(Link):
    """Asks for a stream and listens; for another one after it, up to `streams`."""

    def __init__(self, loop: Loop, port: int, request: bytes, heard: Heard, streams: int = 1) -> None:
        super().__init__(loop, connect(port))
        self._request = request
        self._heard = heard
        self._left = streams
        self._rest = b""
        self._begins = True
        self._first = True
        self._asked_s = 0.0
        self.ask()

    def ask(self) -> None:
        self._left -= 1
        self._rest = b""
        self._begins = True
        self._first = True
        self._asked_s = perf_counter()
        self.write(self._request)

    def received(self, data: bytes) -> None:
        now_s = perf_counter()
        begins, self._begins = self._begins, False
        if begins and not data.startswith(b"HTTP/1.1 200"):
            self._heard.failures.append(told(data))
            self.loop.stop()
            return
        data = self._rest + data if self._rest else data
        at = data.find(MARK)
        after = 0
        while 0 <= at <= len(data) - STAMP_DIGITS - 1:
            after = at + STAMP_DIGITS + 1
            self._chunk(now_s, float(data[at + 1 : after]))
            at = data.find(MARK, after)
        self._first = self._first and after == 0
        if data.endswith(b"0\r\n\r\n") and b"[DONE]" in data:
            self._ended()
        else:
            self._rest = data[max(after, len(data) - 64) :]

    def lost(self) -> None:
        self._heard.failures.append("the connection was closed")
        self.loop.stop()

    def _chunk(self, now_s: float, sent_s: float) -> None:
        heard = self._heard
        if self._first:
            self._first = False
            heard.first_s.append(now_s - self._asked_s)
        heard.chunks += 1
        if heard.counting:
            heard.lags_s.append(now_s - sent_s)

    def _ended(self) -> None:
        self._heard.ended += 1
        if self._left > 0:
            self.ask()
        else:
            self.loop.stop()


class Metronome(Link):
    """A small request every `period_s`, at most one at a time. `spent_s` is read when one is sent and when its answer
    has come: the CPU time the proxy used meanwhile bounds how long its event loop was held, whatever else the machine
    did."""

    def __init__(self, loop: Loop, port: int, request: bytes, period_s: float, spent_s: Callable[[], float]) -> None:
        super().__init__(loop, connect(port))
        self._request = request
        self._period_s = period_s
        self._spent_s = spent_s
        self._sent_s = 0.0
        self._before_s = 0.0
        self.lags_s: list[float] = []
        self.held_s: list[float] = []
        self._beat(perf_counter())

    def _beat(self, due_s: float) -> None:  # noqa: ARG002  # a beat that comes late is not made up for
        if not self.closed:
            self._before_s = self._spent_s()
            self._sent_s = perf_counter()
            self.write(self._request)

    def received(self, data: bytes) -> None:  # noqa: ARG002  # these answers are small and come whole
        now_s = perf_counter()
        self.lags_s.append(now_s - self._sent_s)
        self.held_s.append(self._spent_s() - self._before_s)
        self.loop.at(self._sent_s + self._period_s, self._beat)
