"""Many small inputs made from the corpus by fixed rules, each held to the strict readers.

A text is cut out of a real one at line ends (of JSON: some rows of an array, of a diff mostly whole hunks), then lines
are swapped, repeated, dropped or joined. The seed is the input's number, so that every run sees the same ones.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from typing import Any

import narrows
from bench.quality import truth
from bench.quality.corpus import Text
from narrows.compressors import marks
from narrows.compressors.registry import COMPRESSORS
from narrows.compressors.types import Compressed, Compressor, Source
from narrows.policy import Level
from tests.compressors import json_truth

MOST_LINES = 60
WHOLE_HUNKS = 0.8
"""Of the inputs made from diffs: cut anywhere, hardly one fits the counts of its headers."""

_HUNK_OR_FILE = re.compile(r"^(?=diff |@@ -)", re.MULTILINE)
_ODD: list[Any] = [None, "", "null", "1", 1, 1.0, True, [], {}, [1, {}], "a,b", "x\ny", "[narrows: x]"]


def made(texts: list[Text], number: int) -> tuple[str, Text]:
    """Input `number`, and the text that it was made from."""
    chance = random.Random(number)
    origin = texts[number % len(texts)]
    if origin.kind == "json":
        return _made_json(origin.text, chance), origin
    if origin.kind == "diff" and chance.random() < WHOLE_HUNKS:
        part, changes = _hunks(origin.text, chance), int(chance.random() < WHOLE_HUNKS / 4)
    else:
        lines = origin.text.split("\n")
        length = chance.randint(4, MOST_LINES)
        start = chance.randrange(max(1, len(lines) - length))
        part, changes = lines[start : start + length], chance.randint(0, 6)
    part = [line[:2000] for line in part]
    for _ in range(changes):
        _change(part, chance)
    return "\n".join(part), origin


def _hunks(text: str, chance: random.Random) -> list[str]:
    """The lines of some hunks, below the header that stands before the first."""
    pieces = _HUNK_OR_FILE.split(text)
    start = chance.randrange(len(pieces))
    header = next((piece for piece in reversed(pieces[: start + 1]) if not piece.startswith("@@")), "")
    chosen = pieces[start : start + chance.randint(1, 6)]
    joined = ("" if chosen[0] is header else header) + "".join(chosen)
    return joined.split("\n")[: 4 * MOST_LINES]


def _change(part: list[str], chance: random.Random) -> None:
    i, j = chance.randrange(len(part)), chance.randrange(len(part))
    match chance.randrange(5):
        case 0:
            part[i], part[j] = part[j], part[i]
        case 1:
            part[i:i] = [part[j]] * chance.randint(1, 5)
        case 2 if len(part) > 4:
            del part[i]
        case 3:
            part[i] += part[j]
        case _:
            part[i] = part[i][: chance.randint(0, len(part[i]))]


def _made_json(text: str, chance: random.Random) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text[:4000]
    found = _lists(value)
    rows = chance.choice(found) if found else [value]
    picked = [chance.choice(rows) for _ in range(chance.randint(1, 12))]
    for row in picked:
        if isinstance(row, dict) and row and chance.random() < 0.3:
            key = chance.choice(list(row))
            row[key] = chance.choice(_ODD)
    return json.dumps(picked, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, None, 2]))


def _lists(value: Any) -> list[list[Any]]:
    stack, found = [value], []
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            if one:
                found.append(one)
            stack.extend(one)
        elif isinstance(one, dict):
            stack.extend(one.values())
    return found


def check(texts: list[Text], count: int) -> dict[str, Any]:
    """How many outputs of so many inputs were checked, at both levels and by every compressor that takes the input,
    and what is false about which."""
    objections: dict[str, str] = {}
    by_text: Counter[str] = Counter()
    outputs = lossless = 0
    for number in range(count):
        text, origin = made(texts, number)
        for compressor in COMPRESSORS:
            if compressor.kind != origin.kind:
                continue
            for level in (Level.LOSSLESS, Level.BALANCED):
                objection, result = _tried(compressor, text, level, origin)
                outputs += result is not None
                lossless += result is not None and result.lossless
                if objection is not None:
                    by_text[origin.name] += 1
                    objections[f"input {number} from {origin.name}, {level}"] = objection
    return {
        "inputs": count,
        "outputs": outputs,
        "lossless": lossless,
        "false": len(objections),
        "by_text": dict(by_text.most_common(20)),
        "objections": dict(list(objections.items())[:20]),
    }


def _tried(compressor: Compressor, text: str, level: Level, origin: Text) -> tuple[str | None, Compressed | None]:
    if marks.has_mark(text):
        return None, None
    try:
        result = compressor.compress(Source(text, origin.call), level)
    except Exception as error:  # noqa: BLE001  # a compressor that raises is a finding, not the end of the run
        return f"raises {type(error).__name__}: {error}"[:200], None
    if not isinstance(result, Compressed):
        return None, None
    objection = truth.strict(result.kind, text, result.text)
    if objection is None and result.lossless:
        expanded = narrows.expand(result.text)
        if expanded is None or not (json_truth.same(text, expanded) if result.kind == "json" else expanded == text):
            objection = "the lossless form does not give back its source"
    return objection, result
