"""What the model was really sent, read from the tap: was it an extension of the turn before, and what was edited."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from narrows.core import jsonscan


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One turn as it arrived. `extends_previous`: every message of the turn before is here, byte for byte, in its place
    (None for the first turn). `edit` says what the newest tool output became; empty where it arrived as sent."""

    extends_previous: bool | None
    edit: str
    edited_parts: int


def compare(sent: list[dict[str, Any]], body: bytes, previous_body: bytes | None) -> Forwarded:
    """Hold a request body that arrived against the messages the client sent and the body of the turn before."""
    arrived = json.loads(body)["messages"]
    edited = [index for index, message in enumerate(arrived) if message["content"] != sent[index]["content"]]
    newest = len(sent) - 1
    return Forwarded(
        extends_previous=None if previous_body is None else _extends(previous_body, body),
        edit=_describe(sent[newest]["content"], arrived[newest]["content"]) if newest in edited else "",
        edited_parts=len(edited),
    )


def _extends(previous_body: bytes, body: bytes) -> bool:
    before = _messages(previous_body)
    return _messages(body)[: len(before)] == before


def _messages(body: bytes) -> list[bytes]:
    """Each message's own bytes."""
    fields = {key: (start, stop) for key, start, stop in jsonscan.document(body)}
    return [body[start:stop] for start, stop in jsonscan.elements(body, *fields["messages"])]


def _describe(sent: str, arrived: str) -> str:
    head_line = arrived.split("\n", 1)[0]
    return f"{len(sent.encode()):,} to {len(arrived.encode()):,} bytes: {head_line}"
