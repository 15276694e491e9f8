"""Reads a whole completion of the usual shape in one step: what the observer would say of it, at a fifth of the cost.

A type says what is usual: one choice, texts and counts of the types that the API's reference gives them. Where more is
counted than that (what it cost, say, as some servers tell), the counts are read as the observer reads them, and so is
all else that stands there: a second type, tried after the first, as it takes longer. What fits neither, or comes near
one of the observer's bounds, is left to the observer; so there is one understanding of odd answers, and this is none of
its own (a law compares the two). Members that the observer skips are skipped here, and no others: a value that is only
skipped may be one that cannot be read.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from narrows.wire.openai_chat.chunks import usage_in
from narrows.wire.types import Choice, ObservedToolCall, ResponseRecord, Usage

MAX_BODY_BYTES = 64 << 10
"""Less than the observer keeps of an answer's texts."""

_Count = Annotated[int, Meta(ge=0)]
_Name = Annotated[str, Meta(max_length=256)]
"""As long as the observer keeps a name."""


class _Cached(Struct, gc=False, forbid_unknown_fields=True):
    cached_tokens: _Count | None = None
    audio_tokens: Any = None


class _Reasoning(Struct, gc=False, forbid_unknown_fields=True):
    reasoning_tokens: _Count | None = None
    audio_tokens: Any = None
    accepted_prediction_tokens: Any = None
    rejected_prediction_tokens: Any = None


class _Usage(Struct, gc=False, forbid_unknown_fields=True):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    total_tokens: _Count | None = None
    prompt_tokens_details: _Cached | None = None
    completion_tokens_details: _Reasoning | None = None
    prompt_cache_hit_tokens: None = None
    reasoning_tokens: None = None


class _Function(Struct, gc=False):
    name: _Name
    arguments: str


class _Call(Struct, gc=False):
    id: Annotated[str, Meta(min_length=1, max_length=256)]
    function: _Function
    index: None = None
    custom: None = None


class _Message(Struct, gc=False):
    role: _Name | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[_Call], Meta(max_length=64)] | None = None
    reasoning_content: None = None
    reasoning: None = None
    function_call: None = None


class _Choice(Struct, gc=False):
    index: int
    message: _Message
    finish_reason: _Name | None = None
    delta: None = None


class _Said(Struct, gc=False):
    choices: tuple[_Choice]
    id: _Name | None = None
    model: _Name | None = None
    x_groq: None = None
    error: None = None
    code: None = None
    type: None = None


class _Completion(_Said, gc=False):
    usage: _Usage | None = None


class _MoreCounted(_Said, gc=False):
    usage: dict[str, Any] | None = None


_USUAL = msgspec.json.Decoder(_Completion)
_MORE_COUNTED = msgspec.json.Decoder(_MoreCounted)


def read_whole(body: bytes) -> ResponseRecord | None:
    """The record of a whole body; None where the observer has to be asked. Raises nothing."""
    if len(body) > MAX_BODY_BYTES:
        return None
    found = _decoded(body)
    if found is None:
        return None
    (choice,) = found.choices
    message = choice.message
    calls: tuple[ObservedToolCall, ...] = ()
    if message.tool_calls:
        calls = tuple(
            [ObservedToolCall(one.id, one.function.name, one.function.arguments) for one in message.tool_calls]
        )
        if len({one.id for one in calls}) < len(calls):
            return None
    usage = _counts(found.usage)
    said = Choice(
        choice.index,
        message.role or "",
        message.content or "",
        "",
        message.refusal or "",
        calls,
        choice.finish_reason or None,
    )
    return ResponseRecord(found.id or None, found.model or None, (said,), usage, 0 if usage is None else 1, 0, True)


def _decoded(body: bytes) -> _Completion | _MoreCounted | None:
    try:
        return _USUAL.decode(body)
    except msgspec.ValidationError:
        pass
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    try:
        return _MORE_COUNTED.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _counts(counted: _Usage | dict[str, Any] | None) -> Usage | None:
    if counted is None or isinstance(counted, dict):
        return None if counted is None else usage_in(counted)
    cached, reasoned = counted.prompt_tokens_details, counted.completion_tokens_details
    return Usage(
        counted.prompt_tokens,
        counted.completion_tokens,
        counted.total_tokens,
        None if cached is None else cached.cached_tokens,
        None if reasoned is None else reasoned.reasoning_tokens,
    )
