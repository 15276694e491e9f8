from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.calls import CallBook, ExpiredCall, Outputs, PendingCall, outputs_of
from narrows.agents.observation import AgentCall
from narrows.agents.request import Call, Message
from narrows.errors import MalformedRequest, MissingToolOutputs, NoSuchToolCall, ToolCallExpired

MINE, OTHER = ("me", "coder", "s1"), ("me", "coder", "s2")
ASKED, CALLED = Message("user", "hi"), Message("assistant", "", (Call("a", "f", "{}"),))


def out(id_: str, text: str = "out") -> Message:
    return Message("tool", text, (), id_)


def pending(*ids: str) -> tuple[PendingCall, ...]:
    return tuple(PendingCall(id_, AgentCall(f"native {id_}", "f", "{}")) for id_ in ids)


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ((ASKED,), None),
        ((ASKED, CALLED), None),
        ((ASKED, CALLED, out("a", "1")), Outputs({"a": "1"}, False, {}, True)),
        ((out("a", "1"), out("b", "2")), Outputs({"a": "1", "b": "2"}, False)),
        ((CALLED, out("a"), Message("assistant", "x"), out("b", "2")), Outputs({"b": "2"}, False, {"a": "out"})),
        ((CALLED, out("a", "1"), ASKED), Outputs({"a": "1"}, True, {}, True)),
        ((CALLED, out("a", "1"), Message("system", "x")), Outputs({"a": "1"}, True, {}, True)),
        ((CALLED, out("a", "1"), out("b", "2"), ASKED), Outputs({"a": "1", "b": "2"}, True)),
        ((CALLED, out("a"), Message("assistant", "x"), ASKED), None),
    ],
)
def test_the_outputs_at_the_end_of_messages(messages: tuple[Message, ...], found: Outputs | None) -> None:
    assert outputs_of(messages) == found


def test_two_outputs_of_one_call_are_refused_by_name() -> None:
    with pytest.raises(MalformedRequest, match="two tool messages for a;"):
        outputs_of([out("a", "1"), out("b"), out("a", "2")])


def test_a_call_leads_to_its_session() -> None:
    book = CallBook(10, 100.0)
    book.wait(MINE, pending("a", "b"))
    book.wait(OTHER, pending("c"))
    assert book.find("me", ["b", "a"]) == MINE
    assert book.find("me", ["c"]) == OTHER
    assert book.find("me", ["x"]) is None
    book.forget(pending("a"))
    assert book.find("me", ["a"]) is None


def test_calls_of_others_are_not_there() -> None:
    book = CallBook(10, 100.0)
    book.wait(MINE, pending("a"))
    book.expire("me", pending("b"), 1.0)
    for id_ in "ab":
        with pytest.raises(NoSuchToolCall, match=id_):
            book.find("somebody else", [id_])


@pytest.mark.parametrize("ids", [["a", "x"], ["a", "c"]])
def test_outputs_of_two_runs_are_refused_by_name(ids: list[str]) -> None:
    book = CallBook(10, 100.0)
    book.wait(MINE, pending("a"))
    book.wait(OTHER, pending("c"))
    with pytest.raises(MissingToolOutputs, match="not all of one run"):
        book.find("me", ids)


def test_an_expired_call_is_remembered_as_such() -> None:
    book = CallBook(10, 100.0)
    book.wait(MINE, pending("a"))
    assert book.expire("me", pending("a"), 5.0) == ([ExpiredCall("a", "me", 5.0)], [])
    with pytest.raises(ToolCallExpired, match="output of a:"):
        book.find("me", ["a", "x"])
    assert book.expire("me", pending("b"), 104.0)[1] == []
    assert book.expire("me", pending("c"), 105.0)[1] == ["a"]
    assert book.find("me", ["a"]) is None


def test_expired_calls_of_an_earlier_process() -> None:
    book = CallBook(10, 100.0, [ExpiredCall("a", "me", 5.0)])
    with pytest.raises(ToolCallExpired):
        book.find("me", ["a"])


@given(st.integers(1, 5), st.integers(0, 40))
def test_expired_calls_are_bounded(sessions: int, expired: int) -> None:
    book = CallBook(sessions, 1e9)
    kept: set[str] = set()
    for n in range(expired):
        now, dropped = book.expire("me", pending(f"c{n}"), float(n))
        kept = (kept | {one.id for one in now}) - set(dropped)
        assert len(kept) <= sessions * 4
    for n in range(expired):
        if f"c{n}" in kept:
            with pytest.raises(ToolCallExpired):
                book.find("me", [f"c{n}"])
        else:
            assert book.find("me", [f"c{n}"]) is None
