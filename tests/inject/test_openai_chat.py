"""Chat Completions: declarations, the dialects of its answers, and how an exchange goes into an agent's message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk, ParsedFunctionToolCall

from narrows.agents.observation import AgentCall
from narrows.agents.tools import CallOutput, ClientTool
from narrows.core.edits import apply_edits
from narrows.inject.types import Broken, Dropped, Exchange, Inserted, NotInserted, Obstacle, Place, Withheld
from tests.inject.answers import through
from tests.inject.cases import CHAT, Called, Said, Text, dumped

INJECTOR = CHAT.injector
OFFER = INJECTOR.declare([ClientTool("theirs", "d", b'{"type":"object","maxProperties":1.0}'), ClientTool("bare")])
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "theirs", "arguments": "{}"}}


MORE = {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}


def chunk(delta: Any, finish: str | None = None, **others: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % dumped({"id": "i", "choices": [choice], **others})


def answer(*chunks: bytes) -> tuple[list[Any], Any]:
    filtering = INJECTOR.filter(OFFER)
    out = through(filtering, chunks)
    shown = [json.loads(line[6:]) for line in out.split(b"\n\n") if line.startswith(b"data: {")]
    return [one["choices"][0] for one in shown if "choices" in one], filtering.outcome


def test_a_declaration_is_the_clients_own_bytes() -> None:
    assert OFFER.declarations == (
        b'{"type":"function","function":{"name":"theirs","description":"d",'
        b'"parameters":{"type":"object","maxProperties":1.0}}}',
        b'{"type":"function","function":{"name":"bare"}}',
    )


@pytest.mark.parametrize(
    ("more", "obstacle"), [({"n": 2}, Obstacle.SEVERAL_CHOICES), ({"functions": [{}]}, Obstacle.LEGACY_FUNCTIONS)]
)
def test_requests_that_take_no_tools(more: dict[str, Any], obstacle: Obstacle) -> None:
    found = INJECTOR.insert(dumped(CHAT.asked([CHAT.user]) | more), OFFER)
    assert isinstance(found, NotInserted)
    assert found.obstacle is obstacle


@pytest.mark.parametrize("said", [True, False, None])
def test_what_the_agent_says_of_parallel_calls_stays(said: bool | None) -> None:
    body = dumped(CHAT.asked([CHAT.user]) | {"parallel_tool_calls": said})
    found = INJECTOR.insert(body, OFFER)
    assert isinstance(found, Inserted)
    assert json.loads(apply_edits(body, found.edits))["parallel_tool_calls"] is (said or False)


def test_a_call_in_one_chunk_without_an_index() -> None:
    """As Mistral sends it, with the finish reason and usage in the same chunk."""
    shown, outcome = answer(chunk({"role": "assistant", "content": "a"}), chunk({"tool_calls": [CALL]}, "tool_calls"))
    assert shown == [{"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None}]
    assert isinstance(outcome, Withheld)
    assert outcome.calls == (AgentCall("c1", "theirs", "{}"),)


def test_calls_that_all_say_they_are_the_first_are_told_apart_by_id_and_name() -> None:
    """Some servers count every call as the first; what follows without a name is the latest one's."""
    own = {"id": "c2", "type": "function", "function": {"name": "mine", "arguments": '{"a"'}}
    more = {"id": "c3", "type": "function", "function": {"name": "bare", "arguments": ""}}
    shown, outcome = answer(
        chunk({"tool_calls": [{**CALL, "index": 0}]}),
        chunk({"tool_calls": [{**own, "index": 0}]}),
        chunk({"tool_calls": [{"index": 0, "id": "c2", "function": {"name": "mine", "arguments": ":1}"}}]}),
        chunk({"tool_calls": [{**more, "index": 0}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        chunk({}, "tool_calls"),
    )
    assert shown == []
    assert isinstance(outcome, Withheld)
    assert outcome.calls == (AgentCall("c1", "theirs", "{}"), AgentCall("c3", "bare", "{}"))
    assert (outcome.mixed, outcome.leading) == (True, 1)


def test_text_in_a_chunk_with_a_call_is_shown() -> None:
    shown, outcome = answer(
        chunk({"role": "assistant", "content": "a", "tool_calls": [{**CALL, "index": 0}]}, "tool_calls")
    )
    assert shown == [{"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None}]
    assert isinstance(outcome, Withheld)
    assert outcome.said == ("a",)


def test_calls_in_one_chunk_are_told_apart_and_the_agents_renumbered() -> None:
    own = {"id": "c2", "type": "function", "function": {"name": "own", "arguments": "{}"}}
    filtering = INJECTOR.filter(OFFER)
    both = chunk({"tool_calls": [{**CALL, "index": 0}, {**own, "index": 1}]})
    through(filtering, [chunk({"role": "assistant", "content": None}), both, chunk({}, "tool_calls")])
    assert isinstance(filtering.outcome, Withheld)
    assert (filtering.outcome.mixed, filtering.outcome.leading) == (True, 1)
    first, last = filtering.release().split(b"\n\n")[:2]
    assert json.loads(first[6:])["choices"][0]["delta"] == {"tool_calls": [{**own, "index": 0}]}
    assert json.loads(last[6:])["choices"][0]["finish_reason"] == "tool_calls"


def test_what_a_provider_adds_to_a_call_goes_back() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    _, outcome = answer(chunk({"tool_calls": [{**CALL, **extra, "index": 0}]}), chunk({}, "tool_calls"))
    assert isinstance(outcome, Withheld)
    assert json.loads(outcome.answer) == {"role": "assistant", "content": None, "tool_calls": [{**CALL, **extra}]}


def test_open_reasoning_goes_back_beside_calls() -> None:
    _, outcome = answer(
        chunk({"reasoning_content": "hm"}), chunk({"tool_calls": [{**CALL, "index": 0}]}), chunk({}, "stop")
    )
    assert isinstance(outcome, Withheld)
    assert json.loads(outcome.answer)["reasoning_content"] == "hm"


def test_details_of_reasoning_go_back_in_whole_pieces() -> None:
    """As OpenRouter sends them, and wants them back beside calls."""
    texts = [{"type": "reasoning.text", "text": one, "index": 0, "signature": None} for one in ("a", "b")]
    signed = {"type": "reasoning.text", "text": "", "index": 0, "signature": "s"}
    sealed = {"type": "reasoning.encrypted", "data": "x", "index": 1}
    chunks = [chunk({"reasoning_details": one}) for one in ([texts[0]], [texts[1], signed], [sealed], [sealed], None)]
    _, outcome = answer(*chunks, chunk({"tool_calls": [{**CALL, "index": 0}]}), chunk({}, "tool_calls"))
    assert isinstance(outcome, Withheld)
    assert json.loads(outcome.answer)["reasoning_details"] == [{**signed, "text": "ab"}, sealed, sealed]


@pytest.mark.parametrize(
    ("chunks", "outcome"),
    [
        ([chunk({}, "length")], Dropped("length")),
        ([chunk({}, "content_filter")], Dropped("content_filter")),
        ([], Broken("the answer was cut off")),
        ([b"data: [DONE]\n\n"], Broken("the answer was cut off")),
        ([b'data: {"error":{"code":"x"}}\n\n', chunk({}, "stop")], Broken("the answer holds an error")),
        ([chunk(MORE), chunk({}, "stop")], Broken("the arguments of `theirs` are not JSON")),
    ],
)
def test_calls_that_do_not_count(chunks: list[bytes], outcome: Any) -> None:
    assert answer(chunk({"tool_calls": [{**CALL, "index": 0}]}), *chunks)[1] == outcome


def test_an_error_body_is_passed_on() -> None:
    body = b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}'
    assert through(INJECTOR.filter(OFFER), [body]) == body


def exchange(said: str, place: Place) -> Exchange:
    outcome = Withheld((AgentCall("c1", "theirs", "{}"),), False, 1, (said,), (dumped(CALL),), b'{"role":"assistant"}')
    return INJECTOR.exchange(place, outcome, [CallOutput("c1", "theirs", "{}", "out")])


def spliced(message: bytes, *said: str) -> Any:
    body = b'{"messages":[{"role":"user","content":"q"},%b,{"role":"user","content":"more"}]}' % message
    place = INJECTOR.place(b'{"messages":[{"role":"user","content":"q"}]}')
    assert place is not None
    found = INJECTOR.splice(body, [exchange(one, place) for one in said])
    return json.loads(apply_edits(body, found.edits))["messages"][1:-1], len(found.missing)


RESULT = {"role": "tool", "tool_call_id": "c1", "content": "out"}


@pytest.mark.parametrize(
    "message",
    [
        b'{"role":"assistant","content":"s\\u00e9 a\\n\\ud83d\\ude00 rest","tool_calls":[1],"x":1}',
        '{ "content": "sé a\\n😀 rest", "tool_calls": [1], "role": "assistant", "x":1 }'.encode(),
    ],
)
def test_a_text_is_cut_where_the_exchange_stood(message: bytes) -> None:
    messages, missing = spliced(message, "sé a\n😀")
    assert missing == 0
    assert messages == [
        {"role": "assistant", "content": "sé a\n😀", "tool_calls": [CALL]},
        RESULT,
        {"role": "assistant", "content": " rest", "tool_calls": [1], "x": 1},
    ]


def test_a_list_of_texts_is_cut_inside_one_of_them() -> None:
    parts = [{"type": "text", "text": "ab"}, {"type": "text", "text": "cd", "cache_control": {}}]
    messages, missing = spliced(dumped({"role": "assistant", "content": parts}), "a", "b", "c")
    assert missing == 0
    assert [one["content"] for one in messages if one["role"] == "assistant"] == [
        [{"type": "text", "text": "a"}],
        [{"type": "text", "text": "b"}],
        [{"type": "text", "text": ""}, {"type": "text", "text": "c"}],
        [{"type": "text", "text": "d", "cache_control": {}}],
    ]
    assert messages[1] == RESULT


def test_several_exchanges_in_one_text() -> None:
    messages, missing = spliced(b'{"role":"assistant","content":"abc"}', "", "a", "", "b")
    assert missing == 0
    assert [one.get("content") for one in messages] == [None, "out", "a", "out", None, "out", "b", "out", "c"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b'{"role":"user","content":"a"}', "a"),
        (b'{"role":"assistant","content":"b"}', "a"),
        (b'{"role":"assistant","content":null}', "a"),
        (b'{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"image_url"}]}', "a"),
        (b'{"role":"assistant","content":[{"type":"text","text":null}]}', "a"),
        (b'{"role":"assistant","content":"a","content":"a"}', "a"),
        (b'{"role":"assistant","tool_calls":[1],"content":"ab"}', "a"),
        (b"1", "a"),
    ],
)
def test_where_the_answer_is_not_what_was_said_nothing_is_spliced(message: bytes, said: str) -> None:
    messages, missing = spliced(message, said)
    assert (messages, missing) == ([json.loads(message)], 1)


def test_the_answer_of_the_cases_is_what_clients_read() -> None:
    """The tests' own agent agrees with itself on both ways to answer."""
    said: list[Said] = [Text("a"), Called("own", {"b": 1}, "c")]
    stream, whole = CHAT.read(CHAT.stream(said, 1, None)), CHAT.read_whole(CHAT.whole(said, 1, None))
    assert stream == whole


def test_openai_python_reads_one_answer() -> None:
    """The official client's own accumulation, which joins roles, ids and names that come twice."""
    filtering = INJECTOR.filter(OFFER)
    first = CHAT.stream([Text("a "), Called("theirs", {"n": 1}, "c1")], 1, None)
    last = CHAT.stream([Text("b"), Called("own", {"m": 2}, "c2")], 2, None)
    joined = through(filtering, [first])
    filtering.go_on()
    joined += through(filtering, [last])
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for line in joined.split(b"\n\n"):
        if line.startswith(b"data: {"):
            state.handle_chunk(ChatCompletionChunk.model_validate_json(line[6:]))
    read = state.get_final_completion()
    assert (read.id, read.created, read.choices[0].finish_reason) == ("chatcmpl-1", 101, "tool_calls")
    message = read.choices[0].message
    assert (message.role, message.content) == ("assistant", "a b")
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert isinstance(call, ParsedFunctionToolCall)
    assert (call.id, call.function.name, call.function.arguments) == ("c2", "own", '{"m": 2}')
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens, read.usage.total_tokens) == (200, 20, 220)
