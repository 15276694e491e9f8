"""Where machine-written text stands in a Responses request.

`input` is a string, which is a user's text, or a list of items. Parts are the outputs of the client's own tools
(`function_call_output`, `custom_tool_call_output`, `local_shell_call_output`, `apply_patch_call_output`: a string or a
list of `input_text`; `shell_call_output`: the streams of each command) and the text of user messages. Reasoning with
its encrypted content, compaction, calls with their arguments and patches, what the provider's own tools and MCP servers
returned, item references and items we do not know are never parts (OpenAI's API reference, 2.3.0).

A conversation that the provider stores (`previous_response_id`, `conversation`) is not in the body, so of it nothing
can be known or changed here, and no part is said to repeat an earlier one.
"""

from __future__ import annotations

from narrows.core import jsonscan
from narrows.core.edits import Span
from narrows.core.effort import Effort
from narrows.policy import Scope
from narrows.wire.conversation import ConversationReader, Of
from narrows.wire.items import (
    Fields,
    Place,
    fields_of,
    literal_at,
    repeated,
)
from narrows.wire.opening import Conversation
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, Part, Role, Untouched

_CONVERSATION = Conversation("openai_responses", "input", "model", first=("tools", "text", "instructions"))
_OUTPUTS = frozenset(
    {"function_call_output", "custom_tool_call_output", "local_shell_call_output", "apply_patch_call_output"}
)
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Calls with a name of their own, and the member that holds what they say."""
_OWN_CALLS = {"local_shell_call": "action", "shell_call": "action", "apply_patch_call": "operation"}
"""Calls whose type is their name."""
_STORED = ("previous_response_id", "conversation")
"""Members that name a conversation which the provider holds."""
_STREAMS = ("stdout", "stderr")


def locate(
    body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
) -> Located | Untouched:
    """The parts of a request body, in the order of its bytes; or why the whole of it stays as it is.

    `Scope.LATEST`: only the latest tool output and the text of the latest user message.

    Raises:
        OutOfEffortError: there is more to read than the effort allows; never where none is given.
    """
    opened = _CONVERSATION.open(body, effort, memory)
    if isinstance(opened, Untouched):
        return opened
    complete = all(opened.literal(name) in (b"", b"null") for name in _STORED)
    given = opened.fields.get("input")
    if given is not None and body[given[0]] == b'"'[0]:
        return opened.located([Part("/input", 0, Role.USER, Span(*given))], 1, given, history_complete=complete)
    return _CONVERSATION.locate(opened, _Reader(body, effort), scope, history_complete=complete)


class _Reader(ConversationReader):
    """Reads item after item."""

    __slots__ = ()

    def read_item(self, fields: Fields, fault: str | None) -> None:
        """An item. A message may leave out its type."""
        kind = (self.text(fields.get("type")) or "") if "type" in fields else "message"
        if kind == "message":
            self._read_message(fields, fault)
        elif kind in _CALLS:
            self.remember(self.text(fields.get("call_id")), self.call(fields, arguments=_CALLS[kind]))
        elif kind in _OWN_CALLS:
            self._read_own_call(kind, fields)
        elif (kind in _OUTPUTS or kind == "shell_call_output") and "output" in fields:
            self.latest_tool = self.index
            identity = self.text(fields.get("call_id"))
            of = (Role.TOOL, self.call_with(identity), fault)
            if kind in _OUTPUTS:
                self.add_texts(f"/input/{self.index}/output", fields["output"], of, ("input_text",), identity)
            else:
                self.begin_output(identity)
                self._read_streams(fields["output"], of)

    def _read_message(self, fields: Fields, fault: str | None) -> None:
        role = self.text(fields.get("role"))
        self.acted = self.acted or role == "assistant"
        if role == "user":
            self.latest_user = self.index
            if "content" in fields:
                pointer = f"/input/{self.index}/content"
                self.add_texts(pointer, fields["content"], (Role.USER, None, fault), ("input_text",))

    def _read_own_call(self, kind: str, fields: Fields) -> None:
        said = literal_at(self.body, fields.get(_OWN_CALLS[kind])).decode()
        self.remember(self.text(fields.get("call_id")), self.made(kind.removesuffix("_call"), said))

    def _read_streams(self, place: Place, of: Of) -> None:
        if self.body[place[0]] != b"["[0]:
            return
        for number, element in enumerate(jsonscan.elements(self.body, *place, self.effort)):
            if self.body[element[0]] != b"{"[0]:
                continue
            members = jsonscan.members(self.body, *element, self.effort)
            fields = fields_of(members)
            role, call, fault = of
            for name in sorted(set(_STREAMS) & fields.keys(), key=lambda name: fields[name]):
                if self.body[fields[name][0]] == b'"'[0]:
                    pointer = f"/input/{self.index}/output/{number}/{name}"
                    self.add(pointer, fields[name], (role, call, fault or repeated(members, fields)))
