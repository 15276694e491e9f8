"""Says what is wrong with a head that the compiled pattern refused. Off the hot path, so it may walk the lines."""

from __future__ import annotations

import re
from typing import Never

from narrows.core.http1.framing import (
    IS_TOKEN,
    MAX_FIELDS,
    MAX_NAME_BYTES,
    MAX_TARGET_BYTES,
    MAX_VALUE_BYTES,
    METHODS,
    TARGET,
    Fault,
    FramingError,
)

FAULTY = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""A byte that no head can hold: a CR or LF alone, or a control character other than the tab."""


def explain_request(block: bytes) -> Never:
    """Raise what is wrong with a request's head that the pattern refused: first the bytes, then the lines in order."""
    line = _first_line(block)
    words = line.split(b" ")
    if len(words) != 3:
        raise FramingError(Fault.REQUEST_LINE, "the request line is not: method target version")
    if not re.fullmatch(METHODS, words[0]):
        raise FramingError(Fault.METHOD, f"the method is none of {METHODS.decode().replace('|', ', ')}")
    if not re.fullmatch(rb"HTTP/1\.[01]", words[2]):
        raise FramingError(Fault.VERSION, "the version is not HTTP/1.0 or HTTP/1.1")
    if len(words[1]) > MAX_TARGET_BYTES:
        raise FramingError(Fault.LINE_TOO_LONG, f"the target is longer than {MAX_TARGET_BYTES} bytes")
    if not re.fullmatch(TARGET, words[1]):
        raise FramingError(
            Fault.TARGET, "the target is no path, http(s) URL or *, or has a character that must be escaped"
        )
    _explain_fields(block, Fault.REQUEST_LINE)


def explain_response(block: bytes) -> Never:
    """Raise what is wrong with a response's head."""
    line = _first_line(block)
    if not line.startswith((b"HTTP/1.0 ", b"HTTP/1.1 ")):
        raise FramingError(Fault.VERSION, "the status line does not start with HTTP/1.0 or HTTP/1.1")
    if not re.fullmatch(rb"[1-9][0-9]{2}", line[9:12]) or line[12:13] not in {b"", b" "}:
        raise FramingError(Fault.STATUS_LINE, "the status is not three digits")
    _explain_fields(block, Fault.STATUS_LINE)


def _first_line(block: bytes) -> bytes:
    faulty = FAULTY.search(block)
    if faulty:
        refuse_faulty_byte(faulty)
    line, line_end, _ = block.partition(b"\r\n")
    if not line_end or len(line) > MAX_VALUE_BYTES:
        raise FramingError(Fault.LINE_TOO_LONG, "the start line has no end, or is too long")
    return line


def refuse_faulty_byte(faulty: re.Match[bytes]) -> Never:
    """Refuse what `FAULTY` found."""
    if faulty.group() in {b"\r", b"\n"}:
        raise FramingError(Fault.LINE_END, f"a bare CR or LF at byte {faulty.start()} of the head")
    raise FramingError(Fault.CONTROL_CHARACTER, f"a control character at byte {faulty.start()} of the head")


def _explain_fields(block: bytes, otherwise: Fault) -> Never:
    lines = block.split(b"\r\n")[1:-2]
    if len(lines) > MAX_FIELDS:
        raise FramingError(Fault.TOO_MANY_FIELDS, f"{len(lines)} fields; the limit is {MAX_FIELDS}")
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(b":")
        if line[:1] in {b" ", b"\t"}:
            raise FramingError(Fault.FOLDED_LINE, f"field {number} starts with a blank: folded lines are obsolete")
        if len(name) > MAX_NAME_BYTES or len(value) > MAX_VALUE_BYTES:
            raise FramingError(Fault.LINE_TOO_LONG, f"field {number} is too long")
        if not colon or not IS_TOKEN.fullmatch(name):
            raise FramingError(Fault.FIELD_NAME, f"field {number} has no valid name before a colon")
    raise FramingError(otherwise, "the head is malformed")
