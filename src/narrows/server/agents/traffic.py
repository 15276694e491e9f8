"""The model calls of an agent's run as they pass through the gateway: what they use, and that they happen.

They tell more than a look at the agent can. Their usage is what the model's server reports, summed over the calls that
belong to the answer; and bytes that pass, above all the end of a response, say that the agent is about to have news: a
look that waits is made at once then.

An agent also asks models for its own ends, for a title or a summary. Such a call is overhead: counted apart, and never
held back. It is told by what is certain: it comes outside a run; or it has no tools while others of the run have; or it
has none, and the settings name its model as one for such calls. What a server does not report is unknown, and then the
sum is unknown too (tenet 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from narrows.agents.observation import Usage
from narrows.agents.session import Session
from narrows.wire.types import ResponseRecord

SOON_S: Final = 0.01
"""What an agent is given to read what has passed, before it is looked at."""
LOOK_GAP_S: Final = 0.05
"""Between two looks that nothing but passing bytes asks for."""
TOLD_WITHIN_S: Final = 1.0
"""For how long the end of a run waits for the figures of calls that have not been told yet."""
_NO_TOOLS: Final = frozenset({b"", b"[]", b"null"})
_FIELDS: Final = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


class Asked(msgspec.Struct, frozen=True):
    """What matters here of a model call's request; the names are the same on every wire."""

    model: str | None = None
    tools: msgspec.Raw = msgspec.Raw()

    @property
    def has_tools(self) -> bool:
        return bytes(self.tools).strip() not in _NO_TOOLS


@dataclass(slots=True, eq=False)
class ModelCall:
    """One model call. `whose`: the session that it belongs to; `has_tools` and `model` are None as long as its request
    is not known; `over`: nothing more of it passes; `told`: what it used has been read, if anything was; `failed`: it
    never reached a model, or was refused."""

    run: RunTraffic | None
    whose: Session | None = None
    has_tools: bool | None = None
    model: str | None = None
    usage: Usage | None = None
    over: bool = False
    told: bool = False
    failed: bool = False

    def asked(self, body: bytes, model: str | None) -> None:
        """Its request has come; `model` is the one that its path names, where it does."""
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.model = model
            return
        self.has_tools, self.model = asked.has_tools, asked.model or model

    def carries(self) -> None:
        """The client's tools are put into its request."""
        if self.run is not None:
            self.run.carried = True

    def passed(self) -> None:
        """Bytes of its answer have been passed on."""
        if self.run is not None:
            self.run.stirred()

    def ended(self) -> None:
        """Nothing more of it will pass."""
        self.over = True
        if self.run is not None:
            self.run.stirred(ended=True)

    def tell(self, response: ResponseRecord | None, status: int | None) -> None:
        """What was observed of its answer."""
        self.told = True
        self.failed = status is None or status >= 400
        if response is not None and response.usage is not None:
            self.usage = Usage(*(getattr(response.usage, name) for name in _FIELDS))
        if self.run is not None:
            self.run.call_told()

    @property
    def session(self) -> str | None:
        """The session's name."""
        return None if self.whose is None else self.whose.name

    @property
    def background(self) -> bool:
        """Whether it is overhead, as far as can be said by now."""
        return self.run is None or self not in self.run.main_calls()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run's calls come to. `usage` is the answer's, `overhead` that of the calls that are not; None where a
    server did not report it."""

    calls: int
    background: int
    usage: Usage | None
    overhead: Usage | None

    def beyond(self, told: Figures) -> Figures:
        """What is to be told where so much of it has been told already."""
        usage, overhead = (
            one if one is None or less is None else one.beyond(less)
            for one, less in ((self.usage, told.usage), (self.overhead, told.overhead))
        )
        return Figures(self.calls - told.calls, self.background - told.background, usage, overhead)


@dataclass(slots=True, eq=False, weakref_slot=True)
class RunTraffic:
    """The calls of one run. `name`: the run's, which is the id of the request that it answers; `last_s`: when something
    last passed, on the event loop's clock; `heard`: whether anything ever did; `carried`: whether a call had the
    client's tools in it."""

    name: str
    background_models: frozenset[str] = frozenset()
    calls: list[ModelCall] = field(default_factory=list)
    last_s: float = 0.0
    carried: bool = False
    _looked_s: float = 0.0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def heard(self) -> bool:
        return bool(self.calls)

    def call(self, whose: Session | None = None) -> ModelCall:
        """A call begins."""
        call = ModelCall(self, whose)
        self.calls.append(call)
        return call

    # News

    def stirred(self, *, ended: bool = False) -> None:
        """Something has passed; `ended`: the last of a response."""
        self.last_s = asyncio.get_running_loop().time()
        self._news.set()
        if ended:
            self._end.set()

    def looking(self) -> None:
        """The agent is looked at now: what passed before is no news any more."""
        self._looked_s = asyncio.get_running_loop().time()
        self._news.clear()
        self._end.clear()

    async def pause(self, longest_s: float) -> None:
        """Wait before a look until there is news, and at most so long."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + longest_s
        if await _within(self._news, longest_s):
            await asyncio.sleep(min(SOON_S, longest_s))
            await _within(self._end, min(until_s, self._looked_s + LOOK_GAP_S) - loop.time())

    # Usage

    def call_told(self) -> None:
        """What one of the calls used is known by now."""
        self._told.set()

    async def settle(self) -> None:
        """Wait until the calls that the answer came from have told what they used, within a limit: the last one's end
        may be on its way still."""
        until_s = asyncio.get_running_loop().time() + TOLD_WITHIN_S
        while any(not call.told for call in self.main_calls()):
            self._told.clear()
            if not await _within(self._told, until_s - asyncio.get_running_loop().time()):
                return

    def main_calls(self) -> list[ModelCall]:
        """The calls that belong to the answer, as far as can be said by now."""
        if any(call.has_tools for call in self.calls):
            return [call for call in self.calls if call.has_tools]
        return [call for call in self.calls if call.model not in self.background_models]

    def figures(self) -> Figures:
        """What they come to by now."""
        main = self.main_calls()
        others = [call for call in self.calls if call not in main]
        return Figures(len(main), len(others), summed(main), summed(others))


def summed(calls: Iterable[ModelCall]) -> Usage | None:
    """What calls used together: each figure is None where one that counts does not give it; None where all are. A call
    that failed used nothing."""
    counted = [call for call in calls if not call.failed]
    if not counted or any(call.usage is None for call in counted):
        return None
    found: dict[str, int | None] = {}
    for name in _FIELDS:
        given = [getattr(call.usage, name) for call in counted]
        found[name] = None if None in given else sum(given)
    return None if all(one is None for one in found.values()) else Usage(**found)


async def _within(event: asyncio.Event, limit_s: float) -> bool:
    """Whether it happened within so long."""
    if event.is_set():
        return True
    if limit_s <= 0:
        return False
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
