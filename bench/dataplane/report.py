"""The table, and the record that is kept of a run."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.dataplane.figures import REFERENCE, SUBJECT, Figure, Measure, Target
from bench.dataplane.gateways import PEERS
from bench.dataplane.peers import LITELLM, haproxy_environment

RESULTS = Path(__file__).resolve().parents[1] / "results"
_NAME, _CELL, _TARGET = 40, 10, 15


def heading(proxies: Sequence[str]) -> str:
    cells = "".join(f"{name:>{_width(name)}}" for name in proxies)
    return f"{'':{_NAME}}{'':>6}{cells}{'/ ' + REFERENCE:>{_CELL}}  {'target':<{_TARGET}}"


def line(figure: Figure, proxies: Sequence[str]) -> str:
    """One figure: the medians of every proxy, our ratio to nginx, the target and whether it is met."""
    cells = "".join(f"{shown(figure.value(name)):>{_width(name)}}" for name in proxies)
    target = "" if figure.target is None else str(figure.target)
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met()]
    name = f"  {figure.name}"[:_NAME]
    row = f"{name:{_NAME}}{figure.unit:>6}{cells}{shown(figure.ratio()):>{_CELL}}  {target:<{_TARGET}}{verdict:<7}"
    return (row + figure.note).rstrip()


def _width(name: str) -> int:
    return max(_CELL, len(name) + 2)


def shown(value: float | None) -> str:
    """A number with three digits that say something; a dash for none."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    model = next(
        (row.partition(":")[2].strip() for row in _text("/proc/cpuinfo").splitlines() if row.startswith("model name")),
        platform.processor(),
    )
    return {
        "cpus": os.cpu_count(),
        "model": model,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions(proxies: Iterable[str]) -> dict[str, str]:
    """The versions of what was measured, and of what ours stands on."""
    found = {name: importlib.metadata.version(name) for name in (SUBJECT, "uvloop", "msgspec")}
    haproxy, environment = haproxy_environment()
    asked = {"nginx": (["/usr/sbin/nginx", "-v"], None), "haproxy": ([str(haproxy), "-v"], environment)}
    found |= {name: _first_line(*how) for name, how in asked.items() if name in proxies}
    found |= {name: peer.version for name, peer in PEERS.items() if name in proxies}
    return found | ({"litellm": LITELLM[0]} if "litellm" in proxies else {})


def _first_line(words: list[str], environment: dict[str, str] | None) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10, env=environment)
    except OSError:
        return "unknown"
    return (done.stdout + done.stderr).strip().splitlines()[0]


def record(figures: Sequence[Figure], skipped: dict[str, str], about: dict[str, object]) -> dict[str, object]:
    """Everything of a run, samples included."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        **about,
        "skipped": skipped,
        "figures": [_as_json(figure) for figure in figures],
    }


def _as_json(figure: Figure) -> dict[str, object]:
    row: dict[str, object] = {
        "group": figure.group,
        "name": figure.name,
        "unit": figure.unit,
        "medians": {name: figure.value(name) for name in figure.samples},
        "ratios_to_nginx": {name: figure.ratio(name) for name in figure.samples if name != REFERENCE},
        "samples": {name: [round(value, 4) for value in values] for name, values in figure.samples.items()},
    }
    if figure.target is not None:
        row |= {"target": str(figure.target), "met": figure.met()}
    if figure.note:
        row["note"] = figure.note
    if figure.detail:
        row["detail"] = dict(figure.detail)
    return row


_TARGET_SHAPE = re.compile(r"(?P<sign>[<>])= (?P<more>nginx \+ )?(?P<limit>[\d.]+)(?P<times> x nginx)?")


def figure_of(row: Mapping[str, Any]) -> Figure:
    """The figure that a stored row tells of; its ratios and its verdict follow from the samples."""
    found = _TARGET_SHAPE.fullmatch(row.get("target", ""))
    target = None
    if found is not None:
        measure = Measure.EXCESS if found["more"] else Measure.RATIO if found["times"] else Measure.VALUE
        target = Target(measure, float(found["limit"]), at_least=found["sign"] == ">")
    samples, note, detail = row["samples"], row.get("note", ""), row.get("detail", {})
    return Figure(row["group"], row["name"], row["unit"], samples, target, note, detail)


def store(kept: dict[str, object], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
