from __future__ import annotations

import pytest

from narrows.agents.calls import PendingCall, outputs_of
from narrows.agents.observation import AgentCall
from narrows.agents.request import Call, Message
from narrows.agents.session import Ask, Fresh, Lease, Session, SessionUse, chained, prefix_digests
from narrows.agents.sessions import Sessions
from narrows.errors import (
    MissingToolOutputs,
    NoSuchToolCall,
    SessionBusy,
    SessionDiverged,
    ToolCallExpired,
    UnsupportedParameter,
)

SYSTEM = Message("system", "Be brief.")
FIRST = Message("user", "one")
ANSWER = Message("assistant", "two")
SECOND = Message("user", "three")
TURN_2 = (SYSTEM, FIRST, ANSWER, SECOND)


def ask(*messages: Message, name: str = "", owner: str = "me", model: str = "coder", tools: bytes = b"") -> Ask:
    digests = prefix_digests(owner, "coder", model, messages, tools)
    has_answers = any(message.role == "assistant" for message in messages)
    return Ask(owner, "coder", name, digests, has_answers, tools, outputs_of(messages))


class Book:
    """Sessions, with names that count up."""

    def __init__(self, limit: int = 10, ttl_s: float = 100.0) -> None:
        self.sessions = Sessions(limit, ttl_s)
        self.names = 0
        self.now_s = 0.0

    def checkout(self, asked: Ask) -> Lease:
        self.names += 1
        return self.sessions.checkout(asked, self.now_s, Fresh(f"s{self.names}", f"i{self.names}"))

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
        ask(*TURN_2, tools=b"t"),
    ],
    ids=["system", "no system", "user", "assistant", "owner", "model", "tools"],
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


def test_a_session_whose_turn_did_not_complete_is_found_by_the_name_that_its_client_was_told_alone() -> None:
    book = Book()
    first = book.turn(SYSTEM, FIRST)
    first.session.conversation = "c1"
    book.sessions.give_up(book.checkout(ask(*TURN_2)), 0.0)
    again = book.checkout(ask(*TURN_2))
    assert again.session is not first.session
    assert again.use is SessionUse.RETOLD
    name = first.session.name
    with pytest.raises(SessionDiverged):
        book.checkout(ask(*TURN_2, name=name))
    by_name = book.checkout(ask(SECOND, name=name))
    assert (by_name.session, by_name.use, by_name.session.steps) == (first.session, SessionUse.REUSED, None)


def test_one_whose_agent_knows_nothing_is_gone_then() -> None:
    book = Book()
    book.sessions.give_up(book.checkout(ask(FIRST)), 0.0)
    assert len(book.sessions) == 0


def test_a_turn_that_did_not_complete_leaves_a_named_session_as_it_was() -> None:
    book = Book()
    asked = ask(FIRST, ANSWER, SECOND, name="mine")
    first = book.turn(FIRST, name="mine")
    book.sessions.give_up(book.checkout(asked), 0.0)
    again = book.checkout(asked)
    assert again.session is first.session
    assert (again.use, again.session.steps) == (SessionUse.REUSED, None)


def test_a_named_session_refuses_other_tools() -> None:
    book = Book()
    book.turn(FIRST, name="mine")
    with pytest.raises(SessionDiverged, match="other tools"):
        book.checkout(ask(SECOND, name="mine", tools=b"t"))


# Sessions that wait for their client's tools

CALLED = Message("assistant", "", (Call("call_1", "f", "{}"),))
WAITING = (PendingCall("call_1", AgentCall("n1", "f", "{}")),)
OUTPUT = Message("tool", "out", (), "call_1")


def paused(book: Book, *, name: str = "", held: bool = False, tools: bytes = b"t") -> Session:
    lease = book.checkout(ask(SYSTEM, FIRST, name=name, tools=tools))
    lease.session.conversation = "c"
    book.sessions.pause(lease, WAITING, book.now_s, held=held)
    return lease.session


def resuming(*more: Message, name: str = "", owner: str = "me", tools: bytes = b"t") -> Ask:
    return ask(SYSTEM, FIRST, CALLED, OUTPUT, *more, name=name, owner=owner, tools=tools)


@pytest.mark.parametrize("asked", [resuming(), ask(OUTPUT), ask(OUTPUT, tools=b"t", model="another of its models")])
def test_outputs_go_to_the_session_that_waits_for_them(asked: Ask) -> None:
    book = Book()
    session = paused(book)
    lease = book.checkout(asked)
    assert (lease.session, lease.use, session.tools) == (session, SessionUse.RESUMED, b"t")
    book.complete(lease, resuming())
    again = book.checkout(ask(SYSTEM, FIRST, CALLED, OUTPUT, ANSWER, SECOND, tools=b"t"))
    assert (again.session, again.use, again.known) == (session, SessionUse.REUSED, 5)


def test_a_session_that_waits_is_for_its_outputs_alone() -> None:
    book = Book()
    session = paused(book, name="mine")
    with pytest.raises(SessionBusy, match="output of call_1") as caught:
        book.checkout(ask(SECOND, name="mine", tools=b"t"))
    assert caught.value.may_have_acted
    found = book.turn(SYSTEM, FIRST)
    lease = book.checkout(ask(*TURN_2))
    assert lease.session is found.session
    book.sessions.pause(lease, (PendingCall("call_2", AgentCall("", "f", "")),), 0.0, held=False)
    assert book.checkout(ask(*TURN_2)).use is SessionUse.RETOLD
    assert session.calls == WAITING


def test_the_same_outputs_twice_are_given_once() -> None:
    book = Book()
    paused(book)
    lease = book.checkout(resuming())
    with pytest.raises(SessionBusy, match="these outputs already") as caught:
        book.checkout(resuming())
    assert caught.value.may_have_acted
    book.complete(lease, resuming())
    assert book.checkout(resuming()).use is SessionUse.RETOLD


def test_outputs_that_could_not_be_given_can_be_sent_again() -> None:
    book = Book()
    session = paused(book)
    book.sessions.put_back(book.checkout(resuming()), 0.0)
    assert book.checkout(resuming()).session is session


def test_every_output_must_be_there() -> None:
    book = Book()
    lease = book.checkout(ask(FIRST))
    book.sessions.pause(lease, (*WAITING, PendingCall("call_2", AgentCall("", "f", ""))), 0.0, held=False)
    with pytest.raises(MissingToolOutputs, match="no tool message for call_2;"):
        book.checkout(resuming())


def test_calls_are_shown_one_by_one_and_given_together() -> None:
    book = Book()
    lease = book.checkout(ask(FIRST))
    calls = tuple(PendingCall(f"call_{n}", AgentCall(f"n{n}", "f", "{}"), n == 1) for n in (1, 2, 3))
    book.sessions.pause(lease, calls, 0.0, held=False)
    for at, shown in ((1, ["call_2"]), (2, ["call_3"])):
        lease = book.checkout(ask(Message("tool", f"out {at}", (), f"call_{at}")))
        assert [one.id for one in book.sessions.show(lease, 1, 0.0)] == shown
    lease = book.checkout(ask(Message("tool", "out 3", (), "call_3")))
    assert lease.session.outputs == {f"call_{n}": f"out {n}" for n in (1, 2, 3)}
    assert book.sessions.show(lease, 1, 0.0) == ()


def test_outputs_that_came_before_may_stand_further_up() -> None:
    """After a restart nothing is known of them but what the conversation says."""
    book = Book()
    lease = book.checkout(ask(FIRST))
    book.sessions.pause(lease, (*WAITING, PendingCall("call_2", AgentCall("", "f", ""))), 0.0, held=False)
    last = Message("tool", "2", (), "call_2")
    with pytest.raises(MissingToolOutputs, match="no tool message for call_1;"):
        book.checkout(ask(last))
    lease = book.checkout(ask(FIRST, CALLED, OUTPUT, Message("assistant", "", (Call("call_2", "f", ""),)), last))
    assert lease.session.outputs == {"call_1": "out", "call_2": "2"}


def test_outputs_of_somebody_else_or_for_another_session_are_refused() -> None:
    book = Book()
    session = paused(book)
    with pytest.raises(NoSuchToolCall):
        book.checkout(resuming(owner="somebody else"))
    with pytest.raises(SessionDiverged):
        book.checkout(resuming(name="mine"))
    assert book.checkout(resuming(name=session.name)).session is session


@pytest.mark.parametrize("held", [False, True])
def test_a_client_that_goes_on_after_the_outputs_tells_a_fresh_session_everything(held: bool) -> None:
    book = Book()
    session = paused(book, held=held)
    lease = book.checkout(resuming(SECOND))
    assert (lease.use, lease.session is session, lease.known) == (SessionUse.RETOLD, False, 0)
    assert (session.calls, session.held, session.key) == ((), False, b"")
    book.sessions.expire(session, 0.0)
    assert book.checkout(resuming()).use is SessionUse.RETOLD


@pytest.mark.parametrize(
    "asked", [ask(OUTPUT, SECOND), ask(OUTPUT, SECOND, name="mine"), resuming(SECOND, name="mine")]
)
def test_what_follows_the_outputs_is_refused_and_not_dropped(asked: Ask) -> None:
    book = Book()
    session = paused(book, name=asked.name)
    with pytest.raises(UnsupportedParameter, match="when it has answered"):
        book.checkout(asked)
    assert session.calls == WAITING


def test_a_held_session_keeps_its_tools_and_a_rested_one_takes_others() -> None:
    book = Book()
    paused(book, held=True)
    with pytest.raises(UnsupportedParameter, match="the same `tools`"):
        book.checkout(resuming(tools=b"other"))
    book = Book()
    session = paused(book)
    book.checkout(resuming(tools=b"other"))
    assert session.tools == b"other"


def test_a_session_that_expires_waits_no_longer_and_its_calls_say_so() -> None:
    book = Book()
    session = paused(book, held=True)
    book.sessions.expire(session, 1.0)
    assert (session.calls, session.held, session.key) == ((), False, b"")
    with pytest.raises(ToolCallExpired, match="call_1"):
        book.checkout(resuming())
    assert book.checkout(resuming(SECOND)).use is SessionUse.RETOLD


def test_a_named_session_that_expires_goes_on_with_what_it_had() -> None:
    book = Book()
    book.turn(FIRST, name="mine")
    session = paused(book, name="mine", held=True, tools=b"")
    book.sessions.expire(session, 1.0)
    assert book.checkout(ask(FIRST, ANSWER, SECOND, name="mine")).session is session


def test_a_session_that_is_held_does_not_age_and_one_that_rests_does() -> None:
    book = Book()
    held, rested = paused(book, held=True), paused(book)
    book.now_s = 1000.0
    book.checkout(ask(FIRST))
    assert held.calls == WAITING
    assert rested.calls == ()
    book.sessions.give_up(Lease(held, SessionUse.RESUMED), 0.0)
    assert book.checkout(resuming()).use is SessionUse.RETOLD


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
