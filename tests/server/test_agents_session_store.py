"""Sessions that outlive the gateway: the file says what is true, whenever the gateway dies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from narrows.agents.calls import PendingCall, outputs_of
from narrows.agents.observation import AgentCall
from narrows.agents.request import Message
from narrows.agents.session import Ask, Fresh, Lease, Session, SessionUse, chained, prefix_digests
from narrows.agents.sessions import Sessions
from narrows.errors import SettingsError, ToolCallExpired
from narrows.server.agents.session_store import SessionStore

FIRST, ANSWER, SECOND = Message("user", "one"), Message("assistant", "two"), Message("user", "three")


def ask(*messages: Message, name: str = "") -> Ask:
    digests = prefix_digests("me", "coder", "m", messages)
    has_answers = any(message.role == "assistant" for message in messages)
    return Ask("me", "coder", name, digests, has_answers, outputs=outputs_of(messages))


class Life:
    """A gateway's sessions on one file; `again` is the next gateway, after this one has died where it stood."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[BaseException] = []
        self.store = SessionStore(str(path), self.faults.append)
        self.sessions = Sessions(10, 100.0, self.store, self.store.of("coder"), self.store.expired_of("coder"))

    def again(self) -> Life:
        self.store.close()
        return Life(self.path)

    def lease(self, asked: Ask) -> Lease:
        return self.sessions.checkout(asked, 1.0, Fresh(f"s{len(self.sessions)}", f"i{len(self.sessions)}"))

    def turn(self, *messages: Message, name: str = "") -> Lease:
        asked = ask(*messages, name=name)
        lease = self.lease(asked)
        lease.session.conversation, lease.session.steps = "c1", 4
        self.sessions.complete(lease, chained(asked.digests[-1], ANSWER), 2.0)
        return lease


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    life = Life(tmp_path / "sessions.db")
    yield life
    life.store.close()


def test_a_finished_turn_is_found_by_the_next_gateway(life: Life) -> None:
    before = life.turn(FIRST).session
    after = life.again()
    lease = after.lease(ask(FIRST, ANSWER, SECOND))
    assert (lease.use, lease.known) == (SessionUse.REUSED, 2)
    found = lease.session
    assert (found.name, found.conversation, found.steps, found.key) == (before.name, "c1", 4, before.key)
    after.store.close()


def test_a_turn_in_progress_is_not(life: Life) -> None:
    life.turn(FIRST)
    life.lease(ask(FIRST, ANSWER, SECOND))
    after = life.again()
    assert after.lease(ask(FIRST, ANSWER, SECOND)).use is SessionUse.RETOLD
    after.store.close()


def test_a_named_session_is_found_with_its_last_finished_turn(life: Life) -> None:
    life.turn(FIRST, name="mine")
    life.lease(ask(FIRST, ANSWER, SECOND, name="mine"))
    after = life.again()
    lease = after.lease(ask(FIRST, ANSWER, SECOND, name="mine"))
    assert (lease.use, lease.known, lease.session.steps) == (SessionUse.REUSED, 2, None)
    after.store.close()


def test_what_was_given_up_or_put_back(life: Life) -> None:
    life.turn(FIRST)
    life.sessions.put_back(life.lease(ask(FIRST, ANSWER, SECOND)), 3.0)
    assert len(life.store.of("coder")) == 1
    life.sessions.give_up(life.lease(ask(FIRST, ANSWER, SECOND)), 4.0)
    (kept,) = life.store.of("coder")
    assert (kept.key, kept.steps, kept.named) == (b"", None, False)
    life.turn(FIRST, name="mine")
    life.sessions.give_up(life.lease(ask(SECOND, name="mine")), 5.0)
    _, kept = life.store.of("coder")
    assert (kept.name, kept.steps, kept.named) == ("mine", None, True)
    life = life.again()
    assert life.lease(ask(FIRST, ANSWER, SECOND)).session.name == "mine", "the other is found by its name alone"
    assert life.lease(ask(SECOND, name="s0")).use is SessionUse.REUSED


CALLS = (
    PendingCall("call_1", AgentCall("n1", "f", '{"a": 1}', "signed")),
    PendingCall("call_2", AgentCall("", "g", "")),
)
OUTPUTS = (Message("tool", "1", (), "call_1"), Message("tool", "2", (), "call_2"))


def paused(life: Life, *, held: bool, name: str = "") -> Session:
    lease = life.lease(ask(FIRST, name=name))
    lease.session.conversation = "c1"
    life.sessions.pause(lease, CALLS, 2.0, held=held)
    return lease.session


def test_calls_that_wait_at_the_agents_server_are_answered_through_the_next_gateway(life: Life) -> None:
    before = paused(life, held=False)
    after = life.again()
    lease = after.lease(ask(*OUTPUTS))
    assert (lease.use, lease.session.calls, lease.session.id) == (SessionUse.RESUMED, CALLS, before.id)
    assert lease.session.conversation == "c1"
    last = after.again()  # it died while the outputs were being given: nobody knows whether they were
    assert last.store.of("coder") == []
    last.store.close()


def test_calls_that_waited_in_the_gateway_have_expired_in_every_later_one(life: Life) -> None:
    paused(life, held=True)
    paused(life, held=True, name="mine")
    for _ in range(2):
        life = life.again()
        with pytest.raises(ToolCallExpired, match="call_1, call_2"):
            life.lease(ask(*OUTPUTS))
        assert {one.name: one.calls for one in life.store.of("coder")} == {"mine": (), "s0": ()}
    assert life.lease(ask(SECOND, name="mine")).use is SessionUse.REUSED
    life.sessions.expire(paused(life, held=True), 1000.0)
    assert [one.at_s for one in life.store.expired_of("coder")] == [1000.0, 1000.0]
    life.store.close()


def test_outputs_that_were_given_leave_nothing_behind(life: Life) -> None:
    paused(life, held=False)
    lease = life.lease(ask(*OUTPUTS))
    life.sessions.complete(lease, b"key", 3.0)
    (kept,) = life.store.of("coder")
    assert (kept.calls, kept.held, kept.key) == ((), False, b"key")


def test_sessions_are_an_agents_own(life: Life) -> None:
    life.turn(FIRST)
    assert life.store.of("other") == []


def test_no_text_is_in_the_file(life: Life) -> None:
    life.turn(Message("user", "a very particular sentence"))
    life.store.close()
    written = b"".join(path.read_bytes() for path in life.path.parent.iterdir())
    assert b"particular" not in written
    life.store = SessionStore(str(life.path), life.faults.append)


def test_two_gateways_never_share_a_file(life: Life) -> None:
    life.turn(FIRST)
    with pytest.raises(SettingsError, match="locked"):
        SessionStore(str(life.path), life.faults.append)


@pytest.mark.parametrize("content", [b"no database at all, and long enough to be looked at" * 50])
def test_a_file_that_is_none_is_a_start_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sessions.db"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"sessions\.db: cannot be used"):
        SessionStore(str(path), print)
    with pytest.raises(SettingsError, match="cannot be used"):
        SessionStore(str(tmp_path / "absent" / "sessions.db"), print)


def test_a_file_of_another_version_is_a_start_error(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(SettingsError, match="another version"):
        SessionStore(str(path), print)


def test_the_address_of_its_model_calls_and_what_stands_in_them_are_kept(life: Life) -> None:
    session = life.turn(FIRST, name="mine").session
    lease = life.lease(ask(FIRST, name="mine"))
    lease.session.token, lease.session.exchanges = b"digest", [b"one", b"other"]
    life.sessions.complete(lease, b"key", 2.0)
    (kept,) = [one for one in life.again().sessions.listed() if one.name == session.name]
    assert (kept.token, kept.exchanges) == (b"digest", [b"one", b"other"])


def test_a_file_that_cannot_be_written_costs_no_request(life: Life) -> None:
    life.store.close()
    life.turn(FIRST)
    assert life.faults
    assert isinstance(life.faults[0], sqlite3.ProgrammingError)
    assert life.lease(ask(FIRST, ANSWER, SECOND)).use is SessionUse.REUSED


def test_the_arguments_of_a_call_are_in_the_file_while_it_waits_and_its_output_never(life: Life) -> None:
    def written() -> bytes:
        life.store.close()
        found = b"".join(path.read_bytes() for path in life.path.parent.iterdir())
        life.store = SessionStore(str(life.path), life.faults.append)
        life.sessions = Sessions(10, 100.0, life.store, life.store.of("coder"))
        return found

    lease = life.lease(ask(FIRST))
    lease.session.conversation = "c1"
    call = PendingCall("call_1", AgentCall("n1", "f", '"a very particular argument"'))
    life.sessions.pause(lease, (call,), 2.0, held=False)
    assert b"particular argument" in written()
    lease = life.lease(ask(Message("tool", "a very particular output", (), "call_1")))
    life.sessions.complete(lease, b"key", 3.0)
    assert b"particular" not in written()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    life = Life(tmp_path / "sessions.db")
    life.turn(FIRST)
    files = list(tmp_path.iterdir())
    assert len(files) > 1
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    life.store.close()
