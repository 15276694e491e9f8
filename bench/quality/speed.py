"""First-time cost of the timing inputs, the token gate included, in one process.

Every run gets a text of its own (the same one with other numbers), so that nobody answers from memory. The large
inputs are the same texts, repeated with variations until they have 5 MB.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from bench.quality.corpus import Text
from bench.quality.shorteners import Shortener

LARGE_BYTES = 5_000_000


def varied(item: Text, seed: int) -> str:
    """The same text with other numbers or paths, of about the same size."""
    match item.kind:
        case "json":
            rows = json.loads(item.text)
            for row in rows:
                row["id"] = row["id"] + seed * len(rows)
            return json.dumps(rows)
        case "diff":
            return re.sub(r"(?m)^(diff --git a/|--- a/|\+\+\+ b/)", rf"\g<1>copy{seed}/", item.text)
        case "search":
            return re.sub(r"(?m)^(?=\S)", f"copy{seed}/", item.text)
        case _:
            return re.sub(r"(\d+)(?=[^\d\n]*$)", lambda found: str(int(found[1]) + seed), item.text, flags=re.MULTILINE)


def repeated(item: Text) -> str:
    """5 MB of it."""
    copies, length, seed = [], 0, 0
    while length < LARGE_BYTES:
        copies.append(varied(item, seed))
        length += len(copies[-1])
        seed += 1
    if item.kind == "json":
        return "[" + ", ".join(copy[1:-1] for copy in copies) + "]"
    return "\n".join(copy.removesuffix("\n") for copy in copies) + "\n"


def first_time_ms(item: Text, shortener: Shortener, runs: int) -> dict[str, float]:
    """The median and the least of the first-time costs of so many variations."""
    shortener.text(replace(item, text=varied(item, 1000)))
    times = sorted(shortener.text(replace(item, text=varied(item, 1 + run))).ms for run in range(runs))
    return {"p50_ms": round(times[len(times) // 2], 2), "least_ms": round(times[0], 2)}


def large_ms(item: Text, shortener: Shortener, runs: int) -> float:
    """The median over the 5 MB text; each run with another last line or row."""
    text = repeated(item)
    times = sorted(shortener.text(replace(item, text=_other(text, item.kind, run))).ms for run in range(runs))
    return round(times[len(times) // 2], 1)


def _other(text: str, kind: str, run: int) -> str:
    return text + " " * (run + 1) if kind == "json" else text + f"{'x' * (run + 1)}\n" if kind == "log" else text
