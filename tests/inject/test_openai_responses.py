"""Responses: declarations, items of every kind, and how an exchange goes into an agent's items."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.agents.observation import AgentCall
from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import apply_edits
from narrows.inject.types import Broken, Dropped, Exchange, Inserted, NotInserted, Obstacle, Passed, Withheld
from tests.inject.answers import parsed_response, through
from tests.inject.cases import RESPONSES, Called, Said, Text, Thought, dumped, events_of, item_of

INJECTOR = RESPONSES.injector
OFFER = INJECTOR.declare([ClientTool("theirs", "d", b'{"type":"object","maxProperties":1.0}'), ClientTool("bare")])
CALL = Called("theirs", {"n": 1}, "c1")
OUT = {"type": "function_call_output", "call_id": "c1", "output": "out"}


# Requests


def test_a_declaration_is_flat_and_not_strict() -> None:
    """Where a request says nothing, the API makes every property a required one."""
    assert OFFER.declarations == (
        b'{"type":"function","name":"theirs","description":"d","parameters":{"type":"object","maxProperties":1.0},'
        b'"strict":false}',
        b'{"type":"function","name":"bare","parameters":{"type":"object","properties":{}},"strict":false}',
    )


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"previous_response_id": "resp_1"}, NotInserted(Obstacle.STORED, "previous_response_id")),
        ({"conversation": {"id": "conv_1"}}, NotInserted(Obstacle.STORED, "conversation")),
        ({"background": True}, NotInserted(Obstacle.BACKGROUND, "background")),
        ({"input": {"a": 1}}, NotInserted(Obstacle.NOT_AN_ARRAY, "input")),
        ({"tools": [{"type": "custom", "name": "theirs"}]}, NotInserted(Obstacle.NAME_CLASH, "theirs")),
        ({"tools": [{"type": "namespace", "name": "bare"}]}, NotInserted(Obstacle.NAME_CLASH, "bare")),
    ],
)
def test_requests_that_take_no_tools(more: dict[str, Any], found: NotInserted) -> None:
    assert INJECTOR.insert(dumped(RESPONSES.asked([RESPONSES.user]) | more), OFFER) == found


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": None, "conversation": None, "background": False, "store": True},
        {"tools": [{"type": "mcp", "server_label": "theirs"}, {"type": "web_search", "name": "theirs"}]},
        {"input": "Go."},
        {"tools": None},
    ],
)
def test_requests_that_take_them(more: dict[str, Any]) -> None:
    body = dumped(RESPONSES.asked([RESPONSES.user]) | more)
    found = INJECTOR.insert(body, OFFER)
    assert isinstance(found, Inserted)
    read = json.loads(apply_edits(body, found.edits))
    own = more.get("tools", RESPONSES.asked([])["tools"]) or []
    assert read["tools"] == [*own, *map(json.loads, OFFER.declarations)]


@pytest.mark.parametrize("said", [True, False, None])
def test_what_the_agent_says_of_parallel_calls_stays(said: bool | None) -> None:
    body = dumped(RESPONSES.asked([RESPONSES.user]) | {"parallel_tool_calls": said})
    found = INJECTOR.insert(body, OFFER)
    assert isinstance(found, Inserted)
    assert json.loads(apply_edits(body, found.edits))["parallel_tool_calls"] is (said or False)


def test_a_bare_string_is_the_users_message() -> None:
    """The follow-up holds it as it stood, and later requests may write it out."""
    body = b'{"model": "m", "input": "G\\u006f." , "x":1.0}'
    place = INJECTOR.place(body)
    for said in ("Go.", [{"type": "input_text", "text": "Go."}]):
        for user in ({"role": "user", "content": said}, {"type": "message", "role": "user", "content": said}):
            assert INJECTOR.place(dumped({"input": [user]})) == place
    assert INJECTOR.place(dumped({"input": ["Go."]})) != place
    assert INJECTOR.place(dumped({"input": "Stop."})) != place
    sent = apply_edits(body, [INJECTOR.follow_up(body, exchange([]))])
    assert sent.startswith(b'{"model": "m", "input": [{"role":"user","content":"G\\u006f."},{')
    assert sent.endswith(b',"output":"out"}] , "x":1.0}')
    assert json.loads(sent)["input"][1:] == [item_of(CALL), OUT]


# Answers


def event(kind: str, number: int | None = None, **fields: Any) -> bytes:
    counted = {} if number is None else {"sequence_number": number}
    name = kind if kind == "error" else f"response.{kind}"
    return b"event: %b\ndata: %b\n\n" % (name.encode(), dumped({"type": name, **counted, **fields}))


def done(index: int, item: dict[str, Any]) -> bytes:
    return event("output_item.done", output_index=index, item=item)


def ended(*items: dict[str, Any], kind: str = "completed", **fields: Any) -> bytes:
    whole = {"id": "r", "model": "m", "status": kind, "output": items, **fields}
    return event(kind, response=whole)


def test_openai_python_reads_answers_that_were_joined() -> None:
    """It refuses a stream in which a response changes its id, or an item's place is taken twice."""
    answer = INJECTOR.filter(OFFER)
    shown = through(answer, [RESPONSES.stream([Thought("hm", "s1"), Text("Let me see."), CALL], 1, None)])
    answer.go_on()
    shown += through(answer, [RESPONSES.stream([Called("bare", {}, "c2")], 2, None)])
    answer.go_on()
    shown += through(answer, [RESPONSES.stream([Thought("ah", "s2"), Text("Cold."), Called("own", {}, "c3")], 3, None)])
    assert answer.outcome == Passed()
    response = parsed_response(shown)
    assert (response.id, response.output_text, response.status) == ("resp_1", "Let me see.Cold.", "completed")
    assert [item.type for item in response.output] == [
        "reasoning", "message", "reasoning", "message", "function_call"
    ]  # fmt: skip
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (300, 30, 330)
    assert response.usage.output_tokens_details.reasoning_tokens == 12


def test_openai_python_reads_an_answer_with_calls_of_both() -> None:
    answer = INJECTOR.filter(OFFER)
    said: list[Said] = [Text("a"), CALL, Called("own", {}, "c3")]
    shown = through(answer, [RESPONSES.stream(said, 1, None)]) + answer.release()
    assert isinstance(answer.outcome, Withheld)
    assert (answer.outcome.mixed, answer.outcome.leading) == (True, 1)
    response = parsed_response(shown)
    assert [item.type for item in response.output] == ["message", "function_call"]


def test_items_go_back_as_they_were() -> None:
    """What the provider's own tools did too; that is nobody's to call."""
    search: dict[str, Any] = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"n": 1.0}}
    shell: dict[str, Any] = {"id": "sh_1", "type": "shell_call", "call_id": "s1", "action": {"commands": ["ls"]}}
    output: dict[str, Any] = {"id": "so_1", "type": "shell_call_output", "call_id": "s1", "output": []}
    reasoning: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "xyz"}
    items = [reasoning, search, shell, output, item_of(Text("a")), item_of(CALL)]
    answer = INJECTOR.filter(OFFER)
    through(answer, [*(done(index, item) for index, item in enumerate(items)), ended(*items, store=False)])
    assert isinstance(answer.outcome, Withheld)
    assert not answer.outcome.mixed
    assert answer.outcome.answer == b",".join(map(dumped, items))
    assert answer.outcome.calls == (AgentCall("c1", "theirs", '{"n": 1}'),)


@pytest.mark.parametrize(
    "own",
    [
        {"id": "mcpr_1", "type": "mcp_approval_request", "name": "theirs"},
        {"id": "tsc_1", "type": "tool_search_call", "execution": "client", "call_id": "t1"},
        {"id": "ctc_1", "type": "custom_tool_call", "call_id": "t1", "name": "theirs", "input": "x"},
    ],
)
def test_other_calls_that_the_agent_has_to_answer(own: dict[str, Any]) -> None:
    found = {"id": "tso_1", "type": "tool_search_output", "execution": "server", "call_id": None}
    searched = {"id": "tsc_0", "type": "tool_search_call", "execution": "server", "call_id": None}
    items = [searched, found, item_of(CALL), own]
    answer = INJECTOR.filter(OFFER)
    shown = through(answer, [*(done(index, item) for index, item in enumerate(items)), ended(*items)])
    assert isinstance(answer.outcome, Withheld)
    assert (answer.outcome.mixed, answer.outcome.leading) == (True, 1)
    assert own["id"].encode() not in shown
    last = json.loads(events_of(shown + answer.release())[-1][1])
    assert last["response"]["output"] == [searched, found, own]


@pytest.mark.parametrize("store", [True, False])
def test_reasoning_that_nobody_keeps_does_not_go_back(store: bool) -> None:
    """An id of what the model's server has not kept is an error there, and so is one that belongs to it."""
    reasoning: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "summary": []}
    answer = INJECTOR.filter(OFFER)
    items = [reasoning, item_of(CALL)]
    through(answer, [done(0, items[0]), done(1, items[1]), ended(*items, store=store)])
    assert isinstance(answer.outcome, Withheld)
    bare = {key: value for key, value in item_of(CALL).items() if key != "id"}
    assert json.loads(b"[%b]" % answer.outcome.answer) == (items if store else [bare])


@pytest.mark.parametrize("left_out", ["added", "delta", "arguments.done", "item.done", "output"])
def test_servers_that_tell_a_call_in_other_ways(left_out: str) -> None:
    item = item_of(CALL)
    begun = {**item, "arguments": ""}
    at = {"output_index": 0, "item_id": item["id"]}
    told = {
        "added": event("output_item.added", output_index=0, item=begun),
        "delta": event("function_call_arguments.delta", **at, delta=item["arguments"]),
        "arguments.done": event("function_call_arguments.done", **at, arguments=item["arguments"]),
        "item.done": done(0, item),
    }
    told.pop(left_out, None)
    if left_out == "item.done":
        del told["arguments.done"]
    answer = INJECTOR.filter(OFFER)
    shown = through(answer, [event("created", response={}), *told.values()])
    assert b"theirs" not in shown
    last = through(answer := INJECTOR.filter(OFFER), [*told.values(), ended(*([] if left_out == "output" else [item]))])
    assert b"theirs" not in last
    assert isinstance(answer.outcome, Withheld)
    assert answer.outcome.calls == (AgentCall("c1", "theirs", '{"n": 1}'),)
    assert b"theirs" not in answer.release()


def test_a_whole_response_alone_tells_of_a_call() -> None:
    answer = INJECTOR.filter(OFFER)
    assert through(answer, [ended(item_of(Text("a")), item_of(CALL))]) == b""
    assert isinstance(answer.outcome, Withheld)
    assert not answer.outcome.mixed


@pytest.mark.parametrize(
    ("namespace", "is_theirs"), [(None, True), ("theirs", True), ("agents", False), ("", True)]
)  # fmt: skip
def test_a_function_in_a_namespace_is_the_agents(namespace: str | None, is_theirs: bool) -> None:
    item = {**item_of(CALL), "namespace": namespace}
    answer = INJECTOR.filter(OFFER)
    shown = through(answer, [done(0, item), ended(item)])
    assert isinstance(answer.outcome, Withheld if is_theirs else Passed)
    assert (b"c1" in shown) is not is_theirs


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        ([event("error", error={"code": "x"})], Broken("the answer holds an error")),
        ([ended(kind="failed", error={"code": "server_error"})], Broken("the answer holds an error")),
        ([event("completed")], Broken("the answer holds an error")),
        ([], Broken("the answer was cut off")),
        ([ended(kind="incomplete", incomplete_details={"reason": "content_filter"})], Dropped("content_filter")),
        ([ended(kind="incomplete")], Dropped("incomplete")),
        ([ended()], Broken("the arguments of `theirs` are not JSON")),
    ],
)
def test_calls_that_do_not_count(last: list[bytes], outcome: Any) -> None:
    half = {**item_of(CALL), "arguments": '{"n":'}
    answer = INJECTOR.filter(OFFER)
    shown = through(answer, [event("output_item.added", output_index=0, item=half), done(0, half), *last])
    assert answer.outcome == outcome
    assert b"theirs" not in shown


def test_a_call_without_an_id_cannot_be_answered() -> None:
    item = {key: value for key, value in item_of(CALL).items() if key != "call_id"}
    answer = INJECTOR.filter(OFFER)
    through(answer, [done(0, item), ended(item)])
    assert answer.outcome == Broken("a call of `theirs` has no id")


def test_a_count_of_tokens_is_no_answer() -> None:
    answer = INJECTOR.filter(OFFER)
    body = b'{"object": "response.input_tokens", "input_tokens": 11}'
    assert through(answer, [body]) == body
    assert answer.outcome == Passed()


# Later requests


def exchange(said: list[Said], *more: Said) -> Exchange:
    answer = INJECTOR.filter(OFFER)
    through(answer, [RESPONSES.stream([*said, CALL, *more], 1, None)])
    place = INJECTOR.place(dumped({"input": [RESPONSES.user]}))
    assert isinstance(answer.outcome, Withheld)
    assert place is not None
    return INJECTOR.exchange(place, answer.outcome, [CallOutput("c1", "theirs", '{"n": 1}', "out")])


def spliced(items: list[Any], *said: list[Said]) -> tuple[list[Any], int]:
    body = dumped({"input": [RESPONSES.user, *items, RESPONSES.user]})
    found = INJECTOR.splice(body, [exchange(one) for one in said])
    return json.loads(apply_edits(body, found.edits))["input"][1:-1], len(found.missing)


BARE = {key: value for key, value in item_of(CALL).items() if key != "id"}


@pytest.mark.parametrize("stripped", ["", "id", "encrypted_content"])
def test_an_exchange_stands_behind_what_led_to_it(stripped: str) -> None:
    """However much of it the agent keeps of reasoning."""
    items = [
        {key: value for key, value in item_of(one).items() if key != stripped}
        for one in (Thought("hm", "s1"), Text("a"), Thought("ah", "s2"), Text("b"))
    ]
    found, missing = spliced(items, [Thought("hm", "s1"), Text("a")], [Thought("ah", "s2")])
    assert missing == 0
    assert found == [*items[:2], item_of(CALL), OUT, items[2], item_of(CALL), OUT, items[3]]


def test_a_call_whose_reasoning_is_gone_has_no_id() -> None:
    found, missing = spliced([item_of(Text("a"))], [Thought("hm", "s1"), Text("a")])
    assert (found, missing) == ([item_of(Text("a")), BARE, OUT], 0)


def test_an_answer_of_which_nothing_is_left_but_a_reference() -> None:
    reference = {"type": "item_reference", "id": item_of(Text("a"))["id"]}
    found, missing = spliced([reference, item_of(Text("b"))], [Text("a")])
    assert (found, missing) == ([reference, item_of(CALL), OUT, item_of(Text("b"))], 0)


def test_reasoning_of_another_answer_is_not_taken_for_it() -> None:
    other = item_of(Thought("ah", "s2"))
    found, missing = spliced([other, item_of(Text("b"))], [Thought("hm", "s1")])
    assert missing == 0
    assert found == [item_of(Thought("hm", "s1")), item_of(CALL), OUT, other, item_of(Text("b"))]


@pytest.mark.parametrize("role_last", [True, False])
def test_texts_that_the_agent_joined_are_cut(role_last: bool) -> None:
    whole: dict[str, Any] = {"role": "assistant", "content": "ab\u00e9c"}
    parts = {"role": "assistant", "content": [{"type": "output_text", "text": "ab\u00e9c", "annotations": []}], "x": 1}
    for item in (whole, parts):
        copy = dict(reversed(item.items())) if role_last else item
        found, missing = spliced([copy], [Text("a")], [Text("b\u00e9")])
        assert missing == 0
        assert [one for one in found if "call_id" in one] == [item_of(CALL), OUT] * 2
        said = [one for one in found if "call_id" not in one]
        assert all(one["role"] == "assistant" for one in said)
        content = [one["content"] if isinstance(one["content"], str) else one["content"][0]["text"] for one in said]
        assert content == ["a", "b\u00e9", "c"]


def test_parts_that_the_agent_joined_are_cut_between() -> None:
    texts = [{"type": "output_text", "text": text} for text in "ab"]
    found, missing = spliced([{"role": "assistant", "content": texts}], [Text("a")])
    assert missing == 0
    halves = [{"role": "assistant", "content": [text]} for text in texts]
    assert found == [halves[0], item_of(CALL), OUT, halves[1]]


def test_calls_of_both_stand_together() -> None:
    own, output = item_of(Called("own", {}, "c3")), {"type": "function_call_output", "call_id": "c3", "output": "o"}
    body = dumped({"input": [RESPONSES.user, item_of(Text("a")), own, output]})
    first, last = exchange([Text("a")], Called("own", {}, "c3")), exchange([Text("a"), Called("own", {}, "c3")])
    for one, wanted in ((first, [item_of(CALL), own, OUT, output]), (last, [own, item_of(CALL), OUT, output])):
        found = INJECTOR.splice(body, [one])
        assert found.missing == ()
        assert json.loads(apply_edits(body, found.edits))["input"][2:] == wanted
    gone = dumped({"input": [RESPONSES.user, item_of(Text("a")), output]})
    assert INJECTOR.splice(gone, [first]).missing == (first,)


@pytest.mark.parametrize("items", [[item_of(Text("b"))], [{"role": "assistant", "content": []}], ["a"], [OUT]])
def test_where_the_answer_is_not_what_was_said_nothing_is_spliced(items: list[Any]) -> None:
    assert spliced(items, [Text("a")]) == (items, 1)
