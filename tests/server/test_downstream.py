"""From a client's bytes to requests, one at a time."""

from __future__ import annotations

import asyncio

import pytest

from narrows.records.types import Outcome
from narrows.server.limits import Limits
from tests.raw_client import RawClient, chat, request
from tests.scripted_upstream import Answer, Ending, chunk, raw, whole
from tests.stage import Stage


async def test_a_request_cut_at_any_byte_is_the_same_request(stage: Stage) -> None:
    gateway = await stage.gateway()
    sent = request("POST", "/v1/chat/completions", "X-Odd:  A\xfc \t", body=chat())
    for cut in range(1, len(sent), 7):
        client = await stage.client(gateway)
        await client.send(sent[:cut])
        await asyncio.sleep(0)
        await client.send(sent[cut:])
        assert (await client.answer()).status == 200
        client.close()
    heads = {received.head for received in stage.upstream.requests}
    bodies = {received.body for received in stage.upstream.requests}
    assert len(heads) == 1
    assert bodies == {chat()}


async def test_pipelined_requests_are_answered_in_order(stage: Stage) -> None:
    """Whatever the upstream's speed, and whoever answers; a body's end is the next request's start."""
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"first").steps)), whole(b"second"), whole(b"third"), whole(b"fourth"))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    chunked = request("POST", "/c", "Transfer-Encoding: chunked") + chunk(b"xyz") + b"0\r\n\r\n"
    await client.send(
        request(target="/a") + request("POST", "/b", body=b"body") + request(target="/healthz") + chunked
        + request("POST", "/v1/chat/completions", body=chat())
    )  # fmt: skip
    await stage.upstream.request(0)
    await asyncio.sleep(0.05)
    assert len(stage.upstream.requests) == 1, "the second request was sent before the first was answered"
    gate.set()
    bodies = [(await client.answer()).raw_body for _ in range(5)]
    assert bodies == [b"first", b"second", b'{"status":"ok"}\n', b"third", b"fourth"]
    assert [received.start for received in stage.upstream.requests] == [
        b"GET /a HTTP/1.1", b"POST /b HTTP/1.1", b"POST /c HTTP/1.1", b"POST /v1/chat/completions HTTP/1.1"
    ]  # fmt: skip
    assert stage.upstream.requests[2].framed == b"3\r\nxyz\r\n0\r\n\r\n"


async def test_many_pipelined_requests_need_no_stack(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request(target="/healthz") * 3000)
    for _ in range(3000):
        assert (await client.answer()).status == 200


async def test_what_a_client_sends_ahead_is_bounded(stage: Stage) -> None:
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"ok").steps)))
    gateway = await stage.gateway(limits=Limits(pipelined_bytes=1000))
    client = await stage.client(gateway)
    ahead = request("POST", "/b", body=b"x" * 30_000_000)
    sending = asyncio.create_task(client.send(request() + ahead))
    await stage.upstream.request(0)
    await asyncio.sleep(0.2)
    assert not sending.done(), "30 MB were taken in while another request was in progress"
    gate.set()
    assert (await client.answer()).raw_body == b"ok"
    assert (await client.answer()).status == 200
    await sending


async def test_a_client_that_takes_no_answers_is_asked_nothing_more(stage: Stage) -> None:
    """Neither its requests pile up, nor their answers: ours, which need no upstream, are the quickest to."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    asked = request(target="/narrows/nowhere") * 1000
    sending = asyncio.create_task(client.send(asked * 300))
    await asyncio.sleep(1)
    (downstream,) = gateway.gateway.downstreams
    assert not sending.done(), "17 MB of requests were taken in"
    assert downstream.unsent_bytes() < 1 << 20
    assert len(downstream._buffer) < 1 << 20
    for _ in range(10_000):
        assert (await client.answer()).status == 404
    client.reset()
    await asyncio.gather(sending, return_exceptions=True)


@pytest.mark.parametrize("there", [2000, 10_000])
async def test_what_was_held_up_is_read_on(stage: Stage, there: int) -> None:
    """From the middle of a head, or behind whole requests."""
    gate = asyncio.Event()
    stage.upstream.play(Answer((gate, *whole(b"first").steps)), whole(b"second"))
    client = await stage.client(await stage.gateway(limits=Limits(pipelined_bytes=1000)))
    await client.send(request())
    await stage.upstream.request(0)
    ahead = request("GET", "/b", "X-Long: " + "x" * 3000)
    await client.send(ahead[:there])
    await asyncio.sleep(0.05)
    gate.set()
    assert (await client.answer()).raw_body == b"first"
    await client.send(ahead[there:])
    assert (await client.answer()).raw_body == b"second"
    await client.send(request())
    assert (await client.answer()).status == 200


@pytest.mark.parametrize("ends", ["it drains", "its time is over"])
async def test_a_client_that_takes_no_answers_gets_those_it_was_given_and_no_more(stage: Stage, ends: str) -> None:
    stage.upstream.otherwise = lambda _: whole(b"x" * 50_000)
    gateway = await stage.gateway(limits=Limits(keep_alive_s=60))
    client = await stage.client(gateway)
    client.set_reading(False)
    await client.send(request() * 1000)
    (downstream,) = gateway.gateway.downstreams
    async with asyncio.timeout(60):
        while downstream.writable:
            await asyncio.sleep(0.02)
    if ends == "it drains":
        gateway.retire(0.0)
    else:
        await stage.pass_time(61)
    asked = len(stage.upstream.requests)
    client.set_reading(True)
    received = await client.rest()
    assert received.count(b"HTTP/1.1 200 OK") == asked == len(stage.upstream.requests)
    assert received.endswith(b"x" * 50_000)


async def test_a_tunnel_is_read_on_after_what_was_sent_ahead_of_it(stage: Stage) -> None:
    """Bytes sent ahead of the answer that makes the tunnel, more than may wait, are the tunnel's, and not its last."""
    gate = asyncio.Event()
    switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    stage.upstream.play(raw(gate, switched, ending=Ending.STALL))
    gateway = await stage.gateway(limits=Limits(pipelined_bytes=1000))
    client = await stage.client(gateway)
    await client.send(request("GET", "/ws", "Connection: Upgrade", "Upgrade: websocket"))
    await stage.upstream.request(0)
    await client.send(b"a" * 2000)
    await asyncio.sleep(0.05)
    gate.set()
    assert (await client.answer()).status == 101
    await client.send(b"b" * 2000)
    async with asyncio.timeout(60):
        while len(stage.upstream.unread()) < 4000:
            await asyncio.sleep(0.005)
    client.close()


async def test_answers_of_our_own_are_framed_like_any_others(stage: Stage) -> None:
    """HEAD has no body, and one that leaves a body unread is its connection's last."""
    client = await stage.client(await stage.gateway(max_body_bytes=10))
    await client.send(request("HEAD", "/healthz") + request(target="/healthz"))
    assert (await client.answer(b"HEAD")).values(b"content-length") == [b"16"]
    answer = await client.answer()
    assert (answer.head[:13], answer.json) == (b"HTTP/1.1 200 ", {"status": "ok"})
    await client.send(request("POST", "/v1/chat/completions", body=b"x" * 1000)[:-500])
    answer = await client.answer()
    assert (answer.status, answer.values(b"connection")) == (413, [b"close"])
    assert await client.rest() == b""


MALFORMED = {
    "no request": b"hello\r\n\r\n",
    "both lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "tls": bytes.fromhex("16030100ca010000c60303"),
    "connect": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_request_is_refused_and_reaches_nobody(stage: Stage, name: str) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(MALFORMED[name])
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (400, "malformed_request")
    assert answer.values(b"connection") == [b"close"]
    assert await client.rest() == b""
    assert stage.upstream.connections == 0
    assert (await stage.record(gateway)).outcome is Outcome.REFUSED


async def test_a_malformed_request_behind_a_good_one_does_not_spoil_it(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request() + b"nonsense\r\n\r\n")
    assert (await client.answer()).status == 200
    assert (await client.answer()).status == 400


async def test_a_head_over_the_limit_is_431(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: " + b"x" * 1000 + b"\r\n")
    await client.send((b"X-Filler: " + b"x" * 1000 + b"\r\n") * 100)
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (431, "request_head_too_large")


async def test_a_head_that_does_not_end_is_408(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(head_timeout_s=0.2))
    client = await stage.client(gateway)
    await client.send(b"GET / HTTP/1.1\r\nHost: ")
    trickle = asyncio.create_task(_trickle(client))
    answer = await client.answer()
    trickle.cancel()
    assert (answer.status, answer.error_code) == (408, "request_timeout")


async def _trickle(client: RawClient) -> None:
    while True:
        await asyncio.sleep(0.05)
        await client.send(b"a")


async def test_an_idle_connection_is_closed_without_a_word(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(keep_alive_s=60))
    fresh, used = await stage.client(gateway), await stage.client(gateway)
    await used.send(request())
    assert (await used.answer()).status == 200
    await stage.pass_time(61)
    assert await fresh.rest() == b""
    assert await used.rest() == b""


async def test_a_body_that_stops_coming_is_408(stage: Stage) -> None:
    gateway = await stage.gateway(idle_timeout_s=60)
    for path in ("/v1/chat/completions", "/v1/files"):
        client = await stage.client(gateway)
        await client.send(request("POST", path, "Content-Length: 100") + b"{")
        await stage.until(lambda: gateway.gateway.in_flight == 1)
        if path == "/v1/files":
            await stage.upstream.request()
        await stage.pass_time(61)
        answer = await client.answer()
        assert (answer.status, answer.error_code) == (408, "request_timeout")
        client.close()
        await stage.until(lambda: gateway.gateway.in_flight == 0)
    await stage.upstream.all_closed()


async def test_a_refused_upload_is_read_on_so_that_its_client_sees_the_answer(stage: Stage) -> None:
    """Closing at once would reset the connection under the client's bytes, and the answer with it."""
    gateway = await stage.gateway(max_body_bytes=1000, max_buffered_bytes=2000)
    client = await stage.client(gateway)
    sending = asyncio.create_task(client.send(request("POST", "/v1/chat/completions", body=b"x" * 20_000_000)))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (413, "request_too_large")
    await sending
    assert await client.rest() == b""


async def test_lingering_ends(stage: Stage) -> None:
    gateway = await stage.gateway(max_body_bytes=10, max_buffered_bytes=10, limits=Limits(linger_s=0.1))
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", "Content-Length: 11"))
    assert (await client.answer()).status == 413
    async with asyncio.timeout(60):
        while gateway.gateway.downstreams:
            await asyncio.sleep(0.01)


async def test_lingering_is_bounded_in_bytes(stage: Stage) -> None:
    gateway = await stage.gateway(max_body_bytes=10, max_buffered_bytes=10, limits=Limits(linger_bytes=100_000))
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", "Content-Length: 100000000"))
    with pytest.raises(ConnectionError):
        await client.send(b"x" * 90_000_000)


async def test_an_expectation_is_answered_where_the_body_is_wanted(stage: Stage) -> None:
    gateway = await stage.gateway()
    for path in ("/v1/chat/completions", "/v1/files"):
        client = await stage.client(gateway)
        await client.send(request("POST", path, "Expect: 100-continue", f"Content-Length: {len(chat())}"))
        reading = asyncio.create_task(client.answer())
        await asyncio.sleep(0.05)
        await client.send(chat())
        answer = await reading
        assert answer.interim == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        assert answer.status == 200
    assert all(received.values(b"expect") == [] for received in stage.upstream.requests)


async def test_an_expectation_is_not_answered_where_the_body_is_refused(stage: Stage) -> None:
    gateway = await stage.gateway(max_body_bytes=10, max_buffered_bytes=10)
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/chat/completions", "Expect: 100-continue", "Content-Length: 11"))
    answer = await client.answer()
    assert (answer.interim, answer.status) == ([], 413)


async def test_the_hundred_is_not_doubled(stage: Stage) -> None:
    stage.upstream.play(Answer((b"HTTP/1.1 100 Continue\r\n\r\n", *whole(b"ok").steps)))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", "/v1/files", "Expect: 100-continue", "Content-Length: 2"))
    await asyncio.sleep(0.05)
    await client.send(b"ab")
    answer = await client.answer()
    assert (len(answer.interim), answer.raw_body) == (1, b"ok")


async def test_a_chunked_body_that_is_none_is_refused(stage: Stage) -> None:
    gateway = await stage.gateway()
    for path in ("/v1/chat/completions", "/v1/files"):
        client = await stage.client(gateway)
        await client.send(request("POST", path, "Transfer-Encoding: chunked") + b"2\r\n{}\r\nzz\r\n")
        answer = await client.answer()
        assert (answer.status, answer.error_code) == (400, "malformed_request")
    await stage.upstream.all_closed()


async def test_connections_are_kept_and_closed_as_the_client_asks(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    for _ in range(3):
        await client.send(request())
        assert (await client.answer()).values(b"connection") == []
    await client.send(request("GET", "/x", "Connection: close"))
    assert (await client.answer()).values(b"connection") == [b"close"]
    assert await client.rest() == b""
    assert stage.upstream.connections == 1
