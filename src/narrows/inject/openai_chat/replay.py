"""How an exchange goes into a Chat Completions request: outputs are messages of their own, behind the one that calls.

An agent keeps an answer's text as one string, or as a list of text parts, so that is where its message is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from narrows.agents.tools import CallOutput
from narrows.core.edits import Edit
from narrows.inject.literals import offset_of
from narrows.inject.places import (
    appended,
    array_of,
    document_of,
    elements_at,
    object_of,
    prepended,
    text_literal,
    text_of,
)
from narrows.inject.splicing import Answered, after, before, find, inserted, role_around
from narrows.inject.types import Exchange
from narrows.wire.items import Fields, Place, literal_at, object_at, text_at


def result(element: bytes, output: CallOutput) -> bytes:
    """What a tool answered to a call."""
    call_id = literal_at(element, (document_of(element) or {}).get("id"))
    return object_of([("role", b'"tool"'), ("tool_call_id", call_id), ("content", text_literal(output.output))])


def result_messages(results: Sequence[bytes]) -> list[bytes]:
    """The messages that outputs are sent in."""
    return list(results)


def within(answered: Answered, group: Sequence[Exchange]) -> tuple[list[Edit], int]:
    """The edits that put exchanges into the agent's copy of an answer, and how many of them have their place there."""
    body, fields = answered.body, answered.fields(answered.at)
    if text_at(body, fields.get("role")) != "assistant":
        return [], 0
    literals = _literals(body, fields.get("content"))
    text = "".join(text_of(literal_at(body, literal)) or "" for literal in literals)

    def advance(said: tuple[str, ...], cursor: int) -> int | None:
        return cursor + len(said[0]) if text.startswith(said[0], cursor) else None

    found = find(group, 0, advance)
    if any(cursor for cursor, _ in found.spots) and _calls_first(fields):
        return [], 0
    edits = [_cut(answered, (fields, literals), cursor, exchanges) for cursor, exchanges in found.spots]
    if found.mixed is None:
        return edits, found.count
    mixed = _mixed(answered, fields, found.mixed[1])
    return edits + mixed, found.count - (not mixed)


def _calls_first(fields: Fields) -> bool:
    """Whether the calls stand before the text, so that a cut in the text would give them to the wrong half."""
    return any(key in fields and fields[key] < fields["content"] for key in ("tool_calls", "function_call"))


def _literals(body: bytes, content: Place | None) -> list[Place]:
    """The strings that a message's text is made of: its content, or those of its parts; none where some part is no
    text."""
    if content is None or body[content[0]] == b'"'[0]:
        return [] if content is None else [content]
    found = []
    for place in elements_at(body, content):
        part = object_at(body, place, None)
        if text_at(body, part.get("type")) != "text" or body[part.get("text", place)[0]] != b'"'[0]:
            return []
        found.append(part["text"])
    return found


def _cut(answered: Answered, copy: tuple[Fields, Sequence[Place]], cursor: int, exchanges: Sequence[Exchange]) -> Edit:
    """Exchanges behind so many characters of the agent's text."""
    fields, literals = copy
    first, *more = exchanges
    whole = [one for exchange in more for one in (exchange.answer, *exchange.results)]
    if cursor == 0:
        return before(answered.message[0], [first.answer, *first.results, *whole])
    at = _place_of(answered.body, literals, cursor)
    closing, opening = role_around(fields, "content", b'"assistant"')
    end, start = (b'"', b'"') if literals[0] == fields["content"] else (b'"}]', b'[{"type":"text","text":"')
    half = b'%b,"tool_calls":%b%b}' % (end, array_of(first.elements), closing)
    return inserted(at, b",".join([half, *first.results, *whole, b'{%b"content":%b' % (opening, start)]))


def _place_of(body: bytes, literals: Sequence[Place], characters: int) -> int:
    """The byte behind so many characters of a text that is written in these strings."""
    for literal in literals:
        length = len(text_of(literal_at(body, literal)) or "")
        if characters <= length:
            return offset_of(body, literal, characters)
        characters -= length
    raise ValueError("a text with fewer characters")


def _mixed(answered: Answered, fields: Fields, exchange: Exchange) -> list[Edit]:
    """Calls beside the agent's own, and their outputs; nothing where the agent's are not there."""
    place = fields.get("tool_calls")
    if place is None or not elements_at(answered.body, place):
        return []
    leading, others = exchange.elements[: exchange.leading], exchange.elements[exchange.leading :]
    edits = [after(answered.message[1], exchange.results)]
    if leading:
        edits.append(prepended(place, leading, empty=False))
    if others:
        edits.append(appended(answered.body, place, others))
    return edits
