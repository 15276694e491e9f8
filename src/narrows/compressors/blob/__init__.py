"""Base64 data that nobody reads: images, archives, programs, sounds, as `data:` addresses, attachments or bare.

    [narrows: 1 run of base64 data left out, 96424 of 96512 characters; a mark in its place, ...]
    <img alt="login page" src="data:image/png;base64,
    [narrows: 96424 base64 characters left out here: image/png, 72318 bytes, blake3 5f0c9a3d41e2b7c8]
    ">

Text of which most is such data loses it at the level `balanced`, each run for a mark that says its length, what it is
and its digest, so that equal data stay equal. Everything else stays to the letter. So does whatever may be an answer:
data that neither its own first bytes nor an address names, hence every key, token and certificate; and the output of a
command that encodes (`base64 x.png`). JSON has a form of its own.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from blake3 import blake3

from narrows.compressors import marks, tools
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.policy import Kind, Level

LEAST = 512
"""Characters of the shortest run that is left out."""
PROBES = 32
PROBE_CHARACTERS = 100
LEAST_PROBES = 8
"""A look at so many places, evenly spread, of which so many must hold nothing but base64: what is not mostly data is
refused before it is read."""
LEAST_SHARE = 0.5
"""The share of a text's characters that the runs must have."""

_BEGINNINGS = (
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF.{4}WEBP", "image/webp"),
    (rb"RIFF.{4}WAVE", "audio/wav"),
    (rb"(?:II\*\x00|MM\x00\*)", "image/tiff"),
    (rb"%PDF-", "application/pdf"),
    (rb"PK\x03\x04", "application/zip"),
    (rb"\x1f\x8b\x08", "application/gzip"),
    (rb"\x28\xb5\x2f\xfd", "application/zstd"),
    (rb"BZh[1-9]", "application/x-bzip2"),
    (rb"\xfd7zXZ\x00", "application/x-xz"),
    (rb"\x7fELF", "application/x-elf"),
    (rb"wOF[F2]", "font/woff"),
    (rb"OggS", "audio/ogg"),
    (rb"ID3", "audio/mpeg"),
    (rb".{4}ftyp", "video/mp4"),
)
_KNOWN = tuple((re.compile(pattern, re.DOTALL), media) for pattern, media in _BEGINNINGS)
_ENCODERS = frozenset({"base64", "base32", "basenc", "openssl", "uuencode", "certutil"})
_LETTERS = "[A-Za-z0-9+/]"
_ADDRESS = re.compile(r"data:([A-Za-z0-9./+-]{0,80})(?:;[A-Za-z]+=[\w.-]{1,40})?;base64,\Z")
_UNREADABLE = re.compile(r"(?:image|audio|video|font)/[a-z0-9.+-]+\Z")
_ADDRESS_CHARACTERS = 160
_RUN = re.compile(
    rf"(?<!{_LETTERS}){_LETTERS}{{{LEAST},}}={{0,2}}"
    rf"|^(?:{_LETTERS}{{60,76}}\r?\n){{7,}}(?:{_LETTERS}{{1,76}}={{0,2}}(?=\r?$))?",
    re.MULTILINE,
)
_ONLY_BASE64 = re.compile(rf"(?:{_LETTERS}|[=\r\n])+\Z")
_HEAD = re.compile(
    r"\[narrows: ([1-9][0-9]*) runs? of base64 data left out, ([1-9][0-9]*) of [1-9][0-9]* characters; "
    r"a mark in (?:its|their) place, the line ends around it ours\]"
)
_MARK = re.compile(
    r"^\[narrows: ([1-9][0-9]*) base64 characters left out here: "
    r"[a-z]+/[a-z0-9.+-]+, [0-9]+ bytes, blake3 [0-9a-f]{16}\]$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Run:
    """Base64 at a place of the text, and what it is data of."""

    start: int
    stop: int
    media: str


class BlobCompressor:
    """The compressor of `Kind.BLOB`."""

    kind = Kind.BLOB

    def sniff(self, source: Source) -> Verdict:
        return Verdict.EXACT if source.once(_runs) else Verdict.NO

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        text = source.text
        if "[narrows:" in text:
            return Kept(Reason.LOOKS_LIKE_OURS, Kind.BLOB)
        runs = source.once(_runs)
        if not runs:
            return Kept(Reason.GRAMMAR, Kind.BLOB)
        if level is Level.LOSSLESS:
            return Kept(Reason.NOTHING_TO_SAVE, Kind.BLOB, "data has no lossless form")
        pieces: list[str] = []
        position = 0
        for run in runs:
            pieces += (text[position : run.start], _mark(text[run.start : run.stop], run.media))
            position = run.stop
        pieces.append(text[position:])
        left_out = sum(run.stop - run.start for run in runs)
        counted = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        place = "its place" if len(runs) == 1 else "their place"
        words = f"{counted} of base64 data left out, {left_out} of {len(text)} characters; "
        words += f"a mark in {place}, the line ends around it ours"
        return Compressed(Kind.BLOB, "\n".join([marks.mark(words), *pieces]), lossless=False, summary=words)

    def is_output(self, text: str) -> bool:
        head, _, body = text.partition("\n")
        said = _HEAD.fullmatch(head)
        if said is None:
            return False
        left_out = [int(found[1]) for found in _MARK.finditer(body)]
        return len(left_out) == int(said[1]) and sum(left_out) == int(said[2])

    def expand(self, text: str) -> str | None:  # noqa: ARG002 - the interface has it
        return None


COMPRESSOR = BlobCompressor()


def _mark(run: str, media: str) -> str:
    letters = len(run) - run.count("\n") - run.count("\r") - run.count("=")
    digest = blake3(run.encode()).hexdigest()[:16]
    return marks.mark(f"{len(run)} base64 characters left out here: {media}, {letters * 3 // 4} bytes, blake3 {digest}")


def _runs(source: Source) -> list[Run]:
    """The runs that are known data, if most of the text is; else none."""
    text = source.text
    if len(text) < LEAST or text[0] in "{[" or not _could_be(text):
        return []
    found = []
    for run in _RUN.finditer(text):
        stop = run.end() - len(run[0]) + len(run[0].rstrip("\r\n"))
        media = _media(text, run.start())
        if media:
            found.append(Run(run.start(), stop, media))
    if sum(run.stop - run.start for run in found) < LEAST_SHARE * len(text):
        return []
    return [] if _ENCODERS.intersection(source.once(tools.commands)) else found


def _could_be(text: str) -> bool:
    places = [len(text) * probe // PROBES for probe in range(PROBES)]
    probes = [text[place : place + PROBE_CHARACTERS] for place in places]
    return sum(_ONLY_BASE64.match(probe) is not None for probe in probes) >= LEAST_PROBES


def _media(text: str, start: int) -> str:
    """What the data at this place is: as its address says, which the first bytes must confirm where it may be text;
    without an address by its first bytes; empty where it stays."""
    first = base64.b64decode(text[start : start + 24])
    known = next((media for pattern, media in _KNOWN if pattern.match(first)), "")
    address = _ADDRESS.search(text, max(0, start - _ADDRESS_CHARACTERS), start)
    if address is None or address[1] == known:
        return known
    return address[1] if _UNREADABLE.match(address[1]) else ""
