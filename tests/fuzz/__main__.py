"""`python -m tests.fuzz`: every target for some seconds, by atheris, which looks for inputs that take other ways.

Each target runs in a process of its own, with its own first inputs. An input that fails is kept in
build/fuzz, and `python -m tests.fuzz.target TARGET FILE` runs it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.targets import LONGEST, MODULES

BUILD = Path(__file__).resolve().parents[2] / "build" / "fuzz"
_RUNS = re.compile(r"number_of_executed_units:\s*(\d+)|Done (\d+) runs")
_GRACE_S = 120
AT_ONCE = 2


def fuzzed(name: str, seconds: int, seed: int) -> bool:
    """Run one target; whether nothing was found."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        options = [
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            f"-max_len={LONGEST[name]}",
            "-timeout=30",
            "-rss_limit_mb=4096",
        ]
        command = [sys.executable, "-m", "tests.fuzz.target", name, folder, f"-artifact_prefix={BUILD}/{name}-"]
        done = subprocess.run(
            [*command, *options, "-print_final_stats=1"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + _GRACE_S, check=False,
        )  # fmt: skip
    said = done.stdout.decode(errors="replace")
    runs = next((one for found in _RUNS.finditer(said) for one in found.groups() if one), "?")
    print(f"fuzz {name}: {runs} inputs, {'nothing found' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode != 0:
        print(said[-4000:])
    return done.returncode == 0


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="for each target")
    parser.add_argument("--seed", type=int, default=1, help="of chance; another one looks elsewhere")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(MODULES)}; all if none is named")
    arguments = parser.parse_args(words)
    if importlib.util.find_spec("atheris") is None:
        where = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
        print(f"SKIPPED fuzz: atheris is not installed; there may be none for {where} ({platform.machine()})")
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as running:
        clean = running.map(lambda name: fuzzed(name, arguments.seconds, arguments.seed), arguments.targets or MODULES)
        return 0 if all([*clean]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
