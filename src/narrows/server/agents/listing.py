"""`GET /v1/models`: what the upstream lists, and the agents' models after it.

Where the upstream gives no list, for whatever reason, the agents' models are listed alone, and `x-narrows-upstream` in
the answer says with which status. A name that both have is listed once, as the agent's: the agent is who answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from narrows.core.headers import forward_request_fields
from narrows.core.http1 import RequestHead
from narrows.errors import UpstreamError
from narrows.server.prepared import Prepared
from narrows.server.replies import Reply
from narrows.upstream.calling import CallAnswer, Caller

if TYPE_CHECKING:
    from narrows.server.agents.handing_over import Elsewhere
    from narrows.server.agents.plane import AgentPlane
    from narrows.server.gateway import Gateway

PATHS: Final = frozenset({"/v1/models", "/models"})
UPSTREAM_FIELD: Final = b"x-narrows-upstream"
_CODING: Final = frozenset({b"accept-encoding", b"content-length"})
_LINE: Final = re.compile(rb"([^:\r\n]+):[ \t]*([^\r\n]*)\r\n")
_JSON: Final = "application/json"


def is_listing(prepared: Prepared) -> bool:
    """Whether a request asks for the list."""
    return prepared.method in {"GET", "HEAD"} and prepared.path in PATHS and prepared.passage is None


async def listing(agents: AgentPlane | Elsewhere, gateway: Gateway, prepared: Prepared) -> Reply:
    """The answer to it."""
    own = [
        {"id": model, "object": "model", "created": agents.started_s, "owned_by": "narrows"} for model in agents.models
    ]
    if not gateway.settings.upstream:
        return _reply(own)
    try:
        answer = await _asked(gateway, prepared.head)
    except UpstreamError as error:
        return _reply(own, error.code.encode())
    listed = _listed(answer)
    if listed is None:
        return _reply(own, b"%d" % answer.status)
    served = set(agents.models)
    return _reply([*(one for one in listed if not (isinstance(one, dict) and one.get("id") in served)), *own])


async def _asked(gateway: Gateway, head: RequestHead) -> CallAnswer:
    own_lines = gateway.own_lines
    drop = _CODING if gateway.keyring is None else _CODING | gateway.keyring.enter(head, head.origin_form).drop
    block = forward_request_fields(head, host=gateway.target.authority, drop=drop, add=own_lines)
    fields = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in _LINE.findall(block)
        if name.lower() != b"host"
    ]
    path = head.origin_form.decode("latin-1")
    return await Caller(gateway.pool).call("GET", path, fields, b"", gateway.settings.connect_timeout_s * 2)


def _listed(answer: CallAnswer) -> Sequence[Any] | None:
    if answer.status != 200:
        return None
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    data = found.get("data") if isinstance(found, dict) else None
    return data if isinstance(data, list) else None


def _reply(models: Sequence[Any], failed: bytes = b"") -> Reply:
    extra = b"%b: %b\r\n" % (UPSTREAM_FIELD, failed) if failed else b""
    return Reply(200, _JSON, msgspec.json.encode({"object": "list", "data": models}), extra)
