"""Law 5 for an agent's answers, and what the exchange promises: one well-formed answer, and the model's own history.

A client's tools are called in answers of any shape, on every wire, in streams that are cut anywhere and in whole
bodies. The agent reads one answer, as if its model had never known the client's tools. The model reads what it wrote
and was told, again and again, in every later request of the session.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import apply_edits
from narrows.inject.types import Broken, Dropped, Exchange, Inserted, Offer, Passed, Withheld
from tests.core.event_streams import cut
from tests.inject.answers import through
from tests.inject.cases import CASES, GEMINI, Called, Case, Said, Text, Thought, dumped

TOOLS = (
    ClientTool("theirs", "A tool of the client's.", b'{"type": "object", "properties": {"n": {}}}'),
    ClientTool("other"),
)
OF_EACH_WIRE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.injector.name)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=12)
arguments = st.dictionaries(st.sampled_from("abc"), st.integers() | texts, max_size=2)
theirs = st.builds(Called, st.sampled_from(["theirs", "other"]), arguments)
owns = st.builds(Called, st.just("own"), arguments)


@st.composite
def answers(draw: st.DrawFn, calls: st.SearchStrategy[list[Called]]) -> tuple[Said, ...]:
    """Thinking, a text, then calls, as models answer: each part may be missing."""
    thought = draw(st.none() | st.builds(Thought, texts, st.text("abcdef", min_size=4, max_size=8)))
    text = draw(st.none() | st.builds(Text, texts))
    return (*(one for one in (thought, text) if one is not None), *draw(calls))


only_theirs = answers(st.lists(theirs, min_size=1, max_size=3))
mixed = answers(
    st.tuples(st.lists(theirs, min_size=1, max_size=2), st.lists(owns, min_size=1, max_size=2)).flatmap(
        lambda both: st.permutations([*both[0], *both[1]])
    )
)
without = answers(st.lists(owns, max_size=2))
cuts = st.lists(st.integers(0, 5000), max_size=8)


def numbered(case: Case, said: Sequence[Said], number: int) -> list[Said]:
    """The calls with ids, where the wire has them; signatures differ from answer to answer."""
    return [
        Called(one.name, one.arguments, f"call_{number}_{place}" if case.has_ids else "")
        if isinstance(one, Called)
        else Thought(one.text, f"{one.signature}{number}")
        if isinstance(one, Thought)
        else one
        for place, one in enumerate(said)
    ]


def offered(case: Case) -> Offer:
    return case.injector.declare(TOOLS)


def outputs(withheld: Withheld) -> list[CallOutput]:
    return [
        CallOutput(call.id, call.name, call.arguments, f"out of {call.name} é {place}", call.signature)
        for place, call in enumerate(withheld.calls)
    ]


def calls_in(said: Sequence[Said], name: Callable[[str], bool]) -> list[tuple[str, Any]]:
    return [(one.name, one.arguments) for one in said if isinstance(one, Called) and name(one.name)]


def own_calls(said: Sequence[Said]) -> list[Called]:
    return [one for one in said if isinstance(one, Called) and one.name == "own"]


@OF_EACH_WIRE
@settings(max_examples=40)
@given(said=only_theirs, places=cuts)
def test_any_cut_withholds_the_same(case: Case, said: tuple[Said, ...], places: list[int]) -> None:
    stream = case.stream(numbered(case, said, 1), 1, None)
    found = []
    for pieces in ([stream], cut(stream, [place % len(stream) for place in places])):
        answer = case.injector.filter(offered(case))
        found.append((through(answer, pieces), answer.outcome))
    assert found[0] == found[1]
    outcome = found[0][1]
    assert isinstance(outcome, Withheld)
    assert [(call.name, json.loads(call.arguments)) for call in outcome.calls] == calls_in(said, lambda _: True)
    assert not outcome.mixed


@OF_EACH_WIRE
@settings(max_examples=40)
@given(said=without)
def test_an_answer_without_their_calls_is_the_same_bytes(case: Case, said: tuple[Said, ...]) -> None:
    for whole in (case.stream(numbered(case, said, 1), 1, None), case.whole(numbered(case, said, 1), 1, None)):
        answer = case.injector.filter(offered(case))
        assert through(answer, [whole]) == whole
        assert answer.outcome == Passed()


@OF_EACH_WIRE
@settings(max_examples=40)
@given(said=only_theirs | mixed)
def test_an_answer_that_was_cut_short_is_read_without_their_calls(case: Case, said: tuple[Said, ...]) -> None:
    """Length beats calls: the agent reads the length, and nobody executes a call."""
    kept = [one for one in numbered(case, said, 1) if not isinstance(one, Called) or one.name == "own"]
    for write, read in ((case.stream, case.read), (case.whole, case.read_whole)):
        answer = case.injector.filter(offered(case))
        got = read(through(answer, [write(numbered(case, said, 1), 1, case.cut_short)]))
        assert answer.outcome == Dropped(case.cut_short)
        assert settled(got["message"]) == settled(read(write(kept, 1, case.cut_short))["message"])
        assert got["finish"] == case.cut_short


@OF_EACH_WIRE
@settings(max_examples=40)
@given(said=only_theirs, at=st.integers(0, 5000))
def test_an_answer_that_breaks_off_gets_no_end(case: Case, said: tuple[Said, ...], at: int) -> None:
    whole = case.stream(numbered(case, said, 1), 1, None)
    kept = case.stream([one for one in numbered(case, said, 1) if not isinstance(one, Called)], 1, None)
    answer = case.injector.filter(offered(case))
    got = through(answer, [whole[: at % len(whole)]])
    match answer.outcome:
        case Passed():
            assert whole.startswith(got)
        case Broken() | Withheld():
            assert kept.startswith(got)
            assert got != kept
        case other:
            raise AssertionError(other)


@OF_EACH_WIRE
@settings(max_examples=40)
@given(first=st.lists(only_theirs, min_size=1, max_size=3), last=without | mixed, whole=st.booleans())
def test_a_session(case: Case, first: list[tuple[Said, ...]], last: tuple[Said, ...], whole: bool) -> None:
    """Answers with the client's calls, one after the other, then one with the agent's own, and what comes after."""
    injector, offer = case.injector, offered(case)
    asked = dumped(case.asked([case.user]))
    inserted = injector.insert(asked, offer)
    assert isinstance(inserted, Inserted)
    sent = apply_edits(asked, inserted.edits)
    place = injector.place(asked)
    assert place is not None
    write, read = (case.whole, case.read_whole) if whole else (case.stream, case.read)
    answer, got = injector.filter(offer), b""
    exchanges: list[Exchange] = []
    spoken = [numbered(case, one, number) for number, one in enumerate([*first, last])]
    for number, said in enumerate(spoken):
        if number:
            answer.go_on()
        got += through(answer, [write(said, number + 1, None)])
        if isinstance(answer.outcome, Withheld):
            exchanges.append(injector.exchange(place, answer.outcome, outputs(answer.outcome)))
            if exchanges[-1].mixed:
                got += answer.release()
                break
            before, sent = sent, apply_edits(sent, [injector.follow_up(sent, exchanges[-1])])
            assert json.loads(sent)[case.key][: len(json.loads(before)[case.key])] == json.loads(before)[case.key]

    shown = [one for said in spoken for one in said if not isinstance(one, Called) or one.name == "own"]
    agents = read(got)
    assert settled(agents["message"]) == settled(read(write(shown, 1, None))["message"])
    assert agents["id"] == read(write([Text("x")], 1, None))["id"]
    assert output_of(agents["usage"]) == (15 if case is GEMINI else 10) * len(spoken)

    own = own_calls(spoken[-1])
    later = [case.user, agents["message"], *case.answered(own), case.user]
    for history in (later, [*later, case.user]):
        again = dumped(case.asked(history))
        spliced = injector.splice(again, exchanges)
        assert spliced.missing == ()
        read_again = json.loads(apply_edits(again, spliced.edits))[case.key]
        follow_ups = json.loads(sent)[case.key]
        assert heard(read_again)[: len(heard(follow_ups))] == heard(follow_ups)
        if exchanges[-1].mixed:
            assert called_and_answered(read_again)


def output_of(usage: dict[str, Any]) -> int:
    keys = ("completion_tokens", "output_tokens", "candidatesTokenCount", "thoughtsTokenCount")
    return sum(usage.get(key, 0) for key in keys)


def settled(message: Any) -> Any:
    """A message with texts that stand beside each other joined, since an agent may see more pieces, and without
    signatures of Gemini's calls, which follow from what else was called."""
    if "parts" not in message:
        return message
    parts: list[Any] = []
    for part in message["parts"]:
        thought = part.get("thought")
        if "text" in part and parts and "text" in parts[-1] and parts[-1].get("thought") == thought:
            parts[-1] = {**parts[-1], "text": parts[-1]["text"] + part["text"]}
        elif part != {"text": ""}:
            parts.append({key: value for key, value in part.items() if key != "thoughtSignature"})
    return {**message, "parts": parts}


def heard(messages: Sequence[Any]) -> list[Any]:
    """What a conversation says to a model, whatever pieces it is written in."""
    found: list[Any] = []
    for message in messages:
        if "role" not in message:  # an item of its own
            found.append(message)
            continue
        content = message.get("content", message.get("parts"))
        pieces = content if isinstance(content, list) else [{"text": content or ""}]
        found += [(message["role"], piece) for piece in settled({"parts": pieces})["parts"]]
        found += [(message["role"], call) for call in message.get("tool_calls", ())]
    return found


def called_and_answered(messages: Sequence[Any]) -> bool:
    """Whether every message with calls is followed by the outputs of all of them."""
    if any("call_id" in message for message in messages):
        return items_are_answered(messages)
    for number, message in enumerate(messages):
        calls = ids_of(message, "tool_calls", "tool_use", "functionCall")
        answered: list[str] = []
        for later in messages[number + 1 :]:
            found = ids_of(later, "tool_call_id", "tool_result", "functionResponse")
            if not found:
                break
            answered += found
        if sorted(calls) != sorted(answered) and calls:
            return False
    return True


def items_are_answered(items: Sequence[Any]) -> bool:
    """The same of calls and outputs that are items of their own, the calls of one answer before their outputs."""
    waiting: list[str] = []
    for item in items:
        if item.get("type") == "function_call":
            waiting.append(item["call_id"])
        elif item.get("type") == "function_call_output":
            if item["call_id"] not in waiting:
                return False
            waiting.remove(item["call_id"])
        elif waiting and item.get("type") != "reasoning":
            return False
    return not waiting


def ids_of(message: Any, chat: str, anthropic: str, gemini: str) -> list[str]:
    found = [call["id"] for call in message.get("tool_calls", ())] if chat == "tool_calls" else []
    if chat in message and isinstance(message[chat], str):
        found.append(message[chat])
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    found += [one.get("tool_use_id", one.get("id")) for one in blocks if one.get("type") == anthropic]
    found += [part[gemini]["name"] for part in message.get("parts", ()) if gemini in part]
    return found
