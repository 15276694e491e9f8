"""`python -m bench.quality.beginnings`: what it costs to begin before a model's cache minimum is reached, or after.

The gateway does not count tokens to know when a prompt has reached its provider's minimum; it takes a token for so many
bytes. Recorded prompts are few and reach one minimum each in one place, so that a figure found for 4,096 tokens may be
chance: here each conversation is billed under fourteen minima, from 2,500 to 8,000 tokens, for every number of bytes.
Parts are as they are forwarded when none waits; the planner's own bills are those of the section `conversations`.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.quality import conversations, talks, vocabularies
from bench.quality.__main__ import CACHE
from bench.quality.bill import CONTRACTS, Block, Contract, Request, cost, size
from bench.quality.conversations import Conversation, Message
from bench.quality.corpus import CORPUS
from bench.quality.shorteners import Ours
from bench.quality.vocabularies import Vocabulary
from narrows.core.jsonstr import said_bytes
from narrows.policy import Level

NAMES = ("Anthropic 5 min, minimum 4096", "Anthropic 5 min, minimum 2048", "Gemini 3, read 0.1")
TOKENS = (2500, 2750, 3000, 3250, 3500, 3750, 4096, 4400, 4700, 5000, 5500, 6000, 7000, 8000)
SIZES = tuple(tenths / 10 for tenths in range(26, 46))
EVERYTHING = 1 << 40


@dataclass(frozen=True, slots=True)
class Item:
    """Tools or a message, as it came and as it is forwarded when nothing waits, and what each says in bytes."""

    whole: Block
    short: Block
    whole_bytes: int
    short_bytes: int


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation's items in their order, and how many of them each request has."""

    items: tuple[Item, ...]
    counts: tuple[int, ...]

    def requests(self, chosen: Sequence[bool]) -> list[Request]:
        """The requests with the chosen items short."""
        forwarded = [one.short if taken else one.whole for one, taken in zip(self.items, chosen, strict=True)]
        return [forwarded[:count] for count in self.counts]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The mean bill, how many of the bills of one conversation are above 1, and how many of those have a prompt over
    twice the minimum."""

    bill: float
    above: int
    above_that_count: int


def said(value: object) -> int:
    """What a part of a request says, in bytes, as the gateway counts it."""
    raw = json.dumps(value).encode()
    return said_bytes(raw, 0, len(raw), EVERYTHING)


def talk_of(conversation: Conversation, short: Sequence[Message], vocabulary: Vocabulary) -> Talk:
    """A conversation, given the messages of its last request as they are forwarded when nothing waits."""
    messages = conversation.messages[: len(short)]
    whole, shortened = (
        talks.blocks(talks.Replay(conversation, [list(one)]), vocabulary)[0] for one in (messages, short)
    )
    values: list[list[object]] = [[*messages], [*short]]
    if conversation.tools:
        values = [[conversation.tools, *one] for one in values]
    items = zip(whole, shortened, map(said, values[0]), map(said, values[1]), strict=True)
    before = len(whole) - len(messages)
    return Talk(tuple(Item(*one) for one in items), tuple(turn + before for turn in conversation.turns))


def waiting(talk: Talk, minimum: int, bytes_per_token: float | None) -> list[bool]:
    """Which items are short where an item waits until the prompt up to it, with it short, says so many tokens; None:
    where these are counted. No recorded item is so long that it would not wait."""
    chosen, before = [], 0
    for one in talk.items:
        if bytes_per_token is None:
            whole, short, needed = one.whole.tokens, one.short.tokens, float(minimum)
        else:
            whole, short, needed = one.whole_bytes, one.short_bytes, minimum * bytes_per_token
        chosen.append(before + short >= needed)
        before += whole
    return chosen


def outcome(found: Sequence[Talk], contract: Contract, bytes_per_token: float | None) -> Outcome:
    """Of the conversations under every minimum in place of the contract's."""
    ratios, above, counting = [], 0, 0
    for tokens in TOKENS:
        under = replace(contract, minimum=tokens)
        before = after = 0.0
        for talk in found:
            raw = talk.requests([False] * len(talk.items))
            costs = cost(raw, under), cost(talk.requests(waiting(talk, tokens, bytes_per_token)), under)
            before, after = before + costs[0], after + costs[1]
            if costs[1] > costs[0] * 1.0000001:
                above += 1
                counting += size(raw[-1]) > 2 * tokens
        ratios.append(after / before if before else 1.0)
    return Outcome(statistics.mean(ratios), above, counting)


def densities(found: Sequence[Talk], tokens: int) -> list[float]:
    """Bytes a token of the prompts where they reach so many tokens, in order."""
    reached = []
    for talk in found:
        bytes_, counted = 0, 0
        for one in talk.items:
            bytes_, counted = bytes_ + one.whole_bytes, counted + one.whole.tokens
            if counted >= tokens:
                reached.append(bytes_ / counted)
                break
    return sorted(reached)


def tables(contract: Contract, sources: dict[str, list[Talk]]) -> Iterator[str]:
    """Bytes a token, then the outcomes by the bytes that a token is taken for."""
    yield f"\n{contract.name}, in {contract.vocabulary}"
    for tokens in (2048, 4096):
        for name, found in sources.items():
            if shares := densities(found, tokens):
                points = (0, len(shares) // 2, len(shares) * 9 // 10, -1)
                least, median, most_of_them, most = (f"{shares[point]:.2f}" for point in points)
                yield (
                    f"  bytes a token at {tokens:,} tokens, {name}: {least}, median {median}, nine in ten up to"
                    f" {most_of_them}, most {most}"
                )
    yield "  taken for" + "".join(f"{name:>22}{'above 1':>12}" for name in sources)
    for each in (*SIZES, None):
        row = f"  {each or 'counted':<9}"
        for found in sources.values():
            one = outcome(found, contract, each)
            row += f"{one.bill:>22.4f}{f'{one.above} ({one.above_that_count})':>12}"
        yield row


def main() -> int:
    """Print."""
    if not CORPUS.is_dir():
        print("skipped: shared corpus not found at ../shared/corpus")
        return 0
    counts, skipped = vocabularies.available(CACHE)
    sources = {
        "airline": conversations.airline(),
        "coding": conversations.coding(as_tools=False),
        "coding as tools": conversations.coding(as_tools=True),
    }
    for contract in CONTRACTS:
        if contract.name not in NAMES or contract.vocabulary not in counts:
            continue
        ours = Ours(Level.BALANCED, contract.model, 0)
        found = {
            source: [talk_of(one, ours.requests(one)[-1], counts[contract.vocabulary]) for one in some if one.turns]
            for source, some in sources.items()
        }
        for line in tables(contract, found):
            print(line, flush=True)
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
