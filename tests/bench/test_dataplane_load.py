"""The generator against the upstream itself, without a proxy between them; no figure is looked at, only counts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import perf_counter

import pytest

from bench.dataplane.bodies import ANSWER, LAST_CHUNK, STREAM_HEAD, chat, chunk, small
from bench.dataplane.client import Asking, Failed, Heard, Listening, Metronome, Tally, answer_length
from bench.dataplane.loop import Link, Loop
from bench.dataplane.upstream import Pace, Upstream, content_length

LIMIT_S = 20.0


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def upstream(loop: Loop) -> Iterator[Upstream]:
    listening = Upstream(loop)
    yield listening
    listening.close()


@pytest.mark.parametrize("size", [10, 300_000])
def test_requests_are_answered_one_after_the_other(loop: Loop, upstream: Upstream, size: int) -> None:
    tally = Tally(latencies=True)
    link = Asking(loop, upstream.port, [small(), chat([{"role": "user", "content": "x" * size}])], tally, 7)
    assert loop.run(LIMIT_S)
    link.close()
    tally.check("requests")
    assert tally.done == 7
    assert tally.latencies_s is not None
    assert len(tally.latencies_s) == 7


def test_connections_that_are_to_finish_do(loop: Loop, upstream: Upstream) -> None:
    tally = Tally()
    links = [Asking(loop, upstream.port, [small()], tally) for _ in range(4)]
    loop.run(0.05)
    tally.finish(len(links))
    assert loop.run(LIMIT_S)
    tally.check("requests")
    assert all(link.closed for link in links)


def test_withheld_answers_come_when_they_are_released(loop: Loop, upstream: Upstream) -> None:
    upstream.withheld = []
    tally = Tally()
    links = [Asking(loop, upstream.port, [small()], tally) for _ in range(3)]
    while len(upstream.withheld) < 3:
        loop.run(0.01)
    assert tally.done == 0
    tally.finish(len(links))
    upstream.release()
    assert loop.run(LIMIT_S)
    assert tally.done == 3


def test_streams_are_heard_chunk_by_chunk(loop: Loop, upstream: Upstream) -> None:
    upstream.pace = Pace(0.001, 5)
    heard = Heard()
    heard.counting = True
    link = Listening(loop, upstream.port, small(stream=True), heard, streams=3)
    assert loop.run(LIMIT_S)
    link.close()
    heard.check("streams")
    assert (heard.chunks, heard.ended, len(heard.first_s), len(heard.lags_s)) == (15, 3, 3, 15)
    assert min(heard.lags_s) >= 0


class _Cut(Link):
    """Answers with a recorded stream, cut anywhere."""

    def __init__(self, loop: Loop, connected: socket.socket, pieces: list[bytes]) -> None:
        super().__init__(loop, connected)
        self._pieces = pieces

    def received(self, data: bytes) -> None:
        for piece in self._pieces:
            self.write(piece)


def test_a_connection_that_closes_is_a_failure(loop: Loop, upstream: Upstream) -> None:
    upstream.withheld = []
    tally = Tally()
    Asking(loop, upstream.port, [small()], tally)
    while not upstream.withheld:
        loop.run(0.01)
    upstream.withheld[0].close()
    assert loop.run(LIMIT_S)
    with pytest.raises(Failed, match="1 failures, the first: the connection was closed"):
        tally.check("requests")


def test_an_answer_that_is_an_error_is_a_failure(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        tally = Tally()
        link = Asking(loop, listening.getsockname()[1], [small()], tally, 1)
        accepted, _ = listening.accept()
        _Cut(loop, accepted, [b"HTTP/1.1 502 Bad Gateway\r\nContent-Le", b"ngth: 2\r\n\r\nno"])
        assert loop.run(LIMIT_S)
        link.close()
    with pytest.raises(Failed, match="502 Bad Gateway"):
        tally.check("requests")


@pytest.mark.parametrize("piece_bytes", [1, 16, 17, 100, 5_000])
def test_a_stream_is_heard_however_it_is_cut(loop: Loop, piece_bytes: int) -> None:
    stream = STREAM_HEAD + chunk(perf_counter()) + chunk(perf_counter()) + LAST_CHUNK
    first = stream[: len(STREAM_HEAD)]
    pieces = [first, *(stream[at : at + piece_bytes] for at in range(len(first), len(stream), piece_bytes))]
    heard = Heard()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        link = Listening(loop, listening.getsockname()[1], small(stream=True), heard)
        accepted, _ = listening.accept()
        _Cut(loop, accepted, [])
        for piece in pieces:
            link.received(piece)
        link.close()
    heard.check("the stream")
    assert (heard.chunks, heard.ended) == (2, 1)


def test_a_metronome_notes_each_answer(loop: Loop, upstream: Upstream) -> None:
    spent = iter(range(1_000_000))
    beating = Metronome(loop, upstream.port, small(), 0.001, lambda: float(next(spent)))
    while len(beating.lags_s) < 5:
        loop.run(0.01)
    beating.close()
    assert set(beating.held_s) == {1.0}
    assert min(beating.lags_s) > 0


@pytest.mark.parametrize("cut", range(0, len(ANSWER), 97))
def test_the_length_of_an_answer_from_its_front(cut: int) -> None:
    head = ANSWER.index(b"\r\n\r\n") + 4
    assert answer_length(ANSWER[:cut]) == (len(ANSWER) if cut >= head else -1)


def test_the_length_of_a_chunked_answer_is_known_at_its_end() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
    assert answer_length(answer) == -1
    assert answer_length(answer + b"0\r\n\r\n") == len(answer) + 5


def test_the_length_of_a_request() -> None:
    assert content_length(b"POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 12\r\n\r\n") == 12
    assert content_length(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0
    with pytest.raises(ValueError, match="chunked"):
        content_length(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_streams_that_nobody_listens_to_any_more_are_ended(loop: Loop, upstream: Upstream) -> None:
    upstream.pace = Pace(0.001, 1 << 20)
    heard = Heard()
    links = [Listening(loop, upstream.port, small(stream=True), heard) for _ in range(3)]
    loop.run(0.05)
    assert len(upstream.streaming) == 3
    upstream.end_streams()
    loop.run(0.05)
    assert not upstream.streaming
    assert all(link.closed for link in links)
    assert len(heard.failures) == 3


def test_a_stream_that_has_ended_is_not_kept(loop: Loop, upstream: Upstream) -> None:
    upstream.pace = Pace(0.001, 2)
    link = Listening(loop, upstream.port, small(stream=True), Heard())
    assert loop.run(LIMIT_S)
    link.close()
    assert not upstream.streaming
