"""JSON that stands inside a JSON string: a policy, a template, a second API's answer.

Such a string is written as the values it holds, `json{...}` where it had no space, `json {...}` where one followed
every comma and colon. It is recognised only where writing those values again gives the same string to the letter, and
with no escape but those that JSON demands: of others a reader could not know.
"""

from __future__ import annotations

from json import dumps
from typing import TypeAlias

from narrows.compressors.json_rows.reading import JsonValue, NotExact, Number, read

Container: TypeAlias = "dict[str, JsonValue] | list[JsonValue]"

MIN_CHARACTERS = 16
MAX_CHARACTERS = 1 << 20
MAX_LEVELS = 3
"""JSON inside JSON inside JSON; what lies deeper stays a string."""
TIGHT, SPACED = (",", ":"), (", ", ": ")
_ENDS = {"{": "}", "[": "]"}


def held(text: str) -> tuple[Container, bool] | None:
    """The object or array that a string holds, and whether it is spaced; None where it would not come back exactly."""
    if not MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS or _ENDS.get(text[0]) != text[-1]:
        return None
    spaced = '": ' in text
    try:
        documents = read(text)
    except NotExact:
        return None
    value = documents.values[0]
    if documents.several or not isinstance(value, (dict, list)):
        return None
    return (value, spaced) if plain(value, SPACED if spaced else TIGHT) == text else None


def plain(value: JsonValue, separators: tuple[str, str]) -> str:
    """JSON text with these signs after an item and after a key."""
    comma, colon = separators
    if isinstance(value, dict):
        members = [f"{_literal(name)}{colon}{plain(member, separators)}" for name, member in value.items()]
        return "{" + comma.join(members) + "}"
    if isinstance(value, list):
        return "[" + comma.join([plain(item, separators) for item in value]) + "]"
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return _literal(value)
    return {None: "null", True: "true", False: "false"}[value]


def _literal(text: str) -> str:
    return dumps(text, ensure_ascii=False)
