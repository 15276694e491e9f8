"""The token that an agent's server asks for: given by the settings, or read from a file.

A file is read when the token is first needed, and again where the server refuses what it held: a server that restarts
may have written another.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from narrows.errors import AgentCredentials


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
            raise AgentCredentials(
                f"the gateway has no token for this agent: {self._named}, which its token_env names, was not set when"
                " the gateway started"
            )
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
            raise AgentCredentials(
                f"the gateway has no token for this agent: token_file cannot be read ({type(error).__name__})"
            ) from None
        if not token or not token.isascii() or any(character <= " " or character == "\x7f" for character in token):
            raise AgentCredentials("the gateway has no token for this agent: token_file holds none of plain ASCII")
        return token
