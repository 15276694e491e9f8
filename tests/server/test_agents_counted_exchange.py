"""Agents' model calls among the limits of gateway keys: counted for whoever set the agent to work, never in its way."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from narrows.agents.observation import Finish, Finished, Observation, StepText
from narrows.server.keys import Holder
from narrows.settings import GatewayKey, KeyLimits
from narrows.settings.keys import key_digest
from tests.agent_stage import Scene, chat, scene
from tests.raw_client import request
from tests.scripted_upstream import completion, whole
from tests.server.test_agents import ask
from tests.server.test_agents_model_exchange import CHAT, SHARED, path_of, records, running, sent, small
from tests.server.test_agents_offering import CALL, OWN, WEATHER, begun, calling, looks, offered, saying
from tests.server.test_agents_tools import message_of, with_outputs
from tests.stage import Stage

KEYS = {name: "nrw_" + name[0] * 43 for name in ("alice", "robot")}
SHOWN = {name: f"Authorization: Bearer {key}" for name, key in KEYS.items()}
FINISHED: list[Any] = [Observation("end", (StepText(1, "ok", True),), working=True, outcome=Finished(Finish.STOP))]


def limited(one: Scene, **limits: int) -> None:
    """Give the gateway its keys, each with these limits."""
    digests = {name: key_digest(key.encode()) for name, key in KEYS.items()}
    keys = tuple(
        GatewayKey(name, digest, KeyLimits(**limits)) for name, digest in digests.items() if digest is not None
    )
    one.gateway.reload(dataclasses.replace(one.gateway.gateway.settings, keys=keys))


def holder(one: Scene, name: str) -> Holder:
    keyring = one.gateway.gateway.keyring
    assert keyring is not None
    found = keyring.named(name)
    assert found is not None
    return found


async def ended(one: Scene, run: asyncio.Task[Any]) -> None:
    assert one.backend.gate is not None
    one.backend.gate.set()
    assert (await run).status == 200


async def test_a_call_counts_for_the_key_whose_request_set_the_agent_to_work(stage: Stage) -> None:
    """It is not refused, whatever that key has used; the next request of the key waits."""
    one = await scene(stage, FINISHED, FINISHED, correlation="endpoint")
    limited(one, max_in_flight=1, requests_per_minute=3)
    run = await running(stage, one, SHOWN["alice"])
    for _ in range(4):
        stage.upstream.play(whole(completion()))
        assert (await sent(stage, one, path_of(one), small())).status == 200
    assert holder(one, "alice").allowance.in_flight == 1, "the run's; its calls need no place"
    await ended(one, run)
    refused = await ask(stage, one, chat("more"), SHOWN["alice"])
    assert (refused.status, refused.error_code) == (429, "rate_limit_exceeded")
    assert int(refused.values(b"retry-after")[0]) > 20, "the debt is waited for"
    assert (await ask(stage, one, chat("hi"), SHOWN["robot"])).status == 200, "nobody else does"
    found = await records(stage, one, 6)
    assert {record.key for record in found["agent"]} == {"alice"}


@pytest.mark.parametrize("chunked", [False, True])
async def test_bytes_count_too(stage: Stage, chunked: bool) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint")
    limited(one, body_bytes_per_minute=2000)
    run = await running(stage, one, SHOWN["alice"])
    stage.upstream.play(whole(completion()))
    body, client = json.dumps(small(pad="x" * 3000)).encode(), await stage.client(one.gateway)
    await client.send(
        request("POST", path_of(one), "Transfer-Encoding: chunked")
        if chunked
        else request("POST", path_of(one), body=body)
    )
    if chunked:
        await client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert (await client.answer(b"POST")).status == 200
    await ended(one, run)
    refused = await ask(stage, one, chat("more"), SHOWN["alice"])
    assert refused.status == 429
    assert "bytes" in refused.json["error"]["message"]


async def test_the_key_that_the_settings_name_counts_in_its_place(stage: Stage) -> None:
    one = await scene(stage, FINISHED, FINISHED, correlation="endpoint", calls_key="robot")
    limited(one, requests_per_minute=2)
    run = await running(stage, one, SHOWN["alice"])
    for _ in range(3):
        stage.upstream.play(whole(completion()))
        assert (await sent(stage, one, path_of(one), small())).status == 200
    await ended(one, run)
    on_shared = await sent(stage, one, SHARED, small(), SHOWN["robot"])
    assert on_shared.status == 429, "who shows that key waits for the debt"
    assert (await ask(stage, one, chat("more"), SHOWN["alice"])).status == 200


async def test_a_key_that_is_gone_counts_for_nobody(stage: Stage) -> None:
    one = await scene(stage, FINISHED, correlation="endpoint")
    limited(one, requests_per_minute=1)
    run = await running(stage, one, SHOWN["alice"])
    settings = one.gateway.gateway.settings
    one.gateway.reload(dataclasses.replace(settings, keys=settings.keys[1:]))
    stage.upstream.play(whole(completion()))
    assert (await sent(stage, one, path_of(one), small())).status == 200
    await ended(one, run)


async def test_a_call_under_its_own_runs_key_does_not_wait_for_that_runs_end(stage: Stage) -> None:
    """Where a client and its agent have one key, with room for one request."""
    one = await scene(stage, FINISHED, correlation="header")
    limited(one, max_in_flight=1, requests_per_minute=2)
    run = await running(stage, one, SHOWN["alice"])
    lines = ("x-session-id: conversation-1", SHOWN["alice"])
    stage.upstream.play(whole(completion()))
    assert (await sent(stage, one, SHARED, small(), *lines)).status == 200
    over = await sent(stage, one, SHARED, small(), *lines)
    assert (over.status, bool(over.values(b"retry-after"))) == (429, True), "its requests are limited as all are"
    nobodys = await sent(stage, one, CHAT, small(), SHOWN["alice"])
    assert nobodys.status == 429
    await ended(one, run)


async def test_a_request_that_the_gateway_makes_by_itself_counts_as_well(stage: Stage) -> None:
    one = await offered(stage)
    limited(one, requests_per_minute=4)
    body = chat("hi", tools=[WEATHER])
    asking, agent = await begun(stage, one, body, SHOWN["alice"])
    stage.upstream.play(calling(CALL), saying("ok"))
    await agent.calls(tools=[OWN])
    first = await asking
    assert message_of(first)["tool_calls"]
    one.backend.turns[0].script.append(looks("done", over=True))
    assert (await ask(stage, one, with_outputs(body, first, "cold"), SHOWN["alice"])).status == 200
    await agent.answer()
    refused = await ask(stage, one, chat("a fifth"), SHOWN["alice"])
    assert refused.status == 429, "two requests of the client's, the agent's, and the one that went on with it"
