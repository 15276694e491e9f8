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
    """The medians over so many variations, and the least. The clock's time holds only on an idle machine, the
    processor's nearly so; on a busy one, where others take the caches too, only the least says what the work costs."""
    shortener.first_time(replace(item, text=varied(item, 1000)))
    return _medians("p50", [shortener.first_time(replace(item, text=varied(item, 1 + run))) for run in range(runs)])


def large_ms(item: Text, shortener: Shortener, runs: int) -> dict[str, float]:
    """The medians over the 5 MB text, each time with another end."""
    text = repeated(item)
    ended = [text + " " * run if item.kind == "json" else text + "\n" * run for run in range(runs)]
    return _medians("5_mb", [shortener.first_time(replace(item, text=one)) for one in ended])


def _medians(name: str, times: list[tuple[float, float]]) -> dict[str, float]:
    least = "least" if name == "p50" else f"{name}_least"
    clock, processor = sorted(one[0] for one in times), sorted(one[1] for one in times)
    middle = len(times) // 2
    return {
        f"{name}_ms": round(clock[middle], 2),
        f"{name}_cpu_ms": round(processor[middle], 2),
        f"{least}_cpu_ms": round(processor[0], 2),
    }
