"""A backend whose runs say one piece after the other, each with the moment at which it was said.

A piece is `NAME|NUMBER|SECONDS;`: whose it is, which, and when, on the clock that all processes of this machine share.
A run says them by itself, or as its model does, which it then asks where it was told to.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from narrows.agents.observation import Finish, Finished, Observation, StepText
from narrows.backends.types import ConversationLost, ModelEndpoint, Outgoing, ToolServer, Verdict
from narrows.core.sse import EventStreamDecoder
from narrows.upstream.calling import Caller
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target

PIECE = re.compile(r"([\w-]+)\|(\d+)\|([\d.]+);")


WARM_UP = "warm-up"


@dataclass(frozen=True, slots=True)
class Pace:
    """How many pieces a run says, and how many seconds lie between two."""

    pieces: int
    every_s: float


def stamped(name: str, number: int) -> str:
    """A piece that is said now."""
    return f"{name}|{number}|{time.time():.6f};"


class PacedTurn:
    """One run. Its name is its message's text; one whose name begins with `WARM_UP` says one piece."""

    steps = None

    def __init__(self, name: str, pace: Pace, *, holds: bool, endpoint: ModelEndpoint | None) -> None:
        self._name = name
        self._pace = pace
        self._holds = holds
        self._text = ""
        self._said = 0
        self._shown = -1
        self._over = False
        self._news = asyncio.Event()
        self._pieces = 1 if name.startswith(WARM_UP) else pace.pieces
        self._work = asyncio.create_task(self._speak() if endpoint is None else self._repeat(endpoint))

    async def look(self, wait_s: float) -> Observation:
        if self._holds and self._shown == self._mark():
            self._news.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                pass
        self._shown = self._mark()
        outcome = Finished(Finish.STOP) if self._over else None
        step = StepText(0, self._text, self._over)
        return Observation(str(self._shown), (step,), working=True, outcome=outcome)

    def question(self, step: int) -> str:  # noqa: ARG002 # the protocol's
        return ""

    def decide(self, step: int, verdict: Verdict) -> None:
        """Nothing waits for a person."""

    async def cancel(self) -> None:
        self._work.cancel()

    async def close(self) -> None:
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)

    def _mark(self) -> int:
        return self._said + self._over

    def _say(self) -> None:
        self._text += stamped(self._name, self._said)
        self._said += 1
        self._news.set()

    def _end(self) -> None:
        self._over = True
        self._news.set()

    async def _speak(self) -> None:
        for _ in range(self._pieces):
            await asyncio.sleep(self._pace.every_s)
            self._say()
        self._end()

    async def _repeat(self, endpoint: ModelEndpoint) -> None:
        """Say a piece whenever the model says something."""
        url = urlsplit(endpoint.base_url)
        pool = Pool(parse_target(f"{url.scheme}://{url.netloc}"), None, 10.0)
        said = b'{"role":"user","content":"%b"}' % self._name.encode()
        body = b'{"model":"m","stream":true,"messages":[%b]}' % said
        fields = [("Content-Type", "application/json")]
        events = EventStreamDecoder()
        async with Caller(pool).asked("POST", url.path + "/chat/completions", fields, body) as (status, pieces):
            if status != 200:
                raise RuntimeError(f"the model call was answered {status}")
            async for piece in pieces:
                for event in events.receive_data(piece):
                    if b'"content":"x"' in event.data:
                        self._say()
        pool.close()
        self._end()


class PacedBackend:
    """Runs of one pace. `holds`: it holds questions until there is news."""

    pauses = False
    takes_tool_server = False
    takes_limits = False
    takes_images = False

    def __init__(self, pace: Pace, *, holds: bool) -> None:
        self._pace = pace
        self.holds_looks = holds
        self._endpoints: dict[str, ModelEndpoint | None] = {}
        self._started = 0

    async def start(
        self,
        endpoint: ModelEndpoint | None = None,
        tools: ToolServer | None = None,  # noqa: ARG002 # the protocol's
    ) -> str:
        self._started += 1
        name = f"conversation-{self._started}"
        self._endpoints[name] = endpoint
        return name

    async def send(self, conversation: str, message: Outgoing) -> PacedTurn:
        if conversation not in self._endpoints:
            raise ConversationLost
        endpoint = self._endpoints.pop(conversation)
        return PacedTurn(message.text, self._pace, holds=self.holds_looks, endpoint=endpoint)

    async def resume(self, conversation: str, outputs: object, message: Outgoing) -> PacedTurn:  # noqa: ARG002 # the protocol's
        raise ConversationLost

    async def close(self) -> None:
        """Nothing is held."""
