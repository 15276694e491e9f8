"""JSON that stands inside a JSON string: a policy, a template, the answer that a server of tools passes on.

Such a string is written as the values it holds: `json{...}` where it had no space, `json {...}` where one followed
every comma and colon, `json2{...}` where it stood on lines indented by so many spaces, and `+"\\n"` behind it for line
ends. It is recognised only where writing those values again gives the same string to the letter, and with no escape but
those that JSON demands: of others a reader could not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import dumps
from typing import TypeAlias

from narrows.compressors.json_rows.notation import quoted
from narrows.compressors.json_rows.reading import JsonValue, NotExact, Number, read

Container: TypeAlias = "dict[str, JsonValue] | list[JsonValue]"

MIN_CHARACTERS = 16
MAX_CHARACTERS = 1 << 20
MAX_LEVELS = 3
"""JSON inside JSON inside JSON; what lies deeper stays a string."""
TAIL = re.compile(r'"(?:\\n)+"')
_CONSTANTS = {None: "null", True: "true", False: "false"}
_INDENTED = re.compile(r"[{\[]\n( {1,8})(?! )")


@dataclass(frozen=True, slots=True)
class Held:
    """What a string holds: an object or array, its style (what stands between `json` and the value), and how many line
    ends follow."""

    value: Container
    style: str
    line_ends: int = 0

    def around(self, written: str) -> str:
        """The string, its value written as `written`."""
        return f"json{self.style}{written}" + ("+" + quoted("\n" * self.line_ends) if self.line_ends else "")


def held(text: str) -> Held | None:
    """What a string holds; None where it would not come back exactly."""
    if not MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS or text[0] not in "{[":
        return None
    whole = text.rstrip("\n")
    if not whole.endswith("}" if text[0] == "{" else "]"):
        return None
    try:
        documents = read(whole)
    except NotExact:
        return None
    value = documents.values[0]
    if documents.several or not isinstance(value, (dict, list)):
        return None
    style = next((style for style in _styles(whole) if plain(value, style) == whole), None)
    return None if style is None else Held(value, style, len(text) - len(whole))


def plain(value: JsonValue, style: str) -> str:
    """JSON text in this style."""
    if style in ("", " "):
        return _on_one_line(value, "," + style, ":" + style)
    return _on_lines(value, "\n", " " * int(style))


def _styles(text: str) -> tuple[str, ...]:
    """The styles in which the text may be, the likeliest first."""
    indented = _INDENTED.match(text)
    if indented:
        return (str(len(indented[1])),)
    return (" ", "") if '": ' in text else ("", " ")


def _on_one_line(value: JsonValue, comma: str, colon: str) -> str:
    if isinstance(value, dict):
        members = [f"{_literal(name)}{colon}{_on_one_line(member, comma, colon)}" for name, member in value.items()]
        return "{" + comma.join(members) + "}"
    if isinstance(value, list):
        return "[" + comma.join([_on_one_line(item, comma, colon) for item in value]) + "]"
    return _scalar(value)


def _on_lines(value: JsonValue, line: str, indent: str) -> str:
    """`line`: the line end before the value's last sign, with that line's indent."""
    inner = line + indent
    if isinstance(value, dict) and value:
        members = [f"{inner}{_literal(name)}: {_on_lines(member, inner, indent)}" for name, member in value.items()]
        return "{" + ",".join(members) + line + "}"
    if isinstance(value, list) and value:
        return "[" + ",".join([inner + _on_lines(item, inner, indent) for item in value]) + line + "]"
    return _on_one_line(value, ",", ":")


def _scalar(value: Number | str | bool | None) -> str:
    if isinstance(value, Number):
        return value
    return _literal(value) if isinstance(value, str) else _CONSTANTS[value]


def _literal(text: str) -> str:
    return dumps(text, ensure_ascii=False)
