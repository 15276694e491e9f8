"""A backend whose agent is tests/backends/acp_agent.py, in processes of this Python's."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from narrows.agents.deltas import answer_text
from narrows.agents.observation import Observation
from narrows.backends.acp import AcpBackend, AcpOptions
from narrows.backends.acp.turn import AcpTurn
from narrows.backends.types import ModelEndpoint, Outgoing, ToolServer
from tests.backends.turns import looks

AGENT = Path(__file__).with_name("acp_agent.py")
TOKEN = "key-of-the-settings"


class Peer:
    """A backend, and the processes of its agent that have ended by themselves."""

    def __init__(self, options: AcpOptions) -> None:
        async def token() -> str:
            return TOKEN

        self.ended: list[tuple[int | None, tuple[str, ...]]] = []
        self.backend = AcpBackend(
            options, token, lambda: "http://gateway/shared/v1", lambda *end: self.ended.append(end)
        )
        self._sent = 0

    def message(self, text: str, **fields: Any) -> Outgoing:
        self._sent += 1
        return Outgoing(text, f"message-{self._sent}", **fields)

    async def begin(self, endpoint: ModelEndpoint | None = None, tools: ToolServer | None = None) -> str:
        return await self.backend.start(endpoint, tools)

    async def ask(self, text: str, conversation: str = "", **fields: Any) -> AcpTurn:
        return await self.backend.send(conversation or await self.begin(), self.message(text, **fields))

    async def answer(self, text: str, conversation: str = "", **fields: Any) -> list[Observation]:
        return await looks(await self.ask(text, conversation, **fields))

    async def said(self, text: str, conversation: str = "", **fields: Any) -> str:
        seen = await self.answer(text, conversation, **fields)
        return answer_text(seen[-1].texts)


def options(folder: Path, *, env: dict[str, str] | None = None, **changes: Any) -> AcpOptions:
    """The agent, with these variables."""
    environment = (("PATH", os.environ["PATH"]),)
    return AcpOptions(
        (sys.executable, "-I", "-S", str(AGENT)), str(folder), environment, tuple((env or {}).items()), **changes
    )


@asynccontextmanager
async def peer(folder: Path, *, env: dict[str, str] | None = None, **changes: Any) -> AsyncIterator[Peer]:
    one = Peer(options(folder, env=env, **changes))
    try:
        yield one
    finally:
        await one.backend.close()


def runs(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
