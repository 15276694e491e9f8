"""`python -m bench.quality.steps`: what it costs that OpenAI's caches are read in steps, by what an edit must save.

Whether a shorter prompt loses a step of 128 tokens goes by the length of all that stands before, which is chance. So
each conversation is billed with 0 to 120 tokens more in front, in steps of eight, once for each least saving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.quality import conversations, talks, vocabularies
from bench.quality.bill import CONTRACTS, Block, Contract, Request, cost, size
from bench.quality.corpus import CORPUS
from bench.quality.shorteners import Ours
from narrows.policy import Level

STEP = 128
IN_FRONT = range(0, STEP, 8)
LEAST = (32, 64, 96)
"""Tokens that an edit must save."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The bill of all together, of how many bills how many are above 1, and the highest."""

    bill: float
    above: int
    bills: int
    highest: float


def drawn(pairs: Sequence[tuple[list[Request], list[Request]]], contract: Contract) -> Drawn:
    """Of conversations as they are and as they are forwarded, those with a prompt over twice the minimum."""
    before = after = highest = 0.0
    above = bills = 0
    for raw, forwarded in pairs:
        if size(raw[-1]) <= 2 * contract.minimum:
            continue
        for tokens in IN_FRONT:
            front = Block("in front", tokens, fixed=True)
            costs = [cost([[front, *request] for request in requests], contract) for requests in (raw, forwarded)]
            before, after = before + costs[0], after + costs[1]
            ratio = costs[1] / costs[0]
            above, bills, highest = above + (ratio > 1.00001), bills + 1, max(highest, ratio)
    return Drawn(after / before if before else 1.0, above, bills, highest)


def main() -> int:
    """Print."""
    if not CORPUS.is_dir():
        print("skipped: shared corpus not found at ../shared/corpus")
        return 0
    sources = {
        "airline": conversations.airline(),
        "coding": conversations.coding(as_tools=False),
        "coding as tools": conversations.coding(as_tools=True),
    }
    o200k = vocabularies.built_in("o200k")
    for least in LEAST:
        ours = Ours(Level.BALANCED, "gpt-5.5")
        ours.policy = replace(ours.policy, min_saved_tokens=least // 2)
        for source, some in sources.items():
            replays = [(talks.original(one), talks.replay(one, ours)) for one in some if one.turns]
            pairs = [(talks.blocks(raw, o200k), talks.blocks(forwarded, o200k)) for raw, forwarded in replays]
            for contract in (one for one in CONTRACTS if one.step == STEP):
                one = drawn(pairs, contract)
                print(
                    f"{least} tokens, {source:<16}{contract.name:<26}bill {one.bill:.4f}"
                    f"  above 1: {one.above:>3} of {one.bills:,}, highest {one.highest:.4f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
