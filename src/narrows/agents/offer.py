"""Reads which tools a client offers: `tools`, `tool_choice` and `parallel_tool_calls`.

A schema is taken as the client wrote it, byte for byte. What no agent could keep is refused by name, but for `strict`,
which official clients set by themselves: that is reported as ignored, whatever the settings. `tool_choice: "none"` is
kept by offering nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from narrows.agents.tools import ClientTool
from narrows.errors import MalformedRequest, UnsupportedParameter

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_TOOL_WORDS: Final = frozenset({"type", "function"})
_FUNCTION_WORDS: Final = frozenset({"name", "description", "parameters", "strict"})


class _Function(msgspec.Struct):
    parameters: msgspec.Raw = msgspec.Raw()


class _Tool(msgspec.Struct):
    function: _Function


class _Tools(msgspec.Struct):
    tools: list[_Tool]


_SCHEMAS: Final = msgspec.json.Decoder(_Tools)


def read_tools(body: bytes, asked: Mapping[str, Any]) -> tuple[ClientTool, ...]:
    """The tools that a request offers; `asked` are the fields of its body.

    Raises:
        MalformedRequest: they cannot be read, or two have one name.
        UnsupportedParameter: they are no functions.
    """
    tools = asked.get("tools")
    if not tools:
        return ()
    if not isinstance(tools, list):
        raise MalformedRequest("`tools` needs an array", param="tools")
    functions = [_function(f"tools[{place}]", tool) for place, tool in enumerate(tools)]
    names = [function["name"] for function in functions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MalformedRequest(f"`tools` has {', '.join(twice)} more than once", param="tools")
    if asked.get("tool_choice") == "none":
        return ()
    schemas = [bytes(tool.function.parameters) for tool in _SCHEMAS.decode(body).tools]
    return tuple(
        ClientTool(function["name"], function.get("description") or "", b"" if schema == b"null" else schema)
        for function, schema in zip(functions, schemas, strict=True)
    )


def ignored_of_tools(asked: Mapping[str, Any]) -> Sequence[str]:
    """What of the tools no agent keeps, and is not refused."""
    tools = asked.get("tools") or ()
    return ("tools.strict",) if any(tool["function"].get("strict") for tool in tools) else ()


def _function(where: str, tool: object) -> dict[str, Any]:
    kind = tool.get("type", "function") if isinstance(tool, dict) else None
    if isinstance(kind, str) and kind != "function":
        raise UnsupportedParameter(f"an agent takes functions alone, and `{where}` is of type {kind!r}", param=where)
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or not isinstance(function, dict) or not _is_sound(function):
        raise MalformedRequest(
            f"`{where}` needs a function with a name of 1 to 64 letters, digits, dashes and underscores, and where it"
            " has them, a description that is a string and parameters that are an object",
            param=where,
        )
    unknown = sorted((tool.keys() - _TOOL_WORDS) | (function.keys() - _FUNCTION_WORDS))
    if unknown:
        raise UnsupportedParameter(f"an agent cannot honour `{unknown[0]}` in `{where}`; leave it out", param=where)
    return function


def _is_sound(function: Mapping[str, Any]) -> bool:
    name, described, schema = function.get("name"), function.get("description"), function.get("parameters")
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and isinstance(described, str | None)
        and isinstance(schema, dict | None)
    )
