"""Requests that two readers could read differently, each with another one hidden behind it: none reaches the upstream,
and nothing behind it is read as a request."""

from __future__ import annotations

import pytest

from tests.raw_client import raw_client
from tests.stage import Stage

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST = b"Host: gateway.test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: gateway.test\r\n\r\n"

AMBIGUOUS = {
    "both lengths": CHAT + HOST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "coding list": CHAT + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding twice": CHAT + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "coding behind a vertical tab": CHAT + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "coding quoted": CHAT + HOST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "coding folded": CHAT + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "coding empty": CHAT + HOST + b"Transfer-Encoding:\r\n\r\n",
    "identity": CHAT + HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "space before a colon": CHAT + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n",
    "length with a sign": CHAT + HOST + b"Content-Length: +5\r\n\r\nabcde",
    "length list": CHAT + HOST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "length twice": CHAT + HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "length with a zero in front": CHAT + HOST + b"Content-Length: 05\r\n\r\nabcde",
    "length with an underscore": CHAT + HOST + b"Content-Length: 1_0\r\n\r\nabcde",
    "length named hop-by-hop": CHAT + HOST + b"Connection: content-length\r\nContent-Length: 5\r\n\r\nabcde",
    "two hosts": b"GET / HTTP/1.1\r\n" + HOST + b"Host: other.test\r\n\r\n",
    "userinfo": b"GET http://user@gateway.test/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: gateway.test\n\n",
    "bare CR": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "CONNECT": b"CONNECT gateway.test:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "chunk size with a prefix": CHAT + HOST + CHUNKED + b"\r\n0x1\r\na\r\n0\r\n\r\n",
    "chunk size with a space": CHAT + HOST + CHUNKED + b"\r\n1 \r\na\r\n0\r\n\r\n",
    "chunk lines ended by LF": CHAT + HOST + CHUNKED + b"\r\n1\na\n0\n\n",
    "chunk longer than said": CHAT + HOST + CHUNKED + b"\r\n1\r\nabc0\r\n\r\n",
    "length in the trailer": CHAT + HOST + CHUNKED + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "policy twice": CHAT + HOST + b"x-narrows-policy: off\r\nx-narrows-policy: off\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_nothing_is_hidden_behind_an_ambiguous_request(stage: Stage, name: str) -> None:
    gateway = await stage.gateway()
    async with raw_client(gateway.port) as client:
        await client.send(AMBIGUOUS[name] + HIDDEN)
        answered = await client.answer(b"POST")
        assert (answered.status, answered.error_code) == (400, "malformed_request")
        if name != "policy twice":  # whose framing is plain
            assert answered.values(b"connection") == [b"close"]
            assert await client.rest() == b""
            assert stage.upstream.requests == []
