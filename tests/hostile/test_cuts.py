"""Answers and requests cut at every byte: a cut is never an end, and nothing is held afterwards (see `stage`)."""

from __future__ import annotations

import asyncio

import pytest

from tests.raw_client import chat, raw_client, request
from tests.scripted_upstream import Answer, Ending
from tests.stage import Stage

BODY = chat({"role": "user", "content": "hello"})
ASKED = request("POST", "/v1/chat/completions", body=BODY)
ANSWERS = {
    "sized": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n0123456789",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\na\r\n0\r\nX: 1\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
}


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_cut_at_any_byte(stage: Stage, name: str, ending: Ending) -> None:
    gateway = await stage.gateway()
    whole = ANSWERS[name]
    body_from = whole.rindex(b"\r\n\r\n") + 4 if name != "chunked" else whole.index(b"\r\n\r\n") + 4
    for cut in range(len(whole)):
        stage.upstream.play(Answer((whole[:cut],) if cut else (), ending))
        async with raw_client(gateway.port) as client:
            await client.send(ASKED)
            answered = await client.answer(b"POST")
        if cut < body_from:
            assert (answered.complete, answered.status) == (True, 502)
            assert answered.error_code == "upstream_unreachable"
        else:
            assert not answered.complete


CHUNKS = b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/passed"])
async def test_a_client_that_leaves_at_any_byte_of_its_request(stage: Stage, path: bytes) -> None:
    gateway = await stage.gateway()
    asked = CHUNKS % (path, len(BODY), BODY)
    for cut in range(1, len(asked)):
        async with raw_client(gateway.port) as client:
            await client.send(asked[:cut])
            if cut % 2:
                client.reset()
            else:
                client.writer.write_eof()
                assert await client.rest() == b""
    async with asyncio.timeout(60):
        while gateway.gateway.downstreams:
            await asyncio.sleep(0.005)
    await stage.upstream.all_closed()
    assert not any(one.complete.is_set() for one in stage.upstream.requests)
