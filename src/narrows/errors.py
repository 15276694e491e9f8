"""Errors that cross a module's border, by who is to blame.

    GatewayError(source, status, code)
    |-- DownstreamError   the client sent something we cannot serve        (4xx)
    |   |-- MalformedRequest     400  bytes that are not one unambiguous HTTP/1.1 request
    |   |-- InvalidKey           401  no gateway key, or one that the gateway does not know
    |   |-- NoSuchRoute          404  a reserved path or method of ours without an answer
    |   |-- ClientTooSlow        408  the request did not arrive in time
    |   |-- BodyTooLarge         413  over the body limit
    |   |-- RateLimited          429  over a limit of its gateway key      (Retry-After)
    |   |-- HeadTooLarge         431  a head, line or number of fields over the parser's bounds
    |   `-- LoopDetected         508  the request carries our own loop mark
    |-- UpstreamError     the model's server could not be used             (502, 504)
    |   |-- UpstreamUnreachable  502  refused, reset, unresolved, TLS failure, before any answer
    |   |-- UpstreamMalformed    502  bytes that are not one unambiguous HTTP/1.1 response
    |   `-- UpstreamTimeout      504  no first byte in time
    |-- Overloaded        we are out of a bounded resource                 (503, Retry-After)
    `-- SettingsError     the gateway was started with settings that cannot work (never on the wire)

Expected outcomes are values (`Kept(reason)`), not errors. How an error is said follows from the wire
(`wire/failures`): OpenAI's four-key object, `{"error": {"message", "type", "param", "code"}}`, where none is known.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Source = Literal["downstream", "upstream", "backend", "settings", "narrows"]


class GatewayError(Exception):
    """A failure with somebody to blame.

    `message` says what happened, where, and what to do. `status` is the HTTP status the client sees,
    `code` a stable snake_case word, `type` the OpenAI error type, `retry_after_s` the seconds sent as
    Retry-After (None: no such header).
    """

    source: ClassVar[Source] = "narrows"
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class DownstreamError(GatewayError):
    """The client sent something that cannot be served."""

    source = "downstream"
    status = 400
    code = "bad_request"
    type = "invalid_request_error"


class MalformedRequest(DownstreamError):
    """Bytes that are not one unambiguous HTTP/1.1 request, or a field for us with no such value."""

    code = "malformed_request"


class InvalidKey(DownstreamError):
    """The gateway has keys, and the request shows none of them; or it has none, and lends its upstream's key to nobody
    but programs on its machine. Status and code are those of OpenAI's own refusal."""

    status = 401
    code = "invalid_api_key"


class RateLimited(DownstreamError):
    """The request is over a limit of its gateway key; `retry_after_s` says when it can pass. OpenAI's own refusal, too,
    has the type `requests`."""

    status = 429
    code = "rate_limit_exceeded"
    type = "requests"


class NoSuchRoute(DownstreamError):
    """A path or method that the gateway reserves for itself and has no answer to."""

    status = 404
    code = "no_such_route"


class ClientTooSlow(DownstreamError):
    """The request's head or body did not arrive in time."""

    status = 408
    code = "request_timeout"


class HeadTooLarge(DownstreamError):
    """A head, a line of it, or the number of its fields is over the parser's bounds."""

    status = 431
    code = "request_head_too_large"


class BodyTooLarge(DownstreamError):
    """A body over the limit for bodies that are held."""

    status = 413
    code = "request_too_large"


class LoopDetected(DownstreamError):
    """A request that carries our own loop mark."""

    status = 508
    code = "loop_detected"


class UpstreamError(GatewayError):
    """The model's server could not be used."""

    source = "upstream"
    status = 502
    code = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection, or one that broke before any answer."""

    code = "upstream_unreachable"


class UpstreamMalformed(UpstreamError):
    """Bytes that are not one unambiguous HTTP/1.1 response."""

    code = "upstream_malformed"


class UpstreamTimeout(UpstreamError):
    """No connection, or no first byte, in time."""

    status = 504
    code = "upstream_timeout"


class Overloaded(GatewayError):
    """A bounded resource of ours is used up; nothing was sent upstream."""

    status = 503
    code = "overloaded"


class SettingsError(GatewayError):
    """Settings that cannot work; `problems` holds one line for each, all of them at once."""

    source = "settings"
    code = "bad_settings"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
