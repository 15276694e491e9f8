"""A backend in memory that does what it is told, for tests and for trying a set-up without an agent.

A script is a list of observations or errors; each look takes the next one, and the last one stays. `gate`, where there
is one, is waited for by every look. What was started, sent, decided and cancelled is there to be looked at.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from narrows.agents.observation import Observation
from narrows.agents.tools import CallOutput
from narrows.backends.types import ConversationLost, LookFailed, ModelEndpoint, Outgoing, ToolServer, Verdict
from narrows.errors import GatewayError

Scripted = Observation | LookFailed | GatewayError


@dataclass(slots=True)
class ScriptedTurn:
    """A turn that plays its script."""

    conversation: str
    message: Outgoing
    script: deque[Scripted]
    gate: asyncio.Event | None = None
    steps: int | None = None
    looks: int = 0
    decided: list[tuple[int, Verdict]] = field(default_factory=list)
    cancelled: int = 0
    closed: bool = False

    async def look(self, wait_s: float) -> Observation:  # noqa: ARG002 # a script does not hold a question
        self.looks += 1
        if self.gate is not None:
            await self.gate.wait()
        found = self.script[0] if len(self.script) == 1 else self.script.popleft()
        if isinstance(found, Observation):
            return found
        raise found

    def question(self, step: int) -> str:
        return f'{{"kind": "permission", "asked": {{"step": {step}}}}}'

    def decide(self, step: int, verdict: Verdict) -> None:
        self.decided.append((step, verdict))

    async def cancel(self) -> None:
        self.cancelled += 1

    async def close(self) -> None:
        self.closed = True


class ScriptedBackend:
    """Plays one script a turn, in order; a turn without one says nothing for ever. `fails` is raised by the next start,
    `refuses` by the next send."""

    holds_looks = False
    pauses = True
    takes_tool_server = False
    takes_images = True
    takes_limits = True

    def __init__(self, *scripts: Sequence[Scripted]) -> None:
        self.scripts = deque(scripts)
        self.turns: list[ScriptedTurn] = []
        self.conversations: set[str] = set()
        self.endpoints: list[ModelEndpoint | None] = []
        self.tool_servers: list[ToolServer | None] = []
        self.resumed: list[tuple[str, tuple[CallOutput, ...]]] = []
        self.fails: GatewayError | None = None
        self.refuses: GatewayError | None = None
        self.gate: asyncio.Event | None = None
        self._started = 0

    async def start(self, endpoint: ModelEndpoint | None = None, tools: ToolServer | None = None) -> str:
        self.endpoints.append(endpoint)
        self.tool_servers.append(tools)
        if self.fails is not None:
            fails, self.fails = self.fails, None
            raise fails
        self._started += 1
        name = f"conversation-{self._started}"
        self.conversations.add(name)
        return name

    async def send(self, conversation: str, message: Outgoing) -> ScriptedTurn:
        if conversation not in self.conversations:
            raise ConversationLost
        if self.refuses is not None:
            refuses, self.refuses = self.refuses, None
            raise refuses
        script = deque(self.scripts.popleft() if self.scripts else (Observation(mark=""),))
        turn = ScriptedTurn(conversation, message, script, self.gate)
        self.turns.append(turn)
        return turn

    async def resume(self, conversation: str, outputs: Sequence[CallOutput], message: Outgoing) -> ScriptedTurn:
        turn = await self.send(conversation, message)
        self.resumed.append((conversation, tuple(outputs)))
        return turn

    async def close(self) -> None:
        """Nothing is held."""
