"""A gateway behind an HTTP proxy: requests arrive whole, and the proxy's password reaches the proxy alone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.authority import make_authority
from tests.connect_proxy import ConnectProxy
from tests.raw_client import chat, request, rows, tool_turn
from tests.scripted_upstream import ScriptedUpstream, events
from tests.stage import Stage, stage_before

PASSWORD = "S3CR3T-0123456789"
LINE = b"Basic " + base64.b64encode(f"user:{PASSWORD}".encode())
BODY = chat(*tool_turn("list", rows(100)), stream=False)


def values(head: bytes, name: bytes) -> list[bytes]:
    lines = head.split(b"\r\n")
    return [line.partition(b":")[2].strip() for line in lines if line.lower().startswith(name + b":")]


async def test_an_http_upstream_through_a_proxy(stage: Stage) -> None:
    async with ConnectProxy(stage.upstream.port, user="user", password=PASSWORD) as proxy:
        gateway = await stage.gateway(upstream="http://models.example:8080/v1", upstream_proxy=proxy.url)
        client = await stage.client(gateway)
        stage.upstream.play(events(b"data: 1\n\n", b"data: [DONE]\n\n"))
        for number in range(2):
            own = "Proxy-Authorization: Basic Y2xpZW50"
            await client.send(request("POST", f"/v1/chat/completions?n={number}", own, body=BODY))
            assert (await client.answer()).status == 200
        first, second = stage.upstream.requests
        assert first.start == b"POST http://models.example:8080/v1/chat/completions?n=0 HTTP/1.1"
        for seen in (first, second):
            assert seen.values(b"host") == [b"models.example:8080"]
            assert seen.values(b"proxy-authorization") == [LINE], "the gateway's, and never the client's"
        assert first.connection == second.connection, "connections through a proxy are kept, too"
        assert len(proxy.heads) == 1
        await stage.record(gateway, 1)
        assert PASSWORD.encode() not in stage.log.written
        assert LINE not in stage.log.written


async def test_an_https_upstream_through_a_proxy(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with (
        ScriptedUpstream(tls=authority.server_context("models.example")) as upstream,
        ConnectProxy(upstream.port, user="user", password=PASSWORD) as proxy,
        stage_before(upstream) as stage,
    ):
        gateway = await stage.gateway(
            upstream="https://models.example", upstream_proxy=proxy.url, ca_bundle=str(authority.bundle)
        )
        client = await stage.client(gateway)
        for _ in range(2):
            await client.send(request("POST", "/v1/chat/completions", body=BODY))
            assert (await client.answer()).status == 200
        (head,) = proxy.heads
        assert head.startswith(b"CONNECT models.example:443 HTTP/1.1\r\n")
        assert values(head, b"proxy-authorization") == [LINE]
        for seen in upstream.requests:
            assert seen.start == b"POST /v1/chat/completions HTTP/1.1"
            assert seen.values(b"proxy-authorization") == []
            assert seen.values(b"host") == [b"models.example"]
        assert upstream.connections == 1


@pytest.mark.parametrize("upstream", ["http://models.example", "https://models.example"])
async def test_a_proxy_that_cannot_be_reached_is_said_without_its_password(stage: Stage, upstream: str) -> None:
    gateway = await stage.gateway(upstream=upstream, upstream_proxy=f"http://user:{PASSWORD}@127.0.0.1:9")
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", body=BODY))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (502, "upstream_unreachable")
    assert "through the proxy 127.0.0.1:9" in answer.json["error"]["message"]
    await stage.logged(b"upstream_unreachable")
    assert PASSWORD.encode() not in answer.raw_body + stage.log.written


async def test_who_needs_no_proxy_gets_none(stage: Stage) -> None:
    async with ConnectProxy(stage.upstream.port) as proxy:
        gateway = await stage.gateway(upstream_proxy=proxy.url, no_proxy="localhost,127.0.0.0/8")
        client = await stage.client(gateway)
        await client.send(request())
        assert (await client.answer()).status == 200
        assert proxy.heads == []
        assert len(stage.upstream.requests) == 1
