"""What an error of a LangGraph server, or of the way to it, is to a client; always with the server's own words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from langgraph_sdk.errors import APIError

from narrows.backends.sdk_http import never_left
from narrows.errors import (
    AgentCredentials,
    AgentFailed,
    AgentOverloaded,
    AgentRateLimited,
    AgentUnavailable,
    GatewayError,
    SessionBusy,
)

RETRY_AFTER_S = 5


@asynccontextmanager
async def asking(what: str) -> AsyncIterator[None]:
    """Turn the errors of a call into ours; `what` names the call.

    Raises:
        AgentUnavailable: no answer, or one that cannot be read.
        GatewayError: the server's refusal.
    """
    try:
        yield
    except httpx.HTTPStatusError as error:  # the SDK's own errors are this one's children
        raise refusal(what, error) from error
    except httpx.HTTPError as error:
        told = f"{what}: {error or 'no answer'} ({type(error).__name__})"
        raise AgentUnavailable(told, may_have_acted=not never_left(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise AgentUnavailable(f"{what}: the answer cannot be read ({type(error).__name__})") from error


def answered(error: GatewayError) -> int:
    """The status that a server refused with; 0 where it gave none."""
    cause = error.__cause__
    return cause.response.status_code if isinstance(cause, httpx.HTTPStatusError) else 0


def passes(error: GatewayError) -> bool:
    """Whether the same call may succeed later."""
    return isinstance(error, AgentUnavailable) or answered(error) in {429, 500, 502, 503, 504}


def refusal(what: str, error: httpx.HTTPStatusError) -> GatewayError:
    """The error that an answer of 400 or more is."""
    status = error.response.status_code
    words = error.message if isinstance(error, APIError) else f"{status} {error.response.reason_phrase}"
    said = f"{what} failed: {words} ({status})"
    match status:
        case 401 | 403:
            return AgentCredentials(
                f"the agent's server refuses what the gateway shows it ({words}); look at token_env, token_file and"
                " token_header of this agent"
            )
        case 409:
            return SessionBusy(f"the agent is still at work on another message ({words})", retry_after_s=RETRY_AFTER_S)
        case 429:
            return AgentRateLimited(said, retry_after_s=RETRY_AFTER_S)
        case 503:
            return AgentOverloaded(said, retry_after_s=RETRY_AFTER_S)
        case _:
            return AgentFailed(said)


def failure_words(state: Mapping[str, Any], status: str) -> str:
    """Why a run failed, in the words of the task of the graph that did."""
    tasks = state.get("tasks")
    told = [str(task["error"]) for task in tasks or () if isinstance(task, Mapping) and task.get("error")]
    return "; ".join(told) or f"its run ended as {status}"
