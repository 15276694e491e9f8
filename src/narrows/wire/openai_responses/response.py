"""Observes answers of the Responses format: typed event streams, whole responses, token counts and error bodies.

Events name the item they belong to by id and by its place in the output; items may be told in any order, and are put in
the order of their places. Deltas are joined. What an item or a response says as a whole when it is done counts only
where no delta told it, as servers that stream nothing but whole items do, and as a stream that is taken up midway does.
`response.completed`, `response.failed` and `response.incomplete` end the answer, and carry the usage.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from narrows.core.sse import ServerSentEvent
from narrows.wire.answers import AnswerObserver, CallParts, Tally, TextBudget, Texts, count_of, lengths, name_of
from narrows.wire.types import Choice, ResponseObserver, ResponseRecord, Usage

MAX_ITEMS = 1024

_ENDS = frozenset({"response.completed", "response.failed", "response.incomplete"})
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_TEXTS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_ARGUMENTS = frozenset({"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"})


class Item(Struct, frozen=True, gc=False):
    """An item of the output."""

    type: Any = None
    id: Any = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    input: Any = None
    role: Any = None
    content: Any = None
    summary: Any = None


class Response(Struct, frozen=True, gc=False):
    """A response, a count of tokens, or an error body."""

    id: Any = None
    model: Any = None
    status: Any = None
    output: list[Item] | None = None
    usage: Any = None
    error: Any = None
    object: Any = None
    input_tokens: Any = None


class Event(Struct, frozen=True, gc=False):
    """Any event of a stream."""

    type: Any = None
    response: Response | None = None
    item: Item | None = None
    item_id: Any = None
    output_index: Any = None
    delta: Any = None
    error: Any = None
    code: Any = None


_EVENT = msgspec.json.Decoder(Event)
_RESPONSE = msgspec.json.Decoder(Response)
_REFUSALS = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def observer(content_type: str, texts: bool = True) -> ResponseObserver:
    """An observer for one answer with this Content-Type (empty: none was sent)."""
    return AnswerObserver(ResponsesAnswer(texts=texts), content_type)


class _ItemParts:
    """One item under way."""

    __slots__ = ("call", "kind", "place", "reasoning", "refusal", "text")

    def __init__(self, place: int) -> None:
        self.place = place
        self.kind = ""
        self.text = Texts()
        self.refusal = Texts()
        self.reasoning = Texts()
        self.call: CallParts | None = None

    def name(self, item: Item, budget: TextBudget) -> None:
        """What an item says of itself when it begins or ends."""
        self.kind = self.kind or name_of(item.type)
        if item.type in _CALLS:
            self.call = self.call or CallParts()
            self.call.add(item.call_id, item.name, None, budget)

    def fill(self, item: Item, budget: TextBudget) -> None:
        """What it says as a whole, where nothing was told piece by piece."""
        if self.call is not None and not self.call.arguments:
            budget.keep(self.call.arguments, item.arguments if item.type == "function_call" else item.input)
        if self.text or self.refusal or self.reasoning:
            return
        for part in [*_dicts(item.content), *_dicts(item.summary)]:
            match part.get("type"):
                case "output_text" | "text":
                    budget.keep(self.text, part.get("text"))
                case "refusal":
                    budget.keep(self.refusal, part.get("refusal"))
                case "reasoning_text" | "summary_text":
                    budget.keep(self.reasoning, part.get("text"))


class ResponsesAnswer:
    """Everything known of the answer so far."""

    def __init__(self, *, texts: bool = True) -> None:
        self.tally = Tally(texts=texts)
        self._items: dict[str, _ItemParts] = {}
        self._status: str | None = None

    def take_event(self, event: ServerSentEvent) -> None:
        """One event."""
        tally = self.tally
        if event.data.startswith(b"[DONE]"):
            tally.done = True
            return
        try:
            found = _EVENT.decode(event.data)
        except _REFUSALS:
            tally.unparsed += 1
            return
        kind = name_of(found.type) or event.event
        if kind == "error" or found.error is not None:
            error = found.error if isinstance(found.error, dict) else {}
            tally.failed(error.get("code") or error.get("type") or found.code)
            return
        tally.chunks += 1
        if found.response is not None:
            self._take_response(found.response)
        if kind in _ENDS:
            tally.done = True
        elif found.item is not None:
            parts = self._item(found.item.id, found.output_index)
            parts.name(found.item, tally.budget)
            if kind == "response.output_item.done":
                parts.fill(found.item, tally.budget)
        elif kind in _TEXTS:
            parts = self._item(found.item_id, found.output_index)
            tally.budget.keep(getattr(parts, _TEXTS[kind]), found.delta)
        elif kind in _ARGUMENTS:
            parts = self._item(found.item_id, found.output_index)
            parts.call = parts.call or CallParts()
            parts.call.add(None, None, found.delta, tally.budget)

    def take_body(self, body: bytes) -> None:
        """A response, a count of tokens, or an error."""
        try:
            found = _RESPONSE.decode(body)
        except _REFUSALS:
            self.tally.unparsed += 1
            return
        if found.error is not None and found.output is None:
            error = found.error if isinstance(found.error, dict) else {}
            self.tally.failed(error.get("code") or error.get("type"))
            return
        self._take_response(found)
        self.tally.used(Usage(input_tokens=count) if (count := count_of(found.input_tokens)) is not None else None)
        self.tally.done = True

    def record(self) -> ResponseRecord:
        """The record of what has come so far. `finish_reason` is the status, once there is one."""
        items = sorted(self._items.values(), key=lambda item: item.place)
        choice = Choice(
            index=0,
            role="assistant" if items else "",
            text="".join(text for item in items for text in item.text),
            reasoning="".join(text for item in items for text in item.reasoning),
            refusal="".join(text for item in items for text in item.refusal),
            tool_calls=tuple(item.call.build() for item in items if item.call is not None),
            finish_reason=self._status,
            counted=lengths(
                [item.text for item in items], [item.reasoning for item in items], [item.refusal for item in items]
            ),
        )
        return self.tally.record([choice] if items or self._status else [])

    def _take_response(self, response: Response) -> None:
        self.tally.named(response.id, response.model)
        self._status = name_of(response.status) or self._status
        self.tally.used(_usage(response.usage))
        if isinstance(response.error, dict):
            self.tally.failed(response.error.get("code"))
        for place, item in enumerate(response.output or ()):
            parts = self._item(item.id, place)
            parts.name(item, self.tally.budget)
            parts.fill(item, self.tally.budget)

    def _item(self, identity: object, place: object) -> _ItemParts:
        """The item at this place, else of this id; a place is sure where servers leave out ids or make them anew."""
        number = place if isinstance(place, int) else len(self._items)
        key = str(number) if isinstance(place, int) else name_of(identity)
        parts = self._items.get(key)
        if parts is None:
            parts = _ItemParts(number)
            if len(self._items) < MAX_ITEMS:
                self._items[key] = parts
            else:
                self.tally.budget.spent = True
        return parts


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _usage(usage: object) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    read, made = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    figures = Usage(
        input_tokens=count_of(usage.get("input_tokens")),
        output_tokens=count_of(usage.get("output_tokens")),
        total_tokens=count_of(usage.get("total_tokens")),
        cached_tokens=count_of(read.get("cached_tokens")) if isinstance(read, dict) else None,
        reasoning_tokens=count_of(made.get("reasoning_tokens")) if isinstance(made, dict) else None,
    )
    return None if figures == Usage() else figures
