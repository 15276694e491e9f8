"""The paths of agents' model calls: what is cut out of them, and what goes on."""

from __future__ import annotations

import pytest

from narrows.core.http1 import RequestHead, parse_request_head
from narrows.errors import InvalidKey
from narrows.server.agents.passage import Passage, passage_of
from narrows.server.keys import Keyring
from narrows.settings import GatewayKey, Settings
from narrows.settings.keys import key_digest
from narrows.upstream.target import parse_target

KEY = "nrw_" + "k" * 43
TOKEN = "T" * 43


def head_of(target: str, *lines: str) -> RequestHead:
    fields = "".join(f"{line}\r\n" for line in ("Host: localhost", *lines))
    return parse_request_head(f"POST {target} HTTP/1.1\r\n{fields}\r\n".encode())


def keyring(**changes: object) -> Keyring:
    digest = key_digest(KEY.encode())
    assert digest is not None
    settings = Settings(upstream="https://models.example", keys=(GatewayKey("alice", digest),), **changes)  # type: ignore[arg-type] # any setting
    return Keyring(settings, parse_target(settings.upstream), 0)


def passage(target: str, *lines: str, prefix: str = "") -> Passage | None:
    return passage_of(head_of(target, *lines), prefix)


@pytest.mark.parametrize(
    ("target", "agent", "token", "rest"),
    [
        ("/narrows/agents/coder/v1/chat/completions", "coder", b"", b"/v1/chat/completions"),
        (f"/narrows/agents/coder/s/{TOKEN}/v1/messages", "coder", TOKEN.encode(), b"/v1/messages"),
        ("/narrows/agents/c.o-d_e/v1beta/models/m:g?alt=sse", "c.o-d_e", b"", b"/v1beta/models/m:g?alt=sse"),
        ("/narrows/agents/coder/s/x/", "coder", b"x", b"/"),
        ("/narrows/agents/coder/v1/x?y=/s/1/", "coder", b"", b"/v1/x?y=/s/1/"),
    ],
)
def test_what_a_path_says(target: str, agent: str, token: bytes, rest: bytes) -> None:
    found = passage(target)
    assert found is not None
    assert (found.agent, found.token, found.origin_form) == (agent, token, rest)
    assert TOKEN not in found.path
    moved = passage("/own" + target, prefix="/own")
    assert moved is not None
    assert moved.origin_form == rest


@pytest.mark.parametrize(
    ("path", "is_for_tools"),
    [("s/x/mcp", True), ("s/x/mcp?a=b", True), ("s/x/mcp/", False), ("s/x/v1/mcp", False), ("mcp", False)],
)
def test_a_sessions_tools_are_under_its_token_alone(path: str, is_for_tools: bool) -> None:
    found = passage("/narrows/agents/coder/" + path)
    assert found is not None
    assert found.is_for_tools is is_for_tools


@pytest.mark.parametrize(
    "target",
    [
        "/v1/chat/completions",
        "/narrows/agents",
        "/narrows/agents/",
        "/narrows/agents/coder",
        "/narrows/agents//v1",
        "/narrows/agents/a%2fb/v1",
        "/narrows/agentsx/coder/v1",
        "/narrows/agents/coder/narrows/exchanges",
        f"/narrows/agents/coder/s/{TOKEN}/narrows",
        "/x/narrows/agents/coder/v1",
    ],
)
def test_what_is_no_such_path(target: str) -> None:
    assert passage(target) is None


def test_neither_the_token_nor_our_fields_go_upstream() -> None:
    lines = (f"Authorization: Bearer nrw_{TOKEN}", "X-Narrows-Session: s", "x-narrows-anything: 1", "X-Api-Key: sk-own")
    head = head_of(f"/narrows/agents/coder/s/{TOKEN}/v1/x?a=1&key=nrw_{TOKEN}&b=2", *lines)
    found = passage_of(head, "")
    assert found is not None
    entry = found.enter(head, None)
    assert entry.drop == {b"authorization", b"x-narrows-session", b"x-narrows-anything"}
    assert entry.origin_form == b"/v1/x?a=1&b=2"
    plain = head_of("/narrows/agents/coder/v1/x", f"Authorization: Bearer {KEY}")
    shared = passage_of(plain, "")
    assert shared is not None
    assert shared.enter(plain, None).drop == frozenset(), "what is not the token's is the agent's own"


def test_a_token_stands_for_a_gateway_key_and_the_shared_path_needs_one() -> None:
    with_token = head_of(f"/narrows/agents/coder/s/{TOKEN}/v1/x", f"X-Api-Key: {KEY}")
    shared = head_of("/narrows/agents/coder/v1/x")
    one, other = passage_of(with_token, ""), passage_of(shared, "")
    assert one is not None
    assert other is not None
    entry = one.enter(with_token, keyring())
    assert entry.holder is not None
    assert entry.drop >= {b"x-api-key"}
    bare = head_of(f"/narrows/agents/coder/s/{TOKEN}/v1/x")
    assert one.enter(bare, keyring()).holder is None
    with pytest.raises(InvalidKey):
        other.enter(shared, keyring())


def test_with_a_key_for_the_upstream_no_credential_of_the_agent_goes_there() -> None:
    head = head_of(f"/narrows/agents/coder/s/{TOKEN}/v1/x", f"Authorization: Bearer nrw_{TOKEN}", "Api-Key: sk-own")
    found = passage_of(head, "")
    assert found is not None
    assert found.enter(head, keyring(upstream_key="sk-real")).drop >= {b"authorization", b"api-key"}


def test_the_header_that_names_a_session() -> None:
    found = passage("/narrows/agents/coder/v1/x", "X-Session-Id: c1")
    assert found is not None
    assert (found.session_name("x-session-id"), found.session_name("x-other")) == ("c1", "")
