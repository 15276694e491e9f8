"""Answers that the gateway gives itself: errors in the shape of the wire, and its own routes.

An error says in `x-narrows-error` that we made it, so that nobody looks for it at the provider; its body has the shape
that the wire's clients read, its status the one that makes official SDKs do the right thing (retry on 5xx and 408, not
on 4xx).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from narrows.errors import GatewayError
from narrows.wire.failures import openai_error
from narrows.wire.types import Wire

REQUEST_ID_FIELD = b"x-narrows-request-id"
ERROR_FIELD = b"x-narrows-error"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of ours. `extra` holds further field lines, each with its CRLF."""

    status: int
    content_type: str
    body: bytes
    extra: bytes = b""

    def to_bytes(self, request_id: str, *, keep_alive: bool, head_only: bool = False) -> bytes:
        """The answer as it goes over the network; `head_only` for HEAD, whose length is still the body's."""
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
        ).encode()
        own = b"%b: %b\r\n%b" % (REQUEST_ID_FIELD, request_id.encode(), self.extra)
        connection = b"Connection: keep-alive\r\n\r\n" if keep_alive else b"Connection: close\r\n\r\n"
        return head + own + connection + (b"" if head_only else self.body)


def error_reply(error: GatewayError, wire: Wire | None = None) -> Reply:
    """The answer that tells a client of `error`, in the shape of its wire where that is known."""
    body = _ENCODER.encode(openai_error(error) if wire is None else wire.error_body(error))
    extra = b"%b: %b\r\n" % (ERROR_FIELD, error.code.encode())
    if error.status == HTTPStatus.UNAUTHORIZED:
        extra += b"WWW-Authenticate: Bearer\r\n"  # RFC 9110 section 15.5.2 asks for it
    if error.may_have_acted:
        extra += b"x-should-retry: false\r\n"  # official SDKs repeat 409, 429 and 5xx by themselves otherwise
    if error.retry_after_s is not None:
        extra += b"Retry-After: %d\r\n" % error.retry_after_s
    return Reply(error.status, "application/json", body + b"\n", extra)
