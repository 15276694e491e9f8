"""What an SDK sends again by itself does not make an agent act twice."""

from __future__ import annotations

import asyncio
import json

import pytest

from narrows.agents.session import Ask
from narrows.errors import RequestRepeated
from narrows.server.agents.repeats import LeftRequests, digest_of
from tests.agent_stage import STUCK, Json, Scene, chat, growing, pausing, scene
from tests.raw_client import request
from tests.server.test_agents import PATH, ask, idle, text_of, until
from tests.server.test_agents_tools import CALL, TOOLS, with_outputs
from tests.stage import Stage

AGAIN = "x-stainless-retry-count: 1"
RETRIED = b"\r\nx-stainless-retry-count: 1\r\n"


async def left(stage: Stage, one: Scene, body: Json, *lines: str, turn: int = 0) -> None:
    """A client that asks, and leaves when the agent has begun."""
    client = await stage.client(one.gateway)
    await client.send(request("POST", PATH, *lines, body=json.dumps(body).encode()))
    await until(lambda: len(one.backend.turns) > turn and one.backend.turns[turn].looks)
    client.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_retry_after_the_agent_has_begun_is_refused_and_ends_there(stage: Stage, stream: bool) -> None:
    one = await scene(stage, STUCK, growing("again"))
    body = chat("pay the bill", stream=stream)
    await left(stage, one, body)
    await idle(one)
    answer = await ask(stage, one, body, AGAIN)
    assert (answer.status, answer.error_code) == (409, "request_repeated")
    assert answer.values(b"x-should-retry") == [b"false"]
    assert len(one.backend.turns) == 1
    assert text_of(await ask(stage, one, chat("pay the next bill"), AGAIN)) == "again"


async def test_a_user_who_asks_again_is_answered(stage: Stage) -> None:
    one = await scene(stage, STUCK, growing("again"))
    await left(stage, one, chat("hi"))
    await idle(one)
    assert text_of(await ask(stage, one, chat("hi"), "x-stainless-retry-count: 0")) == "again"


async def test_a_retry_while_the_first_goes_on_for_nobody_is_refused_and_told_where_the_answer_is(
    stage: Stage,
) -> None:
    one = await scene(stage, growing("paid"))
    one.backend.gate = asyncio.Event()
    mine = "X-Narrows-Session: mine"
    await left(stage, one, chat("pay the bill"), mine)
    await stage.record(one.gateway)
    answer = await ask(stage, one, chat("pay the bill"), mine, AGAIN)
    assert (answer.error_code, answer.values(b"x-should-retry")) == ("request_repeated", [b"false"])
    assert "/v1/sessions/mine" in answer.json["error"]["message"]
    one.backend.gate.set()
    await idle(one)
    answer = await ask(stage, one, chat("pay the bill"), mine, AGAIN)
    assert answer.error_code == "request_repeated"
    assert len(one.backend.turns) == 1


async def test_a_retry_of_a_request_that_nothing_was_done_for_is_answered(stage: Stage) -> None:
    one = await scene(stage, STUCK, growing("two"), max_runs=1)
    first = await stage.client(one.gateway)
    await first.send(request("POST", PATH, body=json.dumps(chat("one")).encode()))
    await until(lambda: one.backend.turns)
    second = await stage.client(one.gateway)
    await second.send(request("POST", PATH, body=json.dumps(chat("two")).encode()))
    await until(lambda: one.plane.running == 2)
    second.close()
    await until(lambda: one.plane.running == 1)
    first.close()
    await idle(one)
    assert text_of(await ask(stage, one, chat("two"), AGAIN)) == "two"


async def test_outputs_of_tools_that_are_brought_again_do_not_begin_a_conversation_anew(stage: Stage) -> None:
    one = await scene(stage, pausing("", CALL), STUCK, growing("anew"))
    body = chat("hi", tools=TOOLS)
    first = await ask(stage, one, body)
    brought = with_outputs(body, first, "cold")
    await left(stage, one, brought, turn=1)
    await idle(one)
    answer = await ask(stage, one, brought, AGAIN)
    assert answer.error_code == "request_repeated"
    assert len(one.backend.turns) == 2


def test_what_is_remembered_is_bounded_in_number_and_in_time() -> None:
    requests = LeftRequests(limit=2, kept_s=10.0)
    for at_s, name in enumerate("abc"):
        requests.put(name.encode(), name, float(at_s))
    requests.check(b"a", RETRIED, 3.0)
    with pytest.raises(RequestRepeated, match="/v1/sessions/b "):
        requests.check(b"b", RETRIED, 3.0)
    requests.check(b"b", RETRIED, 11.0)
    requests.check(b"c", b"\r\nx-stainless-retry-count: none\r\n", 3.0)
    requests.check(b"c", b"\r\nx-stainless-retry-count: 0\r\n", 3.0)
    requests.drop(b"c")
    requests.check(b"c", RETRIED, 3.0)


def test_requests_for_other_sessions_are_others() -> None:
    asks = [Ask("me", "coder", name, digests, False) for name, digests in (("", (b"1",)), ("a", (b"1",)), ("", ()))]
    assert len({digest_of(ask) for ask in asks}) == 3
