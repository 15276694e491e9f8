"""Who shortens: ours, the naive peer, or a rival. All get the same conversations."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import Protocol

from bench.quality.conversations import Conversation, Message, text_of
from bench.quality.corpus import Text
from bench.quality.naive import head_and_tail
from narrows.classifiers.magika import MagikaClassifier
from narrows.compressors.registry import compress_text
from narrows.compressors.types import Compressed, Decision
from narrows.core.edits import apply_edits
from narrows.core.tokens import TOKENIZER, Encoding, encoding_for_model
from narrows.plan import DecisionCache, plan_body
from narrows.policy import Level, Pages, Policy
from narrows.wire.openai_chat import WIRE

O200K = Encoding("o200k_base", assumed=False)


@dataclass(frozen=True, slots=True)
class Shortened:
    """A forwarded text; `decision` where it is ours."""

    text: str
    decision: Decision | None = None


class Shortener(Protocol):
    """`text` forwards one tool output, `requests` every request of a conversation. `first_time` decides one text
    without remembering any answer: milliseconds of the clock, and of the processor."""

    @property
    def name(self) -> str: ...

    def text(self, item: Text) -> Shortened: ...

    def first_time(self, item: Text) -> tuple[float, float]: ...

    def requests(self, conversation: Conversation) -> list[list[Message]]: ...


def as_messages(item: Text) -> list[Message]:
    """The shortest conversation in which the text is a tool's output."""
    function = {"name": item.call.name, "arguments": item.call.arguments}
    return [
        {"role": "user", "content": "Look into it."},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "a", "content": item.text},
    ]


class Ours:
    """As the gateway decides by default, but with pages that tools fetched as text: every eligible part, the default
    classifier, decisions remembered."""

    def __init__(
        self, level: Level = Level.BALANCED, model: str = "gpt-4o", cache_minimum_tokens: int | None = None
    ) -> None:
        self.model = model
        self.classifier = MagikaClassifier()
        self.policy = Policy(
            level=level,
            html_pages=Pages.TOOLS,
            cache_minimum_tokens=cache_minimum_tokens,
            classifier=self.classifier.version,
            tokenizer=TOKENIZER,
        )
        self.name = "narrows" if level is Level.BALANCED else f"narrows {level}"
        self.decisions: dict[str, list[Decision | None]] = {}
        """Of each conversation, by message."""

    def treats_alike(self, model: str, cache_minimum_tokens: int | None = None) -> tuple[Encoding, int]:
        """All that decisions depend on of a model and a minimum: two with the same are treated alike."""
        policy = replace(self.policy, cache_minimum_tokens=cache_minimum_tokens)
        return encoding_for_model(model), policy.cache_minimum_bytes(model)

    def text(self, item: Text) -> Shortened:
        decision = compress_text(item.text, item.call, self.policy, O200K, classifier=self.classifier)
        result = decision.result
        return Shortened(result.text if isinstance(result, Compressed) else item.text, decision)

    def first_time(self, item: Text) -> tuple[float, float]:
        started, worked = time.perf_counter(), time.process_time()
        compress_text(item.text, item.call, self.policy, O200K, classifier=self.classifier)
        return (time.perf_counter() - started) * 1e3, (time.process_time() - worked) * 1e3

    def requests(self, conversation: Conversation) -> list[list[Message]]:
        cache = DecisionCache(256 << 20)
        forwarded = []
        for turn in conversation.turns:
            request = {"model": self.model, "messages": conversation.messages[:turn], "tools": conversation.tools}
            body = json.dumps(request, ensure_ascii=False).encode()
            plan = plan_body(body, WIRE, self.policy, classifier=self.classifier, cache=cache)
            forwarded.append(json.loads(apply_edits(body, plan.edits))["messages"])
            decisions: list[Decision | None] = [None] * turn
            for planned in plan.parts:
                decisions[int(planned.part.pointer.split("/")[2])] = planned.outcome.decision
            self.decisions[f"{conversation.source} {conversation.name}"] = decisions
        return forwarded


class HeadAndTail:
    """Each text cut to the share of its tokens that ours forwards; what ours keeps is kept."""

    name = "head and tail"

    def __init__(self, ours: Ours) -> None:
        self._ours = ours

    def text(self, item: Text) -> Shortened:
        decision = self._ours.text(item).decision
        return Shortened(_cut(item.text, decision))

    def first_time(self, item: Text) -> tuple[float, float]:
        started, worked = time.perf_counter(), time.process_time()
        head_and_tail(item.text, 0.5)
        return (time.perf_counter() - started) * 1e3, (time.process_time() - worked) * 1e3

    def requests(self, conversation: Conversation) -> list[list[Message]]:
        decisions = self._ours.decisions[f"{conversation.source} {conversation.name}"]
        cut = [
            {**message, "content": _cut(text_of(message), decision)} if decision else message
            for message, decision in zip(conversation.messages, decisions, strict=False)
        ]
        return [cut[:turn] for turn in conversation.turns]


def _cut(text: str, decision: Decision | None) -> str:
    if decision is None or not isinstance(decision.result, Compressed):
        return text
    return head_and_tail(text, decision.bytes_after / decision.bytes_before)
