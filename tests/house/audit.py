"""Known vulnerabilities of what is locked: `make audit`, by pip-audit, which needs the advisory database.

Where the database cannot be reached, pip-audit skips what it could not look up and ends well. Here that is a failure of
its own: nothing is called audited that was not.

Exit statuses: 0 all audited and none known, 1 some known, 2 not all could be audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements.lock"


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


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(LOCK)]
    done = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    status, words = verdict(done.stdout, done.stderr)
    sys.stdout.write(words + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
