"""What an ACP agent's errors are to a client.

An error is JSON-RPC's, with a code, a message and often details. -32000 is the protocol's own for an agent that wants a
login first; codes of HTTP are what an agent passes on from its model's server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from acp import RequestError

from narrows.errors import AgentCredentials, AgentFailed, AgentOverloaded, AgentRateLimited, GatewayError

AUTH_REQUIRED: Final = -32000
MAX_WORDS: Final = 600
RETRY_AFTER_S: Final = 5


def as_error(doing: str, error: RequestError, ways: Sequence[str] = ()) -> GatewayError:
    """What a client is told; `ways`: the agent's own names of ways to log in."""
    said = f"{doing}: {words(error)}"
    if error.code == AUTH_REQUIRED:
        offered = f" (it offers: {', '.join(ways)[:MAX_WORDS]})" if ways else ""
        return AgentCredentials(
            f"the agent wants a login before {doing}{offered}: log in once with its own command, as the user and with"
            f" the HOME that the gateway gives it, or give it a key by `env`; it said: {words(error)}"
        )
    if error.code == 429:
        return AgentRateLimited(said, retry_after_s=RETRY_AFTER_S)
    if error.code == 503:
        return AgentOverloaded(said, retry_after_s=RETRY_AFTER_S)
    return AgentFailed(said)


def words(error: RequestError) -> str:
    """The agent's own words."""
    found = [str(error)]
    data = error.data
    if isinstance(data, Mapping):
        data = next((data[name] for name in ("details", "message", "error") if isinstance(data.get(name), str)), "")
    if isinstance(data, str) and data and data not in found:
        found.append(data)
    return ": ".join(found)[:MAX_WORDS]
