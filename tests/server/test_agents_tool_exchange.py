"""An agent's requests to its session's MCP server, which has its client's tools."""

from __future__ import annotations

import asyncio
import json

import pytest

from narrows.records.types import AgentCallFigures, Outcome
from narrows.server.agents import tool_exchange
from tests.agent_stage import chat, growing, tool
from tests.raw_client import request
from tests.server.mcp_agent import (
    BODY,
    BOTH,
    SCHEMA,
    TURN,
    WEATHER,
    agent_at,
    agent_of,
    begun,
    call,
    ends,
    events_of,
    held,
    held_call,
    message,
    result_of,
    result_of_stream,
    text_result,
    unchunked,
)
from tests.server.test_agents import ask, idle, text_of, until
from tests.server.test_agents_held import looked_at, looks
from tests.server.test_agents_tool_servers import served
from tests.server.test_agents_tools import finish_of, ids_of, message_of, output, with_outputs
from tests.stage import Stage

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
