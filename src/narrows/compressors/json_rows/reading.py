"""JSON read strictly, without losing anything a shorter form must give back.

The grammar is RFC 8259 and nothing more (no NaN, no control characters in strings), for one document or several with
white space between them (JSON Lines among them). Numbers keep their text: `1.0`, `1e5` and 2^70 are not the same after
a trip through a float. A text that cannot be given back exactly is refused whole: a key twice in one object, a lone
surrogate, more nesting than `MAX_DEPTH`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from narrows.core import jsonscan

MAX_DEPTH = 64
"""Deeper texts are kept. Far under the interpreter's own limit, so that the answer never depends on the caller."""

SPACE = " \t\r\n"


class Number(str):
    """A number's text, as the source wrote it."""

    __slots__ = ()


JsonValue: TypeAlias = "Number | str | bool | list[JsonValue] | dict[str, JsonValue] | None"


@dataclass(frozen=True, slots=True)
class Documents:
    """What a text holds. `several`: more than one document, one after the other."""

    values: tuple[JsonValue, ...]

    @property
    def several(self) -> bool:
        return len(self.values) > 1


class NotExact(ValueError):
    """The text is not JSON that a shorter form could give back exactly; the message says why."""


def looks_whole(text: str) -> bool:
    """Whether `text` is JSON by its outline: an array or object, or several, checked at C speed.

    A yes is nearly proof; `read` refuses the rest (duplicate keys, lone surrogates).
    """
    whole = text.strip(SPACE)
    if not (whole.startswith(("{", "[")) and whole.endswith(("}", "]"))):
        return False
    try:
        msgspec.json.decode(whole, type=msgspec.Raw)
    except RecursionError:  # where that happens depends on the caller's stack, which must decide nothing
        return jsonscan.is_value(whole.encode()) or _several_look_whole(whole)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _several_look_whole(whole)
    return True


def read(text: str) -> Documents:
    """Every document in `text`.

    Raises:
        NotExact: not the strict grammar, or not to be given back exactly.
    """
    whole = text.strip(SPACE)
    values: list[JsonValue] = []
    position = 0
    try:
        while position < len(whole):
            value, position = _DECODER.raw_decode(whole, position)
            if not isinstance(value, (dict, list)):
                raise NotExact("a bare value between documents")
            values.append(value)
            position = _skip_space(whole, position)
    except RecursionError:
        raise NotExact(f"nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:
        raise NotExact(error.args[0]) from None
    if not values:
        raise NotExact("no document")
    if _is_deeper(values, MAX_DEPTH):
        raise NotExact(f"nested deeper than {MAX_DEPTH}")
    if not whole.isascii() or _SURROGATE_ESCAPE.search(whole):
        _refuse_lone_surrogates(values)
    return Documents(tuple(values))


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotExact("a key stands twice in one object")
    return members


def _refuse_constant(name: str) -> JsonValue:
    raise NotExact(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant
)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_CONTAINERS = frozenset((dict, list))
_SPACE_RUN = re.compile(r"[ \t\r\n]*")


def _skip_space(text: str, position: int) -> int:
    found = _SPACE_RUN.match(text, position)
    return found.end() if found else position


def _several_look_whole(whole: str) -> bool:
    """Several documents: one a line, or anywhere with white space between them."""
    first_line = whole.partition("\n")[0].rstrip(SPACE)
    if first_line.endswith(("}", "]")):
        try:
            msgspec.json.Decoder(msgspec.Raw).decode_lines(whole)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            pass
        else:
            return all(line.lstrip(SPACE)[:1] in ("{", "[", "") for line in whole.split("\n"))
    try:
        read(whole)
    except NotExact:
        return False
    return True


def _refuse_lone_surrogates(values: list[JsonValue]) -> None:
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotExact("a lone surrogate in a string") from None


def _is_deeper(values: list[JsonValue], limit: int) -> bool:
    """Whether any value nests deeper than `limit`; level by level, so that nothing recurses."""
    level = values
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)  # type: ignore[union-attr] # the level above holds containers alone
            if type(child) in _CONTAINERS
        ]
        if not level:
            return False
    return True
