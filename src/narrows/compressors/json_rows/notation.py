"""Values on one line: JSON without the quotes it does not need.

Numbers, `true`, `false` and `null` stand as the source wrote them; `{name:value,...}` and `[value,...]` are objects and
arrays. A string stands without quotes only where nobody, model or decoder, could take it for anything else; every other
string is a JSON string. docs/forms.md has the grammar.
"""

from __future__ import annotations

import json
import re

from narrows.compressors.json_rows.reading import JsonValue, Number

NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_UNSEEN = r"\x00-\x1f\x7f-\xa0\xad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff\ufff9-\uffff"
_TAKEN = r",{}\[\]\"\\" + _UNSEEN
_KEY_TAKEN = _TAKEN + r":="
BARE = re.compile(rf"(?!(?:true|false|null|-|{NUMBER})\Z)(?!narrows:)(?! )[^{_TAKEN}]+(?<! )\Z")
"""A string that needs no quotes: nothing of the notation's own, no end in a space, nothing unseen, not another type,
not the separator of lists, and nothing that would make a line start like a mark."""
BARE_KEY = re.compile(rf"(?!narrows)(?! )[^{_KEY_TAKEN}]+(?<! )\Z")
_LINE_BREAKERS = re.compile("[\x7f-\x9f\u2028\u2029]")


def quoted(text: str) -> str:
    """A JSON string; what some readers take for a line break is escaped too."""
    literal = json.dumps(text, ensure_ascii=False)
    if literal.isascii() and "\x7f" not in literal:
        return literal
    return _LINE_BREAKERS.sub(lambda found: f"\\u{ord(found[0]):04x}", literal)


def string(text: str) -> str:
    """A string value."""
    return text if BARE.match(text) else quoted(text)


def key(name: str) -> str:
    """A key of an object, or a column's name."""
    return name if BARE_KEY.match(name) else quoted(name)


def inline(value: JsonValue) -> str:
    """Any value, on one line. Different values never look the same."""
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return string(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{key(name)}:{inline(member)}" for name, member in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([inline(item) for item in value]) + "]"
    return _CONSTANTS[value]


_CONSTANTS = {None: "null", True: "true", False: "false"}
