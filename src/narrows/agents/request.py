"""Reads a Chat Completions request that is for an agent.

Nothing is dropped in silence: a field that an agent cannot honour is refused by name, unless the agent is set to be
lenient; then it is listed in `ignored`, which the answer's header repeats. A field that says what holds anyway (`n: 1`,
`tools: []`, a default) is no request for anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from narrows.agents.offer import ignored_of_tools, read_tools
from narrows.agents.tools import ClientTool
from narrows.errors import MalformedRequest, UnsupportedParameter

_INSTRUCTIONS = frozenset({"system", "developer"})
_ROLES = _INSTRUCTIONS | {"user", "assistant", "tool", "function"}
_READ = frozenset(
    {"model", "messages", "stream", "stream_options", "timeout", "max_tokens", "max_completion_tokens", "tools"}
)
_SAYS_NOTHING = frozenset({"user", "metadata", "safety_identifier", "prompt_cache_key", "service_tier"})
"""Fields about the request, which ask nothing of the answer."""
_HOLDS: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "temperature": (1,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "store": (False,),
    "functions": ([],),
    "tool_choice": ("auto", "none"),
    "function_call": ("auto", "none"),
    "parallel_tool_calls": (True, False),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "logit_bias": ({},),
    "stop": ([],),
    "include_reasoning": (True, False),
}
"""What holds for every agent's answer, field by field."""


IMAGE_LINE: Final = "[Image]"
IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_DATA_URL = re.compile(rf"data:({'|'.join(IMAGE_TYPES)});base64,([A-Za-z0-9+/]+={{0,2}})")


class _Named(msgspec.Struct):
    model: str = ""


_MODEL: Final = msgspec.json.Decoder(_Named)
_ANY: Final = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call in the history."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of a message; `data` is base64."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as an agent can be told it: its texts joined by newlines, `IMAGE_LINE` where a picture stands."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    images: tuple[Image, ...] = ()

    @property
    def instructs(self) -> bool:
        """Whether it is system or developer text."""
        return self.role in _INSTRUCTIONS


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request to an agent. `timeout_s`: the most that this client gives the run, which no standard field says;
    `tools`: those that it offers the agent; `parallel_calls`: whether it takes more than one call at a time;
    `reasoning`: whether it wants that of the agent's model, which OpenRouter and vLLM have the same field for; `user`:
    whom it says it is for."""

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    timeout_s: float | None = None
    max_output_tokens: int | None = None
    ignored: tuple[str, ...] = ()
    tools: tuple[ClientTool, ...] = ()
    parallel_calls: bool = True
    reasoning: bool = False
    user: str = ""


def model_of(body: bytes) -> str:
    """The model that a request asks for; empty where it does not say."""
    try:
        return _MODEL.decode(body).model
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""


def read_request(body: bytes, *, lenient: bool = False) -> ChatRequest:
    """A request, read.

    Raises:
        MalformedRequest: it is not the JSON of a Chat Completions request.
        UnsupportedParameter: it asks for what no agent can do; `param` names the field.
    """
    try:
        fields = _ANY.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("messages"), list):
        raise MalformedRequest("the body needs `messages`, an array", param="messages")
    asked = {name: value for name, value in fields.items() if value is not None}
    tools = read_tools(body, asked)
    unknown = tuple(name for name, value in asked.items() if not _is_honoured(name, value))
    if unknown and not lenient:
        raise _refusal(unknown[0])
    options = asked.get("stream_options")
    return ChatRequest(
        model=str(asked.get("model", "")),
        messages=tuple(_message(place, one) for place, one in enumerate(fields["messages"])),
        stream=asked.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        timeout_s=_number(asked, "timeout"),
        max_output_tokens=_max_tokens(asked),
        ignored=(*unknown, *ignored_of_tools(asked)),
        tools=tools,
        parallel_calls=asked.get("parallel_tool_calls") is not False,
        reasoning=asked.get("include_reasoning") is True,
        user=str(asked.get("user", "")),
    )


def _is_honoured(name: str, value: object) -> bool:
    return name in _READ or name in _SAYS_NOTHING or value in _HOLDS.get(name, ())


def _refusal(name: str) -> UnsupportedParameter:
    held = " or ".join(msgspec.json.encode(value).decode() for value in _HOLDS.get(name, ()))
    said = f"an agent cannot honour `{name}`" + (f" but as {held}" if held else "")
    if name == "tool_choice":
        said = f'nobody can have an agent call a tool, so `tool_choice` may be {held}, where "none" offers no tools'
    return UnsupportedParameter(f"{said}; leave it out, or set `lenient` for this agent", param=name)


def _number(asked: Mapping[str, Any], name: str) -> float | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise MalformedRequest(f"`{name}` needs a number of seconds over 0", param=name)
    return float(value)


def _max_tokens(asked: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = asked.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise MalformedRequest(f"`{name}` needs a whole number of 1 or more", param=name)
            return value
    return None


def _message(place: int, message: object) -> Message:
    where = f"messages[{place}]"
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise MalformedRequest(f"`{where}` needs a role, one of {', '.join(sorted(_ROLES))}", param=where)
    text, images = _content(f"{where}.content", message.get("content"))
    text = text or _content(f"{where}.refusal", message.get("refusal"))[0]
    calls = [_call(where, call) for call in message.get("tool_calls") or ()]
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        calls.append(Call("", str(legacy.get("name", "")), str(legacy.get("arguments", ""))))
    return Message(str(message["role"]), text, tuple(calls), str(message.get("tool_call_id") or ""), images)


def _content(where: str, content: object) -> tuple[str, tuple[Image, ...]]:
    if content is None:
        return "", ()
    if isinstance(content, str):
        return content, ()
    if not isinstance(content, list):
        raise MalformedRequest(f"`{where}` needs a string or an array of parts", param=where)
    parts = [_part(f"{where}[{place}]", part) for place, part in enumerate(content)]
    images = tuple(part for part in parts if isinstance(part, Image))
    return "\n".join(IMAGE_LINE if isinstance(part, Image) else part for part in parts), images


def _part(where: str, part: object) -> str | Image:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str):
        raise MalformedRequest(f"`{where}` needs a type and a text", param=where)
    if kind == "image_url":
        return _image(where, part.get("image_url"))
    text = part.get("text", part.get("refusal"))
    if kind not in {"text", "refusal"}:
        raise UnsupportedParameter(f"agents take texts and images, and `{where}` is of type {kind!r}", param=where)
    if not isinstance(text, str):
        raise MalformedRequest(f"`{where}` needs a type and a text", param=where)
    return text


def _image(where: str, image: object) -> Image:
    """Pictures come in the request: the gateway fetches nothing from anywhere."""
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise MalformedRequest(f"`{where}.image_url` needs a `url`", param=where)
    found = _DATA_URL.fullmatch(url)
    if found is None or len(found[2]) % 4:
        raise UnsupportedParameter(
            f"`{where}` needs a data URL (data:image/png;base64,... or jpeg, gif, webp): none is fetched",
            param=where,
        )
    return Image(found[1], found[2])


def _call(where: str, call: object) -> Call:
    function = call.get("function", call.get("custom")) if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise MalformedRequest(f"`{where}.tool_calls` needs calls with an id and a function", param=where)
    arguments = function.get("arguments", function.get("input", ""))
    return Call(str(call.get("id", "")), str(function.get("name", "")), str(arguments))
