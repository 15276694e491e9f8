"""A client whose request is for an agent goes to the process that has the agents, with everything that was read of it,
and is that process's client from then on. Both processes are gateways here, in this one."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import Any

import pytest

from narrows.backends.scripted import Scripted
from narrows.records.types import Outcome
from narrows.server.agents import handing_over
from narrows.server.agents.handing_over import Arrivals, Elsewhere, handing_over_pair
from narrows.server.app import RunningGateway
from narrows.server.limits import Limits
from tests.agent_stage import STUCK, Scene, agent_settings, chat, growing, scene
from tests.raw_client import RawClient, request
from tests.raw_client import chat as model_chat
from tests.scripted_upstream import Answer, whole
from tests.server.test_agents import until
from tests.stage import Stage

PATH = "/v1/chat/completions"
ASKED = json.dumps(chat("hi")).encode()
PLAIN = request("POST", PATH, body=model_chat())


@dataclass(slots=True)
class Two:
    """A worker, and the gateway that has the agents."""

    worker: RunningGateway
    agents: Scene
    arrivals: Arrivals
    ends: tuple[socket.socket, socket.socket]
    client: RawClient


async def two(stage: Stage, *scripts: list[Scripted], taking: bool = True, **changes: Any) -> Two:
    agents = await scene(stage, *scripts)
    worker = await stage.gateway(**changes)
    giving, taken_from = handing_over_pair()
    arrivals = Arrivals(
        taken_from,
        lambda connection, read: tasks.append(asyncio.create_task(agents.gateway.take_over(connection, read))),
    )
    tasks: list[asyncio.Task[None]] = []
    worker.gateway.elsewhere = Elsewhere(giving, [agent_settings()], "")
    if taking:
        arrivals.begin()
    for end in (giving, taken_from):
        stage.stack.callback(end.close)
    stage.stack.callback(arrivals.stop)
    return Two(worker, agents, arrivals, (giving, taken_from), await stage.client(worker))


def chunked(*pieces: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def test_an_agents_client_is_served_by_the_process_that_has_it(stage: Stage) -> None:
    one = await two(stage, growing("Hello"), growing("Again"))
    for text in ("Hello", "Again"):
        await one.client.send(request("POST", PATH, body=ASKED))
        assert (await one.client.answer(b"POST")).json["choices"][0]["message"]["content"] == text
    assert one.worker.gateway.telling.ring.appended == 0
    record = await stage.record(one.agents.gateway, 1)
    assert (record.outcome, record.status) == (Outcome.ANSWERED, 200)
    assert one.worker.gateway.budget.held == 0


async def test_what_is_asked_next_on_the_connection_is_answered_there_too(stage: Stage) -> None:
    one = await two(stage, growing("Hello"))
    stage.upstream.otherwise = lambda _: whole(b'{"from": "the model"}')
    await one.client.send(PLAIN + request("POST", PATH, body=ASKED) + PLAIN)
    answers = [await one.client.answer(b"POST") for _ in range(3)]
    assert answers[0].json == answers[2].json == {"from": "the model"}
    assert answers[1].json["choices"][0]["message"]["content"] == "Hello"
    assert one.worker.gateway.telling.ring.appended == 1
    await stage.record(one.agents.gateway, 1)


@pytest.mark.parametrize("cut", [1, 10, 60, 100, len(chunked(ASKED)) - 1])
async def test_a_request_may_come_in_any_pieces(stage: Stage, cut: int) -> None:
    one = await two(stage, growing("Hello"))
    asked = chunked(ASKED[:20], ASKED[20:])
    await one.client.send(asked[:cut])
    await asyncio.sleep(0.01)
    await one.client.send(asked[cut:])
    assert (await one.client.answer(b"POST")).json["choices"][0]["message"]["content"] == "Hello"


class _Hesitating(Elsewhere):
    """Takes a moment, as it does where the client has not taken its last answer yet."""

    async def take_over(self, transport: asyncio.Transport, read: bytes, within_s: float) -> None:
        await asyncio.sleep(0.1)
        await super().take_over(transport, read, within_s)


async def test_what_a_client_sends_while_it_leaves_goes_with_it(stage: Stage) -> None:
    """Whether or not it was held up, for sending too much ahead, when its turn came."""
    gate = asyncio.Event()
    one = await two(stage, growing("Hello"), growing("Again"), limits=Limits(pipelined_bytes=1000))
    one.worker.gateway.elsewhere = _Hesitating(one.ends[0], [agent_settings()], "")
    stage.upstream.play(Answer((gate, *whole(b"{}").steps)))
    await one.client.send(PLAIN)
    await stage.upstream.request(0)
    await one.client.send(request("POST", PATH, "X-Long: " + "x" * 1000, body=ASKED))
    await asyncio.sleep(0.05)
    gate.set()
    assert (await one.client.answer(b"POST")).json == {}
    await asyncio.sleep(0.02)
    await one.client.send(request("POST", PATH, body=ASKED))
    texts = [(await one.client.answer(b"POST")).json["choices"][0]["message"]["content"] for _ in range(2)]
    assert texts == ["Hello", "Again"]


async def test_a_client_that_waits_for_100_is_told_once(stage: Stage) -> None:
    one = await two(stage, growing("Hello"))
    asked = request("POST", PATH, "Expect: 100-continue", body=ASKED)
    head, _, body = asked.partition(b"\r\n\r\n")
    await one.client.send(head + b"\r\n\r\n")
    await asyncio.sleep(0.02)
    await one.client.send(body)
    answer = await one.client.answer(b"POST")
    assert (len(answer.interim), answer.status) == (1, 200)


async def test_a_large_request_arrives_whole(stage: Stage) -> None:
    one = await two(stage, growing("Hello"))
    text = "x" * 2_000_000
    await one.client.send(request("POST", PATH, body=json.dumps(chat(text)).encode()))
    assert (await one.client.answer(b"POST")).status == 200
    assert one.agents.backend.turns[0].message.text == text


async def test_an_agents_own_path_leaves_with_its_head(stage: Stage) -> None:
    one = await two(stage)
    await one.client.send(b"GET /narrows/agents/coder/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await one.client.answer()).status == 404
    assert one.worker.gateway.telling.ring.appended == 0


async def test_a_client_that_leaves_is_noticed_where_its_run_is(stage: Stage) -> None:
    one = await two(stage, STUCK)
    await one.client.send(request("POST", PATH, body=json.dumps(chat("hi", stream=True)).encode()))
    async with asyncio.timeout(60):
        while not one.agents.backend.turns:
            await asyncio.sleep(0.005)
    one.client.close()
    record = await stage.record(one.agents.gateway)
    assert record.outcome is Outcome.CANCELLED
    assert one.agents.backend.turns[0].cancelled == 1


async def test_a_client_that_comes_while_the_agents_process_drains_is_answered(stage: Stage) -> None:
    """It was taken just before: nobody else will answer it."""
    one = await two(stage, growing("Hello"), taking=False)
    await one.client.send(request("POST", PATH, body=ASKED))
    await until(lambda: one.worker.gateway.downstreams == set())
    one.agents.gateway.retire(0.0)
    one.arrivals.begin()
    answer = await one.client.answer(b"POST")
    assert answer.json["choices"][0]["message"]["content"] == "Hello"
    assert answer.values(b"connection") == [b"close"]


async def test_a_worker_that_stops_hands_nobody_over_that_nobody_would_answer(stage: Stage) -> None:
    one = await two(stage, growing("Hello"), taking=False)
    assert one.worker.gateway.elsewhere is not None
    one.worker.gateway.elsewhere.stops = True
    others = await stage.client(one.worker)
    await one.client.send(request("POST", PATH, body=ASKED))
    await others.send(request("GET", "/v1/sessions/mine"))
    for client in (one.client, others):
        answer = await client.answer(b"POST")
        assert (answer.status, answer.error_code, answer.values(b"retry-after")) == (503, "overloaded", [b"2"])


async def test_models_of_agents_elsewhere_are_listed(stage: Stage) -> None:
    one = await two(stage)
    stage.upstream.otherwise = lambda _: whole(b'{"object": "list", "data": [{"id": "gpt-4o"}]}')
    await one.client.send(request())
    assert [model["id"] for model in (await one.client.answer()).json["data"]] == ["gpt-4o", "coder"]


async def test_without_an_upstream_other_models_are_unknown_here_as_there(stage: Stage) -> None:
    one = await two(stage, upstream="")
    await one.client.send(PLAIN)
    answer = await one.client.answer(b"POST")
    assert (answer.status, answer.error_code) == (400, "model_not_found")
    assert b"coder" in answer.raw_body


async def test_where_nobody_takes_clients_the_client_is_told_and_nothing_is_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handing_over, "GIVEN_WITHIN_S", 0.02)
    one = await two(stage, taking=False)
    one.ends[1].close()
    await one.client.send(request("POST", PATH, body=ASKED))
    answer = await one.client.answer(b"POST")
    assert (answer.status, answer.values(b"retry-after")) == (503, [b"2"])
    record = await stage.record(one.worker)
    assert record.outcome is Outcome.REFUSED
