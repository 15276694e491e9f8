"""The way to the upstream through a proxy."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from narrows.core.http1 import ResponseHead
from narrows.errors import UpstreamError, UpstreamMalformed, UpstreamTimeout, UpstreamUnreachable
from narrows.settings import is_listed
from narrows.upstream.pool import Pool
from narrows.upstream.proxying import asked_through, proxy_for
from narrows.upstream.target import parse_target
from narrows.upstream.tls import client_context
from tests.authority import make_authority
from tests.connect_proxy import ConnectProxy
from tests.scripted_upstream import ScriptedUpstream
from tests.upstream.test_pool import Ended

ASKED = b"GET /v1/models HTTP/1.1\r\nHost: models.example\r\n\r\n"
SECRET = "p%40ss"
PLAIN = base64.b64encode(b"user:p@ss")


def pool_through(proxy: ConnectProxy, url: str, bundle: str = "", timeout_s: float = 60) -> Pool:
    target = parse_target(url)
    found = proxy_for(target, proxy.url, "")
    return Pool(asked_through(target, found), client_context(bundle) if target.tls else None, timeout_s, found)


async def error_of(pool: Pool) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await pool.connect()
    return raised.value


async def test_an_https_upstream_is_reached_through_a_tunnel(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with (
        ScriptedUpstream(tls=authority.server_context("models.example")) as upstream,
        ConnectProxy(upstream.port, user="user", password=SECRET) as proxy,
    ):
        pool = pool_through(proxy, "https://models.example", str(authority.bundle))
        connection = await pool.connect()
        ended = Ended()
        connection.begin(ended, b"GET")
        connection.write(ASKED)
        assert isinstance(await ended.done, ResponseHead)
        assert proxy.heads == [
            b"CONNECT models.example:443 HTTP/1.1\r\nHost: models.example:443\r\n"
            b"Proxy-Authorization: Basic " + PLAIN + b"\r\n\r\n"
        ]
        assert [one.head for one in upstream.requests] == [ASKED], "the upstream sees nothing of the proxy"
        assert pool.proxy_line == b""
        pool.give_back(connection, 0)
        assert pool.take() is connection
        connection.abort()
        await upstream.all_closed()


@pytest.mark.parametrize("proxied", [True, False])
async def test_a_certificate_is_of_a_name_without_the_dot_at_its_end(tmp_path: Path, proxied: bool) -> None:
    authority = make_authority(tmp_path)
    async with (
        ScriptedUpstream(tls=authority.server_context("models.example")) as upstream,
        ConnectProxy(upstream.port) as proxy,
    ):
        there = asyncio.get_running_loop().getaddrinfo

        async def resolved(host: str, port: int, **said: Any) -> list[Any]:
            return await there("127.0.0.1" if host.startswith("models") else host, port, **said)

        asyncio.get_running_loop().getaddrinfo = resolved  # type: ignore[method-assign, assignment] # of this test's loop alone
        target = parse_target(f"https://models.example.:{upstream.port}")
        way = proxy_for(target, proxy.url, "") if proxied else None
        pool = Pool(asked_through(target, way), client_context(str(authority.bundle)), 60, way)
        connection = await pool.connect()
        connection.abort()
        await upstream.all_closed()


async def test_the_upstreams_certificate_is_checked_inside_the_tunnel(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with (
        ScriptedUpstream(tls=authority.server_context("other.example")) as upstream,
        ConnectProxy(upstream.port) as proxy,
    ):
        wrong_name = await error_of(pool_through(proxy, "https://models.example", str(authority.bundle)))
        assert isinstance(wrong_name, UpstreamUnreachable)
        assert "models.example" in wrong_name.message
        unknown = await error_of(pool_through(proxy, "https://other.example"))
        assert "certificate" in unknown.message.lower()
        assert upstream.requests == []
        await upstream.all_closed()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", UpstreamUnreachable, "407 Proxy"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", UpstreamUnreachable, "403 Forbidden"),
        (b"HTTP/1.1 200 OK\r\n\r\nEVIL", UpstreamMalformed, "before TLS"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", UpstreamMalformed, "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\nX: 1\n\n", UpstreamMalformed, "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 100_000, UpstreamMalformed, "not HTTP/1.1"),
        (b"HTTP/1.1 101 Go\r\n\r\n", UpstreamUnreachable, "101 Go"),
    ],
)
async def test_a_proxy_that_gives_no_tunnel_is_named_without_its_password(
    answer: bytes, kind: type[UpstreamError], words: str
) -> None:
    async with ConnectProxy(1, answer=answer, user="user", password=SECRET) as proxy:
        error = await error_of(pool_through(proxy, "https://models.example"))
        assert isinstance(error, kind)
        assert words in error.message
        assert f"the proxy 127.0.0.1:{proxy.port}" in error.message
        assert SECRET not in error.message
        assert "p@ss" not in error.message
        while proxy.open:
            await asyncio.sleep(0.005)


async def test_a_proxy_that_is_silent_or_absent_is_an_upstream_that_cannot_be_reached() -> None:
    async with ConnectProxy(1, answer=b"HTTP/1.1 200") as proxy:
        error = await error_of(pool_through(proxy, "https://models.example", timeout_s=0.2))
        assert isinstance(error, UpstreamTimeout)
        assert f"through the proxy 127.0.0.1:{proxy.port}" in error.message
        while proxy.open:
            await asyncio.sleep(0.005)
    error = await error_of(pool_through(proxy, "https://models.example"))
    assert isinstance(error, UpstreamUnreachable)
    assert SECRET not in error.message
    async with ConnectProxy(1) as proxy:  # nobody listens behind it, so it closes
        error = await error_of(pool_through(proxy, "https://models.example"))
        assert "no tunnel through the proxy" in error.message


async def test_an_http_upstream_is_asked_for_in_absolute_form() -> None:
    async with ScriptedUpstream() as upstream, ConnectProxy(upstream.port, user="user", password=SECRET) as proxy:
        pool = pool_through(proxy, "http://models.example:8080/base")
        assert pool.target.join(b"/v1/x?y=1") == b"http://models.example:8080/base/v1/x?y=1"
        assert pool.target.join(b"*") == b"http://models.example:8080"
        assert pool.proxy_line == b"Proxy-Authorization: Basic " + PLAIN + b"\r\n"
        connection = await pool.connect()
        assert proxy.heads == []
        connection.abort()


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "listed"),
    [
        ("models.example", 443, "models.example", True),
        ("MODELS.example.", 443, "Models.Example", True),
        ("api.models.example", 443, "models.example", True),
        ("api.models.example", 443, ".models.example", True),
        ("api.models.example", 443, "*.models.example", True),
        ("badmodels.example", 443, "models.example", False),
        ("models.example", 443, "other, models.example:443", True),
        ("models.example", 443, "models.example:80", False),
        ("models.example", 443, "*", True),
        ("models.example", 443, "", False),
        ("models.example", 443, ", .", False),
        ("10.1.2.3", 80, "10.0.0.0/8", True),
        ("10.1.2.3", 80, "10.1.2.3", True),
        ("10.1.2.3", 80, "10.1.2.3:81", False),
        ("10.1.2.3", 80, "2.3", False),
        ("11.1.2.3", 80, "10.0.0.0/8", False),
        ("2001:db8::1", 80, "2001:db8::/32", True),
        ("2001:db8::1", 80, "[2001:db8::1]:80", True),
        ("2001:db8::1", 80, "[2001:db8::1]:81", False),
    ],
)  # fmt: skip
def test_who_is_reached_without_a_proxy(host: str, port: int, no_proxy: str, listed: bool) -> None:
    assert is_listed(host, port, no_proxy) is listed
    name = f"[{host}]" if ":" in host else host
    found = proxy_for(parse_target(f"https://{name}:{port}"), "http://proxy.example", no_proxy)
    assert (found is None) is listed


def test_without_a_proxy_nothing_changes() -> None:
    target = parse_target("http://models.example")
    assert proxy_for(target, "", "*") is None
    assert asked_through(target, None) is target
    assert Pool(target, None, 1).proxy_line == b""


def test_a_password_is_not_shown_by_accident() -> None:
    proxy = proxy_for(parse_target("http://m.example"), "http://user:secret@[::1]", "")
    assert proxy is not None
    assert "secret" not in repr(proxy)
    assert base64.b64encode(b"user:secret").decode() not in repr(proxy)
    assert proxy.name == "[::1]:80"
