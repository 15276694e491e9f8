from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.request import Call, Message
from narrows.agents.session import Ask, Lease, Sessions, SessionUse, chained, prefix_digests
from narrows.errors import SessionBusy, SessionDiverged

SYSTEM = Message("system", "Be brief.")
FIRST = Message("user", "one")
ANSWER = Message("assistant", "two")
SECOND = Message("user", "three")
TURN_2 = (SYSTEM, FIRST, ANSWER, SECOND)


def ask(*messages: Message, name: str = "", owner: str = "me", model: str = "coder") -> Ask:
    digests = prefix_digests(owner, "coder", model, messages)
    return Ask(owner, "coder", name, digests, any(message.role == "assistant" for message in messages))


class Book:
    """Sessions, with names that count up."""

    def __init__(self, limit: int = 10, ttl_s: float = 100.0) -> None:
        self.sessions = Sessions(limit, ttl_s)
        self.names = 0
        self.now_s = 0.0

    def checkout(self, asked: Ask) -> Lease:
        self.names += 1
        return self.sessions.checkout(asked, self.now_s, f"s{self.names}")

    def complete(self, lease: Lease, asked: Ask, answer: Message = ANSWER) -> None:
        lease.session.conversation = lease.session.conversation or f"c-{lease.session.name}"
        self.sessions.complete(lease, chained(asked.digests[-1], answer), self.now_s)

    def turn(self, *messages: Message, name: str = "") -> Lease:
        asked = ask(*messages, name=name)
        lease = self.checkout(asked)
        self.complete(lease, asked)
        return lease


def test_the_history_finds_its_session_again() -> None:
    book = Book()
    first = book.turn(SYSTEM, FIRST)
    assert first.use is SessionUse.NEW
    again = book.checkout(ask(*TURN_2))
    assert again.session is first.session
    assert (again.use, again.known) == (SessionUse.REUSED, 3)


@pytest.mark.parametrize(
    "changed",
    [
        ask(Message("system", "Be long."), FIRST, ANSWER, SECOND),
        ask(FIRST, ANSWER, SECOND),
        ask(SYSTEM, Message("user", "one, edited"), ANSWER, SECOND),
        ask(SYSTEM, FIRST, Message("assistant", "edited"), SECOND),
        ask(*TURN_2, owner="somebody else"),
        ask(*TURN_2, model="other"),
    ],
    ids=["system", "no system", "user", "assistant", "owner", "model"],
)
def test_another_history_is_told_anew_in_a_session_of_its_own(changed: Ask) -> None:
    book = Book()
    first = book.turn(SYSTEM, FIRST)
    lease = book.checkout(changed)
    assert lease.session is not first.session
    assert (lease.use, lease.known) == (SessionUse.RETOLD, 0)


def test_two_requests_never_share_a_session() -> None:
    book = Book()
    book.turn(SYSTEM, FIRST)
    one, other = book.checkout(ask(*TURN_2)), book.checkout(ask(*TURN_2))
    assert one.session is not other.session
    assert (one.use, other.use) == (SessionUse.REUSED, SessionUse.RETOLD)


def test_a_named_session_in_use_is_refused() -> None:
    book = Book()
    book.checkout(ask(FIRST, name="mine"))
    with pytest.raises(SessionBusy) as caught:
        book.checkout(ask(FIRST, name="mine"))
    assert caught.value.retry_after_s == 1
    assert book.checkout(ask(FIRST, name="mine", owner="other")).use is SessionUse.NEW


def test_a_named_session_takes_new_messages_alone_or_its_history() -> None:
    book = Book()
    first = book.turn(FIRST, name="mine")
    alone = book.turn(SECOND, name="mine")
    assert alone.session is first.session
    assert (alone.use, alone.known) == (SessionUse.REUSED, 0)
    whole = book.checkout(ask(SECOND, ANSWER, FIRST, name="mine"))
    assert (whole.use, whole.known) == (SessionUse.REUSED, 2)


def test_a_named_session_refuses_another_history() -> None:
    book = Book()
    book.turn(FIRST, name="mine")
    with pytest.raises(SessionDiverged, match="mine"):
        book.checkout(ask(SECOND, ANSWER, FIRST, name="mine"))


def test_a_session_can_be_named_by_the_name_it_was_given() -> None:
    book = Book()
    first = book.turn(FIRST)
    assert book.checkout(ask(SECOND, name=first.session.name)).session is first.session


def test_a_turn_that_did_not_complete_ends_a_session_that_nobody_named() -> None:
    book = Book()
    first = book.turn(SYSTEM, FIRST)
    book.sessions.give_up(book.checkout(ask(*TURN_2)), 0.0)
    again = book.checkout(ask(*TURN_2))
    assert again.session is not first.session
    assert again.use is SessionUse.RETOLD
    assert len(book.sessions) == 1


def test_a_turn_that_did_not_complete_leaves_a_named_session_as_it_was() -> None:
    book = Book()
    asked = ask(FIRST, ANSWER, SECOND, name="mine")
    first = book.turn(FIRST, name="mine")
    book.sessions.give_up(book.checkout(asked), 0.0)
    again = book.checkout(asked)
    assert again.session is first.session
    assert (again.use, again.session.steps) == (SessionUse.REUSED, None)


def test_what_was_not_said_changes_nothing() -> None:
    book = Book()
    first = book.turn(SYSTEM, FIRST)
    book.sessions.put_back(book.checkout(ask(*TURN_2)), 0.0)
    assert book.checkout(ask(*TURN_2)).session is first.session
    book.sessions.put_back(book.checkout(ask(FIRST)), 0.0)
    assert len(book.sessions) == 1


def test_a_lost_conversation_is_told_anew() -> None:
    book = Book()
    first = book.turn(SYSTEM, FIRST)
    retold = book.sessions.forget_conversation(book.checkout(ask(*TURN_2)))
    assert retold.session is first.session
    assert (retold.use, retold.known, retold.session.conversation) == (SessionUse.RETOLD, 0, "")


def test_sessions_end_by_age_and_by_number_and_never_in_use() -> None:
    book = Book(limit=2)
    held = book.checkout(ask(FIRST, name="held"))
    for text in "abc":
        book.turn(Message("user", text))
    book.checkout(ask(FIRST))
    assert len(book.sessions) == 3
    book.now_s = 1000.0
    book.checkout(ask(SECOND, name="late"))
    assert len(book.sessions) == 3
    with pytest.raises(SessionBusy):
        book.checkout(ask(FIRST, name=held.session.name))


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text(max_size=5)), max_size=5))
def test_a_prefix_has_the_digest_it_had(said: list[tuple[str, str]]) -> None:
    messages = [Message(role, text) for role, text in said]
    digests = prefix_digests("me", "a", "m", messages)
    for cut in range(len(messages)):
        assert prefix_digests("me", "a", "m", messages[:cut]) == digests[:cut]
    assert len(set(digests)) == len(digests)


def test_no_two_messages_run_together() -> None:
    pairs = [
        (Message("user", "ab"), Message("user", "c")),
        (Message("user", "a"), Message("user", "bc")),
        (Message("user", "abc"), Message("user", "")),
    ]
    assert len({prefix_digests("me", "a", "m", pair)[-1] for pair in pairs}) == 3
    calls = [Message("assistant", "", (Call(one, "f", ""),)) for one in ("x", "y")]
    assert chained(b"", calls[0]) != chained(b"", calls[1])
