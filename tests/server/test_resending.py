"""When a request is sent a second time, when it never is, and how long its body is held for that."""

from __future__ import annotations

import asyncio

import pytest

from narrows.server.app import RunningGateway
from narrows.server.limits import Limits
from narrows.upstream.pool import PoolCounts
from tests.raw_client import RawClient, chat, request
from tests.scripted_upstream import STALL, Answer, Ending, raw, whole
from tests.stage import Stage

CHAT = "/v1/chat/completions"
DEAD = [Ending.CLOSE, Ending.RESET]


def silence(ending: Ending) -> Answer:
    return raw(ending=ending)


async def one_exchange(stage: Stage, gateway: RunningGateway) -> RawClient:
    """A client whose first exchange has left one connection in the pool."""
    client = await stage.client(gateway)
    await client.send(request())
    assert (await client.answer()).status == 200
    return client


@pytest.mark.parametrize("ending", DEAD)
@pytest.mark.parametrize("sent", ["held", "passed", "empty"])
async def test_a_pooled_connection_that_dies_in_silence_is_replaced(stage: Stage, ending: Ending, sent: str) -> None:
    gateway = await stage.gateway()
    client = await one_exchange(stage, gateway)
    stage.upstream.play(silence(ending))
    body = None if sent == "empty" else chat()
    await client.send(request("POST", CHAT if sent == "held" else "/v1/embeddings", body=body))
    assert (await client.answer()).status == 200
    _, first, second = stage.upstream.requests
    assert (first.head, first.body) == (second.head, second.body)
    assert second.body == (body or b"")
    assert gateway.gateway.pool.counts == PoolCounts(opened=2, reused=1, retried=1)


async def test_a_connection_that_the_upstream_closed_while_idle_is_not_used(stage: Stage) -> None:
    stage.upstream.play(Answer((*whole(b"x").steps, 0.05), Ending.CLOSE))
    gateway = await stage.gateway()
    client = await one_exchange(stage, gateway)
    await stage.upstream.all_closed()
    await stage.until(lambda: gateway.gateway.pool.idle_count == 0)
    await client.send(request("POST", "/v1/files", body=b"x" * 1_000_000))
    assert (await client.answer()).status == 200
    assert gateway.gateway.pool.counts.retried == 0


@pytest.mark.parametrize("ending", DEAD)
async def test_a_fresh_connection_that_dies_in_silence_is_an_error(stage: Stage, ending: Ending) -> None:
    """The upstream may have acted on the request: it is not sent again."""
    stage.upstream.play(silence(ending))
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, body=chat()))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (502, "upstream_unreachable")
    assert len(stage.upstream.requests) == 1


async def test_a_request_is_sent_again_once_at_most(stage: Stage) -> None:
    gateway = await stage.gateway()
    client = await one_exchange(stage, gateway)
    stage.upstream.play(silence(Ending.CLOSE), silence(Ending.CLOSE))
    await client.send(request("POST", CHAT, body=chat()))
    assert (await client.answer()).error_code == "upstream_unreachable"
    assert len(stage.upstream.requests) == 3


NOT_REPLAYED = {
    "something was answered": raw(b"HTTP/1.1 2", ending=Ending.CLOSE),
    "an interim head came": raw(b"HTTP/1.1 102 Processing\r\n\r\n", ending=Ending.CLOSE),
    "it took too long": raw(0.2, ending=Ending.CLOSE),
}


@pytest.mark.parametrize("name", NOT_REPLAYED)
async def test_a_request_that_may_have_been_acted_on_is_not_sent_again(stage: Stage, name: str) -> None:
    gateway = await stage.gateway(limits=Limits(stale_s=0.1))
    client = await one_exchange(stage, gateway)
    stage.upstream.play(NOT_REPLAYED[name])
    await client.send(request("POST", CHAT, body=chat()))
    assert (await client.answer()).error_code == "upstream_unreachable"
    assert len(stage.upstream.requests) == 2


async def test_a_passed_body_that_is_not_here_any_more_is_not_sent_again(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(replay_bytes=1000, stale_s=60))
    client = await one_exchange(stage, gateway)
    stage.upstream.play(silence(Ending.CLOSE))
    await client.send(request("POST", "/v1/files", body=b"x" * 2000))
    assert (await client.answer()).error_code == "upstream_unreachable"
    assert len(stage.upstream.requests) == 2


ANSWERED = {
    "garbage": b"garbage\r\n\r\n",
    "another version": b"HTTP/2 200\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "no body with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70_000,
}


@pytest.mark.parametrize("name", ANSWERED)
async def test_a_malformed_answer_is_no_silence(stage: Stage, name: str) -> None:
    """Whatever it says, somebody has acted on the request."""
    gateway = await stage.gateway()
    client = await one_exchange(stage, gateway)
    stage.upstream.play(raw(ANSWERED[name]))
    await client.send(request("POST", CHAT, body=chat()))
    answer = await client.answer()
    assert (answer.status, answer.error_code) == (502, "upstream_malformed")
    assert len(stage.upstream.requests) == 2, "an answered request was sent again"


async def is_let_go(gateway: RunningGateway) -> None:
    async with asyncio.timeout(60):
        while gateway.gateway.budget.held:
            await asyncio.sleep(0.01)


BIG = chat({"role": "system", "content": "x" * 900_000})


async def test_a_body_that_cannot_be_sent_again_is_not_held(stage: Stage) -> None:
    gateway = await stage.gateway()
    stage.upstream.play(STALL)
    client = await stage.client(gateway)
    await client.send(request("POST", CHAT, body=BIG))
    await (await stage.upstream.request()).complete.wait()
    await is_let_go(gateway)
    assert gateway.gateway.in_flight == 1


async def test_a_body_is_held_while_its_connection_may_turn_out_dead(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(stale_s=60), first_byte_timeout_s=3600)
    client = await one_exchange(stage, gateway)
    stage.upstream.play(STALL)
    await client.send(request("POST", CHAT, body=BIG))
    await (await stage.upstream.request(1)).complete.wait()
    await asyncio.sleep(0.1)
    assert gateway.gateway.budget.held >= len(BIG)
    await stage.pass_time(61)
    await is_let_go(gateway)
    assert gateway.gateway.in_flight == 1


async def test_the_limit_for_the_first_byte_holds_after_the_body_is_let_go(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(stale_s=0.2), first_byte_timeout_s=1)
    client = await one_exchange(stage, gateway)
    stage.upstream.play(STALL)
    began_s = asyncio.get_running_loop().time()
    await client.send(request("POST", CHAT, body=chat()))
    assert (await client.answer()).error_code == "upstream_timeout"
    assert asyncio.get_running_loop().time() - began_s >= 1
    assert len(stage.upstream.requests) == 2


async def test_an_interim_head_lets_the_body_go(stage: Stage) -> None:
    gateway = await stage.gateway(limits=Limits(stale_s=60))
    client = await one_exchange(stage, gateway)
    stage.upstream.play(raw(b"HTTP/1.1 102 Processing\r\n\r\n", ending=Ending.STALL))
    await client.send(request("POST", CHAT, body=BIG))
    await (await stage.upstream.request(1)).complete.wait()
    await is_let_go(gateway)
    assert gateway.gateway.in_flight == 1


async def test_a_body_that_has_not_left_is_held(stage: Stage) -> None:
    """What waits in front of an upstream that reads nothing takes memory, and counts."""
    gateway = await stage.gateway(inline_scan_bytes=64 << 20)
    stage.upstream.play(Answer((), Ending.STALL, at_head=True))
    client = await stage.client(gateway)
    body = chat({"role": "system", "content": "x" * 12_000_000})
    sending = asyncio.create_task(client.send(request("POST", CHAT, body=body)))
    await stage.upstream.request()
    stage.upstream.set_reading(False)
    await sending
    await asyncio.sleep(0.1)
    assert gateway.gateway.budget.held >= len(body)
    stage.upstream.set_reading(True)
    await is_let_go(gateway)
    assert gateway.gateway.in_flight == 1
