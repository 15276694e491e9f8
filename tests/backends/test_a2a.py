"""The A2A backend against a small server that speaks the protocol; the real one is in tests/agents_e2e."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from a2a.types.a2a_pb2 import Artifact, Part, StreamResponse, Task, TaskStatus
from google.protobuf import json_format

from narrows.agents.deltas import answer_text
from narrows.agents.observation import AgentCall, Finish, Finished, Observation, Paused, StepText, Usage
from narrows.agents.request import Image
from narrows.agents.tools import CallOutput, ClientTool
from narrows.backends import a2a
from narrows.backends.a2a import A2ABackend, A2AOptions
from narrows.backends.a2a.parts import CLIENT_TOOLS, calls_in
from narrows.backends.a2a.tasks import TaskReader
from narrows.backends.a2a.turn import A2ATurn
from narrows.backends.credentials import GivenToken, NoToken
from narrows.backends.sdk_http import TokenAuth, sdk_client
from narrows.backends.types import ConversationLost, Credentials, ModelEndpoint
from narrows.errors import (
    AgentCredentials,
    AgentFailed,
    AgentOverloaded,
    AgentRateLimited,
    AgentUnavailable,
    UnsupportedParameter,
)
from tests.backends.a2a_server import NO_METHOD, NOT_FOUND, A2AServer, a2a_server
from tests.backends.peer import Peer
from tests.backends.turns import failed, looks, streamed

Asked = Peer[A2AServer, A2ABackend, A2ATurn]
WEATHER = ClientTool("weather", "What it is like.", b'{"type":"object", "minProperties":1}')
BOTH = pytest.mark.parametrize("streams", [True, False], ids=["streaming", "polling"])


def backend_of(url: str, credentials: Credentials | None = None, model: str = "") -> A2ABackend:
    auth = TokenAuth(credentials or NoToken(), "Authorization")
    return A2ABackend(sdk_client(url, None, auth, connect_timeout_s=60, max_connections=8), A2AOptions(url, model))


@asynccontextmanager
async def peer(
    credentials: Credentials | None = None, *, streams: bool = True, model: str = ""
) -> AsyncIterator[Asked]:
    async with a2a_server() as server:
        server.streams = streams
        backend = backend_of(server.url, credentials, model)
        try:
            yield Peer(server, backend, backend)
        finally:
            await backend.close()


def paused(seen: list[Observation]) -> tuple[AgentCall, ...]:
    outcome = seen[-1].outcome
    assert isinstance(outcome, Paused)
    return outcome.calls


@BOTH
async def test_a_message_is_a_task_and_its_text_is_what_was_streamed(streams: bool) -> None:
    async with peer(streams=streams, model="m-1") as one:
        turn = await one.ask("one two three", max_output_tokens=9)
        seen = await looks(turn)
        (sent,) = one.server.sent
        asked = [method for method, _ in one.server.asked]
    assert streamed(seen) == answer_text(seen[-1].texts) == "ONE TWO THREE"
    assert seen[-1].outcome == Finished(Finish.STOP)
    assert seen[-1].usage == Usage(7, 2, None, None)
    assert turn.steps == 1
    assert sent["messageId"] == "message-1"
    assert sent["metadata"] == {"model": "m-1", "maxOutputTokens": 9.0}
    assert asked[0] == ("SendStreamingMessage" if streams else "SendMessage")
    assert ("GetTask" in asked) is not streams
    if not streams:
        assert one.server.params("SendMessage")[0]["configuration"]["returnImmediately"] is True


async def test_a_look_waits_for_news_and_for_no_longer_than_it_may() -> None:
    async with peer() as one:
        turn = await one.ask("HOLD on")
        async with asyncio.timeout(60):
            while not (seen := await turn.look(5)).texts:
                pass
        again = await turn.look(0.01)
        assert (again.mark, again.outcome) == (seen.mark, None)
        await turn.cancel()
        await turn.close()


async def test_a_stream_that_is_cut_is_followed_by_asking() -> None:
    async with peer() as one:
        seen = await one.answer("CUT in four pieces")
    assert streamed(seen) == answer_text(seen[-1].texts) == "CUT IN FOUR PIECES"


PNG = Image("image/png", "iVBORw0KGgo=")


@pytest.mark.parametrize("modes", [["text", "image/*"], ["image/png"], ["IMAGE/PNG; q=1"], ["*/*"]])
async def test_images_are_parts_beside_the_text_where_the_card_takes_them(modes: list[str]) -> None:
    async with peer() as one:
        one.server.modes = modes
        seen = await one.answer("what\n[Image]", images=(PNG,))
        assert one.backend.takes_images
        (sent,) = one.server.sent
    assert answer_text(seen[-1].texts) == "WHAT\n[IMAGE]"
    assert sent["parts"] == [{"text": "what\n[Image]"}, {"raw": PNG.data, "mediaType": "image/png"}]


async def test_a_skill_that_takes_images_is_enough() -> None:
    async with peer() as one:
        one.server.skills = [{"id": "s", "name": "s", "description": "s", "tags": [], "inputModes": ["image/png"]}]
        await one.answer("what\n[Image]", images=(PNG,))
        assert len(one.server.sent) == 1


async def test_an_image_that_the_card_does_not_take_is_refused_and_not_sent() -> None:
    async with peer() as one:
        one.server.modes = ["text/plain", "image/jpeg"]
        assert one.backend.takes_images, "taken for granted until the card has been read"
        context = await one.backend.start()
        assert one.backend.takes_images
        with pytest.raises(UnsupportedParameter, match=r"image/png.*text/plain, image/jpeg"):
            await one.ask("what\n[Image]", conversation=context, images=(PNG,))
        assert one.server.sent == []
    async with peer() as one:
        await one.backend.start()
        assert not one.backend.takes_images


@BOTH
async def test_a_part_that_is_marked_as_a_thought_is_no_part_of_the_answer(streams: bool) -> None:
    async with peer(streams=streams) as one:
        seen = await one.answer("THINK one two")
    assert streamed(seen) == answer_text(seen[-1].texts) == "ONE TWO"
    assert seen[-1].thoughts == (StepText(0, "Hm.Hm.", True),)


def test_a_thought_is_shown_before_there_is_a_text_and_only_once() -> None:
    def update(text: str, *, thought: bool = False) -> StreamResponse:
        part = {"text": text} | ({"metadata": {"adk_thought": True}} if thought else {})
        artifact = {"artifactId": "a", "parts": [part]}
        event = StreamResponse()
        json_format.ParseDict({"artifactUpdate": {"taskId": "t", "artifact": artifact, "append": True}}, event)
        return event

    reader = TaskReader()
    reader.take(update("Hm", thought=True))
    assert (reader.texts, reader.thoughts) == ((), (StepText(0, "Hm", False),))
    reader.take(update(".", thought=True))
    reader.take(update("Yes"))
    assert (reader.texts, reader.thoughts) == ((StepText(0, "Yes", False),), (StepText(0, "Hm.", False),))
    later = TaskReader()
    task = Task(id="t", artifacts=[Artifact(artifact_id="a", parts=[Part(text="Yes")])])
    task.artifacts[0].parts.append(Part(text="Hm."))
    task.artifacts[0].parts[1].metadata.update({"thought": True})
    later.begin_after(task)
    later.take_task(task)
    assert (later.texts, later.thoughts) == ((), ()), "what was reasoned before this turn is not told again"


async def test_an_answer_without_a_task() -> None:
    async with peer() as one:
        turn = await one.ask("MESSAGE hello there")
        seen = await looks(turn)
    assert answer_text(seen[-1].texts) == "hello there"
    assert (seen[-1].outcome, seen[-1].usage, turn.steps) == (Finished(Finish.STOP), Usage(5, 2, None, None), 0)


async def test_the_answer_may_stand_in_the_status_message() -> None:
    async with peer() as one:
        assert answer_text((await one.answer("NOTE all done"))[-1].texts) == "all done"


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [("FAIL no disk", AgentFailed, "no disk"), ("FAIL", AgentFailed, "does not say why"),
     ("REJECT not me", AgentFailed, "refuses the task: not me"), ("AUTH log in", AgentCredentials, "log in")],
)  # fmt: skip
async def test_failures_have_the_agents_own_words(text: str, error: type[Exception], words: str) -> None:
    async with peer() as one:
        found = failed(await one.answer(text))
    assert isinstance(found, error)
    assert words in str(found)


@BOTH
async def test_a_cancel_stops_the_task(streams: bool) -> None:
    async with peer(streams=streams) as one:
        turn = await one.ask("HOLD it")
        await turn.cancel()
        assert one.server.tasks["task-1"].state == "TASK_STATE_CANCELED"
        assert "cancelled" in str(failed(await looks(turn)))
        await turn.cancel()
        assert len(one.server.params("CancelTask")) == 1


async def test_a_cancel_of_what_is_over_or_was_never_named_is_nothing() -> None:
    async with peer() as one:
        turn = await one.ask("HOLD it")
        while not (await turn.look(5)).texts:
            pass
        one.server.tasks["task-1"].state = "TASK_STATE_COMPLETED"
        await turn.cancel()
        one.server.refusals["CancelTask"] = [500]
        with pytest.raises(AgentUnavailable):
            await turn.cancel()
        await turn.close()


# Conversations


async def test_turns_of_a_context_follow_each_other_and_a_lost_one_is_noticed() -> None:
    async with peer() as one:
        context = await one.backend.start()
        first = await one.ask("one", conversation=context)
        await looks(first)
        assert one.server.params("ListTasks") == [], "a conversation that was just begun has no past"
        second = await one.ask("two", conversation=context, steps=first.steps)
        await looks(second)
        assert (first.steps, second.steps) == (1, 2)
        assert {message["contextId"] for message in one.server.sent} == {context}
        one.server.tasks.clear()
        with pytest.raises(ConversationLost):
            await one.ask("three", conversation=context, steps=2)


async def test_a_server_that_does_not_list_is_taken_at_its_word() -> None:
    async with peer() as one:
        one.server.lists = False
        turn = await one.ask("one", conversation="c-1", steps=4)
        assert answer_text((await looks(turn))[-1].texts) == "ONE"
        assert turn.steps == 5
        one.server.lists = True
        one.server.refusals["ListTasks"] = [503]
        with pytest.raises(AgentOverloaded):
            await one.ask("one", conversation="c-1", steps=4)


async def test_a_question_of_the_agents_is_the_answer_and_the_next_message_goes_to_its_task() -> None:
    async with peer() as one:
        context = await one.backend.start()
        first = await one.ask("QUESTION which one?", conversation=context)
        seen = await looks(first)
        assert (answer_text(seen[-1].texts), seen[-1].outcome) == ("which one?", Finished(Finish.STOP))
        second = await one.ask("the red one", conversation=context, steps=first.steps)
        assert answer_text((await looks(second))[-1].texts) == "THE RED ONE"
        assert second.steps == 1
        assert [message.get("taskId") for message in one.server.sent] == [None, "task-1"]


async def test_a_server_that_makes_contexts_of_its_own_cannot_be_used() -> None:
    async with peer() as one:
        one.server.renames = True
        turn = await one.ask("one")
        with pytest.raises(AgentFailed, match="contextId"):
            await looks(turn)
        await turn.close()


async def test_where_model_calls_go_is_said_with_the_first_message() -> None:
    async with peer() as one:
        context = await one.backend.start(ModelEndpoint("http://gw/v1", "key-1"))
        for _ in range(2):
            await one.answer("one", conversation=context)
        told = [message.get("metadata") for message in one.server.sent]
    assert told == [{"modelEndpoint": {"baseUrl": "http://gw/v1", "apiKey": "key-1", "wire": "openai-chat"}}, None]


# Client tools


@BOTH
async def test_a_call_of_a_clients_tool_pauses_and_its_output_goes_on(streams: bool) -> None:
    async with peer(streams=streams) as one:
        context = await one.backend.start()
        seen = await one.answer("CALL weather", WEATHER, conversation=context)
        (call,) = paused(seen)
        assert call == AgentCall("c0", "weather", '{"n":  1}', "task-1")
        output = CallOutput(call.id, call.name, call.arguments, "it rains", call.signature)
        rest = await looks(await one.backend.resume(context, [output], one.message("", steps=1)))
        offer, answer = one.server.sent
        extensions = [head.values(b"a2a-extensions") for head in one.server.heads if b"Streaming" in head.body]
    assert streamed(seen) == "Let me see."
    assert streamed(rest) == answer_text(rest[-1].texts) == "IT RAINS", "what was said before is not said again"
    assert rest[-1].usage == Usage(7, 2, None, None)
    tools = offer["parts"][1]["data"]["tools"]
    assert tools == [{"name": "weather", "description": "What it is like.", "parameters": WEATHER.parameters.decode()}]
    assert offer["extensions"] == [CLIENT_TOOLS]
    assert answer["taskId"] == "task-1"
    outputs = [{"id": "c0", "name": "weather", "output": "it rains"}]
    assert answer["parts"] == [{"data": {"kind": "tool_outputs", "outputs": outputs}, "mediaType": "application/json"}]
    if streams:
        assert extensions[0] == [CLIENT_TOOLS.encode()]


async def test_outputs_for_calls_that_are_not_waited_for_are_refused() -> None:
    async with peer() as one:
        context = await one.backend.start()
        (call,) = paused(await one.answer("CALL weather", WEATHER, conversation=context))
        good = CallOutput(call.id, call.name, call.arguments, "dry", call.signature)
        for outputs in ([], [CallOutput("c9", "weather", "{}", "x", "task-1")], [CallOutput("c0", "w", "", "", "t-9")]):
            with pytest.raises(ConversationLost):
                await one.backend.resume(context, outputs, one.message(""))
        await looks(await one.backend.resume(context, [good], one.message("")))
        with pytest.raises(ConversationLost):
            await one.backend.resume(context, [good], one.message(""))
        one.server.refusals["GetTask"] = [-32603]
        with pytest.raises(AgentFailed):
            await one.backend.resume(context, [good], one.message(""))


async def test_an_agent_that_declares_no_client_tools_is_not_offered_any() -> None:
    async with peer() as one:
        one.server.takes_tools = False
        assert one.backend.pauses, "nothing is known yet"
        with pytest.raises(UnsupportedParameter, match="does not declare"):
            await one.ask("hi", WEATHER)
        assert not one.backend.pauses
        assert one.server.sent == []


async def test_a_card_is_read_as_soon_as_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(a2a, "LEARNS_S", (0.01, 0.02))
    async with peer() as one:
        one.server.takes_tools = False
        one.server.refusals["card"] = [503, 503]
        one.backend.learn()
        async with asyncio.timeout(60):
            while one.backend.pauses:
                await asyncio.sleep(0.01)
        assert len(one.server.heads) == 3


# Refusals, and where it connects


@pytest.mark.parametrize(
    ("code", "error"),
    [(401, AgentCredentials), (403, AgentCredentials), (429, AgentRateLimited), (503, AgentOverloaded),
     (500, AgentUnavailable), (-32602, AgentFailed)],
)  # fmt: skip
async def test_refusals_of_a_message(code: int, error: type[Exception]) -> None:
    async with peer() as one:
        one.server.refusals["SendStreamingMessage"] = [code, code]
        turn = await one.ask("hi")
        with pytest.raises(error):
            await looks(turn)
        await turn.close()


async def test_asking_that_stumbles_is_done_again_and_one_that_is_refused_is_not() -> None:
    async with peer(streams=False) as one:
        one.server.refusals["GetTask"] = [0, 503, 500]
        assert answer_text((await one.answer("one two"))[-1].texts) == "ONE TWO"
        for code, error in ((NOT_FOUND, "does not know its task"), (NO_METHOD, "as scripted")):
            one.server.refusals["GetTask"] = [code]
            turn = await one.ask("one")
            with pytest.raises(AgentFailed, match=error):
                await looks(turn)
            await turn.close()


async def test_a_card_that_cannot_be_had_or_used() -> None:
    async with peer() as one:
        one.server.refusals["card"] = [401, 401]
        with pytest.raises(AgentCredentials):
            await one.backend.start()
        one.server.refusals["card"] = [500]
        with pytest.raises(AgentUnavailable, match="card"):
            await one.backend.start()
        one.server.binding = "GRPC"
        with pytest.raises(AgentUnavailable, match="neither JSON-RPC nor"):
            await one.backend.start()
    backend = backend_of("http://127.0.0.1:9")
    with pytest.raises(AgentUnavailable):
        await backend.start()
    await backend.close()


async def test_a_card_leads_no_call_to_another_server() -> None:
    async with peer(GivenToken("let-me-in", "TOKEN")) as one, a2a_server() as other:
        one.server.token = b"let-me-in"
        one.server.card_url = other.url + "/rpc"
        assert answer_text((await one.answer("one"))[-1].texts) == "ONE"
        assert other.heads == []
        assert one.server.heads[-1].start.startswith(b"POST / ")


# Reading


def test_calls_are_read_from_whatever_stands_there() -> None:
    part = Part()
    part.data.struct_value.update({"kind": "tool_calls", "calls": [{"name": "f", "arguments": {"a": 1}}, "x", {}]})
    other = Part()
    other.data.struct_value.update({"kind": "else"})
    assert calls_in([Part(text="hi"), other, part], "t") == (AgentCall("", "f", '{"a":1.0}', "t"),)


def test_an_artifact_that_is_replaced_is_a_new_text_and_the_usage_of_artifacts_is_summed() -> None:
    reader = TaskReader()

    def artifact(name: str, text: str, usage: dict[str, float]) -> Artifact:
        return Artifact(artifact_id=name, parts=[Part(text=text)], metadata={"usage": usage})

    status = TaskStatus(state="TASK_STATE_WORKING")
    figures = {"prompt_tokens": 2.0, "completion_tokens": 1.0}
    task = Task(id="t", context_id="c", status=status, artifacts=[artifact("a", "one", figures)])
    reader.take(StreamResponse(task=task))
    reader.take_task(
        Task(id="t", status=status, artifacts=[artifact("a", "two", figures), artifact("b", "x", figures)])
    )
    assert [step.text for step in reader.texts] == ["two", "x"]
    assert reader.usage == Usage(4, 2, None, None)
    assert reader.working
    reader.take(StreamResponse())
    assert reader.outcome is None
