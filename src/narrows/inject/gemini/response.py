"""Understands Gemini answers, so that a client's calls can be taken out of them and answers joined.

A chunk carries parts, and parts carry calls, without an index: several calls of an answer are told by their order. A
chunk that holds text and calls is told apart: the text goes on, without a finish reason, and the rest waits. Vertex AI
may go on with a call value by value, in parts without a name; those belong to the call before.

Parts go back to the model byte for byte, since each may carry a thought signature that must return; only a call that
came value by value is written anew, and a part with nothing in it is left out.

Chunks of a follow-up's answer get the first answer's id, model and time. Of usage, each chunk's figures stand, with the
output of the answers before added (`inject.usage`). An array of chunks, which is what comes without `alt=sse`, is read
whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from narrows.agents.observation import AgentCall
from narrows.core.edits import Edit, apply_edits
from narrows.inject.events import RawEvent
from narrows.inject.filtering import Piece
from narrows.inject.gemini.runs import run_of, runs
from narrows.inject.places import (
    array_of,
    document_of,
    elements_at,
    json_bytes,
    members_at,
    object_of,
    replaced,
    text_literal,
    text_of,
)
from narrows.inject.types import Broken, Dropped, Withheld
from narrows.inject.usage import Tally, added_usage
from narrows.wire.gemini.arguments import PartialArguments
from narrows.wire.items import Fields, Place, literal_at, object_at

_KEPT_FROM_FIRST = ("responseId", "modelVersion", "createTime")
_CALLS = ("functionCall", "function_call")
_PIECES = ("partialArgs", "partial_args")
_SIGNATURES = ("thoughtSignature", "thought_signature")
_NOTHING = b'[{"text":""}]'
_END = ("finishReason", "finishMessage")
_OUTPUT = (("candidatesTokenCount",), ("thoughtsTokenCount",))


class _Part:
    """A part of the answer; `call`: the members of the call in it, where there is one."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.members = dict(members_at(raw, (0, len(raw))))
        called = next((self.members[key] for key in _CALLS if key in self.members), None)
        self.call = None if called is None else dict(members_at(called, (0, len(called))))
        self.name = text_of((self.call or {}).get("name", b"")) or ""
        self.signature = next((text_of(self.members[key]) or "" for key in _SIGNATURES if key in self.members), "")
        self.run = run_of(self.members.get("text", b""), self.members.get("thought", b""))
        self.values: PartialArguments | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing and signs nothing."""
        return set(self.members) <= {"text", "thought"} and self.members.get("text", b'""') == b'""'

    def add(self, part: _Part) -> None:
        """Values of the call, in its own part or in one that follows."""
        call = part.call or {}
        pieces = next((_list(call[key]) for key in _PIECES if key in call), [])
        for piece in pieces:
            self.values = self.values or PartialArguments()
            self.values.add(piece)
        self.signature = self.signature or part.signature

    @property
    def arguments(self) -> str | None:
        """The call's arguments; None where some of them could not be placed."""
        if self.values is not None:
            return None if self.values.incomplete else self.values.text()
        whole = (self.call or {}).get("args", b"null")
        return "{}" if whole == b"null" else whole.decode()

    @property
    def call_id(self) -> str:
        """The call's id; empty where the model gives none."""
        return text_of((self.call or {}).get("id", b"")) or ""

    def element(self) -> bytes:
        """The part as it goes back."""
        if self.call is None or (self.values is None and "willContinue" not in self.call):
            return self.raw
        call = [(key, self.call[key]) for key in ("id", "name") if key in self.call]
        members = [("functionCall", object_of([*call, ("args", json_bytes(self.arguments or "{}"))]))]
        if self.signature:
            members.append(("thoughtSignature", text_literal(self.signature)))
        return object_of(members)


class GenerateAnswer:
    """A `WireAnswer`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._first: dict[str, bytes] = {}
        self._is_first = True
        self._told: list[bytes] = []
        self._told_chunks: list[bytes] = []
        self._tally = Tally(_OUTPUT, ("totalTokenCount",), parts_of_output=True)
        self._begin()

    def _begin(self) -> None:
        self._parts: list[_Part] = []
        self._chunks: list[bytes] = []
        self._finish = ""
        self._failed = False

    def go_on(self) -> None:
        """As `WireAnswer.go_on`."""
        self._told += [part.raw for part in self._parts if part.call is None]
        self._told_chunks += self._chunks
        self._is_first = False
        self._tally.go_on()
        self._begin()

    def read_event(self, event: RawEvent) -> Piece:
        """As `WireAnswer.read_event`."""
        data = event.data
        fields = document_of(data) if data else None
        if fields is None:
            return Piece(event.raw, event.raw)
        self._failed = self._failed or "error" in fields
        edits = self._top_edits(data, fields)
        raw = event.with_data(apply_edits(data, edits)) if edits else event.raw
        candidates = elements_at(data, fields.get("candidates"))
        if not candidates:
            return Piece(raw, raw)
        candidate = object_at(data, candidates[0], None)
        parts, own, injected = self._read_parts(data, candidate)
        finish = text_of(literal_at(data, candidate.get("finishReason"))) or ""
        self._finish = finish or self._finish
        if not (own or injected or finish):
            return Piece(raw, raw)
        shown = rest = b""
        visible = [part.raw for part in parts if part.call is None]
        if any(part.call is None and not part.is_empty for part in parts):
            without = _with_parts(data, candidates[0], array_of(visible), without=_END)
            shown = event.with_data(apply_edits(data, [*edits, without]))
        if own or finish:
            kept = array_of(part.raw for part in own) if own else _NOTHING
            rest = event.with_data(apply_edits(data, [*edits, _with_parts(data, candidates[0], kept)]))
        return Piece(raw, shown, rest, bool(own and self._names), injected, bool(finish))

    def _read_parts(self, data: bytes, candidate: Fields) -> tuple[list[_Part], list[_Part], bool]:
        """All parts of a chunk, those with the agent's own calls, and whether there are others with calls."""
        content = object_at(data, candidate.get("content"), None)
        parts = [_Part(data[first:last]) for first, last in elements_at(data, content.get("parts"))]
        own: list[_Part] = []
        injected = False
        for part in parts:
            begun = self._begun_call() if part.call is not None and not part.name else None
            call = begun or part
            if part.call is not None:
                call.add(part)
                if call.name in self._names:
                    injected = True
                else:
                    own.append(part)
            if begun is None:
                self._parts.append(part)
        return parts, own, injected

    def _begun_call(self) -> _Part | None:
        """The latest call that has begun."""
        return next((part for part in reversed(self._parts) if part.call is not None), None)

    def _top_edits(self, data: bytes, fields: Fields) -> list[Edit]:
        """What an answer that goes on has from the first, and usage with what the answers before cost."""
        if self._is_first:
            for key in _KEPT_FROM_FIRST:
                if key in fields:
                    self._first.setdefault(key, literal_at(data, fields[key]))
        edits = [] if self._is_first else [
            replaced(fields[key], value) for key, value in self._first.items() if key in fields
        ]  # fmt: skip
        return edits + added_usage(data, fields.get("usageMetadata"), self._tally)

    def read_body(self, body: bytes) -> Piece:
        """As `WireAnswer.read_body`."""
        if body.lstrip()[:1] == b"[":
            return self._read_array(body)
        piece = self.read_event(RawEvent(body, body, b"", (0, len(body))))
        passed = self._with_told(piece.passed, self._parts) if self._told else piece.passed
        rest = b""
        if piece.injected:
            rest = self._with_told(piece.passed, [part for part in self._parts if part.name not in self._names])
        return Piece(passed, b"", rest, piece.own, piece.injected, ends=True)

    def _with_told(self, body: bytes, parts: Iterable[_Part]) -> bytes:
        """A whole answer that holds what was told before, and these parts."""
        candidates = elements_at(body, (document_of(body) or {}).get("candidates"))
        kept = [*self._told, *(part.raw for part in parts)]
        whole = array_of(kept) if kept else _NOTHING
        return apply_edits(body, [_with_parts(body, candidates[0], whole)]) if candidates else body

    def _read_array(self, body: bytes) -> Piece:
        """An array of chunks, as one piece."""
        try:
            places = elements_at(body, (body.index(b"["), len(body.rstrip())))
        except ValueError:
            self._failed = True
            return Piece(body, body, ends=True)
        chunks = [body[first:last] for first, last in places]
        pieces = [self.read_event(RawEvent(chunk, chunk, b"", (0, len(chunk)))) for chunk in chunks]
        own, injected = any(piece.own for piece in pieces), any(piece.injected for piece in pieces)
        self._chunks = [piece.shown for piece in pieces if piece.shown]
        passed = body
        if not self._is_first:
            passed = array_of([*self._told_chunks, *(piece.passed for piece in pieces)])
        kept = [one for piece in pieces for one in (piece.shown, piece.rest) if one]
        return Piece(passed, b"", array_of([*self._told_chunks, *kept]), own, injected, ends=True)

    def result(self) -> Withheld | Dropped | Broken:
        """As `WireAnswer.result`."""
        if self._failed:
            return Broken("the answer holds an error")
        if not self._finish:
            return Broken("the answer was cut off")
        if self._finish != "STOP":
            return Dropped(self._finish)
        calls = [part for part in self._parts if part.name in self._names]
        if unplaced := next((part for part in calls if part.arguments is None), None):
            return Broken(f"the arguments of `{unplaced.name}` cannot be put together")
        called = [part for part in self._parts if part.call is not None]
        own = [part for part in called if part.name not in self._names]
        return Withheld(
            calls=tuple(_agent_call(part, self._names) for part in calls),
            mixed=bool(own),
            said=tuple(str(run) for run in runs(part.run for part in self._parts if part.call is None)),
            leading=sum(part in calls for part in called[: called.index(own[0])]) if own else len(calls),
            elements=tuple(part.element() for part in calls),
            answer=self._content(),
        )

    def _content(self) -> bytes:
        """The model's content."""
        kept = array_of(part.element() for part in self._parts if not part.is_empty)
        return object_of([("role", b'"model"'), ("parts", kept)])


def _list(literal: bytes) -> list[Any]:
    """The elements of an array; one that is no piece of a call where they cannot be read."""
    try:
        found = json.loads(literal)
    except (ValueError, RecursionError):
        return [None]
    return found if isinstance(found, list) else [None]


def _agent_call(part: _Part, names: Mapping[str, str]) -> AgentCall:
    return AgentCall(part.call_id, names[part.name], part.arguments or "{}", part.signature)


def _with_parts(data: bytes, candidate: Place, parts: bytes, without: Iterable[str] = ()) -> Edit:
    """A candidate with other parts, and without some of its members."""
    members = [(key, value) for key, value in members_at(data, candidate) if key not in without]
    content = members_at(data, object_at(data, candidate, None).get("content")) or [("role", b'"model"')]
    content = [*((key, value) for key, value in content if key != "parts"), ("parts", parts)]
    rest = [(key, value) for key, value in members if key != "content"]
    return replaced(candidate, object_of([("content", object_of(content)), *rest]))
