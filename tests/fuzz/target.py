"""`python -m tests.fuzz.target NAME FOLDER OPTIONS`: one target under atheris, in this process, until it has to stop.

FOLDER takes the seeds and what is found; a file in its place is run once. Options are libFuzzer's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

from tests.fuzz.targets import MODULES, make_target


def main(name: str, where: Path, options: list[str]) -> None:
    """Does not return."""
    with atheris.instrument_imports(include=list(MODULES[name]), enable_loader_override=False):
        target = make_target(name)
    if where.is_dir():
        from tests.fuzz.seeds import seeds  # after the instrumentation: it imports what is fuzzed

        for number, seed in enumerate(seeds(name)):
            (where / f"{number:04}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *options, str(where)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
