"""HTML pages that a tool fetched to be read: their text, with headings, lists, rows, code, fields and links.

    [narrows: HTML page as text in 7 lines, all text that its markup does not hide; left out: 9 scripts, ...]
    title: Rate limits
    canonical: https://docs.example.org/limits

    # Rate limits
    Every key may ask [60 times](/plans) a minute.
    | plan | a minute
    | free | 60

Most of such a page is scripts, styles and attributes. What people see of it stays, in its order and with the addresses
of its links; what is left out is counted by class. There is no way back, so this is for the level `balanced` only, and
for calls of which it is known that they fetched a page from elsewhere to be read (`tools.fetches_page`; the policy says
by which sorts of tools). A page that is a file of the agent's own work, or that its own machine serves, is markup that
it writes, and stays as it is.

A page counts as one where it begins as HTML does and can be read without doubt: what no two readers read alike is kept,
as is a page that hides more than it shows, or shows next to nothing, because then what matters may be in its scripts.
"""

from __future__ import annotations

import re

from narrows.compressors import marks, tools
from narrows.compressors.html_page import addresses, page, pieces
from narrows.compressors.html_page.reading import LeftOut, Page
from narrows.compressors.html_page.rows import OddPageError
from narrows.compressors.html_page.writing import ADDRESS, ADDRESS_END, signed
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level, Pages

LEAST_CHARACTERS, LEAST_SHARE = 200, 0.05
"""Characters of text, white space not counted, or a share of its own that a page must show."""
PREAMBLE_CHARACTERS = 16_384
"""Of what a fetching program says before the page."""

_BEGINS = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*|<!--(?:[^-]|-(?!->)){0,2000}-->\s*)*<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE
)
_PREAMBLE = re.compile(r"(?:HTTP/\d[^\n]*\n(?:[A-Za-z][\w-]*:[^\n]*\n)*\r?\n)+|  % Total [^<]*(?=<)")
_NUMBER = re.compile(f"{ADDRESS}([0-9]+){ADDRESS_END}")
_HEAD = re.compile(
    r"\[narrows: HTML page as text in ([1-9][0-9]*) lines?, all text that its markup does not hide(?:; .*)?\]"
)
_REACHES = re.compile(r"^(?:> |  )*\| (?:.*\| )?[\^<](?: \||$)", re.MULTILINE)
_ADDRESS_HELP = "&1 names an address, *1 repeats it"
_CLASSES = (
    ("scripts", "script", "scripts"),
    ("styles", "style sheet", "style sheets"),
    ("comments", "comment", "comments"),
    ("heads", "meta or link tag", "meta or link tags"),
    ("drawings", "drawing", "drawings"),
    ("hidden", "hidden element", "hidden elements"),
    ("images", "image address", "image addresses"),
    ("unaddressed", "link that runs a script or leads nowhere", "links that run a script or lead nowhere"),
    ("in_code", "link within code to a place of the page", "links within code to places of the page"),
)


class HtmlPageCompressor:
    """The compressor of `Kind.HTML`."""

    kind = Kind.HTML

    def sniff(self, source: Source) -> Verdict:
        call = source.tool_call
        fetched = call is not None and begins_as_page(source.text) and tools.fetches_page(call, Pages.ALL)
        return Verdict.YES if fetched else Verdict.NO

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        text = source.text
        if self.sniff(source) is Verdict.NO:
            return Kept(Reason.NEVER_SHORTENED, Kind.HTML, "no call fetched it to be read")
        if source.once(marks.stand_in):
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.HTML)
        if level is Level.LOSSLESS:
            return Kept(Reason.NOTHING_TO_SAVE, Kind.HTML, "a page has no lossless form")
        try:
            return _written(text)
        except OddPageError as error:
            return Kept(Reason.GRAMMAR, Kind.HTML, str(error))

    def is_output(self, text: str) -> bool:
        head, _, body = text.partition("\n")
        said = _HEAD.fullmatch(head)
        return said is not None and not marks.has_mark(body) and body.count("\n") + 1 == int(said[1])

    def expand(self, text: str) -> str | None:  # noqa: ARG002 - the interface has it
        return None


COMPRESSOR = HtmlPageCompressor()


def begins_as_page(text: str) -> bool:
    """Whether a text begins as an HTML document does, below the headers of an answer or a program's progress."""
    return _BEGINS.match(text, len(_preamble(text))) is not None


def _preamble(text: str) -> str:
    found = _PREAMBLE.match(text, 0, PREAMBLE_CHARACTERS)
    return "" if found is None else found[0]


def _written(text: str) -> Compressed | Kept:
    if pieces.is_odd(text):
        return Kept(Reason.GRAMMAR, Kind.HTML, "markup that not all read alike")
    before = _preamble(text)
    found = page.read(list(pieces.pieces(text[len(before) :].lstrip("\ufeff"))))
    least = min(LEAST_CHARACTERS, LEAST_SHARE * len(text))
    if found.characters < max(least, found.left_out.hidden_characters):
        return Kept(Reason.GRAMMAR, Kind.HTML, f"{found.characters} characters of text")
    said = addresses.write(found.addresses)
    lines = [signed(line) for line in found.lines]
    body = "\n".join([*before.rstrip().split("\n"), *found.about, "", *lines] if before else [*found.about, "", *lines])
    body = _NUMBER.sub(lambda number: f"]({said.each[int(number[1])]})", body)
    if marks.has_mark(body):
        return Kept(Reason.LOOKS_LIKE_OURS, Kind.HTML)
    count = body.count("\n") + 1
    words = f"HTML page as text in {count} {'line' if count == 1 else 'lines'}, all text that its markup does not hide"
    words += _left_out(found) + _signs(body, said)
    return Compressed(Kind.HTML, f"{marks.mark(words)}\n{body}", lossless=False, summary=f"{count} lines of a page")


def _left_out(found: Page) -> str:
    """What the head line says of it."""
    gone: LeftOut = found.left_out
    said = []
    for name, one, many in _CLASSES:
        count = getattr(gone, name)
        if count:
            said.append(f"{count} {one if count == 1 else many}")
            if name == "hidden":
                said[-1] += f" with {gone.hidden_characters} characters"
    counted = f"; left out: {', '.join(said)}" if said else ""
    counted += f"; of {gone.tags} tags with {gone.attributes} attributes only what stands here"
    return counted + (f"; the source breaks off inside a {found.cut}" if found.cut else "")


def _signs(body: str, said: addresses.Written) -> str:
    """Our signs that need a word: those that no other text has."""
    words = f"; {_ADDRESS_HELP}" if said.named else ""
    words += f'; ~ begins an address with "{said.beginning}"' if said.beginning else ""
    return words + (
        "; ^ in a row: the cell above reaches here, <: the one to the left" if _REACHES.search(body) else ""
    )
