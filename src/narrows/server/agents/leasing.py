"""Which session a request has: the one that it names, in the header or, where the settings say so, as its `user`, or
else the one whose history it goes on with. A copy of a request that an SDK has sent again by itself may get none
(`repeats`)."""

from __future__ import annotations

import re
from secrets import token_urlsafe
from time import time
from typing import Final

from narrows.agents.calls import outputs_of
from narrows.agents.request import ChatRequest
from narrows.agents.session import Ask, Fresh, Lease, prefix_digests
from narrows.agents.tools import tools_digest
from narrows.core.headers import field
from narrows.errors import MalformedRequest
from narrows.server.agents.agent import Agent
from narrows.server.agents.asking import SESSION_FIELD, Asking
from narrows.server.agents.repeats import digest_of

_NAME: Final = re.compile(rb"[!-~]{1,128}")


def read_ask(agent: Agent, request: ChatRequest, asking: Asking, owner: str) -> Ask:
    """What a request says of the session that it wants.

    Raises:
        MalformedRequest: that cannot be.
    """
    named, said_by = field(asking.head.fields, SESSION_FIELD) or b"", SESSION_FIELD.decode()
    if not named and agent.settings.user_names_session:
        named, said_by = request.user.encode(errors="replace"), "user"
    if named and not _NAME.fullmatch(named):
        raise MalformedRequest(f"{said_by} needs 1 to 128 visible ASCII characters", param=said_by)
    name = agent.settings.name
    tools = tools_digest(request.tools)
    digests = prefix_digests(owner, name, request.model, request.messages, tools)
    has_answers = any(message.role == "assistant" for message in request.messages)
    return Ask(owner, name, named.decode(), digests, has_answers, tools, outputs_of(request.messages))


def checkout(agent: Agent, ask: Ask, asking: Asking) -> Lease:
    """The session for a request.

    Raises:
        GatewayError: it cannot be had.
    """
    agent.left.check(digest_of(ask), asking.head.fields, time())
    lease = agent.sessions.checkout(ask, time(), Fresh("s_" + token_urlsafe(16), token_urlsafe(16)))
    agent.parking.end_left()
    return lease
