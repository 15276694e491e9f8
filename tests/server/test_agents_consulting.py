"""A step that waits for a person is put to the client, whose word goes to the agent."""

from __future__ import annotations

import asyncio
import json

import pytest

from narrows.agents.observation import Observation, StepText
from narrows.backends.types import Verdict
from narrows.server.agents.consulting import read_verdict
from tests.agent_stage import Json, agent_settings, cascade_server, chat, growing, scene, tool
from tests.server.test_agents import ask, asked, session_of, text_of
from tests.server.test_agents_tools import finish_of, message_of, with_outputs
from tests.stage import Stage

APPROVAL = tool("narrows_approval")
ASKED: list[Json] = [APPROVAL, tool("weather")]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ('{"approve": true}', Verdict(allow=True)),
        ('{"approve": false, "why": "no"}', Verdict(allow=False)),
        ('{"answer": "the red one"}', Verdict(allow=False, answer="the red one")),
        ("yes", Verdict(allow=False)),
        ("true", Verdict(allow=False)),
        ('{"approve": "true"}', Verdict(allow=False)),
        ("[" * 100_000, Verdict(allow=False)),
        ("\ud800", Verdict(allow=False)),
    ],
)
def test_only_a_clear_word_approves(said: str, verdict: Verdict) -> None:
    assert read_verdict(said) == verdict


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("allow", [False, True])
async def test_the_client_decides_and_the_same_run_goes_on(stage: Stage, stream: bool, allow: bool) -> None:
    before, waiting = StepText(1, "May I?", True), Observation("2", (StepText(1, "May I?", True),), True, waiting=(2,))
    after = Observation("3", (before, StepText(3, "Done.", False)), working=True)
    one = await scene(stage, [waiting, waiting, after, _ended(before)], on_waiting="ask", tools="off")
    body = chat("hi", tools=[APPROVAL], stream=stream)
    first = await ask(stage, one, body)
    message = message_of(first)
    assert (finish_of(first), message["content"]) == ("tool_calls", "May I?")
    (call,) = message["tool_calls"]
    assert call["function"]["name"] == "narrows_approval"
    assert json.loads(call["function"]["arguments"]) == {"kind": "permission", "asked": {"step": 2}}
    assert one.backend.turns[0].decided == []
    word = json.dumps({"approve": allow})
    second = await ask(stage, one, with_outputs(body, first, word))
    assert (text_of(second), session_of(second)[1]) == ("Done.", "resumed")
    assert one.backend.turns[0].decided == [(2, Verdict(allow=allow))]
    assert len(one.backend.turns) == 1


def _ended(before: StepText) -> Observation:
    (_, end) = growing("Done.")
    assert isinstance(end, Observation)
    return Observation("end", (before, StepText(3, "Done.", True)), working=True, outcome=end.outcome)


async def test_a_client_that_did_not_offer_the_tool_is_told_of_it(stage: Stage) -> None:
    one = await scene(stage, [Observation("1", working=True, waiting=(2,))], on_waiting="ask")
    answer = await ask(stage, one, chat("hi", tools=ASKED[1:]))
    assert (answer.status, answer.error_code) == (409, "agent_waiting_for_input")
    assert "narrows_approval" in answer.json["error"]["message"]
    assert (one.backend.turns[0].cancelled, one.backend.turns[0].decided) == (1, [])


async def test_nobody_is_approved_by_time(stage: Stage) -> None:
    one = await scene(
        stage, [Observation("1", working=True, waiting=(2,))], on_waiting="ask", hold_timeout_s=0.05, tools="off"
    )
    first = await ask(stage, one, chat("hi", tools=[APPROVAL]))
    async with asyncio.timeout(60):
        while not one.backend.turns[0].cancelled:
            await asyncio.sleep(0.005)
    late = await ask(stage, one, with_outputs(chat("hi"), first, '{"approve": true}'))
    assert late.error_code == "tool_call_expired"
    assert one.backend.turns[0].decided == []


async def test_no_agent_is_offered_the_tool(stage: Stage) -> None:
    one = await scene(stage, growing("x"), growing("y"), on_waiting="ask")
    await ask(stage, one, chat("hi", tools=ASKED))
    assert [given.name for given in one.backend.turns[0].message.tools] == ["weather"]
    other = await scene(stage, growing("x"))
    await ask(stage, other, chat("hi", tools=ASKED))
    assert [given.name for given in other.backend.turns[0].message.tools] == ["narrows_approval", "weather"]


async def test_a_call_of_the_agents_own_by_that_name_is_none_of_the_clients(stage: Stage) -> None:
    one = await scene(stage, growing("x"), on_waiting="ask")
    one.backend.gate = asyncio.Event()
    asking = asyncio.create_task(ask(stage, one, chat("hi", tools=ASKED)))
    async with asyncio.timeout(60):
        while not one.backend.turns:
            await asyncio.sleep(0.005)
    (session,) = one.agent.sessions.listed()
    assert [given.name for given in one.plane.tools("coder", session.id)] == ["weather"]
    one.backend.gate.set()
    assert text_of(await asking) == "x"


async def test_the_reference_server_hears_the_clients_word(stage: Stage) -> None:
    turns = [{"do": [{"act": "wait", "message": "rm -r build"}, {"act": "text", "texts": ["Gone."]}]}]
    async with cascade_server({"turns": turns}) as server:
        gateway = await stage.gateway(
            agents=(agent_settings(f"http://127.0.0.1:{server.port}", on_waiting="ask", tools="off"),)
        )
        client = await stage.client(gateway)
        first = await asked(client, chat("hi", tools=[APPROVAL]))
        (call,) = message_of(first)["tool_calls"]
        assert "rm -r build" in call["function"]["arguments"]
        body = with_outputs(chat("hi"), first, '{"approve": true}')
        assert text_of(await asked(client, body)) == "Gone."
        (step,) = [one for one in server.service.conversations["cascade-1"].steps if "requestedInteraction" in one]
        assert step["status"] == "CORTEX_STEP_STATUS_DONE"
