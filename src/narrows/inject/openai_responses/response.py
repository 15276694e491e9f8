"""Understands Responses answers, so that a client's calls can be taken out of them and answers joined.

Events name their item by its place in the output. The agent's row has no gaps: an item after one that was withheld, and
those of a follow-up's answer, get the next place, and events the next `sequence_number`. What opens a response is not
repeated. The last event says the whole response again: its output is the agent's row, without what was withheld and
with what was told before, under the first response's id, time and model.

Items go back to the model as they came, byte for byte: reasoning with its encrypted content, messages, calls.

Of usage, the last response's figures stand, with the output of those before it added (`inject.usage`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from narrows.agents.observation import AgentCall
from narrows.core import jsonscan
from narrows.core.edits import Edit, apply_edits
from narrows.inject.events import RawEvent
from narrows.inject.filtering import Piece
from narrows.inject.openai_responses.items import Item, going_back
from narrows.inject.places import array_of, count_of, document_of, elements_at, json_bytes, replaced, text_of
from narrows.inject.types import Broken, Dropped, Withheld
from narrows.inject.usage import Tally, added_usage
from narrows.wire.items import Fields, Place, literal_at, object_at, text_at

_OPENING = frozenset({"response.created", "response.queued", "response.in_progress"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ARGUMENTS = ("response.function_call_arguments.", "response.custom_tool_call_input.")
_KEPT_FROM_FIRST = ("id", "created_at", "model")
_OUTPUT = (("output_tokens",), ("output_tokens_details", "reasoning_tokens"))
_NOTHING = (b"", b"null")


class ResponsesAnswer:
    """A `WireAnswer`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._first: dict[str, bytes] = {}
        self._is_first = True
        self._numbers = 0
        self._told: list[bytes] = []
        self._tally = Tally(_OUTPUT, ("total_tokens",))
        self._shift = 0
        self._begin()

    def _begin(self) -> None:
        self._items: dict[int, Item] = {}
        self._status = ""
        self._reason = ""
        self._stored = True
        self._failed = False

    def go_on(self) -> None:
        """As `WireAnswer.go_on`."""
        self._told += [item.element() for item in self._row() if item.number is not None]
        self._is_first = False
        self._tally.go_on()
        self._begin()

    def _row(self) -> list[Item]:
        """The items in their order."""
        return [self._items[place] for place in sorted(self._items)]

    # Streams

    def read_event(self, event: RawEvent) -> Piece:
        """As `WireAnswer.read_event`."""
        if event.data.startswith(b"[DONE]"):
            return Piece(event.raw, rest=event.raw, ends=True)
        fields = document_of(event.data) if event.data else None
        if fields is None:
            return Piece(event.raw, event.raw)
        kind = text_at(event.data, fields.get("type")) or event.name.decode(errors="replace")
        if kind in _OPENING and not self._is_first:
            self._drop(event.data, fields)
            return Piece(b"")
        if kind in _ENDS:
            return self._end(event, fields)
        self._failed = self._failed or kind == "error" or literal_at(event.data, fields.get("error")) not in _NOTHING
        index = count_of(literal_at(event.data, fields.get("output_index")))
        if index is not None:
            return self._item_event(event, fields, kind, index)
        raw = self._numbered(event, fields)
        return Piece(self._passed(event, raw), raw)

    def _passed(self, event: RawEvent, raw: bytes) -> bytes:
        """What the agent gets where nothing was withheld: the first response as it came."""
        return event.raw if self._is_first else raw

    def _item_event(self, event: RawEvent, fields: Fields, kind: str, index: int) -> Piece:
        data = event.data
        if "item" in fields:
            self._take(index, literal_at(data, fields["item"]), whole=kind == "response.output_item.done")
        item = self._items.get(index)
        if item is None:  # of a call nobody knows the name yet, and its end will say all of it
            is_call = bool(self._names) and kind.startswith(_ARGUMENTS)
            raw = self._numbered(event, fields)
            passed = self._passed(event, raw)
            return Piece(passed, own=True) if is_call else Piece(passed, raw)
        if kind == "response.function_call_arguments.delta":
            item.pieces.append(text_of(literal_at(data, fields.get("delta"))) or "")
        if item.number is None:
            self._drop(data, fields)
            return Piece(b"", injected=True)
        raw = self._numbered(event, fields, replaced(fields["output_index"], b"%d" % item.number))
        passed = self._passed(event, raw)
        if item.is_own:
            return Piece(passed, rest=raw, own=bool(self._names))
        return Piece(passed, raw)

    def _take(self, index: int, raw: bytes, *, whole: bool) -> Item:
        """An item that begins or is done."""
        item = self._items.get(index)
        if item is None or (item.is_whole and not whole):
            item = self._items[index] = Item(raw, self._names)
            if not item.is_injected:
                item.number = self._numbers
                self._numbers += 1
        if whole:
            item.become(raw)
        return item

    def _drop(self, data: bytes, fields: Fields) -> None:
        """The agent does not get this event."""
        if count_of(literal_at(data, fields.get("sequence_number"))) is not None:
            self._shift -= 1

    def _numbered(self, event: RawEvent, fields: Fields, *edits: Edit) -> bytes:
        """An event with its place in the agent's row of events."""
        number = count_of(literal_at(event.data, fields.get("sequence_number")))
        if number is not None:
            edits = (*edits, replaced(fields["sequence_number"], b"%d" % max(number + self._shift, 0)))
        changed = [edit for edit in edits if edit.span.of(event.data) != edit.replacement]
        return event.with_data(apply_edits(event.data, changed)) if changed else event.raw

    def _end(self, event: RawEvent, fields: Fields) -> Piece:
        """The event that says the whole response again. Where another response follows, that one's events get numbers
        from this one's on, which the agent does not get then."""
        place = fields.get("response")
        if place is None:
            self._failed = True
            raw = self._numbered(event, fields)
            return Piece(self._passed(event, raw), rest=raw, ends=True)
        passed, rest, own, injected = self._whole(event.data, place)
        passed_on = self._passed(event, self._numbered(event, fields, *passed))
        left = self._numbered(event, fields, *rest)
        self._shift += count_of(literal_at(event.data, fields.get("sequence_number"))) or 0
        return Piece(passed_on, rest=left, own=own, injected=injected, ends=True)

    # Whole responses

    def read_body(self, body: bytes) -> Piece:
        """As `WireAnswer.read_body`."""
        fields = document_of(body)
        if fields is None or "output" not in fields:
            self._failed = True
            return Piece(body, body, ends=True)
        passed, rest, own, injected = self._whole(body, (0, len(body)))
        whole = body if self._is_first else apply_edits(body, passed)
        if not injected:
            return Piece(whole, whole, own=own, ends=True)
        return Piece(whole, rest=apply_edits(body, rest), own=own, injected=True, ends=True)

    def _whole(self, data: bytes, place: Place) -> tuple[list[Edit], list[Edit], bool, bool]:
        """What a response says at its end: its edits where nothing of it is withheld and where something is, and
        whether there are calls of the agent's own, or of the client's, in it."""
        fields = object_at(data, place, None)
        output = fields.get("output")
        elements = [data[first:last] for first, last in elements_at(data, output)]
        self._fill(elements)
        self._read_end(data, fields)
        edits = added_usage(data, fields.get("usage"), self._tally)
        if self._is_first:
            self._first = {key: literal_at(data, fields[key]) for key in _KEPT_FROM_FIRST if key in fields}
        else:
            edits += [replaced(fields[key], value) for key, value in self._first.items() if key in fields]
        row = self._row()
        kept = [one for one in elements if not Item(one, self._names).is_injected]
        passed, rest = list(edits), list(edits)
        if output is not None and (elements or not row):  # some servers leave the output out here, and tell it before
            if self._told:
                passed.append(replaced(output, array_of([*self._told, *elements])))
            if self._told or len(kept) < len(elements):
                rest.append(replaced(output, array_of([*self._told, *kept])))
        own = bool(self._names) and any(item.is_own for item in row)
        return passed, rest, own, any(item.number is None for item in row)

    def _fill(self, elements: Sequence[bytes]) -> None:
        """Items of which no event has told, or not all; what events told stands, as ids may be made anew here."""
        if len(elements) < len(self._items):
            return
        for index, element in enumerate(elements):
            item = self._items.get(index)
            if item is None or (not item.is_whole and item.kind == Item(element, self._names).kind):
                self._take(index, element, whole=True)

    def _read_end(self, data: bytes, fields: Fields) -> None:
        self._status = text_at(data, fields.get("status")) or "completed"
        details = object_at(data, fields.get("incomplete_details"), None)
        self._reason = text_at(data, details.get("reason")) or self._status
        self._stored = literal_at(data, fields.get("store")) != b"false"
        self._failed = self._failed or literal_at(data, fields.get("error")) not in _NOTHING

    # What the calls come to

    def result(self) -> Withheld | Dropped | Broken:
        """As `WireAnswer.result`."""
        if self._failed or self._status == "failed":
            return Broken("the answer holds an error")
        if not self._status:
            return Broken("the answer was cut off")
        if self._status != "completed":
            return Dropped(self._reason)
        row = self._row()
        calls = [item for item in row if item.number is None]
        for item in calls:
            if not item.text("call_id"):
                return Broken(f"a call of `{item.name}` has no id")
            if not jsonscan.is_value(json_bytes(item.arguments)):
                return Broken(f"the arguments of `{item.name}` are not JSON")
        own = _unanswered(row)
        return Withheld(
            calls=tuple(AgentCall(item.text("call_id"), self._names[item.name], item.arguments) for item in calls),
            mixed=bool(own),
            leading=sum(item.number is None for item in row[: row.index(own[0])]) if own else len(calls),
            said=tuple(str(item.mark) for item in row if item.number is not None and item not in own),
            elements=tuple(item.element() for item in calls),
            answer=b",".join(going_back(row, stored=self._stored)),
        )


def _unanswered(row: Sequence[Item]) -> list[Item]:
    """The calls that the agent has to answer: what ran at the provider's has its output beside it."""
    answered = {item.text("call_id") for item in row if item.kind.endswith("_output")} - {""}
    return [item for item in row if item.is_own and item.text("call_id") not in answered]
