"""Conversations as clients send them: the whole of it again on every turn, each message the same bytes.

Messages stand before everything else that can follow them, so that stability is one comparison: a forwarded request
without its tail must be the beginning of the next one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

_SENT_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id")


@dataclass(frozen=True)
class Conversation:
    """`messages` as they are written in each request, and what stands behind the array."""

    name: str
    roles: tuple[str, ...]
    messages: tuple[bytes, ...]
    tools: bytes | None = None

    @cached_property
    def turns(self) -> tuple[int, ...]:
        """How many messages each request holds: all before an answer of the model, and at the end all."""
        answers = [index for index, role in enumerate(self.roles) if role == "assistant" and index]
        return (*answers, len(self.messages))

    @property
    def tail(self) -> bytes:
        return b"]" + (b',"tools":' + self.tools if self.tools else b"") + b',"stream":false}'

    def request(self, count: int, appended: Sequence[bytes] = ()) -> bytes:
        """The body that sends the first `count` messages, and then these."""
        return b'{"model":"gpt-4o","messages":[' + b",".join([*self.messages[:count], *appended]) + self.tail


def conversation(name: str, messages: Sequence[dict[str, Any]], tools: Any = None) -> Conversation:
    written = [{key: message[key] for key in _SENT_FIELDS if key in message} for message in messages]
    return Conversation(
        name,
        tuple(str(message["role"]) for message in written),
        tuple(json.dumps(message, separators=(",", ":")).encode() for message in written),
        json.dumps(tools).encode() if tools else None,
    )


def recorded(corpus: Path) -> Iterator[Conversation]:
    """Every conversation of the corpus."""
    folder = corpus / "conversations"
    airline = json.loads((folder / "tau-airline" / "tools.airline.json").read_bytes())
    for number, line in enumerate((folder / "tau-airline" / "conversations.jsonl").read_bytes().splitlines()):
        yield conversation(f"tau-airline/{number}", json.loads(line)["messages"], airline)
    for number, line in enumerate((folder / "toolbench" / "conversations.jsonl").read_bytes().splitlines()):
        held = json.loads(line)
        yield conversation(f"toolbench/{number}", held["messages"], held["tools"])
    for number, path in enumerate(sorted((folder / "swe-agent").rglob("*.traj"))):
        history = json.loads(path.read_bytes())["history"]
        yield conversation(f"swe-agent/{number}", [_as_sent(message) for message in history])


def _as_sent(message: dict[str, Any]) -> dict[str, Any]:
    """A message of a trajectory, as its agent sends it: the id of a tool's call is kept in a list there."""
    calls = message.get("tool_call_ids") or []
    sent = {key: value for key, value in message.items() if value is not None or key == "content"}
    return sent | ({"tool_call_id": calls[0]} if message["role"] == "tool" and calls else {})


def made(corpus: Path, outputs_each: int = 5, most_bytes: int = 40_000) -> Iterator[Conversation]:
    """Conversations whose tool outputs are the corpus's logs, searches, diffs and API answers: more edits than the
    recorded ones have."""
    outputs: list[tuple[str, str]] = []
    for folder, command in (("logs/out", "make"), ("search/out", "rg"), ("diffs/out", "git"), ("json", "curl")):
        fitting = [path for path in sorted((corpus / folder).rglob("*.*")) if 1_000 < path.stat().st_size < most_bytes]
        chosen = fitting[:: max(1, len(fitting) // 15)]
        outputs += [(command, path.read_bytes().decode("utf-8", "replace")) for path in chosen]
    for start in range(0, len(outputs), outputs_each):
        messages: list[dict[str, Any]] = [{"role": "user", "content": "Go on."}]
        for number, (command, text) in enumerate(outputs[start : start + outputs_each]):
            call = {"name": "bash", "arguments": json.dumps({"command": command})}
            calls = [{"id": f"call_{number}", "type": "function", "function": call}]
            messages.append({"role": "assistant", "content": None, "tool_calls": calls})
            messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": text})
        yield conversation(f"made/{start}", messages)


class RawClient:
    """Sends exact bytes on one kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host.encode()

    @classmethod
    async def to(cls, base_url: str) -> Self:
        host = base_url.removeprefix("http://")
        name, _, port = host.partition(":")
        return cls(*await asyncio.open_connection(name, int(port)), host)

    async def post(self, body: bytes, label: str, path: bytes = b"/v1/chat/completions") -> tuple[int, bytes]:
        """Status and body of the answer; `label` travels in a field that the upstream can tell requests by."""
        fields = b"Host: %s\r\nContent-Type: application/json\r\nX-Label: %s\r\n" % (self._host, label.encode())
        self._writer.write(b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (path, fields, len(body)))
        self._writer.write(body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        return int(head[9:12]), await self._reader.readexactly(int(lengths[0]))

    def close(self) -> None:
        self._writer.close()
