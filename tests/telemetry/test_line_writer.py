"""The writer never makes anybody wait: its sinks here are stuck, slow, closed, or fine."""

from __future__ import annotations

from threading import Event
from time import monotonic, sleep

from narrows.telemetry.line_writer import LineWriter

WAIT_S = 60.0


class Memory:
    """A sink that keeps what it is given, once the gate is open."""

    def __init__(self, *, gate_open: bool = True) -> None:
        self.written = b""
        self.gate = Event()
        self.reached = Event()
        if gate_open:
            self.gate.set()

    def write(self, data: bytes, /) -> int:
        self.reached.set()
        assert self.gate.wait(WAIT_S)
        self.written += data
        return len(data)

    def flush(self) -> None:
        pass


class Closed:
    """A sink that takes nothing any more."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def write(self, data: bytes, /) -> int:
        raise self.error

    def flush(self) -> None:
        pass


def lines(count: int) -> list[bytes]:
    return [b"line %d\n" % number for number in range(count)]


def test_lines_are_written_in_order() -> None:
    sink = Memory()
    writer = LineWriter(sink, gather_s=0.0)
    for line in lines(5_000):
        writer.write(line)
    assert writer.close(WAIT_S)
    assert sink.written == b"".join(lines(5_000))
    assert writer.dropped == 0


def test_closing_at_once_loses_nothing() -> None:
    sink = Memory()
    writer = LineWriter(sink)
    writer.write(b"only\n")
    assert writer.close(WAIT_S)
    assert sink.written == b"only\n"


def test_a_line_after_a_silence_is_written() -> None:
    """The thread sleeps by then, and only a line that finds it asleep wakes it."""
    sink = Memory()
    writer = LineWriter(sink, gather_s=0.0)
    expected = b""
    for line in lines(3):
        writer.write(line)
        expected += line
        until_s = monotonic() + WAIT_S
        while not writer._asleep and monotonic() < until_s:
            sleep(0.001)
        assert sink.written == expected
    assert writer.close(WAIT_S)


def test_closing_without_a_line() -> None:
    assert LineWriter(Memory()).close(WAIT_S)


def test_a_stuck_sink_stops_nobody_and_what_does_not_fit_is_counted() -> None:
    sink = Memory(gate_open=False)
    writer = LineWriter(sink, max_pending_bytes=100, gather_s=0.0)
    writer.write(b"first\n")
    assert sink.reached.wait(WAIT_S)
    for _ in range(1_000):
        writer.write(b"1234567890")
    assert writer.dropped == 990
    assert not writer.close(0.0)
    sink.gate.set()
    assert writer.close(WAIT_S)
    assert sink.written == b"first\n" + b"1234567890" * 10


def test_a_closed_sink_raises_nothing_and_its_lines_are_counted() -> None:
    for error in (ValueError("I/O operation on closed file"), BrokenPipeError()):
        writer = LineWriter(Closed(error), gather_s=0.0)
        for line in lines(10):
            writer.write(line)
        assert writer.close(WAIT_S)
        assert writer.dropped == 10


def test_a_line_after_the_end_is_dropped() -> None:
    writer = LineWriter(Memory())
    assert writer.close(WAIT_S)
    writer.write(b"late\n")
    assert writer.dropped == 1
