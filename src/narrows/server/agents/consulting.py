"""Asks a client about a step of its agent that waits for a person, as if the agent had called one of its tools.

Nothing is approved but by the client's own word: an output that is `{"approve": true}`, or, to a question,
`{"answer": TEXT}`. Whatever else comes says no.
"""

from __future__ import annotations

import msgspec

from narrows.agents.observation import AgentCall
from narrows.agents.tools import APPROVAL_TOOL, CallOutput
from narrows.backends.types import Turn, Verdict
from narrows.errors import GatewayError
from narrows.server.agents.parking import HeldCalls


class _Said(msgspec.Struct):
    approve: bool = False
    answer: str = ""


_SAID = msgspec.json.Decoder(_Said)


def asking_a_person(turn: Turn, step: int) -> HeldCalls:
    """The call that asks. Its output goes to the agent's server; where there will be none, its run is ended by whoever
    says so."""

    def deliver(outputs: tuple[CallOutput, ...] | GatewayError) -> None:
        if not isinstance(outputs, GatewayError):
            (output,) = outputs
            turn.decide(step, read_verdict(output.output))

    return HeldCalls((AgentCall("", APPROVAL_TOOL, turn.question(step)),), deliver)


def read_verdict(output: str) -> Verdict:
    """What a client's output says."""
    try:
        said = _SAID.decode(output)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Verdict(allow=False)
    return Verdict(said.approve, said.answer)
