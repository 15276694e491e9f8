"""Short conversations in which only people have spoken, read in one loop: what a client asks first, and most of what is
asked without tools. All that `request.locate` would find is in each message's own role and content.

The sum of all lengths proves all places, as in `jsonscan.objects`. What is anything else (the model has spoken, a key
stands twice, white space between tokens, a content of parts) is left to the reader of every conversation.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from narrows.core.digest import part_digest
from narrows.core.edits import Span
from narrows.wire.conversation import DIGEST_FROM_BYTES
from narrows.wire.reading import STEP_BYTES
from narrows.wire.types import Located, Part, Role

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ROWS = msgspec.json.Decoder(list[dict[str, Raw]])
_SAID_BY_USER, _SAID_BY_SYSTEM, _TRUE = Raw(b'"user"'), Raw(b'"system"'), Raw(b"true")
_QUOTE = b'"'[0]
FIRST = ("tools", "functions", "response_format")
"""Members that the model reads before the messages."""
_USER = Role.USER


def read_spoken(body: bytes) -> Located | None:
    """The parts of such a conversation; None of any other. Raises nothing."""
    if len(body) >= STEP_BYTES or b'"assistant"' in body or not body.isascii():
        return None
    try:
        top = _OBJECT.decode(body)
        messages, model = top["messages"], bytes(top["model"])
        rows = _ROWS.decode(messages)
    except (msgspec.MsgspecError, RecursionError, KeyError):
        return None
    start, position = 0, 1
    places: dict[str, tuple[int, int]] = {}
    for key, raw in top.items():
        first = position + len(key) + 3
        if key == "messages":
            start = first
        elif key in FIRST:
            places[key] = first, first + len(raw)
        position = first + len(raw) + 1
    if position != len(body) or "n" in top or model[:1] != b'"' or b"\\" in model:
        return None
    parts = _parts(body, rows, start, start + len(messages))
    if parts is None:
        return None
    before = tuple([places[name] for name in FIRST if name in places]) if places else ()
    stream = top.get("stream") == _TRUE
    return Located(tuple(parts), len(rows), model[1:-1].decode(), stream, before=before, start=start)


def _parts(body: bytes, rows: list[dict[str, Raw]], start: int, stop: int) -> list[Part] | None:
    parts: list[Part] = []
    position = start + 1
    for index, row in enumerate(rows):
        first = last = 0
        position += 1
        for key, raw in row.items():
            position += len(key) + 3
            if key == "content":
                first, last = position, position + len(raw)
            position += len(raw) + 1
        position += 1
        role = row.get("role")
        if role == _SAID_BY_USER:
            if not first or body[first] != _QUOTE:
                return None
            digest = part_digest(body[first:last], _USER, b"") if last - first >= DIGEST_FROM_BYTES else None
            parts.append(Part(f"/messages/{index}/content", index, _USER, Span(first, last), None, None, digest))
        elif role != _SAID_BY_SYSTEM:
            return None
    return parts if position == stop and rows else None
