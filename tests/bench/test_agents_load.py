"""The bench of agents sees what it says it sees, and its runs say what they say."""

from __future__ import annotations

from bench.agents.load import Seen, model, runs_at_once
from bench.agents.paced import Pace, PacedBackend, stamped
from narrows.agents.observation import Finished
from narrows.backends.types import Outgoing
from narrows.server.agents.building import served
from narrows.server.agents.plane import AgentPlane
from tests.agent_stage import agent_settings
from tests.scripted_upstream import ScriptedUpstream
from tests.stage import Stage, stage_before

PACE = Pace(3, 0.01)


def seen_of(*texts: str, pieces: int = 2) -> tuple[int, int, int, int]:
    seen, expected = Seen(), 0
    for text in texts:
        expected = seen.take("a", text, expected, 2e9)
    seen.end(pieces, expected, ended=True)
    return len(seen.delays_s), seen.foreign, seen.lost, seen.unfinished


def test_what_clients_find_wrong() -> None:
    assert seen_of(stamped("a", 0), stamped("a", 1)) == (2, 0, 0, 0)
    assert seen_of(stamped("a", 0) + stamped("a", 1)) == (2, 0, 0, 0)
    assert seen_of(stamped("a", 0), stamped("b", 1)) == (2, 1, 0, 0)
    assert seen_of(stamped("a", 1), pieces=2) == (1, 0, 1, 0)
    assert seen_of(stamped("a", 0)) == (1, 0, 1, 0)
    seen = Seen()
    seen.end(0, 0, ended=False)
    assert seen.unfinished == 1


async def test_a_held_look_is_answered_by_news() -> None:
    backend = PacedBackend(Pace(2, 0.02), holds=True)
    turn = await backend.send(await backend.start(), Outgoing("a", "1"))
    looks = [await turn.look(10.0)]
    while not isinstance(looks[-1].outcome, Finished):
        looks.append(await turn.look(10.0))
    texts = [seen.texts[0].text.count(";") for seen in looks]
    assert texts[0] == 0
    assert texts[-1] == 2
    await turn.close()


async def test_runs_of_each_kind_reach_their_clients(scripted_upstream: ScriptedUpstream) -> None:
    for correlation, holds in (("none", False), ("none", True), ("endpoint", False)):
        seen = Seen()
        async with model(PACE) as port, stage_before(scripted_upstream) as stage:
            await run_on(stage, f"http://127.0.0.1:{port}", correlation, seen, holds=holds)
        assert (len(seen.delays_s), seen.foreign, seen.lost, seen.unfinished) == (15, 0, 0, 0)


async def run_on(stage: Stage, upstream: str, correlation: str, seen: Seen, *, holds: bool) -> None:
    chosen = agent_settings(correlation=correlation)
    gateway = await stage.gateway(agents=(chosen,), upstream=upstream)
    gateway.gateway.agents = plane = AgentPlane([served(chosen, PacedBackend(PACE, holds=holds))], [], print)
    plane.reached_at(f"http://127.0.0.1:{gateway.port}", lends_key=False)
    await runs_at_once(gateway.port, 5, PACE, "t", seen)
