"""The items of a Responses answer: what each is to the agent, and how it goes back to the model.

An answer is a row of items: messages, reasoning, calls, and what the provider's own tools did. A call is the agent's to
answer, or a client's, by its name, or nobody's: the provider's own tools give their output by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blake3 import blake3
from msgspec import Struct

from narrows.inject.places import document_of, elements_at, joined, members_at, object_of, text_literal, text_of
from narrows.wire.items import Place, literal_at, object_at, text_at

_CALLS = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "mcp_approval_request",
    }
)
_TEXTS = {"output_text": "text", "text": "text", "refusal": "refusal"}
_NOTHING = (b"", b"null", b'""')


class Mark(Struct, frozen=True, gc=False):
    """What an agent's copy of an item is known by. `kind`: `text`, `reasoning`, or another item's type; `id`: empty
    where it has none; `value`: a message's text, or the digest of encrypted reasoning."""

    kind: str
    id: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}\n{self.id}\n{self.value}"

    @classmethod
    def read(cls, said: str) -> Mark:
        """The mark that `str` has written."""
        kind, identity, value = said.split("\n", 2)
        return cls(kind, identity, value)


class Item:
    """An item of an answer, from its start on. `number`: its place in the agent's row; None where it is withheld."""

    def __init__(self, raw: bytes, names: Mapping[str, str]) -> None:
        self._names = names
        self.raw = raw
        self.number: int | None = None
        self.is_whole = False
        self.pieces: list[str] = []
        self._members = dict(members_at(raw, (0, len(raw))))

    def become(self, raw: bytes) -> None:
        """What it is when it is done."""
        self.raw = raw
        self._members = dict(members_at(raw, (0, len(raw))))
        self.is_whole = True

    def text(self, key: str) -> str:
        """The text of a member; empty where there is none."""
        return text_of(self._members.get(key, b"")) or ""

    @property
    def kind(self) -> str:
        """Its type; a message may leave it out."""
        return self.text("type") or "message"

    @property
    def name(self) -> str:
        """The function that it calls."""
        return self.text("name")

    @property
    def is_injected(self) -> bool:
        """Whether it calls a client's tool. Those are in no namespace, or said to be in one of their own name."""
        is_bare = self._members.get("namespace", b"") in _NOTHING or self.text("namespace") == self.name
        return self.kind == "function_call" and is_bare and self.name in self._names

    @property
    def is_own(self) -> bool:
        """Whether it is a call that the agent may have to answer."""
        if self.kind == "tool_search_call":
            return self.text("execution") == "client"
        return self.kind in _CALLS and not self.is_injected

    @property
    def arguments(self) -> str:
        """A call's arguments; one without any has an object without members."""
        return self.text("arguments") or joined(self.pieces) or "{}"

    def element(self) -> bytes:
        """The item as it goes back, or to the agent in its answer."""
        if self.is_whole or self.kind != "function_call":
            return self.raw
        return object_of(list({**self._members, "arguments": text_literal(self.arguments)}.items()))

    @property
    def mark(self) -> Mark:
        """What the agent's copy is known by."""
        return mark_of(self.raw, (0, len(self.raw)))

    @property
    def is_kept_by_nobody(self) -> bool:
        """Whether it is reasoning that is not in the item, so that its id names it alone."""
        return self.kind == "reasoning" and self._members.get("encrypted_content", b"") in _NOTHING


def mark_of(body: bytes, place: Place) -> Mark:
    """The mark of an item."""
    fields = object_at(body, place, None)
    kind, identity = text_at(body, fields.get("type")) or "message", text_at(body, fields.get("id")) or ""
    if kind == "message":
        texts = [text for _, text in texts_of(body, fields.get("content"))]
        return Mark("text", identity, joined(texts))
    encrypted = literal_at(body, fields.get("encrypted_content"))
    return Mark(kind, identity, "" if encrypted in _NOTHING else blake3(encrypted).hexdigest())


def texts_of(body: bytes, content: Place | None) -> list[tuple[Place, str]]:
    """The texts of a message, each with the place of its string: its content, or those of its parts."""
    if content is None or body[content[0]] == b'"'[0]:
        return [] if content is None else [(content, text_of(literal_at(body, content)) or "")]
    literals = [literal_of(body, place) for place in elements_at(body, content)]
    return [(one, text_of(literal_at(body, one)) or "") for one in literals if one is not None]


def literal_of(body: bytes, part: Place) -> Place | None:
    """The place of a part's text; None where it has none."""
    fields = object_at(body, part, None)
    literal = fields.get(_TEXTS.get(text_at(body, fields.get("type")) or "", ""))
    return literal if literal is not None and body[literal[0]] == b'"'[0] else None


def without_id(raw: bytes) -> bytes:
    """An item that names nothing that the model's server would have to keep."""
    fields = document_of(raw) or {}
    if "id" not in fields:
        return raw
    return object_of([(key, value) for key, value in members_at(raw, (0, len(raw))) if key != "id"])


def going_back(items: Sequence[Item], *, stored: bool) -> list[bytes]:
    """The items as they go back to the model, all of them. Where the server keeps none of them (`stored` is false),
    reasoning that is not encrypted cannot go back, nor ids that belong to it."""
    if stored or not any(item.is_kept_by_nobody for item in items):
        return [item.element() for item in items]
    return [without_id(item.element()) for item in items if not item.is_kept_by_nobody]
