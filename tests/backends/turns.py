"""What is seen of a turn, whatever its backend."""

from __future__ import annotations

import asyncio

from narrows.agents.deltas import Sent, advance
from narrows.agents.observation import Broken, Finished, Observation
from narrows.backends.types import LookFailed, Turn


async def looks(turn: Turn) -> list[Observation]:
    """Every look up to the end."""
    seen: list[Observation] = []
    async with asyncio.timeout(60):
        while not seen or seen[-1].outcome is None:
            try:
                seen.append(await turn.look(5))
            except LookFailed:
                continue
    await turn.close()
    return seen


def streamed(seen: list[Observation]) -> str:
    """What a client is sent, piece by piece."""
    sent, pieces = Sent(), []
    for one in seen:
        sent, piece = advance(sent, one.texts, ended=isinstance(one.outcome, Finished))
        pieces.append(piece)
    assert not sent.revised
    return "".join(pieces)


def failed(seen: list[Observation]) -> Exception:
    """Why there is no answer."""
    outcome = seen[-1].outcome
    assert isinstance(outcome, Broken)
    return outcome.error
