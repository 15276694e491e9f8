"""Figures over single texts: tokens saved, gold visible, matches and files kept, nothing false."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import narrows
from bench.quality import truth, visible
from bench.quality.corpus import Text
from bench.quality.shorteners import Shortened, Shortener
from bench.quality.vocabularies import Vocabulary
from narrows.compressors.types import Compressed, Decision, Kept
from tests.compressors import json_truth


@dataclass
class Measured:
    """One text, shortened by one shortener."""

    item: Text
    output: str
    decision: Decision | None
    before: int
    after: int
    missing: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    wrong: str | None = None
    """What the strict reader of our own grammar objects to, or a round trip that is not exact."""

    @property
    def reason(self) -> str:
        """Why it is as it is."""
        if self.decision is None:
            return ""
        match self.decision.result:
            case Kept(reason, kind, detail):
                return f"kept as {kind}: {reason}{', ' + detail if detail else ''}"
            case Compressed(kind, _, lossless, _):
                return f"{kind}, {'lossless' if lossless else 'shortened'}"


def measure(item: Text, shortened: Shortened, vocabulary: Vocabulary) -> Measured:
    """All that is checked of one text."""
    output = shortened.text
    counts = vocabulary.count(item.text), vocabulary.count(output)
    measured = Measured(item, output, shortened.decision, *counts, visible.missing_gold(item, output))
    measured.false = truth.conservative(item.text, output)
    if shortened.decision is not None and isinstance(shortened.decision.result, Compressed):
        measured.wrong = _wrong(item.text, shortened.decision.result)
    return measured


def _wrong(source: str, result: Compressed) -> str | None:
    objection = truth.strict(result.kind, source, result.text)
    if objection is None and result.lossless:
        expanded = narrows.expand(result.text)
        exact = expanded is not None and (
            json_truth.same(source, expanded) if result.kind == "json" else expanded == source
        )
        return None if exact else "the lossless form does not give back its source"
    return objection


def over(items: Iterable[Text], shortener: Shortener, vocabulary: Vocabulary) -> list[Measured]:
    """Every text through one shortener."""
    return [measure(item, shortener.text(item), vocabulary) for item in items]


def share(part: float, whole: float) -> float:
    """A share to four places; of nothing it is 0."""
    return round(part / whole, 4) if whole else 0.0


def saved(found: Iterable[Measured]) -> dict[str, Any]:
    """Tokens saved of the sum, and the median and worst text."""
    rows = list(found)
    shares = sorted(share(one.before - one.after, one.before) for one in rows)
    before, after = sum(one.before for one in rows), sum(one.after for one in rows)
    return {
        "texts": len(rows),
        "tokens_before": before,
        "tokens_after": after,
        "saved": share(before - after, before),
        "median": shares[len(shares) // 2] if shares else 0.0,
        "worst": shares[0] if shares else 0.0,
        "shortened": sum(one.item.text != one.output for one in rows),
    }


def recall(found: Iterable[Measured]) -> dict[str, Any]:
    """Strings of the gold that are visible, over all and for the worst text, and those that are not."""
    rows = [one for one in found if visible.gold_count(one.item)]
    total = sum(visible.gold_count(one.item) for one in rows)
    per_text = [1 - len(one.missing) / visible.gold_count(one.item) for one in rows]
    return {
        "gold": total,
        "visible": share(total - sum(len(one.missing) for one in rows), total),
        "macro": round(sum(per_text) / len(per_text), 4) if per_text else 0.0,
        "worst": round(min(per_text, default=0.0), 4),
        "missing": {one.item.name: one.missing[:5] for one in rows if one.missing},
    }


def by_group(found: Iterable[Measured]) -> dict[str, dict[str, Any]]:
    """Savings and recall of each group."""
    groups: dict[str, list[Measured]] = {}
    for one in found:
        groups.setdefault(one.item.group, []).append(one)
    return {name: {**saved(rows), "gold": recall(rows)} for name, rows in sorted(groups.items())}


def searches(found: list[Measured]) -> dict[str, Any]:
    """Files named and matches kept where the gold tells them; savings of the texts that keep every match."""
    named = files = kept = matches = 0
    keeping: list[Measured] = []
    lost: dict[str, str] = {}
    for one in found:
        gold: dict[str, list[int]] = one.item.record.get("files", {})
        if not gold:
            continue
        paths = frozenset(gold)
        expected = {(path, line) for path, lines in gold.items() for line in lines}
        expected &= visible.matches_of(one.item.text, paths)
        shown = expected & visible.matches_of(one.output, paths) if one.output != one.item.text else expected
        there = visible.files_named(one.item.text, list(gold))
        still = visible.files_named(one.output, there)
        files, named = files + len(there), named + len(still)
        matches, kept = matches + len(expected), kept + len(shown)
        if shown == expected:
            keeping.append(one)
        else:
            lost[one.item.name] = f"{len(expected - shown)} of {len(expected)} matches not shown"
        if len(still) < len(there):
            lost[one.item.name] = f"{len(there) - len(still)} of {len(there)} files not named"
    return {
        "files_named": share(named, files),
        "matches_kept": share(kept, matches),
        "with_every_match": saved(keeping),
        "lost": lost,
    }


def diffs(found: list[Measured]) -> dict[str, Any]:
    """File names and figures, over the diffs that git made."""
    facts = [(one, visible.diff_facts(one.item.text, one.output)) for one in found]
    files = sum(fact["files"] for _, fact in facts)
    return {
        "files": files,
        "named": share(sum(fact["named"] for _, fact in facts), files),
        "true_numstat": share(sum(fact["true_numstat"] for _, fact in facts), files),
        "untrue": [one.item.name for one, fact in facts if fact["true_numstat"] < fact["files"]],
    }


def falsehoods(found: list[Measured]) -> dict[str, Any]:
    """Certainly false associations, and for ours what the strict readers object to."""
    return {
        "texts": len(found),
        "false": sum(len(one.false) for one in found),
        "examples": {one.item.name: one.false[:3] for one in found if one.false},
        "objections": {one.item.name: one.wrong for one in found if one.wrong},
        "lossless_checked": sum(
            one.decision is not None and isinstance(one.decision.result, Compressed) and one.decision.result.lossless
            for one in found
        ),
    }
