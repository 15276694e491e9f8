"""Figures over conversations, replayed turn by turn as they would be forwarded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.quality import truth
from bench.quality.bill import CONTRACTS, Block, Contract, Request, cost, least, shortest, size
from bench.quality.conversations import Conversation, Message, said, text_of
from bench.quality.shorteners import Shortener
from bench.quality.texts import share
from bench.quality.visible import shows
from bench.quality.vocabularies import Vocabulary
from narrows.core.frames import framed

Pairs = list[tuple["Replay", "Replay"]]
"""Conversations as they are without a gateway, and as they are forwarded."""
SHORT_MINIMUM = 1024
"""Up to so many tokens no part waits: tools and instructions alone are longer."""
PER_MESSAGE = 4
"""Tokens of a message's frame: role and separators, as OpenAI counts them."""


@dataclass
class Replay:
    """A conversation as one shortener forwards it. Tokens are summed over all requests, histories included."""

    conversation: Conversation
    requests: list[list[Message]]
    visible: list[bool] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    stable: bool = True

    @property
    def recall(self) -> float | None:
        """The share of the used-later facts that are visible; None where there are none."""
        return sum(self.visible) / len(self.visible) if self.visible else None


def replay(conversation: Conversation, shortener: Shortener) -> Replay:
    """All requests of a conversation, and what is to be said of them whatever the vocabulary."""
    found = Replay(conversation, shortener.requests(conversation))
    by_turn = dict(zip(conversation.turns, found.requests, strict=True))
    for fact in conversation.facts:
        forwarded = by_turn.get(fact.used_in)
        if forwarded is not None:
            found.visible.append(any(shows(said(message), fact.text) for message in forwarded))
    for before, now in zip(found.requests, found.requests[1:], strict=False):
        found.stable = found.stable and before == now[: len(before)]
    last = found.requests[-1] if found.requests else []
    shown: dict[tuple[int, int], str] = {}
    acted = False
    for index, message in enumerate(last):
        acted = acted or message["role"] == "assistant"
        source, text = text_of(conversation.messages[index]), text_of(message)
        if index in conversation.outputs:
            found.false += truth.conservative(source, text)
        frame = framed(source, spoken=True) if message["role"] == "user" else None
        if message["role"] in ("tool", "function") or (acted and frame is not None and frame.sure):
            number = len(shown) + 1
            untrue = truth.repeat(source, text, shown, number)
            found.false += [f"output {number}: {untrue}"] if untrue else []
            shown[number, 1] = text
    return found


def original(conversation: Conversation) -> Replay:
    """The conversation without any gateway."""
    return Replay(conversation, [conversation.messages[:turn] for turn in conversation.turns])


def blocks(replay: Replay, vocabulary: Vocabulary) -> list[Request]:
    """The requests as the simulation of bills takes them."""
    tools = replay.conversation.tools
    known: dict[int, Block] = {}
    first = [Block("tools", vocabulary.count(json.dumps(tools)), fixed=True)] if tools else []

    def block(message: Message) -> Block:
        found = known.get(id(message))
        if found is None:
            calls = message.get("tool_calls") or []
            names = "".join(call["function"]["name"] for call in calls)
            text = said(message) + names
            found = Block(
                f"{message['role']}\n{text}", PER_MESSAGE + vocabulary.count(text), message["role"] == "system"
            )
            known[id(message)] = found
        return found

    return [[*first, *map(block, messages)] for messages in replay.requests]


def savings(pairs: Pairs, vocabulary: Vocabulary) -> dict[str, Any]:
    """Tokens of tool text forwarded, of those originally there, over all requests; and the ceiling, which is the share
    of the prompts that is tool text."""
    before = after = prompt = 0
    for raw, forwarded in pairs:
        outputs = raw.conversation.outputs
        prompt += sum(map(size, blocks(raw, vocabulary)))
        before += _tool_tokens(raw, outputs, vocabulary)
        after += _tool_tokens(forwarded, outputs, vocabulary)
    return {"ceiling": share(before, prompt), "saved": share(before - after, before), "tool_tokens": before}


def _tool_tokens(replay: Replay, outputs: frozenset[int], vocabulary: Vocabulary) -> int:
    return sum(
        vocabulary.count(text_of(message))
        for messages in replay.requests
        for index, message in enumerate(messages)
        if index in outputs
    )


def recall(replays: list[Replay]) -> dict[str, Any]:
    """Used-later facts: macro over conversations, and the worst one."""
    having = [(one, one.recall) for one in replays if one.recall is not None]
    shares = [value for _, value in having if value is not None]
    return {
        "conversations": len(shares),
        "facts": sum(len(one.visible) for one, _ in having),
        "macro": round(sum(shares) / len(shares), 4) if shares else 0.0,
        "worst": round(min(shares, default=0.0), 4),
        "below_90": [one.conversation.name for one, value in having if value is not None and value < 0.9],
        "missing": {
            one.conversation.name: [
                fact.text for fact, there in zip(one.conversation.facts, one.visible, strict=False) if not there
            ][:5]
            for one, value in having
            if value is not None and value < 1
        },
        "prefix_stable": all(one.stable for one in replays),
        "false": sum(len(one.false) for one in replays),
    }


def bills(
    pairs_for: Callable[[str], Pairs],
    vocabularies: dict[str, Vocabulary],
    at_once_for: Callable[[str], Pairs] | None = None,
) -> dict[str, Any]:
    """Every contract: the sum relative to no gateway, the worst conversation, and those above 1. `pairs_for` gives the
    conversations as they are forwarded to a model of this name, `at_once_for` as they would be if no part waited for
    the provider's minimum: where parts do, `least` is what no rule of when to begin costs less than."""
    found: dict[str, Any] = {}
    for contract in CONTRACTS:
        name = contract.vocabulary if contract.vocabulary in vocabularies else "o200k"
        vocabulary = vocabularies[name]
        sent = [
            (raw.conversation.name, blocks(raw, vocabulary), blocks(forwarded, vocabulary))
            for raw, forwarded in pairs_for(contract.model)
        ]
        found[contract.name] = _bill(sent, contract) | {"model": contract.model, "vocabulary": name}
        if at_once_for is not None and contract.minimum > SHORT_MINIMUM:
            at_once = [blocks(forwarded, vocabulary) for _, forwarded in at_once_for(contract.model)]
            found[contract.name]["least"] = _least(sent, at_once, contract)
    return found


def _least(
    sent: list[tuple[str, list[Request], list[Request]]], at_once: list[list[Request]], contract: Contract
) -> float:
    before = after = 0.0
    for (_, raw, forwarded), requests in zip(sent, at_once, strict=True):
        before += cost(raw, contract)
        after += least(raw, shortest(raw, forwarded, requests), contract)
    return round(after / before, 4) if before else 1.0


def _bill(sent: list[tuple[str, list[Request], list[Request]]], contract: Contract) -> dict[str, Any]:
    before = after = 0.0
    above: dict[str, dict[str, Any]] = {}
    worst = 0.0
    for name, raw, forwarded in sent:
        costs = cost(raw, contract), cost(forwarded, contract)
        before, after = before + costs[0], after + costs[1]
        ratio = costs[1] / costs[0] if costs[0] else 1.0
        worst = max(worst, ratio)
        if ratio > 1.0000001:
            large = max(map(size, raw), default=0) > 2 * contract.minimum
            above[name] = {"ratio": round(ratio, 4), "prompt_tokens": max(map(size, raw), default=0), "counts": large}
    return {
        "ratio": round(after / before, 4) if before else 1.0,
        "worst": round(worst, 4),
        "above_1": above,
        "above_1_that_count": sum(one["counts"] for one in above.values()),
    }
