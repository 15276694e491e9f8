"""How an exchange goes into a request of Anthropic's Messages API: outputs are blocks of the user turn that follows.

An agent keeps an answer as its blocks, so that its message is cut between two of them; some join texts, whose block is
then cut in two. A thinking block is known by its signature; one that the agent did not keep is not looked for. Outputs
come first in their turn, as the API demands.
"""

from __future__ import annotations

from collections.abc import Sequence

from narrows.agents.tools import CallOutput
from narrows.core.edits import Edit, Span
from narrows.inject.literals import offset_of
from narrows.inject.places import array_of, document_of, elements_at, object_of, prepended, text_literal, text_of
from narrows.inject.splicing import Answered, after, before, inserted, placed, role_around
from narrows.inject.types import Exchange
from narrows.wire.items import Fields, Place, literal_at, object_at, text_at

_TEXT = "text:"
Cursor = tuple[int, int]
"""A block of the answer, and characters of its text."""


def result(element: bytes, output: CallOutput) -> bytes:
    """What a tool answered to a call."""
    call_id = literal_at(element, (document_of(element) or {}).get("id"))
    return object_of([("type", b'"tool_result"'), ("tool_use_id", call_id), ("content", text_literal(output.output))])


def result_messages(results: Sequence[bytes]) -> list[bytes]:
    """The messages that outputs are sent in."""
    return [object_of([("role", b'"user"'), ("content", array_of(results))])]


def within(answered: Answered, group: Sequence[Exchange]) -> tuple[list[Edit], int]:
    """The edits that put exchanges into the agent's copy of an answer, and how many of them have their place there."""
    body, fields = answered.body, answered.fields(answered.at)
    if text_at(body, fields.get("role")) != "assistant" or "content" not in fields:
        return [], 0
    blocks = elements_at(body, fields["content"])
    marks = [_mark(body, object_at(body, place, None)) for place in blocks]

    return placed(
        group,
        (0, 0),
        lambda said, cursor: _advanced(marks, said, cursor),
        lambda cursor, exchanges: _cut(answered, (fields, blocks), cursor, exchanges),
        lambda cursor, exchange: _mixed(answered, _own_calls(blocks, marks, cursor[0]), blocks, exchange),
    )


def _own_calls(blocks: Sequence[Place], marks: Sequence[str], start: int) -> list[Place]:
    """The agent's calls from a block on."""
    return [place for place, mark in zip(blocks[start:], marks[start:], strict=True) if mark.startswith("tool_use:")]


def _mark(body: bytes, block: Fields) -> str:
    """What a block is known by, as `response` marks its own."""
    kind = text_at(body, block.get("type")) or ""
    key = {"text": "text", "thinking": "signature"}.get(kind, "id")
    return f"{kind}:{text_of(literal_at(body, block.get(key))) or ''}"


def _advanced(marks: Sequence[str], said: str, cursor: Cursor) -> Cursor | None:
    """Where a block ends that begins here; None where another text stands here."""
    number, offset = cursor
    if not said.startswith(_TEXT):
        return (number + 1, 0) if offset == 0 and number < len(marks) and marks[number] == said else cursor
    said = said.removeprefix(_TEXT)
    while said:
        if number == len(marks) or not marks[number].startswith(_TEXT):
            return None
        text = marks[number][len(_TEXT) + offset :]
        if said.startswith(text):
            said, number, offset = said[len(text) :], number + 1, 0
        elif text.startswith(said):
            said, offset = "", offset + len(said)
        else:
            return None
    return number, offset


def _cut(
    answered: Answered, content: tuple[Fields, Sequence[Place]], cursor: Cursor, exchanges: Sequence[Exchange]
) -> list[Edit]:
    """Exchanges behind so much of the agent's copy."""
    fields, blocks = content
    number, offset = cursor
    first, *more = exchanges
    whole = [one for exchange in more for one in (exchange.answer, *result_messages(exchange.results))]
    results = result_messages(first.results)
    if cursor == (0, 0):
        return [before(answered.message[0], [first.answer, *results, *whole])]
    calls = b",".join(first.elements)
    if number == len(blocks):
        return [inserted(blocks[-1][1], b"," + calls), after(answered.message[1], [*results, *whole])]
    closing, opening = role_around(fields, "content", b'"assistant"')
    half = b",%b]%b}" % (calls, closing)
    text = b",".join([half, *results, *whole, b'{%b"content":[' % opening])
    if offset:
        literal = object_at(answered.body, blocks[number], None)["text"]
        return [inserted(offset_of(answered.body, literal, offset), b'"}%b{"type":"text","text":"' % text)]
    return [Edit(Span(blocks[number - 1][1], blocks[number][0]), text)]


def _mixed(answered: Answered, own: Sequence[Place], blocks: Sequence[Place], exchange: Exchange) -> list[Edit]:
    """Calls beside the agent's own, and their outputs; nothing where the agent's calls and outputs are not there."""
    body, answer = answered.body, answered.fields(answered.at + 1)
    place = answer.get("content")
    if not own or text_at(body, answer.get("role")) != "user" or not elements_at(body, place) or place is None:
        return []
    leading, others = exchange.elements[: exchange.leading], exchange.elements[exchange.leading :]
    edits = [prepended(place, exchange.results, empty=False)]
    if leading:
        edits.append(before(own[0][0], leading))
    if others:
        edits.append(after(blocks[-1][1], others))
    return edits
