"""An agent's requests to its session's MCP server, which has its client's tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client

from narrows.records.types import AgentCallFigures, Outcome
from narrows.server.agents import performing, plane, tool_exchange
from narrows.server.agents.building import served as agent_of_settings
from narrows.server.agents.handing_over import Arrivals, Elsewhere, handing_over_pair
from narrows.server.agents.plane import AgentPlane
from narrows.server.agents.session_store import SessionStore
from tests.agent_stage import Json, Scene, chat, growing, tool
from tests.raw_client import Answered, RawClient, request
from tests.server.test_agents import ask, idle, text_of, until
from tests.server.test_agents_held import looked_at, looks
from tests.server.test_agents_tool_servers import served
from tests.server.test_agents_tools import finish_of, ids_of, message_of, output, with_outputs
from tests.stage import Stage

SCHEMA = '{"type": "object",  "properties": {"city": {"type": "string"}}}'
WEATHER = tool("weather", description="how it is", parameters={"type": "object"})
BODY = json.dumps(chat("How is it?", tools=[WEATHER])).replace('{"type": "object"}', SCHEMA)
TURN: Json = json.loads(BODY)
BOTH = ("Accept: application/json, text/event-stream",)


def message(method: str, id_: object = 1, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def told(method: str, **params: Any) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def call(name: str = "weather", arguments: Any = None, id_: object = 1, **params: Any) -> Json:
    return message("tools/call", id_, name=name, arguments=arguments or {}, **params)


def events_of(answer: Answered) -> list[bytes]:
    """The events of a stream, without its comments."""
    assert answer.values(b"content-type") == [b"text/event-stream"]
    payload = answer.raw_body
    if answer.values(b"transfer-encoding"):
        payload = unchunked(payload)
    frames = payload.split(b"\n\n")
    assert frames.pop() == b""
    assert all(frame.startswith((b": ", b"event: message\ndata: ")) for frame in frames)
    return [frame.partition(b"data: ")[2] for frame in frames if not frame.startswith(b":")]


def unchunked(data: bytes) -> bytes:
    found = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        found, data = found + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return found


class Agent:
    """What the agent's side does: the path that its backend was told, and a connection."""

    def __init__(self, client: RawClient, url: str, port: int) -> None:
        self.client = client
        self.url = url
        self.path = url.partition(str(port))[2]

    async def send(self, body: Json | bytes, *lines: str, method: str = "POST") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.client.send(request(method, self.path, *lines, body=content))

    async def ask(self, body: Json | bytes, *lines: str, method: str = "POST") -> Answered:
        await self.send(body, *lines, method=method)
        return await self.client.answer(method.encode())


async def begun(stage: Stage, one: Scene, body: Json = TURN, *lines: str) -> tuple[asyncio.Task[Answered], Agent]:
    """A run, and its agent."""
    number = len(one.backend.turns)
    asking = asyncio.create_task(ask(stage, one, body, *lines))
    await looked_at(one, number + 1)
    return asking, await agent_of(stage, one)


async def agent_of(stage: Stage, one: Scene, number: int = -1) -> Agent:
    server = one.backend.tool_servers[number]
    assert server is not None
    return Agent(await stage.client(one.gateway), server.url, one.gateway.port)


async def held_call(one: Scene, agent: Agent, body: Json, *lines: str) -> None:
    """Make a call, and wait until it is held."""
    before = held(one)
    await agent.send(body, *(lines or BOTH))
    await until(lambda: held(one) == before + 1)


def held(one: Scene) -> int:
    return sum(len(each.held) for each in one.agent.tool_servers._served.values())


def ends(one: Scene, text: str, turn: int = -1) -> None:
    """The agent is about to end."""
    one.backend.turns[turn].script.append(looks(text, over=True))


def result_of(answer: Answered) -> Json:
    read: Json = (
        answer.json if answer.values(b"content-type") == [b"application/json"] else json.loads(events_of(answer)[-1])
    )
    assert read["jsonrpc"] == "2.0"
    result: Json = read["result"]
    return result


def text_result(text: str, *, is_error: bool = False) -> Json:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


# What is answered at once


async def test_it_lists_the_tools_with_their_schemas_byte_for_byte(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    client = await stage.client(one.gateway)
    await client.send(request("POST", "/v1/chat/completions", body=BODY.encode()))
    await looked_at(one)
    agent = await agent_of(stage, one)
    begin = await agent.ask(message("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={}))
    assert (begin.status, result_of(begin)["protocolVersion"]) == (200, "2025-06-18")
    began = await agent.ask(
        {"jsonrpc": "2.0", "method": "notifications/initialized"}, "MCP-Protocol-Version: 2025-06-18"
    )
    assert (began.status, began.raw_body) == (202, b"")
    answer = await agent.ask(message("tools/list", "x"), "MCP-Session-Id: whatever")
    listed = b'{"name":"weather","description":"how it is","inputSchema":%b}' % SCHEMA.encode()
    assert answer.raw_body == b'{"jsonrpc":"2.0","id":"x","result":{"tools":[%b]}}\n' % listed
    assert result_of(await agent.ask(message("ping"))) == {}


async def test_a_tool_that_is_the_gateways_own_is_not_listed(stage: Stage) -> None:
    one = await served(stage, [looks("a")], on_waiting="ask")
    body = chat("hi", tools=[WEATHER, tool("narrows_approval")])
    asking, agent = await begun(stage, one, body)
    assert [each["name"] for each in result_of(await agent.ask(message("tools/list")))["tools"]] == ["weather"]
    answer = await agent.ask(call("narrows_approval"))
    assert "no such tool" in result_of(answer)["content"][0]["text"]
    ends(one, "a")
    assert text_of(await asking) == "a"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"nothing", 400, -32700),
        (b"", 400, -32700),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 400, -32600),
        (json.dumps(message("resources/list")).encode(), 200, -32601),
        (json.dumps(message("tools/call", name=1)).encode(), 200, -32602),
    ],
)
async def test_what_is_no_message_is_told_so(stage: Stage, body: bytes, status: int, code: int) -> None:
    one = await served(stage, growing("a"))
    await ask(stage, one, TURN)
    answer = await (await agent_of(stage, one)).ask(body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "lines", "status"),
    [
        ("GET", (), 405),
        ("DELETE", (), 405),
        ("PUT", (), 405),
        ("POST", ("MCP-Protocol-Version: 2026-07-28",), 400),
        ("POST", ("Origin: https://page.example",), 403),
        ("POST", ("Origin: null",), 403),
        ("POST", ("Origin: http://localhost:3000",), 200),
        ("POST", ("Origin: http://127.0.0.1",), 200),
    ],
)
async def test_what_is_refused_for_its_head(stage: Stage, method: str, lines: tuple[str, ...], status: int) -> None:
    one = await served(stage, growing("a"))
    await ask(stage, one, TURN)
    agent = await agent_of(stage, one)
    answer = await agent.ask(message("ping"), *lines, method=method)
    assert answer.status == status
    assert ("error" in answer.json) is (status != 200)
    assert answer.values(b"allow") == ([b"POST"] if status == 405 else [])
    record = await stage.record(one.gateway, 1)
    assert record.status == status
    assert record.agent_call is not None
    assert record.agent_call.session == one.agent.sessions.listed()[0].name


async def test_a_wrong_token_is_nobodys(stage: Stage) -> None:
    one = await served(stage, growing("a"))
    await ask(stage, one, TURN)
    right = (await agent_of(stage, one)).url
    for url in (right.replace("/s/", "/s/x"), right.replace("coder", "nobody"), right.replace("/mcp", "/mcp/x")):
        answer = await agent_at(stage, one, url)
        assert (answer.status, answer.error_code) == (404, "no_such_route")
    assert stage.upstream.requests == []


async def test_a_body_has_the_gateways_limit(stage: Stage) -> None:
    one = await served(stage, growing("a"))
    await ask(stage, one, TURN)
    agent = await agent_of(stage, one)
    most = one.gateway.gateway.settings.max_body_bytes
    await agent.client.send(request("POST", agent.path, f"Content-Length: {most + 1}"))
    answer = await agent.client.answer()
    assert (answer.status, answer.error_code) == (413, "request_too_large")


async def test_a_body_may_come_in_pieces_and_be_waited_for(stage: Stage) -> None:
    one = await served(stage, growing("a"))
    await ask(stage, one, TURN)
    agent = await agent_of(stage, one)
    await agent.client.send(request("POST", agent.path, "Transfer-Encoding: chunked", "Expect: 100-continue"))
    assert (await agent.client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    content = json.dumps(message("ping")).encode()
    for piece in (content[:5], content[5:]):
        await agent.client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await asyncio.sleep(0)
    await agent.client.send(b"0\r\n\r\n")
    assert result_of(await agent.client.answer()) == {}


# Calls


async def test_a_call_waits_until_the_client_has_answered_it(stage: Stage) -> None:
    one = await served(stage, [looks("Let me look.")])
    asking, agent = await begun(stage, one)
    arguments = b'{"city" :  "Oslo\\u00e9", "n": 1.50}'
    body = b'{"jsonrpc":"2.0","id":"c-1","method":"tools/call","params":{"name":"weather","arguments":%b}}' % arguments
    await agent.send(body, *BOTH)
    first = await asking
    (made,) = message_of(first)["tool_calls"]
    assert (finish_of(first), message_of(first)["content"]) == ("tool_calls", "Let me look.")
    assert made["function"] == {"name": "weather", "arguments": arguments.decode()}
    second = asyncio.create_task(ask(stage, one, with_outputs(TURN, first, "cold\nand \u00fcber")))
    answer = await agent.client.answer()
    (event,) = events_of(answer)
    assert json.loads(event) == {"jsonrpc": "2.0", "id": "c-1", "result": text_result("cold\nand \u00fcber")}
    ends(one, "Let me look. It is cold.")
    assert text_of(await second) == " It is cold."
    assert one.backend.resumed == []
    assert held(one) == 0
    assert result_of(await agent.ask(message("ping"))) == {}, "the connection goes on"


async def test_an_agent_that_takes_no_stream_is_answered_in_json(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    await held_call(one, agent, call(), "Accept: application/json")
    first = await asking
    ends(one, "ab")
    await ask(stage, one, with_outputs(TURN, first, "cold"))
    answer = await agent.client.answer()
    assert answer.values(b"content-type") == [b"application/json"]
    assert json.loads(unchunked(answer.raw_body))["result"] == text_result("cold")


async def test_a_client_of_http_1_0_is_answered_until_the_connection_closes(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    content = json.dumps(call()).encode()
    head = (
        f"POST {agent.path} HTTP/1.0\r\nHost: h\r\nAccept: text/event-stream\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    await agent.client.send(head.encode() + content)
    first = await asking
    ends(one, "ab")
    await ask(stage, one, with_outputs(TURN, first, "cold"))
    assert json.loads(events_of(await agent.client.answer())[-1])["result"] == text_result("cold")


async def test_an_agent_hears_that_its_call_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_exchange, "WAITING_S", 0.01)
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    other = await agent_of(stage, one)
    await held_call(one, agent, call(_meta={"progressToken": "t"}))
    await held_call(one, other, call(id_=2))
    first = await asking
    heard = b""
    while heard.count(b"notifications/progress") < 3:
        heard += await agent.client.reader.readline()
    waited = b""
    while waited.count(b": waiting") < 3:
        waited += await other.client.reader.readline()
    counts = [json.loads(line.partition(b"data: ")[2])["params"] for line in heard.split(b"\r\n") if b"data" in line]
    assert counts == [{"progressToken": "t", "progress": at + 1} for at in range(len(counts))]
    assert b"progress" not in waited
    ends(one, "ab")
    second = await ask(stage, one, with_outputs(TURN, first, *("cold" for _ in ids_of(first))))
    if finish_of(second) == "tool_calls":
        await ask(stage, one, chat(output(ids_of(second)[0], "cold")))
    await idle(one)


async def test_calls_at_once_each_get_their_own_output(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    agents = [agent, *[await agent_of(stage, one) for _ in range(2)]]
    for at, each in enumerate(agents):
        await held_call(one, each, call(arguments={"at": at}, id_=1))
    answer, body = await asking, TURN
    ends(one, "ab")
    while finish_of(answer) == "tool_calls":
        outputs = [json.loads(made["function"]["arguments"])["at"] for made in message_of(answer)["tool_calls"]]
        body = with_outputs(body, answer, *(f"output {at}" for at in outputs))
        answer = await ask(stage, one, body)
    for at, each in enumerate(agents):
        assert result_of_stream(await each.client.answer()) == text_result(f"output {at}")


def result_of_stream(answer: Answered) -> Json:
    result: Json = json.loads(events_of(answer)[-1])["result"]
    return result


async def test_two_sessions_have_their_own_tools_and_calls(stage: Stage) -> None:
    one = await served(stage, [looks("a")], [looks("b")])
    bodies = [chat("one", tools=[tool("mine")]), chat("two", tools=[tool("theirs")])]
    running = [await begun(stage, one, body) for body in bodies]
    agents = [agent for _, agent in running]
    for agent, own, foreign in ((agents[0], "mine", "theirs"), (agents[1], "theirs", "mine")):
        assert [each["name"] for each in result_of(await agent.ask(message("tools/list")))["tools"]] == [own]
        assert "no such tool" in result_of(await agent.ask(call(foreign)))["content"][0]["text"]
        await held_call(one, agent, call(own, id_=7))
    firsts = [await asking for asking, _ in running]
    for at, (body, first) in enumerate(zip(bodies, firsts, strict=True)):
        ends(one, "ab", at)
        await ask(stage, one, with_outputs(body, first, f"output {at}"))
    for at, agent in enumerate(agents):
        assert result_of_stream(await agent.client.answer()) == text_result(f"output {at}")


async def test_a_call_that_nobody_can_take_is_an_error_that_the_model_reads(stage: Stage) -> None:
    one = await served(stage, growing("a"))
    await ask(stage, one, TURN)
    await idle(one)
    agent = await agent_of(stage, one)
    for body, words in ((call(), "asks for nothing"), (call("rm"), "no such tool")):
        answer = await agent.ask(body, *BOTH)
        result = result_of(answer)
        assert (answer.status, result["isError"]) == (200, True)
        assert words in result["content"][0]["text"]
    assert [each["name"] for each in result_of(await agent.ask(message("tools/list")))["tools"]] == ["weather"]


# How a call ends without its output


async def expired(stage: Stage, one: Scene, first: Answered) -> None:
    answer = await ask(stage, one, with_outputs(TURN, first, "cold"))
    assert (answer.status, answer.error_code) == (400, "tool_call_expired")


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


async def agent_at(stage: Stage, one: Scene, url: str) -> Answered:
    return await Agent(await stage.client(one.gateway), url, one.gateway.port).ask(message("tools/list"))


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


# What is told of it


async def test_its_records_have_names_and_no_texts(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, agent = await begun(stage, one)
    await agent.ask(message("tools/list"))
    await agent.ask(message("secret/method"))
    await held_call(one, agent, call(arguments={"city": "Secretville"}))
    first = await asking
    ends(one, "ab")
    await ask(stage, one, with_outputs(TURN, first, "secretly cold"))
    await agent.client.answer()
    await stage.logged(b'"mcp":"tools/call"')
    ring = one.gateway.gateway.telling.ring
    await until(lambda: ring.appended == 5)
    records = [each for each in reversed(ring.newest()) if each.agent_call is not None]
    mine = next(each for each in ring.newest() if each.agent is not None and each.agent.tool_calls)
    assert mine.agent is not None
    figures = [each.agent_call for each in records]
    assert figures == [
        AgentCallFigures(agent="coder", session=mine.agent.session, run=mine.request_id, mcp=method)
        for method in ("tools/list", None, "tools/call")
    ]
    assert [(each.path, each.status, each.outcome) for each in records] == [("/mcp", 200, Outcome.ANSWERED)] * 3
    token = agent.path.rpartition("/s/")[2].removesuffix("/mcp").encode()
    for secret in (b"ecret", token):
        assert secret not in stage.log.written


async def test_no_run_counts_it_as_a_model_call(stage: Stage) -> None:
    one = await served(stage, [looks("a")], correlation="header")
    asking, agent = await begun(stage, one)
    await agent.ask(message("tools/list"))
    ends(one, "ab")
    await asking
    record = await stage.record(one.gateway, 1)
    assert record.agent is not None
    assert record.agent.model_calls is None


# With the official client


@asynccontextmanager
async def official(one: Scene, **options: Any) -> AsyncIterator[Client]:
    server = one.backend.tool_servers[-1]
    assert server is not None
    async with Client(server.url, **options) as client:
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_lists_and_calls(stage: Stage, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr(tool_exchange, "WAITING_S", 0.01)
    one = await served(stage, [looks("Let me look.")])
    asking, _ = await begun(stage, one)
    heard: list[float] = []

    async def noted(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with official(one, mode=mode) as client:
        (listed,) = (await client.list_tools()).tools
        assert (listed.name, listed.description, listed.input_schema) == ("weather", "how it is", json.loads(SCHEMA))
        calling = asyncio.create_task(client.call_tool("weather", {"city": "Oslo"}, progress_callback=noted))
        first = await asking
        (made,) = message_of(first)["tool_calls"]
        assert json.loads(made["function"]["arguments"]) == {"city": "Oslo"}
        await until(lambda: len(heard) > 2)
        ends(one, "Let me look. Cold.")
        second = await ask(stage, one, with_outputs(TURN, first, "cold"))
        result = await calling
        assert (result.is_error, [part.text for part in result.content]) == (False, ["cold"])  # type: ignore[union-attr]  # texts
        assert text_of(second) == " Cold."
        refused = await client.call_tool("weather", {})
        assert refused.is_error
    assert heard == sorted(set(heard))


async def test_the_official_client_gives_up(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, _ = await begun(stage, one)
    async with official(one, mode="legacy") as client:
        calling = asyncio.create_task(client.call_tool("weather", {}))
        first = await asking
        calling.cancel()
        await until(lambda: one.backend.turns[0].closed)
    await expired(stage, one, first)


async def test_the_official_client_makes_calls_at_once(stage: Stage) -> None:
    one = await served(stage, [looks("a")])
    asking, _ = await begun(stage, one)
    async with official(one) as client:
        calls = [asyncio.create_task(client.call_tool("weather", {"at": at})) for at in range(3)]
        await until(lambda: held(one) == 3)
        answer, body = await asking, TURN
        ends(one, "ab")
        while finish_of(answer) == "tool_calls":
            said = [json.loads(made["function"]["arguments"])["at"] for made in message_of(answer)["tool_calls"]]
            body = with_outputs(body, answer, *(f"output {at}" for at in said))
            answer = await ask(stage, one, body)
        for at, calling in enumerate(calls):
            assert (await calling).content[0].text == f"output {at}"  # type: ignore[union-attr]  # a text
