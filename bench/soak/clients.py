"""The clients of a soak: conversations that grow, long streams beside them, and whatever goes wrong with both.

Every answer is compared with what the upstream sent, whatever the fault: it is that answer to its last byte, or its
front with the connection's end behind it, or an error of the gateway's that fits the fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from random import Random

from bench.soak.conversations import Conversation
from bench.soak.scripts import LEAVING, Fault, Script, at_once, drawn, streamed
from bench.soak.verdict import Tally
from tests.raw_client import Answered, RawClient, raw_client, request
from tests.scripted_upstream import DONE, STALL, Answer, Recorded, ScriptedUpstream, chunk, events

PATH = "/v1/chat/completions"
WAIT_S = 60.0
LONG_STREAM = (b"data: {}\n\n", 0.25)
_NAME = b"x-soak"
_CODES = {
    Fault.UPSTREAM_RESETS: {"upstream_unreachable"},
    Fault.UPSTREAM_IS_SILENT: {"upstream_unreachable"},
    Fault.UPSTREAM_SPEAKS_GARBAGE: {"upstream_malformed"},
}
_MAY_BREAK = {Fault.UPSTREAM_CUTS, Fault.UPSTREAM_RESETS}
NONSENSE = (b"hello\r\n\r\n", b"GET / HTTP/1.1\nHost: a\n\n", b"\x16\x03\x01\x00\xca\x01\x00\x00\r\n\r\n")
SMUGGLED = b"POST /v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


class Soak:
    """What all clients share: the upstream, the gateway's port, what is expected of whom, and when it is over."""

    def __init__(self, upstream: ScriptedUpstream, port: int, seed: int) -> None:
        self.upstream = upstream
        self.port = port
        self.random = Random(seed)
        self.tally = Tally()
        self.over = False
        self._names: Iterator[int] = count(1)
        self._scripts: dict[bytes, Script] = {}
        upstream.otherwise = self._answer

    def _answer(self, asked: Recorded) -> Answer:
        (name,) = asked.values(_NAME)
        return self._scripts[name].play(asked)

    def expect(self, script: Script) -> bytes:
        """A name for the next request, under which the upstream finds what to say."""
        name = b"%d" % next(self._names)
        self._scripts[name] = script
        return name

    def forget(self, name: bytes) -> None:
        """The exchange is over: whatever is remembered of it goes."""
        script = self._scripts.pop(name)
        self.tally.resent += max(0, len(script.attempts) - 1)
        self.upstream.requests[:] = [one for one in self.upstream.requests if one.values(_NAME) != [name]]

    def wrong(self, what: str) -> None:
        if len(self.tally.wrong) < 50:
            self.tally.wrong.append(what)


class Client:
    """One agent: conversation after conversation, on a connection that it keeps while it can."""

    def __init__(self, soak: Soak, seed: int) -> None:
        self._soak = soak
        self._random = Random(seed)
        self._connection: RawClient | None = None
        self._conversation = Conversation(self._random)

    async def run(self) -> None:
        """Go on until the soak is over; a turn that was not answered is sent again, as SDKs do."""
        tally = self._soak.tally
        while not self._soak.over:
            talk = self._conversation = Conversation(self._random)
            tally.conversations += 1
            for _ in range(self._random.randint(2, 14)):
                talk.grow()
                while not await self._turn():
                    if self._soak.over:
                        break
                tally.turns += 1
                await asyncio.sleep(self._random.choice((0.0, 0.01, 0.1)))
                if self._soak.over:
                    break
            tally.shortened += talk.shortened
        self._drop()

    async def _turn(self) -> bool:
        """One exchange; whether it was answered with success."""
        soak, fault = self._soak, drawn(self._random)
        talk = self._conversation
        if fault is Fault.CLIENT_LEAVES_AT_DONE and not talk.streams:
            fault = Fault.NONE
        soak.tally.faults[fault] += 1
        if fault in (Fault.CLIENT_TALKS_NONSENSE, Fault.CLIENT_SMUGGLES):
            await self._talk_nonsense(SMUGGLED if fault is Fault.CLIENT_SMUGGLES else self._random.choice(NONSENSE))
            return False
        script = Script(fault, streamed(self._random) if talk.streams else at_once(self._random))
        name = soak.expect(script)
        asked = request("POST", PATH, f"{_NAME.decode()}: {name.decode()}", body=talk.body)
        try:
            async with asyncio.timeout(WAIT_S):
                return await (self._leave(asked, script) if fault in LEAVING else self._ask(asked, script))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            soak.wrong(f"{fault}: {type(error).__name__} {error}")
            self._drop()
            return False
        finally:
            for attempt in script.attempts:
                problem = talk.forwarded(attempt.body)
                if problem:
                    soak.wrong(f"{fault}: {problem}")
            soak.forget(name)

    async def _ask(self, asked: bytes, script: Script) -> bool:
        client = await self._connected()
        client.set_reading(script.fault is not Fault.CLIENT_READS_SLOWLY)
        await client.send(asked)
        if script.fault is Fault.CLIENT_READS_SLOWLY:
            await asyncio.sleep(0.1)
            client.set_reading(True)
        answer = await client.answer()
        self._check(answer, script)
        if not answer.complete or answer.values(b"connection") == [b"close"]:
            self._drop()
        return answer.complete and answer.status == 200

    def _check(self, answer: Answered, script: Script) -> None:
        """The answer against what the upstream has sent."""
        soak, fault = self._soak, script.fault
        lines, body = script.sent()
        soak.tally.body_bytes += len(answer.raw_body)
        if answer.complete and answer.values(b"x-narrows-error"):
            soak.tally.outcomes["refused"] += 1
            if answer.error_code not in _CODES.get(fault, ()):
                soak.wrong(f"{fault}: {answer.head!r} {answer.raw_body!r}")
            return
        ours = (b"x-narrows-request-id:", b"connection: close")
        got = [line for line in answer.head.split(b"\r\n")[:-2] if not line.lower().startswith(ours)]
        if got != lines:
            soak.wrong(f"{fault}: another head: {answer.head!r}")
        elif answer.complete:
            soak.tally.outcomes["answered"] += 1
            if answer.raw_body != body:
                soak.wrong(f"{fault}: {len(answer.raw_body)} bytes of {len(body)}, or others")
        else:
            soak.tally.outcomes["truncated"] += 1
            if fault not in _MAY_BREAK or not body.startswith(answer.raw_body):
                soak.wrong(f"{fault}: broken off, with {len(answer.raw_body)} bytes of {len(body)}, or others")

    async def _leave(self, asked: bytes, script: Script) -> bool:
        """Go before the exchange is over, in one of the ways to go."""
        soak, fault = self._soak, script.fault
        client = await self._connected()
        in_body = fault is Fault.CLIENT_LEAVES_IN_BODY
        await client.send(asked[: len(asked) - 1 - self._random.randrange(len(asked) // 4)] if in_body else asked)
        if in_body:
            await asyncio.sleep(0.02)
        else:
            while not script.attempts:
                await asyncio.sleep(0.002)
            if fault is not Fault.CLIENT_LEAVES_EARLY:
                await client.reader.readuntil(DONE if fault is Fault.CLIENT_LEAVES_AT_DONE else b"\r\n\r\n")
        loop = asyncio.get_running_loop()
        left_s = loop.time()
        self._drop(self._random.choice(("close", "reset", "half_close")))
        soak.tally.outcomes["answered" if fault is Fault.CLIENT_LEAVES_AT_DONE else "cancelled"] += 1
        if not in_body:
            await script.attempts[-1].ended.wait()
            soak.tally.cancels_s.append(loop.time() - left_s)
        return False

    async def _talk_nonsense(self, sent: bytes) -> None:
        async with raw_client(self._soak.port) as client:
            await client.send(sent)
            answer = await client.answer()
            self._soak.tally.outcomes["refused"] += 1
            if answer.status != 400 or answer.error_code != "malformed_request":
                self._soak.wrong(f"nonsense was answered: {answer.head!r}")

    async def _connected(self) -> RawClient:
        if self._connection is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._soak.port, limit=1 << 20)
            self._connection = RawClient(reader, writer)
        return self._connection

    def _drop(self, how: str = "close") -> None:
        """Leave. One that half-closes goes wholly a moment later."""
        client, self._connection = self._connection, None
        if client is not None:
            getattr(client, how)()
            if how == "half_close":
                asyncio.get_running_loop().call_later(0.5, client.close)


async def stream_on(soak: Soak, seed: int) -> None:
    """One stream of a few seconds after the other, that says little."""
    random = Random(seed)
    asked = request("POST", PATH, body=b'{"model":"gpt-4o","messages":[],"stream":true}')
    while not soak.over:
        frames = random.randint(4, 40)
        answer = events(*LONG_STREAM * frames)
        script = Script(Fault.NONE, answer)
        name = soak.expect(script)
        async with raw_client(soak.port) as client:
            await client.send(asked.replace(b"\r\n", b"\r\nx-soak: " + name + b"\r\n", 1))
            answered = await client.answer()
        soak.tally.outcomes["answered"] += 1
        soak.tally.body_bytes += len(answered.raw_body)
        if answered.raw_body != chunk(LONG_STREAM[0]) * frames + b"0\r\n\r\n":
            soak.wrong(f"a long stream is another, or broken off: {answered.complete}")
        soak.forget(name)


async def leave_directly(soak: Soak) -> None:
    """Leave the upstream itself, now and then: what that takes has nothing to do with the gateway."""
    while not soak.over:
        await asyncio.sleep(0.15)
        script = Script(Fault.NONE, STALL)
        name = soak.expect(script)
        async with raw_client(soak.upstream.port) as client:
            await client.send(request("POST", PATH, f"{_NAME.decode()}: {name.decode()}", body=b"{}"))
            while not script.attempts:
                await asyncio.sleep(0.002)
            left_s = asyncio.get_running_loop().time()
            client.close()
            await script.attempts[-1].ended.wait()
            soak.tally.direct_s.append(asyncio.get_running_loop().time() - left_s)
        soak.forget(name)
