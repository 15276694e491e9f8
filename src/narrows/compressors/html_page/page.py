"""A page read: its lines, its addresses, and what was left out of it.

One pass over the pieces, with a handler for each element that means something to a reader; all others are their text.
What depends on elements further out is a count of those that are open, never recursion.
"""

from __future__ import annotations

from narrows.compressors.html_page import blocks, fields, inline, tables
from narrows.compressors.html_page.hiding import Hidden, hides
from narrows.compressors.html_page.pieces import (
    CLOSE,
    COMMENT,
    CUT,
    ODD_SCRIPT,
    OPEN,
    RAW_TEXT,
    TEXT,
    VOID,
    Piece,
    attributes,
    count_of_attributes,
    decoded,
)
from narrows.compressors.html_page.reading import Close, Open, Page, Reading
from narrows.compressors.html_page.rows import OddPageError, data_tables


def read(found: list[Piece]) -> Page:
    """The page that the pieces are.

    Raises:
        OddPageError: it cannot be said for certain what it shows, or what belongs together.
    """
    page = Reading(found, data_tables(found))
    hidden: Hidden | None = None
    for page.at, piece in enumerate(found):
        sort, name, rest, content = piece
        if sort not in (TEXT, CLOSE):
            _count(page, piece)
        if hidden is not None:
            inside, hidden = _passed(page, hidden, piece)
            if inside:
                continue
        if sort == TEXT:
            _text(page, rest)
        elif sort == OPEN:
            hidden = _opened(page, name, rest)
        elif sort == CLOSE:
            _closed(page, name)
        elif sort == RAW_TEXT:
            _raw(page, name, rest, content)
    if hidden is not None:
        page.left_out.hidden_characters += hidden.characters
    return _finished(page)


def _passed(page: Reading, hidden: Hidden, piece: Piece) -> tuple[bool, Hidden | None]:
    """Whether a piece lies in the hidden element, and the element if it goes on."""
    inside = hidden.passes(piece, page.open)
    if inside and not hidden.over:
        return True, hidden
    page.left_out.hidden_characters += hidden.characters
    return inside, None


def _count(page: Reading, piece: Piece) -> None:
    """What is counted wherever it stands."""
    left_out = page.left_out
    sort, name, rest, content = piece
    if sort == COMMENT:
        left_out.comments += rest != "doctype"
    elif sort == CUT:
        page.page.cut = name
        left_out.comments += name == "comment"
    else:
        left_out.tags += 1
        left_out.attributes += count_of_attributes(rest)
        page.tables += name == "table"
    if sort == RAW_TEXT and name in ("style", "script"):
        left_out.styles += name == "style"
        left_out.scripts += name == "script"
        if name == "script" and ODD_SCRIPT.search(content):
            raise OddPageError("a script in a comment in a script")


def _text(page: Reading, raw: str) -> None:
    if page.open["svg"] and not (page.open["text"] or page.open["foreignobject"]):
        return
    text = decoded(raw)
    if page.in_cell and not page.in_cell[-1] and text and not text.isspace():
        raise OddPageError("text in a table outside of its cells")
    if text:
        page.writer.words(text)


def _opened(page: Reading, name: str, rest: str) -> Hidden | None:
    """What the tag opens, if that is hidden."""
    if name in blocks.BLOCKS:
        page.writer.end_line()
    void = name in VOID
    page.nesting.opened(name, void=void)
    if hides(name, rest):
        page.left_out.hidden += 1
        if not void:
            page.nesting.passed()
        return None if void else Hidden(name)
    if not void:
        page.open[name] += 1
    if (handler := _OPENED.get(name)) is not None:
        handler(page, name, attributes(rest))
    return None


def _closed(page: Reading, name: str) -> None:
    page.nesting.closed(name)
    if page.open[name]:
        page.open[name] -= 1
        if (handler := _CLOSED.get(name)) is not None:
            handler(page, name)
    if name in blocks.BLOCKS:
        page.writer.end_line()


def _raw(page: Reading, name: str, rest: str, content: str) -> None:
    page.nesting.opened(name, void=True)
    if name == "title" and not page.open["svg"]:
        page.say("title", decoded(content))
    elif name == "textarea":
        fields.text_area(page, rest, content)
    elif name == "iframe":
        inline.elsewhere(page, "iframe", attributes(rest))


def _meta(page: Reading, name: str, found: dict[str, str]) -> None:
    said = (found.get("name") or found.get("http-equiv") or "").lower()
    if said in ("description", "refresh") and found.get("content", "").strip():
        page.say(said, found["content"])
    else:
        page.left_out.heads += 1


def _relation(page: Reading, name: str, found: dict[str, str]) -> None:
    if found.get("rel", "").lower() == "canonical" and found.get("href"):
        page.say("canonical", found["href"])
    else:
        page.left_out.heads += 1


def _base(page: Reading, name: str, found: dict[str, str]) -> None:
    page.say(name, found.get("href", ""))


def _finished(page: Reading) -> Page:
    if "a" in page.nesting.stack:
        raise OddPageError("it breaks off inside a link")
    for name in reversed(tuple(page.nesting.stack)):  # the end of the page ends what is open
        _closed(page, name)
    page.writer.end_line()
    page.page.lines = page.writer.lines
    page.page.characters = len("".join("".join(page.writer.lines).split()))
    return page.page


_HEAD: dict[str, Open] = {"meta": _meta, "link": _relation, "base": _base}
_OPENED: dict[str, Open] = {**_HEAD, **blocks.OPENED, **inline.OPENED, **fields.OPENED, **tables.OPENED}
_CLOSED: dict[str, Close] = {**blocks.CLOSED, **inline.CLOSED, **fields.CLOSED, **tables.CLOSED}
