"""The token that an agent's server asks for: given by the settings, read from a file, or what a command writes.

A file is read, and a command run, when the token is first needed, and again where the server refuses what it was: a
server that restarts may have another. A command is run without a shell, once however many calls need its token, and
what it writes is shown to nobody.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from narrows.errors import AgentCredentials

COMMAND_TIMEOUT_S: Final = 10.0


class NoToken:
    """A server that asks for none."""

    async def token(self, *, again: bool = False) -> str:  # noqa: ARG002 # there is nothing to read
        return ""


class GivenToken:
    """A token out of the variable `named`, which was empty or not set if it is empty."""

    def __init__(self, token: str, named: str) -> None:
        self._token = token
        self._named = named

    async def token(self, *, again: bool = False) -> str:  # noqa: ARG002 # a process's environment does not change
        if not self._token:
            raise _no_token(f"{self._named}, which its token_env names, was not set when the gateway started")
        return self._token


class FileToken:
    """A token that stands alone in a file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._token = ""

    async def token(self, *, again: bool = False) -> str:
        if again or not self._token:
            self._token = await asyncio.to_thread(self._read)
        return self._token

    def _read(self) -> str:
        try:
            token = Path(self._path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _no_token(f"token_file cannot be read ({type(error).__name__})") from None
        return _checked(token, "token_file holds")


class CommandToken:
    """A token that a command writes to its standard output."""

    def __init__(self, words: Sequence[str], timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        self._words = tuple(words)
        self._timeout_s = timeout_s
        self._token = ""
        self._running = asyncio.Lock()

    async def token(self, *, again: bool = False) -> str:
        refused = self._token if again else ""
        async with self._running:
            if not self._token or self._token == refused:
                self._token = ""
                self._token = await self._run()
            return self._token

    async def _run(self) -> str:
        try:
            process = await asyncio.create_subprocess_exec(*self._words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        except OSError as error:
            raise _no_token(f"token_command cannot be run ({type(error).__name__})") from None
        try:
            written, _ = await asyncio.wait_for(process.communicate(), self._timeout_s)
        except TimeoutError:
            raise _no_token(f"token_command did not end within {self._timeout_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise _no_token(f"token_command ended with status {process.returncode}; run it by hand to see why")
        return _checked(written.decode(errors="replace").strip(), "token_command wrote")


def _checked(token: str, said: str) -> str:
    if not token or not token.isascii() or any(character <= " " or character == "\x7f" for character in token):
        raise _no_token(f"{said} none of plain ASCII")
    return token


def _no_token(why: str) -> AgentCredentials:
    return AgentCredentials(f"the gateway has no token for this agent: {why}")
