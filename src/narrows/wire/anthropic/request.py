"""Where machine-written text stands in an Anthropic Messages request.

Parts are the content of `tool_result` blocks and the `text` blocks of user messages: a string, or the `text` of each
text block inside. A result with `is_error` is no part: an error is read to the letter. Assistant messages are never
parts, nor are `thinking` blocks and their signatures, documents, images, search results, `system` and `tools`. An edit
replaces a string in its place, so blocks, their number and their `cache_control` never move (Anthropic's API reference
and its pages on prompt caching).
"""

from __future__ import annotations

from narrows.core import jsonscan
from narrows.core.effort import Effort
from narrows.policy import Scope
from narrows.wire.conversation import ConversationReader
from narrows.wire.items import (
    Fields,
    Place,
    fields_of,
    literal_at,
    repeated,
)
from narrows.wire.opening import Conversation
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Role, Untouched

_CONVERSATION = Conversation("anthropic", "messages", "model", first=("tools", "system"))


def locate(
    body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
) -> Located | Untouched:
    """The parts of a request body, in the order of its bytes; or why the whole of it stays as it is.

    `Scope.LATEST`: only the latest message with tool results and the text of the latest user message.

    Raises:
        OutOfEffortError: there is more to read than the effort allows; never where none is given.
    """
    opened = _CONVERSATION.open(body, effort, memory)
    if isinstance(opened, Untouched):
        return opened
    return _CONVERSATION.locate(opened, _Reader(body, effort), scope)


class _Reader(ConversationReader):
    """Reads message after message."""

    __slots__ = ()

    def read_item(self, fields: Fields, fault: str | None) -> None:
        """A message."""
        content = fields.get("content")
        role = self.text(fields.get("role"))
        if content is None or role not in ("user", "assistant"):
            return
        if role == "assistant":
            self.acted = True
            self._read_calls(content)
            return
        self.latest_user = self.index
        pointer = f"/messages/{self.index}/content"
        if self.body[content[0]] == b'"'[0]:
            self.add(pointer, content, (Role.USER, None, fault))
        elif self.body[content[0]] == b"["[0]:
            for number, (first, last) in enumerate(jsonscan.elements(self.body, *content, self.effort)):
                if self.body[first] == b"{"[0]:
                    self._read_block(f"{pointer}/{number}", (first, last), fault)

    def _read_block(self, pointer: str, place: Place, fault: str | None) -> None:
        members = jsonscan.members(self.body, *place, self.effort)
        fields = fields_of(members)
        if self.text(fields.get("type")) != "tool_result":
            self.add_text(f"{pointer}/text", members, (Role.USER, None, fault))
            return
        self.latest_tool = self.index
        content, is_error = fields.get("content"), literal_at(self.body, fields.get("is_error"))
        identity = self.text(fields.get("tool_use_id"))
        if content is None or is_error not in (b"", b"false", b"null"):
            self.begin_output(identity)
        else:
            of = (Role.TOOL, self.call_with(identity), fault or repeated(members, fields))
            self.add_texts(f"{pointer}/content", content, of, identity=identity)

    def _read_calls(self, content: Place) -> None:
        """Remember what an assistant message calls. Calls of server tools have their results beside them, in
        the same message, which is never edited."""
        if self.body[content[0]] != b"["[0]:
            return
        for block in jsonscan.elements(self.body, *content, self.effort):
            fields = self.object(block)
            if self.text(fields.get("type")) == "tool_use":
                self.remember(self.text(fields.get("id")), self.call(fields, arguments="input"))
