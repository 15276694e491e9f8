"""The shape of answers, as far as the observer reads it: whole completions, stream chunks and error objects.

Only the containers are typed. A leaf may be anything, because the servers that speak this format disagree on nulls and
types, and one odd leaf must not cost the rest of its event. Unknown keys are skipped without being built.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct

from narrows.wire.answers import counts_of
from narrows.wire.types import Usage


class Function(Struct, frozen=True, gc=False):
    """`function` of a tool call, or the older `function_call`."""

    name: Any = None
    arguments: Any = None


class CustomTool(Struct, frozen=True, gc=False):
    """`custom` of a tool call: free text instead of JSON arguments."""

    name: Any = None
    input: Any = None


class ToolCallDelta(Struct, frozen=True, gc=False):
    """A tool call, whole or in part."""

    index: Any = None
    id: Any = None
    function: Function | None = None
    custom: CustomTool | None = None


class Delta(Struct, frozen=True, gc=False):
    """A message or a part of one."""

    role: Any = None
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: Function | None = None


class ChoiceDelta(Struct, frozen=True, gc=False):
    """A choice: with `delta` in a stream, with `message` in a whole completion."""

    index: Any = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None


class Chunk(Struct, frozen=True, gc=False):
    """The top level."""

    id: Any = None
    model: Any = None
    choices: list[ChoiceDelta] | None = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None
    code: Any = None
    type: Any = None


_DECODER = msgspec.json.Decoder(Chunk)


def parse(data: bytes) -> Chunk | None:
    """The object in `data`; None where it is no JSON object of this shape.

    What the strict decoder refuses gets a second reading by the standard library's, as most clients do it: halves of
    surrogate pairs, cut apart by a server between two chunks, and NaN among log probabilities are accepted there.
    """
    try:
        return _DECODER.decode(data)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return None
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return msgspec.convert(json.loads(data), Chunk)
    except (ValueError, RecursionError):
        return None


def read_usage(chunk: Chunk) -> Usage | None:
    """The figures in a chunk's `usage`, or in its `x_groq`."""
    usage = chunk.usage
    if not isinstance(usage, dict):
        usage = chunk.x_groq.get("usage") if isinstance(chunk.x_groq, dict) else None
        if not isinstance(usage, dict):
            return None
    return usage_in(usage)


def usage_in(usage: dict[str, Any]) -> Usage:
    """The figures in a `usage`; the last two stand in other places with some servers."""
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = prompt.get("cached_tokens") if isinstance(prompt, dict) else None
    reasoning = completion.get("reasoning_tokens") if isinstance(completion, dict) else None
    said = (
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        usage.get("total_tokens"),
        usage.get("prompt_cache_hit_tokens") if cached is None else cached,
        usage.get("reasoning_tokens") if reasoning is None else reasoning,
    )
    return Usage(*counts_of(said))


def error_name(chunk: Chunk) -> str:
    """An error's code, else its type, else just `error`: a name to count by. The message stays unread: it may quote."""
    error = chunk.error
    found = (error.get("code"), error.get("type")) if isinstance(error, dict) else (chunk.code, chunk.type)
    for name in found:
        if isinstance(name, str | int) and not isinstance(name, bool) and str(name):
            return str(name)
    return "error"


def texts_of(content: Any) -> tuple[str, str]:
    """Text and reasoning in a `content`: a string, or a list of parts, where Mistral puts `thinking` parts too."""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list):
        return "", ""
    text, reasoning = [], []
    for part in content:
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("text"), str):
            text.append(part["text"])
        elif part.get("type") == "thinking":
            reasoning.append(texts_of(part.get("thinking"))[0])
    return "".join(text), "".join(reasoning)
