"""Law 1 where a client's tools go into an agent's request: what is added is edits, and all other bytes stay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.tools import ClientTool
from narrows.core.edits import Edit, apply_edits
from narrows.inject.types import Inserted, NotInserted, Obstacle
from tests.inject.cases import CASES, Case

OF_EACH_WIRE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.injector.name)
SCHEMAS = (b"", b'{"type":"object","properties":{"n":{"type":"integer","maximum":1.50}}}', b' {"properties": {}} ')
names = st.text("abc-_1", min_size=1, max_size=5).map(lambda name: f"{name}x")
tools = st.lists(st.builds(ClientTool, names, st.text(max_size=5), st.sampled_from(SCHEMAS)), min_size=1, max_size=3,
                 unique_by=lambda tool: tool.name)  # fmt: skip
spaces = st.sampled_from(["", " ", "\n\t"])
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)


@st.composite
def requests(draw: st.DrawFn, case: Case) -> tuple[bytes, dict[str, Any]]:
    """A request as some client writes it: members in any order, white space anywhere, tools there or not."""
    asked = case.asked([case.user])
    if draw(st.booleans()):
        asked["tools"] = draw(st.sampled_from([None, []]))
    if draw(st.booleans()):
        del asked["tools"]
    asked.update(draw(st.dictionaries(st.sampled_from(["x", "user", "é"]), values, max_size=2)))
    if draw(st.booleans()):
        asked |= {
            "tool_choice": draw(
                st.sampled_from([None, {"type": "auto"}, {"type": "none"}, {"type": "tool", "name": "own"}])
            )
        }
    members = draw(st.permutations(list(asked.items())))
    gap, style = draw(spaces), draw(st.booleans())
    written = [(json.dumps(key), json.dumps(value, ensure_ascii=style)) for key, value in members]
    text = f",{gap}".join(f"{key}{gap}:{gap}{value}" for key, value in written)
    return f"{gap}{{{gap}{text}{gap}}}{gap}".encode(), asked


def taken_back(edited: bytes, edits: Sequence[Edit], body: bytes) -> bytes:
    """The edits undone, from their places alone."""
    moved, undone = 0, []
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.stop)):
        start = edit.span.start + moved
        assert edited[start : start + len(edit.replacement)] == edit.replacement
        undone.append((start, start + len(edit.replacement), edit.span.of(body)))
        moved += len(edit.replacement) - len(edit.span)
    for start, stop, was in reversed(undone):
        edited = edited[:start] + was + edited[stop:]
    return edited


@OF_EACH_WIRE
@given(data=st.data(), tools=tools, alone=st.booleans())
def test_declarations_are_added_and_nothing_else(
    case: Case, data: st.DataObject, tools: list[ClientTool], alone: bool
) -> None:
    body, asked = data.draw(requests(case))
    offer = case.injector.declare(tools, one_at_a_time=alone)
    inserted = case.injector.insert(body, offer)
    assert isinstance(inserted, Inserted)
    assert inserted == case.injector.insert(body, case.injector.declare(tools, one_at_a_time=alone)), "the same bytes"
    edited = apply_edits(body, inserted.edits)
    assert taken_back(edited, inserted.edits, body) == body
    assert all(edit.span.of(body) in (b"", b"null") for edit in inserted.edits), "nothing is replaced but null"
    read = json.loads(edited)
    added = [json.loads(one) for one in offer.declarations]
    own = asked.get("tools") or []
    if case.key == "contents":
        declared = [one for tool in own for one in tool["functionDeclarations"]]
        assert read.pop("tools") == [{"functionDeclarations": [*declared, *added]}]
    else:
        assert read.pop("tools") == [*own, *added]
    choice, was = read.pop("tool_choice", None), asked.pop("tool_choice", None)
    if case.injector.name == "anthropic" and alone:
        free = (was or {"type": "auto"})["type"] != "none"
        assert choice == ({**(was or {"type": "auto"}), "disable_parallel_tool_use": True} if free else was)
    else:
        assert choice == was
    says_so = case.injector.name in ("openai_chat", "openai_responses")
    assert read.pop("parallel_tool_calls", None) == (False if says_so and alone else None)
    asked.pop("tools", None)
    assert read == asked


@OF_EACH_WIRE
def test_no_tools_are_no_edits(case: Case) -> None:
    assert case.injector.insert(b"anything", case.injector.declare([])) == Inserted(())


HOSTILE = {
    b"": "not_readable", b"[]": "not_readable", b'{"tools":[]': "not_readable", b"\xff": "not_readable",
    b'{"a":"\xff"}': "not_readable", b'{"tools":[],"tools":[]}': "duplicate_key", b'{"tools":{}}': "not_an_array",
    b'{"tools":"x"}': "not_an_array", b'{"%b":[],"%b":[]}': "duplicate_key", b'{"%b":{}}': "not_an_array",
    b"[" * 20_000: "not_readable",
}  # fmt: skip


@OF_EACH_WIRE
@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:24]))
def test_a_hostile_body_stays_and_says_why(case: Case, body: bytes) -> None:
    wire_body = body.replace(b"%b", case.key.encode())
    found = case.injector.insert(wire_body, case.injector.declare([ClientTool("x")]))
    assert isinstance(found, NotInserted)
    assert found.obstacle == HOSTILE[body]


@OF_EACH_WIRE
@given(body=st.binary(max_size=60) | st.text('{}[]",:\\tools', max_size=60).map(str.encode))
def test_any_bytes_are_edited_or_refused(case: Case, body: bytes) -> None:
    found = case.injector.insert(body, case.injector.declare([ClientTool("x")]))
    if isinstance(found, Inserted):
        assert len(json.loads(apply_edits(body, found.edits))["tools"]) >= 1


@OF_EACH_WIRE
def test_a_name_that_the_agent_uses_is_refused(case: Case) -> None:
    body = json.dumps(case.asked([case.user])).encode()
    found = case.injector.insert(body, case.injector.declare([ClientTool("mine"), ClientTool("own")]))
    assert found == NotInserted(Obstacle.NAME_CLASH, "own")
