"""Known vulnerabilities of what is locked: `make audit`, by pip-audit, which needs the advisory database.

Where the database cannot be reached, pip-audit skips what it could not look up and ends well. Here that is a failure of
its own: nothing is called audited that was not. `make check` has to work without a network, so there a vulnerability
that is known is a failure, and what could not be looked up is said and is none: first `--reachable` asks the database
for one package, within seconds and without pip-audit; where it answers, `--in-check` asks for all.

Exit statuses: 0 all audited and none known, 1 some known, 2 not all could be audited (0 in a check), 3 not reachable.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements.lock"
DATABASE = "https://pypi.org/pypi"
"""Where pip-audit looks, for each release."""
REACH_TIMEOUT_S = 5.0
AUDIT_TIMEOUT_S = 300.0


def locked(text: str) -> list[tuple[str, str]]:
    """The names and versions of a lock file."""
    return re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)


def unreachable(name: str, version: str, database: str = DATABASE) -> str | None:
    """Why the database does not tell the vulnerabilities of a release; None where it does."""
    address = f"{database}/{name}/{version}/json"
    try:
        with urllib.request.urlopen(address, timeout=REACH_TIMEOUT_S) as answer:
            told = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return f"{address} answers {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{address}: {error}"
    return None if isinstance(told, dict) and "vulnerabilities" in told else f"{address} does not tell vulnerabilities"


def verdict(report: str, complaint: str) -> tuple[int, str]:
    """The exit status and what to say, from what pip-audit printed on its two streams."""
    try:
        dependencies = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = complaint.strip().splitlines()[-1:] or ["it said nothing"]
        return 2, f"NOT AUDITED: pip-audit gave no report ({last[0]}). It needs the network for its advisory database."
    known = [f"{one['name']} {one['version']}: {bug['id']}" for one in dependencies for bug in one.get("vulns", [])]
    skipped = [one["name"] for one in dependencies if "skip_reason" in one]
    lines = [f"VULNERABLE: {line}" for line in known]
    if skipped or not dependencies:
        lines.append(
            f"NOT AUDITED: {len(skipped)} of {len(dependencies)} packages; the advisory database could not be reached,"
            f" or does not know them: {', '.join(skipped)}"
        )
    if not lines:
        lines.append(f"{len(dependencies)} packages audited, no vulnerability known")
    return 1 if known else 2 if skipped or not dependencies else 0, "\n".join(lines)


def reached(text: str, database: str = DATABASE) -> tuple[int, str]:
    """The exit status of `--reachable` for a lock file, and what to say."""
    releases = locked(text)
    reason = unreachable(*releases[0], database)
    if reason is None:
        return 0, ""
    return (
        3,
        f"SKIPPED audit: {len(releases)} locked packages NOT AUDITED, the advisory database is not there: {reason}",
    )


def audited() -> tuple[int, str]:
    """Ask for everything that is locked."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(LOCK)]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=AUDIT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return verdict("", f"no end after {AUDIT_TIMEOUT_S:g} s")
    return verdict(done.stdout, done.stderr)


def in_check(status: int) -> int:
    """What is not known to be bad does not fail a check; it has been said."""
    return 0 if status == 2 else status


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reachable", action="store_true", help="only ask whether the database is there")
    parser.add_argument("--in-check", action="store_true", help="what could not be looked up is no failure")
    arguments = parser.parse_args(words)
    status, said = reached(LOCK.read_text(encoding="utf-8")) if arguments.reachable else audited()
    if said:
        sys.stdout.write(said + "\n")
    return in_check(status) if arguments.in_check else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
