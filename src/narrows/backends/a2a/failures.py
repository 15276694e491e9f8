"""What an error of an A2A server, or of the way to it, is to a client; always with the server's own words."""

from __future__ import annotations

import httpx
from a2a.client.errors import A2AClientError, AgentCardResolutionError
from a2a.utils.errors import A2AError

from narrows.backends.sdk_http import never_left
from narrows.errors import (
    AgentCredentials,
    AgentFailed,
    AgentOverloaded,
    AgentRateLimited,
    AgentUnavailable,
    GatewayError,
)

RETRY_AFTER_S = 5
READABLE = (A2AError, httpx.HTTPError, ValueError)
"""What the SDK raises: its own errors, its HTTP client's, and protobuf's and JSON's for what cannot be read."""


def as_error(what: str, error: Exception) -> GatewayError:
    """An error of the SDK's as one of ours; `what` names the call."""
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    status = cause.response.status_code if isinstance(cause, httpx.HTTPStatusError) else 0
    if isinstance(error, AgentCardResolutionError):
        status = error.status_code or status
    said = f"{what} failed: {error}"
    if status in {401, 403}:
        return AgentCredentials(
            f"the agent's server refuses what the gateway shows it ({status}); look at token_env, token_file and"
            " token_header of this agent"
        )
    if status == 429:
        return AgentRateLimited(said, retry_after_s=RETRY_AFTER_S)
    if status == 503:
        return AgentOverloaded(said, retry_after_s=RETRY_AFTER_S)
    if isinstance(error, A2AError) and not isinstance(error, A2AClientError):
        return AgentFailed(said)
    return AgentUnavailable(said, may_have_acted=not never_left(cause))
