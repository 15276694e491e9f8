"""The recorded streams through the filter of an agent's answers: nothing is lost, whatever the cut, and a call of a
client's tool is withheld from each stream that holds one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from narrows.inject.events import EventCutter
from narrows.inject.registry import injector_for
from narrows.inject.types import Broken, Dropped, Offer, Passed, Withheld
from narrows.wire.registry import wire_named
from tests.conftest import CORPUS
from tests.corpus.test_streams import cuts_of, named
from tests.inject.answers import observed, parsed_response, through

WIRES = {"chat": "openai_chat", "anthropic": "anthropic", "gemini": "gemini", "responses": "openai_responses"}
FILES = sorted(path for folder in WIRES for path in (CORPUS / "streams" / folder).glob("*/*.sse"))


def calls_of(path: Path) -> set[str]:
    record = observed(wire_named(WIRES[path.parts[-3]]), [path.read_bytes()])
    return {call.name for choice in record.choices for call in choice.tool_calls}


def answers_in(path: Path) -> list[bytes]:
    """The streams of a file: some hold several answers of a run."""
    return [part for part in re.split(rb"(?m)^(?=event: response\.created)", path.read_bytes()) if part.strip()]


def test_there_are_streams(corpus: Path) -> None:
    assert len(FILES) == 119, corpus


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_stream_without_calls_of_the_clients_tools_is_passed_on(path: Path) -> None:
    stream, wire = path.read_bytes(), WIRES[path.parts[-3]]
    injector = injector_for(wire)
    assert injector is not None
    for pieces in cuts_of(stream, path.stem):
        answer = injector.filter(Offer(wire, (), {"a_tool_that_nobody_calls": "x"}))
        assert through(answer, pieces) == stream
        assert answer.outcome == Passed()
    answer = injector.filter(Offer(wire, (), {}))
    events = [event.raw for event in EventCutter().receive_data(stream)]
    assert list(map(answer.receive_data, events)) == events, "where nothing is offered, nothing waits"


def is_one_answer(path: Path) -> bool:
    """Whether a file holds one answer; a recording of chat completions may hold two, one after the other's end."""
    completions = set(re.findall(rb'"id": ?"(chatcmpl-[^"]+)"', path.read_bytes()))
    return len(answers_in(path)) == 1 and len(completions) <= 1


@pytest.mark.parametrize("path", [path for path in FILES if calls_of(path) and is_one_answer(path)], ids=named)
def test_calls_are_withheld_from_a_recorded_stream_at_every_cut(path: Path) -> None:
    stream, name = path.read_bytes(), WIRES[path.parts[-3]]
    injector, wire = injector_for(name), wire_named(name)
    assert injector is not None
    before, names = observed(wire, [stream]), {one: f"client's {one}" for one in calls_of(path)}
    found = set()
    for pieces in cuts_of(stream, path.stem):
        answer = injector.filter(Offer(name, (), names))
        shown = through(answer, pieces)
        found.add((shown, repr(answer.outcome)))
        outcome = answer.outcome
    assert len(found) == 1
    after = observed(wire, [shown])
    assert "".join(choice.text for choice in after.choices) == "".join(choice.text for choice in before.choices)
    assert not any(choice.tool_calls for choice in after.choices)
    assert isinstance(outcome, Withheld | Dropped | Broken)
    if isinstance(outcome, Withheld):
        wanted = [call for choice in before.choices for call in choice.tool_calls]
        assert [call.name for call in outcome.calls] == [f"client's {call.name}" for call in wanted]
        assert [call.id for call in outcome.calls] == [call.id for call in wanted]
        assert [call.arguments for call in outcome.calls] == [call.arguments or "{}" for call in wanted]


def turns_of(path: Path) -> list[bytes]:
    """The answers of one recorded run, where this is its first: NAME.0, NAME.1 and so on, or all in one file."""
    name = path.stem.removesuffix(".0")
    turns = [path.with_name(f"{name}.{number}.sse") for number in range(10)] if path.stem.endswith(".0") else [path]
    return [stream for turn in turns if turn.exists() for stream in answers_in(turn)]


@pytest.mark.parametrize("path", [path for path in FILES if len(turns_of(path)) > 1 and calls_of(path)], ids=named)
def test_a_recorded_run_is_one_answer(path: Path) -> None:
    """The agent reads the texts of all turns, under the first one's id, with the last one's calls, finish and input."""
    name = WIRES[path.parts[-3]]
    injector, wire = injector_for(name), wire_named(name)
    assert injector is not None
    streams = turns_of(path)
    turns = [observed(wire, [stream]) for stream in streams]
    called = [{call.name for choice in turn.choices for call in choice.tool_calls} for turn in turns]
    last = next((number for number, names in enumerate(called) if not names), len(turns) - 1)
    theirs = {one: one for names in called[:last] for one in names} or {"none": "none"}
    answer = injector.filter(Offer(name, (), theirs))
    joined = b""
    for number, stream in enumerate(streams[: last + 1]):
        if number:
            answer.go_on()
        joined += through(answer, [stream])
        assert isinstance(answer.outcome, Passed if number == last else Withheld)
    record = observed(wire, [joined])
    (choice,), (end,) = record.choices, turns[last].choices
    assert choice.text == "".join(turn.choices[0].text for turn in turns[: last + 1])
    assert (choice.tool_calls, choice.finish_reason) == (end.tool_calls, end.finish_reason)
    assert (record.id, record.model, record.done, record.unparsed) == (turns[0].id, turns[0].model, True, 0)
    usage, final = record.usage, turns[last].usage
    assert usage is not None
    assert final is not None
    if name != "anthropic":
        assert usage.input_tokens == final.input_tokens
    outputs = [turn.usage.output_tokens or 0 for turn in turns[: last + 1] if turn.usage is not None]
    assert usage.output_tokens == sum(outputs)
    assert choice.role in ("assistant", "model")
    if name == "openai_responses":
        response = parsed_response(joined)
        assert response.output_text == choice.text
        assert [item.name for item in response.output if item.type == "function_call"] == [
            call.name for call in choice.tool_calls
        ]
