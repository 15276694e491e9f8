"""Where machine-written text stands in a Chat Completions request.

Parts are the content of `tool` and legacy `function` messages and the text of `user` messages: a string, or the `text`
of each `{"type": "text"}` element of an array. System, developer and assistant messages, other content types, `tools`
and everything else are never parts (OpenAI's API reference, 2.3.0).

A part and its tool call follow from the messages up to it alone (law 4), and a fault costs as little as it can: a key
that stands twice in a message makes that message's parts unreadable, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import getsizeof
from typing import Self

from narrows.core import jsonscan
from narrows.core.effort import Effort
from narrows.policy import Scope
from narrows.wire.conversation import Called, ConversationReader, called
from narrows.wire.items import (
    Fields,
)
from narrows.wire.openai_chat.spoken import FIRST, read_spoken
from narrows.wire.opening import Conversation
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Part, Refusal, Role, Untouched

_TOOL, _USER, _STABLE = Role.TOOL, Role.USER, Scope.STABLE
_ROLES = {"tool": _TOOL, "function": _TOOL, "user": _USER}
_CONVERSATION = Conversation("openai_chat", "messages", "model", "n", first=FIRST)
_ONE_CHOICE = (b"", b"1", b"null")


def locate(
    body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
) -> Located | Untouched:
    """The parts of a request body, in the order of its bytes; or why the whole of it stays as it is.

    `Scope.LATEST`: only the string content of the latest `tool` message and the text of the latest `user` message.

    Raises:
        OutOfEffortError: there is more to read than the effort allows; never where none is given.
    """
    spoken = read_spoken(body) if scope is _STABLE else None
    return read_any(body, scope, memory, effort) if spoken is None else spoken


def read_any(
    body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
) -> Located | Untouched:
    """`locate`, of any conversation."""
    opened = _CONVERSATION.open(body, effort, memory)
    if isinstance(opened, Untouched):
        return opened
    if opened.literal("n") not in _ONE_CHOICE:
        return opened.untouched(Refusal.SEVERAL_CHOICES, "n")
    return _CONVERSATION.locate(opened, _Reader(body, effort), scope)


class _Reader(ConversationReader):
    """Reads message after message. `functions` are the legacy calls, by name."""

    __slots__ = ("functions",)

    def __init__(self, body: bytes, effort: Effort | None) -> None:
        super().__init__(body, effort)
        self.functions: dict[str, Called] = {}

    def copy(self, body: bytes, effort: Effort | None) -> Self:
        """The same knowledge, about to read on in `body`."""
        other = super().copy(body, effort)
        other.functions = self.functions.copy()
        return other

    def read_item(self, fields: Fields, fault: str | None) -> None:
        """A message."""
        name = self.text(fields.get("role")) or ""
        if name == "assistant":
            self.acted = True
            self._read_calls(fields)
            return
        role = _ROLES.get(name)
        if role is None:
            return
        if role is _USER:
            self.latest_user = self.index
        elif name == "tool":
            self.latest_tool = self.index
        if "content" in fields:
            call = self._call_of(name, fields) if role is _TOOL else None
            identity = self.text(fields.get("tool_call_id")) if role is _TOOL else None
            pointer = f"/messages/{self.index}/content"
            self.add_texts(pointer, fields["content"], (role, call, fault), identity=identity)

    def latest_parts(self) -> Sequence[Part]:
        """Of tool messages only the string content of the latest, literally."""
        tool, user = f"/messages/{self.latest_tool}/content", self.latest_user
        return [part for part in self.parts if part.pointer == tool or part.message_index == user]

    def _call_of(self, role: str, fields: Fields) -> Called | None:
        if role == "tool":
            return self.call_with(self.text(fields.get("tool_call_id")))
        name = self.text(fields.get("name"))
        if name is None:
            return None
        if name in self.functions:
            return self.functions[name]
        self.calls_bytes += getsizeof(name)
        return called(name, "")

    def _read_calls(self, fields: Fields) -> None:
        """Remember what an assistant message calls. Where a key stands twice the last one counts: this is evidence
        about a text, and never an edit."""
        if (place := fields.get("tool_calls")) and self.body[place[0]] == b"["[0]:
            for element in jsonscan.elements(self.body, *place, self.effort):
                call = self.object(element)
                self.remember(self.text(call.get("id")), self.call(self.object(call.get("function"))))
        if legacy := self.call(self.object(fields.get("function_call"))):
            self.functions[legacy[0].name] = legacy
