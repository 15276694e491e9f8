"""Sessions of a build-and-test harness, made from a seed: a shell's trace, an installation, a build, a verbose test run
with few failures, as they look in a terminal and as a CI system stores them."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Session:
    """A log, and the texts in it that must be seen."""

    text: str
    gold: tuple[str, ...]


WORDS = (
    "parse",
    "scan",
    "emit",
    "cache",
    "queue",
    "pool",
    "net",
    "disk",
    "auth",
    "graph",
    "lock",
    "heap",
    "ring",
    "tree",
)


def session(seed: int, *, tests: int = 400, failures: int = 3, ci: bool = False) -> Session:
    """The whole of one run; with `ci` as a CI system stores it, a time before each line and its own marks."""
    rng = random.Random(f"session {seed}")
    gold: list[str] = []
    lines = [*_setup(rng), *_build(rng, gold), *_tests(rng, tests, failures, gold), "+ git status", "On branch main"]
    if ci:
        lines = ["##[group]Run ./ci.sh", *lines, "##[endgroup]", "##[error]Process completed with exit code 1."]
        gold.append(lines[-1])
        lines = [
            f"2025-03-04T10:{i // 600 % 60:02d}:{i // 10 % 60:02d}.{i % 10}123456Z {line}"
            for i, line in enumerate(lines)
        ]
    return Session("\n".join(lines) + "\n", tuple(gold))


def _name(rng: random.Random) -> str:
    return f"{rng.choice(WORDS)}_{rng.choice(WORDS)}"


def _setup(rng: random.Random) -> list[str]:
    lines = [
        "+ source /opt/env/bin/activate",
        "++ '[' -n x ']'",
        "++ hash -r",
        "+ cd /testbed",
        "+ git status",
        "On branch main",
    ]
    lines += ["nothing to commit, working tree clean", "+ git show HEAD", f"commit {rng.getrandbits(160):040x}", ""]
    lines += [
        "    Change the limit",
        "",
        "diff --git a/src/limit.py b/src/limit.py",
        "--- a/src/limit.py",
        "+++ b/src/limit.py",
    ]
    lines += [
        "@@ -3,3 +3,3 @@",
        " # the limit",
        "-LIMIT = 3",
        "+LIMIT = 4",
        " STEP = 1",
        "+ python -m pip install -v -e .",
    ]
    lines += [
        "Using pip 24.0 from /opt/env/lib/python3.11/site-packages/pip (python 3.11)",
        "Obtaining file:///testbed",
    ]
    lines += ["  Running command pip subprocess to install build dependencies"]
    for _ in range(30):
        name, version = _name(rng).replace("_", "-"), f"{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(9)}"
        lines.append(f"  Collecting {name}>={version[0]}.0 (from testbed==1.2.dev3)")
        lines.append(f"    Downloading {name}-{version}-py3-none-any.whl.metadata ({rng.randrange(2, 90)} kB)")
    lines += [f"  copying src/{_name(rng)}.py -> build/lib/testbed" for _ in range(80)]
    return [*lines, "Successfully installed testbed-1.2.dev3"]


def _build(rng: random.Random, gold: list[str]) -> list[str]:
    lines = ["+ make -j4 ext", "make[1]: Entering directory '/testbed/ext'"]
    for number in range(90):
        name = f"{_name(rng)}_{number}"
        lines.append(f"gcc -Wall -O2 -fPIC -Iinclude -DNDEBUG -c -o build/{name}.o src/{name}.c")
        if number in (20, 60):
            warning = (
                f"src/{name}.c:{rng.randrange(9, 99)}:9: warning: unused variable 'left_{number}' [-Wunused-variable]"
            )
            lines += [warning, f"   12 |     int left_{number} = 0;", "      |         ^~~~~~"]
            gold.append(warning)
    return [*lines, "gcc -shared -o build/ext.so build/*.o", "make[1]: Leaving directory '/testbed/ext'"]


def _tests(rng: random.Random, tests: int, failures: int, gold: list[str]) -> list[str]:
    failing = set(rng.sample(range(tests), failures))
    lines = [
        "+ python -m pytest -v",
        "============================= test session starts ==============================",
    ]
    lines += ["platform linux -- Python 3.11.7, pytest-8.3.4, pluggy-1.5.0", f"collected {tests} items", ""]
    reports = ["", "=================================== FAILURES ==================================="]
    summary = ["=========================== short test summary info ============================"]
    for number in range(tests):
        test = f"tests/test_{WORDS[number * len(WORDS) // tests]}.py::test_{_name(rng)}_{number}"
        lines.append(f"{test} {'FAILED' if number in failing else 'PASSED'} [{100 * number // tests:3d}%]")
        if number in failing:
            found, wanted = rng.randrange(10**6), rng.randrange(10**6)
            name = test.rpartition("::")[2]
            reports += [f"{f' {name} ':_^80}", "", f"    def {name}():", f">       assert ledger({number}) == {wanted}"]
            reports += [f"E       assert {found} == {wanted}", f"E        +  where {found} = ledger({number})", ""]
            reports += [f"tests/test_x.py:{number}: AssertionError"]
            summary.append(f"FAILED {test} - assert {found} == {wanted}")
            gold += [
                lines[-1],
                f"E       assert {found} == {wanted}",
                f"tests/test_x.py:{number}: AssertionError",
                summary[-1],
            ]
    summary.append(f"=================== {failures} failed, {tests - failures} passed in 12.34s ====================")
    return [*lines, *reports, *summary]
