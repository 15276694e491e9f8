"""The paths under which an agent's own model calls come in, and what of such a request goes no further.

    /narrows/agents/NAME/s/TOKEN/v1/...   the calls of one session; whoever shows the token may come in
    /narrows/agents/NAME/v1/...           the calls of all of the agent's sessions
    /narrows/agents/NAME/s/TOKEN/mcp      a session's client's tools, by a token of their own: the gateway answers

What follows the name, or the token, is the path that the model's server is asked for: everything else about model calls
is as with any other request. The token is a credential, and stands in a path: it is cut out before anything else
looks at the request, no log and no record has the path with it, and neither it nor any field of ours goes upstream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from narrows.core.headers import field
from narrows.core.http1 import RequestHead
from narrows.server.keys import Entry, Keyring, shown_keys

AGENTS: Final = "/narrows/agents/"
MCP_PATH: Final = "/mcp"
API_KEY_PREFIX: Final = b"nrw_"
"""Before the token where it is shown as an API key, because clients of models insist on one."""
_REST: Final = re.compile(rb"([A-Za-z0-9._-]{1,64})(?:/s/([A-Za-z0-9_-]{1,128}))?(/[^?]*)")
_OUR_FIELD: Final = re.compile(rb"(?:^|\n)(x-narrows-[^:\r\n]*):", re.IGNORECASE)
_KEY_QUERY: Final = b"key="


@dataclass(frozen=True, slots=True)
class Passage:
    """A request on one of these paths. `token` is empty on the shared one; `origin_form`: the path and query that go
    upstream; `fields`: the request's field lines, for the header that names a session."""

    agent: str
    token: bytes
    origin_form: bytes
    fields: bytes

    @property
    def is_for_tools(self) -> bool:
        """Whether it is no model call, and goes to the session's own MCP server."""
        return bool(self.token) and self.path == MCP_PATH

    @property
    def path(self) -> str:
        """The path that goes upstream, without its query."""
        return self.origin_form.partition(b"?")[0].decode("latin-1")

    def enter(self, head: RequestHead, keyring: Keyring | None) -> Entry:
        """Whose request it is, and what of it stays here. A right token needs no gateway key beside it, which the
        exchange finds out for each request; whether there is one is known here.

        Raises:
            InvalidKey: the path is the shared one, and needs a key as everything else does.
        """
        drop = frozenset(name.lower() for name in _OUR_FIELD.findall(head.fields))
        entry = Entry(None, self.origin_form, frozenset())
        if keyring is not None:
            entry = keyring.enter(head, self.origin_form, needs_key=not self.token)
        if self.token:
            shown = API_KEY_PREFIX + self.token
            drop |= {name for name, value in shown_keys(head.fields) if value == shown}
            entry = entry._replace(origin_form=_without(entry.origin_form, _KEY_QUERY + shown))
        return entry._replace(drop=entry.drop | drop)

    def session_name(self, header: str) -> str:
        """What the request says in the header that names its session."""
        return (field(self.fields, header.encode()) or b"").decode("latin-1")


def passage_of(head: RequestHead, own_prefix: str) -> Passage | None:
    """The passage that a request asks for, or None where its path is none of these. What would lead to another route
    of ours leads nowhere."""
    start = (own_prefix + AGENTS).encode()
    origin_form = head.origin_form
    if not origin_form.startswith(start):
        return None
    path, mark, query = origin_form[len(start) :].partition(b"?")
    found = _REST.fullmatch(path)
    if found is None:
        return None
    name, token, rest = found.groups()
    reserved = (own_prefix + AGENTS).encode().removesuffix(b"/agents/")
    if rest == reserved or rest.startswith(reserved + b"/"):
        return None
    return Passage(name.decode(), token or b"", rest + mark + query, head.fields)


def _without(origin_form: bytes, part: bytes) -> bytes:
    """The target without one part of its query."""
    if part not in origin_form:
        return origin_form
    path, _, query = origin_form.partition(b"?")
    kept = [one for one in query.split(b"&") if one != part]
    return path + b"?" + b"&".join(kept) if kept else path
