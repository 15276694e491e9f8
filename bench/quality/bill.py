"""What a conversation's input costs under each provider's cache contract: a simulation, nothing here is measured.

A conversation is its requests, a request its blocks in order: tools, then messages, each with the text as forwarded and
its tokens. Of every request a prefix is read back at `read`, up to the last cached position `written` at `write`, and
the rest costs 1. What can be read back differs:

`prefix`        any common prefix with the request before, in steps of `step` tokens
`breakpoints`   only prefixes that end where an earlier request's breakpoint stood: at its newest block, and for
                Anthropic's clients also after the tools and the system message; looked up at most `lookback` blocks
                before the present breakpoint

Under `minimum` tokens nothing is written or read. Lifetimes are not simulated: turns follow each other at once.

Shortening keeps a prompt under the minimum for longer, so a gateway may leave the first parts of a conversation as they
are. `least` is what no choice of parts costs less than.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Match(StrEnum):
    """What of an earlier request can be read back."""

    PREFIX = "prefix"
    BREAKPOINTS = "breakpoints"


@dataclass(frozen=True, slots=True)
class Block:
    """A message, or the tools. `fixed`: it belongs to the instructions, after which clients put a breakpoint."""

    text: str
    tokens: int
    fixed: bool = False


Request = Sequence[Block]


@dataclass(frozen=True, slots=True)
class Contract:
    """Prices are relative to a fresh input token. `model` is the name in the requests, which the gateway goes by;
    `vocabulary` the one most like the model's."""

    name: str
    match: Match
    minimum: int
    read: float
    write: float = 1.0
    step: int = 1
    lookback: int | None = None
    vocabulary: str = "o200k"
    model: str = "gpt-5.5"


def _anthropic(name: str, model: str, minimum: int, read: float, write: float = 1.25) -> Contract:
    """Looked up at most 20 blocks back. Models before Opus 4.7 have another vocabulary than those after."""
    vocabulary = "claude-4.5-like" if model == _OPUS_4_5 else "claude-like"
    breakpoints = Match.BREAKPOINTS
    return Contract(
        f"Anthropic {name}", breakpoints, minimum, read, write, lookback=20, vocabulary=vocabulary, model=model
    )


def _gemini(version: str, model: str, minimum: int, read: float) -> Contract:
    """Gemma 3 has the vocabulary of Gemini 2 (its technical report)."""
    return Contract(
        f"Gemini {version}, read {read:g}", Match.PREFIX, minimum, read, vocabulary="gemma3", model=f"gemini-{model}"
    )


_OPUS_4_5 = "claude-opus-4-5"
CONTRACTS = (
    Contract("OpenAI to 5.5, read 0.1", Match.PREFIX, 1024, 0.1, step=128),
    Contract("OpenAI to 5.5, read 0.25", Match.PREFIX, 1024, 0.25, step=128),
    Contract("OpenAI to 5.5, read 0.5", Match.PREFIX, 1024, 0.5, step=128),
    Contract("OpenAI GPT-5.6, read 0.1", Match.BREAKPOINTS, 1024, 0.1, 1.25, model="gpt-5.6"),
    Contract("OpenAI GPT-6.1, read 0.05", Match.BREAKPOINTS, 1024, 0.05, 1.25, model="gpt-6.1"),
    _anthropic("5 min, minimum 512", "claude-opus-5", 512, 0.1),
    _anthropic("5 min, minimum 1024", "claude-sonnet-5", 1024, 0.1),
    _anthropic("5 min, minimum 2048", "claude-opus-4-7", 2048, 0.1),
    _anthropic("5 min, minimum 4096", _OPUS_4_5, 4096, 0.1),
    _anthropic("1 h, minimum 1024", "claude-sonnet-5", 1024, 0.1, 2.0),
    _anthropic("read 0.05, minimum 512", "claude-opus-5-5", 512, 0.05),
    _anthropic("read 0.025, minimum 512", "claude-fable-5-1", 512, 0.025),
    _gemini("2.5", "2.5-pro", 2048, 0.1),
    _gemini("3", "3-pro", 4096, 0.1),
    _gemini("2.0", "2.0-flash", 2048, 0.25),
    Contract("DeepSeek, read 0.1", Match.PREFIX, 0, 0.1, model="deepseek-chat"),
    Contract("own server, tokens computed", Match.PREFIX, 0, 0.0, step=16, model="qwen3-coder"),
)
"""Prices and minima as of autumn 2026, from the providers' pages on prompt caching."""


def shared_blocks(before: Request, now: Request) -> int:
    """How many blocks two requests share from the start."""
    shared = 0
    for left, right in zip(before, now, strict=False):
        if left.text != right.text:
            break
        shared += 1
    return shared


def cost(requests: Sequence[Request], contract: Contract) -> float:
    """The input of a whole conversation, in full-price tokens."""
    if contract.match is Match.PREFIX:
        return _by_prefix(requests, contract)
    return _by_breakpoints(requests, contract)


def size(blocks: Request) -> int:
    """Tokens of a request, or of a part of it."""
    return sum(block.tokens for block in blocks)


def shortest(*forwarded: Sequence[Request]) -> list[Request]:
    """Requests of which every block is the shortest that it is in any of these ways to forward a conversation."""
    return [
        [min(blocks, key=lambda block: block.tokens) for blocks in zip(*requests, strict=True)]
        for requests in zip(*forwarded, strict=True)
    ]


def least(original: Sequence[Request], shortened: Sequence[Request], contract: Contract) -> float:
    """What a conversation costs at the least, whichever of its blocks are shortened, of a contract with a minimum.

    Every request is as short as if all were, and is cached from the same one on as without any shortening, or from a
    later one on, where that costs less, up to the first that reaches the minimum however short. Some choices make the
    first true and some the second; seldom does one make both, so this is a bound and no aim.
    """
    costs = []
    for first, (whole, short) in enumerate(zip(original, shortened, strict=True)):
        if size(whole) >= contract.minimum:
            costs.append(_cached_from(first, shortened, contract))
        if size(short) >= contract.minimum:
            return min(costs)
    return min([*costs, _cached_from(len(shortened), shortened, contract)])


def _cached_from(first: int, requests: Sequence[Request], contract: Contract) -> float:
    """The cost where every request from `first` on is written, and what the next one shares with it read."""
    total = 0.0
    before: Request = ()
    for number, now in enumerate(requests):
        read = size(now[: shared_blocks(before, now)]) if number > first else 0
        write = contract.write if number >= first else 1.0
        total += contract.read * read + write * (size(now) - read)
        before = now
    return total


def _by_prefix(requests: Sequence[Request], contract: Contract) -> float:
    """Blocks are compared whole: a block that changed counts as changed from its start."""
    total = 0.0
    before: Request = ()
    for now in requests:
        shared, whole = size(now[: shared_blocks(before, now)]), size(now)
        read = shared // contract.step * contract.step if shared >= contract.minimum else 0
        total += contract.read * read + contract.write * (whole - read)
        before = now
    return total


def _by_breakpoints(requests: Sequence[Request], contract: Contract) -> float:
    entries: set[tuple[str, ...]] = set()
    total = 0.0
    for now in requests:
        texts = tuple(block.text for block in now)
        places = _breakpoints(now, contract)
        read_to = 0
        for place in places:
            first = 1 if contract.lookback is None else max(1, place - contract.lookback)
            hits = (stop for stop in range(place, first - 1, -1) if texts[:stop] in entries)
            read_to = max(read_to, next(hits, 0))
        written_to = max((place for place in places if size(now[:place]) >= contract.minimum), default=0)
        written_to = max(written_to, read_to)
        entries.update(texts[:place] for place in places if size(now[:place]) >= contract.minimum)
        read, written = size(now[:read_to]), size(now[read_to:written_to])
        total += contract.read * read + contract.write * written + size(now[written_to:])
    return total


def _breakpoints(request: Request, contract: Contract) -> list[int]:
    """Positions after a block: the newest one, and for Anthropic's clients the end of the instructions."""
    places = [len(request)]
    if contract.lookback is not None:
        fixed = sum(block.fixed for block in request)
        if 0 < fixed < len(request):
            places.insert(0, fixed)
    return places
