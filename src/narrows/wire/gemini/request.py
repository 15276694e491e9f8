"""Where machine-written text stands in a Gemini request.

A function's response is a JSON object, not a string, and stays one: parts are the string values inside it, at any
depth down to `MAX_DEPTH`, and the text of user contents. Every key may be written in camelCase or in snake_case, and
clients mix both in one body. Model contents, thought signatures, `functionCall`, inline data, code results,
`systemInstruction` and `tools` are never parts (Google's reference of GenerateContentRequest).

A response names its call by id, where the model gave one; otherwise it belongs to the first call of that name in the
latest model content that has no response yet.
"""

from __future__ import annotations

from typing import Self

from narrows.core import jsonscan
from narrows.core.effort import Effort
from narrows.policy import Policy, Scope
from narrows.wire.conversation import Called, ConversationReader, Of
from narrows.wire.items import Fields, Place, fields_of, literal_at, object_at, repeated
from narrows.wire.opening import Conversation
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Refusal, Role, Untouched

MAX_DEPTH = 8
"""Levels of a function's response in which strings are looked for."""
SMALLEST_BYTES = Policy().smallest_min_bytes
"""A value inside a response that is smaller holds no string which an ordinary policy would shorten."""
_CONVERSATION = Conversation(
    "gemini",
    "contents",
    "generationConfig",
    "generation_config",
    first=("tools", "systemInstruction", "system_instruction"),
)
_SETTINGS = tuple(
    (name, count)
    for name in ("generationConfig", "generation_config")
    for count in ("candidateCount", "candidate_count")
)
_CACHED = ("cachedContent", "cached_content")
"""Members that name contents which the provider holds, and which the model reads first."""
_CALLS = ("functionCall", "function_call")
_RESPONSES = ("functionResponse", "function_response")
_ONE_CANDIDATE = (b"", b"1", b"null")


def locate(
    body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
) -> Located | Untouched:
    """The parts of a request body, in the order of its bytes; or why the whole of it stays as it is.

    `Scope.LATEST`: only the latest content with function responses and the text of the latest user content.

    Raises:
        OutOfEffortError: there is more to read than the effort allows; never where none is given.
    """
    opened = _CONVERSATION.open(body, effort, memory)
    if isinstance(opened, Untouched):
        return opened
    for name, count in _SETTINGS:
        settings = object_at(body, opened.fields.get(name), effort)
        if literal_at(body, settings.get(count)) not in _ONE_CANDIDATE:
            return opened.untouched(Refusal.SEVERAL_CHOICES, count)
    complete = all(opened.literal(name) in (b"", b"null") for name in _CACHED)
    return _CONVERSATION.locate(opened, _Reader(body, effort), scope, history_complete=complete)


class _Reader(ConversationReader):
    """Reads content after content. `waiting`: calls of the latest model content without an id, by name, that have no
    response yet."""

    __slots__ = ("waiting",)

    def __init__(self, body: bytes, effort: Effort | None) -> None:
        super().__init__(body, effort)
        self.waiting: dict[str, tuple[Called, ...]] = {}

    def copy(self, body: bytes, effort: Effort | None) -> Self:
        """The same knowledge, about to read on in `body`."""
        other = super().copy(body, effort)
        other.waiting = self.waiting.copy()
        return other

    def read_item(self, fields: Fields, fault: str | None) -> None:
        """A content."""
        parts = fields.get("parts")
        if parts is None or self.body[parts[0]] not in b"[{":
            return
        one = self.body[parts[0]] == b"{"[0]  # a lone part is accepted in place of a list of one
        places = [parts] if one else jsonscan.elements(self.body, *parts, self.effort)
        role = self.text(fields.get("role")) if "role" in fields else "user"
        if role == "model":
            self.acted = True
            self.waiting = {}
            for place in places:
                self._read_call(self.object(place))
        elif role in ("user", "function", "tool"):
            if role == "user":
                self.latest_user = self.index
            pointer = f"/contents/{self.index}/parts"
            for number, place in enumerate(places):
                if self.body[place[0]] == b"{"[0]:
                    self._read_part(pointer if one else f"{pointer}/{number}", place, fault)

    def _read_part(self, pointer: str, place: Place, fault: str | None) -> None:
        members = jsonscan.members(self.body, *place, self.effort)
        fields = fields_of(members)
        fault = fault or repeated(members, fields)
        is_thought = literal_at(self.body, fields.get("thought")) == b"true"
        for key, value in sorted(fields.items(), key=lambda member: member[1]):
            if key == "text" and self.body[value[0]] == b'"'[0] and not is_thought:
                self.add(f"{pointer}/text", value, (Role.USER, None, fault))
            elif key in _RESPONSES:
                self._read_response(f"{pointer}/{key}", value, fault)

    def _read_response(self, pointer: str, place: Place, fault: str | None) -> None:
        if self.body[place[0]] != b"{"[0]:
            return
        members = jsonscan.members(self.body, *place, self.effort)
        fields = fields_of(members)
        self.latest_tool = self.index
        self.begin_output(self.text(fields.get("id")))
        call = self._call_of(fields)
        if "response" in fields:
            of = (Role.TOOL, call, fault or repeated(members, fields))
            self._read_strings(f"{pointer}/response", fields["response"], of, MAX_DEPTH)

    def _read_strings(self, pointer: str, place: Place, of: Of, levels: int) -> None:
        """The strings of a value. What is too small to hold one worth shortening is not looked into; an object in
        which a key stands twice is a fault of the strings in it."""
        start, stop = place
        opening = self.body[start]
        if opening == b'"'[0]:
            self.add(pointer, place, of)
        elif stop - start < SMALLEST_BYTES or levels == 0:
            return
        elif opening == b"{"[0]:
            members = jsonscan.members(self.body, start, stop, self.effort)
            role, call, fault = of
            inside = (role, call, fault or repeated(members, fields_of(members)))
            for key, first, last in members:
                if key != "error" or levels < MAX_DEPTH:  # an error is read to the letter
                    self._read_strings(f"{pointer}/{_escaped(key)}", (first, last), inside, levels - 1)
        elif opening == b"["[0]:
            for number, element in enumerate(jsonscan.elements(self.body, start, stop, self.effort)):
                self._read_strings(f"{pointer}/{number}", element, of, levels - 1)

    def _call_of(self, fields: Fields) -> Called | None:
        if (call := self.call_with(self.text(fields.get("id")))) is not None:
            return call
        name = self.text(fields.get("name"))
        if name is None or not self.waiting.get(name):
            return None
        first, *rest = self.waiting[name]
        self.waiting[name] = tuple(rest)
        return first

    def _read_call(self, part: Fields) -> None:
        fields = self.object(next((part[key] for key in _CALLS if key in part), None))
        call = self.call(fields, arguments="args")
        identity = self.text(fields.get("id"))
        if identity:
            self.remember(identity, call)
        elif call is not None:
            self.waiting[call[0].name] = (*self.waiting.get(call[0].name, ()), call)


def _escaped(key: str) -> str:
    """A key as a JSON pointer writes it (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
