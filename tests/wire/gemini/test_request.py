"""Where text stands in a Gemini request; the rules for any conversation are in tests/laws/test_every_wire.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.compressors.types import Compressed
from narrows.core.edits import apply_edits
from narrows.plan import plan_body
from narrows.policy import Policy, Scope
from narrows.wire.gemini import WIRE
from narrows.wire.gemini.request import MAX_DEPTH
from narrows.wire.registry import wire_named
from narrows.wire.types import Located, Part, Refusal, Untouched
from tests.laws.conversations import SHORTENED


def parts_of(*contents: Any, scope: Scope = Scope.STABLE) -> tuple[Part, ...]:
    found = WIRE.locate(json.dumps({"contents": contents}).encode(), scope)
    assert isinstance(found, Located)
    return found.parts


def answer(response: object, name: str = "f", key: str = "functionResponse", **more: object) -> dict[str, Any]:
    return {key: {**more, "name": name, "response": response}}


def user(*parts: object) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def model(*calls: dict[str, Any], key: str = "functionCall") -> dict[str, Any]:
    return {"role": "model", "parts": [{key: call} for call in calls]}


def arguments(parts: tuple[Part, ...]) -> list[str | None]:
    return [part.tool_call.arguments if part.tool_call else None for part in parts]


def test_a_response_has_the_call_with_its_id() -> None:
    calls = model({"id": "a", "name": "f", "args": {"n": 1}}, {"id": "b", "name": "f", "args": {"n": 2}})
    parts = parts_of(calls, user(answer(LONG, id="b"), answer(LONG, id="a")))
    assert arguments(parts) == ['{"n": 2}', '{"n": 1}']


LONG = {"output": "x" * 600}


def test_without_ids_a_response_has_the_next_call_of_its_name() -> None:
    calls = model({"name": "f", "args": {"n": 1}}, {"name": "g", "args": {"n": 2}}, {"name": "f", "args": {"n": 3}})
    parts = parts_of(calls, user(answer(LONG), answer(LONG, "g"), answer(LONG), answer(LONG)))
    assert arguments(parts) == ['{"n": 1}', '{"n": 2}', '{"n": 3}', None]


def test_calls_of_an_earlier_turn_wait_no_more() -> None:
    parts = parts_of(model({"name": "f", "args": {"n": 1}}), model({"name": "g"}), user(answer(LONG)))
    assert arguments(parts) == [None]


@pytest.mark.parametrize("call", ["functionCall", "function_call"])
@pytest.mark.parametrize("key", ["functionResponse", "function_response"])
def test_either_spelling(call: str, key: str) -> None:
    (part,) = parts_of(model({"name": "f", "args": {}}, key=call), user(answer(LONG, key=key)))
    assert (part.pointer, part.tool_call and part.tool_call.name) == (f"/contents/1/parts/0/{key}/response/output", "f")


def test_strings_inside_the_object_and_no_deeper_than_the_bound() -> None:
    value: Any = "x" * 600
    for _ in range(MAX_DEPTH - 1):
        value = {"a": value}
    assert len(parts_of(user(answer({"a": value})))) == 1
    assert len(parts_of(user(answer({"a": {"a": value}})))) == 0


def test_what_other_wires_shorten_is_found_whatever_its_size() -> None:
    rows = json.dumps([{"identifier": number, "first": "ab", "last": "cd"} for number in range(7)])
    assert len(json.dumps(rows)) < 2 * Policy().smallest_min_bytes
    chat = json.dumps({"messages": [{"role": "tool", "tool_call_id": "c", "content": rows}]}).encode()
    gemini = json.dumps({"contents": [user(answer({"output": rows}))]}).encode()
    kinds = [
        [one.outcome.decision.result for one in plan_body(body, wire, Policy()).parts]
        for body, wire in ((chat, wire_named("openai_chat")), (gemini, WIRE))
    ]
    assert kinds[0] == kinds[1]
    assert isinstance(kinds[0][0], Compressed)


def test_an_error_is_read_to_the_letter() -> None:
    assert [part.pointer[-6:] for part in parts_of(user(answer({"error": SHORTENED, "output": SHORTENED})))] == [
        "output"
    ]
    nested = {"result": {"error": SHORTENED}}
    assert [part.pointer[-13:] for part in parts_of(user(answer(nested)))] == ["/result/error"]


def test_what_the_model_thought_is_no_part() -> None:
    assert parts_of(user({"text": SHORTENED, "thought": True})) == ()
    assert len(parts_of(user({"text": SHORTENED, "thought": False}))) == 1


def test_a_lone_part_and_a_content_without_a_role() -> None:
    assert [part.pointer for part in parts_of({"parts": {"text": "hi"}})] == ["/contents/0/parts/text"]


def test_the_latest_responses_and_the_latest_words() -> None:
    contents = [user(answer(LONG)), user({"text": "old"}), user(answer(LONG)), user({"text": "new"})]
    pointers = [part.message_index for part in parts_of(*contents, scope=Scope.LATEST)]
    assert pointers == [2, 3]


@pytest.mark.parametrize(
    ("settings", "several"),
    [
        ({"generationConfig": {"candidateCount": 2}}, True),
        ({"generation_config": {"candidate_count": 2}}, True),
        ({"generationConfig": {"candidateCount": "many"}}, True),
        ({"generationConfig": {"candidateCount": 1}}, False),
        ({"generationConfig": {"candidateCount": None}}, False),
        ({"generationConfig": 7}, False),
    ],
)
def test_several_candidates_are_several_choices(settings: dict[str, Any], several: bool) -> None:
    found = WIRE.locate(json.dumps({**settings, "contents": []}).encode(), Scope.STABLE)
    assert isinstance(found, Untouched) is several
    assert not several or (isinstance(found, Untouched) and found.reason is Refusal.SEVERAL_CHOICES)


def test_the_response_stays_an_object_and_signatures_stay_to_the_byte() -> None:
    contents = [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"q": 1.0}}, "thoughtSignature": "Eo8="}]},
        user(answer({"output": SHORTENED, "count": 1e5, "rows": [1, 2]})),
    ]
    body = json.dumps({"contents": contents, "systemInstruction": {"parts": [{"text": SHORTENED}]}}).encode()
    (edit,) = plan_body(body, WIRE, Policy()).edits
    new = apply_edits(body, [edit])
    assert new == body[: edit.span.start] + edit.replacement + body[edit.span.stop :]
    response = json.loads(new)["contents"][1]["parts"][0]["functionResponse"]["response"]
    assert (response["count"], response["rows"]) == (1e5, [1, 2])
    assert response["output"] != SHORTENED
