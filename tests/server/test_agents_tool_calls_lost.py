"""Calls of a client's tools, made of the session's MCP server, that end without their output."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from narrows.server.agents import performing, plane
from narrows.server.agents.building import served as agent_of_settings
from narrows.server.agents.handing_over import Arrivals, Elsewhere, handing_over_pair
from narrows.server.agents.plane import AgentPlane
from narrows.server.agents.session_store import SessionStore
from tests.agent_stage import Json, Scene, chat, growing
from tests.raw_client import request
from tests.server.mcp_agent import (
    BOTH,
    TURN,
    Agent,
    agent_at,
    agent_of,
    begun,
    call,
    ends,
    events_of,
    expired,
    held,
    held_call,
    message,
    result_of,
    result_of_stream,
    text_result,
    told,
    unchunked,
)
from tests.server.test_agents import ask, text_of, until
from tests.server.test_agents_held import looks
from tests.server.test_agents_tool_servers import served
from tests.server.test_agents_tools import finish_of, ids_of, with_outputs
from tests.stage import Stage


async def test_a_request_that_is_broken_off_ends_its_run(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    await held_call(one, agent, call())
    first = await asking
    agent.client.close()
    await until(lambda: one.backend.turns[0].closed)
    assert one.backend.turns[0].cancelled == 1
    await expired(stage, one, first)


async def test_one_that_is_broken_off_before_its_client_hears_of_it_fails_the_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performing, "LAST_LOOK_S", 60.0)
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    one.backend.turns[0].gate = asyncio.Event()
    await until(lambda: one.backend.turns[0].looks > 1)
    await held_call(one, agent, call())
    agent.client.close()
    answer = await asking
    assert (answer.status, answer.error_code) == (502, "agent_error")
    assert held(one) == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_that_is_cancelled_ends_its_run(stage: Stage, stream: bool) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    other = await agent_of(stage, one)
    await held_call(one, agent, call(id_="c"), *(BOTH if stream else ("Accept: application/json",)))
    first = await asking
    for params in ({"requestId": 1}, {"requestId": "d"}, {}):
        answer = await other.ask(told("notifications/cancelled", **params))
        assert (answer.status, held(one)) == (202, 1)
    await other.ask(told("notifications/cancelled", requestId="c"))
    answer = await agent.client.answer()
    assert (answer.complete, held(one)) == (True, 0)
    if stream:
        assert events_of(answer) == []
    else:
        assert json.loads(unchunked(answer.raw_body))["result"]["isError"]
    await expired(stage, one, first)


async def test_a_call_that_is_cancelled_before_it_comes_is_made_of_nobody(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    await agent.ask(told("notifications/cancelled", requestId="c"))
    result = result_of(await agent.ask(call(id_="c"), *BOTH))
    assert (result["isError"], held(one)) == (True, 0)
    assert "cancelled" in result["content"][0]["text"]
    await held_call(one, agent, call(id_="c"))
    first = await asking
    assert len(ids_of(first)) == 1
    ends(one, "ab")
    assert text_of(await ask(stage, one, with_outputs(TURN, first, "cold"))) == "b"


async def test_a_cancelled_id_is_known_however_it_is_written(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    other = await agent_of(stage, one)
    await held_call(one, agent, call(id_="c/1"))
    await asking
    await other.ask(json.dumps(told("notifications/cancelled", requestId="c/1")).replace("c/1", "\\u0063\\/1").encode())
    assert (await agent.client.answer()).complete
    assert held(one) == 0


async def test_calls_that_wait_are_bounded_and_counted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "MOST_HELD_CALLS", 2)
    one = await served(stage, [looks("a")])
    budget = one.gateway.gateway.budget
    asking, agent = await begun(stage, one)
    agents = [agent, *[await agent_of(stage, one) for _ in range(2)]]
    for at, each in enumerate(agents[:2]):
        await held_call(one, each, call(arguments={"city": "x" * 1000}, id_=at))
    assert 2000 < budget.held < 3000
    result = result_of(await agents[2].ask(call(), *BOTH))
    assert (result["isError"], held(one)) == (True, 2)
    assert "2 calls" in result["content"][0]["text"]
    answer, body = await asking, TURN
    ends(one, "ab")
    while finish_of(answer) == "tool_calls":
        body = with_outputs(body, answer, *("cold" for _ in ids_of(answer)))
        answer = await ask(stage, one, body)
    for each in agents[:2]:
        assert result_of_stream(await each.client.answer()) == text_result("cold")
    assert budget.held == 0


async def test_a_request_that_began_under_a_token_of_before_is_nobodys(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    head, tail = in_two(agent, call())
    await agent.client.send(head)
    await until(lambda: one.gateway.gateway.in_flight == 2)
    one.agent.tool_servers.forget(one.agent.sessions.listed()[0])
    await agent.client.send(tail)
    answer = await agent.client.answer()
    assert (answer.status, answer.error_code) == (404, "no_such_route")
    ends(one, "ab")
    assert text_of(await asking) == "ab"


async def test_an_agent_is_not_held_up_for_ever(stage: Stage) -> None:
    one = await served(stage, [looks("a")], hold_timeout_s="0.05s")
    asking, agent = await begun(stage, one)
    await agent.send(call(), *BOTH)
    first = await asking
    result = result_of_stream(await agent.client.answer())
    assert result["isError"]
    assert "0.05 s" in result["content"][0]["text"]
    await until(lambda: one.backend.turns[0].closed)
    await expired(stage, one, first)


async def test_a_run_that_ends_all_the_same_lets_its_call_go(stage: Stage) -> None:
    one = await served(stage, [looks("a"), looks("ab", over=True)])
    asking, agent = await begun(stage, one)
    await agent.send(call(), *BOTH)
    assert finish_of(await asking) == "stop"
    assert result_of(await agent.client.answer())["isError"]
    assert held(one) == 0


async def test_a_gateway_that_drains_lets_calls_go(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    await held_call(one, agent, call())
    await asking
    await one.gateway.close(drain_timeout_s=60)
    assert result_of_stream(await agent.client.answer())["isError"]
    assert one.backend.turns[0].closed


def in_two(agent: Agent, body: Json) -> tuple[bytes, bytes]:
    """A request whose end is yet to come."""
    whole = request("POST", agent.path, *BOTH, body=json.dumps(body).encode())
    return whole[:-5], whole[-5:]


async def test_a_call_that_comes_while_the_gateway_drains_holds_up_no_end(stage: Stage) -> None:
    """Its client is told of it, and cannot come back."""
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    head, tail = in_two(agent, call())
    await agent.client.send(head)
    await until(lambda: one.gateway.gateway.in_flight == 2)
    closing = asyncio.create_task(one.gateway.close(drain_timeout_s=3600))
    await until(lambda: one.gateway.gateway.draining)
    await agent.client.send(tail)
    assert finish_of(await asking) == "tool_calls"
    assert result_of_stream(await agent.client.answer())["isError"]
    async with asyncio.timeout(60):
        await closing
    assert one.backend.turns[0].closed


async def test_an_agent_that_takes_nothing_is_left(stage: Stage) -> None:
    """Its connection is cut, and its run ends."""
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    await held_call(one, agent, call())
    first = await asking
    (downstream,) = [each for each in one.gateway.gateway.downstreams if each.busy]
    exchange = downstream._exchange
    assert exchange is not None
    exchange.client_writable(False)
    assert downstream.deadline_s < float("inf")
    exchange.client_writable(True)
    exchange.client_writable(False)
    exchange.expired()
    await until(lambda: one.backend.turns[0].closed)
    await expired(stage, one, first)


async def test_after_a_restart_the_call_has_expired_and_the_agent_is_told_another_server(
    stage: Stage, tmp_path: Any
) -> None:
    path = str(tmp_path / "sessions.db")
    named = ("x-narrows-session: mine",)
    one = await served(stage, [looks("a")])
    restart(one, path)
    asking, agent = await begun(stage, one, TURN, *named)
    await held_call(one, agent, call())
    first = await asking
    assert agent.path.rpartition("/s/")[2].removesuffix("/mcp").encode() not in b"".join(
        each.read_bytes() for each in tmp_path.iterdir()
    )
    before = one.backend.tool_servers
    one.plane._store.close()  # type: ignore[union-attr]  # as a process does that is killed
    restart(one, path)
    answer = await ask(stage, one, with_outputs(TURN, first, "cold"), *named)
    assert (answer.status, answer.error_code) == (400, "tool_call_expired")
    one.backend.scripts.append(growing("anew"))
    again = await ask(stage, one, chat("and?", tools=TURN["tools"]), *named)
    assert text_of(again) == "anew"
    assert len(before) == 1, "the conversation is the same"
    server = one.backend.turns[-1].message.tool_server
    assert server not in (None, before[0])
    assert (await agent_at(stage, one, agent.url)).status == 404
    assert server is not None
    assert (await agent_at(stage, one, server.url)).status == 200


def restart(one: Scene, path: str) -> None:
    """Another plane before the same backend, with the sessions of a file."""
    store = SessionStore(path, print)
    one.gateway.gateway.agents = AgentPlane(
        [agent_of_settings(one.agent.settings, one.backend, store)], [], print, store
    )
    one.plane.reached_at(f"http://127.0.0.1:{one.gateway.port}", lends_key=False)


async def test_what_comes_to_another_process_is_handed_over(stage: Stage) -> None:
    """Whichever worker an agent has reached, its call is held where its run is."""
    one = await served(stage, [looks("a")])
    front = await stage.gateway()
    giving, taking = handing_over_pair()
    front.gateway.elsewhere = Elsewhere(giving, [one.agent.settings], "")
    taken: list[asyncio.Task[None]] = []
    arrivals = Arrivals(taking, lambda *of: taken.append(asyncio.create_task(one.gateway.take_over(*of))))
    arrivals.begin()
    asking, at_home = await begun(stage, one)
    agent = Agent(await stage.client(front), at_home.url, one.gateway.port)
    assert [each["name"] for each in result_of(await agent.ask(message("tools/list")))["tools"]] == ["weather"]
    other = Agent(await stage.client(front), at_home.url, one.gateway.port)
    await held_call(one, other, call())
    first = await asking
    ends(one, "ab")
    assert text_of(await ask(stage, one, with_outputs(TURN, first, "cold"))) == "b"
    assert result_of_stream(await other.client.answer()) == text_result("cold")
    assert len(taken) == 2
    arrivals.stop()
    giving.close()
    taking.close()
