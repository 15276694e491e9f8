"""The judge of data left out: joins the pieces between the marks with the source's own runs, and looks at each run: its
length, its digest, its size by decoding it, and what it is by the address before it or by its first bytes."""

from __future__ import annotations

import base64
import random
import re

from blake3 import blake3
from hypothesis import strategies as st

from narrows.compressors.blob import COMPRESSOR
from tests.laws.kinds import KindUnderTest

_HEAD = re.compile(
    r"\[narrows: (\d+) (runs?) of base64 data left out, (\d+) of (\d+) characters; "
    r"a mark in (its|their) place, the line ends around it ours\]"
)
_MARK = re.compile(
    r"\n\[narrows: (\d+) base64 characters left out here: (\S+), (\d+) bytes, blake3 ([0-9a-f]{16})\](?:\n|\Z)"
)
BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "application/pdf": b"%PDF-1.7",
    "application/zip": b"PK\x03\x04",
    "application/gzip": b"\x1f\x8b\x08\x00",
    "application/x-elf": b"\x7fELF\x02",
    "video/mp4": b"\x00\x00\x00\x20ftyp",
    "image/webp": b"RIFF\x00\x01\x02\x03WEBP",
}


def check_truth(source: str, output: str) -> None:
    """Without the marks and with the runs the output is the source, and each mark says what its run is."""
    head, _, body = output.partition("\n")
    said = _HEAD.fullmatch(head)
    assert said, head
    pieces: list[str] = []
    position = left_out = count = 0
    for found in _MARK.finditer(body):
        pieces.append(body[position : found.start()])
        position = found.end()
        start = len("".join(pieces))
        run = source[start : start + int(found[1])]
        assert re.fullmatch(r"(?:[A-Za-z0-9+/]+\r?\n?)+={0,2}", run)
        assert blake3(run.encode()).hexdigest().startswith(found[4])
        letters = re.sub(r"[\r\n=]", "", run)
        usable = letters[: len(letters) - (len(letters) % 4 == 1)]
        data = base64.b64decode(usable + "=" * (-len(usable) % 4))
        assert len(data) == int(found[3])
        stated = re.search(r"data:([^;,]+)[^,]{0,60};base64,\Z", "".join(pieces))
        media = stated[1] if stated else next((one for one, first in BEGINNINGS.items() if data.startswith(first)), "")
        assert media == found[2], (media, found[0])
        pieces.append(run)
        left_out += len(run)
        count += 1
    pieces.append(body[position:])
    assert "".join(pieces) == source
    assert (int(said[1]), int(said[3]), int(said[4])) == (count, left_out, len(source))
    assert (said[2], said[5]) == (("run", "its") if count == 1 else ("runs", "their"))


def data(media: str, size: int, seed: int) -> str:
    """Base64 of bytes that begin as the media type's do."""
    return base64.b64encode(BEGINNINGS.get(media, b"\xfe") + random.Random(seed).randbytes(size)).decode()


def wrapped(text: str, width: int = 76, end: str = "\n") -> str:
    """In lines, as encoders and attachments have it."""
    return "".join(text[place : place + width] + end for place in range(0, len(text), width))


MEDIA = st.sampled_from((*BEGINNINGS, "text/plain"))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Pages, attachments and bare data, some of it of no known sort, some with a letter too many."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        media = draw(MEDIA)
        run = data(media, draw(st.sampled_from((3, 300, 500, 2000))), draw(st.integers(0, 99)))
        run = run[: len(run) - draw(st.sampled_from((0, 0, 0, 1, 2, 3)))]
        form = draw(st.integers(0, 3))
        if form == 0:
            run = f'<img src="data:{draw(MEDIA)};base64,{run}" alt="x">'
        elif form == 1:
            run = wrapped(run, draw(st.sampled_from((60, 64, 76, 80))), draw(st.sampled_from(("\n", "\r\n"))))
        elif form == 2:
            run = f"url('data:font/woff2;charset=utf-8;base64,{run}')"
        found.append(draw(st.sampled_from(("", "a\n", "\n\n", "-----BEGIN X-----\n"))) + run)
    return "\n".join([*found, draw(st.sampled_from(("", "end", "[narrows", "==")))])


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=texts(),
    examples=(
        (f'<p>Hi</p>\n<img src="data:image/png;base64,{data("", 6000, 1)}">\n', "balanced"),
        ("Content-Type: application/pdf\n\n" + wrapped(data("application/pdf", 6000, 2)), "balanced"),
        (data("image/jpeg", 6000, 3), "balanced"),
    ),
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
)
