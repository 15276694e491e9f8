"""Clients that ask through restarts, against small servers in the same loop; only counts are looked at."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.dataplane.bodies import ANSWER
from bench.dataplane.loop import Link, Loop
from bench.dataplane.restarts import Client, Seen

LIMIT_S = 20.0
CLOSING = ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


class Server:
    """Each connection gets these answers in turn, in two pieces, and is then closed."""

    def __init__(self, loop: Loop, answers: list[bytes], enough: int) -> None:
        self.loop = loop
        self.answers = answers
        self.given = 0
        self.enough = enough
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)
        self.port: int = self.listening.getsockname()[1]
        loop.add(self.listening.fileno(), self)

    def ready(self, events: int) -> None:
        Answering(self, self.listening.accept()[0])


class Answering(Link):
    def __init__(self, server: Server, accepted: socket.socket) -> None:
        super().__init__(server.loop, accepted)
        self._server = server
        self._left = list(server.answers)

    def received(self, data: bytes) -> None:
        answer = self._left.pop(0)
        self.write(answer[:40])
        self.write(answer[40:])
        self._server.given += 1
        if not self._left:
            self.close()
        if self._server.given == self._server.enough:
            self.loop.stop()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def seen(loop: Loop) -> Iterator[Seen]:
    there = Seen()
    yield there
    for link in list(there.links):
        link.close()


def asked(loop: Loop, seen: Seen, answers: list[bytes]) -> None:
    server = Server(loop, answers, 12)
    Client(loop, server.port, seen)
    assert loop.run(LIMIT_S)
    loop.remove(server.listening.fileno())
    server.listening.close()


def test_a_connection_that_ends_as_it_said_is_no_failure(loop: Loop, seen: Seen) -> None:
    asked(loop, seen, [ANSWER, ANSWER, CLOSING])
    assert seen.failures == []
    assert seen.answered >= 11


def test_one_that_ends_without_a_word_is(loop: Loop, seen: Seen) -> None:
    asked(loop, seen, [ANSWER, ANSWER])
    assert set(seen.failures) == {"the connection was closed before its answer"}
    assert len(seen.failures) >= 4


def test_so_is_another_answer(loop: Loop, seen: Seen) -> None:
    asked(loop, seen, [ANSWER, b"HTTP/1.1 503 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"])
    assert set(seen.failures) == {"HTTP/1.1 503 No busy"}


def test_clients_that_are_to_stop_do_with_their_answer(loop: Loop, seen: Seen) -> None:
    seen.stopping = True
    server = Server(loop, [ANSWER, ANSWER], 1)
    Client(loop, server.port, seen)
    assert loop.run(LIMIT_S)
    while seen.links:
        loop.run(0.01)
    assert (seen.answered, seen.failures) == (1, [])
