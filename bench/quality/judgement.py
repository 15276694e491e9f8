"""Whether a real model still finds the answers: how likely the known answer is with the original, with the shortened
text, and without any.

The model is SmolLM2-135M, in this process. It is made to write the known answer (a grammar allows nothing else), and
tells how likely each of its tokens was: their negative logarithms, summed, are the nats that the answer costs. The less
the answer costs, the better the model found it; what it costs without the text tells how much of that was the text's.
Shortening is judged by the difference that it makes, question by question: the mean, with an interval from resampling
the texts (questions about one text are not independent). Figures of one question mean nothing.

Only texts that are shortened are asked about. What the model said is kept in the cache folder, by model, prompt and
answer: a second run asks only what is new.
"""

from __future__ import annotations

import hashlib
import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from bench.quality import questions, used_later
from bench.quality.questions import Passage, Question
from bench.quality.shorteners import Shortener
from narrows.cli.demo import models

Record = dict[str, Any]

MOST_OF_A_KIND = 48
MOST_QUESTIONS = {"tau-airline": 96, "swe-agent as tools": 100}
"""Of conversations more: they are what the gateway is for, and their texts are few and alike."""

RESAMPLES = 2000
WORST = 15
_TIMEOUT_S = 600


class Judge(Protocol):
    """Tells what an answer costs."""

    def cost(self, prompt: str, answer: str) -> tuple[float, bool]:
        """Nats, and whether the model would have written the answer by itself."""
        ...


@dataclass
class Remembering:
    """A judge whose answers stay in a file."""

    path: Path
    name: str
    judge: Judge
    known: dict[str, tuple[float, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.is_file():
            for line in self.path.read_text().splitlines():
                row = json.loads(line)
                self.known[row["key"]] = (row["nats"], row["own"])

    def cost(self, prompt: str, answer: str) -> tuple[float, bool]:
        """As the judge says, or as it said before."""
        key = hashlib.sha256(json.dumps([self.name, prompt, answer]).encode()).hexdigest()
        if key not in self.known:
            nats, own = self.known[key] = self.judge.cost(prompt, answer)
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "nats": nats, "own": own}) + "\n")
        return self.known[key]


@dataclass(frozen=True, slots=True)
class Embedded:
    """llama.cpp's server in this process. It keeps its state after a prompt, so that the next question about the same
    text costs little."""

    base_url: str

    def cost(self, prompt: str, answer: str) -> tuple[float, bool]:
        """Nats of the tokens that make up the answer; its own where each was the likeliest."""
        body = {
            "prompt": prompt,
            "grammar": f"root ::= {json.dumps(answer)}",
            "n_predict": len(answer) + 1,
            "n_probs": 1,
            "temperature": 0,
            "cache_prompt": True,
        }
        url = f"{self.base_url.removesuffix('/v1')}/completion"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            found = json.load(response)
        if found["content"] != answer:
            raise ValueError(f"the model was to write {answer!r} and wrote {found['content']!r}")
        written = [token for token in found["completion_probabilities"] if token["token"]]
        nats = -sum(float(token["logprob"]) for token in written)
        return round(nats, 4), all(token["id"] == token["top_logprobs"][0]["id"] for token in written)


@contextmanager
def embedded(cache: Path) -> Iterator[Judge]:
    """The embedded model, remembering.

    Raises:
        ImportError: a package that it needs is not installed.
    """
    missing = models.missing_for_embedded_model()
    if missing:
        raise ImportError(f"{' and '.join(missing)} not installed; run: {models.INSTALL}")
    with models.embedded_model() as model:
        yield Remembering(cache / "judgement.jsonl", model.name, Embedded(model.base_url))


@dataclass(frozen=True, slots=True)
class Judged:
    """One question: the nats of its answer, and whether the model would have answered so, by what it was given."""

    kind: str
    text: str
    question: Question
    nats: dict[str, float]
    own: dict[str, bool]

    @property
    def lost(self) -> float:
        """Nats that the answer costs more in the shortened text."""
        return self.nats["shortened"] - self.nats["original"]


def judged(asked: dict[str, Iterator[Passage]], judge: Judge, say: Callable[[str], None]) -> list[Judged]:
    """So many questions of each kind. The kinds take turns, so that what is remembered of a run that was broken off is
    of all kinds."""
    found: dict[str, list[Judged]] = {kind: [] for kind in asked}
    turns = dict(asked)
    while turns:
        for kind, passages in list(turns.items()):
            passage = next(passages, None)
            if passage is None or len(found[kind]) >= MOST_QUESTIONS.get(kind, MOST_OF_A_KIND):
                del turns[kind]
                say(f"    {kind}: {len(found[kind])} questions")
                continue
            one = [_Costs(kind, passage.name, question) for question in passage.questions]
            given = {"original": passage.original, "shortened": passage.shortened, "nothing": ""}
            for name, source in given.items():
                for costs in one:
                    costs.add(name, source, judge)
            found[kind] += [costs.judged() for costs in one]
    return [one for judged_ in found.values() for one in judged_]


@dataclass(frozen=True, slots=True)
class _Costs:
    """A question while it is asked."""

    kind: str
    text: str
    question: Question
    nats: dict[str, float] = field(default_factory=dict)
    own: dict[str, bool] = field(default_factory=dict)

    def add(self, given: str, source: str, judge: Judge) -> None:
        self.nats[given], self.own[given] = judge.cost(source + self.question.ask, self.question.answer)

    def judged(self) -> Judged:
        return Judged(self.kind, self.text, self.question, self.nats, self.own)


def figures(found: list[Judged]) -> Record:
    """Means, the difference with its interval, and how much of what the text gave is left."""
    if not found:
        return {"questions": 0}
    by_text: dict[str, list[Judged]] = {}
    for one in found:
        by_text.setdefault(one.text, []).append(one)
    texts = list(by_text.values())
    chance = random.Random(0)
    samples = [[one for text in chance.choices(texts, k=len(texts)) for one in text] for _ in range(RESAMPLES)]
    return {
        "questions": len(found),
        "texts": len(texts),
        "nats": {given: _mean([one.nats[given] for one in found]) for given in ("original", "shortened", "nothing")},
        "own": {
            given: _mean([float(one.own[given]) for one in found]) for given in ("original", "shortened", "nothing")
        },
        "lost": _mean([one.lost for one in found]),
        "lost_interval": _interval([_mean([one.lost for one in sample]) for sample in samples]),
        "own_lost_interval": _interval([_mean([_own_lost(one) for one in sample]) for sample in samples]),
        "of_the_text_left": round(_left(found), 4),
        "left_interval": _interval([_left(sample) for sample in samples]),
    }


def _own_lost(one: Judged) -> float:
    return float(one.own["original"]) - float(one.own["shortened"])


def _left(found: list[Judged]) -> float:
    """Of the nats that the original text saves, the share that the shortened one saves."""
    gained = sum(one.nats["nothing"] - one.nats["original"] for one in found)
    return sum(one.nats["nothing"] - one.nats["shortened"] for one in found) / gained if gained else 0.0


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4)


def _interval(values: list[float]) -> list[float]:
    """The middle 95 of a hundred."""
    ordered = sorted(values)
    return [round(ordered[int(len(ordered) * share)], 4) for share in (0.025, 0.975)]


def record(found: list[Judged]) -> Record:
    """All that is reported: over everything, by kind, by what is asked, and the worst questions to read."""
    kinds = dict.fromkeys(one.kind for one in found)
    sorts = dict.fromkeys((one.kind, one.question.sort) for one in found)
    worst = sorted(found, key=lambda one: -one.lost)[:WORST]
    return {
        "all": figures(found),
        "kinds": {kind: figures([one for one in found if one.kind == kind]) for kind in kinds},
        "sorts": {
            f"{kind}: {sort}": _mean([one.lost for one in found if (one.kind, one.question.sort) == (kind, sort)])
            for kind, sort in sorts
        },
        "worst": [
            {"text": one.text, "ask": one.question.ask[-300:], "answer": one.question.answer, **one.nats}
            for one in worst
        ],
    }


def measure(shortener: Shortener, cache: Path, every: int, say: Callable[[str], None]) -> Record:
    """The section of the report.

    Raises:
        ImportError: the model is not installed.
    """
    with embedded(cache) as judge:
        pieces = {
            kind: questions.passages(islice(texts, 0, None, every), shortener)
            for kind, texts in questions.of_corpus().items()
        }
        return record(judged(pieces | used_later.of_conversations(shortener, every), judge, say))
