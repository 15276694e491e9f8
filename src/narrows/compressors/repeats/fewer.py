"""Fewer lines named than could be, where a prompt has to keep a size.

A prompt under its provider's cache minimum is billed in full, so the output with which it gets there is not to become
shorter than what is lacking (docs/decisions/0019). Lines come back from the text's end on: of a run those that are
farthest from where its mark is named by, until what is left of it would be too short for a mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from narrows.compressors.repeats.shelf import LEAST_CHARACTERS, LEAST_LINES, Run


def fewer(text: str, runs: Sequence[Run], least_bytes: int) -> list[Run]:
    """The runs that stay named, so that the lines between them are `least_bytes` in UTF-8 or more; marks are over."""
    said = text.split("\n")
    lines = [len(line.encode(errors="surrogatepass")) + 1 for line in said]
    shown = sum(lines) - 1 - sum(sum(lines[run.start : run.stop]) for run in runs)
    left = list(runs)
    while left and shown < least_bytes:
        run = left.pop()
        start, stop = run.start, run.stop
        while start < stop and shown < least_bytes:
            if run.edge == "last":
                shown += lines[start]
                start += 1
            else:
                stop -= 1
                shown += lines[stop]
        if stop - start >= LEAST_LINES and sum(len(line.strip()) for line in said[start:stop]) >= LEAST_CHARACTERS:
            moved = start - run.start
            number = None if run.number is None else run.number + moved
            left.append(replace(run, start=start, stop=stop, first=run.first + moved, number=number))
            break
        shown += sum(lines[start:stop])
    return left
