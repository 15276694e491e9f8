"""`make bench-quality`: every figure of quality, ours beside the targets and the rivals.

Prints tables and writes bench/results/quality.json; `--only speed --update` measures one section of it anew. With
`--quick` a sample, written to bench/results/local. It measures and does not judge: a missed target is printed as
missed, and the exit status stays 0.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.quality import judgement, report, sections, vocabularies
from bench.quality.corpus import CORPUS
from bench.quality.rivals import PACKAGES, Rival, RivalError
from narrows.policy import Level

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
CACHE = ROOT / "build" / "bench"


def of_judgement(bench: sections.Bench) -> sections.Record:
    """What a small model still finds; skipped by name without the model's packages."""
    try:
        return judgement.measure(bench.ours, CACHE, bench.every, bench.say)
    except ImportError as error:
        bench.skipped["judgement"] = str(error)
        return {}


SECTIONS = {
    "texts": sections.of_texts,
    "conversations": sections.of_conversations,
    "pages": sections.of_pages,
    "generated": sections.of_generated,
    "speed": sections.of_speed,
    "judgement": of_judgement,
}


def environment() -> dict[str, Any]:
    """The machine, the versions and the commit."""
    packages = ("narrows", "toktok-rs", "magika", "msgspec", "blake3")
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "src"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "commit": git.stdout.strip(),
        "source_changed": bool(changed.stdout.strip()),
        "machine": {
            "cpus": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "architecture": platform.machine(),
            "python": platform.python_version(),
            "load_at_start": os.getloadavg()[0],
        },
        "versions": {name: version(name) for name in packages},
    }


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench-quality ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every fifth text and conversation, no 5 MB inputs")
    parser.add_argument("--generated", type=int, default=100_000, metavar="N", help="generated inputs (100,000)")
    parser.add_argument("--no-rivals", action="store_true", help="ours and the naive peer only")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="some sections only")
    parser.add_argument("--update", action="store_true", help="with --only: put these sections into the stored result")
    return parser.parse_args()


def progress(text: str) -> None:
    """To standard error, so that the tables stay clean."""
    print(text, file=sys.stderr, flush=True)


def prepared(arguments: argparse.Namespace) -> sections.Bench:
    """Everybody who shortens, and every vocabulary that can be had."""
    CACHE.mkdir(parents=True, exist_ok=True)
    counts, skipped = vocabularies.available(CACHE)
    rivals = []
    for package in () if arguments.no_rivals else PACKAGES:
        try:
            rivals.append(Rival(package, CACHE))
        except RivalError as error:
            skipped[package.name] = str(error)
    every, generated = (5, min(arguments.generated, 2000)) if arguments.quick else (1, arguments.generated)
    ours, lossless = sections.ours_at(Level.BALANCED), sections.ours_at(Level.LOSSLESS)
    return sections.Bench(ours, lossless, rivals, counts, every, generated, progress, skipped)


def updated(stored: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """A stored result in which the sections of this record stand in the place of its own. `runs` says when, from which
    commit and under which load each section was measured."""
    return stored | record | {"runs": stored.get("runs", {}) | record["runs"]}


def main() -> int:
    """Measure, print, write."""
    if not CORPUS.is_dir():
        print("skipped: shared corpus not found at ../shared/corpus")
        return 0
    arguments = options()
    record = environment() | {"runs": {}}
    bench = prepared(arguments)
    try:
        for name in arguments.only or SECTIONS:
            progress(name)
            started = time.perf_counter()
            load = os.getloadavg()[0]
            record[name] = SECTIONS[name](bench)
            record["runs"][name] = {key: record[key] for key in ("date", "commit", "source_changed")} | {"load": load}
            progress(f"  {time.perf_counter() - started:.0f} s")
    finally:
        for rival in bench.rivals:
            rival.close()
    record["skipped"] = bench.skipped
    partial = arguments.quick or arguments.only or arguments.no_rivals
    updates = arguments.update and not arguments.quick and not arguments.no_rivals
    path = RESULTS / "local" / "quality.json" if partial and not updates else RESULTS / "quality.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if updates and path.exists():
        record = updated(json.loads(path.read_text()), record)
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(report.tables(record))
    print(f"written to {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
