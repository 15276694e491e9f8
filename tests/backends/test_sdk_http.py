from __future__ import annotations

import gzip
import ssl

import httpx
import pytest
import trustme

from narrows.backends import sdk_http
from narrows.backends.credentials import FileToken, NoToken
from narrows.backends.sdk_http import TokenAuth, never_left, sdk_client
from narrows.backends.types import Credentials
from tests.scripted_upstream import ScriptedUpstream, whole


def client_of(
    url: str, credentials: Credentials | None = None, named: str = "x-key", tls: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    auth = TokenAuth(credentials or NoToken(), named)
    return sdk_client(url, tls, auth, connect_timeout_s=60, max_connections=2)


async def test_paths_are_those_below_the_url_and_nothing_comes_from_the_environment(
    scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    scripted_upstream.play(whole(b"", status=302, fields=(("Location", "http://127.0.0.1:9/elsewhere"),)))
    async with client_of(scripted_upstream.url + "/base") as client:
        answer = await client.get("/threads")
    (asked,) = scripted_upstream.requests
    assert answer.status_code == 302, "a redirect is not followed"
    assert asked.start == b"GET /base/threads HTTP/1.1"
    assert asked.values(b"x-key") == asked.values(b"authorization") == []


@pytest.mark.parametrize(
    ("named", "token", "shown"),
    [("x-key", "t", b"t"), ("Authorization", "t", b"Bearer t"), ("authorization", "Basic dDp0", b"Basic dDp0")],
)
async def test_how_a_token_is_shown(scripted_upstream: ScriptedUpstream, named: str, token: str, shown: bytes) -> None:
    class Given:
        async def token(self, *, again: bool = False) -> str:
            return token

    async with client_of(scripted_upstream.url, Given(), named) as client:
        await client.get("/")
    assert scripted_upstream.requests[0].values(named.encode()) == [shown]


async def test_a_token_that_is_refused_is_read_again_once(
    scripted_upstream: ScriptedUpstream, tmp_path: object
) -> None:
    class File(FileToken):
        def __init__(self) -> None:
            super().__init__("")
            self.reads = 0

        def _read(self) -> str:
            self.reads += 1
            return f"token-{self.reads}"

    scripted_upstream.play(
        whole(b"", status=401), whole(b"", status=200), whole(b"", status=401), whole(b"", status=401)
    )
    async with client_of(scripted_upstream.url, File()) as client:
        assert (await client.post("/", content=b"body")).status_code == 200
        assert (await client.get("/")).status_code == 401
    shown = [request.values(b"x-key") for request in scripted_upstream.requests]
    assert shown == [[b"token-1"], [b"token-2"], [b"token-2"], [b"token-3"]]
    assert scripted_upstream.requests[1].body == b"body"


async def test_tls_is_verified_by_the_context_that_is_given() -> None:
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    trusting, strange = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(trusting)
    async with ScriptedUpstream(tls=served) as upstream:
        async with client_of(upstream.url, tls=trusting) as client:
            assert (await client.get("/")).status_code == 200
        async with client_of(upstream.url, tls=strange) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("/")


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream; charset=utf-8"])
async def test_an_answer_that_is_too_large_is_broken_off(
    scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(sdk_http, "MAX_ANSWER_BYTES", 1000)
    fields = (("Content-Type", kind),)
    lines = b"data: many of these are no more than one\n" * 100
    scripted_upstream.play(whole(b"x" * 1000, fields=fields), whole(b"x" * 1001, fields=fields))
    scripted_upstream.play(whole(lines, fields=fields))
    async with client_of(scripted_upstream.url) as client:
        assert len((await client.get("/")).content) == 1000
        with pytest.raises(httpx.RemoteProtocolError, match="over 1000 bytes"):
            await client.get("/")
        if kind == "application/json":
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/")
        else:
            assert (await client.get("/")).content == lines


async def test_a_coded_answer_is_refused(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.play(whole(gzip.compress(b"x" * 1000), fields=(("Content-Encoding", "gzip"),)))
    async with client_of(scripted_upstream.url) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="coded"):
            await client.get("/")
    assert scripted_upstream.requests[0].values(b"accept-encoding") == [b"identity"]


def test_what_never_left() -> None:
    assert never_left(httpx.ConnectError("x"))
    assert not never_left(httpx.ReadTimeout("x"))
