"""Values on one line: JSON without the quotes it does not need.

Numbers, `true`, `false` and `null` stand as the source wrote them; `{name:value,...}` and `[value,...]` are objects and
arrays. A string stands without quotes only where nobody, model or decoder, could take it for anything else; every other
string is a JSON string, or stands between backticks without any escape where it would need some. docs/forms.md has the
grammar.
"""

from __future__ import annotations

import json
import re

NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_UNSEEN = r"\x00-\x1f\x7f-\xa0\xad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff\ufff9-\uffff"
_TAKEN = r",{}\[\]\"\\" + _UNSEEN
_KEY_TAKEN = _TAKEN + r":="
BARE = re.compile(rf"(?!(?:true|false|null|-|{NUMBER})\Z)(?![ `]|narrows:|[&*@][0-9])[^{_TAKEN}]+(?<! )\Z")
"""A string that needs no quotes: nothing of the notation's own, no end in a space, nothing unseen, not another type,
not the separator of lists, not the start of another form, and nothing that would make a line start like a mark."""
BARE_KEY = re.compile(rf"(?!narrows)(?! )[^{_KEY_TAKEN}]+(?<! )\Z")
RAW = re.compile(rf"[^`{_UNSEEN}]+\Z")
"""A string that can stand between backticks."""
_WORD = re.compile(r"[0-9A-Za-z]+\Z")
_LINE_BREAKERS = re.compile("[\x7f-\x9f\u2028\u2029]")


def quoted(text: str) -> str:
    """A JSON string; what some readers take for a line break is escaped too."""
    literal = json.dumps(text, ensure_ascii=False)
    if literal.isascii() and "\x7f" not in literal:
        return literal
    return _LINE_BREAKERS.sub(lambda found: f"\\u{ord(found[0]):04x}", literal)


def string(text: str) -> str:
    """A string value."""
    if BARE.match(text):
        return text
    if ('"' in text or "\\" in text) and RAW.match(text):
        return f"`{text}`"
    return quoted(text)


def piece(text: str) -> str:
    """A cell that holds a part of a string, so that nothing in it can be of another type."""
    return text if _WORD.match(text) else string(text)


def key(name: str) -> str:
    """A key of an object, or a column's name."""
    return name if BARE_KEY.match(name) else quoted(name)
