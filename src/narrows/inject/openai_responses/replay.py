"""How an exchange goes into a Responses request: calls and outputs are items of their own.

An agent sends an answer again as its items, so an exchange goes between two of them; some join the texts of several
messages, which are then cut in two. Items are known by what they say, and by their id where they have one; an agent may
also send a reference in an item's place. Reasoning, and what the provider's own tools did, is not looked for where the
agent did not keep it; but a call whose reasoning is gone loses its id, for which the API would ask for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from narrows.agents.tools import CallOutput
from narrows.core.edits import Edit, Span
from narrows.inject.literals import offset_of
from narrows.inject.openai_responses.items import Item, Mark, literal_of, mark_of, without_id
from narrows.inject.places import document_of, elements_at, object_of, text_literal, text_of
from narrows.inject.splicing import Answered, after, before, inserted, placed, role_around
from narrows.inject.types import Exchange
from narrows.wire.items import Place, literal_at, text_at

_REFERENCE = "item_reference"
_ROLE = b'"assistant"'
Cursor = tuple[int, int]
"""A piece of the answer, and characters of its text."""


class _Piece(Struct, frozen=True, gc=False):
    """An item in the agent's copy of the answer, or one text of a message. `item`: which of all items it is in; `part`:
    its place in the message's content; `literal`: that of its text."""

    item: int
    mark: Mark
    calls: bool = False
    part: Place | None = None
    literal: Place | None = None


def result(element: bytes, output: CallOutput) -> bytes:
    """What a tool answered to a call."""
    call_id = literal_at(element, (document_of(element) or {}).get("call_id"))
    said = [("type", b'"function_call_output"'), ("call_id", call_id), ("output", text_literal(output.output))]
    return object_of(said)


def result_messages(results: Sequence[bytes]) -> list[bytes]:
    """The items that outputs are sent in."""
    return list(results)


def within(answered: Answered, group: Sequence[Exchange]) -> tuple[list[Edit], int]:
    """The edits that put exchanges into the agent's copy of an answer, and how many of them have their place there."""
    pieces = _pieces(answered)

    return placed(
        group,
        (0, 0),
        lambda said, cursor: _advanced(pieces, Mark.read(said), cursor),
        lambda cursor, exchanges: _cut(answered, pieces, cursor, exchanges),
        lambda cursor, exchange: _mixed(answered, pieces, cursor[0], exchange),
    )


def _pieces(answered: Answered) -> list[_Piece]:
    """What the agent's items from the answer on say, up to the next that is a user's."""
    body = answered.body
    found: list[_Piece] = []
    for number in range(answered.at, len(answered.messages)):
        fields = answered.fields(number)
        kind = text_at(body, fields.get("type")) or ("message" if "role" in fields else "")
        if not kind or (kind == "message" and text_at(body, fields.get("role")) != "assistant"):
            break
        place = answered.messages[number]
        if kind == "message":
            found += _texts(body, number, fields.get("content"), text_at(body, fields.get("id")) or "")
        else:
            found.append(_Piece(number, mark_of(body, place), Item(literal_at(body, place), {}).is_own))
    return found


def _texts(body: bytes, number: int, content: Place | None, identity: str) -> list[_Piece]:
    """The texts of a message; a part that is none stands alone."""
    if content is not None and body[content[0]] == b'"'[0]:
        return [_Piece(number, Mark("text", identity, text_of(literal_at(body, content)) or ""), literal=content)]
    found = []
    for place in elements_at(body, content):
        literal = literal_of(body, place)
        text = None if literal is None else text_of(literal_at(body, literal)) or ""
        mark = Mark("part", "", "") if text is None else Mark("text", identity, text)
        found.append(_Piece(number, mark, part=place, literal=literal))
    return found


def _advanced(pieces: Sequence[_Piece], said: Mark, cursor: Cursor) -> Cursor | None:
    """Where an item ends that begins here; None where another text stands here."""
    number, offset = cursor
    here = pieces[number].mark if offset == 0 and number < len(pieces) else None
    if here is not None and here.kind == _REFERENCE and here.id == said.id:
        return number + 1, 0
    if said.kind != "text":
        return (number + 1, 0) if here is not None and _is_same(said, here) else cursor
    text = said.value
    while text:
        if number == len(pieces) or pieces[number].mark.kind != "text":
            return None
        there = pieces[number].mark.value[offset:]
        if text.startswith(there):
            text, number, offset = text[len(there) :], number + 1, 0
        elif there.startswith(text):
            text, offset = "", offset + len(text)
        else:
            return None
    return number, offset


def _is_same(said: Mark, here: Mark) -> bool:
    """Whether the agent's item is the one that was said, as far as it tells."""
    if said.kind != here.kind:
        return False
    known = [(one, other) for one, other in ((said.id, here.id), (said.value, here.value)) if one and other]
    return not known or any(one == other for one, other in known)


def _cut(answered: Answered, pieces: Sequence[_Piece], cursor: Cursor, exchanges: Sequence[Exchange]) -> list[Edit]:
    """Exchanges behind so much of the agent's copy."""
    number, offset = cursor
    first, *more = exchanges
    whole = [one for exchange in more for one in (exchange.answer, *exchange.results)]
    if cursor == (0, 0):
        return [before(answered.message[0], [first.answer, *first.results, *whole])]
    items = [*_calls(first, pieces), *first.results, *whole]
    piece = pieces[number] if offset else pieces[number - 1]
    if not offset and (number == len(pieces) or pieces[number].item != piece.item):
        return [after(answered.messages[piece.item][1], items)]
    closing, opening = role_around(answered.fields(piece.item), "content", _ROLE)
    half, other = b"%b}" % closing, b'{%b"content":' % opening
    if offset and piece.literal is not None:
        at = offset_of(answered.body, piece.literal, offset)
        if piece.part is None:
            return [inserted(at, b",".join([b'"' + half, *items, other + b'"']))]
        return [inserted(at, b",".join([b'"}]' + half, *items, other + b'[{"type":"output_text","text":"']))]
    last, following = piece.part, pieces[number].part
    assert last is not None
    assert following is not None
    return [Edit(Span(last[1], following[0]), b",".join([b"]" + half, *items, other + b"["]))]


def _calls(exchange: Exchange, pieces: Sequence[_Piece]) -> Iterable[bytes]:
    """The client's calls, as they go beside the agent's copy of what stood before them."""
    reasoning = [mark for mark in map(Mark.read, exchange.said) if mark.kind == "reasoning"]
    kept = all(any(_is_same(mark, piece.mark) for piece in pieces) for mark in reasoning)
    return exchange.elements if kept else map(without_id, exchange.elements)


def _mixed(answered: Answered, pieces: Sequence[_Piece], start: int, exchange: Exchange) -> list[Edit]:
    """Calls beside the agent's own, and their outputs; nothing where the agent's are not there."""
    end = start
    while end < len(pieces) and pieces[end].calls:
        end += 1
    if start == end:
        return []
    calls = list(_calls(exchange, pieces))
    first, last = answered.messages[pieces[start].item], answered.messages[pieces[end - 1].item]
    edits = [after(last[1], [*calls[exchange.leading :], *exchange.results])]
    if exchange.leading:
        edits.append(before(first[0], calls[: exchange.leading]))
    return edits
