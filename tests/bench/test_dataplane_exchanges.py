from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.dataplane.bodies import ANSWER, request
from bench.dataplane.client import answered
from bench.dataplane.exchanges import (
    TEXT_BYTES,
    Edited,
    Fields,
    edited,
    fields_between,
    read,
    unframed,
    unrepeated_bytes,
)
from bench.dataplane.probes import ANSWERS, REQUESTS, Answer

LONG = "The parser reads a field. " * 20


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


@given(st.binary(max_size=300), st.integers(1, 50))
def test_a_body_is_the_same_whatever_its_framing(body: bytes, size: int) -> None:
    sized = read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    framed = read(chunked(body, size))
    assert sized is not None
    assert sized == framed
    assert sized.body == body
    assert sized.status == 200


@given(st.sampled_from(sorted(REQUESTS)), st.data())
def test_the_front_of_a_message_is_none(name: str, data: st.DataObject) -> None:
    raw = request(REQUESTS[name])
    assert read(raw[: data.draw(st.integers(0, len(raw) - 1))]) is None
    message = read(raw)
    assert message is not None
    assert message.body == REQUESTS[name]


def test_more_than_a_message_is_refused() -> None:
    with pytest.raises(ValueError, match="more bytes"):
        read(request(b"{}") + b"{")


def test_an_answer_counts_with_its_bytes_or_with_its_text_in_chunks_and_not_without() -> None:
    body = ANSWER.partition(b"\r\n\r\n")[2]
    assert answered(ANSWER)
    spaced = json.dumps(json.loads(body)).encode()
    assert spaced != body
    assert answered(chunked(spaced, 100))
    assert not answered(ANSWER.replace(b"200 OK", b"400 OK", 1))
    assert not answered(ANSWER.replace(b"careful", b"CAREFUL", 1))
    assert unframed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n") == b""


def test_fields_that_are_lost_changed_or_new() -> None:
    sent = read(b"POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nConnection: keep-alive\r\n\r\n")
    there = read(b"POST / HTTP/1.1\r\nhost: b\r\na: 1\r\nB: 3\r\nVia: x\r\nContent-Length: 0\r\n\r\n")
    assert sent is not None
    assert there is not None
    assert fields_between(sent, there, (b"host",)) == Fields(lost=1, added=1)
    assert fields_between(sent, there) == Fields(lost=2, added=1)


def body_of(*texts: str, **more: object) -> bytes:
    return json.dumps({"model": "m", **more, "messages": [{"content": text} for text in texts]}).encode()


@given(st.lists(st.text(max_size=400), max_size=5))
def test_what_is_the_same_has_not_changed(texts: list[str]) -> None:
    assert edited(body_of(*texts), body_of(*texts)) == Edited(0, 0)


def test_a_long_text_may_become_another_and_nothing_else_may() -> None:
    sent = body_of("short", LONG, LONG + "b")
    assert edited(sent, body_of("short", "a line", LONG + "b")) == Edited(1, 0)
    assert edited(sent, body_of("short", "a line", "none")) == Edited(2, 0)
    assert edited(sent, body_of("SHORT", LONG, LONG + "b")) == Edited(0, len('"short"'))


def test_a_text_that_is_only_written_otherwise_counts_as_bytes() -> None:
    text = "é" * TEXT_BYTES
    sent, other = (json.dumps({"content": text}, ensure_ascii=way).encode() for way in (True, False))
    assert edited(sent, other) == Edited(0, len(json.dumps(text)))


def test_blanks_between_the_strings_are_bytes_too() -> None:
    assert edited(b'{"a":1,"b":"c"}', b'{"a": 1,"b":"c"}') == Edited(0, len(":1,"))


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_what_a_turn_repeats_of_the_last_one(front: bytes, before: bytes, after: bytes) -> None:
    lacking = unrepeated_bytes(front + before, front + after)
    assert 0 <= lacking <= len(before)
    kept = len(front + before) - lacking
    assert (front + before)[:kept] == (front + after)[:kept]
    assert not lacking or (front + before)[: kept + 1] != (front + after)[: kept + 1]


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_the_probes_are_json_that_a_writer_of_json_would_not_repeat(name: str) -> None:
    body = REQUESTS[name]
    value = json.loads(body)
    assert value["messages"][0]["role"] == "user"
    assert (value.get("stream") is True) == (name == "stream")
    if name in ("blanks", "escapes", "letters", "numbers"):
        assert json.dumps(value, separators=(",", ":")).encode() != body


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_framed_answer_has_its_payload(answer: Answer) -> None:
    message = read(answer.framed())
    assert message is not None
    assert (message.status, message.body) == (answer.status, answer.payload)
    if not answer.stream:
        json.loads(answer.payload)
