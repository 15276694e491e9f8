"""`python -m bench.exchange`: processor time and Python calls of one exchange, the network left out.

The real protocol objects of a real gateway, with its observer, records, metrics and log, are handed the bytes of 32
clients and of the upstream in turns, as an event loop would; what they write stays in memory. So a figure holds nothing
but the gateway's own code, and can be had on a busy machine: the least of many rounds, in time of this process alone.
Calls do not depend on the machine at all.

No two answers have the same head: their date and request id change, as a provider's do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import process_time

import uvloop

from bench.dataplane.bodies import ANSWER, LAST_CHUNK, SOURCE, STREAM_HEAD, chunk, session, small, turns_of
from bench.exchange.memory import Line
from narrows.core.tokens import TOKENIZER
from narrows.policy import Policy
from narrows.server.app import RunningGateway, build, tune_process
from narrows.settings import Settings
from narrows.telemetry.log import EventLog

LINES = 32
ROUNDS = 40
RECEIVED_BYTES = 64 << 10
"""What one read brings of a long body."""
CHUNKS = 8
"""Of each stream in a round."""

Round = Callable[[], Awaitable[int]]
"""Handles many of what is measured, and says how many."""


def _varied(answer: bytes, number: int) -> bytes:
    """The answer with a date and a request id of its own."""
    head, between, body = answer.partition(b"\r\n\r\n")
    head = head.replace(b"08:00:00", b"08:%02d:%02d" % (number // 60 % 60, number % 60))
    return head.replace(b"req_0123456789abcdef", b"req_%016x" % (number * 7919)) + between + body


class Stand:
    """A gateway and its lines."""

    def __init__(self, running: RunningGateway) -> None:
        self.gateway = running.gateway
        self.lines = [Line(self.gateway) for _ in range(LINES)]
        for line in self.lines:
            line.lend(self.gateway)
        self._answers = [_varied(ANSWER, number) for number in range(1024)]
        self._heads = [_varied(STREAM_HEAD, number) for number in range(LINES)]
        self._next = 0

    def answers(self) -> list[bytes]:
        """The next answers, one a line."""
        self._next = (self._next + LINES) % len(self._answers)
        return self._answers[self._next : self._next + LINES]

    async def settle(self) -> None:
        """Let what is done afterwards be done."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def small(self) -> Round:
        """1 KB each way, whole in one read."""
        requests = [bytes(bytearray(small())) for _ in self.lines]

        async def each() -> int:
            for line, request in zip(self.lines, requests, strict=True):
                line.downstream.data_received(request)
            await self._forwarded(LINES)
            self._answer(self.answers())
            await self.settle()
            self._take(self.lines)
            return LINES

        return each

    async def stream(self) -> Round:
        """A chunk of a stream; the heads and the ends of the streams are not counted, and a thousandth of the work."""
        request = small(stream=True)
        for line in self.lines:
            line.downstream.data_received(request)
        await self._forwarded(LINES)
        self._answer([head + chunk(0.0) for head in self._heads])

        async def each() -> int:
            for number in range(CHUNKS):
                pieces = [chunk(float(number)) for _ in self.lines]
                for line, piece in zip(self.lines, pieces, strict=True):
                    line.connection.data_received(piece)
                await self.settle()
            self._take(self.lines)
            return CHUNKS * LINES

        return each

    def end_streams(self) -> None:
        """Let every line end its stream."""
        for line in self.lines:
            line.connection.data_received(LAST_CHUNK)
            line.client.sent.clear()

    def long(self, sessions: list[list[bytes]]) -> Round:
        """A conversation's next turn of 200 KB on every line, in reads of 64 KB."""
        turn = 0

        async def each() -> int:
            nonlocal turn
            lines = self.lines[: len(sessions)]
            for line, requests in zip(lines, sessions, strict=True):
                request = requests[turn % len(requests)]
                for at in range(0, len(request), RECEIVED_BYTES):
                    line.downstream.data_received(request[at : at + RECEIVED_BYTES])
            await self._forwarded(len(lines))
            self._answer(self.answers())
            await self.settle()
            self._take(lines)
            turn += 1
            return len(lines)

        return each

    async def _forwarded(self, count: int) -> None:
        """Wait until so many requests have been; the first of their kind are planned by other processes."""
        while sum([bool(line.upstream.sent) for line in self.lines]) < count:
            await asyncio.sleep(0.001)

    def _answer(self, answers: list[bytes]) -> None:
        """Answer every request that has been forwarded."""
        for line, answer in zip(self.lines, answers, strict=True):
            if line.upstream.sent:
                line.upstream.sent.clear()
                line.connection.data_received(answer)

    @staticmethod
    def _take(lines: list[Line]) -> None:
        """Take what every client was sent."""
        for line in lines:
            assert line.client.sent, "a request was not answered"
            line.client.sent.clear()


@dataclass(slots=True)
class Cost:
    """Of one thing: microseconds of processor time, calls of Python functions, calls of C functions."""

    cpu_us: float
    python_calls: float
    c_calls: float


async def cost(each: Round, rounds: int) -> Cost:
    """The least of the rounds."""
    repeat = 1
    for _ in range(5):
        started_s = process_time()
        await each()
        repeat = max(1, round(0.01 / max(process_time() - started_s, 1e-6)))
    least_s = float("inf")
    for _ in range(rounds):
        started_s, done = process_time(), 0
        for _ in range(repeat):
            done += await each()
        least_s = min(least_s, (process_time() - started_s) / done)
    counts = [await _calls(each) for _ in range(5)]  # a tick of the gateway's may fall into one or another
    return Cost(least_s * 1e6, min(python for python, _ in counts), min(c for _, c in counts))


async def _calls(each: Round) -> tuple[float, float]:
    """Calls of Python functions and of C functions."""
    calls = {"call": 0, "c_call": 0}

    def count(frame: object, event: str, argument: object) -> None:  # noqa: ARG001  # as the interpreter calls it
        if event in calls:
            calls[event] += 1

    sys.setprofile(count)
    try:
        done = await each()
    finally:
        sys.setprofile(None)
    return calls["call"] / done, calls["c_call"] / done


async def measure(names: list[str], rounds: int) -> dict[str, Cost]:
    """The costs by name."""
    with tempfile.NamedTemporaryFile() as file, open(os.dup(file.fileno()), "wb") as log_file:
        log = EventLog(log_file, lambda: 0.0, text=False)
        running = build(Settings(upstream="http://127.0.0.1:9"), Policy(tokenizer=TOKENIZER), log=log)
        stand = Stand(running)
        found: dict[str, Cost] = {}
        tune_process()
        for name in names:
            match name:
                case "small":
                    found[name] = await cost(stand.small(), rounds)
                case "chunk":
                    found[name] = await cost(await stand.stream(), rounds)
                    stand.end_streams()
                case "unedited":
                    load = [turns_of(session(number, 45, 4_000, (SOURCE,)), 40) for number in range(8)]
                    found[name] = await cost(stand.long(load), rounds)
                case "planned":
                    load = [turns_of(session(number, 25, 7_300), 40) for number in range(8)]
                    found[name] = await cost(stand.long(load), rounds)
        running.gateway.planner.close()
        running.discard()
        log.close()
    return found


NAMES = ("small", "chunk", "unedited", "planned")
ABOUT = {
    "small": "1 KB each way",
    "chunk": "a chunk of a stream",
    "unedited": "200 KB, no edit",
    "planned": "200 KB, history planned",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench-exchange", description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="this one (again for more)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    found = uvloop.run(measure(list(arguments.only or NAMES), arguments.rounds))
    print(f"{'':<26}{'CPU us':>10}{'Python calls':>14}{'C calls':>10}")
    for name, one in found.items():
        print(f"{ABOUT[name]:<26}{one.cpu_us:>10.1f}{one.python_calls:>14.1f}{one.c_calls:>10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
