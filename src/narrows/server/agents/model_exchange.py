"""A model call of an agent's own: an exchange like any other, that tells the session which it belongs to.

It is planned, forwarded, observed and recorded as every request is, and changed in nothing else; only, it never goes to
an agent, whichever model it names: an agent that asked for itself would go round in a circle.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from narrows.core.http1 import Framing
from narrows.errors import GatewayError, NoSuchRoute
from narrows.records.types import AgentCallFigures, Outcome
from narrows.server.admission import Passed, Planned
from narrows.server.agents.agent import Agent
from narrows.server.agents.traffic import ModelCall
from narrows.server.exchange import READABLE, Exchange
from narrows.server.forwarding import Client
from narrows.server.prepared import Prepared
from narrows.server.request_body import HeldBody

if TYPE_CHECKING:
    from narrows.server.gateway import Gateway

_MODEL_IN_PATH = re.compile(r"/models/([^/:?]+)")


class ModelExchange(Exchange):
    """One model call of an agent."""

    __slots__ = ("_call",)

    def __init__(self, gateway: Gateway, client: Client, prepared: Prepared, framing: Framing) -> None:
        super().__init__(gateway, client, prepared, framing)
        self._call: ModelCall | None = None

    def begin(self, *, body_follows: bool, body_is_here: bool) -> None:
        admitted = self._prepared.admitted
        if not isinstance(admitted, GatewayError):
            try:
                self._call = self.story.model_call = self._enter(admitted)
            except NoSuchRoute as error:
                self._complete = not body_follows
                self.failed(error)
                return
        super().begin(body_follows=body_follows, body_is_here=body_is_here)

    def _enter(self, admitted: Planned | Passed) -> ModelCall:
        passage, agents = self._prepared.passage, self._gateway.agents
        assert passage is not None
        agent = None if agents is None else agents.named(passage.agent)
        if agent is None:
            raise NoSuchRoute(f"there is no agent {passage.agent}; the settings' tables [agents.NAME] name them")
        self.story.agent_call = AgentCallFigures(agent=passage.agent)
        return agent.traffic.call(passage, counts=admitted.wire is not None)

    def _may_be_for_an_agent(self, admitted: Planned | Passed) -> bool:
        """Its tools must be known, whether it is planned or not."""
        return isinstance(admitted, Planned) or (admitted.wire is not None and admitted.reason in READABLE)

    def _agent_for(self, body: HeldBody, admitted: Planned | Passed) -> Agent | None:  # noqa: ARG002 # never for one
        if self._call is not None:
            named = _MODEL_IN_PATH.search(self._prepared.path)
            self._call.asked(body.payload(), named[1] if named else None)
        return None

    def _passed_on(self, data: bytes, ended: bool) -> None:
        if self._call is not None:
            self._call.passed()
        super()._passed_on(data, ended)

    def _tell(self, outcome: Outcome) -> None:
        call = self._call
        if call is not None:
            call.ended()
            assert self._prepared.passage is not None
            self.story.agent_call = AgentCallFigures(
                agent=self._prepared.passage.agent,
                session=call.session,
                run=None if call.run is None else call.run.name,
                background=call.background,
            )
        super()._tell(outcome)
