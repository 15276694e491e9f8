"""Questions about recorded conversations: what an assistant said next that it had from a tool's output.

A conversation is taken as it is forwarded, so its outputs may name one another. What the model is given is one output,
and before it those that it names: each under its number, all as they were or all as they are forwarded. It is asked for
the words that an assistant's message has from that output, after what the message said before them; of a coding agent's
output also on which line something stands and how a line goes on, since such an agent seldom names what it is shown
again. Of a line that is left out, and counted, nothing like that is asked: what must not be left out is measured as
recall. Outputs and questions are drawn by the name of the text alone, from the outputs that are shortened and, with
those they name, short enough.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from bench.quality import conversations
from bench.quality.conversations import Conversation, Message, said, text_of
from bench.quality.questions import MOST_ANSWER_CHARACTERS, Passage, Question, asked, can_be_asked
from bench.quality.shorteners import Shortener

MOST_TOGETHER = 8500
"""Characters of the outputs that the model is given together."""

OUTPUTS = 3
"""Of one conversation."""

FACTS = 3
READINGS = 3
"""Questions about one output."""

LEAD = 200
"""Characters that a message said before, at most."""

_NAMED = re.compile(r"\btool output ([1-9][0-9]*)")
_WINDOW_LINE = re.compile(r"([1-9][0-9]*):(.*)")


def of_conversations(shortener: Shortener, every: int = 1) -> dict[str, Iterator[Passage]]:
    """By source: what is asked about outputs that are shortened, of each so-manieth conversation."""
    sources = [conversations.airline(), conversations.web_apis(), conversations.coding(as_tools=True)]
    return {found[0].source: _in_turn(found[::every], shortener) for found in sources if found}


def _in_turn(found: list[Conversation], shortener: Shortener) -> Iterator[Passage]:
    """One output of every conversation, then a second of every one, and so on; no text twice."""
    taken: set[str] = set()
    waiting = [passages(one, shortener, taken) for one in found if one.turns]
    for _ in range(OUTPUTS):
        for one in waiting:
            yield from islice(one, 1)


def passages(conversation: Conversation, shortener: Shortener, taken: set[str]) -> Iterator[Passage]:
    """The outputs of a conversation in the order in which they are drawn. `taken`: texts of which no more is asked."""
    forwarded = shortener.requests(conversation)[-1]
    outputs = [index for index, message in enumerate(forwarded) if message["role"] in ("tool", "function")]
    drawn = list(enumerate(outputs, 1))
    random.Random(conversation.name).shuffle(drawn)
    for number, index in drawn:
        source, short = text_of(conversation.messages[index]), text_of(forwarded[index])
        if source == short or source in taken:
            continue
        named = {int(one) for one in _NAMED.findall(short)} & set(range(1, number))
        together = sorted(named | {number})
        original = _shown(conversation.messages, outputs, together)
        shortened = _shown(forwarded, outputs, together)
        questions = _about(conversation, index, number, shortened)
        if len(original) <= MOST_TOGETHER and questions:
            taken.add(source)
            name = f"{conversation.source} {conversation.name}, output {number}"
            yield Passage(name, original, shortened, questions)


def _shown(messages: list[Message], outputs: list[int], numbers: list[int]) -> str:
    return "\n\n".join(f"Tool output {number}:\n{text_of(messages[outputs[number - 1]])}" for number in numbers)


def _about(conversation: Conversation, index: int, number: int, shortened: str) -> list[Question]:
    chance = random.Random(f"{conversation.name}, output {number}")
    facts = [one for one in _facts(conversation, index) if can_be_asked(one)]
    found = chance.sample(facts, min(FACTS, len(facts)))
    if conversation.source.startswith("swe-agent"):
        asked_of = "\n".join(
            line for line in text_of(conversation.messages[index]).split("\n") if _content(line) in shortened
        )
        readings = [one for one in _readings(asked_of, number) if can_be_asked(one)]
        found += chance.sample(readings, min(READINGS, len(readings)))
    return found


def _facts(conversation: Conversation, index: int) -> list[Question]:
    """Words that an assistant used and that this output was the first to show, or the last before; each once. What the
    tools' definitions say is known without any output."""
    found: dict[str, Question] = {}
    tools = json.dumps(conversation.tools)
    for fact in conversation.facts:
        if fact.text in tools:
            continue
        showing = [at for at in conversation.outputs if fact.text in text_of(conversation.messages[at])]
        last = max((at for at in showing if at < fact.used_in), default=-1)
        if index not in (fact.tool_message, last) or index not in showing:
            continue
        words = said(conversation.messages[fact.used_in])
        at = re.search(rf"(?<!\w){re.escape(fact.text)}(?!\w)", words)
        if at is not None and at.start() >= 20:
            before = _lead(words[: at.start()])
            blank = " " * before.endswith(" ")
            sort = "first shown" if index == fact.tool_message else "shown again"
            lead = f"\n\nAssistant: {before.removesuffix(' ')}"
            found.setdefault(fact.text, Question(sort, lead, blank + fact.text))
    return list(found.values())


def _lead(before: str) -> str:
    """The end of what was said, without the rest of a word that it begins in."""
    return before.lstrip() if len(before) <= LEAD else re.sub(r"^\w*\s*", "", before[-LEAD:])


def _readings(text: str, number: int) -> list[Question]:
    """On which line something stands that stands there once, and how a line without a number goes on."""
    lines = text.split("\n")
    found = []
    contents = Counter(_content(line) for line in lines)
    for line in lines:
        content = _content(line)
        if contents[content] > 1 or not 12 <= len(content) <= 2 * MOST_ANSWER_CHARACTERS:
            continue
        if numbered := _WINDOW_LINE.fullmatch(line):
            ask = asked(f"On which line of tool output {number} is: {content} ?")
            found.append(Question("line", ask, f" {numbered[1]}"))
            continue
        cut = content.find(" ", max(8, len(content) // 2))
        begin, rest = content[:cut], content[cut:][:MOST_ANSWER_CHARACTERS]
        if cut > 0 and text.count(begin) == 1:
            ask = asked(f"Tool output {number} says: {begin} ... How does this go on?")
            found.append(Question("how it goes on", f"{ask} {begin}", rest))
    return found


def _content(line: str) -> str:
    numbered = _WINDOW_LINE.fullmatch(line)
    return (numbered[2] if numbered else line).strip()
