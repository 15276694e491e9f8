"""Requests of the gateway's own, against a server that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from narrows.errors import UpstreamMalformed, UpstreamTimeout, UpstreamUnreachable
from narrows.upstream import calling
from narrows.upstream.calling import Caller
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target
from tests.scripted_upstream import STALL, Ending, ScriptedUpstream, events, raw, whole


@pytest.fixture
async def caller(scripted_upstream: ScriptedUpstream) -> AsyncIterator[Caller]:
    caller = Caller(Pool(parse_target(scripted_upstream.url + "/base"), None, 60.0))
    yield caller
    caller.close()


async def test_a_call(scripted_upstream: ScriptedUpstream, caller: Caller) -> None:
    scripted_upstream.play(whole(b"answer", status=404), events(b"in ", b"chunks"))
    answer = await caller.post("/s/Method", [("X-Token", "t")], b"{}", 60.0)
    assert (answer.status, answer.body) == (404, b"answer")
    assert (await caller.call("GET", "/list", [], b"", 60.0)).body == b"in chunks"
    first, second = scripted_upstream.requests
    assert (first.start, first.body, first.values(b"x-token")) == (b"POST /base/s/Method HTTP/1.1", b"{}", [b"t"])
    assert first.values(b"host") == [f"127.0.0.1:{scripted_upstream.port}".encode()]
    assert second.values(b"content-length") == []
    assert scripted_upstream.connections == 1


async def test_a_stream_is_read_as_it_comes(scripted_upstream: ScriptedUpstream, caller: Caller) -> None:
    gate = asyncio.Event()
    scripted_upstream.play(events(b"one", gate, b"two"), whole(b""))
    async with caller.asked("POST", "/x", [], b"") as (status, pieces):
        assert status == 200
        assert await anext(pieces) == b"one"
        gate.set()
        assert [piece async for piece in pieces] == [b"two"]
    await caller.post("/x", [], b"", 60.0)
    assert scripted_upstream.connections == 1


async def test_a_stream_that_is_left_takes_its_connection_with_it(
    scripted_upstream: ScriptedUpstream, caller: Caller
) -> None:
    scripted_upstream.play(events(b"one", asyncio.Event()))
    async with caller.asked("POST", "/x", [], b"") as (_, pieces):
        await anext(pieces)
    await asyncio.wait_for(scripted_upstream.requests[0].ended.wait(), 60)


async def test_an_answer_that_breaks_off_is_no_answer(scripted_upstream: ScriptedUpstream, caller: Caller) -> None:
    scripted_upstream.play(events(b"half", ending=Ending.CLOSE), raw(b"nonsense\r\n\r\n"))
    with pytest.raises(UpstreamUnreachable):
        await caller.post("/x", [], b"", 60.0)
    with pytest.raises(UpstreamMalformed):
        await caller.post("/x", [], b"", 60.0)


async def test_a_connection_that_was_dead_is_replaced_once(
    scripted_upstream: ScriptedUpstream, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "STALE_S", 60.0)
    scripted_upstream.play(whole(b"one"), raw(), whole(b"two"))
    await caller.post("/x", [], b"", 60.0)
    assert (await caller.post("/x", [], b"", 60.0)).body == b"two"
    assert scripted_upstream.connections == 2


async def test_a_new_connection_that_closes_is_not_asked_again(
    scripted_upstream: ScriptedUpstream, caller: Caller
) -> None:
    scripted_upstream.play(raw(), whole(b"never"))
    with pytest.raises(UpstreamUnreachable):
        await caller.post("/x", [], b"", 60.0)
    assert len(scripted_upstream.requests) == 1


async def test_a_call_has_its_time(scripted_upstream: ScriptedUpstream, caller: Caller) -> None:
    scripted_upstream.play(STALL)
    with pytest.raises(UpstreamTimeout, match=r"within 0\.1 s"):
        await caller.post("/x", [], b"", 0.1)
    async with asyncio.timeout(60):  # on a busy machine it may have connected, and asked nothing yet
        while not scripted_upstream.connections:
            await asyncio.sleep(0.005)
    await scripted_upstream.all_closed()


async def test_an_answer_has_its_bound(
    scripted_upstream: ScriptedUpstream, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "MAX_ANSWER_BYTES", 10)
    scripted_upstream.play(whole(b"x" * 11), raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n"))
    with pytest.raises(UpstreamMalformed, match="over 10 bytes"):
        await caller.post("/x", [], b"", 60.0)
    with pytest.raises(UpstreamMalformed):
        await caller.post("/x", [], b"", 60.0)
