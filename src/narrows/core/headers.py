"""Which fields of a message go on to the next hop, and what changes in them: almost nothing.

A proxy drops what belongs to one connection (RFC 9110 section 7.6.1: a fixed list, and every field that Connection
names), and a gateway asks for its upstream's host. Order, case, duplicates and values of the rest are the sender's, to
the byte; so these functions cut lines out of the raw block and never rebuild it. A chunked body goes on chunked, with
its own Transfer-Encoding line in its own place, unless the caller says it does not.
"""

from __future__ import annotations

import re

from narrows.core.http1 import HOP_BY_HOP, Chunked, RequestHead, ResponseHead

_NOTHING: frozenset[bytes] = frozenset()


def _line_pattern(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """A whole line of one of the names, with the LF before it instead of the one after it: a pattern that starts with a
    literal byte is searched for at the speed of a memory scan."""
    return re.compile(rb"\n(?i:" + b"|".join(map(re.escape, sorted(names))) + rb"):[^\r]*+\r(?=\n)")


_HOP_BY_HOP_LINE = _line_pattern(HOP_BY_HOP)
_HOP_BY_HOP_LINE_BUT_CODING = _line_pattern(HOP_BY_HOP - {b"transfer-encoding"})
_HOST_VALUE = re.compile(rb"(\n(?i:host):[ \t]*+)[^\r]*+")
_LENGTH_VALUE = re.compile(rb"(\n(?i:content-length):[ \t]*+)[^\r]*+")
_CODING_LINE = re.compile(rb"\n(?i:transfer-encoding):[^\r]*+")


def field(fields: bytes, name: bytes) -> bytes | None:
    """The first value of a field, without the blanks around it; None where there is none. Case of `name`: any."""
    values = field_values(fields, name)
    return values[0] if values else None


def field_values(fields: bytes, name: bytes) -> tuple[bytes, ...]:
    """Every value of a field, in order, each without the blanks around it."""
    wanted = name.lower() + b":"
    if wanted not in fields.lower():
        return ()
    return tuple(
        line[len(wanted) :].strip(b" \t") for line in fields.split(b"\r\n") if line[: len(wanted)].lower() == wanted
    )


def forward_request_fields(
    head: RequestHead,
    *,
    host: bytes,
    content_length: int | None = None,
    drop: frozenset[bytes] = _NOTHING,
    add: bytes = b"",
) -> bytes:
    """The field lines for the upstream, each with its CRLF.

    `content_length` is given when the body that goes on has another length than came, or comes out of chunks: it
    stands where the length or the coding stood. `drop`: further names to leave out, in lower case. `add`: whole lines,
    put last.
    """
    lines = b"\n" + head.fields
    chunked = isinstance(head.framing, Chunked)
    if content_length is not None:
        length = b"%d" % content_length
        if chunked:
            lines = _CODING_LINE.sub(b"\nContent-Length: " + length, lines, count=1)
        else:
            lines, found = _LENGTH_VALUE.subn(rb"\g<1>" + length, lines, count=1)
            if not found:
                add = b"Content-Length: " + length + b"\r\n" + add
    lines, found = _HOST_VALUE.subn(lambda match: match.group(1) + host, lines, count=1)
    if not found:
        lines = b"\nHost: " + host + b"\r" + lines
    lines = _without(lines, head.connection_names | drop, keep_coding=chunked and content_length is None)
    return lines[1:] + add


def forward_response_fields(
    head: ResponseHead, *, drop: frozenset[bytes] = _NOTHING, add: bytes = b"", dechunked: bool = False
) -> bytes:
    """The field lines for the client, each with its CRLF.

    `drop`: further names to leave out, in lower case. `add`: whole lines, put last. `dechunked`: the body is
    passed on without its chunk framing, as a client of HTTP/1.0 needs it.
    """
    fields = head.fields
    if head.end_to_end and not dechunked and not any(map(fields.lower().__contains__, drop)):
        return fields + add
    return _without(b"\n" + fields, head.connection_names | drop, keep_coding=not dechunked)[1:] + add


def _without(lines: bytes, names: frozenset[bytes], *, keep_coding: bool) -> bytes:
    """`lines`, which start with an LF, without the hop-by-hop ones and those in `names`."""
    lowered = lines.lower() if names else b""
    if any(name + b":" in lowered for name in names):
        kept = [line for line in lines[1:].split(b"\r\n") if line.partition(b":")[0].lower() not in names]
        lines = b"\n" + b"\r\n".join(kept)
    pattern = _HOP_BY_HOP_LINE_BUT_CODING if keep_coding else _HOP_BY_HOP_LINE
    return pattern.sub(b"", lines)
