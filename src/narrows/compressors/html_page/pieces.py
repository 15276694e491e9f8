"""HTML in pieces: text, tags, comments and what a browser takes for no markup, as the HTML standard's tokenizer cuts it
(https://html.spec.whatwg.org/multipage/parsing.html#tokenization).

An own reader, because a decision must be the same under every Python (law 4): `html.parser` reads comments, titles and
scripts differently from one patch release to the next. One pass, no recursion: each search begins where the last one
ended, and what does not end by the end of the text ends the reading. Pages that use the standard's oddest corners
(`is_odd`) are not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_ODD = (
    re.compile(r"<(?:xmp|plaintext|frameset|noembed|noframes|listing)\b", re.IGNORECASE),
    re.compile(r"<!\[CDATA\["),
    re.compile(r"&#[xX]?[0-9a-fA-F]{8}"),
    re.compile(r"[\x00-\x08]"),
)
ODD_SCRIPT = re.compile(r"<!--.*<script", re.IGNORECASE | re.DOTALL)
RAW = frozenset({"script", "style", "title", "textarea", "iframe"})
"""Elements whose content is text up to their own end tag."""
VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
FOREIGN = frozenset({"svg", "math"})
"""Elements inside which `<x/>` is whole."""

_SPACE = r"[ \t\n\f\r]"
_NEXT = re.compile(r"<(?:(?P<closes>/)?(?P<name>[A-Za-z][^\t\n\f\r />]*)|(?P<comment>!--)|[!?]|/(?=[^A-Za-z]))")
_TAG = re.compile(
    rf"""([^<]*)<(/?)([A-Za-z][^\t\n\f\r />]*)"""
    rf"""([^>"'=]*(?:={_SPACE}*(?:"[^"]*"|'[^']*'|(?=[^"' \t\n\f\r]))[^>"'=]*)*)>"""
)
"""Text and the tag behind it, where all quotes are those of values; others are read step by step."""
_DOCTYPE = re.compile("<!doctype", re.IGNORECASE)
_STOP = re.compile(rf""">|={_SPACE}*(["'])""")
_COMMENT_END = re.compile(r"--!?>")
_RAW_END = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in RAW}
_ATTRIBUTE = re.compile(
    rf"""([^ \t\n\f\r/>][^ \t\n\f\r/>=]*)(?:{_SPACE}*={_SPACE}*("[^"]*"|'[^']*'|[^ \t\n\f\r>"'][^ \t\n\f\r>]*)?)?"""
)
_ANY_ATTRIBUTE = re.compile(_ATTRIBUTE.pattern.replace("(?:", "\0").replace("(", "(?:").replace("\0", "(?:"))
"""The same without groups, to be counted."""
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{0,31};)")


TEXT, OPEN, CLOSE, RAW_TEXT, COMMENT, CUT = range(6)
"""What a piece is; plain numbers, because there is one to every twenty characters of a page."""
Piece = tuple[int, str, str, str]
"""What it is; the element's name in small letters, or of a cut what it is inside of; of text the text, of an opening
tag what stands behind its name; of a raw element its content as well. A document type
passes for a comment that says so."""


def is_odd(text: str) -> bool:
    """Whether a text has what no page of today has, and what each reader reads in its own way."""
    return any(odd.search(text) is not None for odd in _ODD)


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a text in their order; references in them are not decoded."""
    position = foreign = 0
    while (found := _markup(text, position)) is not None:
        before, closes, name, rest, position = found
        if before:
            yield TEXT, "", before, ""
        if position < 0:
            break
        if not name:
            yield COMMENT, "", rest, ""
        elif closes:
            foreign = max(0, foreign - (name in FOREIGN))
            yield CLOSE, name, "", ""
        elif name in RAW and not (foreign and rest.endswith("/")):
            content, position = _raw(text, name, position)
            yield RAW_TEXT, name, rest, content
        else:
            yield OPEN, name, rest, ""
            foreign += name in FOREIGN
            if foreign and rest.endswith("/") and name not in VOID:
                foreign -= name in FOREIGN
                yield CLOSE, name, "", ""
        if position < 0:
            yield CUT, name, "", ""
            return
    if position < 0:
        yield CUT, "tag" if name else "comment", "", ""
        return
    yield TEXT, "", text[position:], ""


def _markup(text: str, position: int) -> tuple[str, str, str, str, int] | None:
    """The next tag or comment: the text before it, whether it closes, its name, what stands behind that, and where the
    text goes on, -1 where it ends inside. A comment has no name, and a document type says so in its stead."""
    tag = _TAG.match(text, position)
    if tag is not None:
        return tag[1], tag[2], tag[3].lower(), tag[4], tag.end()
    found = _NEXT.search(text, position)
    if found is None:
        return None
    before, name = text[position : found.start()], (found["name"] or "").lower()
    end = _tag_end(text, found.end()) if name else _comment_end(text, found)
    rest = text[found.end() : end - 1] if name else "doctype" * (_DOCTYPE.match(text, found.start()) is not None)
    return before, found["closes"] or "", name, rest, end


def _raw(text: str, name: str, start: int) -> tuple[str, int]:
    """The content of a raw element, and where the text goes on behind its end tag: -1 where it has none."""
    ended = _RAW_END[name].search(text, start)
    return text[start : ended.start() if ended else len(text)], _tag_end(text, ended.end()) if ended else -1


def attributes(rest: str) -> dict[str, str]:
    """The attributes behind a tag's name, decoded; of two with one name the first counts."""
    found: dict[str, str] = {}
    for one in _ATTRIBUTE.finditer(rest):
        value = one[2] or ""
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        found.setdefault(one[1].lower(), decoded_value(value) if "&" in value else value)
    return found


def count_of_attributes(rest: str) -> int:
    """How many there are, those with one name counted once each."""
    if not rest or rest.isspace():
        return 0
    return len(_ANY_ATTRIBUTE.findall(rest))


def decoded(text: str) -> str:
    """Text with its references decoded."""
    return unescape(text) if "&" in text else text


def decoded_value(value: str) -> str:
    """As `decoded` for an attribute, in which `&copy=1` is no reference."""
    return _REFERENCE.sub(lambda found: unescape(found[0]), value)


def _tag_end(text: str, start: int) -> int:
    """Behind the `>` of the tag whose name ends at `start`; -1 where the text ends first."""
    end = text.find(">", start)
    if end < 0:
        return -1
    if text.find('"', start, end) < 0 and text.find("'", start, end) < 0:
        return end + 1
    position = start
    while (stop := _STOP.search(text, position)) is not None:
        if stop[1] is None:
            return stop.end()
        quote = text.find(stop[1], stop.end())
        if quote < 0:
            return -1
        position = quote + 1
    return -1


def _comment_end(text: str, found: re.Match[str]) -> int:
    start = found.end()
    if not found["comment"]:
        return text.find(">", start) + 1 or -1
    for short in (">", "->"):
        if text.startswith(short, start):
            return start + len(short)
    ended = _COMMENT_END.search(text, start)
    return ended.end() if ended else -1
