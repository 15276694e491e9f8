"""The figures of the report, section by section: each a plain value that JSON can say, for every shortener."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.quality import conversations, corpus, generated, opportunities, pages, speed, talks, texts
from bench.quality.conversations import Conversation
from bench.quality.corpus import Text
from bench.quality.rivals import Rival, RivalError
from bench.quality.shorteners import HeadAndTail, Ours, Shortener
from bench.quality.texts import Measured
from bench.quality.vocabularies import Vocabulary
from narrows.policy import Level

Record = dict[str, Any]


@dataclass
class Bench:
    """What every section needs. `every`: of texts and conversations only each so-manieth is taken."""

    ours: Ours
    lossless: Ours
    rivals: list[Rival]
    vocabularies: dict[str, Vocabulary]
    every: int = 1
    generated: int = 100_000
    say: Callable[[str], None] = print
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def o200k(self) -> Vocabulary:
        return self.vocabularies["o200k"]

    def sample(self, items: list[Any]) -> list[Any]:
        """All, or some of them."""
        return items[:: self.every]

    def shorteners(self) -> list[Shortener]:
        """Everybody, ours first."""
        return [self.ours, HeadAndTail(self.ours), *self.rivals]

    def each(self, what: str, act: Callable[[Shortener], Any]) -> dict[str, Any]:
        """`act` for everybody; a rival that fails is left out by name."""
        found: dict[str, Any] = {}
        for shortener in self.shorteners():
            self.say(f"  {what}: {shortener.name}")
            try:
                found[shortener.name] = act(shortener)
            except (RivalError, BrokenPipeError, ValueError, TypeError) as error:
                if not isinstance(shortener, Rival):
                    raise
                self.skipped[f"{shortener.name}, {what}"] = f"{type(error).__name__}: {error}"[:200]
        return found


def of_texts(bench: Bench) -> Record:
    """Logs, recorded API answers, searches and diffs."""
    kinds: dict[str, list[Text]] = {
        "logs": corpus.logs(),
        "json": corpus.api_answers(),
        "search": corpus.searches(),
        "diffs": corpus.diffs(),
    }
    record: Record = {}
    ours: list[Measured] = []
    for kind, items in kinds.items():
        sample = bench.sample(items)

        def act(shortener: Shortener, sample: list[Text] = sample, kind: str = kind) -> Record:
            found = texts.over(sample, shortener, bench.o200k)
            if shortener is bench.ours:
                ours.extend(found)
            return _figures(kind, found, bench.vocabularies)

        record[kind] = bench.each(kind, act)
        if kind == "json":
            found = texts.over(sample, bench.lossless, bench.o200k)
            record[kind][bench.lossless.name] = _figures(kind, found, bench.vocabularies)
    record["opportunities"] = opportunities.of_texts(ours)[:40]
    return record


def _figures(kind: str, found: list[Measured], vocabularies: dict[str, Vocabulary]) -> Record:
    record: Record = {
        "all": texts.saved(found),
        "groups": texts.by_group(found),
        "gold": texts.recall(found),
        "truth": texts.falsehoods(found),
        "vocabularies": {
            name: texts.share(
                sum(vocabulary.count(one.item.text) - vocabulary.count(one.output) for one in found),
                sum(vocabulary.count(one.item.text) for one in found),
            )
            for name, vocabulary in vocabularies.items()
        },
    }
    if kind == "search":
        record["matches"] = texts.searches(found)
    if kind == "diffs":
        record["files"] = texts.diffs(found)
    return record


def of_conversations(bench: Bench) -> Record:
    """Airline, web APIs and coding agents, replayed."""
    sources = {
        "tau-airline": conversations.airline(),
        "toolbench": conversations.web_apis(),
        "swe-agent": conversations.coding(as_tools=False),
        "swe-agent as tools": conversations.coding(as_tools=True),
    }
    record: Record = {}
    everything: list[Conversation] = []
    for source, found in sources.items():
        sample = bench.sample(found)
        everything += sample

        def act(shortener: Shortener, sample: list[Conversation] = sample) -> Record:
            return _replayed(bench, sample, shortener)

        record[source] = bench.each(source, act)
    record["bounds"] = {
        source: opportunities.shown_before(bench.sample(found), bench.o200k) for source, found in sources.items()
    }
    record["decisions"] = opportunities.of_conversations(everything, bench.ours, bench.o200k)
    return record


def _replayed(bench: Bench, sample: list[Conversation], shortener: Shortener) -> Record:
    replays = [talks.replay(conversation, shortener) for conversation in sample]
    pairs = [(talks.original(one.conversation), one) for one in replays]
    record: Record = {
        "recall": talks.recall(replays),
        "savings": {name: talks.savings(pairs, vocabulary) for name, vocabulary in bench.vocabularies.items()},
    }
    if not isinstance(shortener, Ours):
        return record | {"bills": talks.bills(lambda _: pairs, bench.vocabularies)}
    treated = {shortener.treats_alike(shortener.model): pairs}
    record["models"] = {}

    def pairs_for(model: str, minimum: int | None = None) -> talks.Pairs:
        treatment = shortener.treats_alike(model, minimum)
        if treatment not in treated:
            other = Ours(shortener.policy.level, model, minimum)
            found = [talks.replay(conversation, other) for conversation in sample]
            treated[treatment] = [(raw, one) for (raw, _), one in zip(pairs, found, strict=True)]
            saved = talks.savings(treated[treatment], bench.o200k)["saved"]
            record["models"][model] = talks.recall(found) | {"saved": saved}
        return treated[treatment]

    record["bills"] = talks.bills(pairs_for, bench.vocabularies, lambda model: pairs_for(model, 0))
    return record


def of_pages(bench: Bench) -> Record:
    """HTML pages: made by rule, and of documentation that is installed here."""
    sources = {"made": pages.made(), "installed": pages.installed()}
    record: Record = {}
    for source, found in sources.items():
        sample = bench.sample(found)

        def act(shortener: Shortener, sample: list[Text] = sample) -> Record:
            return pages.measure(sample, shortener, bench.o200k)

        record[source] = bench.each(f"pages, {source}", act) if sample else {}
    return record


def of_generated(bench: Bench) -> Record:
    """Generated inputs, held to the strict readers."""
    material = [*corpus.logs(), *corpus.api_answers(), *corpus.searches(), *corpus.diffs()]
    return generated.check([item for item in material if item.text], bench.generated)


def of_speed(bench: Bench) -> Record:
    """Milliseconds of the timing inputs and of 5 MB of each."""

    def act(shortener: Shortener) -> Record:
        mine = shortener is bench.ours
        runs = (40 if mine else 5) if bench.every == 1 else 3
        found: Record = {}
        for item in corpus.speed_texts():
            found[item.name] = speed.first_time_ms(item, shortener, runs)
            if bench.every == 1:
                found[item.name] |= speed.large_ms(item, shortener, 3 if mine else 1)
        return found

    return {"load": round(os.getloadavg()[0], 1), **bench.each("speed", act)}


def ours_at(level: Level) -> Ours:
    """Our shortener at a level."""
    return Ours(level)
