"""Recorded streams through the running gateway: the client receives the upstream's bytes, framing included, however
they are cut into pieces; and the gateway's record says what the recording holds."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gateways import exchanges
from tests.scripted_upstream import (
    EVENT_STREAM,
    LAST_CHUNK,
    Answer,
    Ending,
    ScriptedUpstream,
    Step,
    chunk,
    events,
    head,
    in_pieces,
)

REQUEST = b'{"model":"gpt-4o","messages":[],"stream":true}'
SMALL_BYTES = 6_000


def recordings(corpus: Path) -> list[Path]:
    found = sorted((corpus / "streams" / "chat").rglob("*.sse"))
    assert len(found) == 46
    return found


def framed(steps: Sequence[Step]) -> bytes:
    """The chunked body that `events` makes of these steps."""
    return b"".join(chunk(step) for step in steps if isinstance(step, bytes)) + LAST_CHUNK


async def ask(gateway: str) -> tuple[bytes, bytes]:
    """Head and body of the answer, as they came off the wire; the request asks for the connection to close."""
    name, _, port = gateway.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    fields = b"Host: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(REQUEST)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\n" + fields + REQUEST)
    received = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    answer_head, _, body = received.partition(b"\r\n\r\n")
    return answer_head, body


def frames(data: bytes) -> Iterator[bytes]:
    """One piece an event, as servers write them."""
    for piece in data.replace(b"\n\n", b"\n\n\0").split(b"\0"):
        if piece:
            yield piece


@pytest.mark.parametrize("cut", ["whole", "event by event", "mid-event"])
async def test_every_recorded_stream_arrives_as_it_was_sent(
    corpus: Path, scripted_upstream: ScriptedUpstream, gateway: str, cut: str
) -> None:
    for path in recordings(corpus):
        data = path.read_bytes()
        pieces = {"whole": [data], "event by event": list(frames(data)), "mid-event": list(in_pieces(data, 1_013))}[cut]
        scripted_upstream.play(events(*pieces))
        answer_head, body = await ask(gateway)
        assert b"transfer-encoding: chunked" in answer_head.lower()
        assert body == framed(pieces), path.name


async def test_streams_cut_at_every_byte(corpus: Path, scripted_upstream: ScriptedUpstream, gateway: str) -> None:
    """Each byte its own chunk, and the event loop between them, so that reads end anywhere."""
    small = [path for path in recordings(corpus) if path.stat().st_size < SMALL_BYTES][:6]
    assert len(small) == 6
    for path in small:
        steps: list[Step] = []
        for number, byte in enumerate(in_pieces(path.read_bytes(), 1)):
            steps += [byte] if number % 16 else [byte, 0.0]
        scripted_upstream.play(events(*steps))
        _, body = await ask(gateway)
        assert body == framed(steps), path.name


@pytest.mark.parametrize("framing", ["sized", "until close", "cut", "gzip"])
async def test_other_framings(corpus: Path, scripted_upstream: ScriptedUpstream, gateway: str, framing: str) -> None:
    data = recordings(corpus)[0].read_bytes()
    whole = head([*EVENT_STREAM, ("Content-Length", str(len(data)))]) + data
    coded = gzip.compress(data, mtime=0)
    played, expected = {
        "sized": (Answer((whole,)), data),
        "until close": (Answer((head(EVENT_STREAM) + data[:100], data[100:]), Ending.CLOSE), data),
        "cut": (events(data[:1_000], ending=Ending.CLOSE), chunk(data[:1_000])),
        "gzip": (events(coded, fields=[*EVENT_STREAM, ("Content-Encoding", "gzip")]), framed([coded])),
    }[framing]
    scripted_upstream.play(played)
    answer_head, body = await ask(gateway)
    assert answer_head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n")
    assert body == expected
    newest = (await exchanges(gateway))[0]
    assert newest["outcome"] == ("truncated" if framing == "cut" else "answered")
    assert newest["response"]["done"] is (framing != "cut")


async def test_the_records_say_what_the_recordings_hold(
    corpus: Path, scripted_upstream: ScriptedUpstream, gateway: str
) -> None:
    for path in recordings(corpus):
        scripted_upstream.play(events(*in_pieces(path.read_bytes(), 4_001)))
        await ask(gateway)
        expected = json.loads(path.with_suffix(".expected.json").read_bytes())["expected"]
        found = (await exchanges(gateway))[0]["response"]
        assert figures_of(found) == figures_expected(expected), path.name


def figures_of(found: dict[str, Any]) -> dict[str, Any]:
    names = ("choices", "text_chars", "reasoning_chars", "refusal_chars", "tool_calls", "chunks", "done", "unparsed")
    return {name: found[name] for name in names} | {
        "finish_reasons": found.get("gen_ai.response.finish_reasons", []),
        "input_tokens": found.get("gen_ai.usage.input_tokens"),
        "output_tokens": found.get("gen_ai.usage.output_tokens"),
        "dropped": found.get("dropped"),
    }


def figures_expected(expected: dict[str, Any]) -> dict[str, Any]:
    choices = list(expected["choices"].values())
    usage = expected["usage"] or {}
    return {
        "choices": len(choices),
        "text_chars": sum(len(choice["text"]) for choice in choices),
        "reasoning_chars": sum(len(choice["reasoning"]) for choice in choices),
        "refusal_chars": sum(len(choice["refusal"]) for choice in choices),
        "tool_calls": sum(len(choice["tool_calls"]) for choice in choices),
        "chunks": expected["chunks"],
        "done": expected["done"],
        "unparsed": expected["unparsed"],
        "finish_reasons": [choice["finish_reason"] for choice in choices if choice["finish_reason"]],
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
        "dropped": None,
    }
