"""The wires on which tools are offered, one line each."""

from __future__ import annotations

from narrows.inject import anthropic, gemini, openai_chat, openai_responses
from narrows.inject.injector import Injector

INJECTORS: tuple[Injector, ...] = (
    openai_chat.INJECTOR,
    anthropic.INJECTOR,
    gemini.INJECTOR,
    openai_responses.INJECTOR,
)


def injector_for(wire: str) -> Injector | None:
    """The way to offer tools on the wire of that name; None where there is none."""
    return next((injector for injector in INJECTORS if injector.name == wire), None)
