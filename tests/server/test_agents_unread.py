"""Answers that nobody was there for."""

from __future__ import annotations

from narrows.server.agents.unread import Unread


def test_the_last_answer_of_a_session_stays_until_the_session_goes_on() -> None:
    unread = Unread()
    unread.put("a", b"1")
    unread.put("a", b"2")
    assert [unread.get("a"), unread.get("a"), unread.get("b")] == [b"2", b"2", None]
    unread.drop("a")
    unread.drop("a")
    assert unread.get("a") is None


def test_what_is_held_is_bounded_in_number_and_in_bytes() -> None:
    unread = Unread(max_answers=2, max_bytes=10)
    for name in "abc":
        unread.put(name, b"xxx")
    assert [unread.get(name) for name in "abc"] == [None, b"xxx", b"xxx"]
    unread.put("d", b"x" * 8)
    assert [unread.get(name) for name in "bcd"] == [None, None, b"x" * 8]
    unread.put("e", b"x" * 11)
    assert [unread.get(name) for name in "de"] == [None, None]
    unread.put("f", b"x" * 10)
    assert unread.get("f") == b"x" * 10
