"""Real clients through a running gateway: `make e2e-clients`. Each runs as docs/clients.md says, in a home of its own,
against a scripted model in the provider's place. One line for each: `PASS name`, `SKIP name: reason` where it cannot be
installed, `FAIL name: reason`; any failure ends it with status 1."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.clients.cases import CASES, Case
from tests.clients.playwright import DONE, STEPS, Upstream, playing
from tests.clients.wires import THINKING, Asked
from tests.gateways import gateway_process

BUILD = Path(__file__).resolve().parents[2] / "build" / "clients"
INSTALL_TIMEOUT_S = 600
RUN_TIMEOUT_S = 180
AT_ONCE = ("--cache-minimum-tokens", "0")
"""These conversations are shorter than what some models' providers cache."""
ROWS = """import json, sys
states = ["open", "open", "closed"]
print(json.dumps([
    {"id": 1000 + i, "name": f"item-{i}", "state": states[i % 3], "run": int(sys.argv[1])} for i in range(120)
]))
"""


class NotInstalledError(Exception):
    """A client that cannot be had here, and why."""


def main() -> int:
    """Try the clients named on the command line, or all of them."""
    wanted = sys.argv[1:]
    failed = False
    for case in CASES:
        if wanted and case.name not in wanted:
            continue
        try:
            asyncio.run(tried(case))
        except NotInstalledError as error:
            tell(f"SKIP {case.name}: {error}")
        except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            failed = True
            tell(f"FAIL {case.name}: {error or type(error).__name__}")
        else:
            tell(f"PASS {case.name}")
    return int(failed)


def tell(line: str) -> None:
    """A line of the result, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def tried(case: Case) -> None:
    """Install, run, and look at what reached the model."""
    binaries = installed(case)
    with playing() as upstream, tempfile.TemporaryDirectory(prefix="narrows-client-") as place:
        async with gateway_process(f"http://127.0.0.1:{upstream.port}", *AT_ONCE) as base_url:
            said = await asyncio.to_thread(run, case, base_url, Path(place), binaries)
        check(case, said, upstream)


def installed(case: Case) -> list[Path]:
    """The folders with the client's commands; it is installed once, into `build/clients`."""
    if case.pip:
        place = BUILD / case.pip.replace("==", "-")
        if not (place / ".done").exists():
            _install([sys.executable, "-m", "venv", "--clear", str(place)])
            _install([str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", case.pip])
            (place / ".done").touch()
        return [place / "bin"]
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("npm is not on the PATH")
    place = BUILD / case.npm.replace("/", "-").replace("@", "-").strip("-")
    if not (place / ".done").exists():
        place.mkdir(parents=True, exist_ok=True)
        _install([npm, "install", "--no-audit", "--no-fund", "--prefix", str(place), case.npm])
        (place / ".done").touch()
    return [place / "node_modules" / ".bin", Path(sys.executable).parent]


def _install(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"{Path(command[0]).name} took over {INSTALL_TIMEOUT_S} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise NotInstalledError(f"{Path(command[0]).name} failed: {last}")


def run(case: Case, base_url: str, place: Path, binaries: list[Path]) -> str:
    """What the client prints, run as its section of the page says."""
    language, script = case.script(base_url)
    work, home = place / "work", place / "home"
    work.mkdir()
    home.mkdir()
    (work / "rows.py").write_text(ROWS)
    path = os.pathsep.join([*map(str, binaries), os.environ.get("PATH", "")])
    environment = {"HOME": str(home), "PWD": str(work), "PATH": path, "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1"}
    command = [str(binaries[0] / "python"), "-c", script] if language == "python" else ["sh", "-ec", script]
    done = subprocess.run(
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-400:]}"
    return done.stdout


def check(case: Case, said: str, upstream: Upstream) -> None:
    """The loop of tools came to its end; outputs arrived shortened, and every time the same."""
    assert DONE in said, f"did not print what the model said last, but: {said[-200:]!r}"
    asked = [one for one in upstream.asked if one.path.partition("?")[0].endswith(case.path) and one.tools]
    assert [len(one.outputs) for one in asked[: STEPS + 1]] == list(range(STEPS + 1)), "other requests than expected"
    first: dict[int, str] = {}
    for one in asked:
        for number, output in enumerate(one.outputs):
            assert "[narrows: " in output, f"an output was not shortened: {output[:200]!r}"
            assert first.setdefault(number, output) == output, "an output was forwarded in another form than before"
    if case.name == "anthropic-python":
        check_thinking(asked, [one for one in upstream.asked if one.path.endswith("/count_tokens")])


def check_thinking(asked: list[Asked], counted: list[Asked]) -> None:
    """Thinking comes back to the byte, and what is counted is what is sent."""
    signature = THINKING["signature"].encode()
    assert [one.body.count(signature) for one in asked[: STEPS + 1]] == list(range(STEPS + 1)), "a signature is missing"
    assert [one.outputs for one in counted] == [one.outputs for one in asked], "another text was counted than was sent"


if __name__ == "__main__":
    sys.exit(main())
