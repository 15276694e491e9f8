"""Where machine-written text stands in a Chat Completions request.

Parts are the content of `tool` and legacy `function` messages and the text of `user` messages: a string, or the `text`
of each `{"type": "text"}` element of an array. System, developer and assistant messages, other content types, `tools`
and everything else are never parts (OpenAI's API reference, 2.3.0).

A part and its tool call follow from the messages up to it alone (law 4), and a fault costs as little as it can: a key
that stands twice in a message makes that message's parts unreadable, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from sys import getsizeof

from narrows.core import jsonscan
from narrows.core.digest import call_digest, part_digest
from narrows.core.edits import Span
from narrows.core.effort import Effort
from narrows.core.tool_call import ToolCall
from narrows.policy import Scope
from narrows.wire.items import (
    Fields,
    Place,
    fields_of,
    literal_at,
    object_at,
    read_items,
    repeated,
    repeated_key,
    text_at,
    top_level,
)
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Part, Refusal, Role, Untouched

_ROLES = {"tool": Role.TOOL, "function": Role.TOOL, "user": Role.USER}
_WATCHED = ("messages", "model", "n")
_ONE_CHOICE = (b"1", b"null")

DIGEST_FROM_BYTES = 512
PART_BYTES, CALL_BYTES = 500, 400
"""About what a part and a call take in memory beside the call's texts."""

_Called = tuple[ToolCall, bytes]
"""A call and its digest."""
_Of = tuple[Role, _Called | None, str | None]
"""What the parts of one message share: the role, the call that produced them, and a fault."""


def locate(
    body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
) -> Located | Untouched:
    """The parts of a request body, in the order of its bytes; or why the whole of it stays as it is.

    `Scope.LATEST`: only the string content of the latest `tool` message and the text of the latest `user` message.

    Raises:
        OutOfEffortError: there is more to read than the effort allows; never where none is given.
    """
    top = top_level(body, effort)
    if isinstance(top, Untouched):
        return top
    fields = fields_of(top)
    model, stream = text_at(body, fields.get("model")), literal_at(body, fields.get("stream")) == b"true"
    if refusal := _refusal(body, top, fields):
        return Untouched(*refusal, model=model, stream=stream)
    reader = read_items(_Reader(body, effort), body, fields["messages"], effort, memory, salt=b"openai_chat")
    parts = reader.parts if scope is Scope.STABLE else reader.latest_parts()
    return Located(tuple(parts), reader.index + 1, model, stream)


def _refusal(body: bytes, top: list[jsonscan.Member], fields: Fields) -> tuple[Refusal, str] | None:
    if key := repeated_key(top, fields, _WATCHED):
        return Refusal.DUPLICATE_KEY, key
    choices = literal_at(body, fields.get("n"))
    if choices and choices not in _ONE_CHOICE:
        return Refusal.SEVERAL_CHOICES, "n"
    messages = fields.get("messages")
    if messages is None or body[messages[0]] != b"["[0]:
        return Refusal.NO_MESSAGES, "messages"
    return None


@dataclass(slots=True)
class _Reader:
    """Reads message after message; what it knows at each is a function of the messages before."""

    body: bytes
    effort: Effort | None
    parts: list[Part] = field(default_factory=list)
    calls: dict[str, _Called] = field(default_factory=dict)
    """By id; of two with one id the nearer wins."""
    functions: dict[str, _Called] = field(default_factory=dict)
    """Legacy calls, by name."""
    calls_bytes: int = 0
    """About what the calls take in memory."""
    index: int = -1
    latest_tool: int = -1
    latest_user: int = -1

    def copy(self, body: bytes, effort: Effort | None) -> _Reader:
        """The same knowledge, about to read on in `body`; `b""` where it is only kept."""
        parts, calls, functions = self.parts.copy(), self.calls.copy(), self.functions.copy()
        return replace(self, body=body, effort=effort, parts=parts, calls=calls, functions=functions)

    @property
    def size_bytes(self) -> int:
        """About what this takes in memory."""
        return PART_BYTES * len(self.parts) + self.calls_bytes

    def read(self, messages: Sequence[jsonscan.Element]) -> _Reader:
        for start, stop in messages:
            self._read_message(start, stop)
        return self

    def _read_message(self, start: int, stop: int) -> None:
        self.index += 1
        if self.body[start] != b"{"[0]:
            return
        members = jsonscan.members(self.body, start, stop, self.effort)
        fields = fields_of(members)
        name = text_at(self.body, fields.get("role")) or ""
        if name == "assistant":
            self._read_calls(fields)
            return
        role = _ROLES.get(name)
        if role is None:
            return
        if role is Role.USER:
            self.latest_user = self.index
        elif name == "tool":
            self.latest_tool = self.index
        if "content" in fields:
            call = self._call_of(name, fields) if role is Role.TOOL else None
            self._read_content(fields["content"], (role, call, repeated(members, fields)))

    def latest_parts(self) -> Sequence[Part]:
        tool, user = f"/messages/{self.latest_tool}/content", self.latest_user
        return [part for part in self.parts if part.pointer == tool or part.message_index == user]

    def _read_content(self, place: Place, of: _Of) -> None:
        pointer = f"/messages/{self.index}/content"
        opening = self.body[place[0]]
        if opening == b'"'[0]:
            self._add(pointer, place, of)
        elif opening == b"["[0]:
            for number, (start, stop) in enumerate(jsonscan.elements(self.body, *place, self.effort)):
                if self.body[start] == b"{"[0]:
                    self._read_element(f"{pointer}/{number}/text", start, stop, of)

    def _read_element(self, pointer: str, start: int, stop: int, of: _Of) -> None:
        members = jsonscan.members(self.body, start, stop, self.effort)
        fields = fields_of(members)
        place = fields.get("text")
        if place and self.body[place[0]] == b'"'[0] and text_at(self.body, fields.get("type")) == "text":
            role, called, fault = of
            self._add(pointer, place, (role, called, fault or repeated(members, fields)))

    def _add(self, pointer: str, place: Place, of: _Of) -> None:
        role, called, fault = of
        call, digest_of_call = called or (None, b"")
        span = Span(*place)
        worth = fault is None and len(span) >= DIGEST_FROM_BYTES
        digest = part_digest(span.of(self.body), role, digest_of_call) if worth else None
        self.parts.append(Part(pointer, self.index, role, span, call, fault, digest))

    def _call_of(self, role: str, fields: Fields) -> _Called | None:
        if role == "tool":
            identity = text_at(self.body, fields.get("tool_call_id"))
            return None if identity is None else self.calls.get(identity)
        name = text_at(self.body, fields.get("name"))
        if name is None:
            return None
        if name in self.functions:
            return self.functions[name]
        self.calls_bytes += getsizeof(name)
        return _called(name, "")

    def _read_calls(self, fields: Fields) -> None:
        """Remember what an assistant message calls. Where a key stands twice the last one counts: this is evidence
        about a text, and never an edit."""
        if (place := fields.get("tool_calls")) and self.body[place[0]] == b"["[0]:
            for start, stop in jsonscan.elements(self.body, *place, self.effort):
                call = object_at(self.body, (start, stop), self.effort)
                identity = text_at(self.body, call.get("id"))
                function = self._call(call.get("function"))
                if identity is not None and function is not None:
                    self.calls[identity] = function
                    self.calls_bytes += getsizeof(identity)
        if legacy := self._call(fields.get("function_call")):
            self.functions[legacy[0].name] = legacy

    def _call(self, place: Place | None) -> _Called | None:
        fields = object_at(self.body, place, self.effort)
        name = text_at(self.body, fields.get("name"))
        if name is None:
            return None
        call = _called(name, self._arguments(fields.get("arguments")))
        self.calls_bytes += getsizeof(name) + getsizeof(call[0].arguments) + CALL_BYTES
        return call

    def _arguments(self, place: Place | None) -> str:
        """As text; some clients send the object itself. Unreadable ones are no evidence."""
        if place and self.body[place[0]] == b"{"[0]:
            return self.body[place[0] : place[1]].decode()
        return text_at(self.body, place) or ""


def _called(name: str, arguments: str) -> _Called:
    call = ToolCall(name, arguments)
    return call, call_digest(call)
