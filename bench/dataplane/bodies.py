"""The bytes that go both ways: requests of an agent as an official SDK sends them, and what a model answers.

Conversations are made by the rules of `bench.planning`, a `number` of each, so that no two of them share a long text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.planning import Message, build, listing, patch, source

MODEL = "gpt-4o"
CLIENT_KEY = "sk-loopback-3f9a61c27be8045d9e1c7b20a4d85f63"
"""What clients authenticate by; it opens nothing."""

_REQUEST_FIELDS = (
    "Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 2.8.0\r\n"
    f"Authorization: Bearer {CLIENT_KEY}\r\nX-Stainless-Lang: python\r\n"
    "X-Stainless-Package-Version: 2.8.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n"
    "X-Stainless-Runtime: CPython\r\nX-Stainless-Retry-Count: 0\r\n"
)
_ANSWER_FIELDS = (
    "HTTP/1.1 200 OK\r\nDate: Sat, 01 Nov 2025 08:00:00 GMT\r\nServer: bench\r\n"
    "openai-processing-ms: 312\r\nopenai-version: 2020-10-01\r\nx-request-id: req_0123456789abcdef\r\n"
)


def request(body: bytes) -> bytes:
    """A whole request with this body."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench.test\r\n{_REQUEST_FIELDS}Content-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def ping() -> bytes:
    """A request that every proxy of ours answers by itself."""
    return b"GET /healthz HTTP/1.1\r\nHost: bench.test\r\n\r\n"


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def chat(messages: list[Message], **more: Any) -> bytes:
    """A request for `messages`."""
    return request(_dumped({"model": MODEL, **more, "messages": messages}))


def _words(count: int, number: int) -> str:
    """Prose of a kind: no two words of a sentence are a pattern that anything would shorten."""
    words = ("reads", "the", "parser", "then", "a", "careful", "engineer", "asks", "whether", "each", "field", "holds")
    return " ".join(f"{words[(i * 7 + number) % 12]}{'' if i % 9 else f' {number + i}.'}" for i in range(count))


def small(*, stream: bool = False) -> bytes:
    """A request of about 1 KB, in which no text is long enough to be looked at."""
    messages: list[Message] = [
        {"role": "system", "content": _words(110, 1)},
        {"role": "user", "content": _words(42, 2)},
    ]
    return chat(messages, stream=True) if stream else chat(messages)


def _found(size: int, seed: int) -> str:
    """What ripgrep prints: a file's matches together, of about `size` bytes."""
    places = (f"src/part_{i // 9 * seed % 23}/module_{seed}_{i // 9}.py:{i * 7 % 900 + 1}" for i in range(size // 66))
    rows = [f"{place}:    return self.read_head(buffer, {number})" for number, place in enumerate(places)]
    return "\n".join(sorted(rows, key=lambda row: row.partition(":")[0]))


@dataclass(frozen=True)
class Kind:
    """A kind of tool output: the command that prints it, and what makes such a text of about a size."""

    name: str
    command: str
    make: Callable[[int, int], str]

    def text(self, size: int, seed: int) -> str:
        """A text of nearly `size` bytes; `seed` makes it another."""
        drawn = self.make(size, seed)
        return self.make(size * size // len(drawn), seed)


JSON = Kind("json", "gh pr list --json id,title", listing)
LOG = Kind("log", "make -j8", build)
SEARCH = Kind("search", "rg -n read_head src", _found)
SOURCE = Kind("source", "cat src/head.py", source)
DIFF = Kind("diff", "git diff", patch)
KINDS = (JSON, LOG, SEARCH, SOURCE, DIFF)
SHORTENED = (JSON, LOG, SEARCH, DIFF)


def session(number: int, turns: int, tool_bytes: int, kinds: Sequence[Kind] = KINDS) -> list[Message]:
    """A coding agent's conversation so far, its tool outputs of the kinds in turn."""
    messages: list[Message] = [
        {"role": "system", "content": "You are a careful engineer. Read before you change. " * 60},
        {"role": "user", "content": f"The build of module_{number} fails. Find out why and repair it."},
    ]
    for turn in range(turns):
        kind = kinds[turn % len(kinds)]
        output = kind.text(tool_bytes, number * 1_009 + turn + 1)
        messages += called(f"call_{number}_{turn}", kind.command, output)
    return messages


def called(identity: str, command: str, output: str) -> list[Message]:
    """A tool's call and its output."""
    arguments = json.dumps({"command": command, "id": identity})
    call = {"id": identity, "type": "function", "function": {"name": "bash", "arguments": arguments}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": identity, "content": output},
    ]


def turns_of(base: list[Message], count: int) -> list[bytes]:
    """`count` requests, each the one before with a short answer and a short question more."""
    requests, messages = [], list(base)
    for turn in range(count):
        requests.append(chat(messages))
        messages += [
            {"role": "assistant", "content": f"Repaired, attempt {turn}."},
            {"role": "user", "content": f"Run it again ({turn})."},
        ]
    return requests


def first_time(number: int, tool_bytes: int, other_bytes: int) -> tuple[str, bytes]:
    """The kind of its new tool output, and a request that nothing has seen before: source that an agent wrote down
    itself, and one tool output."""
    kind = SHORTENED[number % len(SHORTENED)]
    messages: list[Message] = [{"role": "user", "content": f"Repair module_{number}."}]
    for part in range(10):
        messages.append({"role": "assistant", "content": SOURCE.text(other_bytes // 10, number * 10 + part)})
        messages.append({"role": "user", "content": f"Go on with step {part}."})
    return kind.name, chat(messages + called(f"call_{number}", kind.command, kind.text(tool_bytes, 1 + number)))


ANSWER_TEXT = _words(122, 3)


def _answer() -> bytes:
    message = {"role": "assistant", "content": ANSWER_TEXT}
    usage = {"prompt_tokens": 212, "completion_tokens": 98, "total_tokens": 310}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    named = {"id": "chatcmpl-0123456789", "object": "chat.completion", "created": 1_760_000_000, "model": MODEL}
    body = _dumped({**named, "choices": choices, "usage": {**usage, "prompt_tokens_details": {"cached_tokens": 128}}})
    head = f"{_ANSWER_FIELDS}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    named = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": MODEL}
    event = {**named, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + _dumped(event) + b"\n\n"


def _framed(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


MARK = b"@"
"""Stands before the stamp of a chunk, and nowhere else in a stream."""
STAMP_DIGITS = 16

ANSWER = _answer()
STREAM_HEAD = (_ANSWER_FIELDS + "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
LAST_CHUNK = _framed(_event({}, "stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n"
_CHUNK = _framed(_event({"role": "assistant", "content": " and@" + "0" * STAMP_DIGITS}, None))
_STAMP_AT = _CHUNK.index(MARK) + 1


def chunk(now_s: float) -> bytes:
    """One chunk of a stream, with the moment it is sent."""
    return b"%b%016.6f%b" % (_CHUNK[:_STAMP_AT], now_s, _CHUNK[_STAMP_AT + STAMP_DIGITS :])
