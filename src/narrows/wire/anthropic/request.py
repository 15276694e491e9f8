"""Where machine-written text stands in an Anthropic Messages request.

Parts are the content of `tool_result` blocks and the `text` blocks of user messages: a string, or the `text` of each
text block inside. A result with `is_error` is no part: an error is read to the letter. Assistant messages are never
parts, nor are `thinking` blocks and their signatures, documents, images, search results, `system` and `tools`. An edit
replaces a string in its place, so blocks, their number and their `cache_control` never move (Anthropic's API reference
and its pages on prompt caching).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from narrows.core import jsonscan
from narrows.core.effort import Effort
from narrows.policy import Scope
from narrows.wire.conversation import Called, ConversationReader
from narrows.wire.items import (
    Fields,
    Place,
    fields_of,
    literal_at,
    read_items,
    repeated,
    repeated_key,
    text_at,
    top_level,
)
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Part, Refusal, Role, Untouched

_WATCHED = ("messages", "model")


def locate(
    body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
) -> Located | Untouched:
    """The parts of a request body, in the order of its bytes; or why the whole of it stays as it is.

    `Scope.LATEST`: only the latest message with tool results and the text of the latest user message.

    Raises:
        OutOfEffortError: there is more to read than the effort allows; never where none is given.
    """
    top = top_level(body, effort)
    if isinstance(top, Untouched):
        return top
    fields = fields_of(top)
    model, stream = text_at(body, fields.get("model")), literal_at(body, fields.get("stream")) == b"true"
    if key := repeated_key(top, fields, _WATCHED):
        return Untouched(Refusal.DUPLICATE_KEY, key, model, stream)
    messages = fields.get("messages")
    if messages is None or body[messages[0]] != b"["[0]:
        return Untouched(Refusal.NO_MESSAGES, "messages", model, stream)
    reader = read_items(_Reader(body, effort), body, messages, effort, memory, salt=b"anthropic")
    parts = reader.parts if scope is Scope.STABLE else reader.latest_parts()
    return Located(tuple(parts), reader.index + 1, model, stream)


@dataclass(slots=True)
class _Reader(ConversationReader):
    """Reads message after message."""

    def read_item(self, start: int, stop: int) -> None:
        """A message."""
        if self.body[start] != b"{"[0]:
            return
        members = jsonscan.members(self.body, start, stop, self.effort)
        fields = fields_of(members)
        content = fields.get("content")
        role = self.text(fields.get("role"))
        if content is None or role not in ("user", "assistant"):
            return
        if role == "assistant":
            self.acted = True
            self._read_calls(content)
            return
        self.latest_user = self.index
        fault = repeated(members, fields)
        pointer = f"/messages/{self.index}/content"
        if self.body[content[0]] == b'"'[0]:
            self.add(pointer, content, (Role.USER, None, fault))
        elif self.body[content[0]] == b"["[0]:
            for number, (first, last) in enumerate(jsonscan.elements(self.body, *content, self.effort)):
                if self.body[first] == b"{"[0]:
                    self._read_block(f"{pointer}/{number}", (first, last), fault)

    def latest_parts(self) -> Sequence[Part]:
        """Those of the latest tool results, and of the latest user message."""
        tool, user = self.latest_tool, self.latest_user
        return [part for part in self.parts if part.message_index == (tool if part.role is Role.TOOL else user)]

    def _read_block(self, pointer: str, place: Place, fault: str | None) -> None:
        members = jsonscan.members(self.body, *place, self.effort)
        fields = fields_of(members)
        if self.text(fields.get("type")) != "tool_result":
            self.add_text(f"{pointer}/text", members, (Role.USER, None, fault))
            return
        self.latest_tool = self.index
        content, is_error = fields.get("content"), literal_at(self.body, fields.get("is_error"))
        if content is None or is_error not in (b"", b"false", b"null"):
            self.begin_output()
        else:
            of = (Role.TOOL, self._call_of(fields), fault or repeated(members, fields))
            identity = self.text(fields.get("tool_use_id"))
            self.add_texts(f"{pointer}/content", content, of, identity=identity)

    def _call_of(self, fields: Fields) -> Called | None:
        identity = self.text(fields.get("tool_use_id"))
        return None if identity is None else self.calls.get(identity)

    def _read_calls(self, content: Place) -> None:
        """Remember what an assistant message calls. Calls of server tools have their results beside them, in
        the same message, which is never edited."""
        if self.body[content[0]] != b"["[0]:
            return
        for block in jsonscan.elements(self.body, *content, self.effort):
            fields = self.object(block)
            if self.text(fields.get("type")) == "tool_use":
                self.remember(self.text(fields.get("id")), self.call(fields, arguments="input"))
