"""The gateway's own paths, and nothing beside them."""

from __future__ import annotations

import json

import pytest

from narrows.core.http1 import parse_request_head
from narrows.server.own_routes import HEALTH, RESERVED, ROUTES, OwnRoutes
from narrows.server.replies import Reply
from tests.raw_client import request
from tests.stage import Stage


def routes(prefix: str = "", reasons: list[str] | None = None, listens_on: str = "0.0.0.0") -> OwnRoutes:
    return OwnRoutes(
        prefix,
        listens_on=listens_on,
        not_ready=lambda: reasons or [],
        metrics=lambda: b"# metrics",
        exchanges=lambda: b'{"exchanges":[]}',
    )


def found(own: OwnRoutes, path: str, method: str = "GET") -> object:
    return own.find(parse_request_head(f"{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()))


@pytest.mark.parametrize("prefix", ["", "/_gateway"])
def test_they_answer_get_and_head_of_exactly_these_paths(prefix: str) -> None:
    own = routes(prefix)
    for path in ROUTES:
        assert found(own, prefix + path) is not None
        assert found(own, prefix + path + "?verbose=1", "HEAD") is not None
        if path.startswith(RESERVED):
            continue
        assert found(own, prefix + path, "POST") is None
        assert found(own, prefix + path + "x") is None
        assert found(own, "/other" + path) is None
    assert (found(own, "/healthz") is None) == bool(prefix)


def test_readiness_gives_its_reasons() -> None:
    for reasons, status in ([], 200), (["stopping"], 503):
        answer = routes(reasons=reasons).find(parse_request_head(b"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"))
        assert answer is not None
        reply = answer()
        assert isinstance(reply, Reply)
        assert reply.status == status
        assert json.loads(reply.body) == {"ready": not reasons, "reasons": reasons}


LOCAL = ["127.0.0.1", "127.0.0.1:8787", "localhost", "LocalHost:80", "[::1]", "[::1]:8787", "192.168.1.7:8787"]
FOREIGN = ["evil.test", "evil.test:8787", "localhost.evil.test", "127.0.0.1.evil.test", "", "2130706433", "127.1"]


def status(own: OwnRoutes, path: str, lines: str) -> int:
    answer = own.find(parse_request_head(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()))
    assert answer is not None
    reply = answer()
    assert isinstance(reply, Reply)
    return reply.status


@pytest.mark.parametrize("listens_on", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.parametrize("prefix", ["", "/_gateway"])
def test_on_loopback_a_foreign_name_is_shown_nothing(prefix: str, listens_on: str) -> None:
    own = routes(prefix, listens_on=listens_on)
    for path in ROUTES:
        for host in LOCAL:
            assert status(own, prefix + path, f"Host: {host}\r\n") == 200
        for host in FOREIGN:
            assert status(own, prefix + path, f"Host: {host}\r\n") == (200 if path == HEALTH else 404), host
    answer = own.find(parse_request_head(f"GET {prefix}/metrics HTTP/1.0\r\n\r\n".encode()))
    assert answer is not None
    reply = answer()
    assert isinstance(reply, Reply)
    assert reply.status == 200


def test_a_gateway_for_others_answers_under_any_name() -> None:
    assert status(routes(), "/narrows/exchanges", "Host: gateway.internal\r\n") == 200


async def test_a_foreign_name_is_refused_here_and_reaches_nobody(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(target="/narrows/exchanges", host="evil.test"))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (404, "no_such_route")
    await client.send(request(host="evil.test"))
    assert (await client.answer()).status == 200, "what is the upstream's is forwarded under any name"
    assert len(stage.upstream.requests) == 1


async def test_they_are_there_and_talk_to_nobody(stage: Stage) -> None:
    gateway = await stage.gateway(upstream="http://127.0.0.1:9")
    client = await stage.client(gateway)
    bodies = {}
    for path in ROUTES:
        await client.send(request(target=path))
        answer = await client.answer()
        assert answer.status == 200
        bodies[path] = answer.raw_body
    assert [route["path"] for route in json.loads(bodies["/narrows/"])["routes"]] == list(ROUTES)
    assert json.loads(bodies["/narrows/exchanges"]) == {"appended": 0, "exchanges": []}
    assert b"narrows_build_info" in bodies["/metrics"]
    assert gateway.gateway.pool.counts.opened == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/narrows"), ("GET", "/narrows/exchange"), ("POST", "/narrows/exchanges"), ("DELETE", "/narrows/?x=1")],
)
async def test_what_is_reserved_never_reaches_the_upstream(stage: Stage, method: str, path: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(method, path))
    answer = await client.answer()
    assert answer.status == 404
    assert json.loads(answer.raw_body)["error"]["code"] == "no_such_route"
    await client.send(request(target="/narrowsome"))
    assert (await client.answer()).status == 200
    assert [received.start for received in stage.upstream.requests] == [b"GET /narrowsome HTTP/1.1"]


async def test_moved_routes_leave_their_paths_to_the_upstream(stage: Stage) -> None:
    gateway = await stage.gateway(own_prefix="/_gateway")
    client = await stage.client(gateway)
    for path in ("/healthz", "/_gateway/healthz", "/metrics"):
        await client.send(request(target=path))
        assert (await client.answer()).status == 200
    assert [received.start for received in stage.upstream.requests] == [
        b"GET /healthz HTTP/1.1", b"GET /metrics HTTP/1.1"
    ]  # fmt: skip


async def test_figures_of_what_passed_are_served(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", body=b'{"model":"m","messages":[]}') * 2)
    for _ in range(2):
        assert (await client.answer()).status == 200
    record = await stage.record(gateway, 1)
    await client.send(request(target="/metrics") + request(target="/narrows/exchanges"))
    metrics = (await client.answer()).raw_body.decode()
    assert 'wire="openai_chat"' in metrics
    listed = json.loads((await client.answer()).raw_body)
    assert listed["appended"] == 2
    assert listed["exchanges"][0]["request_id"] == record.request_id
    assert record.request_id.startswith("nrw-")
