from __future__ import annotations

import io
import json
import re
import shlex
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.records.ring import written
from narrows.records.types import DecisionRecord, ExchangeRecord, Outcome, Timings
from narrows.settings import LogLevel
from narrows.telemetry.events import InternalError, LoggedEvent, PlanningWorkerLost, Stopping
from narrows.telemetry.log import EventLog
from tests.records.exchanges import decision, exchange, proxied

NOW_S = 1_800_000_000.5


class Opened:
    """A log and what it wrote."""

    def __init__(self, *, level: LogLevel = LogLevel.INFO, text: bool = False) -> None:
        self.sink = io.BytesIO()
        self.log = EventLog(self.sink, lambda: NOW_S, level=level, text=text)

    def lines(self) -> list[str]:
        assert self.log.close(20.0)
        assert self.log.dropped == 0
        *lines, rest = self.sink.getvalue().decode().split("\n")
        assert rest == ""
        return lines

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


def logged(*items: ExchangeRecord | tuple[ExchangeRecord, list[DecisionRecord]] | LoggedEvent, **how: Any) -> Opened:
    opened = Opened(**how)
    for item in items:
        if isinstance(item, LoggedEvent):
            opened.log.event(item)
        elif isinstance(item, ExchangeRecord):
            opened.log.exchange(item)
        else:
            opened.log.exchange(*item)
    return opened


def test_a_line_in_json() -> None:
    (line,) = logged(exchange()).lines()
    assert line.startswith('{"time":"2027-01-15T08:00:01.750Z","level":"info","event":"exchange",')
    written = json.loads(line)
    assert written["request_id"] == "n-1"
    assert written["timings"]["overhead_s"] == 0.0003
    assert written["plan"]["shortened"] == {"log": 2}
    assert written["response"]["gen_ai.usage.input_tokens"] == 1_000


def test_a_line_in_text() -> None:
    (line,) = logged(exchange(), text=True).lines()
    assert line.startswith("08:00:01.750 INFO    exchange  status=200 method=POST path=/v1/chat/completions ")
    assert " timings.overhead_s=0.0003 " in line
    assert " plan.shortened.log=2 plan.kept.too_small=2 " in line
    assert ' response.gen_ai.response.finish_reasons=["stop"] ' in line


def test_first_time_decisions_come_before_their_exchange() -> None:
    events = logged((exchange(), [decision(), decision(pointer="/messages/5/content")])).events()
    assert [event["event"] for event in events] == ["decision", "decision", "exchange"]
    assert {event["request_id"] for event in events} == {"n-1"}
    assert events[1]["pointer"] == "/messages/5/content"


def test_an_exchange_that_did_not_go_well_is_a_warning() -> None:
    records = [exchange(outcome=outcome) for outcome in Outcome]
    levels = [event["level"] for event in logged(*records).events()]
    assert levels == ["info" if outcome is Outcome.ANSWERED else "warning" for outcome in Outcome]


def test_only_the_level_asked_for_and_above() -> None:
    items = (
        (exchange(), [decision()]),
        (exchange(outcome=Outcome.REFUSED), [decision()]),
        PlanningWorkerLost(lost=1),
        Stopping(in_flight=0, drain_timeout_s=1.0),
        InternalError(exception="ValueError", place="x.py:1 f"),
    )
    assert len(logged(*items, level=LogLevel.DEBUG).events()) == 7
    assert len(logged(*items, level=LogLevel.INFO).events()) == 7
    assert [one["event"] for one in logged(*items, level=LogLevel.WARNING).events()] == [
        "exchange",
        "planning_worker_lost",
        "internal_error",
    ]
    assert [one["event"] for one in logged(*items, level=LogLevel.ERROR).events()] == ["internal_error"]


def test_other_events_have_the_time_of_now() -> None:
    (event,) = logged(Stopping(in_flight=3, drain_timeout_s=30.0)).events()
    assert event == {
        "time": "2027-01-15T08:00:00.500Z",
        "level": "info",
        "event": "stopping",
        "in_flight": 3,
        "drain_timeout_s": 30.0,
    }


@given(st.lists(st.floats(0, 4_000_000_000, allow_subnormal=False), max_size=5))
def test_times_are_right_whatever_came_before(times: list[float]) -> None:
    still = Timings(total_s=0.0, overhead_s=0.0)
    events = logged(*(proxied(started_at=time, timings=still) for time in times)).events()
    for time, event in zip(times, events, strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
        assert abs(datetime.fromisoformat(event["time"]).timestamp() - time) < 0.0011


NASTY = 'x"\n{"event":"forged"}\r\x1b[31mred\x9b0m\u2028\u202e\ud800é'


def test_nobody_can_forge_a_line_or_steer_a_terminal() -> None:
    nasty = exchange(model=NASTY, path="/" + NASTY[:20])
    (line,) = logged(nasty).lines()
    assert json.loads(line)["gen_ai.request.model"] == re.sub(r"[\n\r\x1b\x9b\u2028\u202e\ud800]", "?", NASTY)
    assert line.isprintable()
    (line,) = logged(nasty, text=True).lines()
    assert line.isascii()
    assert line.isprintable()


def test_nobody_can_forge_a_field_of_a_line_in_text() -> None:
    forged = 'm status=500 "error_code=x\\'
    (line,) = logged(exchange(model=forged), text=True).lines()
    words = shlex.split(line)
    assert [word for word in words if word.startswith(("status=", "error_code="))] == ["status=200"]
    assert f"gen_ai.request.model={forged}" in words


@pytest.mark.parametrize("worker", [None, 3])
def test_a_record_that_is_written_already_gives_the_same_line(worker: int | None) -> None:
    lines = []
    for ready in (None, written(exchange())):
        sink = io.BytesIO()
        log = EventLog(sink, lambda: NOW_S, text=False, worker=worker)
        log.exchange(exchange(), [decision()], ready)
        assert log.close(20.0)
        lines.append(sink.getvalue())
    assert lines[0] == lines[1]
    assert lines[0].count(b"\n") == 2


def test_a_closed_stream_breaks_nothing() -> None:
    sink = io.BytesIO()
    sink.close()
    log = EventLog(sink, lambda: NOW_S, text=False)
    log.exchange(exchange(), [decision()])
    assert log.close(20.0)
    assert log.dropped == 2
