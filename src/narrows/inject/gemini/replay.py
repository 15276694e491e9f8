"""How an exchange goes into a Gemini request: outputs are parts of the user content that follows.

An agent may keep each chunk's parts as they came, joined, or in contents of their own, so the text that was said is
followed through parts and contents, and the cut may fall between two of them or into the text of one. Thoughts that the
agent did not keep are not looked for; a part without text that only signs belongs to what stands before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from narrows.agents.tools import CallOutput
from narrows.core.edits import Edit, Span
from narrows.inject.gemini.runs import Run, run_of
from narrows.inject.literals import offset_of
from narrows.inject.places import array_of, document_of, elements_at, object_of, prepended, text_literal
from narrows.inject.splicing import Answered, after, before, inserted, placed, role_around
from narrows.inject.types import Exchange
from narrows.wire.items import Fields, Place, literal_at, object_at, text_at

_CALLS = ("functionCall", "function_call")
_ROLE = b'"model"'
Cursor = tuple[int, int]
"""A part of the answer, and characters of its text."""


class _Part(Struct, frozen=True, gc=False):
    """A part in the agent's copy of the answer. `content`: the place of its content among all; `run`: what it says."""

    content: int
    place: Place
    literal: Place | None
    run: Run
    calls: bool


def result(element: bytes, output: CallOutput) -> bytes:
    """What a tool answered to a call."""
    part = document_of(element) or {}
    call = object_at(element, next((part[key] for key in _CALLS if key in part), None), None)
    named = [(key, literal_at(element, call[key])) for key in ("id", "name") if key in call]
    response = object_of([("output", text_literal(output.output))])
    return object_of([("functionResponse", object_of([*named, ("response", response)]))])


def result_messages(results: Sequence[bytes]) -> list[bytes]:
    """The contents that outputs are sent in."""
    return [object_of([("role", b'"user"'), ("parts", array_of(results))])]


def within(answered: Answered, group: Sequence[Exchange]) -> tuple[list[Edit], int]:
    """The edits that put exchanges into the agent's copy of an answer, and how many of them have their place there."""
    body = answered.body
    if text_at(body, answered.fields(answered.at).get("role")) != "model":
        return [], 0
    parts = _parts(answered)

    return placed(
        group,
        (0, 0),
        lambda said, cursor: _advanced(parts, Run.read(said), cursor),
        lambda cursor, exchanges: _cut(answered, parts, cursor, exchanges),
        lambda cursor, exchange: _mixed(answered, [part for part in parts[cursor[0] :] if part.calls], exchange),
    )


def _parts(answered: Answered) -> list[_Part]:
    """The parts of the model's contents from the answer on."""
    body = answered.body
    found = []
    for number in range(answered.at, len(answered.messages)):
        fields = answered.fields(number)
        if text_at(body, fields.get("role")) != "model":
            break
        for place in elements_at(body, fields.get("parts")):
            part = object_at(body, place, None)
            literal = part.get("text")
            run = run_of(literal_at(body, literal), literal_at(body, part.get("thought")))
            found.append(_Part(number, place, literal, run, any(key in part for key in _CALLS)))
    return found


def _advanced(parts: Sequence[_Part], run: Run, cursor: Cursor) -> Cursor | None:
    """Where a run ends that begins here; None where another stands here."""
    number, offset = cursor
    said = run.text
    while said:
        part = parts[number] if number < len(parts) else None
        if part is None or part.calls or part.run.is_thought != run.is_thought:
            return cursor if run.is_thought else None
        text = part.run.text[offset:]
        if said.startswith(text):
            said, number, offset = said[len(text) :], number + 1, 0
        elif text.startswith(said):
            said, offset = "", offset + len(said)
        else:
            return None
    while offset == 0 and number < len(parts) and not parts[number].run.text and not parts[number].calls:
        number += 1
    return number, offset


def _cut(answered: Answered, parts: Sequence[_Part], cursor: Cursor, exchanges: Sequence[Exchange]) -> list[Edit]:
    """Exchanges behind so much of the agent's copy."""
    number, offset = cursor
    first, *more = exchanges
    whole = [one for exchange in more for one in (exchange.answer, *result_messages(exchange.results))]
    results = [*result_messages(first.results), *whole]
    if cursor == (0, 0):
        return [before(answered.message[0], [first.answer, *results])]
    calls = b",".join(first.elements)
    part = parts[number] if offset else parts[number - 1]
    fields = answered.fields(part.content)
    closing, opening = role_around(fields, "parts", _ROLE)
    half, other = b",%b]%b}" % (calls, closing), b'{%b"parts":[' % opening
    if offset and part.literal is not None:
        at = offset_of(answered.body, part.literal, offset)
        return [inserted(at, b",".join([b'"}' + half, *results, other + b'{"text":"']))]
    if number < len(parts) and parts[number].content == part.content:
        return [Edit(Span(part.place[1], parts[number].place[0]), b",".join([half, *results, other]))]
    return [inserted(part.place[1], b"," + calls), after(answered.messages[part.content][1], results)]


def _mixed(answered: Answered, own: Sequence[_Part], exchange: Exchange) -> list[Edit]:
    """Calls beside the agent's own, and their outputs; nothing where the agent's calls and outputs are not there."""
    if not own:
        return []
    answer: Fields = answered.fields(own[-1].content + 1)
    place = answer.get("parts")
    there = elements_at(answered.body, place)
    if place is None or not there or text_at(answered.body, answer.get("role")) not in ("user", "function", "tool"):
        return []
    count = exchange.leading
    edits = []
    if count:
        edits.append(before(own[0].place[0], exchange.elements[:count]))
        edits.append(prepended(place, exchange.results[:count], empty=False))
    if exchange.elements[count:]:
        edits += [after(own[-1].place[1], exchange.elements[count:]), after(there[-1][1], exchange.results[count:])]
    return edits
