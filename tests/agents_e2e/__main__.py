"""Real agents behind a gateway, driven by real clients: `make e2e-agents`.

Each agent is installed into an environment of its own under build/agents (see `environments`), and asks its model at
the gateway's address; the model is scripted, and nothing needs a key. One line for each scenario: `PASS agent
scenario`, `SKIP agent: reason` where it cannot be installed or lacks what the scenario needs, `FAIL agent scenario:
reason`; any failure ends it with status 1. Arguments pick agents and scenarios by name.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import traceback
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.agents_e2e.environments import NotInstalledError
from tests.agents_e2e.model import Model
from tests.agents_e2e.scenarios import SCENARIOS, Scenario, Setting
from tests.agents_e2e.servers import KINDS, Kind, agent_server, free_port
from tests.scripted_upstream import ScriptedUpstream

SCENARIO_TIMEOUT_S = 300


async def main() -> int:
    """Try the agents and scenarios named on the command line, or all of them."""
    wanted = set(sys.argv[1:])
    kinds = [kind for kind in KINDS if kind.name in wanted] or KINDS
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in wanted] or SCENARIOS
    failed = False
    for kind in kinds:
        try:
            failed = not await tried(kind, scenarios) or failed
        except NotInstalledError as error:
            tell(f"SKIP {kind.name}: {error}")
        except (OSError, RuntimeError, TimeoutError) as error:
            failed = True
            tell(f"FAIL {kind.name}: {error or type(error).__name__}")
    return int(failed)


async def tried(kind: Kind, scenarios: list[Scenario] | tuple[Scenario, ...]) -> bool:
    """Start an agent, and play the scenarios; whether all passed."""
    port, own_port, passed = free_port(), free_port(), True
    with tempfile.TemporaryDirectory(prefix="narrows-agent-") as place:
        folder = Path(place)
        config = folder / "narrows.toml"
        agent: dict[str, Any] = {"kind": kind.kind, "correlation": kind.correlation, "tools": kind.tools}
        agent |= {"url": f"http://127.0.0.1:{own_port}"} if kind.settings is None else kind.settings(folder)
        lines = [f'agent_sessions_file = "{folder / "sessions.db"}"', "[agents.coder]"]
        config.write_text("\n".join([*lines, *(f"{name} = {toml(value)}" for name, value in agent.items())]))
        model_url = f"http://127.0.0.1:{port}{kind.model_path}"
        async with ScriptedUpstream() as upstream, AsyncExitStack() as running:

            async def start() -> None:
                await running.aclose()
                await running.enter_async_context(agent_server(kind, folder, own_port, model_url))

            await start()
            setting = Setting(kind, port, config, Model(upstream), start)
            for scenario in scenarios:
                passed = await played(setting, scenario) and passed
    return passed


async def played(setting: Setting, scenario: Scenario) -> bool:
    """Play one, and tell; whether it passed."""
    name = f"{setting.kind.name} {scenario.name}"
    if scenario.own and not setting.kind.own:
        tell(f"SKIP {name}: the agent has no tools of its own")
        return True
    if scenario.name in setting.kind.skips:
        tell(f"SKIP {name}: {setting.kind.skips[scenario.name]}")
        return True
    setting.forget()
    try:
        async with asyncio.timeout(SCENARIO_TIMEOUT_S):
            await scenario.play(setting)
    except NotInstalledError as error:
        tell(f"SKIP {name}: {error}")
    except Exception as error:  # noqa: BLE001 # whatever a client raises is this scenario's result
        place = traceback.extract_tb(error.__traceback__)[-1]
        tell(f"FAIL {name}: {type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})")
        return False
    else:
        tell(f"PASS {name}")
    return True


def toml(value: Any) -> str:
    """A value of a setting."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {json.dumps(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)


def tell(line: str) -> None:
    """A line of the result, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
