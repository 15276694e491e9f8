"""Message heads: one pattern judges the whole block, one finds the few fields that matter to framing."""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec import Struct

from narrows.core.http1.explain import FAULTY, explain_request, explain_response, refuse_faulty_byte
from narrows.core.http1.framing import (
    AUTHORITY,
    CHUNKED,
    HOP_BY_HOP,
    IS_TOKEN,
    MAX_FIELDS,
    MAX_LENGTH_DIGITS,
    MAX_NAME_BYTES,
    MAX_VALUE_BYTES,
    METHODS,
    NO_BODY,
    TARGET,
    TEXT,
    TOKEN,
    UNTIL_CLOSE,
    Fault,
    Framing,
    FramingError,
    Sized,
)


class RequestHead(NamedTuple):
    """A request's head. `fields` are its raw field lines, each with its CRLF; `connection_names` the lower-case names
    that Connection declares hop-by-hop beyond the standard ones; `minor` is the 0 or 1 of HTTP/1.x.

    A named tuple, as a frozen dataclass of this size takes a microsecond to make: a third of the budget for a head.
    """

    method: bytes
    target: bytes
    minor: int
    fields: bytes
    framing: Framing
    keep_alive: bool
    expect_continue: bool
    upgrade: bool
    connection_names: frozenset[bytes]

    @property
    def origin_form(self) -> bytes:
        """The target as an origin server is asked for it: path and query, without scheme and authority; or `*`."""
        if self.target[:1] in {b"/", b"*"}:
            return self.target
        found = _PATH_OR_QUERY.search(self.target, self.target.index(b"://") + 3)
        rest = self.target[found.start() :] if found else b""
        return rest if rest[:1] == b"/" else b"/" + rest


class ResponseHead(Struct, frozen=True, gc=False):
    """A response's head; the fields as in `RequestHead`. A 1xx head has no body and is not the answer. `end_to_end`: no
    field is one of the connection's, but perhaps the Transfer-Encoding. `content_type` and `content_codings` are in
    lower case, and empty where they are not given; several fields are joined by commas."""

    status: int
    reason: bytes
    minor: int
    fields: bytes
    framing: Framing
    keep_alive: bool
    upgrade: bool
    connection_names: frozenset[bytes]
    end_to_end: bool = False
    content_type: bytes = b""
    content_codings: bytes = b""


_LINE = TOKEN + rb"{1,%d}+:" % MAX_NAME_BYTES + TEXT + rb"{0,%d}+\r\n" % MAX_VALUE_BYTES
_BLOCK = rb"(?:" + _LINE + rb"){0,%d}+\r\n" % MAX_FIELDS

_PATH_OR_QUERY = re.compile(rb"[/?]")
_REQUEST = re.compile(rb"(" + METHODS + rb") (" + TARGET + rb") HTTP/1\.([01])\r\n" + _BLOCK)
_RESPONSE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (" + TEXT + rb"{0,%d}+))?\r\n" % MAX_VALUE_BYTES + _BLOCK)

_FRAMING_FIELDS = re.compile(rb"\n(host|content-length|transfer-encoding|connection|expect|upgrade):[ \t]*+([^\r]*+)")
"""Searched in a lower-case copy of a valid block: the start line is before the first match, so no anchor is needed."""
_ANSWER_FIELDS = re.compile(
    rb"\n(content-(?:length|type|encoding)|" + b"|".join(map(re.escape, sorted(HOP_BY_HOP))) + rb"):[ \t]*+([^\r]*+)"
)
_NOT_OF_THE_CONNECTION = {b"content-length", b"content-type", b"content-encoding", b"transfer-encoding"}
ANSWER_NAMES = frozenset(_NOT_OF_THE_CONNECTION | HOP_BY_HOP)
"""The fields of an answer that are read here, in lower case."""
_HOST = re.compile(rb"(?:" + AUTHORITY + rb")?[ \t]*")
_LENGTH = re.compile(rb"(?:0|[1-9][0-9]{0,%d})[ \t]*" % (MAX_LENGTH_DIGITS - 1))


def head_end(buffer: bytes | bytearray, limit: int, scanned: int = 0) -> int:
    """The index after the blank line that ends a head, or -1 while more is needed.

    `scanned`: so many bytes at the front are known, from the call before, to hold no end; saves looking at them again.
    An unfinished head is refused at once for what can never become one: bare CR or LF, control characters.

    Raises:
        FramingError: the head is longer than `limit` bytes, or faulty as said.
    """
    end = buffer.find(b"\r\n\r\n", scanned - 3 if scanned > 3 else 0, limit)
    if end >= 0:
        return end + 4
    if len(buffer) >= limit:
        raise FramingError(Fault.HEAD_TOO_LARGE, f"the head is longer than {limit} bytes")
    faulty = FAULTY.search(buffer, max(scanned - 1, 0))
    if faulty:
        refuse_faulty_byte(faulty)
    return -1


def parse_request_head(block: bytes) -> RequestHead:
    """Read a request's head; `block` is everything from the start line to the blank line.

    Raises:
        FramingError: it is not one unambiguous HTTP/1.0 or 1.1 request.
    """
    match = _REQUEST.fullmatch(block)
    if match is None:
        explain_request(block)
    method, target, minor = match.group(1, 2, 3)
    if target == b"*" and method != b"OPTIONS":
        raise FramingError(Fault.TARGET, "the target * belongs to OPTIONS only")
    found = _framing_fields(block, _FRAMING_FIELDS)
    is_1_1 = minor == b"1"
    _check_host(found.get(b"host"), is_1_1)
    options = _connection_options(found)
    return RequestHead(
        method,
        target,
        1 if is_1_1 else 0,
        block[match.end(3) + 2 : -2],
        _framing(found, is_1_1) or NO_BODY,
        _keep_alive(options, is_1_1),
        is_1_1 and b"expect" in found and b"100-continue" in found[b"expect"],
        b"upgrade" in found and b"upgrade" in options,
        options - _STANDARD_OPTIONS,
    )


def parse_response_head(block: bytes, request_method: bytes) -> ResponseHead:
    """Read a response's head; `request_method` decides whether a body can follow (RFC 9112 section 6.3).

    Raises:
        FramingError: it is not one unambiguous HTTP/1.0 or 1.1 response.
    """
    match = _RESPONSE.fullmatch(block)
    if match is None:
        explain_response(block)
    minor, digits, reason = match.group(1, 2, 3)
    found = _framing_fields(block, _ANSWER_FIELDS)
    is_1_1 = minor == b"1"
    options = _connection_options(found) if b"connection" in found else _NO_OPTIONS
    status = int(digits)
    framing = _framing(found, is_1_1) or UNTIL_CLOSE
    if status < 200 or status == 204:
        _check_bodiless(framing)
        framing = NO_BODY
    elif status == 304 or request_method == b"HEAD":
        framing = NO_BODY
    return ResponseHead(
        status,
        reason or b"",
        1 if is_1_1 else 0,
        block[block.index(b"\n") + 1 : -2],
        framing,
        framing is not UNTIL_CLOSE and (_keep_alive(options, is_1_1) if options else is_1_1),
        b"upgrade" in options and b"upgrade" in found,
        options - _STANDARD_OPTIONS if options else options,
        found.keys() <= _NOT_OF_THE_CONNECTION,
        found.get(b"content-type", b""),
        found.get(b"content-encoding", b""),
    )


_STANDARD_OPTIONS = HOP_BY_HOP | {b"close"}
_NEVER_AN_OPTION = frozenset({b"host", b"content-length"})
_NO_OPTIONS = frozenset[bytes]()
_USUAL_OPTIONS = {
    None: _NO_OPTIONS,
    b"keep-alive": frozenset({b"keep-alive"}),
    b"close": frozenset({b"close"}),
}


def _framing_fields(block: bytes, pattern: re.Pattern[bytes]) -> dict[bytes, bytes]:
    """What the fields of a pattern say, names and values in lower case; repeated lists are joined."""
    found: list[tuple[bytes, bytes]] = pattern.findall(block.lower())
    fields = dict(found)
    if len(fields) < len(found):
        for name in fields:
            values = [value for other, value in found if other == name]
            if len(values) > 1 and name in _SINGULAR:
                raise FramingError(_SINGULAR[name], f"{len(values)} {name.decode()} fields; one is allowed")
            fields[name] = b",".join(values)
    return fields


_SINGULAR = {
    b"host": Fault.HOST,
    b"content-length": Fault.CONTENT_LENGTH,
    b"transfer-encoding": Fault.TRANSFER_ENCODING,
}


def _framing(found: dict[bytes, bytes], is_1_1: bool) -> Framing | None:
    length = found.get(b"content-length")
    coding = found.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise FramingError(Fault.BOTH_LENGTHS, "Content-Length and Transfer-Encoding in one head")
        if coding.rstrip(b" ") != b"chunked":
            raise FramingError(Fault.TRANSFER_ENCODING, "Transfer-Encoding must be exactly: chunked")
        if not is_1_1:
            raise FramingError(Fault.TRANSFER_ENCODING, "Transfer-Encoding in an HTTP/1.0 message")
        return CHUNKED
    if length is not None:
        if not _LENGTH.fullmatch(length):
            raise FramingError(Fault.CONTENT_LENGTH, "Content-Length must be one plain decimal number")
        return Sized(int(length))
    return None


def _check_bodiless(framing: Framing) -> None:
    """1xx and 204 must not announce a body (RFC 9110 section 8.6, 9112 section 6.1): parsers differ where they do."""
    if framing is CHUNKED:
        raise FramingError(Fault.TRANSFER_ENCODING, "Transfer-Encoding in a response that cannot have a body")
    if framing is not UNTIL_CLOSE and framing != Sized(0):
        raise FramingError(Fault.CONTENT_LENGTH, "a length in a response that cannot have a body")


def _keep_alive(options: frozenset[bytes], is_1_1: bool) -> bool:
    return b"close" not in options and (is_1_1 or b"keep-alive" in options)


def _connection_options(found: dict[bytes, bytes]) -> frozenset[bytes]:
    value = found.get(b"connection")
    usual = _USUAL_OPTIONS.get(value)
    if usual is not None or value is None:
        return usual or frozenset()
    options = frozenset(option for item in value.split(b",") if (option := item.strip(b" \t")))
    if not all(map(IS_TOKEN.fullmatch, options)):
        raise FramingError(Fault.CONNECTION, "Connection must be a list of field names")
    if options & _NEVER_AN_OPTION:
        raise FramingError(Fault.CONNECTION, "Connection names a field that belongs to the message")
    return options


def _check_host(host: bytes | None, is_1_1: bool) -> None:
    if host is None:
        if is_1_1:
            raise FramingError(Fault.HOST, "no Host field; an HTTP/1.1 request has exactly one")
    elif not _HOST.fullmatch(host):
        raise FramingError(Fault.HOST, "Host is not a host with an optional port")
