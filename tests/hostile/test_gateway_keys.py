"""A gateway with keys: nobody comes in without one, none leaves it, and none is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from narrows.server.app import RunningGateway
from narrows.server.own_routes import OPEN, ROUTES
from narrows.settings import GatewayKey, KeyLimits, LogLevel
from narrows.settings.keys import key_digest
from tests.agent_stage import growing, scene
from tests.raw_client import Answered, RawClient, chat, raw_client, request
from tests.scripted_upstream import STALL, Ending, events, raw, whole
from tests.stage import Stage

KEY, OTHER, WRONG = ("nrw_" + letter * 43 for letter in "kow")
UPSTREAM_KEY = "sk-UPSTREAM-0123456789"
CHAT = "/v1/chat/completions"
BODY = chat({"role": "user", "content": "hello"})
SHOWN = ("Authorization: Bearer {}", "x-api-key: {}", "X-Goog-Api-Key: {}", "api-key: {}", "x-narrows-key: {}")


def keys(**limits: int) -> tuple[GatewayKey, ...]:
    digests = [key_digest(key.encode()) or b"" for key in (KEY, OTHER)]
    return (GatewayKey("alice", digests[0], KeyLimits(**limits)), GatewayKey("bob", digests[1]))


async def guarded(stage: Stage, **changes: Any) -> RunningGateway:
    return await stage.gateway(**({"keys": keys()} | changes))


async def asked(client: RawClient, *fields: str, target: str = CHAT, body: bytes = BODY) -> Answered:
    await client.send(request("POST", target, *fields, body=body))
    return await client.answer(b"POST")


async def asked_anew(gateway: RunningGateway, *fields: str, target: str = CHAT, body: bytes = BODY) -> Answered:
    """On a connection of its own: one whose request is refused before its body has been read is closed."""
    async with raw_client(gateway.port) as client:
        return await asked(client, *fields, target=target, body=body)


def arrived(stage: Stage) -> bytes:
    return b"".join(seen.head + seen.framed for seen in stage.upstream.requests)


@pytest.mark.parametrize(
    "fields",
    [(), (f"Authorization: Bearer {WRONG}",), (f"x-api-key: {KEY}x",), (f"Authorization: Basic {KEY}",), ("api-key:",)],
)
async def test_nobody_comes_in_without_a_key(stage: Stage, fields: tuple[str, ...]) -> None:
    gateway = await guarded(stage, upstream_key=UPSTREAM_KEY)
    for target in (CHAT, "/v1/embeddings", "/healthz", "/", "/narrows/nothing", f"/x?key={WRONG}"):
        async with raw_client(gateway.port) as client:
            answer = await asked(client, *fields, target=target)
            assert (answer.status, answer.error_code) == (401, "invalid_api_key")
            assert answer.json["error"]["type"] == "invalid_request_error"
            assert answer.values(b"www-authenticate") == [b"Bearer"]
            assert UPSTREAM_KEY.encode() not in answer.head + answer.raw_body
    assert stage.upstream.connections == 0


async def test_of_our_own_routes_only_the_probes_are_open(stage: Stage) -> None:
    gateway = await guarded(stage)
    for path in ROUTES:
        async with raw_client(gateway.port) as client:
            await client.send(request(target=path))
            assert (await client.answer()).status == (200 if path in OPEN else 401), path
            await client.send(request("GET", path, f"Authorization: Bearer {KEY}"))
            assert (await client.answer()).status == 200
    assert stage.upstream.connections == 0


async def test_one_right_request_opens_a_connection_for_no_other(stage: Stage) -> None:
    """The head of the last request is remembered; a key is not remembered for a connection."""
    gateway = await guarded(stage)
    for after, status in ((f"x-api-key: {KEY}", 200), (f"x-api-key: {WRONG}", 401), ("x-other: 1", 401)):
        for body in (b"", BODY):
            async with raw_client(gateway.port) as client:
                for spaces in range(3):
                    assert (await asked(client, f"x-api-key: {KEY}", body=body + b" " * spaces)).status == 200
                assert (await asked(client, after, body=body)).status == status
                if not body:
                    assert (await asked(client, f"x-api-key: {KEY}", body=body)).status == 200
    assert len(stage.upstream.requests) == 23
    async with raw_client(gateway.port) as client:
        await client.send(request("POST", CHAT, f"x-api-key: {KEY}", body=BODY) + request("POST", CHAT, body=BODY))
        assert [(await client.answer()).status for _ in range(2)] == [200, 401]


async def test_a_key_that_is_withdrawn_opens_nothing_any_more(stage: Stage) -> None:
    gateway = await guarded(stage, keys=keys(requests_per_minute=3))
    settings = gateway.gateway.settings
    client = await stage.client(gateway)
    for _ in range(2):
        assert (await asked(client, f"x-api-key: {OTHER}")).status == 200
    assert (await asked_anew(gateway, f"x-api-key: {KEY}")).status == 200
    gateway.reload(replace(settings, keys=settings.keys[:1]))
    assert (await asked(client, f"x-api-key: {OTHER}")).status == 401, "on a connection that it had opened, too"
    statuses = [(await asked_anew(gateway, f"x-api-key: {KEY}")).status for _ in range(3)]
    assert statuses == [200, 200, 429], "and the other has used what it had used"
    assert len(stage.upstream.requests) == 5


@pytest.mark.parametrize("shown", SHOWN)
async def test_a_gateway_key_goes_nowhere(stage: Stage, shown: str) -> None:
    gateway = await guarded(stage, log_level=LogLevel.DEBUG)
    client = await stage.client(gateway)
    provider = "x-api-key: sk-own" if "x-api" not in shown else "Authorization: Bearer sk-own"
    assert (await asked(client, shown.format(KEY), provider, target=f"{CHAT}?key={OTHER}&a=1")).status == 200
    assert (await asked_anew(gateway, shown.format(KEY), "x-narrows-policy: sideways")).status == 400
    seen = stage.upstream.requests[0]
    assert seen.start == f"POST {CHAT}?a=1 HTTP/1.1".encode()
    assert b"sk-own" in seen.head
    assert KEY.encode() not in arrived(stage)
    assert OTHER.encode() not in arrived(stage)
    record = await stage.record(gateway, 1)
    assert (record.key, record.error_code) == ("alice", "malformed_request")
    for own in ("/metrics", "/narrows/exchanges"):
        await client.send(request("GET", own, shown.format(KEY)))
        told = (await client.answer()).raw_body
        assert b"alice" in told
        assert b"nrw_" not in told
    await stage.logged(b'"key":"alice"')
    assert b"nrw_" not in stage.log.written


async def test_a_key_is_passed_on_where_that_is_chosen(stage: Stage) -> None:
    gateway = await guarded(stage, forward_gateway_key=True)
    client = await stage.client(gateway)
    assert (await asked(client, f"x-api-key: {KEY}", target=f"/x?key={KEY}")).status == 200
    seen = stage.upstream.requests[0]
    assert seen.values(b"x-api-key") == [KEY.encode()]
    assert seen.start == f"POST /x?key={KEY} HTTP/1.1".encode()


@pytest.mark.parametrize("with_keys", [True, False])
async def test_the_upstreams_key_is_sent_in_place_of_every_credential(stage: Stage, with_keys: bool) -> None:
    gateway = await guarded(stage, upstream_key=UPSTREAM_KEY, **({} if with_keys else {"keys": ()}))
    client = await stage.client(gateway)
    credentials = [shown.format(KEY) for shown in SHOWN]
    for target in (CHAT, "/v1/models"):
        answer = await asked(client, *credentials, "X-Kept: yes", target=f"{target}?key={KEY}")
        assert answer.status == 200
        assert UPSTREAM_KEY.encode() not in answer.head + answer.raw_body
    for seen in stage.upstream.requests:
        assert seen.values(b"authorization") == [f"Bearer {UPSTREAM_KEY}".encode()]
        assert seen.values(b"x-kept") == [b"yes"]
        assert b"?" not in seen.start
        assert not any(seen.values(name) for name in (b"x-api-key", b"x-goog-api-key", b"api-key", b"x-narrows-key"))
    assert KEY.encode() not in arrived(stage)
    if not with_keys:
        async with raw_client(gateway.port) as another:
            assert (await asked(another)).status == 200, "clients need none"
    await stage.record(gateway, 1)
    await client.send(request("GET", "/narrows/exchanges", credentials[0]))
    assert UPSTREAM_KEY.encode() not in (await client.answer()).raw_body + stage.log.written


@pytest.mark.parametrize(
    ("host", "fields", "status"),
    [
        ("localhost:8787", (), 200),
        ("127.0.0.1", ("Origin: http://localhost:3000",), 200),
        ("[::1]:1", ("Origin: http://127.0.0.1",), 200),
        ("evil.test", (), 401),
        ("localhost.evil.test", (), 401),
        ("localhost", ("Origin: https://evil.test",), 401),
        ("localhost", ("Origin: null",), 401),
        ("localhost", ("Origin: http://localhost@evil.test",), 401),
        ("localhost", ("Origin: http://localhost", "Origin: https://evil.test"), 401),
    ],
)
async def test_no_web_page_spends_the_upstreams_key(
    stage: Stage, host: str, fields: tuple[str, ...], status: int
) -> None:
    gateway = await stage.gateway(upstream_key=UPSTREAM_KEY)
    async with raw_client(gateway.port) as client:
        await client.send(request("POST", CHAT, "Content-Type: text/plain", *fields, body=BODY, host=host))
        assert (await client.answer()).status == status
    assert len(stage.upstream.requests) == (status == 200)
    with_keys = await guarded(stage, upstream_key=UPSTREAM_KEY)
    async with raw_client(with_keys.port) as client:
        await client.send(request("POST", CHAT, f"x-api-key: {KEY}", *fields, body=BODY, host=host))
        assert (await client.answer()).status == 200, "a key says enough"


@pytest.mark.parametrize(
    ("host", "fields"),
    [("localhost", ("Origin: https://evil.test",)), ("127.0.0.1", ("Origin: null",)), ("evil.test", ())],
)
async def test_no_web_page_sets_an_agent_to_work(stage: Stage, host: str, fields: tuple[str, ...]) -> None:
    """A page may have its browser post this without being asked, and an agent acts on this machine."""
    act = await scene(stage, growing("Done."))
    body = json.dumps({"model": "coder", "messages": [{"role": "user", "content": "Delete it all."}]}).encode()
    async with raw_client(act.gateway.port) as client:
        await client.send(request("POST", CHAT, "Content-Type: text/plain", *fields, body=body, host=host))
        answer = await client.answer(b"POST")
    assert (answer.status, answer.error_code) == (401, "invalid_api_key")
    assert act.backend.turns == []


async def test_a_tunnel_needs_a_key(stage: Stage) -> None:
    gateway = await guarded(stage)
    upgrade = ("Connection: Upgrade", "Upgrade: websocket")
    async with raw_client(gateway.port) as client:
        await client.send(request("GET", "/v1/realtime", *upgrade))
        assert (await client.answer()).status == 401
    async with raw_client(gateway.port) as client:
        await client.send(request("GET", "/v1/realtime", *upgrade, f"Authorization: Bearer {KEY}"))
        assert (await client.answer()).status == 200
    assert KEY.encode() not in arrived(stage)


async def test_an_unknown_client_is_asked_for_no_body(stage: Stage) -> None:
    gateway = await guarded(stage)
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, "Expect: 100-continue", "Content-Length: 1000000000"))
    answer = await client.answer()
    assert (answer.status, answer.interim) == (401, [])


async def metric(client: RawClient, result: str) -> float:
    await client.send(request("GET", "/metrics", f"x-api-key: {OTHER}"))
    found = f'narrows_key_requests_total{{key="alice",result="{result}"}}'.encode()
    lines = (await client.answer()).raw_body.splitlines()
    return sum(float(line.rpartition(b" ")[2]) for line in lines if line.startswith(found))


def retry_after(answer: Answered) -> int:
    assert (answer.status, answer.error_code) == (429, "rate_limit_exceeded")
    (value,) = answer.values(b"retry-after")
    return int(value)


async def test_requests_in_flight_are_limited_however_they_end(stage: Stage) -> None:
    gateway = await guarded(stage, keys=keys(max_in_flight=1))
    shown = f"x-api-key: {KEY}"
    for ending in ("answered", "left", "cut", "refused", "failed"):
        gate = asyncio.Event()
        answers = {
            "answered": events(b"data: 1\n\n", gate),
            "left": STALL,
            "cut": events(b"data: 1\n\n", gate, ending=Ending.RESET),
            "failed": raw(gate, b"nonsense\r\n\r\n"),
        }
        async with raw_client(gateway.port) as first:
            if ending == "refused":
                await first.send(request("POST", CHAT, shown, "Transfer-Encoding: chunked") + b"zz\r\n")
                assert (await first.answer()).status == 400
            else:
                stage.upstream.play(answers[ending])
                before = len(stage.upstream.requests)
                await first.send(request("POST", CHAT, shown, body=BODY))
                await stage.upstream.request(before)
                assert retry_after(await asked_anew(gateway, shown)) == 1
                assert (await asked_anew(gateway, f"x-api-key: {OTHER}")).status == 200, (
                    "another key has its own limits"
                )
                gate.set()
                if ending == "left":
                    first.reset()
                else:
                    await first.answer()
            async with asyncio.timeout(60):
                while (await asked_anew(gateway, shown)).status != 200:
                    await asyncio.sleep(0.01)
    async with raw_client(gateway.port) as client:
        assert await metric(client, "in_flight") >= 4
        assert await metric(client, "admitted") >= 9


async def test_requests_in_a_minute_are_limited(stage: Stage) -> None:
    gateway = await guarded(stage, keys=keys(requests_per_minute=2))
    client = await stage.client(gateway)
    statuses = [(await asked_anew(gateway, f"x-api-key: {KEY}")).status for _ in range(2)]
    assert statuses == [200, 200]
    answer = await asked_anew(gateway, f"Authorization: Bearer {KEY}")
    assert 25 <= retry_after(answer) <= 30
    assert "alice" in answer.json["error"]["message"]
    assert len(stage.upstream.requests) == 2
    assert (await asked_anew(gateway, f"x-api-key: {OTHER}")).status == 200
    record = await stage.record(gateway, 2)
    assert (record.key, record.limit, record.status) == ("alice", "requests", 429)
    assert await metric(client, "requests") == 1


async def test_body_bytes_in_a_minute_are_limited_whatever_their_framing(stage: Stage) -> None:
    gateway = await guarded(stage, keys=keys(body_bytes_per_minute=1000))
    shown = f"x-api-key: {KEY}"
    client = await stage.client(gateway)
    assert (await asked_anew(gateway, shown, target="/v1/x", body=b"x" * 600)).status == 200
    assert retry_after(await asked_anew(gateway, shown, target="/v1/x", body=b"x" * 600)) > 1
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/x", shown, "Transfer-Encoding: chunked") + b"7d0\r\n" + b"x" * 2000)
    await client.send(b"\r\n0\r\n\r\n")
    assert (await client.answer()).status == 200, "a body that has begun is not cut"
    assert retry_after(await asked_anew(gateway, shown, target="/v1/x", body=b"x")) > 60
    await client.send(request("GET", "/v1/models", shown))
    assert (await client.answer()).status == 200, "a request without a body is no body"
    assert await metric(client, "body_bytes") == 2


async def test_limits_of_all_keys_and_of_one(stage: Stage) -> None:
    gateway = await guarded(stage, keys=keys(requests_per_minute=0), key_requests_per_minute=1)
    stage.upstream.otherwise = lambda _: whole(b"{}")
    assert [(await asked_anew(gateway, f"x-api-key: {KEY}")).status for _ in range(3)] == [200, 200, 200]
    assert [(await asked_anew(gateway, f"x-api-key: {OTHER}")).status for _ in range(2)] == [200, 429]
