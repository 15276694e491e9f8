"""JSON between a few lines of something else: an answer below its HTTP headers or curl's progress, a program's warning
above its data, a code fence around it, a time or an exit code below.

Which lines are data is certain, because JSON's own grammar says where a document ends; all lines around it stay as they
are. So the document is shortened as if it stood alone, and on the way back it is found by our head line above it and by
its own end.

A few lines are no more than `MOST_LINES` and `MOST_CHARACTERS` on either side. A text in which more than that is not
JSON is something else, of which JSON is a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from narrows.compressors import marks
from narrows.compressors.json_rows import COMPRESSOR
from narrows.compressors.types import Source
from narrows.core import jsonscan

MOST_CHARACTERS = 4096
"""Above the document, and below it."""
MOST_LINES = 30
MOST_TRIED = 4
"""So many lines are tried as the document's first one, and as its last."""
LEAST_SHARE = 0.6
"""Of the text that the document is."""

_OPENS = re.compile(r"^[{\[]", re.MULTILINE)
_CLOSES = re.compile(r"[}\]](?=\r?$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Between:
    """A text in three pieces, the second of which is JSON; or, of an output, its short form."""

    above: str
    document: str
    below: str

    def around(self, document: str) -> str:
        """The same lines around another document."""
        return self.above + document + self.below


def found(source: Source) -> Between | None:
    """The document in a tool's output that is more than that; None where there is none, or too much else. A text of
    which no call is known may be a file."""
    text = source.text
    for start in _starts(text) if source.tool_call is not None else ():
        for stop in _stops(text, start):
            document = text[start:stop]
            if _is_json(document):
                above, below = text[:start], text[stop:]
                return Between(above, document, below) if above.strip() or below.strip() else None
    return None


def _is_json(text: str) -> bool:
    """Whether a text is one document, or one on each line, by its outline; at C speed also where it is not."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except RecursionError:  # where that happens depends on the caller's stack, which must decide nothing
        return jsonscan.is_value(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text.partition("\n")[0].rstrip().endswith(("}", "]")) and _on_each_line(text)
    return True


def _on_each_line(text: str) -> bool:
    try:
        msgspec.json.Decoder(msgspec.Raw).decode_lines(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return all(line.lstrip()[:1] in ("{", "[", "") for line in text.split("\n"))


def _starts(text: str) -> Iterator[int]:
    """Where a document may begin: with a line, not too far down."""
    for tried, match in enumerate(_OPENS.finditer(text, 0, min(len(text), MOST_CHARACTERS))):
        if tried == MOST_TRIED or text.count("\n", 0, match.start()) > MOST_LINES:
            return
        yield match.start()


def _stops(text: str, start: int, share: float = LEAST_SHARE) -> Iterator[int]:
    """Where one may end: with a line, not too far up; the last such place first. The same places of a document and of
    its short form, which ends with the same bracket: so few are tried on the way back, too."""
    least = max(start + int(share * len(text)), len(text) - MOST_CHARACTERS)
    ends = [match.end() for match in _CLOSES.finditer(text, least)]
    for stop in reversed(ends[-MOST_TRIED:]):
        if text.count("\n", stop) <= MOST_LINES:
            yield stop


def is_output(text: str) -> bool:
    """Whether `text` is a short form among other lines."""
    return shortened(text) is not None


def expand(text: str) -> str | None:
    """The source of a lossless output; None where `text` is not one."""
    between = shortened(text)
    document = None if between is None else COMPRESSOR.expand(between.document)
    return None if between is None or document is None else between.around(document)


def shortened(text: str) -> Between | None:
    """The same of an output: the lines above our head line, the short form, and the lines below it."""
    above, head, rest = _above(text)
    if not head:
        return None
    for stop in _stops(rest, 0, share=0):
        form = f"{head}\n{rest[:stop]}"
        if COMPRESSOR.is_output(form):
            return Between(above, form, rest[stop:])
    return None


def _above(text: str) -> tuple[str, str, str]:
    """What stands above the first mark of a text, the mark, and the rest; the mark is empty where there is none."""
    place = 0 if text.startswith(marks.PREFIX) else text.find("\n" + marks.PREFIX, 0, MOST_CHARACTERS + 1) + 1
    head, _, rest = text[place:].partition("\n")
    return (text[:place], head, rest) if marks.is_mark(head) else (text, "", "")
