"""Edits of JSON text that somebody else wrote: members and elements are added or replaced where they stand, and every
other byte stays (law 1). What is written anew is compact JSON, the same for the same values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import msgspec

from narrows.core import jsonscan, jsonstr
from narrows.core.edits import Edit, Span
from narrows.wire.items import Fields, Place, fields_of

_MOST_DIGITS = 15

Members = Sequence[tuple[str, bytes]]
"""Keys with the bytes of their values."""


def text_literal(text: str) -> bytes:
    """A JSON string; halves of surrogate pairs, which no UTF-8 can hold, are escaped."""
    try:
        return msgspec.json.encode(text)
    except UnicodeEncodeError:
        return json.dumps(text).encode()


def text_of(literal: bytes) -> str | None:
    """The text of a JSON string, halves of surrogate pairs included; None for another value."""
    try:
        return jsonstr.decode(literal)
    except ValueError:
        pass
    try:
        text = json.loads(literal)
    except (ValueError, RecursionError):
        return None
    return text if isinstance(text, str) else None


def json_bytes(text: str) -> bytes:
    """JSON text in UTF-8; halves of surrogate pairs in it are escaped."""
    return text.encode(errors="backslashreplace")


def count_of(literal: bytes) -> int | None:
    """A whole number of a sensible size; None for another value."""
    return int(literal) if literal.isdigit() and len(literal) <= _MOST_DIGITS else None


def joined(pieces: Iterable[str]) -> str:
    """One text; halves of surrogate pairs that were cut apart become characters again."""
    return "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def object_of(members: Members) -> bytes:
    """An object with these members."""
    return b"{%b}" % b",".join(b"%b:%b" % (text_literal(key), value) for key, value in members)


def array_of(elements: Iterable[bytes]) -> bytes:
    """An array of these elements."""
    return b"[%b]" % b",".join(elements)


def replaced(place: Place, value: bytes) -> Edit:
    """Another value at a place."""
    return Edit(Span(*place), value)


def document_of(body: bytes) -> Fields | None:
    """The members of a JSON object in UTF-8 by key; None for any other text."""
    try:
        if not body.isascii():
            body.decode()
        return fields_of(jsonscan.document(body))
    except ValueError:
        return None


def members_at(body: bytes, place: Place | None) -> list[tuple[str, bytes]]:
    """The members of an object with the bytes of their values; none of another value."""
    if place is None or body[place[0]] != b"{"[0]:
        return []
    return [(key, body[first:last]) for key, first, last in jsonscan.members(body, *place)]


def elements_at(body: bytes, place: Place | None) -> list[Place]:
    """The elements of an array; none of another value."""
    if place is None or body[place[0]] != b"["[0]:
        return []
    return jsonscan.elements(body, *place)


def appended(body: bytes, place: Place, elements: Iterable[bytes]) -> Edit:
    """Elements at the end of the array at a place."""
    there = elements_at(body, place)
    added = b",".join(elements)
    at = there[-1][1] if there else place[0] + 1
    return Edit(Span(at, at), b"," + added if there else added)


def prepended(place: Place, elements: Iterable[bytes], *, empty: bool) -> Edit:
    """Elements at the start of the array at a place; `empty`: it has none."""
    added = b",".join(elements)
    return Edit(Span(place[0] + 1, place[0] + 1), added if empty else added + b",")


def with_members(body: bytes, place: Place, members: Members) -> Edit:
    """More members at the end of the object at a place."""
    there = jsonscan.members(body, *place)
    added = object_of(members)[1:-1]
    at = there[-1][2] if there else body.index(b"{", place[0]) + 1
    return Edit(Span(at, at), b"," + added if there else added)
