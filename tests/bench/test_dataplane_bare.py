from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.dataplane.bare import body_bytes
from bench.dataplane.bodies import chat, small
from bench.dataplane.client import Asking, Heard, Listening, Tally
from bench.dataplane.loop import Loop
from bench.dataplane.proxies import BARE, Place, start
from bench.dataplane.upstream import Pace, Upstream

LIMIT_S = 60.0


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 17\r\nHost: a\r\n\r\n", 17),
        (b"HTTP/1.1 200 OK\r\nX: 1\r\ncontent-length:0\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0),
    ],
)
def test_the_length_of_a_body(head: bytes, length: int) -> None:
    assert body_bytes(head) == length


def test_a_chunked_body_has_no_length() -> None:
    assert body_bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") > 1 << 50


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def port(loop: Loop, tmp_path: Path) -> Iterator[int]:
    upstream = Upstream(loop)
    upstream.pace = Pace(0.001, 5)
    process = start(BARE, Place(tmp_path, frozenset(os.sched_getaffinity(0)), upstream.port))
    yield process.port
    process.stop()
    upstream.close()


def test_requests_small_and_large_go_through_and_their_answers_back(loop: Loop, port: int) -> None:
    tally = Tally()
    link = Asking(loop, port, [small(), chat([{"role": "user", "content": "x" * 300_000}])], tally, 6)
    assert loop.run(LIMIT_S)
    link.close()
    tally.check("requests")
    assert tally.done == 6


def test_one_stream_after_the_other(loop: Loop, port: int) -> None:
    heard = Heard()
    link = Listening(loop, port, small(stream=True), heard, 3)
    assert loop.run(LIMIT_S)
    link.close()
    heard.check("streams")
    assert heard.chunks == 15
