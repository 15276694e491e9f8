"""What the filter does with pieces, whatever the wire: what waits, what goes on, and when nothing more does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from narrows.inject.events import RawEvent
from narrows.inject.filtering import Filter, Piece
from narrows.inject.types import Broken, Dropped, Outcome, Passed, Withheld
from tests.inject.answers import through

WITHHELD = Withheld((), False, 0, (), (), b"{}")


class Letters:
    """Each letter is an event: t is text, o a call of the agent's own, i one of a client's tools, e the end."""

    def __init__(self, result: Withheld | Dropped | Broken = WITHHELD) -> None:
        self._result = result
        self.answers = 1

    def read_event(self, event: RawEvent) -> Piece:
        raw = event.raw
        match event.data:
            case b"t":
                return Piece(raw, raw)
            case b"o":
                return Piece(raw, rest=raw, own=True)
            case b"i":
                return Piece(b"never", injected=True)
            case b"b":
                return Piece(b"never", b"data: t\n\n", b"data: o\n\n", own=True, injected=True)
            case _:
                return Piece(raw, rest=raw, ends=True)

    def read_body(self, body: bytes) -> Piece:
        return Piece(body, rest=body, injected=b"i" in body, ends=True)

    def result(self) -> Withheld | Dropped | Broken:
        return self._result

    def go_on(self) -> None:
        self.answers += 1


def events(letters: str) -> list[bytes]:
    return [b"data: %c\n\n" % letter for letter in letters.encode()]


def letters_of(stream: bytes) -> str:
    return stream.replace(b"data: ", b"").replace(b"\n\n", b"").decode()


def steps(answer: Filter, letters: str) -> list[str]:
    return [letters_of(answer.receive_data(event)) for event in events(letters)]


def test_blanks_before_an_answer_are_not_gathered_without_end() -> None:
    answer = Filter(Letters(), max_held_bytes=1000)
    assert b"".join(answer.receive_data(b" \n") for _ in range(400)) == b""
    assert answer.receive_data(b"{}") == b""
    assert answer.receive_eof() == b" \n" * 400 + b"{}"
    answer = Filter(Letters(), max_held_bytes=1000)
    for _ in range(501):
        answer.receive_data(b" \n")
    assert answer.receive_data(b"data: t\n\n") == b""
    assert answer.receive_eof() == b""
    assert isinstance(answer.outcome, Broken)


def test_text_goes_on_at_once_and_own_calls_at_the_end() -> None:
    assert steps(Filter(Letters()), "ttoote") == ["t", "t", "", "", "", "oote"]


def test_the_agent_acts_at_the_end_so_nothing_waits_after_it() -> None:
    assert steps(Filter(Letters()), "oete") == ["", "oe", "t", "e"]


def test_a_call_of_a_clients_tool_withholds_all_calls_and_the_end() -> None:
    answer = Filter(Letters())
    assert steps(answer, "tite") == ["t", "", "t", ""]
    assert answer.outcome is None
    assert answer.receive_eof() == b""
    assert repr(answer.outcome) == repr(WITHHELD)


@pytest.mark.parametrize(
    ("letters", "shown", "released"),
    [("toie", "t", "oe"), ("tioe", "t", "oe"), ("totie", "t", "ote"), ("be", "t", "oe")],
)
def test_a_mixed_answer_is_released_later(letters: str, shown: str, released: str) -> None:
    answer = Filter(Letters())
    assert letters_of(through(answer, events(letters))) == shown
    assert letters_of(answer.release()) == released
    assert answer.release() == b""


def test_an_answer_whose_calls_do_not_count_goes_on_without_them() -> None:
    answer = Filter(Letters(Dropped("length")))
    assert letters_of(through(answer, events("tioe"))) == "toe"
    assert answer.outcome == Dropped("length")


def test_a_broken_answer_gets_no_end() -> None:
    answer = Filter(Letters(Broken("cut")))
    assert letters_of(through(answer, events("tioe"))) == "t"
    assert answer.outcome == Broken("cut")


@pytest.mark.parametrize("stream", [b"", b" \n", b"data: t\n\ndata: half", b"data: o\n\n", b"plain words", b"\n\n"])
def test_what_is_no_answer_or_half_of_one_is_the_same_bytes(stream: bytes) -> None:
    answer = Filter(Letters())
    assert through(answer, [stream[:1], stream[1:]]) == stream
    assert answer.outcome == Passed()


@pytest.mark.parametrize(("body", "outcome"), [(b'{"t": 1}', Passed()), (b" [1]", Passed()), (b'{"i": 1}', WITHHELD)])
def test_a_whole_body_waits_for_its_end(body: bytes, outcome: Outcome) -> None:
    answer = Filter(Letters())
    assert [answer.receive_data(body[:4]), answer.receive_data(body[4:])] == [b"", b""]
    assert answer.receive_eof() == (body if outcome == Passed() else b"")
    assert answer.outcome == outcome
    assert answer.release() == (b"" if outcome == Passed() else body)


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 50], [b"{" + b"x" * 50], events("tooooo")])
def test_what_is_too_large_to_be_read_ends_it(pieces: Sequence[bytes]) -> None:
    """A call that is not the agent's might be in it."""
    answer = Filter(Letters(), max_held_bytes=40)
    assert letters_of(through(answer, [*pieces, b"data: t\n\n"])) in ("", "t")
    assert isinstance(answer.outcome, Broken)
    assert "too large" in answer.outcome.reason


def test_a_stream_without_end_ends_it() -> None:
    """Its texts are kept for the model."""
    answer = Filter(Letters(), max_held_bytes=40)
    said = steps(answer, "t" * 50)
    assert said == ["t"] * 36 + [""] * 14
    answer.receive_eof()
    assert isinstance(answer.outcome, Broken)


@pytest.mark.parametrize(("letters", "held"), [("t", 0), ("to", 1), ("tooe", 0), ("tiee", 2), ("ooi", 2), ("oiee", 3)])
def test_what_stays_here_is_counted(letters: str, held: int) -> None:
    answer = Filter(Letters())
    steps(answer, letters)
    event = len(events("t")[0])
    assert answer.held_bytes == held * event
    answer.receive_data(b"data: t")
    assert answer.held_bytes == held * event + 7
    answer.receive_eof()
    answer.release()
    assert answer.held_bytes == 0
    answer.go_on()
    answer.receive_data(b'  {"a"')
    assert answer.held_bytes == 6
    answer.receive_eof()
    assert answer.held_bytes == 0


def test_the_next_answer_begins_anew() -> None:
    wire = Letters()
    answer = Filter(wire)
    through(answer, events("tie"))
    answer.go_on()
    assert (wire.answers, answer.outcome) == (2, None)
    assert letters_of(through(answer, events("toe"))) == "toe"
    assert answer.outcome == Passed()
