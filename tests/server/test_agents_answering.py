"""What is written to a client beside its answer: comments on an idle stream, and reasoning where it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from narrows.agents.observation import Finish, Finished, Observation, StepText
from narrows.agents.render import KEEP_ALIVE, Rendering
from narrows.backends.scripted import Scripted
from narrows.core.http1 import RequestHead, parse_request_head
from narrows.server.agents.answering import ClientReader
from narrows.server.agents.asking import Asking
from narrows.server.story import Story
from tests.agent_stage import chat, scene
from tests.server.test_agents import ask, events, text_of
from tests.stage import Stage


class Timers:
    """A loop's timers, which run when they are told to."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, after_s: float, done: Callable[[], None]) -> Timers._Handle:
        self.set.append((after_s, done))
        return Timers._Handle(self, self.set[-1])

    class _Handle:
        def __init__(self, timers: Timers, one: tuple[float, Callable[[], None]]) -> None:
            self._timers = timers
            self._one = one

        def cancel(self) -> None:
            if self._one in self._timers.set:
                self._timers.set.remove(self._one)


class Written:
    """A client that takes everything, or nothing."""

    def __init__(self) -> None:
        self.writable = True
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def reader_of(client: Any, timers: Timers) -> ClientReader:
    head = parse_request_head(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert isinstance(head, RequestHead)
    story = Story("r", 0.0, "POST", "/")
    asking = Asking(client, head, story, None, lambda *_: None, lambda _: None, lambda: False)
    reader = ClientReader(
        asking,
        Rendering("chatcmpl-1", 7, "coder"),
        stream=True,
        keep_alive_s=15.0,
        extra=lambda: (b"", b""),
        unread=lambda _: None,
    )
    reader._stop_timer()
    reader._loop = timers  # type: ignore[assignment] # timers are all that it asks of its loop
    return reader


async def test_a_comment_comes_after_a_time_without_anything_and_never_between() -> None:
    client, timers = Written(), Timers()
    reader = reader_of(client, timers)
    for piece in ("a", "b", "c"):
        reader.text(piece)
        assert [after_s for after_s, _ in timers.set] == [15.0]
    assert KEEP_ALIVE not in client.data
    timers.set[0][1]()
    assert client.data.count(KEEP_ALIVE) == 1
    assert len(timers.set) == 1


async def test_what_a_client_did_not_take_comes_reasoning_first() -> None:
    client, timers = Written(), Timers()
    reader = reader_of(client, timers)
    reader.open()
    client.writable, client.data = False, b""
    for piece, thought in (("a", False), ("Hm", True), ("b", False)):
        reader.text(piece, thought=thought)
    assert client.data == b""
    client.writable = True
    reader.writable(True)
    reader.writable(True)
    assert client.data.count(b"data: ") == 2
    assert client.data.index(b'"reasoning_content":"Hm"') < client.data.index(b'"content":"ab"')


@pytest.mark.parametrize("asked", [None, False, True])
@pytest.mark.parametrize("stream", [False, True])
async def test_reasoning_comes_where_it_is_asked_for(stage: Stage, stream: bool, asked: bool | None) -> None:
    texts, thoughts = (StepText(1, "Hi", True),), (StepText(1, "Hm.", True),)
    looks: list[Scripted] = [
        Observation("1", (), working=True, thoughts=thoughts),
        Observation("2", texts, working=True, outcome=Finished(Finish.STOP), thoughts=thoughts),
    ]
    one = await scene(stage, looks)
    answer = await ask(stage, one, chat("hi", stream=stream, include_reasoning=asked))
    if stream:
        deltas = [chunk["choices"][0]["delta"] for chunk in events(answer) if isinstance(chunk, dict)]
        reasoning = "".join(delta.get("reasoning_content", "") for delta in deltas)
    else:
        reasoning = answer.json["choices"][0]["message"].get("reasoning_content", "")
    assert (text_of(answer), reasoning) == ("Hi", "Hm." if asked else "")
