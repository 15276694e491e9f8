"""What a reader of any wire's conversation knows after each of its items: the parts so far, and the calls that later
outputs may name. Both follow from the items before alone (law 4), so a reader may be kept and gone on from.

A wire's reader says how one item is read; the rest is the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from sys import getsizeof
from typing import Self

from narrows.core import jsonscan, jsonstr
from narrows.core.digest import call_digest, chain_digest, part_digest
from narrows.core.edits import Span
from narrows.core.effort import Effort
from narrows.core.frames import framed
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.wire.items import Fields, Place, fields_of, object_at, repeated, text_at
from narrows.wire.reading import Notes
from narrows.wire.types import Part, Role

_USER, _TOOL = Role.USER, Role.TOOL

DIGEST_FROM_BYTES = 256
"""A shorter literal is no work for most policies, and is digested anew where it is some."""
OUTPUT_FROM_BYTES = 256
"""A shorter tool output is too small to be referred to, or to refer."""
PART_BYTES, CALL_BYTES, ANSWER_BYTES = 500, 400, 250
"""About what a part, a call and the note of an answer take in memory beside the call's texts."""

_FRAME_STARTS = (b'"<returncode>', b'"Observation:', b'"Call id:', b'"EXECUTION RESULT')
_FRAME_ENDS = (b'bash-$"', b'bash-$ "', b'bash-$\\n"', b']"', b']\\n"')
"""How the literals of the frames in `core/frames` begin and end that agents send as user text."""

Called = tuple[ToolCall, bytes]
"""A call and its digest."""
Of = tuple[Role, Called | None, str | None]
"""What the parts of one item share: the role, the call that produced them, and a fault."""


def called(name: str, arguments: str) -> Called:
    """A call with its digest."""
    call = ToolCall(name, arguments)
    return call, call_digest(call)


class ConversationReader(ABC):
    """Reads item after item; what it knows at each is a function of the items before.

    `calls` are by id; of two with one id the nearer wins. `calls_bytes`: about what they, and the digests of the parts,
    take in memory. `index` is the number of the item that was read last. `acted`: the model has spoken, so what it did
    can be observed from here on, while a task in a harness's frame stays a person's. `outputs` counts tool outputs so
    far. `answers` are those that were the first to say a text for a call, by the call's id and the text's digest:
    another one that says the same is the same message again, goes out as that did, and takes no part in repeats.
    `identity` names the call that the present output answers, `output_texts` counts its texts so far, and `chain` is
    the `chain_digest` up to the latest text that has a digest. `notes` are what others keep with all this.
    """

    __slots__ = (
        "acted",
        "answers",
        "body",
        "calls",
        "calls_bytes",
        "chain",
        "effort",
        "identity",
        "index",
        "latest_tool",
        "latest_user",
        "notes",
        "output_texts",
        "outputs",
        "parts",
    )

    def __init__(self, body: bytes, effort: Effort | None) -> None:
        self.body = body
        self.effort = effort
        self.parts: list[Part] = []
        self.calls: dict[str, Called] = {}
        self.calls_bytes = 0
        self.index = -1
        self.acted = False
        self.latest_tool = -1
        self.latest_user = -1
        self.outputs = 0
        self.answers: dict[tuple[str, bytes], int] = {}
        self.identity: str | None = None
        self.output_texts = 0
        self.chain = b""
        self.notes: Notes | None = None

    @abstractmethod
    def read_item(self, fields: Fields, fault: str | None) -> None:
        """Read an item, an object with these members; it has the number `index`. `fault`: why nothing in it can be
        read for editing, where a key stands twice."""

    def copy(self, body: bytes, effort: Effort | None) -> Self:
        """The same knowledge, about to read on in `body`; `b""` where it is only kept."""
        other = type(self)(body, effort)
        other.parts, other.calls, other.answers = self.parts.copy(), self.calls.copy(), self.answers.copy()
        other.calls_bytes, other.index, other.acted = self.calls_bytes, self.index, self.acted
        other.latest_tool, other.latest_user = self.latest_tool, self.latest_user
        other.outputs, other.identity = self.outputs, self.identity
        other.output_texts, other.chain = self.output_texts, self.chain
        other.notes = self.notes
        return other

    @property
    def size_bytes(self) -> int:
        """About what this takes in memory. Notes are made after it is asked for, so those of the turn before count."""
        noted_bytes = 0 if self.notes is None else self.notes.earlier_bytes
        return PART_BYTES * len(self.parts) + self.calls_bytes + noted_bytes

    def read(self, items: Sequence[jsonscan.Element]) -> Self:
        """Read these items; one that is no object is only counted."""
        self.notes = Notes() if self.notes is None else self.notes.go_on()
        for start, stop in items:
            self.index += 1
            if self.body[start] == b"{"[0]:
                members = jsonscan.members(self.body, start, stop, self.effort)
                fields = fields_of(members)
                self.read_item(fields, repeated(members, fields))
        return self

    def read_objects(self, items: Sequence[Fields]) -> Self:
        """Read these items, objects in which no key stands twice."""
        for fields in items:
            self.index += 1
            self.read_item(fields, None)
        return self

    def latest_parts(self) -> Sequence[Part]:
        """Those of the latest item with tool outputs, and of the latest of a user."""
        tool, user = self.latest_tool, self.latest_user
        return [part for part in self.parts if part.message_index == (tool if part.role is Role.TOOL else user)]

    def add(self, pointer: str, place: Place, of: Of) -> None:
        """A part: the string literal at `place`."""
        role, call, fault = of
        tool_call, digest_of_call = call or (None, b"")
        start, stop = place
        if role is _USER and self.acted and _is_observation(self.body[start:stop]):
            role = Role.OBSERVATION
            self.begin_output()
        worth = fault is None and stop - start >= DIGEST_FROM_BYTES
        digest = part_digest(self.body[start:stop], role, digest_of_call) if worth else None
        if digest is not None:
            self.calls_bytes += len(digest)
        output = chain = None
        if role is not _USER:
            self.output_texts += 1
            if digest is not None and stop - start >= OUTPUT_FROM_BYTES and not self._said_again(digest):
                output = OutputPlace(self.outputs, self.output_texts)
                before, self.chain = self.chain, chain_digest(self.chain, digest, output)
                chain = self.chain if before else None
        self.parts.append(Part(pointer, self.index, role, Span(start, stop), tool_call, fault, digest, output, chain))

    def _said_again(self, digest: bytes) -> bool:
        if self.identity is None:
            return False
        answer = self.identity, digest
        if answer not in self.answers:
            self.answers[answer] = self.outputs
            self.calls_bytes += ANSWER_BYTES
        return self.answers[answer] != self.outputs

    def begin_output(self, identity: str | None = None) -> None:
        """Another tool output, of the call with this id: the parts of that role which are added from here on are its
        texts."""
        self.outputs += 1
        self.output_texts = 0
        self.identity = identity

    def add_texts(
        self, pointer: str, place: Place, of: Of, kinds: Sequence[str] = ("text",), identity: str | None = None
    ) -> None:
        """The parts of a content: a string, or an array whose elements of these types carry a `text`. A tool's content
        is an output of its own; `identity` is its call's."""
        if of[0] is _TOOL:
            self.begin_output(identity)
        opening = self.body[place[0]]
        if opening == b'"'[0]:
            self.add(pointer, place, of)
        elif opening == b"["[0]:
            for number, (start, stop) in enumerate(jsonscan.elements(self.body, *place, self.effort)):
                if self.body[start] == b"{"[0]:
                    members = jsonscan.members(self.body, start, stop, self.effort)
                    self.add_text(f"{pointer}/{number}/text", members, of, kinds)

    def add_text(
        self, pointer: str, members: Sequence[jsonscan.Member], of: Of, kinds: Sequence[str] = ("text",)
    ) -> None:
        """The part of an object of these types with a `text`; none of another."""
        fields = fields_of(members)
        place = fields.get("text")
        if place and self.body[place[0]] == b'"'[0] and text_at(self.body, fields.get("type")) in kinds:
            role, call, fault = of
            self.add(pointer, place, (role, call, fault or repeated(members, fields)))

    def remember(self, identity: str | None, call: Called | None) -> None:
        """A call that a later output may name by this id."""
        self.acted = True
        if identity is not None and call is not None:
            self.calls[identity] = call
            self.calls_bytes += getsizeof(identity)

    def call_with(self, identity: str | None) -> Called | None:
        """The call with this id, where one was made."""
        return None if identity is None else self.calls.get(identity)

    def call(self, fields: Fields, arguments: str = "arguments") -> Called | None:
        """The call in an object with a name; the member called `arguments` is text, or an object as some clients send
        it. Unreadable arguments are no evidence."""
        name = text_at(self.body, fields.get("name"))
        if name is None:
            return None
        place = fields.get(arguments)
        if place and self.body[place[0]] == b"{"[0]:
            said = self.body[place[0] : place[1]].decode()
        else:
            said = text_at(self.body, place) or ""
        return self.made(name, said)

    def made(self, name: str, arguments: str) -> Called:
        """A call, whose memory is counted."""
        self.calls_bytes += getsizeof(name) + getsizeof(arguments) + CALL_BYTES
        return called(name, arguments)

    def object(self, place: Place | None) -> Fields:
        """The members of an object by key, the last of a repeated key winning; none of another value."""
        return object_at(self.body, place, self.effort)

    def text(self, place: Place | None) -> str | None:
        """The text of a string value; None where it is absent, another type, or unreadable."""
        return text_at(self.body, place)


def _is_observation(literal: bytes) -> bool:
    """Whether a user's text is a tool's output in a frame that no person types. Nearly every literal is told by its
    first and last bytes to have none, and is not decoded."""
    if not literal.startswith(_FRAME_STARTS) and not literal.endswith(_FRAME_ENDS):
        return False
    try:
        frame = framed(jsonstr.decode(literal), spoken=True)
    except ValueError:
        return False
    return frame is not None and frame.sure
