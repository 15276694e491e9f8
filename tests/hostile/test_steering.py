"""Nothing that a client or the upstream says leads elsewhere: there is a server elsewhere, and nobody ever connects."""

from __future__ import annotations

import pytest

from tests.raw_client import raw_client, request
from tests.scripted_upstream import ScriptedUpstream, whole
from tests.stage import Stage

HINTS = (
    "X-Forwarded-Host: {}", "X-Forwarded-Server: {}", "X-Host: {}", "Forwarded: host={};proto=http",
    "X-Original-URL: http://{}/", "X-Rewrite-URL: http://{}/", "X-HTTP-Host-Override: {}", "Referer: http://{}/",
    "Origin: http://{}", "X-Forwarded-Proto: http", "Destination: http://{}/", "Proxy-Connection: keep-alive",
    "x-narrows-upstream: http://{}", "x-narrows-target: {}", "Via: 1.1 {}", "OpenAI-Base-URL: http://{}/v1",
)  # fmt: skip
TARGETS = (
    "http://{}/v1/models", "https://{}/v1/models", "HTTP://{}", "http://{}?a", "//{}/v1/models", "///{}/v1/models",
    "/http://{}/v1", "/v1/@{}/", "/v1/x?upstream=http://{}&host={}&url=http://{}", "/%2f%2f{}/", "/..//{}/",
    "/v1/../../{}", "/%2e%2e/%2e%2e/{}", "/;@{}", "/.{}", "/v1/x#@{}", "/v1\\@{}",
)  # fmt: skip
BROKEN = (
    "/v1/x HTTP/1.1\r\nHost: {}\r\n\r\nGET /y", "/v1/x\rHost: {}", "/v1/x\nHost: {}", "/v1/x Host: {}", "@{}", "{}",
    "http://user@{}/", "ftp://{}/", "http:/{}", "http://", "*{}",
)  # fmt: skip


async def both(stage: Stage, elsewhere: ScriptedUpstream, *asked: bytes, upstream: str | None = None) -> list[int]:
    """The statuses of these requests, each on a connection of its own."""
    gateway = await stage.gateway(upstream=upstream)
    statuses = []
    for one in asked:
        async with raw_client(gateway.port) as client:
            await client.send(one)
            statuses.append((await client.answer()).status)
    assert elsewhere.connections == 0
    return statuses


def assert_asked_for_here(stage: Stage) -> None:
    """Every request that arrived names the upstream, once, and asks for a path of it."""
    here = f"127.0.0.1:{stage.upstream.port}".encode()
    for seen in stage.upstream.requests:
        assert seen.values(b"host") == [here]
        method, target, version = seen.start.split(b" ")
        assert (method, version, target[:1]) == (b"GET", b"HTTP/1.1", b"/")


@pytest.mark.parametrize("hint", HINTS)
async def test_no_field_leads_elsewhere(stage: Stage, hint: str) -> None:
    async with ScriptedUpstream() as elsewhere:
        there = f"127.0.0.1:{elsewhere.port}"
        asked = request("GET", "/v1/models", hint.format(there))
        assert await both(stage, elsewhere, asked) == [200]
        assert_asked_for_here(stage)
        assert stage.upstream.requests[0].start == b"GET /v1/models HTTP/1.1"


async def test_no_host_leads_elsewhere(stage: Stage) -> None:
    async with ScriptedUpstream() as elsewhere:
        hosts = (f"127.0.0.1:{elsewhere.port}", f"localhost:{elsewhere.port}", "", "[::1]", "evil.test:443")
        asked = [request("GET", "/v1/models", host=host) for host in hosts]
        assert await both(stage, elsewhere, *asked) == [200] * len(hosts)
        assert len(stage.upstream.requests) == len(hosts)
        assert_asked_for_here(stage)


@pytest.mark.parametrize("base", ["", "/base/v1"])
@pytest.mark.parametrize("target", TARGETS)
async def test_no_target_leads_elsewhere_nor_out_of_the_base_path(stage: Stage, target: str, base: str) -> None:
    async with ScriptedUpstream() as elsewhere:
        there = f"127.0.0.1:{elsewhere.port}"
        asked = f"GET {target.replace('{}', there)} HTTP/1.1\r\nHost: {there}\r\n\r\n".encode()
        (status,) = await both(stage, elsewhere, asked, upstream=stage.upstream.url + base)
        assert status in {200, 400}
        assert len(stage.upstream.requests) == (status == 200)
        assert_asked_for_here(stage)
        for seen in stage.upstream.requests:
            path = seen.start.split(b" ")[1].partition(b"?")[0]
            assert path.startswith(base.encode())
            assert not base or b".." not in path.replace(b"%2e", b".").replace(b"%2E", b".")


@pytest.mark.parametrize("target", BROKEN)
async def test_what_is_no_target_is_refused(stage: Stage, target: str) -> None:
    async with ScriptedUpstream() as elsewhere:
        there = f"127.0.0.1:{elsewhere.port}"
        asked = f"GET {target.replace('{}', there)} HTTP/1.1\r\nHost: {there}\r\nContent-Length: x\r\n\r\n".encode()
        assert await both(stage, elsewhere, asked) in ([400], [200]), "the rest of a split request is refused behind it"
        assert_asked_for_here(stage)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 305, 421])
async def test_no_answer_leads_elsewhere(stage: Stage, status: int) -> None:
    async with ScriptedUpstream() as elsewhere:
        there = f"http://127.0.0.1:{elsewhere.port}/"
        fields = [("Location", there), ("Alt-Svc", f'h2="127.0.0.1:{elsewhere.port}"'), ("Refresh", f"0; url={there}")]
        stage.upstream.play(whole(b"moved", status=status, fields=fields))
        asked = request("GET", "/v1/models")
        assert await both(stage, elsewhere, asked, asked) == [status, 200]
        assert len(stage.upstream.requests) == 2
        assert_asked_for_here(stage)
