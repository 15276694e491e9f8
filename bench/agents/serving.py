"""The gateway under test, in a process of its own: `python -m bench.agents.serving MODE UPSTREAM PIECES EVERY_S`.

It prints its port, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from bench.agents.paced import Pace, PacedBackend
from narrows.core.tokens import TOKENIZER
from narrows.server.agents.building import served
from narrows.server.agents.plane import AgentPlane
from narrows.server.app import serve, tune_process
from narrows.settings import ClassifierName, LogLevel, Settings
from narrows.settings.agents import read_agents

POLLED, HELD, TRAFFIC = "polled", "held", "traffic"
RUNS_AT_MOST = 1000


async def run(mode: str, upstream: str, pace: Pace) -> None:
    correlation = "endpoint" if mode == TRAFFIC else "none"
    table = {"url": "http://127.0.0.1:1", "correlation": correlation, "max_runs": RUNS_AT_MOST, "max_sessions": 200}
    (chosen,) = read_agents({"coder": table})
    settings = Settings(
        upstream=upstream, port=0, agents=(chosen,), classifier=ClassifierName.NONE, log_level=LogLevel.ERROR
    )
    gateway = await serve(settings, settings.policy("none", TOKENIZER))
    agent = served(chosen, PacedBackend(pace, holds=mode == HELD))
    gateway.gateway.agents = plane = AgentPlane([agent], [], lambda error: gateway.gateway.fault(error, None))
    plane.reached_at(f"http://127.0.0.1:{gateway.port}", lends_key=False)
    tune_process()
    print(gateway.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    if gateway.gateway.faults:
        raise SystemExit(f"the gateway had {gateway.gateway.faults} faults")
    await gateway.close(1.0)


if __name__ == "__main__":
    mode, upstream, pieces, every_s = sys.argv[1:]
    uvloop.run(run(mode, upstream, Pace(int(pieces), float(every_s))))
