"""Understands Chat Completions answers, so that a client's calls can be taken out of them and answers joined.

A chunk that holds text and calls is told apart: the text goes on, with the calls taken out and no finish reason, and
the rest waits. Chunks of a follow-up's answer get the first answer's id, time, model and fingerprint, and no second
role, because clients join roles as they join texts.

Of usage, the last answer's figures stand, and what the answers before it cost in output is added: an agent judges by
the input how full its context is, and that is what the last request held. Each model call's own figures are in the
gateway's records.
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

_KEPT_FROM_FIRST = ("id", "created", "model", "system_fingerprint")
_NORMAL = ("tool_calls", "stop", "function_call")
_NOTHING = (b"", b"null", b'""', b"[]", b"{}")
_OUTPUT = (("completion_tokens",), ("completion_tokens_details", "reasoning_tokens"))
_TOTAL = ("total_tokens",)
_OWN_MEMBERS = ("index", "id", "type", "function")


class _Call:
    """A call under way. `number`: which of those that the agent gets."""

    def __init__(self, number: int, *, injected: bool) -> None:
        self.injected = injected
        self.number = number
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.others: dict[str, bytes] = {}

    @property
    def said(self) -> str:
        """The arguments; a call without any is one with no members."""
        return joined(self.arguments) or "{}"

    def element(self) -> bytes:
        """The call as an assistant's message holds it."""
        function = object_of([("name", text_literal(self.name)), ("arguments", text_literal(self.said))])
        return object_of(
            [("id", text_literal(self.id)), ("type", b'"function"'), ("function", function), *self.others.items()]
        )


class ChatAnswer:
    """A `WireAnswer`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._first: dict[str, bytes] = {}
        self._is_first = True
        self._has_role = False
        self._told = ""
        self._tally = Tally(_OUTPUT, _TOTAL)
        self._begin()

    def _begin(self) -> None:
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._details: list[dict[str, bytes]] = []
        self._finish = ""
        self._failed = False

    def go_on(self) -> None:
        """As `WireAnswer.go_on`."""
        self._told += "".join(self._text)
        self._is_first = False
        self._tally.go_on()
        self._begin()

    def read_event(self, event: RawEvent) -> Piece:
        """As `WireAnswer.read_event`."""
        if event.data.startswith(b"[DONE]"):
            return Piece(event.raw, rest=event.raw, ends=True)
        fields = document_of(event.data) if event.data else None
        if fields is None:
            return Piece(event.raw, event.raw)
        self._failed = self._failed or literal_at(event.data, fields.get("error")) not in _NOTHING
        top = self._top_edits(event.data, fields)
        choices = elements_at(event.data, fields.get("choices"))
        if not choices:
            raw = event.with_data(apply_edits(event.data, top)) if top else event.raw
            is_usage = literal_at(event.data, fields.get("usage")) not in _NOTHING
            return Piece(raw, rest=raw) if is_usage else Piece(raw, raw)
        return self._chunk(event, top, object_at(event.data, choices[0], None))

    def _chunk(self, event: RawEvent, top: list[Edit], choice: Fields) -> Piece:
        """A chunk with a choice, `top` being its edits outside of that."""
        data = event.data
        place = choice.get("delta")
        delta = members_at(data, place)
        own, injected = self._read_calls(data, object_at(data, place, None).get("tool_calls"))
        visible = self._visible(delta)
        says = any(value not in _NOTHING for key, value in visible if key != "role")
        finish = text_of(literal_at(data, choice.get("finish_reason"))) or ""
        self._finish = finish or self._finish
        calls = own or injected
        if place is None or not (calls or finish or len(visible) < len(delta)):
            raw = event.with_data(apply_edits(data, top)) if top else event.raw
            return Piece(raw, rest=raw, ends=True) if finish else Piece(raw, raw)
        whole = visible + [(key, value) for key, value in delta if key == "tool_calls"]
        passed = event.raw
        if top or len(whole) < len(delta):
            is_empty = not (says or calls or finish)
            passed = b"" if is_empty else event.with_data(apply_edits(data, [*top, replaced(place, object_of(whole))]))
        if not (calls or finish):
            return Piece(passed, passed)
        shown = self._shown(event, top, choice, visible) if says or any(key == "role" for key, _ in visible) else b""
        rest = b""
        if own or finish:
            kept = [("tool_calls", array_of(own))] if own else []
            rest = event.with_data(apply_edits(data, [*top, replaced(place, object_of(kept))]))
        return Piece(passed, shown, rest, bool(own and self._names), injected, bool(finish))

    def _shown(self, event: RawEvent, top: list[Edit], choice: Fields, visible: list[tuple[str, bytes]]) -> bytes:
        """A chunk without its calls and its end."""
        edits = [*top, replaced(choice["delta"], object_of(visible))]
        if "finish_reason" in choice:
            edits.append(replaced(choice["finish_reason"], b"null"))
        return event.with_data(apply_edits(event.data, edits))

    def _visible(self, delta: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """The members that are no calls, and no role where the agent has one."""
        found = []
        for key, value in delta:
            if key == "content":
                self._text.append(text_of(value) or "")
            elif key == "reasoning_content":
                self._reasoning.append(text_of(value) or "")
            elif key == "reasoning_details":
                self._add_details(value)
            if key == "role" and value not in _NOTHING:
                if self._has_role and not self._is_first:
                    continue
                self._has_role = True
            if key != "tool_calls":
                found.append((key, value))
        return found

    def _add_details(self, value: bytes) -> None:
        """Reasoning in pieces: texts that follow each other are one, with the last signature; all else stays apart."""
        for place in elements_at(value, (0, len(value))):
            piece = dict(members_at(value, place))
            last = self._details[-1] if self._details else {}
            if piece.get("type") == last.get("type") == b'"reasoning.text"':
                said = joined(text_of(one.get("text", b"")) or "" for one in (last, piece))
                last.update({key: one for key, one in piece.items() if one != b"null"}, text=text_literal(said))
            else:
                self._details.append(piece)

    def _read_calls(self, data: bytes, place: Place | None) -> tuple[list[bytes], bool]:
        """The agent's own pieces of calls, numbered as it gets them, and whether there are others."""
        own: list[bytes] = []
        injected = False
        for element in elements_at(data, place):
            members = members_at(data, element)
            fields = dict(members)
            function = object_at(data, object_at(data, element, None).get("function"), None)
            name = text_of(literal_at(data, function.get("name"))) or ""
            call = self._call(fields, name)
            call.id = call.id or text_of(fields.get("id", b"")) or ""
            call.name = call.name or name
            call.arguments.append(text_of(literal_at(data, function.get("arguments"))) or "")
            call.others.update((key, value) for key, value in members if key not in _OWN_MEMBERS)
            injected = injected or call.injected
            if not call.injected:
                number = b"%d" % call.number
                own.append(object_of([(key, number if key == "index" else value) for key, value in members]))
        return own, injected

    def _call(self, fields: dict[str, bytes], name: str) -> _Call:
        """The call that a piece belongs to: by its index, else by its id, else the last, unless it has a name. One that
        has a name, and another id than the call of its index, is another call: some servers count each as the first."""
        index, identity = count_of(fields.get("index", b"")), text_of(fields.get("id", b"")) or ""
        if index is None:
            last = self._calls[-1] if self._calls and not name else None
            call = next((call for call in self._calls if identity and call.id == identity), last)
        else:
            call = self._at.get(index)
            if call is not None and name and call.id and identity not in ("", call.id):
                call = None
        if call is None:
            number = sum(not call.injected for call in self._calls)
            call = _Call(number, injected=name in self._names)
            self._calls.append(call)
        if index is not None:
            self._at[index] = call
        return call

    def _top_edits(self, data: bytes, fields: Fields) -> list[Edit]:
        """What an answer that goes on has from the first, and usage with what the answers before cost."""
        if self._is_first:
            for key in _KEPT_FROM_FIRST:
                if key not in self._first and literal_at(data, fields.get(key)) not in _NOTHING:
                    self._first[key] = literal_at(data, fields[key])
        edits = [] if self._is_first else [
            replaced(fields[key], value)
            for key, value in self._first.items()
            if key in fields and literal_at(data, fields[key]) != value
        ]  # fmt: skip
        return edits + added_usage(data, fields.get("usage"), self._tally)

    def read_body(self, body: bytes) -> Piece:
        """As `WireAnswer.read_body`."""
        fields = document_of(body)
        choices = elements_at(body, fields.get("choices")) if fields is not None else []
        if fields is None or not choices:
            self._failed = True
            return Piece(body, body, ends=True)
        choice = object_at(body, choices[0], None)
        message = object_at(body, choice.get("message"), None)
        own, injected = self._read_calls(body, message.get("tool_calls"))
        self._visible(members_at(body, choice.get("message")))
        self._finish = text_of(literal_at(body, choice.get("finish_reason"))) or ""
        edits = self._top_edits(body, fields)
        if self._told and "content" in message:
            edits.append(replaced(message["content"], text_literal(joined((self._told, *self._text)))))
        passed = apply_edits(body, edits)
        if not injected:
            return Piece(passed, passed, own=bool(own), ends=True)
        calls = replaced(message["tool_calls"], array_of(own) if own else b"null")
        return Piece(passed, rest=apply_edits(body, [*edits, calls]), own=bool(own), injected=True, ends=True)

    def result(self) -> Withheld | Dropped | Broken:
        """As `WireAnswer.result`."""
        if self._failed:
            return Broken("the answer holds an error")
        if not self._finish:
            return Broken("the answer was cut off")
        if self._finish not in _NORMAL:
            return Dropped(self._finish)
        calls = [call for call in self._calls if call.injected]
        for number, call in enumerate(calls):
            call.id = call.id or f"call_{number}"
            if not jsonscan.is_value(json_bytes(call.said)):
                return Broken(f"the arguments of `{call.name}` are not JSON")
        text = joined(self._text)
        own = [number for number, call in enumerate(self._calls) if not call.injected]
        elements = tuple(call.element() for call in calls)
        return Withheld(
            calls=tuple(AgentCall(call.id, self._names[call.name], call.said) for call in calls),
            mixed=bool(own),
            leading=own[0] if own else len(calls),
            said=(text,),
            elements=elements,
            answer=self._message(text, elements),
        )

    def _message(self, text: str, elements: tuple[bytes, ...]) -> bytes:
        """The assistant's message. Models that reason in the open need their reasoning back beside calls."""
        members = [("role", b'"assistant"'), ("content", text_literal(text) if text else b"null")]
        if reasoning := joined(self._reasoning):
            members.append(("reasoning_content", text_literal(reasoning)))
        if self._details:
            members.append(("reasoning_details", array_of(object_of([*one.items()]) for one in self._details)))
        return object_of([*members, ("tool_calls", array_of(elements))])
