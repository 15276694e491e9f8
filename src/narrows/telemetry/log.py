"""The event log: one structured line for each exchange, each first-time decision, and each turn in the gateway's life.

JSON where the stream is not a terminal, aligned text where it is. What others chose (paths, model names) is written
escaped in both, in text down to ASCII, so that nobody can forge a line or steer a terminal through it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from select import PIPE_BUF

import msgspec

from narrows.records.types import DecisionRecord, ExchangeRecord, Outcome
from narrows.settings import LogLevel
from narrows.telemetry.events import EVENTS, LoggedEvent
from narrows.telemetry.line_writer import LineWriter, Sink

CLOSE_TIMEOUT_S = 2.0

_SEVERITY = {level: number for number, level in enumerate(LogLevel)}
_INFO, _ANSWERED = LogLevel.INFO, Outcome.ANSWERED
_LEVELS = {row.type: row.level for row in EVENTS}
_LEVEL_WORDS = {level: b'"level":"%b",' % level.encode() for level in LogLevel}
_JSON = msgspec.json.Encoder()
_PLAIN = re.compile(r"[!#-:<-~]+")


class EventLog:
    """Writes events of `level` and above to `sink`, as text if `text`, else as JSON.

    `now` gives seconds since the epoch. `worker` is the number of this process among several that share the stream, and
    goes into every line; None where there is one. No method blocks or raises for the stream's sake; `dropped` counts
    the lines lost to it.
    """

    def __init__(
        self,
        sink: Sink,
        now: Callable[[], float],
        *,
        level: LogLevel = LogLevel.INFO,
        text: bool,
        worker: int | None = None,
    ) -> None:
        self._writer = LineWriter(sink, max_write_bytes=None if worker is None else PIPE_BUF)
        self._now = now
        self._worker = worker
        self.write_as(level, text=text)
        self._second = -1
        self._second_text = b""

    def write_as(self, level: LogLevel, *, text: bool) -> None:
        """From now on write events of `level` and above, as text or as JSON."""
        self._floor = _SEVERITY[level]
        self._line = _text_line if text else _json_line

    @property
    def dropped(self) -> int:
        """Lines lost because the stream was slow or closed."""
        return self._writer.dropped

    def exchange(
        self, record: ExchangeRecord, decisions: Sequence[DecisionRecord] = (), written: bytes | None = None
    ) -> None:
        """Log an exchange that has ended, after the first-time decisions it brought; `written` is the record in JSON,
        where somebody has it already."""
        time = self._time(record.started_at + record.timings.total_s)
        if decisions and self._floor <= _SEVERITY[_INFO]:
            for decision in decisions:
                self._writer.write(self._line(time, _INFO, decision, self._worker))
        level = _INFO if record.outcome is _ANSWERED else LogLevel.WARNING
        if _SEVERITY[level] < self._floor:
            return
        if written is not None and self._line is _json_line:
            self._writer.write(_framed(time, level, written, self._worker))
        else:
            self._writer.write(self._line(time, level, record, self._worker))

    def event(self, event: LoggedEvent) -> None:
        """Log anything else that happened, now."""
        level = _LEVELS[type(event)]
        if _SEVERITY[level] >= self._floor:
            self._writer.write(self._line(self._time(self._now()), level, event, self._worker))

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Write what is still queued; False where the stream did not take it in time."""
        return self._writer.close(timeout_s)

    def _time(self, seconds: float) -> bytes:
        """RFC 3339, UTC, milliseconds; the part down to the second is formatted once a second."""
        second = int(seconds)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%b.%03dZ" % (self._second_text, (seconds - second) * 1000)


def _json_line(time: bytes, level: LogLevel, event: msgspec.Struct, worker: int | None) -> bytes:
    return _framed(time, level, _JSON.encode(event), worker)


def _framed(time: bytes, level: LogLevel, written: bytes, worker: int | None) -> bytes:
    """A line of an event that is written in JSON."""
    mark = b"" if worker is None else b'"worker":%d,' % worker
    return b'{"time":"%b",%b%b%b\n' % (time, _LEVEL_WORDS[level], mark, written[1:])


def _text_line(time: bytes, level: LogLevel, event: msgspec.Struct, worker: int | None) -> bytes:
    fields = msgspec.to_builtins(event)
    name = fields.pop("event")
    words = " ".join(f"{key}={_text_value(value)}" for key, value in _flattened(fields, ""))
    mark = "" if worker is None else f" worker={worker}"
    return f"{time[11:-1].decode()} {level.upper():<7} {name:<9}{mark} {words}\n".encode()


def _flattened(fields: dict[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    """Fields of fields under `outer.inner`."""
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _text_value(value: object) -> str:
    match value:
        case str() if _PLAIN.fullmatch(value):
            return value
        case float():
            return f"{value:.6f}".rstrip("0").rstrip(".")
        case _:
            return json.dumps(value)
