"""The process of an agent: how it is started, what it writes, and how it is ended.

It is run in a session of its own by `leash`, which ends it when the gateway is gone, however that came. Its environment
is what is given here and nothing else. What it writes to its standard error is read always, or it would stop there one
day; the last lines are kept for the log. Lines of the protocol are read no faster than they are understood, and none
may be longer than a limit.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from narrows.errors import AgentUnavailable

LEASH: Final = Path(__file__).with_name("leash.py")
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""Of one message; a picture stands in one."""
KEPT_LINES: Final = 20
KEPT_LINE_CHARS: Final = 400
END_TIMEOUT_S: Final = 5.0
"""For how long a process is waited for that is to end; its leash kills it before that."""
_READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Launch:
    """What is run, where, and with which environment."""

    command: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]


class AgentProcess:
    """A process that runs. `over` is set when it will say nothing more; `trouble`: why, where that is its fault."""

    def __init__(self, process: Process, leash: int) -> None:
        self._process = process
        self._leash = leash
        self._writing = asyncio.Lock()
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._complaining = asyncio.create_task(self._drain())
        self._ending = False
        self.over = asyncio.Event()
        self.trouble = ""

    @classmethod
    async def begin(cls, launch: Launch, max_line_bytes: int = MAX_LINE_BYTES) -> AgentProcess:
        """Start it.

        Raises:
            AgentUnavailable: it cannot be started.
        """
        read_end, write_end = os.pipe()
        locale = launch.environment.get("LC_CTYPE", "")
        words = [sys.executable, "-I", "-S", str(LEASH), str(read_end), locale, *launch.command]
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=launch.cwd,
                env=dict(launch.environment),
                start_new_session=True,
                pass_fds=(read_end,),
                limit=max_line_bytes,
            )
        except OSError as error:
            os.close(write_end)
            raise AgentUnavailable(f"the agent's process cannot be started in its cwd ({error.strerror})") from None
        except BaseException:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        return cls(process, write_end)

    @property
    def last_words(self) -> tuple[str, ...]:
        """The last lines that it has written beside the protocol."""
        return tuple(self._last)

    @property
    def status(self) -> int | None:
        """The status that it has ended with, 128 and more for a signal; None where it runs."""
        return self._process.returncode

    async def wait(self) -> None:
        """Return when it has ended."""
        await self._process.wait()

    async def end(self) -> None:
        """End it, and wait until it has; nothing happens where it has ended."""
        self._let_go()
        self._ending = True
        discarding = asyncio.create_task(self._discard())
        try:
            await asyncio.wait_for(self._process.wait(), END_TIMEOUT_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        finally:
            self.over.set()
            await asyncio.wait({self._complaining, discarding}, timeout=1)
            self._complaining.cancel()
            discarding.cancel()

    def _let_go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1

    async def _discard(self) -> None:
        """Read what nobody wants any more, or the pipe would stay open."""
        assert self._process.stdout is not None
        await self.over.wait()
        while await self._process.stdout.read(_READ_BYTES):
            pass

    async def _drain(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        while read := await self._process.stderr.read(_READ_BYTES):
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                self._keep(line)
            if len(rest) > _READ_BYTES:
                self._keep(rest)
                rest = b""
        self._keep(rest)

    def _keep(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()[:KEPT_LINE_CHARS]
        if text:
            self._last.append(text)

    # The SDK's transport of messages

    async def send(self, message: dict[str, Any]) -> None:
        """Write one message. An answer to an agent that has ended goes nowhere."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            async with self._writing:
                stdin.write(msgspec.json.encode(message) + b"\n")
                await stdin.drain()
        except (OSError, RuntimeError) as error:
            if "method" in message:
                raise ConnectionError("the agent's process takes no more messages") from error

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None where there will be none. What is none is kept with the last words."""
        while not self._ending:
            line = await self._line()
            if line is None:
                break
            await asyncio.sleep(0)  # what the last one began goes first, and so does the rest of the gateway
            message = _read(line)
            if message is not None:
                return message
            self._keep(line)
        self.over.set()
        return None

    async def close(self) -> None:
        """The SDK has no more to say; the process is ended by whoever started it."""

    async def _line(self) -> bytes | None:
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError:
            self.trouble = "it has written a line that is longer than any message may be"
        except OSError as error:
            self.trouble = f"its output cannot be read ({type(error).__name__})"
        return None


def _read(line: bytes) -> dict[str, Any] | None:
    """A line's message. Half of a surrogate pair becomes a question mark, and an error that is no object its own words,
    as the SDK would lose whoever waits for that answer."""
    found = _decoded(line)
    if not isinstance(found, dict):
        return None
    if not isinstance(found.get("error") or {}, dict):
        found["error"] = {"message": str(found["error"])[:KEPT_LINE_CHARS]}
    return found


def _decoded(line: bytes) -> Any:
    """What the line says; None where it is no JSON."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            return json.loads(json.dumps(json.loads(line), ensure_ascii=False).encode(errors="replace"))
        except (ValueError, RecursionError):
            return None
    except RecursionError:
        return None
