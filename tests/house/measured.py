"""What the docs say of speed, peers and the soak, out of the files in which the benches keep their last whole runs.

Nothing is rounded into a target: a row is met or missed by the judgement of the bench itself, from the samples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bench.dataplane.figures import REFERENCE, SUBJECT, Figure, Measure
from bench.dataplane.proxies import BARE, DIRECT
from bench.dataplane.report import RESULTS, figure_of, shown

README_ROWS = {
    ("1 KB, c=32", "CPU a request"): "processor time, 1 KB, 32 at a time",
    ("1 KB, c=32", "requests a second"): "requests a second of the same",
    ("200 KB, no edit, c=8", "CPU a request"): "processor time, 200 KB, nothing to edit",
    ("200 KB, history planned, c=8", "CPU a request"): "the same, history planned before",
    ("64 streams, a chunk each 20 ms", "CPU a chunk"): "processor time, a chunk of a stream",
    ("1 KB, c=32, TLS upstream", "CPU a request"): "processor time, 1 KB, TLS to the upstream",
    ("one stream at a time", "added to first byte"): "added to the first byte",
    ("200 KB with 100 KB new, c=1", "latency p50"): "200 KB with 100 KB that are new, p50",
    ("memory", "idle, before the first compression"): "memory, idle",
    ("start", "to the first answer"): "start to the first answer",
}
"""What README shows of the table, and under which names."""

PEER_ROWS = (
    ("1 KB, c=32", "CPU a request"),
    ("1 KB, c=32", "requests a second"),
    ("1 KB, c=32, TLS upstream", "CPU a request"),
    ("bytes, one exchange at a time", "request bodies kept"),
    ("bytes, one exchange at a time", "answer bodies kept"),
    ("bytes, one exchange at a time", "request fields lost or changed"),
    ("bytes, one exchange at a time", "request fields added"),
    ("bytes, one exchange at a time", "answer fields added"),
    ("a conversation of 4 turns, 200 KB", "texts shortened in the last turn"),
    ("a conversation of 4 turns, 200 KB", "its other bytes that are not kept"),
    ("a conversation of 4 turns, 200 KB", "bytes of a turn the next one lacks"),
)


@cache
def run(name: str) -> dict[str, Any]:
    """A kept run, by the name of its file."""
    found: dict[str, Any] = json.loads(Path(RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


@cache
def figures(name: str) -> tuple[Figure, ...]:
    """The figures of a kept run."""
    return tuple(figure_of(row) for row in run(name)["figures"])


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table whose first column is text, and whose others are numbers."""
    lines = [head, ("---", *("---:" for _ in head[1:])), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def value(figure: Figure, proxy: str) -> str:
    """A proxy's median with its unit; empty where it was not measured."""
    found = figure.value(proxy)
    return "" if found is None else f"{shown(found)} {figure.unit}".rstrip()


def judged(figure: Figure) -> str:
    """What the target is compared with, as it speaks of it."""
    found = figure.judged()
    if found is None or figure.target is None:
        return ""
    match figure.target.measure:
        case Measure.RATIO:
            return f"{found:.2f} x nginx's"
        case Measure.VALUE:
            return f"{shown(found)} {figure.unit}".rstrip()
        case Measure.EXCESS:
            return f"nginx's {found:+.2f} {figure.unit}"


def bound(figure: Figure) -> str:
    """The target in words, with its unit."""
    target = figure.target
    assert target is not None
    limit = f"at {'least' if target.at_least else 'most'} {target.limit:g}"
    match target.measure:
        case Measure.RATIO:
            return f"{limit} x nginx's"
        case Measure.VALUE:
            return f"{limit} {figure.unit}".rstrip()
        case Measure.EXCESS:
            return f"{limit} {figure.unit} over nginx's"


def spread(figure: Figure) -> str:
    """The least and the most of what is judged, over the rounds."""
    assert figure.target is not None
    values = figure.ratios() if figure.target.measure is Measure.RATIO else []
    return f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""


def verdict(figure: Figure) -> str:
    """Met, or missed."""
    return {True: "met", False: "**missed**", None: "not judged"}[figure.met()]


def named(figure: Figure) -> str:
    """A figure's name with that of its group."""
    return f"{figure.group}: {figure.name}"


def noted(figure: Figure) -> str:
    """Its name, with what limits its meaning."""
    return f"{named(figure)} ({figure.note})" if figure.note else named(figure)


def about(name: str) -> str:
    """Where and when a run was made."""
    kept = run(name)
    machine, load = kept["machine"], kept["load_average"]
    before, after = (load["before"][0], load["after"][0]) if isinstance(load, dict) else (None, load[0])
    loads = f"{after:.1f} at its end" if before is None else f"{before:.1f} before and {after:.1f} after"
    return (
        f"{kept['date']}, {machine['cpus']} cores ({machine['model']}), {machine['memory_gib']:g} GiB, "
        f"Linux {machine['kernel'].partition('-')[0]}, CPython {machine['python']}; load average {loads}"
    )


def rounds(name: str) -> str:
    """The run, how often everything was measured in it, and what it could not do."""
    kept = run(name)
    versions = ", ".join(f"{proxy} {version(said)}" for proxy, said in kept["versions"].items() if proxy != SUBJECT)
    skipped = "".join(f" Without {who}: {why}." for who, why in kept["skipped"].items())
    return f"{about(name)}. {kept['rounds']} rounds. {versions}.{skipped}"


def version(said: str) -> str:
    """The version in what a program or a package says of itself."""
    found = re.search(r"\d[\w.+-]*", said)
    return found[0] if found else said


def targets(name: str = "dataplane") -> str:
    """Every target of a run, and what was measured."""
    names = [proxy for proxy in _measured(name) if proxy in (SUBJECT, REFERENCE, BARE)]
    rows = [
        (noted(one), *(value(one, proxy) for proxy in names), judged(one), spread(one), bound(one), verdict(one))
        for one in figures(name)
        if one.target is not None
    ]
    head = ("", *names, "judged", "over the rounds", "target", "")
    return f"{rounds(name)}\n\n{table(head, rows)}"


def missed() -> list[str]:
    """The targets that are missed."""
    return [named(one) for one in figures("dataplane") if one.met() is False]


def all_figures(name: str = "dataplane") -> str:
    """Everything that was measured in a run, beside those that are in all of it."""
    names = _measured(name)
    rows = [(noted(one), one.unit, *(_number(one, proxy) for proxy in names)) for one in figures(name)]
    return table(("", "", *names), rows)


def peers() -> str:
    """The other gateways."""
    names = _measured("peers")
    by_key = {(one.group, one.name): one for one in figures("peers")}
    wanted = [by_key[key] for key in PEER_ROWS if key in by_key]
    rows = [(noted(one), one.unit, *(_number(one, name) for name in names)) for one in wanted]
    return f"{rounds('peers')}\n\n{table(('', '', *names), rows)}"


def short_targets() -> str:
    """A few of the targets, for README."""
    by_key = {(one.group, one.name): one for one in figures("dataplane")}
    rows = list(_short_rows(by_key))
    met = [one.met() for one in figures("dataplane") if one.target is not None]
    return f"{table(('', 'narrows', 'nginx', 'target'), rows)}\n\nOf {len(met)} targets {met.count(True)} are met."


def _short_rows(by_key: dict[tuple[str, str], Figure]) -> Iterator[tuple[str, ...]]:
    for key, words in README_ROWS.items():
        one = by_key[key]
        if one.target is not None:
            told = f"missed, {judged(one)}" if one.met() is False else verdict(one)
            yield words, value(one, SUBJECT), value(one, REFERENCE), f"{bound(one)}: {told}"


def short_peers() -> str:
    """The peers' cost of a request, and whose bodies they keep, for README."""
    names = [name for name in _measured("peers") if name not in (BARE, DIRECT)]
    by_key = {(one.group, one.name): one for one in figures("peers")}
    cost, kept = by_key[PEER_ROWS[0]], by_key[PEER_ROWS[3]]
    rows = [
        ("processor time", *(_milliseconds(cost, name) for name in names)),
        (f"request bodies kept, {kept.unit}", *(_number(kept, name) for name in names)),
    ]
    return table(("", *names), rows)


def _milliseconds(figure: Figure, name: str) -> str:
    found = figure.value(name)
    return "" if found is None else f"{found / 1000:.2g} ms"


def _measured(name: str) -> list[str]:
    """Everyone of whom a run has figures, in its order."""
    return list(dict.fromkeys(proxy for one in figures(name) for proxy in one.samples))


def _number(figure: Figure, name: str) -> str:
    found = figure.value(name)
    return "" if found is None else shown(found)


def soak(name: str = "soak") -> str:
    """What a kept soak has shown."""
    kept = run(name)
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(kept["exchanges"].items()))
    settings, cancel, direct = kept["settings"], kept["cancel_s"], kept["cancel_without_gateway_s"]
    levels = [
        f"- {figure}: {_level(figure, one['second'])} in the second third, {_level(figure, one['last'])} in the last, "
        f"of {_level(figure, one['limit'])} allowed"
        for figure, one in kept["levels"].items()
    ]
    ended = sum(kept["exchanges"].values())
    faulty = sum(count for fault, count in kept["faults"].items() if fault != "none")
    wrong = "; ".join(kept["problems"])
    return "\n".join(
        (
            f"{about(name)}. {settings['seconds']:,.0f} seconds, {settings['workers']} worker, {settings['clients']} "
            f"clients in conversations, {settings['streams']} long streams:",
            "",
            f"- {ended:,} exchanges: {outcomes}. {faulty:,} had a fault drawn for them.",
            f"- {kept['answer_bytes_compared']:,} bytes of answers compared, {kept['shortened_bodies']:,} shortened "
            "bodies compared with the turn before.",
            f"- Not as promised: {wrong or 'nothing'}.",
            f"- {kept['cancels']:,} cancels, in {_ms(cancel['p50'])} at the median, {_ms(cancel['p99'])} at the 99th "
            f"percentile, {_ms(cancel['p100'])} at most; the same without a gateway, which is the machine's own: "
            f"{_ms(direct['p50'])}, {_ms(direct['p99'])}, {_ms(direct['p100'])}.",
            *levels,
        )
    )


def _level(name: str, found: float) -> str:
    return f"{found / 2**20:,.1f} MiB" if name.endswith("bytes") else f"{found:,.0f}"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
