from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core import jsonscan, jsonstr
from narrows.core.effort import Effort
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.policy import Policy, Scope
from narrows.wire.openai_chat.request import locate
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Part, Refusal, Role, Untouched
from tests.laws.conversations import HOSTILE, Message, Style, body_of, conversations, styles
from tests.wire.close_marks import STEPS, set_close_marks


def located(body: bytes, scope: Scope = Scope.STABLE, memory: ReadingMemory | None = None) -> Located:
    found = locate(body, scope, memory)
    assert isinstance(found, Located)
    return found


def parts_of(*messages: Message | str, scope: Scope = Scope.STABLE) -> list[Part]:
    written = [one if isinstance(one, str) else json.dumps(one) for one in messages]
    return list(located(body_of(written), scope).parts)


def pointers(*messages: Message | str, scope: Scope = Scope.STABLE) -> list[str]:
    return [part.pointer for part in parts_of(*messages, scope=scope)]


def user(content: object) -> Message:
    return {"role": "user", "content": content}


def tool(content: object, call: object = "c1") -> Message:
    return {"role": "tool", "tool_call_id": call, "content": content}


def calls(*named: tuple[str, str, str]) -> Message:
    made = [{"id": id_, "type": "function", "function": {"name": name, "arguments": more}} for id_, name, more in named]
    return {"role": "assistant", "content": None, "tool_calls": made}


def text(value: object) -> dict[str, object]:
    return {"type": "text", "text": value}


IMAGE = {"type": "image_url", "image_url": {"url": "data:,x"}}


def expected_parts(messages: list[Any]) -> list[tuple[str, Role, str]]:
    """The rule again, over parsed messages: pointer, role and text of each part."""
    found = []
    for index, message in enumerate(messages):
        role = {"tool": Role.TOOL, "function": Role.TOOL, "user": Role.USER}.get(message["role"])
        content = message.get("content")
        if role is None:
            continue
        if isinstance(content, str):
            found.append((f"/messages/{index}/content", role, content))
        for number, one in enumerate(content if isinstance(content, list) else []):
            if one.get("type") == "text" and "text" in one:
                found.append((f"/messages/{index}/content/{number}/text", role, one["text"]))
    return found


@given(conversations, styles)
def test_the_parts_are_those_of_the_parsed_messages(messages: list[Message], style: Style) -> None:
    body = style.write({"model": "m", "messages": messages}).encode()
    found = located(body)
    assert found.message_count == len(messages)
    read = [(part.pointer, part.role, jsonstr.decode(part.span.of(body))) for part in found.parts]
    assert read == expected_parts(messages)
    assert all(part.message_index == int(part.pointer.split("/")[2]) and part.fault is None for part in found.parts)


@given(st.lists(st.one_of(conversations, st.lists(st.sampled_from(HOSTILE), max_size=2)), max_size=5), st.data())
def test_a_memory_changes_nothing(turns: list[list[Message | str]], data: st.DataObject) -> None:
    """Growing, cut back and forked conversations, with marks so close together that they fall into every message."""
    with pytest.MonkeyPatch.context() as patch:
        set_close_marks(patch, data.draw(st.sampled_from(STEPS)))
        memory = ReadingMemory(data.draw(st.sampled_from((3_000, 40_000, 1 << 20))))
        written: list[str] = []
        for turn in turns:
            if data.draw(st.booleans()):
                del written[data.draw(st.integers(0, len(written))) :]
            written += [one if isinstance(one, str) else json.dumps(one) for one in turn]
            tail = data.draw(st.sampled_from(("]}", " \n ] }", '],"stream":true}')))
            body = body_of(written, tail=tail)
            for scope in Scope:
                assert locate(body, scope, memory) == locate(body, scope)
                assert locate(body, scope, memory) == locate(body, scope)


def test_re_sent_messages_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ReadingMemory(1 << 20)
    written = [json.dumps(tool(f"{index} " * 4_000)) for index in range(20)]
    before = located(body_of(written), memory=memory).parts
    read: list[int] = []
    members = jsonscan.members

    def counted(body: bytes, start: int, stop: int, effort: Effort | None) -> list[jsonscan.Member]:
        read.append(start)
        return members(body, start, stop)

    monkeypatch.setattr(jsonscan, "members", counted)
    after = located(body_of([*written, json.dumps(user("next"))]), memory=memory).parts
    assert len(read) == 1
    assert all(one is other for one, other in zip(before, after, strict=False))
    assert len(after) == 21


def test_a_number_that_goes_on_in_the_next_body_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    set_close_marks(monkeypatch, 256)
    memory = ReadingMemory(1 << 20)
    first = [json.dumps(tool("x" * 300)), "12"]
    located(body_of(first), memory=memory)
    longer = body_of([first[0], "123", json.dumps(user("x"))])
    assert locate(longer, Scope.STABLE, memory) == locate(longer, Scope.STABLE)
    located(body_of(first[:1]), memory=memory)
    assert memory.size_bytes, "an object at the end is remembered"
    assert locate(longer, Scope.STABLE, memory) == locate(longer, Scope.STABLE)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([tool("a")], ["0/content"]),
        ([user("a")], ["0/content"]),
        ([tool([text("a"), IMAGE, text("b")])], ["0/content/0/text", "0/content/2/text"]),
        ([user([IMAGE, text("a")])], ["0/content/1/text"]),
        ([{"role": "function", "name": "f", "content": "a"}], ["0/content"]),
        (
            [{"role": role, "content": "a"} for role in ("system", "developer", "assistant", "TOOL", "Tool", "", "x")],
            [],
        ),
        ([{"role": "tool"}, tool(None), tool(3), tool({"text": "a"}), tool([]), tool(["a", 1, [text("b")]])], []),
        ([{"content": "a"}, {"role": None, "content": "a"}, {"role": ["tool"], "content": "a"}], []),
        ([user([{"type": "TEXT", "text": "a"}, {"text": "a"}, {"type": "text", "text": 1}, {"type": "text"}])], []),
        (["3", "null", '"tool"', '[{"role":"tool","content":"a"}]', "true"], []),
        (['{"\\u0072ole":"t\\u006fol","c\\u006fntent":"a"}'], ["0/content"]),
        ([tool("a") | {"refusal": "b", "text": "c", "name": "d"}], ["0/content"]),
    ],
)  # fmt: skip - a case a line
def test_where_parts_stand(messages: list[Message | str], expected: list[str]) -> None:
    assert pointers(*messages) == [f"/messages/{one}" for one in expected]


BASH, READ = ToolCall("bash", "{}"), ToolCall("read_file", '{"path": "é"}')


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([calls(("c1", "bash", "{}")), tool("a")], BASH),
        ([calls(("c0", "x", "{}"), ("c1", "read_file", '{"path": "é"}')), tool("a")], READ),
        ([calls(("c1", "read_file", "{}")), calls(("c1", "bash", "{}")), tool("a")], BASH),
        ([tool("a"), calls(("c1", "bash", "{}"))], None),
        ([calls(("c2", "bash", "{}")), tool("a")], None),
        ([calls(("", "bash", "{}")), tool("a", None)], None),
        ([calls(("c1", "bash", "{}")), {"role": "tool", "content": "a"}], None),
        ([user("xx") | {"tool_calls": calls(("c1", "bash", "{}"))["tool_calls"]}, tool("a")], None),
        ([calls(("c1", "bash", "{}")), '{"role":"tool","tool_call_id":"\\u00631","content":"a"}'], BASH),
        (
            ['{"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"bash","arguments":{}}}]}', tool("a")],
            BASH,
        ),
        (['{"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"bash"}}]}', tool("a")], ToolCall("bash")),
        (
            [
                '{"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"bash","arguments":"\\ud800"}}]}',
                tool("a"),
            ],
            ToolCall("bash"),
        ),
        (['{"role":"assistant","tool_calls":[{"id":"c1","function":null},7,{"id":"c1"}]}', tool("a")], None),
        ([{"role": "function", "name": "f", "content": "a"}], ToolCall("f")),
        (
            [
                {"role": "assistant", "function_call": {"name": "bash", "arguments": "{}"}},
                {"role": "function", "name": "bash", "content": "a"},
            ],
            BASH,
        ),
        ([{"role": "function", "content": "a"}], None),
        ([calls(("c1", "bash", "{}")), user("a") | {"tool_call_id": "c1"}], None),
    ],
)  # fmt: skip - a case a line
def test_which_call_produced_a_text(messages: list[Message | str], expected: ToolCall | None) -> None:
    (part,) = [part for part in parts_of(*messages) if part.span.stop - part.span.start == 3]
    assert part.tool_call == expected


@pytest.mark.parametrize(
    ("message", "faults"),
    [
        ('{"role":"tool","content":"a","content":"b"}', ["duplicate key"]),
        ('{"role":"user","role":"tool","content":"a"}', ["duplicate key"]),
        ('{"role":"tool","content":"a","tool_call_id":"x","tool_call_id":"y"}', ["duplicate key"]),
        ('{"role":"tool","content":"a","c\\u006fntent":"b"}', ["duplicate key"]),
        ('{"role":"tool","x":1,"x":2,"content":[{"type":"text","text":"a"}]}', ["duplicate key"]),
        (
            '{"role":"tool","content":[{"type":"text","text":"a","text":"b"},{"type":"text","text":"c"}]}',
            ["duplicate key", None],
        ),
        ('{"role":"tool","content":[{"type":"image","type":"text","text":"a"}]}', ["duplicate key"]),
        ('{"role":"tool","content":"a","x":{"content":1,"content":2}}', [None]),
    ],
)  # fmt: skip - a case a line
def test_a_fault_costs_its_own_parts_only(message: str, faults: list[str | None]) -> None:
    found = parts_of(tool("before"), message, tool("after"))
    assert [part.fault for part in found] == [None, *faults, None]
    assert all(part.digest is None for part in found)


def test_parts_worth_remembering_carry_their_digest() -> None:
    small, large, same, other = parts_of(tool("a" * 253), tool("a" * 254), tool("a" * 254), user("a" * 254))
    assert small.digest is None
    assert large.digest is not None
    assert large.digest == same.digest != other.digest
    assert len(large.span) <= Policy().smallest_min_bytes, "what may be work on every turn is digested once"


def test_outputs_worth_referring_to_have_a_place() -> None:
    small, large, said = parts_of(tool("a" * 253), tool("a" * 254), user("a" * 254))
    assert said.digest is not None
    assert (small.output, said.output) == (None, None)
    assert large.output == OutputPlace(2, 1)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([user("a"), tool("b"), user("c"), tool("d"), user("e")], ["3/content", "4/content"]),
        ([tool("a"), tool("b")], ["1/content"]),
        ([tool("a"), tool([text("b")])], []),
        ([tool("a"), tool(None)], []),
        ([user("a"), user([text("b"), IMAGE, text("c")])], ["1/content/0/text", "1/content/2/text"]),
        ([user("a"), user(None)], []),
        ([tool("a"), {"role": "function", "name": "f", "content": "b"}], ["0/content"]),
        ([{"role": "assistant", "content": "a"}], []),
        ([user("a"), tool("b"), "7", {"role": "assistant", "content": "c"}], ["0/content", "1/content"]),
    ],
)  # fmt: skip - a case a line
def test_the_latest_scope(messages: list[Message | str], expected: list[str]) -> None:
    assert pointers(*messages, scope=Scope.LATEST) == [f"/messages/{one}" for one in expected]


ONE = '{"model":"m","messages":[],'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", Refusal.NOT_JSON),
        ("\ufeff{}", Refusal.NOT_JSON),
        ('{"messages":[]}x', Refusal.NOT_JSON),
        ('{"messages":[NaN]}', Refusal.NOT_JSON),
        ("[]", Refusal.NOT_AN_OBJECT),
        ("null", Refusal.NOT_AN_OBJECT),
        (ONE + '"messages":[]}', Refusal.DUPLICATE_KEY),
        (ONE + '"m\\u006fdel":"x"}', Refusal.DUPLICATE_KEY),
        (ONE + '"n":1,"n":1}', Refusal.DUPLICATE_KEY),
        (ONE + '"n":2}', Refusal.SEVERAL_CHOICES),
        (ONE + '"n":1.0}', Refusal.SEVERAL_CHOICES),
        (ONE + '"n":10}', Refusal.SEVERAL_CHOICES),
        (ONE + '"n":"1"}', Refusal.SEVERAL_CHOICES),
        (ONE + '"n":true}', Refusal.SEVERAL_CHOICES),
        (ONE + '"n":0}', Refusal.SEVERAL_CHOICES),
        (ONE + '"\\u006e":2}', Refusal.SEVERAL_CHOICES),
        ('{"model":"m"}', Refusal.NO_MESSAGES),
        ('{"messages":null}', Refusal.NO_MESSAGES),
        ('{"messages":{}}', Refusal.NO_MESSAGES),
        ('{"messages":"[]"}', Refusal.NO_MESSAGES),
        (f'{{"messages":{"[" * 10_000}{"]" * 10_000}}}', Refusal.TOO_DEEP),
    ],
)
def test_what_refuses_a_whole_body(body: str, reason: Refusal) -> None:
    found = locate(body.encode(), Scope.STABLE)
    assert isinstance(found, Untouched)
    assert found.reason is reason


def test_bytes_that_are_not_utf_8() -> None:
    assert locate(b'{"model":"\xff","messages":[]}', Scope.STABLE) == Untouched(Refusal.NOT_UTF8, "byte 10")


def test_what_can_be_read_of_a_refused_body_is_recorded() -> None:
    found = locate(b'{"model":"gpt-4o","n":3,"stream":true,"messages":[]}', Scope.STABLE)
    assert found == Untouched(Refusal.SEVERAL_CHOICES, "n", model="gpt-4o", stream=True)


@pytest.mark.parametrize(
    ("head", "model", "stream"),
    [
        ('{"model":"gpt-4o","messages":[', "gpt-4o", False),
        ('{"stream" : true , "m\\u006fdel":"\\u00e9", "messages" : [', "é", True),
        ('{"stream":"true","model":null,"messages":[', None, False),
        ('{"stream":false,"stream":true,"messages":[', None, True),
        ('{"n":1,"model":7,"messages":[', None, False),
        ('{"n":null,"seed":1,"seed":2,"model":"\\ud800","messages":[', None, False),
    ],
)
def test_the_rest_of_a_request(head: str, model: str | None, stream: bool) -> None:
    found = located(body_of([json.dumps(user("a"))], head=head))
    assert (found.model, found.stream, found.message_count, len(found.parts)) == (model, stream, 1, 1)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_it_never_raises(body: bytes) -> None:
    for scope in Scope:
        assert locate(body, scope) == locate(body, scope, ReadingMemory(10_000))


def test_an_observation_in_a_users_words_comes_after_the_models() -> None:
    framed = "x" * 600 + "\n(Open file: n/a)\n(Current directory: /)\nbash-$"
    roles = [part.role for part in parts_of(user(framed), {"role": "assistant", "content": "ls"}, user(framed))]
    assert roles == [Role.USER, Role.OBSERVATION]
