"""Exact byte spans of the members and elements of JSON text (RFC 8259).

Two ways give the same answer. The fast way lets msgspec split an object or array into raw values, which it validates
on the way, and recovers each value's place from the lengths: members stand one after the other, so a place is known
once everything before it is. It proves that itself: the members' lengths must add up to the object's (no white space
and no repeated key can hide), or else a walk must find each raw value, byte for byte, where its key says. The exact
way is a scanner of compiled token patterns that keeps its own stack. It is asked whenever the fast way says no,
because msgspec refuses what is valid JSON here (lone surrogates, deep nesting) and drops repeated keys silently, and
its word decides whether the text is JSON at all.

Neither looks at UTF-8: a caller decodes the whole body once. Both are linear. Many small values make them slow all the
same, so a caller may bound their `Effort`.
"""

from __future__ import annotations

import json
import re
import sys

import msgspec

from narrows.core.effort import Effort, OutOfEffortError

MAX_DEPTH = 10_000
"""Levels of nesting, the outermost container being the first; deeper text is not scanned."""

CROWDED_FROM_BYTES = 64 * 1024
CROWDED_BYTES = 8
"""An array of that size with a comma in every so many bytes is taken to hold too many elements for any effort: to count
them would be the cost that is to be bounded. Text has fewer; where it has not, little is lost."""

Member = tuple[str, int, int]
"""A key, decoded, and the half-open bytes of its value. Plain tuples, because a body has hundreds."""

Element = tuple[int, int]
"""The half-open bytes of one element."""

_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_RAW_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_REFUSALS = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)

_WS = rb"[ \t\n\r]*+"
# Its group is not possessive: before Python 3.11.5 (gh-106052) the failed last round would keep what it consumed.
_STRING = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*"'
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SPACE = re.compile(_WS)
_VALUE = re.compile(_WS + rb"(?:(?P<scalar>" + _STRING + rb"|" + _NUMBER + rb"|true|false|null)|[\[{])")
_KEY = re.compile(_WS + rb"(?P<key>" + _STRING + rb")" + _WS + rb":" + _WS)
_OBJECT_OPEN = re.compile(_WS + rb"\{")
_ARRAY_OPEN = re.compile(_WS + rb"\[")
_OBJECT_CLOSE = re.compile(_WS + rb"\}")
_ARRAY_CLOSE = re.compile(_WS + rb"\]")
_COMMA = re.compile(_WS + rb"," + _WS)
_OBJECT, _ARRAY = b"{"[0], b"["[0]
_CLOSE = {_OBJECT: _OBJECT_CLOSE, _ARRAY: _ARRAY_CLOSE}
_PLAIN_KEY = re.compile(rb'"([^"\\]*+)"' + _WS + rb":" + _WS)


class NotJsonError(ValueError):
    """The text is not JSON; `position` is the byte where it stops being so."""

    def __init__(self, position: int) -> None:
        super().__init__(f"not JSON from byte {position} on")
        self.position = position


class TooDeepError(ValueError):
    """The text nests more than `MAX_DEPTH` levels."""

    def __init__(self, position: int) -> None:
        super().__init__(f"more than {MAX_DEPTH} levels of nesting at byte {position}")
        self.position = position


class WrongTypeError(ValueError):
    """The text is JSON, but another kind of value."""


def document(body: bytes, effort: Effort | None = None) -> list[Member]:
    """The members of the object that `body` is, in the order of its bytes, repeated keys included.

    White space around it is allowed. All of it is validated.

    Raises:
        NotJsonError, TooDeepError: as they say; whichever comes first in the text.
        WrongTypeError: it is a value, but no object.
        OutOfEffortError: more would have to be done than the effort allows.
    """
    size = len(body)
    found = None if size > 2 * MAX_DEPTH and _may_exceed_depth(body) else _fast_members(body, 0, size, effort)
    if found is not None:
        return found
    _spend_on_exact(effort, found, size)
    return _exact_members(body, 0, size)


def is_value(text: bytes) -> bool:
    """Whether `text` is one JSON value, at most `MAX_DEPTH` deep, with nothing but white space around it. The exact
    way alone: for texts that other readers give up on."""
    try:
        _nothing_after(text, _value_end(text, 0, len(text), levels_open=0), len(text))
    except ValueError:
        return False
    return True


def members(body: bytes, start: int, stop: int, effort: Effort | None = None) -> list[Member]:
    """The same for an object inside a body that `document` has accepted.

    Raises:
        WrongTypeError: `body[start:stop]` is no object.
        OutOfEffortError: as `document`.
    """
    found = _fast_members(body, start, stop, effort)
    _spend_on_exact(effort, found, stop - start)
    return _exact_members(body, start, stop) if found is None else found


def elements(body: bytes, start: int, stop: int, effort: Effort | None = None) -> list[Element]:
    """The elements of an array inside a body that `document` has accepted.

    Raises:
        WrongTypeError: `body[start:stop]` is no array.
        OutOfEffortError: as `document`.
    """
    if effort is not None and _crowded(body, start, stop):
        raise OutOfEffortError
    found = _fast_elements(body, start, stop, effort)
    _spend_on_exact(effort, found, stop - start)
    return _exact_elements(body, start, stop) if found is None else found


def places(body: bytes, effort: Effort | None = None) -> dict[str, Element] | None:
    """The places of a body's members by key, where it is an object in which no key stands twice and no white space is
    left between its own tokens, of at most `2 * MAX_DEPTH` bytes; else None, and `document` tells more.

    Raises:
        OutOfEffortError: as `document`.
    """
    size = len(body)
    if size > 2 * MAX_DEPTH:
        return None
    try:
        raws = _RAW_OBJECT.decode(body)
    except _REFUSALS:
        return None
    if effort is not None:
        effort.spend(len(raws) + 1)
    found: dict[str, Element] = {}
    position = 1
    for key, raw in raws.items():
        first = position + len(key) + 3
        position = first + len(raw)
        found[key] = first, position
        position += 1
    return found if position == size and found else None


def objects(body: bytes, start: int, stop: int, effort: Effort | None = None) -> list[dict[str, Element]] | None:
    """For each element the places of its members by key, where all of them are objects in which no key stands twice and
    no white space is left between tokens, as most clients write them; else None, and `elements` and `members` tell
    more. `body` is one that `document` has accepted, and `body[start:stop]` an array inside it.

    Every such element is as long as its members, and whatever else could be there would make it longer, so the sum of
    all lengths proves all places.

    Raises:
        OutOfEffortError: as `document`.
    """
    try:
        rows = _RAW_OBJECTS.decode(memoryview(body)[start:stop])
    except _REFUSALS:
        return None
    if effort is not None:
        effort.spend(len(rows) + sum(map(len, rows)))
    found: list[dict[str, Element]] = []
    position = start + 1
    for row in rows:
        fields: dict[str, Element] = {}
        position += 1
        for key, raw in row.items():
            first = position + len(key) + 3
            position = first + len(raw)
            fields[key] = first, position
            position += 1
        found.append(fields)
        position += 1
    return found if position == stop and rows and all(rows) else None


def elements_after(body: bytes, position: int, stop: int, effort: Effort | None = None) -> list[Element]:
    """The elements that follow the one ending at `position`, in an array that ends at `stop`, inside a body that
    `document` has accepted.

    Raises:
        OutOfEffortError: as `document`.
    """
    separator = _COMMA.match(body, position, stop)
    if separator is None:
        return []
    offset = separator.end() - 1
    rest = b"[" + body[offset + 1 : stop]
    return [(first + offset, last + offset) for first, last in elements(rest, 0, len(rest), effort)]


def _spend_on_exact(effort: Effort | None, found: list[Member] | list[Element] | None, size: int) -> None:
    """Where the fast way gave up, a step for each byte: the exact one stops at every token."""
    if effort is not None and found is None:
        effort.spend(size)


def _crowded(body: bytes, start: int, stop: int) -> bool:
    size = stop - start
    return size >= CROWDED_FROM_BYTES and body.count(b",", start, stop) * CROWDED_BYTES > size


def _may_exceed_depth(body: bytes) -> bool:
    """Whether msgspec might accept more than `MAX_DEPTH` levels here, so that its word on depth is not enough.

    Its recursion is bounded by the interpreter's limit; from Python 3.14 on by the size of the stack, so there (and
    under a raised limit) brackets are counted, which bounds the depth from above.
    """
    if len(body) <= 2 * MAX_DEPTH or (sys.getrecursionlimit() <= MAX_DEPTH and sys.version_info < (3, 14)):
        return False
    return body.count(b"[") + body.count(b"{") > MAX_DEPTH


def _fast_members(body: bytes, start: int, stop: int, effort: Effort | None = None) -> list[Member] | None:
    try:
        raws = _RAW_OBJECT.decode(memoryview(body)[start:stop])
    except _REFUSALS:
        return None
    if effort is not None:
        effort.spend(len(raws) + 1)  # before their places are sought, which is most of the cost
    found: list[Member] = []
    position = start + 1
    for key, raw in raws.items():
        first = position + len(key) + 3
        position = first + len(raw)
        found.append((key, first, position))
        position += 1
    if position == stop and raws:  # no byte is left for white space, a repeated key, or a key that is written otherwise
        return found
    return _walk_members(body, start, stop, raws)


def _walk_members(body: bytes, start: int, stop: int, raws: dict[str, msgspec.Raw]) -> list[Member] | None:
    """The places by walking from member to member; None where the walk does not prove each of them."""
    opened = _OBJECT_OPEN.match(body, start, stop)
    if opened is None:
        return None
    found: list[Member] = []
    position = opened.end()
    for key, raw in raws.items():
        separator = _COMMA.match(body, position, stop) if found else _SPACE.match(body, position, stop)
        named = separator and _PLAIN_KEY.match(body, separator.end(), stop)
        if not named or named[1] != key.encode():
            return None
        position = named.end() + len(raw)
        if msgspec.Raw(body[named.end() : position]) != raw:
            return None
        found.append((key, named.end(), position))
    return found if _closes(body, position, stop, _OBJECT_CLOSE) else None


def _fast_elements(body: bytes, start: int, stop: int, effort: Effort | None = None) -> list[Element] | None:
    try:
        raws = _RAW_ARRAY.decode(memoryview(body)[start:stop])
    except _REFUSALS:
        return None
    if effort is not None:
        effort.spend(len(raws) + 1)
    found: list[Element] = []
    first = start + 1
    for raw in raws:
        last = first + len(raw)
        found.append((first, last))
        first = last + 1
    if first == stop and raws:  # no byte is left for white space
        return found
    return _walk_elements(body, start, stop, raws)


def _walk_elements(body: bytes, start: int, stop: int, raws: list[msgspec.Raw]) -> list[Element] | None:
    """As `_walk_members`; lengths are proof enough, because an array repeats no key."""
    opened = _ARRAY_OPEN.match(body, start, stop)
    if opened is None:
        return None
    found: list[Element] = []
    position = opened.end()
    for raw in raws:
        separator = _COMMA.match(body, position, stop) if found else _SPACE.match(body, position, stop)
        if separator is None:
            return None
        position = separator.end() + len(raw)
        found.append((separator.end(), position))
    return found if _closes(body, position, stop, _ARRAY_CLOSE) else None


def _closes(body: bytes, position: int, stop: int, close: re.Pattern[bytes]) -> bool:
    closed = close.match(body, position, stop)
    if closed is None:
        return False
    rest = _SPACE.match(body, closed.end(), stop)
    return rest is not None and rest.end() == stop


def _exact_members(body: bytes, start: int, stop: int) -> list[Member]:
    position = _open(body, start, stop, _OBJECT_OPEN)
    found: list[Member] = []
    while not (closed := _OBJECT_CLOSE.match(body, position, stop)):
        if found:
            position = _expect(_COMMA, body, position, stop).end()
        named = _expect(_KEY, body, position, stop)
        position = _value_end(body, named.end(), stop)
        found.append((_key_text(named["key"]), named.end(), position))
    _nothing_after(body, closed.end(), stop)
    return found


def _exact_elements(body: bytes, start: int, stop: int) -> list[Element]:
    position = _open(body, start, stop, _ARRAY_OPEN)
    found: list[Element] = []
    while not (closed := _ARRAY_CLOSE.match(body, position, stop)):
        if found:
            position = _expect(_COMMA, body, position, stop).end()
        first = _expect(_SPACE, body, position, stop).end()
        position = _value_end(body, first, stop)
        found.append((first, position))
    _nothing_after(body, closed.end(), stop)
    return found


def _open(body: bytes, start: int, stop: int, opening: re.Pattern[bytes]) -> int:
    """The byte after the opening bracket; the whole text is checked before another kind of value is reported."""
    if opened := opening.match(body, start, stop):
        return opened.end()
    _nothing_after(body, _value_end(body, start, stop, levels_open=0), stop)
    raise WrongTypeError("another kind of JSON value")


def _expect(pattern: re.Pattern[bytes], body: bytes, position: int, stop: int) -> re.Match[bytes]:
    found = pattern.match(body, position, stop)
    if found is None:
        raise NotJsonError(position)
    return found


def _nothing_after(body: bytes, position: int, stop: int) -> None:
    if _expect(_SPACE, body, position, stop).end() != stop:
        raise NotJsonError(position)


def _key_text(literal: bytes) -> str:
    if b"\\" not in literal:
        return literal[1:-1].decode(errors="surrogateescape")
    text: str = json.loads(literal.decode(errors="surrogateescape"))
    return text


def _value_end(body: bytes, position: int, stop: int, levels_open: int = 1) -> int:
    """The byte after the value that starts at `position` (white space before it is skipped)."""
    nesting = bytearray()
    while True:
        found = _expect(_VALUE, body, position, stop)
        position = found.end()
        if found["scalar"] is None:
            nesting.append(body[position - 1])
            if len(nesting) + levels_open > MAX_DEPTH:
                raise TooDeepError(position - 1)
            closed = _CLOSE[nesting[-1]].match(body, position, stop)
            if closed is None:
                if nesting[-1] == _OBJECT:
                    position = _expect(_KEY, body, position, stop).end()
                continue
            position = closed.end()
            nesting.pop()
        position = _after_value(body, position, stop, nesting)
        if not nesting:
            return position


def _after_value(body: bytes, position: int, stop: int, nesting: bytearray) -> int:
    """Close what closes here; where something stays open, the start of its next value."""
    while nesting:
        if closed := _CLOSE[nesting[-1]].match(body, position, stop):
            position = closed.end()
            nesting.pop()
            continue
        position = _expect(_COMMA, body, position, stop).end()
        return _expect(_KEY, body, position, stop).end() if nesting[-1] == _OBJECT else position
    return position
