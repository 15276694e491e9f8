"""The LangGraph backend against a small server that speaks the protocol; the real one is in tests/agents_e2e."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from narrows.agents.deltas import Sent, advance, answer_text
from narrows.agents.observation import AgentCall, Broken, Finish, Finished, Observation, Paused, StepText, Usage
from narrows.agents.request import Image
from narrows.agents.tools import CallOutput, ClientTool
from narrows.backends.credentials import GivenToken, NoToken
from narrows.backends.langgraph import LangGraphBackend, LangGraphOptions
from narrows.backends.langgraph.failures import failure_words
from narrows.backends.langgraph.messages import AnswerReader, after, pending, reasoning_of, text_of, usage_of
from narrows.backends.langgraph.turn import LangGraphTurn
from narrows.backends.sdk_http import TokenAuth, sdk_client
from narrows.backends.types import ConversationLost, Credentials, LookFailed, ModelEndpoint
from narrows.errors import (
    AgentCredentials,
    AgentFailed,
    AgentOverloaded,
    AgentRateLimited,
    AgentUnavailable,
    AgentWaiting,
    SessionBusy,
)
from tests.backends.langgraph_server import LangGraphServer, langgraph_server
from tests.backends.peer import Peer
from tests.backends.turns import failed, looks, streamed

Asked = Peer[LangGraphServer, LangGraphBackend, LangGraphTurn]
WEATHER = ClientTool("weather", "What it is like.", b'{"type":"object","minProperties":1}')
OFFERED = (WEATHER,)


def backend_of(url: str, credentials: Credentials | None = None, **options: Any) -> LangGraphBackend:
    auth = TokenAuth(credentials or NoToken(), "x-api-key")
    return LangGraphBackend(
        sdk_client(url, None, auth, connect_timeout_s=60, max_connections=8), LangGraphOptions(**options)
    )


@asynccontextmanager
async def peer(credentials: Credentials | None = None, **options: Any) -> AsyncIterator[Asked]:
    async with langgraph_server() as server:
        backend = backend_of(server.url, credentials, **options)
        try:
            yield Peer(server, backend, backend)
        finally:
            await backend.close()


async def test_a_message_is_a_run_on_a_thread_and_its_text_is_what_was_streamed() -> None:
    async with peer(assistant="helper", model="m-1") as one:
        turn = await one.ask("one two three", max_output_tokens=9)
        seen = await looks(turn)
        (run,) = one.server.bodies("/runs")
    assert streamed(seen) == answer_text(seen[-1].texts) == "ONE TWO THREE"
    assert seen[-1].outcome == Finished(Finish.STOP)
    assert seen[-1].usage == Usage(10, 3, 4, None)
    assert turn.steps is None
    assert run["assistant_id"] == "helper"
    assert run["multitask_strategy"] == "reject"
    assert run["config"]["configurable"] == {"model": "m-1", "max_output_tokens": 9}
    assert "interrupt_before" not in run, "nothing stops for tools that nobody offered"


async def test_images_are_parts_of_the_message_beside_its_text() -> None:
    images = (Image("image/png", "aaaa"), Image("image/jpeg", "bbbb"))
    async with peer() as one:
        assert one.backend.takes_images
        seen = await one.answer("what\n[Image]\n[Image]", images=images)
        (run,) = one.server.bodies("/runs")
    assert answer_text(seen[-1].texts) == "WHAT\n[IMAGE]\n[IMAGE]"
    (message,) = run["input"]["messages"]
    assert message["content"] == [
        {"type": "text", "text": "what\n[Image]\n[Image]"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,bbbb"}},
    ]


async def test_reasoning_is_beside_the_answer_and_never_in_it() -> None:
    async with peer() as one:
        seen = await one.answer("THINK one two")
    assert streamed(seen) == answer_text(seen[-1].texts) == "ONE TWO"
    assert seen[-1].thoughts == (StepText(0, "one two", True),)


async def test_text_after_the_agents_own_tool_is_seen_while_it_grows() -> None:
    async with peer() as one:
        turn = await one.ask("AFTER shout")
        sent, said = Sent(), ""
        async with asyncio.timeout(60):
            while said != "Let me see.\n\nHEY":
                sent, piece = advance(sent, (await turn.look(5)).texts, ended=False)
                said += piece
        (run,) = next(iter(one.server.threads.values())).runs.values()
        assert run.held is not None
        run.held.set()
        seen = await looks(turn)
    assert answer_text(seen[-1].texts) == "Let me see.\n\nHEY"


async def test_a_look_waits_for_news_and_for_no_longer_than_it_may() -> None:
    async with peer() as one:
        turn = await one.ask("HOLD on")
        async with asyncio.timeout(60):
            while not (seen := await turn.look(5)).texts:
                pass
        again = await turn.look(0.01)
        assert (again.mark, again.outcome) == (seen.mark, None)
        assert seen.working
        await turn.cancel()
        await turn.close()


async def test_turns_of_a_thread_follow_each_other() -> None:
    async with peer() as one:
        thread = await one.backend.start()
        first = await one.answer("one", conversation=thread)
        second = await one.answer("two", conversation=thread)
        assert len(one.server.threads[thread].messages) == 4
    assert [answer_text(seen[-1].texts) for seen in (first, second)] == ["ONE", "TWO"]
    assert second[-1].usage == Usage(10, 3, 4, None), "a turn counts its own messages alone"


async def test_a_stream_that_is_cut_is_joined_again_where_it_was() -> None:
    async with peer() as one:
        seen = await one.answer("CUT in four pieces")
        joined = [path for _, path, _ in one.server.asked if path.endswith("/stream")]
    assert streamed(seen) == "CUT IN FOUR PIECES"
    assert len(joined) == 4


async def test_a_message_under_another_id_in_the_state_is_not_said_twice() -> None:
    async with peer() as one:
        one.server.renames = True
        seen = await one.answer("one two")
    assert streamed(seen) == answer_text(seen[-1].texts) == "ONE TWO"


async def test_length_is_length() -> None:
    async with peer() as one:
        assert (await one.answer("LONG story"))[-1].outcome == Finished(Finish.LENGTH)


async def test_failures_have_the_graphs_own_words() -> None:
    async with peer() as one:
        error = failed(await one.answer("FAIL no such file"))
        assert isinstance(error, AgentFailed)
        assert "no such file" in str(error)
        assert isinstance(failed(await one.answer("FAIL RateLimitError")), AgentRateLimited)
    assert failure_words({}, "timeout") == "its run ended as timeout"


async def test_a_graph_that_asks_a_person_says_so() -> None:
    async with peer() as one:
        error = failed(await one.answer("ASK may I delete it?"))
    assert isinstance(error, AgentWaiting)
    assert "may I delete it?" in str(error)


async def test_a_cancel_stops_the_run_and_returns_when_it_has() -> None:
    async with peer() as one:
        thread = await one.backend.start()
        turn = await one.ask("HOLD it", conversation=thread)
        await turn.cancel()
        assert one.server.threads[thread].runs["run-1"].status == "interrupted"
        await turn.cancel()
        seen = await turn.look(5)
        await turn.close()
        done = await one.ask("one")
        await looks(done)
        await done.cancel()
        cancels = [path for _, path, _ in one.server.asked if path.endswith("/cancel")]
    assert isinstance(seen.outcome, Broken)
    assert len(cancels) == 1


async def test_somebody_elses_cancel_is_a_failure() -> None:
    async with peer() as one:
        thread = await one.backend.start()
        turn = await one.ask("HOLD it", conversation=thread)
        run = one.server.threads[thread].runs["run-1"]
        run.status, one.server.threads[thread].next = "interrupted", ["agent"]
        assert run.held is not None
        run.held.set()
        assert "cancelled" in str(failed(await looks(turn)))


# Client tools


async def test_a_call_of_a_clients_tool_pauses_and_its_output_goes_on() -> None:
    async with peer() as one:
        thread = await one.backend.start()
        seen = await one.answer("CALL weather", *OFFERED, conversation=thread)
        (call,) = paused(seen)
        assert call == AgentCall(call.id, "weather", '{"text":  "hey"}'), "the arguments are the model's own text"
        output = CallOutput(call.id, call.name, call.arguments, "it rains")
        turn = await one.backend.resume(thread, [output], one.message("", *OFFERED))
        rest = await looks(turn)
        asked = one.server.bodies("/runs")
    assert streamed(seen) == "Let me see."
    assert streamed(rest) == answer_text(rest[-1].texts) == "IT RAINS"
    assert rest[-1].outcome == Finished(Finish.STOP)
    assert rest[-1].usage == Usage(10, 3, 4, None)
    (tool,) = asked[0]["config"]["configurable"]["client_tools"]
    assert tool["function"]["parameters"] == {"type": "object", "minProperties": 1}
    assert [run.get("interrupt_before") for run in asked] == [["tools"], ["tools"]]


async def test_the_agents_own_tools_are_run_without_the_client() -> None:
    async with peer() as one:
        seen = await one.answer("CALL shout", *OFFERED)
        runs = one.server.bodies("/runs")
    assert answer_text(seen[-1].texts) == streamed(seen) == "Let me see.\n\nHEY"
    assert len(runs) == 2
    assert runs[1].get("input") is None
    assert seen[-1].usage == Usage(20, 6, 8, None)
    assert any(one.using_tool for one in seen)


async def test_a_message_that_calls_both_runs_the_agents_own_first_and_keeps_every_call() -> None:
    async with peer() as one:
        thread = await one.backend.start()
        (call,) = paused(await one.answer("CALL weather shout", *OFFERED, conversation=thread))
        assert call.name == "weather"
        before = one.server.threads[thread].messages
        assert [message["type"] for message in before] == ["human", "ai", "tool"]
        assert [one["name"] for one in before[1]["tool_calls"]] == ["weather", "shout"]
        assert before[2]["content"] == "HEY"
        output = CallOutput(call.id, call.name, call.arguments, "dry")
        rest = await looks(await one.backend.resume(thread, [output], one.message("", *OFFERED)))
        after_it = one.server.threads[thread].messages
    assert [message["content"] for message in after_it[2:]] == ["HEY", "dry", "DRY"]
    assert answer_text(rest[-1].texts) == "DRY"


async def test_outputs_for_calls_that_are_not_waited_for_are_refused_before_anything_is_done() -> None:
    async with peer() as one:
        thread = await one.backend.start()
        (call,) = paused(await one.answer("CALL weather", *OFFERED, conversation=thread))
        output = CallOutput(call.id, call.name, call.arguments, "dry")
        with pytest.raises(ConversationLost):
            await one.backend.resume(thread, [CallOutput("other", "weather", "{}", "x")], one.message("", *OFFERED))
        await looks(await one.backend.resume(thread, [output], one.message("", *OFFERED)))
        with pytest.raises(ConversationLost):
            await one.backend.resume(thread, [output], one.message("", *OFFERED))
        with pytest.raises(ConversationLost):
            await one.backend.resume("11111111-1111-1111-1111-111111111111", [output], one.message("", *OFFERED))
    assert len(one.server.bodies("/state")) == 1


async def test_outputs_whose_run_could_not_be_started_can_be_sent_again() -> None:
    async with peer() as one:
        thread = await one.backend.start()
        (call,) = paused(await one.answer("CALL weather", *OFFERED, conversation=thread))
        output = CallOutput(call.id, call.name, call.arguments, "dry")
        one.server.refusals["/runs"] = [503]
        with pytest.raises(AgentOverloaded):
            await one.backend.resume(thread, [output], one.message("", *OFFERED))
        rest = await looks(await one.backend.resume(thread, [output], one.message("", *OFFERED)))
        assert [message["type"] for message in one.server.threads[thread].messages] == ["human", "ai", "tool", "ai"]
        with pytest.raises(ConversationLost):
            await one.backend.resume(thread, [output], one.message("", *OFFERED))
    assert answer_text(rest[-1].texts) == "DRY"


def paused(seen: list[Observation]) -> tuple[AgentCall, ...]:
    outcome = seen[-1].outcome
    assert isinstance(outcome, Paused)
    return outcome.calls


# Refusals, and where it connects


async def test_where_model_calls_go_is_said_once_and_reaches_every_run() -> None:
    async with peer() as one:
        thread = await one.backend.start(ModelEndpoint("http://gw/v1", ""))
        for text in ("one", "two"):
            await one.answer(text, conversation=thread)
        told = [run["config"]["configurable"] for run in one.server.bodies("/runs")]
    assert told == [{"model_base_url": "http://gw/v1", "model_wire": "openai-chat"}] * 2


async def test_a_thread_that_is_lost_or_busy() -> None:
    async with peer() as one:
        with pytest.raises(ConversationLost):
            await one.ask("hi", conversation="11111111-1111-1111-1111-111111111111")
        thread = await one.backend.start()
        one.server.refusals["/runs"] = [404]
        with pytest.raises(ConversationLost):
            await one.ask("hi", conversation=thread)
        turn = await one.ask("HOLD it", conversation=thread)
        with pytest.raises(SessionBusy, match="already running"):
            await one.ask("hi", conversation=thread)
        await turn.cancel()
        await turn.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AgentCredentials), (403, AgentCredentials), (422, AgentFailed), (429, AgentRateLimited), (500, AgentFailed),
     (503, AgentOverloaded)],
)  # fmt: skip
async def test_refusals_by_status(status: int, error: type[Exception]) -> None:
    async with peer() as one:
        one.server.refusals["/threads"] = [status, status]
        with pytest.raises(error, match="as scripted"):
            await one.backend.start()


async def test_a_server_that_stumbles_is_asked_again_and_the_look_hears_of_it() -> None:
    async with peer() as one:
        one.server.refusals = {"/stream": [503], "/run-1": [500, 429], "/state": [503]}
        thread = await one.backend.start()
        turn = await one.ask("one two", conversation=thread)
        troubles = 0
        async with asyncio.timeout(60):
            while True:
                try:
                    if (seen := await turn.look(5)).outcome is not None:
                        break
                except LookFailed:
                    troubles += 1
        await turn.close()
    assert answer_text(seen.texts) == "ONE TWO"
    assert troubles >= 1


async def test_a_stream_that_is_refused_for_good_fails_the_run() -> None:
    async with peer() as one:
        one.server.refusals["/stream"] = [403]
        turn = await one.ask("one")
        with pytest.raises(AgentCredentials):
            await looks(turn)
        await turn.close()


async def test_nobody_there() -> None:
    backend = backend_of("http://127.0.0.1:9")
    with pytest.raises(AgentUnavailable) as caught:
        await backend.start()
    assert not caught.value.may_have_acted
    await backend.close()


async def test_the_token_is_shown_and_nothing_of_the_environment_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGGRAPH_API_KEY", "not-this")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with peer(GivenToken("let-me-in", "TOKEN")) as one:
        one.server.token = b"let-me-in"
        await one.answer("one")
    assert set(one.server.tokens) == {b"let-me-in"}


# Reading


def test_what_is_read_of_messages() -> None:
    parts = [{"type": "text", "text": "a"}, "b", {"type": "image_url"}, {"type": "reasoning", "text": "no"}]
    assert text_of({"content": parts}) == "ab"
    assert text_of({"content": None}) == ""
    assert after([{"id": "a"}, {"id": "b"}], "c") is None
    assert pending([]) == ({}, [])
    assert pending([{"type": "human"}]) == ({}, [])
    assert usage_of([{"type": "ai", "usage_metadata": None}]) is None
    assert usage_of([{"type": "human"}]) is None


def test_a_whole_message_takes_the_place_of_its_pieces() -> None:
    reader = AnswerReader()
    assert reader.stream({"type": "AIMessageChunk", "id": "a", "content": "Hel"})
    assert reader.stream({"type": "ai", "id": "a", "content": "Hello"})
    assert not reader.stream({"type": "ai", "id": "a", "content": "Hello"})
    assert not reader.stream({"type": "human", "id": "b", "content": "no answer"})
    assert [step.text for step in reader.texts] == ["Hello"]
    reader.settle([{"type": "ai", "id": "a", "content": "Hello"}, {"type": "ai", "id": "c", "content": "there"}])
    assert not reader.stream({"type": "AIMessageChunk", "id": "a", "content": "Hello"})
    assert [(step.index, step.text, step.terminal) for step in reader.texts] == [(0, "Hello", True), (1, "there", True)]


def test_an_answer_that_goes_on_under_another_name_is_one() -> None:
    """A chunk without a text begins it, as in the Responses format, whose first is named by the response."""
    reader = AnswerReader()
    assert not reader.stream({"type": "AIMessageChunk", "id": "resp_1", "content": []})
    text = {"type": "text", "text": "Hello", "index": 0}
    assert reader.stream({"type": "AIMessageChunk", "id": "run-1", "content": [text]})
    assert [(step.index, step.text, step.terminal) for step in reader.texts] == [(0, "Hello", False)]
    reader.settle([{"type": "ai", "id": "resp_1", "content": [text]}])
    assert [(step.index, step.text, step.terminal) for step in reader.texts] == [(0, "Hello", True)]


def test_arguments_that_were_not_streamed_are_written_anew() -> None:
    assert AnswerReader().call({"id": "c", "name": "f", "args": {"a": 1}}) == AgentCall("c", "f", '{"a":1}')


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Yes"}]},
        {"content": [{"type": "reasoning", "reasoning": "Hm."}]},
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}, {"text": "."}]}]},
        {"content": [{"type": "reasoning_content", "reasoning_content": {"text": "Hm."}}]},
        {"content": "Yes", "additional_kwargs": {"reasoning_content": "Hm."}},
        {"content": [{"type": "thinking", "thinking": "Hm."}], "additional_kwargs": {"reasoning_content": "Hm."}},
    ],
)
def test_reasoning_is_read_in_every_form_that_models_of_langchain_give_it(message: dict[str, Any]) -> None:
    assert reasoning_of(message) == "Hm."
    assert "Hm" not in text_of(message)


@pytest.mark.parametrize(
    "message",
    [
        {"content": None},
        {"content": ["text", {"type": "thinking"}, {"type": "reasoning", "summary": ["?", {}]}]},
        {"content": [{"type": "reasoning_content", "reasoning_content": "?"}], "additional_kwargs": None},
        {"additional_kwargs": {"reasoning_content": None}},
    ],
)
def test_what_is_no_reasoning_is_none(message: dict[str, Any]) -> None:
    assert reasoning_of(message) == ""


def test_a_message_is_over_where_its_last_chunk_or_the_output_of_its_call_says_so() -> None:
    def chunk(name: str, text: str, **more: Any) -> dict[str, Any]:
        return {"type": "AIMessageChunk", "id": name, "content": text, **more}

    reader = AnswerReader()
    reader.stream(chunk("a", "one"))
    assert not reader.texts[0].terminal
    assert reader.stream(chunk("a", "", chunk_position="last"))
    reader.stream(chunk("b", "two", tool_call_chunks=[{"id": "c1", "index": 0, "args": "{}"}]))
    reader.stream({"type": "ai", "id": "c", "content": "three", "tool_calls": [{"id": "c2"}]})
    assert [step.terminal for step in reader.texts] == [True, False, False]
    reader.stream({"type": "tool", "tool_call_id": "c2", "content": "", "id": "t"})
    assert [step.terminal for step in reader.texts] == [True, False, True]
    reader.stream({"type": "tool", "tool_call_id": "c1", "content": "", "id": "u"})
    assert [step.terminal for step in reader.texts] == [True, True, True]
