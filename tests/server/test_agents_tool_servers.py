"""The MCP servers of an agent's sessions: who has one, how it is told, and whose its address is."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from narrows.agents.session import Session
from narrows.agents.tools import ClientTool, ToolPath
from narrows.backends.scripted import Scripted
from narrows.backends.types import ToolServer
from narrows.errors import NoSuchRoute
from narrows.server.agents.passage import Passage
from narrows.server.agents.tool_servers import LATELY_S, ToolServers
from tests.agent_stage import Json, Scene, chat, growing, scene, tool
from tests.server.test_agents import ask, session_of
from tests.server.test_agents_tools import message_of
from tests.stage import Stage

URL = "http://127.0.0.1:8787"
WEATHER = ClientTool("weather", "how it is", b'{"type":  "object"}')
ASKS = {"tools": [tool("weather"), tool("narrows_approval")]}


def session(name: str = "s") -> Session:
    return Session("me", "coder", name, False, 0.0)


def token_of(server: ToolServer | None) -> bytes:
    assert server is not None
    start, end = f"{URL}/narrows/agents/coder/s/", "/mcp"
    assert server.url.startswith(start)
    assert server.url.endswith(end)
    return server.url.removeprefix(start).removesuffix(end).encode()


def test_each_session_is_known_by_its_own_token_and_has_its_own_tools() -> None:
    servers, one, other = ToolServers("coder"), session("one"), session("other")
    time = ClientTool("time")
    mine, theirs = servers.of(one, [WEATHER], URL), servers.of(other, [WEATHER, time], URL)
    assert token_of(mine) != token_of(theirs)
    assert servers.find(token_of(mine))[0] is one
    assert servers.find(token_of(mine))[1].listed.names == {"weather"}
    assert servers.find(token_of(theirs))[0] is other
    assert servers.find(token_of(theirs))[1].listed.names == {"weather", "time"}


def test_it_is_the_same_as_long_as_the_conversation_lasts() -> None:
    servers, one = ToolServers("coder"), session()
    first = servers.of(one, [WEATHER], URL)
    assert servers.of(one, [WEATHER], URL) == first
    servers.forget(one)
    with pytest.raises(NoSuchRoute):
        servers.find(token_of(first))
    second = servers.of(one, [WEATHER], URL)
    assert second != first
    with pytest.raises(NoSuchRoute):
        servers.find(token_of(first))
    changed = servers.of(one, [ClientTool("time")], URL)
    assert changed != second
    with pytest.raises(NoSuchRoute):
        servers.find(token_of(second))


def test_it_dies_with_its_session() -> None:
    servers, one = ToolServers("coder"), session()
    token = token_of(servers.of(one, [WEATHER], URL))
    del one
    gc.collect()
    with pytest.raises(NoSuchRoute):
        servers.find(token)
    with pytest.raises(NoSuchRoute):
        servers.find(b"")


def test_a_session_without_tools_has_none() -> None:
    assert ToolServers("coder").of(session(), [], URL) is None


def test_sessions_with_the_same_tools_share_what_is_listed() -> None:
    servers, one, other = ToolServers("coder"), session("one"), session("other")
    found = [servers.find(token_of(servers.of(each, [WEATHER], URL)))[1].listed for each in (one, other)]
    assert found[0] is found[1]


def test_the_address_is_no_part_of_what_is_printed() -> None:
    assert "mcp" not in repr(ToolServer(f"{URL}/narrows/agents/coder/s/secret/mcp"))


def test_a_word_that_comes_before_its_request_is_remembered_for_a_while() -> None:
    servers, one = ToolServers("coder"), session()
    found = servers.find(token_of(servers.of(one, [WEATHER], URL)))[1]
    found.cancel(b"1", 0.0)
    assert not found.is_cancelled(b"2", 1.0)
    assert found.is_cancelled(b"1", 1.0)
    assert not found.is_cancelled(b"1", 1.0), "an id may be used again"
    found.cancel(b"1", 0.0)
    assert not found.is_cancelled(b"1", LATELY_S)
    found.answered(b"1", 100.0)
    found.cancel(b"1", 100.0 + LATELY_S - 1)
    assert not found.is_cancelled(b"1", 100.0 + LATELY_S - 1), "it was about the one that has its answer"
    for at in range(10_000):
        found.cancel(b"%d" % at, 200.0)
        found.answered(b"a%d" % at, 200.0)
    assert len(found._early._ids) == len(found._over._ids) == 64
    assert found.is_cancelled(b"9999", 200.0)
    assert not found.is_cancelled(b"0", 200.0)


# As an agent is served


async def served(stage: Stage, *scripts: list[Scripted], **changes: Any) -> Scene:
    one = await scene(stage, *scripts, **changes)
    one.backend.pauses, one.backend.takes_tool_server = False, True
    return one


@pytest.mark.parametrize("correlation", ["none", "header", "endpoint"])
async def test_a_backend_that_takes_one_is_told_it_before_its_conversation_begins(
    stage: Stage, correlation: str
) -> None:
    one = await served(stage, growing("a"), correlation=correlation)
    assert one.agent.tool_path is ToolPath.MCP
    answer = await ask(stage, one, chat("hi", tools=[tool("weather")]))
    assert answer.status == 200
    (server,), (turn,) = one.backend.tool_servers, one.backend.turns
    assert server is not None
    assert server.url.startswith(f"http://127.0.0.1:{one.gateway.port}/narrows/agents/coder/s/")
    assert (turn.message.tool_server, turn.message.tools) == (server, ())
    (endpoint,) = one.backend.endpoints
    if endpoint is not None:
        token = endpoint.base_url.rpartition("/s/")[2].partition("/")[0]
        with pytest.raises(NoSuchRoute):
            one.agent.tool_servers.find(token.encode())
        mine = server.url.rpartition("/s/")[2].removesuffix("/mcp").encode()
        with pytest.raises(NoSuchRoute):
            one.agent.traffic.call(Passage("coder", mine, b"/v1/chat/completions", b""), counts=True)


async def test_it_is_with_each_message_of_the_conversation(stage: Stage) -> None:
    one = await served(stage, growing("a"), growing("b"), growing("c"))
    body: Json = chat("hi", tools=[tool("weather")])
    for use in ("new", "reused", "reused"):
        answer = await ask(stage, one, body)
        assert session_of(answer)[1] == use
        body = {**body, "messages": [*body["messages"], message_of(answer), {"role": "user", "content": "more"}]}
    (server,) = one.backend.tool_servers
    assert [turn.message.tool_server for turn in one.backend.turns] == [server] * 3


async def test_a_conversation_that_begins_anew_has_another(stage: Stage) -> None:
    one = await served(stage, growing("a"), growing("b"))
    body: Json = chat("hi", tools=[tool("weather")])
    answer = await ask(stage, one, body)
    one.backend.conversations.clear()
    body = {**body, "messages": [*body["messages"], message_of(answer), {"role": "user", "content": "more"}]}
    assert session_of(await ask(stage, one, body))[1] == "retold"
    first, second = one.backend.tool_servers
    assert first is not None
    assert second not in (None, first)
    assert one.backend.turns[-1].message.tool_server == second


@pytest.mark.parametrize(
    ("changes", "body", "path"),
    [
        ({}, {}, ToolPath.MCP),
        ({"on_waiting": "ask"}, {"tools": [tool("narrows_approval")]}, ToolPath.MCP),
        ({"tools": "traffic", "correlation": "endpoint"}, {"tools": [tool("weather")]}, ToolPath.TRAFFIC),
        ({"tools": "off"}, {}, None),
    ],
)
async def test_who_has_nothing_to_offer_there_is_told_none(
    stage: Stage, changes: Json, body: Json, path: ToolPath | None
) -> None:
    one = await served(stage, growing("a"), **changes)
    assert one.agent.tool_path is path
    assert (await ask(stage, one, chat("hi", **body))).status == 200
    assert one.backend.tool_servers == [None]
    assert one.backend.turns[0].message.tool_server is None


async def test_a_backend_that_pauses_does_so(stage: Stage) -> None:
    one = await served(stage, growing("a"))
    one.backend.pauses = True
    assert one.agent.tool_path is ToolPath.PAUSE
    assert (await ask(stage, one, chat("hi", **ASKS))).status == 200
    assert one.backend.tool_servers == [None]
