"""One JSON string literal (RFC 8259, section 7): to text, and back in the style of the client that wrote it.

JSON writes the same text in many ways, and clients differ: Python escapes everything outside ASCII or nothing, Go
escapes `<`, `>` and `&`, PHP escapes `/`. A new literal follows the old one's habits, as far as they show in it, so
that what a body looks like stays the client's choice. The habits are a function of the old literal alone (law 4), and
whatever they are, the new literal decodes to the new text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

_TEXT = msgspec.json.Decoder(str)
_CODE_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
AROUND_BYTES = 4
"""What a string is counted for beside its text: its quotes, and about what stands between it and the next one."""
_CUT_BYTES = 5
"""What the rest of an escape that was cut in two may count too much."""
_ESCAPE = re.compile(rb'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SHORT_LETTER = {form[1]: character for character, form in _SHORT.items()}
_MUST_ESCAPE = '"\\\\\x00-\x1f'
_LINE_SEPARATORS = "\u2028\u2029"


def decode(literal: bytes) -> str:
    """The text of a literal, quotes included in `literal`.

    Raises:
        ValueError: no JSON string, no UTF-8, or a lone surrogate, which no UTF-8 text can hold.
    """
    if literal[:1] != b'"' or literal[-1:] != b'"':
        raise ValueError("not a JSON string literal")
    try:
        return _TEXT.decode(literal)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"not a readable JSON string literal: {error}") from error


def said_bytes(body: bytes, start: int, stop: int, enough: int) -> int:
    """The UTF-8 bytes of all string literals in `body[start:stop]`, names included: what is said there, however it is
    written. `start` stands outside of a string. Where they are `enough` or more, it may be any number from there on.
    A lone surrogate counts two bytes."""
    part = body[start : min(stop, start + 2 * enough)]
    counted = _said_bytes(part)
    if start + len(part) >= stop or counted >= enough + _CUT_BYTES:
        return counted
    return _said_bytes(body[start:stop])


def _said_bytes(part: bytes) -> int:
    escapes = 0
    if b"\\" in part:
        part = part.replace(b"\\\\", b"x").replace(b'\\"', b"x")
        part = _CODE_ESCAPE.sub(_said_by_code, part) if b"\\u" in part else part
        escapes = part.count(b"\\")  # all that are left have two bytes and say one
    strings = part.split(b'"')[1::2]
    return sum(map(len, strings)) + AROUND_BYTES * len(strings) - escapes


def _said_by_code(escape: re.Match[bytes]) -> bytes:
    """As many bytes as the character has; each half of a pair has two of its four."""
    code = int(escape[1], 16)
    return b"x" if code < 0x80 else b"xx" if code < 0x800 or 0xD800 <= code < 0xE000 else b"xxx"


def encode_like(literal: bytes, text: str) -> bytes:
    """A literal for `text` that escapes as `literal` does.

    What must be escaped takes the form the old literal uses for it, or the short one. `/`, and other characters that
    need no escape, are escaped where the old literal does so. Text outside ASCII is escaped where the old literal has
    some escaped and none raw. Hex digits are upper case where the old literal's are.

    Raises:
        ValueError: `text` holds a lone surrogate.
    """
    text.encode()
    habits = _habits(literal)
    body = re.sub(f"[{habits.pattern}]", lambda found: habits.escape(found[0]), text)
    return f'"{body}"'.encode()


@dataclass(frozen=True, slots=True)
class _Habits:
    """`forms`: the escape that the old literal uses for a character. `pattern`: the characters to escape, as the
    inside of a regular expression's class."""

    forms: dict[str, str]
    pattern: str
    upper: bool

    def escape(self, character: str) -> str:
        form = self.forms.get(character) or _SHORT.get(character)
        if form is not None:
            return form
        units = character.encode("utf-16-be").hex(" ", 2).split()
        return "".join(f"\\u{unit.upper() if self.upper else unit}" for unit in units)


def _habits(literal: bytes) -> _Habits:
    forms: dict[str, str] = {}
    digits = set()
    escapes_beyond_ascii = False
    for short, code in sorted(set(_ESCAPE.findall(literal)), reverse=True):
        if short:
            forms[_SHORT_LETTER[short.decode()]] = f"\\{short.decode()}"
            continue
        digits.update(code.decode())
        character = chr(int(code, 16))
        if character.isascii() or character in _LINE_SEPARATORS:
            forms.setdefault(character, f"\\u{code.decode()}")
        else:
            escapes_beyond_ascii = True
    optional = [one for one in forms if one not in _SHORT or one == "/"]
    pattern = _MUST_ESCAPE + "".join(re.escape(one) for one in sorted(optional) if not one.isalnum() and one >= " ")
    if escapes_beyond_ascii and literal.isascii():
        pattern += "\x80-\U0010ffff"
    return _Habits(forms, pattern, upper=bool(digits & set("ABCDEF")))
