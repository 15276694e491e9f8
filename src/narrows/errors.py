"""Errors that cross a module's border, by who is to blame.

    GatewayError(source, status, code)
    |-- DownstreamError   the client sent something we cannot serve        (4xx)
    |   |-- UnsupportedParameter 400  an agent cannot do what a field asks for
    |   |-- NoUserMessage        400  nothing in the messages for an agent to answer
    |   |-- MissingToolOutputs   400  a tool call without its output, or an output without its call
    |   |-- ToolCallExpired      400  the agent could not wait any longer for a tool's output
    |   |-- NoSuchToolCall       404  a tool call that is somebody else's
    |   |-- ModelNotFound        400  no agent serves the model, and there is no upstream
    |   |-- SessionBusy          409  another request holds the session       (Retry-After)
    |   |-- RequestRepeated      409  an SDK sent it again by itself, and the agent may have acted
    |   |-- SessionDiverged      409  the session and the history that was sent disagree
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
    |-- AgentError        an agent could not be used, or failed            (401 to 504)
    |   |-- AgentFailed          502  it said that it failed; the message holds its words
    |   |-- AgentUnavailable     502  it cannot be reached, or answers with nothing that can be read
    |   |-- AgentTimeout         504  one of the run's clocks ran out
    |   |-- AgentRateLimited     429  it said that it is over a limit          (Retry-After)
    |   |-- AgentOverloaded      503  it said that it has no room              (Retry-After)
    |   |-- AgentCredentials     401  the gateway has no credential for it, or one that it refuses
    |   `-- AgentWaiting         409  it waits for a person, and nobody can be asked
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
    Retry-After (None: no such header). `may_have_acted`: an agent may have done something, so the request must not be
    repeated by itself (`x-should-retry: false`).
    """

    source: ClassVar[Source] = "narrows"
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: int | None = None,
        may_have_acted: bool = False,
    ) -> None:
        super().__init__(message)
        self.may_have_acted = may_have_acted
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


class UnsupportedParameter(DownstreamError):
    """A field of a request to an agent asks for something that the agent cannot do; `param` names it."""

    code = "unsupported_parameter"


class NoUserMessage(DownstreamError):
    """The messages hold nothing new from a user, so there is nothing for an agent to answer."""

    code = "no_user_message"


class MissingToolOutputs(DownstreamError):
    """The messages hold a tool call without its output, or an output whose call is not there."""

    code = "missing_tool_outputs"


class ToolCallExpired(DownstreamError):
    """An output came for a tool call whose agent waits no longer; the message names it."""

    code = "tool_call_expired"


class NoSuchToolCall(DownstreamError):
    """An output came for a tool call that belongs to another client."""

    status = 404
    code = "no_such_tool_call"


class ModelNotFound(DownstreamError):
    """No agent serves the model, and there is no upstream that might."""

    code = "model_not_found"


class SessionBusy(DownstreamError):
    """Another request holds the session that this one names."""

    status = 409
    code = "session_busy"


class RequestRepeated(DownstreamError):
    """An SDK sent a request again by itself whose agent may have acted for the first copy."""

    status = 409
    code = "request_repeated"


class SessionDiverged(DownstreamError):
    """What the session holds and what the client sent as its history, or the agent's own state, disagree."""

    status = 409
    code = "session_diverged"


class AgentError(GatewayError):
    """An agent could not be used, or failed."""

    source = "backend"
    status = 502
    code = "agent_backend_error"


class AgentFailed(AgentError):
    """The agent, or its server, said that it failed; the message holds its own words."""

    code = "agent_error"


class AgentUnavailable(AgentError):
    """The agent's server cannot be reached, or nothing that it answers can be read."""

    code = "agent_unavailable"


class AgentTimeout(AgentError):
    """One of the run's clocks ran out."""

    status = 504
    code = "agent_timeout"
    type = "timeout_error"


class AgentRateLimited(AgentError):
    """The agent failed because of a limit of its own model or server."""

    status = 429
    code = "agent_rate_limited"


class AgentOverloaded(AgentError):
    """The agent's model or server has no room."""

    status = 503
    code = "agent_overloaded"


class AgentCredentials(AgentError):
    """The gateway has no credential for the agent's server, or one that the server refuses."""

    status = 401
    code = "agent_credentials"
    type = "authentication_error"


class AgentWaiting(AgentError):
    """The agent waits for a person's word, and there is nobody whom the gateway could ask."""

    status = 409
    code = "agent_waiting_for_input"


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
