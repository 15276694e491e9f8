"""The gateway's own paths, and nothing beside them."""

from __future__ import annotations

import json

import pytest

from narrows.core.http1 import parse_request_head
from narrows.server.own_routes import RESERVED, ROUTES, OwnRoutes
from tests.raw_client import request
from tests.stage import Stage


def routes(prefix: str = "", reasons: list[str] | None = None) -> OwnRoutes:
    return OwnRoutes(
        prefix,
        not_ready=lambda: reasons or [],
        metrics=lambda: ("text/plain", b"# metrics"),
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
        assert reply.status == status
        assert json.loads(reply.body) == {"ready": not reasons, "reasons": reasons}


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
    assert gateway.gateway.pool.opened == 0


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
