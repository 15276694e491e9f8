"""The fake is a real server: what it records and plays is held to a plain socket."""

from __future__ import annotations

import asyncio

import pytest

from tests.scripted_upstream import (
    DONE,
    STALL,
    Answer,
    Ending,
    ScriptedUpstream,
    chunk,
    completion,
    error,
    events,
    head,
    raw,
    stream,
    whole,
)

CHUNKED_POST = (
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n"
)


async def exchange(upstream: ScriptedUpstream, *requests: bytes, stop: bytes = b"") -> bytes:
    """Send the requests on one connection; everything that came until `stop` was seen or the server closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    received = b""
    try:
        writer.writelines(requests)
        async with asyncio.timeout(60):
            while data := await reader.read(65_536):
                received += data
                if stop and stop in received:
                    break
    finally:
        writer.close()
    return received


def get(path: bytes = b"/") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nhOST:  a \r\n\r\n"


async def test_requests_are_recorded_byte_for_byte_on_one_connection(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.play(whole(b"1"), whole(b"2", status=201))
    received = await exchange(scripted_upstream, CHUNKED_POST, get(b"/second"), stop=b"\r\n\r\n2")
    assert received.count(b"HTTP/1.1 20") == 2
    first, second = scripted_upstream.requests
    assert first.head + first.framed == CHUNKED_POST
    assert first.body == b"abcd"
    assert second.head == get(b"/second")
    assert (second.start, second.lines) == (b"GET /second HTTP/1.1", [b"hOST:  a "])
    assert second.values(b"Host") == [b"a"]
    assert scripted_upstream.connections == 1


async def test_a_gate_holds_the_rest_of_a_stream(scripted_upstream: ScriptedUpstream) -> None:
    gate = asyncio.Event()
    scripted_upstream.play(events(b"data: 1\n\n", gate, b"data: 2\n\n"))
    task = asyncio.create_task(exchange(scripted_upstream, get(), stop=b"0\r\n\r\n"))
    request = await scripted_upstream.request()
    assert not request.answered.is_set()
    gate.set()
    assert (await task).endswith(chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + b"0\r\n\r\n")
    await asyncio.wait_for(request.ended.wait(), 60)


async def test_an_answer_can_start_before_the_body_has_come(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.play(Answer((head([("Content-Length", "0")], 413, "Too Large"),), at_head=True))
    received = await exchange(
        scripted_upstream, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", stop=b"\r\n\r\n"
    )
    assert received.startswith(b"HTTP/1.1 413")


async def test_endings(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.play(events(b"data: 1\n\n", ending=Ending.CLOSE))
    assert (await exchange(scripted_upstream, get())).endswith(chunk(b"data: 1\n\n"))
    scripted_upstream.play(raw(b"what?"))
    assert await exchange(scripted_upstream, get()) == b"what?"
    scripted_upstream.play(raw(b"cut", ending=Ending.RESET))
    with pytest.raises(ConnectionResetError):
        await exchange(scripted_upstream, get())
    scripted_upstream.play(STALL)
    task = asyncio.create_task(exchange(scripted_upstream, get()))
    request = await scripted_upstream.request(3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(request.ended.wait(), 60)
    assert not request.answered.is_set()
    scripted_upstream.stop_listening()
    with pytest.raises(ConnectionRefusedError):
        await exchange(scripted_upstream, get())


async def test_answers_without_a_script_follow_the_request(scripted_upstream: ScriptedUpstream) -> None:
    body = b'{"stream":true,"stream_options":{"include_usage":true}}'
    posted = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    answered = await exchange(scripted_upstream, posted, body, stop=b"0\r\n\r\n")
    assert answered.endswith(chunk(DONE) + b"0\r\n\r\n")
    assert b'"choices": [], "usage"' in answered
    assert completion() in await exchange(scripted_upstream, get(), stop=completion())
    scripted_upstream.play(error(429, fields=[("Retry-After", "1")]))
    assert b"Retry-After: 1\r\n" in await exchange(scripted_upstream, get(), stop=b"}}")
    assert stream({"content": "a"}).steps


async def test_what_it_cannot_read_fails_the_test() -> None:
    upstream = ScriptedUpstream()
    await upstream.start()
    assert await exchange(upstream, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n") == b""
    with pytest.raises(ExceptionGroup, match="scripted upstream failed"):
        await upstream.close()
