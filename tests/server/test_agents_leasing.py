"""Which session a request has, as far as it says so itself; what follows from its history is `agents.sessions`'."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.agents.request import read_request
from narrows.core.http1 import parse_request_head
from narrows.errors import MalformedRequest
from narrows.server.agents.asking import Asking
from narrows.server.agents.leasing import checkout, read_ask
from narrows.server.story import Story
from tests.agent_stage import chat, scene
from tests.stage import Stage


def asking(*lines: str) -> Asking:
    fields = "".join(f"{line}\r\n" for line in ("Host: a", *lines))
    head = parse_request_head(f"POST / HTTP/1.1\r\n{fields}\r\n".encode("latin-1"))
    client: Any = None
    return Asking(client, head, Story("r", 0.0, "POST", "/"), None, lambda *_: None, lambda _: None, lambda: False)


@pytest.mark.parametrize(
    ("lines", "user", "named"),
    [
        ((), None, ""),
        (("x-narrows-session: s1",), None, "s1"),
        (("x-narrows-session: s1",), "s2", "s1"),
        ((), "s2", "s2"),
    ],
)
async def test_a_session_is_named_by_the_header_or_else_by_the_user(
    stage: Stage, lines: tuple[str, ...], user: str | None, named: str
) -> None:
    for by_user in (True, False):
        one = await scene(stage, user_names_session=by_user)
        request = read_request(json.dumps(chat("hi", **({"user": user} if user else {}))).encode())
        ask = read_ask(one.agent, request, asking(*lines), "owner")
        assert ask.name == (named if by_user or lines else "")
        lease = checkout(one.agent, ask, asking(*lines))
        assert lease.session.named == bool(ask.name)
        one.agent.sessions.put_back(lease, 0)


@pytest.mark.parametrize("name", ["with blank", "x" * 129, "\xe9"])
async def test_a_name_that_cannot_be_is_refused(stage: Stage, name: str) -> None:
    one = await scene(stage)
    request = read_request(json.dumps(chat("hi")).encode())
    with pytest.raises(MalformedRequest, match="x-narrows-session"):
        read_ask(one.agent, request, asking(f"x-narrows-session: {name}"), "owner")
