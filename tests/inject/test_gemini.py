"""Gemini: declarations in both forms, calls without ids or in pieces, and how an exchange goes into an agent's copy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.agents.observation import AgentCall
from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import apply_edits
from narrows.inject.gemini import request
from narrows.inject.gemini.runs import Run, runs
from narrows.inject.types import Broken, Dropped, Exchange, Inserted, NotInserted, Obstacle, Withheld
from tests.inject.answers import through
from tests.inject.cases import GEMINI, Called, Said, Text, Thought, dumped

INJECTOR = GEMINI.injector
SCHEMA = b'{"$schema":"x","type":"object","properties":{"a":{"const":"b"}}}'
TOOLS = [ClientTool("theirs", "d", SCHEMA), ClientTool("7zip"), ClientTool("bare", "", b'{"type":"object"}')]
OFFER = INJECTOR.declare(TOOLS)


def test_declarations_in_both_forms() -> None:
    assert [json.loads(one) for one in OFFER.declarations] == [
        {"name": "theirs", "description": "d",
         "parametersJsonSchema": {"type": "object", "properties": {"a": {"const": "b"}}}},
        {"name": "_7zip"},
        {"name": "bare", "parametersJsonSchema": {"type": "object"}},
    ]  # fmt: skip
    assert [json.loads(one) for one in request.declare(TOOLS, older=True).declarations] == [
        {"name": "theirs", "description": "d",
         "parameters": {"type": "object", "properties": {"a": {"type": "string", "enum": ["b"]}}}},
        {"name": "_7zip"},
        {"name": "bare"},
    ]  # fmt: skip
    assert OFFER.names == {"theirs": "theirs", "_7zip": "7zip", "bare": "bare"}


@pytest.mark.parametrize("key", ["functionDeclarations", "function_declarations"])
def test_declarations_join_the_agents_in_either_spelling(key: str) -> None:
    body = dumped({"contents": [GEMINI.user], "tools": [{"googleSearch": {}}, {key: [{"name": "own"}], "x": 1}]})
    found = INJECTOR.insert(body, OFFER)
    assert isinstance(found, Inserted)
    declared = [json.loads(one) for one in OFFER.declarations]
    assert json.loads(apply_edits(body, found.edits))["tools"] == [
        {"googleSearch": {}},
        {key: [{"name": "own"}, *declared], "x": 1},
    ]


def test_an_entry_of_its_own_where_the_agent_has_none() -> None:
    body = dumped({"contents": [GEMINI.user], "tools": [{"google_search": {}}]})
    found = INJECTOR.insert(body, OFFER)
    assert isinstance(found, Inserted)
    assert [[*one] for one in json.loads(apply_edits(body, found.edits))["tools"]] == [
        ["google_search"],
        ["functionDeclarations"],
    ]


@pytest.mark.parametrize("key", ["functionDeclarations", "function_declarations"])
def test_a_name_of_any_of_the_agents_declarations_clashes(key: str) -> None:
    body = dumped({"contents": [], "tools": [{"functionDeclarations": []}, {key: [{"name": "_7zip"}]}]})
    assert INJECTOR.insert(body, OFFER) == NotInserted(Obstacle.NAME_CLASH, "_7zip")


def test_several_candidates_take_no_tools() -> None:
    body = dumped({"contents": [], "generation_config": {"candidate_count": 2}})
    assert INJECTOR.insert(body, OFFER) == NotInserted(Obstacle.SEVERAL_CHOICES, "generation_config")


def chunk(*parts: Any, finish: str | None = None, **others: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": [*parts]}} | ({"finishReason": finish} if finish else {})
    return b"data: %b\r\n\r\n" % dumped({"candidates": [candidate], **others})


def answer(*chunks: bytes) -> tuple[list[Any], Any]:
    filtering = INJECTOR.filter(OFFER)
    out = through(filtering, chunks)
    shown = [json.loads(one[6:])["candidates"][0] for one in out.split(b"\r\n\r\n") if one]
    return shown, filtering.outcome


def test_parallel_calls_of_one_name_are_told_by_their_order() -> None:
    parts = [{"functionCall": {"name": "_7zip", "args": {"n": n}}} for n in (1, 2)]
    _, outcome = answer(chunk({**parts[0], "thoughtSignature": "s"}, parts[1]), chunk({"text": ""}, finish="STOP"))
    assert isinstance(outcome, Withheld)
    assert outcome.calls == (AgentCall("", "7zip", '{"n": 1}', "s"), AgentCall("", "7zip", '{"n": 2}'))
    place = INJECTOR.place(dumped({"contents": [GEMINI.user]}))
    assert place is not None
    outputs = [CallOutput("", "7zip", call.arguments, f"out {number}") for number, call in enumerate(outcome.calls)]
    exchange = INJECTOR.exchange(place, outcome, outputs)
    body = dumped(GEMINI.asked([GEMINI.user]))
    later = json.loads(apply_edits(body, [INJECTOR.follow_up(body, exchange)]))["contents"]
    assert later[1] == {"role": "model", "parts": [{**parts[0], "thoughtSignature": "s"}, parts[1]]}
    assert [part["functionResponse"] for part in later[2]["parts"]] == [
        {"name": "_7zip", "response": {"output": f"out {number}"}} for number in (0, 1)
    ]


def test_an_id_comes_back_where_the_model_gave_one() -> None:
    _, outcome = answer(chunk({"functionCall": {"id": "f1", "name": "theirs", "args": {}}}, finish="STOP"))
    assert isinstance(outcome, Withheld)
    result = json.loads(INJECTOR.result(outcome.elements[0], CallOutput("f1", "theirs", "{}", "out")))
    assert result == {"functionResponse": {"id": "f1", "name": "theirs", "response": {"output": "out"}}}


def test_a_part_that_only_signs_is_shown_and_goes_back() -> None:
    signs = {"text": "", "thoughtSignature": "s"}
    shown, outcome = answer(
        chunk({"text": "a"}), chunk({"functionCall": {"name": "theirs"}}), chunk(signs, finish="STOP")
    )
    assert shown[-1] == {"content": {"role": "model", "parts": [signs]}}
    assert isinstance(outcome, Withheld)
    assert json.loads(outcome.answer)["parts"] == [{"text": "a"}, {"functionCall": {"name": "theirs"}}, signs]
    assert outcome.calls[0].arguments == "{}"


@pytest.mark.parametrize(
    ("chunks", "outcome"),
    [
        ([chunk(finish="MAX_TOKENS")], Dropped("MAX_TOKENS")),
        ([chunk(finish="MALFORMED_FUNCTION_CALL")], Dropped("MALFORMED_FUNCTION_CALL")),
        ([], Broken("the answer was cut off")),
        ([b'data: {"error":{"code":503}}\r\n\r\n'], Broken("the answer holds an error")),
        (
            [chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.x.0"}]}}), chunk(finish="STOP")],
            Broken("the arguments of `theirs` cannot be put together"),
        ),
    ],
)
def test_calls_that_do_not_count(chunks: list[bytes], outcome: Any) -> None:
    begun = {"functionCall": {"name": "theirs", "partialArgs": [{"jsonPath": "x"}]}}
    filtering = INJECTOR.filter(OFFER)
    through(
        filtering, [chunk(begun if "put together" in repr(outcome) else {"functionCall": {"name": "theirs"}}), *chunks]
    )
    assert filtering.outcome == outcome


def test_an_array_of_chunks() -> None:
    """What comes without `alt=sse`: withheld, gone on with, and one array in the end."""

    def array(*parts: list[Any]) -> bytes:
        chunks = [{"candidates": [{"content": {"role": "model", "parts": one}}], "responseId": "r"} for one in parts]
        chunks[-1]["candidates"][0]["finishReason"] = "STOP"  # type: ignore[index] # of a chunk made here
        return b"[%b]" % b",\r\n".join(map(dumped, chunks))

    own = {"functionCall": {"name": "own"}}
    filtering = INJECTOR.filter(OFFER)
    assert through(filtering, [array([{"text": "a"}], [{"functionCall": {"name": "theirs"}}])]) == b""
    assert isinstance(filtering.outcome, Withheld)
    filtering.go_on()
    read = json.loads(through(filtering, [array([{"text": "b"}], [own])]))
    assert [part for one in read for part in one["candidates"][0]["content"]["parts"]] == [
        {"text": "a"},
        {"text": "b"},
        own,
    ]
    assert [one["candidates"][0].get("finishReason") for one in read] == [None, None, "STOP"]
    broken = INJECTOR.filter(OFFER)
    assert through(broken, [b"[1,"]) == b"[1,"


CALL = {"functionCall": {"name": "theirs", "args": {"n": 1}}, "thoughtSignature": "sig of theirs {'n': 1}"}
OUT = {"functionResponse": {"name": "theirs", "response": {"output": "out"}}}


def exchange(said: list[Said]) -> Exchange:
    filtering = INJECTOR.filter(OFFER)
    through(filtering, [GEMINI.stream([*said, Called("theirs", {"n": 1})], 1, None)])
    place = INJECTOR.place(dumped({"contents": [GEMINI.user]}))
    assert isinstance(filtering.outcome, Withheld)
    assert place is not None
    return INJECTOR.exchange(place, filtering.outcome, [CallOutput("", "theirs", '{"n": 1}', "out")])


def spliced(contents: list[Any], *said: list[Said]) -> Any:
    body = dumped({"contents": [GEMINI.user, *contents, GEMINI.user]})
    found = INJECTOR.splice(body, [exchange(one) for one in said])
    return json.loads(apply_edits(body, found.edits))["contents"][1:-1], len(found.missing)


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": [*parts]}


USER = {"role": "user", "parts": [OUT]}
A, B, SIGNS = {"text": "a"}, {"text": "b"}, {"text": "", "thoughtSignature": "t"}


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        ([model(A, B)], [model(A, CALL), USER, model(B)]),
        ([model({"text": "ab", "x": 1})], [model(A, CALL), USER, model({"text": "b", "x": 1})]),
        ([model(A), model(B)], [model(A, CALL), USER, model(B)]),
        ([model(A, SIGNS, B)], [model(A, SIGNS, CALL), USER, model(B)]),
        ([model(A)], [model(A, CALL), USER]),
        ([{"parts": [A, B], "role": "model"}], [model(A, CALL), USER, model(B)]),
    ],
)
def test_text_is_followed_through_parts_and_contents(contents: list[Any], wanted: list[Any]) -> None:
    assert spliced(contents, [Text("a")]) == (wanted, 0)


def test_thoughts_are_followed_or_passed_over() -> None:
    hm = {"text": "hm", "thought": True}
    assert spliced([model(hm, A, B)], [Thought("hm", ""), Text("a")]) == ([model(hm, A, CALL), USER, model(B)], 0)
    assert spliced([model(A, B)], [Thought("hm", ""), Text("a")]) == ([model(A, CALL), USER, model(B)], 0)


@pytest.mark.parametrize("contents", [[model(B)], [model({"functionCall": {}}, A)], [{"role": "user", "parts": [A]}]])
def test_where_the_answer_is_not_what_was_said_nothing_is_spliced(contents: list[Any]) -> None:
    assert spliced(contents, [Text("a")]) == (contents, 1)


def test_runs_join_what_stands_together() -> None:
    said = [Run(False, "a"), Run(False, ""), Run(True, ""), Run(False, "b"), Run(True, "c"), Run(True, "d")]
    assert runs(said) == [Run(False, "ab"), Run(True, "cd")]
    assert [Run.read(str(run)) for run in runs(said)] == runs(said)
