"""An agent as it is served: its settings, its server, its sessions and its places."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from narrows.agents.request import ChatRequest
from narrows.agents.run import RunRules
from narrows.agents.session import Sessions
from narrows.backends.types import Backend
from narrows.settings import AgentSettings


@dataclass(slots=True)
class Agent:
    """An agent as it is served. `queued`: runs that wait for a place."""

    settings: AgentSettings
    backend: Backend
    sessions: Sessions
    places: asyncio.Semaphore
    queued: int = 0

    def rules(self, request: ChatRequest) -> RunRules:
        """The rules of a run; the client may ask for less time than the settings give, and never for more."""
        chosen = self.settings
        total_s = chosen.total_timeout_s
        return RunRules(
            queue_s=chosen.queue_timeout_s,
            first_event_s=chosen.first_event_timeout_s,
            idle_s=chosen.idle_timeout_s,
            tool_idle_s=chosen.tool_idle_timeout_s,
            total_s=total_s if request.timeout_s is None else min(total_s, request.timeout_s),
            on_disconnect=chosen.on_disconnect,
            on_waiting=chosen.on_waiting,
            on_revision=chosen.on_revision,
        )
