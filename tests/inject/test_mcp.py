"""A client's tools in the messages of MCP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import CallToolResult, InitializeResult, JSONRPCError, JSONRPCNotification, JSONRPCResponse
from mcp_types import ListToolsResult as Listed

from narrows.agents.tools import ClientTool
from narrows.inject import mcp
from narrows.inject.mcp import (
    MAX_ID_BYTES,
    CallTool,
    Cancelled,
    Initialize,
    ListTools,
    Ping,
    Refused,
    Told,
    read_message,
    same_id,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(SCALARS, lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=6)
IDS = st.integers() | st.text()


def asked(method: str, *, id_: object = 1, **fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, **fields}).encode()


def told(method: str, **fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, **fields}).encode()


def error_of(body: bytes) -> tuple[Any, int, bool]:
    """The id and the code of the error to a body, and whether it was a request."""
    refused = read_message(body)
    assert isinstance(refused, Refused)
    error = json.loads(refused.answer)
    assert error["jsonrpc"] == "2.0"
    if error["id"] is not None:
        JSONRPCError.model_validate(error)
    return error["id"], error["error"]["code"], refused.is_request


# Laws


@given(IDS, st.text(), st.dictionaries(st.text(), JSON), st.booleans(), st.sampled_from(["", " ", "\n\t "]))
def test_arguments_and_ids_are_the_agents_bytes(
    id_: object, name: str, arguments: dict[str, Any], raw: bool, space: str
) -> None:
    written, id_literal = json.dumps(arguments, ensure_ascii=not raw, indent=len(space)), json.dumps(id_)
    body = (
        f'{{"id":{space}{id_literal},"method":"tools/call",{space}"params":{{"arguments":{space}{written}{space},'
        f'"name":{json.dumps(name)}}},"jsonrpc":"2.0"}}'
    )
    assert read_message(body.encode()) == CallTool(id_literal.encode(), name, written)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_answered(body: bytes) -> None:
    found = read_message(body)
    if isinstance(found, Refused):
        assert json.loads(found.answer)["error"]["message"]


@given(st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result"]), JSON | st.just("2.0")))
def test_what_is_no_request_is_not_answered_as_one(message: dict[str, Any]) -> None:
    found = read_message(json.dumps(message).encode())
    if isinstance(found, Refused) and found.is_request:
        assert json.loads(found.answer)["id"] == message["id"]


@given(IDS, st.text(st.characters(codec=None)), st.booleans())
def test_an_output_is_what_the_tool_said(id_: object, text: str, is_error: bool) -> None:
    answer = mcp.output(json.dumps(id_).encode(), text, is_error=is_error)
    assert b"\n" not in answer
    assert b"\r" not in answer
    read = json.loads(answer)
    assert (read["id"], read["result"]) == (id_, {"content": [{"type": "text", "text": text}], "isError": is_error})


@given(st.lists(st.dictionaries(st.text(), JSON), max_size=3), st.booleans())
def test_schemas_are_the_clients_bytes_where_they_say_what_they_are(
    schemas: list[dict[str, Any]], indent: bool
) -> None:
    written = [json.dumps({"type": "object", **one}, indent=2 if indent else None).encode() for one in schemas]
    tools = [ClientTool(f"tool-{at}", "does", one) for at, one in enumerate(written)]
    result = mcp.listed(tools)
    assert all(b'"inputSchema":' + one in result for one in written)
    assert [one["name"] for one in json.loads(result)["tools"]] == [tool.name for tool in tools]


# Requests


@pytest.mark.parametrize("version", mcp.VERSIONS)
def test_a_client_is_spoken_to_in_its_revision(version: str) -> None:
    begun = read_message(asked("initialize", params={"protocolVersion": version, "capabilities": {}}))
    assert begun == Initialize(b"1", version)
    response = JSONRPCResponse.model_validate_json(mcp.initialized(begun, "1.2"))
    result = InitializeResult.model_validate(response.result)
    assert (result.protocol_version, result.server_info.name, result.server_info.version) == (version, "narrows", "1.2")
    assert result.capabilities.tools is not None


@pytest.mark.parametrize("params", [{}, {"protocolVersion": "1999-01-01"}, {"protocolVersion": 3}])
def test_a_revision_that_is_not_known_is_answered_with_the_latest(params: dict[str, Any]) -> None:
    assert read_message(asked("initialize", params=params)) == Initialize(b"1", "2025-11-25")


def test_small_requests() -> None:
    assert read_message(asked("ping", id_="a\u00e9")) == Ping(b'"a\\u00e9"')
    assert read_message(b'{"jsonrpc":"2.0","id":7.50,"method":"ping","params":null}') == Ping(b"7.50")
    assert read_message(asked("tools/list")) == ListTools(b"1")
    assert read_message(asked("tools/list", params={"cursor": None})) == ListTools(b"1")


def test_a_call_may_have_no_arguments_and_may_want_to_hear_of_its_progress() -> None:
    assert read_message(asked("tools/call", params={"name": "a"})) == CallTool(b"1", "a", "{}")
    assert read_message(asked("tools/call", params={"name": "a", "arguments": None})) == CallTool(b"1", "a", "{}")
    for token, literal in ((7, b"7"), ("t", b'"t"'), (None, b""), ({}, b"")):
        body = asked("tools/call", params={"name": "a", "_meta": {"progressToken": token}})
        assert read_message(body) == CallTool(b"1", "a", "{}", literal)
    assert read_message(asked("tools/call", params={"name": "a", "_meta": 3})) == CallTool(b"1", "a", "{}")


def test_halves_of_surrogate_pairs_are_no_reason_to_refuse_a_call() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":"\\ud800"}}}'
    assert read_message(body) == CallTool(b"1", "a", '{"x":"\\ud800"}')


def test_an_id_and_a_progress_token_are_of_a_sensible_size() -> None:
    fits, huge = "x" * (MAX_ID_BYTES - 2), "x" * (MAX_ID_BYTES - 1)
    assert read_message(json.dumps({"jsonrpc": "2.0", "id": fits, "method": "ping"}).encode()) == Ping(
        b'"%b"' % fits.encode()
    )
    refused = read_message(json.dumps({"jsonrpc": "2.0", "id": huge, "method": "ping"}).encode())
    assert isinstance(refused, Refused)
    assert json.loads(refused.answer)["id"] is None
    params = {"name": "weather", "_meta": {"progressToken": huge}}
    refused = read_message(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode())
    assert isinstance(refused, Refused)
    assert json.loads(refused.answer)["error"]["code"] == -32602
    assert read_message(told("notifications/cancelled", params={"requestId": huge})) == Told()
    assert read_message(told("notifications/cancelled", params={"requestId": {"x": 1}})) == Told()


def test_an_id_is_the_same_however_it_is_written() -> None:
    assert same_id(b'"\\u0063-\\/1"') == same_id(b'"c-/1"') == b'"c-/1"'
    assert same_id(b'"1"') != same_id(b"1") == b"1"
    assert same_id(b'"\\ud800"') == b'"\\ud800"'


def test_what_has_no_answer() -> None:
    assert read_message(told("notifications/initialized")) == Told()
    assert read_message(told("whatever", params=[1])) == Told()
    assert read_message(told("notifications/cancelled")) == Told()
    assert read_message(told("notifications/cancelled", params={"requestId": "x"})) == Cancelled(b'"x"')
    assert read_message(told("notifications/cancelled", params={"requestId": 3, "reason": "r"})) == Cancelled(b"3")
    for member in ("result", "error"):
        assert read_message(json.dumps({"jsonrpc": "2.0", "id": 1, member: {}}).encode()) == Told()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", (None, -32700, False)),
        (b"{", (None, -32700, False)),
        (b'{"id":1,}', (None, -32700, False)),
        (b'{"a":"\xff"}', (None, -32700, False)),
        (b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", (None, -32700, False)),
        (b"[" + asked("ping") + b"]", (None, -32600, False)),
        (b"3", (None, -32600, False)),
        (b"{}", (None, -32600, False)),
        (b'{"jsonrpc":"2.0","id":1}', (1, -32600, False)),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', (None, -32600, False)),
        (asked("ping", id_=None), (None, -32600, False)),
        (asked("ping", id_={}), (None, -32600, False)),
        (b'{"id":1,"method":"ping"}', (1, -32600, True)),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', (1, -32600, True)),
        (b'{"jsonrpc":"2.0","id":1,"method":3}', (1, -32600, True)),
        (asked("resources/list"), (1, -32601, True)),
        (asked("server/discover", params={}), (1, -32601, True)),
        (asked("notifications/initialized"), (1, -32601, True)),
        (asked("ping", params=[1]), (1, -32602, True)),
        (asked("tools/list", params={"cursor": "next"}), (1, -32602, True)),
        (asked("tools/call"), (1, -32602, True)),
        (asked("tools/call", params={"name": 3}), (1, -32602, True)),
        (asked("tools/call", params={"name": "a", "arguments": []}), (1, -32602, True)),
        (asked("tools/call", params={"name": "a", "arguments": "{}"}), (1, -32602, True)),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}', (1, -32600, True)),
    ],
)
def test_what_is_refused(body: bytes, error: tuple[Any, int, bool]) -> None:
    assert error_of(body) == error


def test_a_batch_is_refused_in_words() -> None:
    refused = read_message(b" [" + asked("ping") + b"]")
    assert isinstance(refused, Refused)
    assert b"batches" in refused.answer


# Answers


def test_answers_are_what_official_clients_read() -> None:
    tools = [ClientTool("weather", "how it \u00e9s", b'{"type": "object",\n "a": 1}'), ClientTool("none")]
    listed = Listed.model_validate(JSONRPCResponse.model_validate_json(mcp.answer(b"1", mcp.listed(tools))).result)
    assert [(one.name, one.description) for one in listed.tools] == [("weather", "how it \u00e9s"), ("none", None)]
    assert [one.input_schema for one in listed.tools] == [{"type": "object", "a": 1}, {"type": "object"}]
    result = CallToolResult.model_validate(JSONRPCResponse.model_validate_json(mcp.output(b'"x"', "cold")).result)
    assert not result.is_error
    progress = JSONRPCNotification.model_validate_json(mcp.progress(b'"t"', 3))
    assert (progress.method, progress.params) == ("notifications/progress", {"progressToken": "t", "progress": 3})


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (b"", b'{"type":"object"}'),
        (b"{}", b'{"type":"object"}'),
        (b'{ "properties": {}}', b'{"type":"object","properties": {}}'),
        (b' {"type" :"object"} ', b'{"type" :"object"}'),
    ],
)
def test_a_schema_is_said_to_be_an_objects(parameters: bytes, schema: bytes) -> None:
    assert mcp.listed([ClientTool("a", "", parameters)]) == b'{"tools":[{"name":"a","inputSchema":%b}]}' % schema
