"""Understands answers of Anthropic's Messages API, so that a client's calls can be taken out and answers joined.

An answer is a row of blocks, each with its index in every event. The agent's row has no gaps: a block after one that
was withheld, and the blocks of a follow-up's answer, get the next index. `message_start` is not repeated.

Blocks go back to the model as they were: thinking with its signature, first, then texts and calls in their order.

Of usage, the last `message_delta` stands, with the output of the answers before it added (`inject.usage`).
"""

from __future__ import annotations

from collections.abc import Mapping

from narrows.agents.observation import AgentCall
from narrows.core import jsonscan
from narrows.core.edits import Edit, apply_edits
from narrows.inject.events import RawEvent
from narrows.inject.filtering import Piece
from narrows.inject.places import (
    array_of,
    count_of,
    document_of,
    elements_at,
    joined,
    json_bytes,
    members_at,
    object_of,
    replaced,
    text_literal,
    text_of,
)
from narrows.inject.types import Broken, Dropped, Withheld
from narrows.inject.usage import Tally, added_usage
from narrows.wire.items import Fields, Place, literal_at, object_at

_KEPT_FROM_FIRST = ("id", "model")
_CUT = ("max_tokens", "model_context_window_exceeded", "refusal")
_DELTAS = {
    b'"text_delta"': ("text", "text"),
    b'"thinking_delta"': ("thinking", "thinking"),
    b'"signature_delta"': ("signature", "signature"),
    b'"input_json_delta"': ("partial_json", "input"),
}
"""By a delta's type, the member of it that goes on with a member of the block."""


class _Block:
    """A block under way. `number`: its index in the agent's row; None where it is withheld."""

    def __init__(self, members: list[tuple[str, bytes]], number: int | None) -> None:
        self.members = dict(members)
        self.kind = text_of(self.members.get("type", b"")) or ""
        self.name = text_of(self.members.get("name", b"")) or ""
        self.id = text_of(self.members.get("id", b"")) or ""
        self.number = number
        self.pieces: dict[str, list[str]] = {}
        self.citations: list[bytes] = []

    def add(self, data: bytes, place: Place | None) -> None:
        """A delta."""
        delta = object_at(data, place, None)
        kind = literal_at(data, delta.get("type"))
        if kind == b'"citations_delta"' and "citation" in delta:
            self.citations.append(literal_at(data, delta["citation"]))
        elif kind in _DELTAS:
            said, goes_on = _DELTAS[kind]
            self.pieces.setdefault(goes_on, []).append(text_of(literal_at(data, delta.get(said))) or "")

    def text(self, key: str) -> str:
        """A text of the block, from its start on."""
        return joined((text_of(self.members.get(key, b"")) or "", *self.pieces.get(key, ())))

    @property
    def arguments(self) -> str:
        """A call's input; without any it is an object without members."""
        said = joined(self.pieces.get("input", ()))
        return said or self.members.get("input", b"{}").decode()

    def element(self) -> bytes:
        """The block as a message holds it."""
        built = dict(self.members)
        for key in self.pieces:
            literal = json_bytes(self.arguments) if key == "input" else text_literal(self.text(key))
            built[key] = literal
        if self.citations:
            built["citations"] = array_of(self.citations)
        return object_of(list(built.items()))

    @property
    def mark(self) -> str:
        """What an agent's copy of it is known by."""
        match self.kind:
            case "text":
                return f"text:{self.text('text')}"
            case "thinking":
                return f"thinking:{self.text('signature')}"
            case _:
                return f"{self.kind}:{self.id}"


class MessagesAnswer:
    """A `WireAnswer`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._first: dict[str, bytes] = {}
        self._is_first = True
        self._numbers = 0
        self._told: list[bytes] = []
        self._tally = Tally((("output_tokens",),))
        self._begin()

    def _begin(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._stop = ""
        self._failed = False

    def go_on(self) -> None:
        """As `WireAnswer.go_on`."""
        self._told += [block.element() for block in self._blocks.values() if block.number is not None]
        self._is_first = False
        self._tally.go_on()
        self._begin()

    def _is_injected(self, block: _Block) -> bool:
        return block.kind == "tool_use" and block.name in self._names

    def read_event(self, event: RawEvent) -> Piece:
        """As `WireAnswer.read_event`."""
        data = event.data
        fields = document_of(data) if data else None
        match text_of(literal_at(data, fields.get("type"))) if fields is not None else None:
            case None:
                return Piece(event.raw, event.raw)
            case "message_start":
                return Piece(event.raw, event.raw) if self._is_first else Piece(b"")
            case "content_block_start" | "content_block_delta" | "content_block_stop":
                return self._block_event(event, fields or {})
            case "message_delta":
                return self._message_delta(event, fields or {})
            case "message_stop":
                return Piece(event.raw, rest=event.raw, ends=True)
            case "error":
                self._failed = True
        return Piece(event.raw, event.raw)

    def _block_event(self, event: RawEvent, fields: Fields) -> Piece:
        data = event.data
        index = count_of(literal_at(data, fields.get("index")))
        if index is not None and "content_block" in fields:
            self._start(index, members_at(data, fields["content_block"]))
        block = self._blocks.get(index) if index is not None else None
        if block is None:
            return Piece(event.raw, event.raw)
        if "delta" in fields:
            block.add(data, fields["delta"])
        if block.number is None:
            return Piece(b"", injected=True)
        raw = event.raw
        if index != block.number:
            raw = event.with_data(apply_edits(data, [replaced(fields["index"], b"%d" % block.number)]))
        passed = event.raw if self._is_first else raw
        if block.kind == "tool_use":
            return Piece(passed, rest=raw, own=bool(self._names))
        return Piece(passed, raw)

    def _start(self, index: int, members: list[tuple[str, bytes]]) -> None:
        block = _Block(members, None)
        if not self._is_injected(block):
            block.number = self._numbers
            self._numbers += 1
        self._blocks[index] = block

    def _message_delta(self, event: RawEvent, fields: Fields) -> Piece:
        delta = object_at(event.data, fields.get("delta"), None)
        self._stop = text_of(literal_at(event.data, delta.get("stop_reason"))) or self._stop
        edits = added_usage(event.data, fields.get("usage"), self._tally)
        raw = event.with_data(apply_edits(event.data, edits)) if edits else event.raw
        return Piece(raw, rest=raw, ends=bool(self._stop))

    def read_body(self, body: bytes) -> Piece:
        """As `WireAnswer.read_body`."""
        fields = document_of(body)
        content = fields.get("content") if fields is not None else None
        if fields is None or content is None:
            self._failed = True
            return Piece(body, body, ends=True)
        places = elements_at(body, content)
        for index, place in enumerate(places):
            self._start(index, members_at(body, place))
        self._stop = text_of(literal_at(body, fields.get("stop_reason"))) or ""
        edits = self._first_edits(body, fields) + added_usage(body, fields.get("usage"), self._tally)
        blocks = [(body[first:last], self._blocks[index]) for index, (first, last) in enumerate(places)]
        if self._told:
            edits.append(replaced(content, array_of([*self._told, *(raw for raw, _ in blocks)])))
        passed = apply_edits(body, edits)
        own = any(block.kind == "tool_use" and not self._is_injected(block) for _, block in blocks)
        if all(block.number is not None for _, block in blocks):
            return Piece(passed, passed, own=own, ends=True)
        kept = [raw for raw, block in blocks if block.number is not None]
        others = [edit for edit in edits if edit.span.start != content[0]]
        rest = apply_edits(body, [*others, replaced(content, array_of([*self._told, *kept]))])
        return Piece(passed, rest=rest, own=own, injected=True, ends=True)

    def _first_edits(self, body: bytes, fields: Fields) -> list[Edit]:
        """What an answer that goes on has from the first."""
        if self._is_first:
            self._first = {key: literal_at(body, fields[key]) for key in _KEPT_FROM_FIRST if key in fields}
            return []
        return [replaced(fields[key], value) for key, value in self._first.items() if key in fields]

    def result(self) -> Withheld | Dropped | Broken:
        """As `WireAnswer.result`."""
        if self._failed:
            return Broken("the answer holds an error")
        if not self._stop:
            return Broken("the answer was cut off")
        if self._stop in _CUT:
            return Dropped(self._stop)
        calls = [block for block in self._blocks.values() if block.number is None]
        for block in calls:
            if not block.id:
                return Broken(f"a call of `{block.name}` has no id")
            if not jsonscan.is_value(json_bytes(block.arguments)):
                return Broken(f"the input of `{block.name}` is not JSON")
        others = [block for block in self._blocks.values() if block.number is not None]
        made = [block for block in self._blocks.values() if block.kind == "tool_use"]
        own = [number for number, block in enumerate(made) if block.number is not None]
        return Withheld(
            calls=tuple(self._agent_call(block) for block in calls),
            mixed=bool(own),
            leading=own[0] if own else len(calls),
            said=tuple(block.mark for block in others if block.kind != "tool_use"),
            elements=tuple(block.element() for block in calls),
            answer=self._message(),
        )

    def _agent_call(self, call: _Block) -> AgentCall:
        """A call, signed by the thinking that led to it."""
        signature = ""
        for block in self._blocks.values():
            if block is call:
                break
            signature = block.text("signature") or signature
        return AgentCall(call.id, self._names[call.name], call.arguments, signature)

    def _message(self) -> bytes:
        """The model's message; an empty text is no block that it takes."""
        kept = [block.element() for block in self._blocks.values() if block.kind != "text" or block.text("text")]
        return object_of([("role", b'"assistant"'), ("content", array_of(kept))])
