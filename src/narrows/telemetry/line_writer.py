"""Writes lines to a stream that may be slow, stuck or closed, without anybody waiting for it.

Lines queue in memory up to a bound; over it the newest are dropped and counted. A thread of its own does the writing,
because a blocked write to a pipe blocks whoever makes it, and a stream shared with other processes (a terminal) must
not be switched to non-blocking. It gathers for a moment before it writes, and sleeps only after a moment without lines,
so under load a line costs an append: to wake a thread is a chance for the system to stop the one that does it.

Where processes share a stream, a write of more than `PIPE_BUF` bytes to a pipe may be torn apart by another's. So it
can be told to write no more than that at once, in whole lines; only a line that is longer by itself stays in danger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event, Lock, Thread
from typing import Protocol

MAX_PENDING_BYTES = 4 << 20
GATHER_S = 0.02


class Sink(Protocol):
    """What is written to: a binary file, or a small imitation of one."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class LineWriter:
    """`dropped` counts the lines that were not written: no room, or the stream failed. `max_write_bytes`: the most
    that is written at once, None for no bound."""

    def __init__(
        self,
        sink: Sink,
        *,
        max_pending_bytes: int = MAX_PENDING_BYTES,
        gather_s: float = GATHER_S,
        max_write_bytes: int | None = None,
    ) -> None:
        self._sink = sink
        self._max_write_bytes = max_write_bytes
        self._max_pending_bytes = max_pending_bytes
        self._gather_s = gather_s
        self._lock = Lock()
        self._wake = Event()
        self._closing = Event()
        self._lines: list[bytes] = []
        self._pending_bytes = 0
        self._asleep = True
        self.dropped = 0
        self._thread = Thread(target=self._run, name="narrows-log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue one line, with its end. Never blocks and never raises."""
        with self._lock:
            if self._pending_bytes + len(line) > self._max_pending_bytes or self._closing.is_set():
                self.dropped += 1
                return
            self._lines.append(line)
            self._pending_bytes += len(line)
            if not self._asleep:
                return
            self._asleep = False
        self._wake.set()

    def close(self, timeout_s: float) -> bool:
        """Write what is queued and stop; False where the stream did not take it within `timeout_s` seconds."""
        with self._lock:
            self._closing.set()
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._closing.wait(self._gather_s)
            with self._lock:
                lines, self._lines, self._pending_bytes = self._lines, [], 0
                if not lines:
                    self._asleep = True
                    self._wake.clear()
                last = self._closing.is_set()
            if lines:
                self._write_out(lines)
            if last:
                return

    def _write_out(self, lines: list[bytes]) -> None:
        for piece in [lines] if self._max_write_bytes is None else pieces(lines, self._max_write_bytes):
            try:
                self._sink.write(b"".join(piece))
                self._sink.flush()
            except (OSError, ValueError):
                with self._lock:
                    self.dropped += len(piece)


def pieces(lines: Sequence[bytes], most_bytes: int) -> Iterator[list[bytes]]:
    """The lines in runs of `most_bytes` bytes at most; a longer line is a run of its own."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) > most_bytes:
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield piece
