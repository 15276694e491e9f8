"""Where tokens remain: texts by how many more tokens would be gone if they reached their target."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from bench.quality.conversations import Conversation, text_of
from bench.quality.shorteners import Ours
from bench.quality.texts import Measured, share
from bench.quality.vocabularies import Vocabulary
from narrows.compressors.types import Compressed, Kept

TARGETS = {"test runs": 0.5, "builds": 0.8, "packages": 0.8, "system": 0.7, "matches": 0.25}
LEAST_RUN = 4
"""Lines in a row that were shown before, line numbers aside, to count as repeated."""

_GUTTER = re.compile(r"(?m)^\s*\d+(?::|\t|\u2192)")

DEFAULTS = {"log": 0.5, "json": 0.5, "search": 0.25, "diff": 0.25}


def of_texts(found: list[Measured]) -> list[dict[str, Any]]:
    """Texts under their target, most tokens first."""
    rows = []
    for one in found:
        target = TARGETS.get(one.item.group, DEFAULTS[one.item.kind])
        lost = round(one.after - (1 - target) * one.before)
        if lost > 0:
            saved = share(one.before - one.after, one.before)
            where = f"{one.item.kind}/{one.item.name}"
            rows.append({"text": where, "tokens": one.before, "saved": saved, "lost": lost, "why": one.reason})
    return sorted(rows, key=lambda row: -row["lost"])


def of_conversations(
    conversations: list[Conversation], ours: Ours, vocabulary: Vocabulary
) -> dict[str, list[dict[str, Any]]]:
    """For each source, tool text by what was decided, weighted by how often it is sent."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for conversation in conversations:
        decisions = ours.decisions.get(f"{conversation.source} {conversation.name}", [])
        for index, decision in enumerate(decisions):
            if index not in conversation.outputs:
                continue
            text = text_of(conversation.messages[index])
            times = sum(turn > index for turn in conversation.turns)
            after, why = vocabulary.count(text), "no part"
            match decision.result if decision else None:
                case Kept(reason, kind, detail):
                    why = f"kept as {kind}: {reason}{', ' + detail if detail and 'bytes' not in detail else ''}"
                case Compressed(kind, shorter, lossless, _):
                    why = f"{kind}, {'lossless' if lossless else 'shortened'}"
                    after = vocabulary.count(shorter)
            row = found[conversation.source][why]
            row[0] += 1
            row[1] += vocabulary.count(text) * times
            row[2] += after * times
    return {
        source: [
            {"decision": why, "texts": texts, "tokens": before, "saved": share(before - after, before)}
            for why, (texts, before, after) in sorted(reasons.items(), key=lambda row: -row[1][1])
        ]
        for source, reasons in found.items()
    }


def shown_before(conversations: list[Conversation], vocabulary: Vocabulary) -> dict[str, float]:
    """Bounds of two savings, as shares of the tool text over all requests: lines that an earlier output of the same
    conversation showed already in the same run, and line numbers in front of the lines of files."""
    whole = repeated = numbers = 0
    for conversation in conversations:
        known: set[tuple[str, ...]] = set()
        for index in sorted(conversation.outputs):
            text = text_of(conversation.messages[index])
            times = sum(turn > index for turn in conversation.turns)
            bare = _GUTTER.sub("", text)
            whole += vocabulary.count(text) * times
            repeated += vocabulary.count(_repeated(text, bare, known)) * times
            if len(_GUTTER.findall(text)) > text.count("\n") // 2:
                numbers += (vocabulary.count(text) - vocabulary.count(bare)) * times
    return {"repeated_lines": share(repeated, whole), "line_numbers": share(numbers, whole)}


def _repeated(text: str, bare: str, known: set[tuple[str, ...]]) -> str:
    """The lines that stand in runs which are known; all runs of the text are known afterwards."""
    lines, keys = text.split("\n"), bare.split("\n")
    runs = [tuple(keys[start : start + LEAST_RUN]) for start in range(len(keys) - LEAST_RUN + 1)]
    covered = {start + step for start, run in enumerate(runs) if run in known for step in range(LEAST_RUN)}
    known.update(runs)
    return "\n".join(line for number, line in enumerate(lines) if number in covered)
