from __future__ import annotations

from typing import Any

import msgspec
import pytest

from narrows.agents.offer import ignored_of_tools, read_tools
from narrows.agents.tools import ClientTool
from narrows.errors import MalformedRequest, UnsupportedParameter


def tool(name: str = "f", **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def read(*tools: Any, **fields: Any) -> tuple[ClientTool, ...]:
    asked = {"tools": list(tools), **fields}
    return read_tools(msgspec.json.encode(asked), asked)


def test_a_schema_is_taken_byte_for_byte() -> None:
    schema = b'{ "type":"object",\n "b":1.0, "a":1e5, "a":"\\u00e9\\/" }'
    body = b'{"tools": [{"function": {"parameters": %b, "name": "f"}, "type": "function"}]}' % schema
    (found,) = read_tools(body, msgspec.json.decode(body))
    assert found == ClientTool("f", "", schema)


def test_what_a_tool_may_leave_out() -> None:
    assert read(tool("a"), tool("b", description=None, parameters=None), tool("c", description="C", strict=False)) == (
        ClientTool("a"),
        ClientTool("b"),
        ClientTool("c", "C"),
    )
    assert read() == read_tools(b"{}", {}) == ()


@pytest.mark.parametrize("choice", ["auto", None])
def test_tools_are_offered_unless_none_may_be_called(choice: str | None) -> None:
    assert read(tool("a"), tool_choice=choice) == (ClientTool("a"),)
    assert read(tool("a"), tool_choice="none") == ()


@pytest.mark.parametrize(
    "wrong",
    [
        1,
        {"type": "function"},
        {"type": "function", "function": 1},
        tool(""),
        tool("a b"),
        tool("a" * 65),
        tool("é"),
        tool("a\n"),
        tool("f", description=1),
        tool("f", parameters="{}"),
        {"type": "function", "function": {}},
    ],
)
def test_what_is_no_function_is_refused_by_its_place(wrong: object) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(tool("a"), wrong, tool_choice="none")
    assert caught.value.param == "tools[1]"


@pytest.mark.parametrize(
    "wrong",
    [{"type": "custom", "custom": {"name": "f"}}, {"type": "web_search"}, tool("f", cache=1), {**tool("f"), "x": 1}],
)
def test_what_no_agent_takes_is_refused_by_its_place(wrong: object) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        read(wrong)
    assert caught.value.param == "tools[0]"


def test_names_are_unique_and_tools_an_array() -> None:
    with pytest.raises(MalformedRequest, match="has f more than once"):
        read(tool("f"), tool("g"), tool("f"))
    with pytest.raises(MalformedRequest, match="an array"):
        read_tools(b'{"tools": {"a": 1}}', {"tools": {"a": 1}})


def test_strict_is_reported_and_not_refused() -> None:
    assert ignored_of_tools({"tools": [tool("f", strict=True)]}) == ("tools.strict",)
    assert ignored_of_tools({"tools": [tool("f", strict=False)]}) == ()
    assert ignored_of_tools({}) == ()
