from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.sse import ServerSentEvent
from narrows.wire import answers
from narrows.wire.answers import AnswerObserver, CallParts, Tally, TextBudget, Texts, count_of, name_of
from narrows.wire.registry import wire_named
from narrows.wire.types import Choice, Lengths, ObservedToolCall, ResponseRecord, Usage
from tests.core.event_streams import cut

STREAM = "text/event-stream"
JSON = "application/json"


class Echo:
    """Keeps what it is given; done at an event that says so."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.events: list[bytes] = []
        self.bodies: list[bytes] = []

    def take_event(self, event: ServerSentEvent) -> None:
        self.events.append(event.data)
        self.tally.done = event.data == b"done"

    def take_body(self, body: bytes) -> None:
        self.bodies.append(body)

    def record(self) -> ResponseRecord:
        return self.tally.record([])


def heard(pieces: list[bytes], content_type: str) -> Echo:
    echo = Echo()
    observer = AnswerObserver(echo, content_type)
    for piece in pieces:
        observer.receive_data(piece)
    observer.receive_eof()
    return echo


@pytest.mark.parametrize("content_type", [STREAM, "TEXT/Event-Stream; charset=utf-8", JSON, ""])
def test_the_first_byte_tells_a_stream_from_a_body(content_type: str) -> None:
    assert heard([b' \r\n{"a":1}'], content_type).bodies == [b' \r\n{"a":1}']
    assert heard([b": hello\n\ndata: 1\n\n"], content_type).events == [b"1"]


@given(st.lists(st.integers(0, 60), max_size=8), st.sampled_from([STREAM, JSON, ""]))
def test_cuts_change_nothing(places: list[int], content_type: str) -> None:
    for answer in (b" \n data: 1\n\ndata: 2\n\n", b"data: 1\n\ndata: done\n\ndata: 3\n\n", b' {"a": [1, 2]} '):
        whole = heard([answer], content_type)
        parts = heard(cut(answer, places), content_type)
        assert (parts.events, parts.bodies, parts.record()) == (whole.events, whole.bodies, whole.record())


def test_nothing_is_read_after_the_end() -> None:
    assert heard([b"data: done\n\ndata: more\n\ndata: unterminated"], STREAM).events == [b"done"]


def test_an_event_without_its_end_is_counted() -> None:
    assert heard([b"data: 1\n\ndata: 2"], STREAM).record().unparsed == 1


def test_a_body_over_the_bound_is_dropped_and_said_so() -> None:
    echo = heard([b"{", b"x" * answers.MAX_BODY_BYTES, b"}"], JSON)
    assert echo.bodies == []
    assert echo.record().dropped == answers.BODY_TOO_LARGE


def test_blanks_without_end_are_no_answer() -> None:
    assert heard([b" " * answers.MAX_BLANK_BYTES, b" ", b"{}"], JSON).record().dropped is None
    assert heard([], STREAM).record() == ResponseRecord()


def test_first_names_last_usage_and_few_errors() -> None:
    tally = Tally()
    tally.named("", None)
    tally.named("a", "m")
    tally.named("b", "n")
    tally.used(Usage(1))
    tally.used(None)
    tally.used(Usage(2))
    for _ in range(answers.MAX_ERRORS + 5):
        tally.failed(None)
    record = tally.record([Choice(0)])
    assert (record.id, record.model, record.usage, record.usage_seen) == ("a", "m", Usage(2), 2)
    assert record.errors == ("error",) * answers.MAX_ERRORS


def test_a_spent_budget_shows_in_the_record() -> None:
    tally = Tally()
    pieces = Texts()
    tally.budget.keep(pieces, "x" * (answers.MAX_TEXT_BYTES + 1))
    assert pieces == []
    assert tally.record([]).dropped == answers.CAPPED


def test_a_call_keeps_its_first_names_and_joins_its_arguments() -> None:
    call, budget = CallParts(), TextBudget(1_000)
    call.add("", None, '{"a"', budget)
    call.add("id", "f", ":1}", budget)
    call.add("other", "g", 7, budget)
    assert call.build() == ObservedToolCall("id", "f", '{"a":1}')


@pytest.mark.parametrize(
    ("value", "count"), [(3, 3), (0, 0), (True, None), (-1, None), ("3", None), (None, None), (1.0, None)]
)
def test_counts(value: object, count: int | None) -> None:
    assert count_of(value) == count


def test_names_are_short_texts() -> None:
    assert name_of("x" * 1_000) == "x" * answers.MAX_NAME_CHARS
    assert name_of(7) == ""


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "anthropic", "gemini"])
def test_an_event_that_is_no_utf_8_costs_none_of_the_others(wire: str) -> None:
    event = b'data: {"type": "\xff", "id": "\xff", "modelVersion": "\xff"}\n\n'
    observer = wire_named(wire).observer(STREAM)
    observer.receive_data(event + event)
    observer.receive_eof()
    assert observer.record().unparsed == 2


def test_texts_that_are_counted_are_not_kept() -> None:
    budget, texts = TextBudget(10, keeps=False), Texts()
    for piece in ("", None, 7, "abc", "é" * 1_000):
        budget.keep(texts, piece)
    assert (list(texts), texts.counted, bool(texts), budget.spent) == ([], 1_003, True, False)
    assert not Texts()
    assert answers.lengths([texts, Texts()], [Texts()]) == Lengths(1_003, 0, 0)
    assert answers.lengths([Texts(["kept"])], [], []) is None
