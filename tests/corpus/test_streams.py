"""The recorded streams: at every cut the record, and the counts, are what a separate reading of the whole found."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from narrows.core.http1 import parse_response_head
from narrows.server.observing import ResponseTee
from narrows.wire.openai_chat import WIRE
from narrows.wire.registry import wire_named
from narrows.wire.types import ResponseRecord, Usage
from tests.conftest import CORPUS
from tests.core.event_streams import cut, decoded, single_bytes

FILES = sorted((CORPUS / "streams").glob("*/*/*.sse"))
CHAT_FILES = [path for path in FILES if path.parts[-3] == "chat"]
HEAD = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"POST")
MAX_EVENT_BYTES = 4 << 20

QUIRKS = {"calls with different ids share one index; the expectation follows the index literally"}
"""What sidecars say of provider faults. This one is our rule too: the index decides, and the first id stands."""


def named(path: Path) -> str:
    return f"{path.parts[-3]}/{path.stem}"


def sidecar(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.with_suffix(".expected.json").read_bytes())
    return loaded


def cuts_of(stream: bytes, name: str) -> list[Sequence[bytes]]:
    """Whole, byte by byte, and cut at random, the same each time."""
    chance = random.Random(name)
    at_random = [cut(stream, chance.sample(range(len(stream)), count)) for count in (1, 5, min(200, len(stream)))]
    return [[stream], single_bytes(stream), *at_random]


def test_the_corpus_is_all_here(corpus: Path) -> None:
    assert len(FILES) == 119, corpus
    assert len(CHAT_FILES) == 46


@pytest.mark.parametrize("path", CHAT_FILES, ids=named)
def test_a_chat_stream_at_every_cut(path: Path) -> None:
    stream, expected = path.read_bytes(), sidecar(path)["expected"]
    assert expected.get("quirk") in QUIRKS | {None}
    for pieces in cuts_of(stream, path.stem):
        tee = ResponseTee(WIRE, HEAD, strict=True)
        for piece in pieces:
            tee.receive_data(piece)
        assert comparable(tee.finish()) == wanted(expected)


WIRES = {"responses": "openai_responses", "anthropic": "anthropic", "gemini": "gemini"}
TOLD_OTHERWISE = {
    "azure--azure-reasoning-encrypted-content.1": "the file holds two answers one after the other; we read the first",
    "open-responses--lmstudio-tool-call.1": "the arguments come with the finished item, and the sidecar adds deltas",
}


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[-3] in WIRES], ids=named)
def test_a_stream_of_another_wire_at_every_cut(path: Path) -> None:
    stream, expected = path.read_bytes(), sidecar(path)["expected"]
    wire = wire_named(WIRES[path.parts[-3]])
    records = []
    for pieces in cuts_of(stream, path.stem):
        tee = ResponseTee(wire, HEAD, strict=True)
        for piece in pieces:
            tee.receive_data(piece)
        records.append(tee.finish())
    record = records[0]
    assert record is not None
    assert records == [record] * len(records)
    assert (record.done, record.unparsed, record.dropped, record.errors) == (True, 0, None, ())
    if path.stem not in TOLD_OTHERWISE:
        assert told(record) == TELLS[path.parts[-3]](expected)


def told(record: ResponseRecord) -> dict[str, Any]:
    (choice,) = record.choices
    usage = record.usage
    assert usage is not None
    return {
        "id": record.id,
        "model": record.model,
        "text": choice.text,
        "finish": choice.finish_reason,
        "calls": [(call.name, json.loads(call.arguments or "{}")) for call in choice.tool_calls],
        "tokens": (usage.input_tokens, usage.output_tokens, usage.cached_tokens),
    }


def responses_tells(expected: dict[str, Any]) -> dict[str, Any]:
    usage = expected["usage"]
    return {
        "id": expected["id"],
        "model": expected["model"],
        "text": expected["text"],
        "finish": expected["status"],
        "calls": [(call["name"], json.loads(call["arguments"])) for call in expected["function_calls"]],
        "tokens": (usage["input_tokens"], usage["output_tokens"], usage["input_tokens_details"]["cached_tokens"]),
    }


def anthropic_tells(expected: dict[str, Any]) -> dict[str, Any]:
    usage, uses = expected["usage"], expected["tool_uses"]
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    return {
        "id": expected["id"],
        "model": expected["model"],
        "text": expected["text"],
        "finish": expected["stop_reason"],
        "calls": [(call["name"], json.loads(call["input_json"])) for call in uses if call["type"] == "tool_use"],
        "tokens": (usage["input_tokens"] + (read or 0) + (written or 0), usage["output_tokens"], read),
    }


def gemini_tells(expected: dict[str, Any]) -> dict[str, Any]:
    usage = expected["usage"]
    prompt = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
    output = usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
    calls = [call for call in expected["function_calls"] if call["name"]]
    return {
        "id": expected["response_id"],
        "model": expected["model"],
        "text": expected["text"],
        "finish": expected["finish_reason"],
        "calls": [(call["name"], ANY if call["args"] is None else call["args"]) for call in calls],
        "tokens": (prompt, output, usage.get("cachedContentTokenCount")),
    }


TELLS = {"responses": responses_tells, "anthropic": anthropic_tells, "gemini": gemini_tells}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_the_events_of_every_protocol_at_every_cut(path: Path) -> None:
    stream, expected = path.read_bytes(), sidecar(path)
    for pieces in cuts_of(stream, path.stem):
        reading = decoded(pieces, MAX_EVENT_BYTES)
        assert len(reading.events) == expected["events"]
        assert reading.comments == expected["comment_lines"]
        assert reading.unterminated == expected["unterminated_tail"]
        assert reading.skipped == 0


def comparable(record: ResponseRecord | None) -> dict[str, Any]:
    """A record with the sidecar's names."""
    assert record is not None
    return {
        "id": record.id,
        "model": record.model,
        "choices": {
            str(choice.index): {
                "role": choice.role or None,
                "text": choice.text,
                "reasoning": choice.reasoning,
                "refusal": choice.refusal,
                "tool_calls": [
                    {"id": call.id, "name": call.name, "arguments": call.arguments} for call in choice.tool_calls
                ],
                "finish_reason": choice.finish_reason,
            }
            for choice in record.choices
        },
        "usage": record.usage,
        "usage_seen_in_chunks": record.usage_seen,
        "chunks": record.chunks,
        "done": record.done,
        "errors": list(record.errors),
        "unparsed": record.unparsed,
        "dropped": record.dropped,
    }


def wanted(expected: dict[str, Any]) -> dict[str, Any]:
    """A sidecar's expectation; its usage object, as the provider sent it, becomes the figures that we keep."""
    usage = expected["usage"]
    prompt, completion = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    figures = Usage(
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        total_tokens=usage.get("total_tokens"),
        cached_tokens=prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens")),
        reasoning_tokens=completion.get("reasoning_tokens", usage.get("reasoning_tokens")),
    )
    return {**{key: value for key, value in expected.items() if key != "quirk"}, "usage": figures, "dropped": None}
