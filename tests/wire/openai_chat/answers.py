"""Answers to test with: streams of chat chunks in every dialect, as bytes, and as the observer's record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from narrows.wire.openai_chat.response import observer
from narrows.wire.types import Choice, ResponseRecord
from tests.wire.counting import assert_counted_alike, record_of

STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"
DONE = b"data: [DONE]\n\n"


def frame(value: object, line_end: str = "\n") -> bytes:
    """One event that carries `value`."""
    return f"data: {json.dumps(value, ensure_ascii=False)}{line_end}{line_end}".encode()


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **fields: Any
) -> dict[str, Any]:
    """A chunk of one choice, as OpenAI sends it."""
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice], **fields}


def call(**fields: Any) -> dict[str, Any]:
    """A delta of one tool call; `name` and `arguments` go into its function."""
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return {"tool_calls": [{**fields, "function": function}]}


def stream_of(*chunks: object, done: bool = True) -> bytes:
    """A whole stream."""
    return b"".join(map(frame, chunks)) + (DONE if done else b"")


def observed(pieces: bytes | Sequence[bytes], content_type: str = STREAM) -> ResponseRecord:
    """What the observer makes of an answer that comes in these pieces."""
    cut = [pieces] if isinstance(pieces, bytes) else pieces
    record = record_of(observer(content_type), cut)
    assert_counted_alike(record, record_of(observer(content_type, texts=False), cut))
    return record


def only_choice(record: ResponseRecord) -> Choice:
    """The choice of an answer that has one."""
    (choice,) = record.choices
    return choice


_texts = st.sampled_from(["", "a", "né", "漢字", "🎉", "\n", '"', "{}", "data: x\n\n", "\u2028"])
_odd: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-1, 3) | _texts | st.just([]) | st.just({})
_parts = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["text", "thinking"]), "text": _texts})
    | st.fixed_dictionaries({"type": st.just("thinking"), "thinking": _texts})
    | _odd,
    max_size=2,
)
_functions = st.fixed_dictionaries({}, optional={"name": _texts | _odd, "arguments": _texts | _odd})
_calls = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | st.none(),
        "id": st.sampled_from(["", "call_1", "call_2"]) | st.none(),
        "function": _functions | st.none(),
        "custom": st.fixed_dictionaries({"name": _texts, "input": _texts}),
    },
)
_deltas = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", "", None]),
        "content": _texts | _parts | _odd,
        "reasoning_content": _texts | st.none(),
        "reasoning": _texts | st.none(),
        "refusal": _texts | st.none(),
        "tool_calls": st.lists(_calls, max_size=2) | st.none(),
        "function_call": _functions,
        "unknown": _odd,
    },
)
_counts = st.integers(-1, 10**6) | st.none() | st.just("12")
_usages = st.fixed_dictionaries(
    {"prompt_tokens": _counts, "completion_tokens": _counts},
    optional={
        "prompt_tokens_details": st.fixed_dictionaries({"cached_tokens": _counts}) | _odd,
        "completion_tokens_details": st.fixed_dictionaries({"reasoning_tokens": _counts}) | _odd,
    },
)
_choices = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | st.none(),
        "delta": _deltas | st.none(),
        "message": _deltas,
        "finish_reason": st.sampled_from(["stop", "tool_calls", "", None, 7]),
    },
)
chunks = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["chatcmpl-1", "chatcmpl-2", "", None]),
        "model": st.sampled_from(["gpt-4o", "other", None]),
        "choices": st.lists(_choices, max_size=2) | st.none(),
        "usage": _usages | _odd,
        "x_groq": st.fixed_dictionaries({"usage": _usages}) | _odd,
        "error": st.fixed_dictionaries({"code": _odd, "type": _odd, "message": _texts}) | _odd,
    },
)
"""Chunks in any dialect, sane or not."""

_line_ends = st.sampled_from(["\n", "\r\n", "\r"])
_plain_chunks = st.builds(lambda text, index: chunk({"content": text}, index=index), _texts, st.integers(0, 1))
_frames = st.builds(frame, _plain_chunks | chunks, _line_ends) | st.sampled_from(
    [
        b": OPENROUTER PROCESSING\n\n",
        DONE,
        b"data: {\n\n",
        b"event: error\n",
        b"id: 1\n\n",
        b"data: [1]\ndata: \n\n",
        b"\n",
    ]
)
streams = st.lists(_frames, max_size=8).map(b"".join)
"""Streams of them, with comments, nonsense and ends in the middle."""

bodies = chunks.map(lambda value: json.dumps(value, indent=1).encode()) | st.sampled_from(
    [b"", b" \n", b"<html>", b"{", b"null"]
)
"""Whole bodies."""
