"""Strict HTTP/1.1 framing (RFC 9112): where a message ends, and nothing about what it means.

The rule: one reading or none. Request smuggling lives where two parsers read the same bytes differently, so everything
the RFC calls ambiguous, obsolete or "MAY accept" is refused, here, once: both Content-Length and Transfer-Encoding,
repeated or list-valued lengths, any coding but exactly `chunked`, bare CR or LF, folded lines, space before a colon,
control characters. The differential tests hold it to this: what is accepted here, llhttp and h11 accept, alike.

A head is judged whole, at C speed: one compiled pattern accepts or refuses the block, a second finds the few fields
that matter to framing. Calling Python for each header costs more than the rest of a proxied request. Only a refused
head is walked line by line, to say what is wrong with it.

Requests: methods of a closed set (llhttp's is closed too; CONNECT and TRACE have no business here); target in origin
form (`/path?query`), absolute form (http or https, no userinfo), or `*` with OPTIONS; visible ASCII without the
delimiters that RFC 3986 excludes, though `[]{|}` pass, as clients do send them. No empty line before the request line.
"""

from __future__ import annotations

from narrows.core.http1.chunks import ChunkDecoder, ChunkWalker
from narrows.core.http1.framing import (
    CHUNKED,
    HOP_BY_HOP,
    MAX_HEAD_BYTES,
    MAX_LENGTH_DIGITS,
    NO_BODY,
    UNTIL_CLOSE,
    Chunked,
    Fault,
    Framing,
    FramingError,
    NoBody,
    Sized,
    UntilClose,
)
from narrows.core.http1.heads import RequestHead, ResponseHead, head_end, parse_request_head, parse_response_head
from narrows.core.http1.known import KnownHeads

__all__ = [
    "CHUNKED",
    "HOP_BY_HOP",
    "MAX_HEAD_BYTES",
    "MAX_LENGTH_DIGITS",
    "NO_BODY",
    "UNTIL_CLOSE",
    "ChunkDecoder",
    "ChunkWalker",
    "Chunked",
    "Fault",
    "Framing",
    "FramingError",
    "KnownHeads",
    "NoBody",
    "RequestHead",
    "ResponseHead",
    "Sized",
    "UntilClose",
    "head_end",
    "parse_request_head",
    "parse_response_head",
]
