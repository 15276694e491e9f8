"""Against the upstream itself, where every byte is kept, and through a small proxy that writes JSON anew."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.dataplane.bodies import request
from bench.dataplane.client import connect
from bench.dataplane.exchanges import read
from bench.dataplane.figures import Figure
from bench.dataplane.kept import kept
from bench.dataplane.loop import Link, Loop
from bench.dataplane.probes import ANSWERS, REQUESTS
from bench.dataplane.proxies import DIRECT
from bench.dataplane.stage import QUICK, Stage


class Rewriting:
    """Listens; passes every request on as a writer of JSON would put it, and its answer as it comes."""

    def __init__(self, loop: Loop, upstream_port: int) -> None:
        self.loop = loop
        self.upstream_port = upstream_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        loop.add(self._listening.fileno(), self)

    def ready(self, events: int) -> None:
        assert events
        _Client(self, self._listening.accept()[0])

    def close(self) -> None:
        self.loop.remove(self._listening.fileno())
        self._listening.close()


class _Client(Link):
    def __init__(self, proxy: Rewriting, accepted: socket.socket) -> None:
        super().__init__(proxy.loop, accepted)
        self._proxy = proxy
        self._raw = b""

    def received(self, data: bytes) -> None:
        self._raw += data
        message = read(self._raw)
        if message is not None:
            _Back(self, connect(self._proxy.upstream_port)).write(
                request(json.dumps(json.loads(message.body)).encode())
            )


class _Back(Link):
    def __init__(self, client: _Client, connected: socket.socket) -> None:
        super().__init__(client.loop, connected)
        self._client = client

    def received(self, data: bytes) -> None:
        self._client.write(data)


class Through(Stage):
    """A stage whose direct connection goes through the rewriting proxy."""

    rewriting: Rewriting

    def port(self, name: str) -> int:
        assert name == DIRECT
        return self.rewriting.port


@pytest.fixture
def cores() -> Iterator[None]:
    """A stage keeps to one core; the tests after this one need not."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


def values(figures: list[Figure]) -> dict[str, float | None]:
    return {figure.name: figure.value(DIRECT) for figure in figures}


@pytest.mark.usefixtures("cores")
def test_without_a_proxy_every_byte_is_kept(tmp_path: Path) -> None:
    stage = Stage([], QUICK, tmp_path)
    try:
        found = values(kept(stage))
    finally:
        stage.close()
    assert not stage.failed
    assert found.pop("request bodies kept") == len(REQUESTS)
    assert found.pop("answer bodies kept") == len(ANSWERS)
    assert set(found.values()) == {0.0}
    assert stage.effort == QUICK


@pytest.mark.usefixtures("cores")
def test_a_proxy_that_writes_json_anew_is_seen_to(tmp_path: Path) -> None:
    stage = Through([], QUICK, tmp_path)
    stage.rewriting = Rewriting(stage.loop, stage.upstream.port)
    try:
        figures = kept(stage)
    finally:
        stage.rewriting.close()
        stage.close()
    found = values(figures)
    assert not stage.failed
    assert found["request bodies kept"] == 1
    assert figures[0].detail[f"{DIRECT}: request blanks"] == 1
    assert figures[0].detail[f"{DIRECT}: request numbers"] == 0
    assert found["answer bodies kept"] == len(ANSWERS)
    assert found["texts shortened in the last turn"] == 0
    lost = found["its other bytes that are not kept"]
    assert lost is not None
    assert lost > 0
    assert found["bytes of a turn the next one lacks"] == 0
