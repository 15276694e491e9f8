"""`GET /v1/sessions/NAME`: how an agent's session stands, and the answer that its client did not stay for.

A session is its owner's: to everybody else it is one that does not exist. Nothing of what was said is kept for this but
the last answer that nobody was there to read, and that only until the session goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from narrows.agents.render import call_object
from narrows.agents.session import Session
from narrows.errors import NoSuchRoute
from narrows.server.prepared import Prepared
from narrows.server.replies import Reply, error_reply

if TYPE_CHECKING:
    from narrows.server.agents.plane import AgentPlane
    from narrows.server.agents.turn import AgentTurn

Json = dict[str, Any]
PATH: Final = "/v1/sessions/"
_JSON: Final = "application/json"


def is_session(prepared: Prepared) -> bool:
    """Whether a request asks for a session."""
    return prepared.method in {"GET", "HEAD"} and prepared.path.startswith(PATH) and prepared.passage is None


def session_reply(agents: AgentPlane, prepared: Prepared, owner: str) -> Reply:
    """The answer to it."""
    name = unquote(prepared.path.removeprefix(PATH), errors="replace")
    found = agents.session(owner, name)
    if found is None:
        return error_reply(
            NoSuchRoute("no agent has a session of this name for this key; x-narrows-session of an answer names one")
        )
    return Reply(200, _JSON, msgspec.json.encode(found))


def described(session: Session, turn: AgentTurn | None, unread: bytes | None) -> Json:
    """The session as JSON: `status` is `idle`, `in_progress`, or `requires_action` with the calls."""
    running = turn is not None and turn.leased
    found: Json = {
        "id": session.name,
        "object": "session",
        "agent": session.agent,
        "status": "in_progress" if running else "requires_action" if session.calls else "idle",
        "last_used": int(session.used_s),
    }
    if session.calls and not running:
        found["tool_calls"] = [call_object(call) for call in session.calls if call.shown]
    if unread is not None and not running:
        found["unread"] = msgspec.Raw(unread)
    return found
