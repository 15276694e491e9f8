"""What every part of the framing shares: the ways a message can end, the limits, and the reasons to refuse one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

MAX_HEAD_BYTES = 65_536
"""A head's limit where the caller has no better one."""
MAX_TARGET_BYTES = 16_384
MAX_VALUE_BYTES = 32_768
MAX_NAME_BYTES = 256
MAX_FIELDS = 200
MAX_LENGTH_DIGITS = 18
MAX_CHUNK_LINE_BYTES = 1_024
MAX_TRAILER_BYTES = 8_192


class Fault(StrEnum):
    """Why bytes were refused."""

    HEAD_TOO_LARGE = "head_too_large"
    LINE_TOO_LONG = "line_too_long"
    TOO_MANY_FIELDS = "too_many_fields"
    LINE_END = "bare_cr_or_lf"
    CONTROL_CHARACTER = "control_character"
    REQUEST_LINE = "bad_request_line"
    METHOD = "method_not_allowed_here"
    TARGET = "bad_target"
    STATUS_LINE = "bad_status_line"
    VERSION = "bad_version"
    FOLDED_LINE = "folded_line"
    FIELD_NAME = "bad_field_name"
    HOST = "bad_host"
    CONTENT_LENGTH = "bad_content_length"
    TRANSFER_ENCODING = "bad_transfer_encoding"
    BOTH_LENGTHS = "content_length_and_transfer_encoding"
    CONNECTION = "bad_connection"
    CHUNK_SIZE = "bad_chunk_size"
    CHUNK_END = "bad_chunk_end"
    TRAILER = "bad_trailer"


class FramingError(ValueError):
    """Bytes that are not one unambiguous HTTP/1.1 message. `reason` is the stable word; the text quotes no value."""

    def __init__(self, reason: Fault, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NoBody:
    """The message ends with its head."""


class Sized(Struct, frozen=True, gc=False):
    """Exactly `size` bytes follow, by Content-Length."""

    size: int


@dataclass(frozen=True, slots=True)
class Chunked:
    """Chunks follow (RFC 9112 section 7.1), up to a last chunk and a trailer section."""


@dataclass(frozen=True, slots=True)
class UntilClose:
    """The body of a response ends where its connection does."""


Framing = NoBody | Sized | Chunked | UntilClose

NO_BODY = NoBody()
CHUNKED = Chunked()
UNTIL_CLOSE = UntilClose()

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
"""One character of a field name or method (RFC 9110 section 5.6.2)."""
TEXT = rb"[\t\x20-\x7e\x80-\xff]"
"""One character of a field value: no control character but the tab."""

IS_TOKEN = re.compile(TOKEN + rb"++")

METHODS = rb"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
AUTHORITY = rb"(?:[0-9A-Za-z._~%\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
"""A host with an optional port; no userinfo."""
_IN_TARGET = rb"[!$-;=?-\[\]_a-z{|}~]{0,%d}+" % MAX_TARGET_BYTES
TARGET = rb"/" + _IN_TARGET + rb"|(?i:https?)://" + AUTHORITY + rb"(?:[/?]" + _IN_TARGET + rb")?|\*"

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields of one connection, not of the message (RFC 9110 section 7.6.1; RFC 9112 appendix C.2.2)."""
