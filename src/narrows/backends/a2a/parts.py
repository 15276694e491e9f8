"""What the gateway and an agent say to each other in data parts of A2A messages, beside texts.

A2A has no tools of a client. An agent takes them where its card declares the extension `CLIENT_TOOLS`; three data parts
carry them, each an object whose `kind` says which it is:

    client_tools   {"tools": [{"name", "description", "parameters"}]}   in the user's message: what may be called
    tool_calls     {"calls": [{"id", "name", "arguments"}]}             in the status message of INPUT_REQUIRED
    tool_outputs   {"outputs": [{"id", "name", "output"}]}              in the next message, which names the task

`parameters` and `arguments` are JSON as text, since in a data part a number is a float and an object has no order.

Nor has it a place for reasoning. Agents of Google's ADK mark a text part that is reasoning by `adk_thought` in its
metadata, others by `thought`; such a part is no part of an answer.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from a2a.types.a2a_pb2 import AgentCard, Message, Part
from google.protobuf import json_format, struct_pb2

from narrows.agents.observation import AgentCall, Usage
from narrows.agents.request import Image
from narrows.agents.tools import CallOutput, ClientTool

CLIENT_TOOLS: Final = "urn:narrows:a2a:client-tools:1"
_THOUGHT: Final = ("adk_thought", "thought")
_USAGE: Final = (
    ("input_tokens", "prompt_tokens", "inputTokens"),
    ("output_tokens", "completion_tokens", "outputTokens"),
    ("cached_tokens", "cache_read_tokens", "cacheReadTokens"),
    ("reasoning_tokens", "thinking_tokens", "reasoningTokens"),
)


def offering(tools: Sequence[ClientTool]) -> Part:
    """The part that offers a client's tools."""
    offered = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters.decode()} for tool in tools
    ]
    return _data({"kind": "client_tools", "tools": offered})


def answering(outputs: Sequence[CallOutput]) -> Part:
    """The part that answers calls."""
    answered = [{"id": one.id, "name": one.name, "output": one.output} for one in outputs]
    return _data({"kind": "tool_outputs", "outputs": answered})


def calls_in(parts: Iterable[Part], task: str) -> tuple[AgentCall, ...]:
    """The calls of a client's tools in a message of this task, whose name they keep as their signature."""
    found: list[AgentCall] = []
    for part in parts:
        data = json_format.MessageToDict(part.data) if part.WhichOneof("content") == "data" else None
        if not isinstance(data, Mapping) or data.get("kind") != "tool_calls":
            continue
        calls = data.get("calls")
        found += [
            AgentCall(str(call.get("id") or ""), str(call["name"]), _arguments(call.get("arguments")), task)
            for call in (calls if isinstance(calls, list) else [])
            if isinstance(call, Mapping) and call.get("name")
        ]
    return tuple(found)


def text_in(parts: Iterable[Part]) -> str:
    """The text parts, one after the other: a server makes one part of every piece that is appended."""
    return "".join(part.text for part in parts if part.WhichOneof("content") == "text" and not _is_thought(part))


def thought_in(parts: Iterable[Part]) -> str:
    """The text parts that are reasoning."""
    return "".join(part.text for part in parts if part.WhichOneof("content") == "text" and _is_thought(part))


def _is_thought(part: Part) -> bool:
    return any(part.metadata.fields[name].bool_value for name in _THOUGHT if name in part.metadata.fields)


def image_part(image: Image) -> Part:
    """A picture, as the bytes that it is."""
    return Part(raw=b64decode(image.data), media_type=image.media_type)


def takes(card: AgentCard, media_type: str) -> bool:
    """Whether the agent says that it takes such a part, in general or in one of its skills."""
    wanted = {"*/*", media_type, media_type.partition("/")[0] + "/*"}
    return any(mode.partition(";")[0].strip().lower() in wanted for mode in modes_of(card))


def modes_of(card: AgentCard) -> list[str]:
    """The media types that it takes, in its card's words."""
    return list(dict.fromkeys([*card.default_input_modes, *(mode for one in card.skills for mode in one.input_modes)]))


def said_by(message: Message) -> str:
    """A message's text."""
    return text_in(message.parts)


def usage_in(metadata: struct_pb2.Struct) -> Usage | None:
    """The usage that `metadata` gives under `usage`, in any of the usual words; its numbers are floats."""
    found = json_format.MessageToDict(metadata).get("usage")
    if not isinstance(found, Mapping):
        return None
    figures = [next((found[name] for name in names if name in found), None) for names in _USAGE]
    known = [int(figure) if isinstance(figure, float | int) else None for figure in figures]
    return Usage(*known) if any(figure is not None for figure in known) else None


def _arguments(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value or {}).decode()


def _data(value: Mapping[str, Any]) -> Part:
    part = Part(media_type="application/json")
    json_format.ParseDict(value, part.data)
    return part
