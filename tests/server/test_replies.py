"""The gateway's own answers."""

from __future__ import annotations

import json

import pytest

from narrows import errors
from narrows.errors import AgentFailed, GatewayError, Overloaded
from narrows.server.replies import Reply, error_reply

ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, GatewayError) and error is not errors.SettingsError
]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_has_openais_shape_and_says_it_is_ours(error: type[GatewayError]) -> None:
    reply = error_reply(error('what "happened"\n', param="p"))
    head, _, body = reply.to_bytes("id-1", keep_alive=True).partition(b"\r\n\r\n")
    assert json.loads(body) == {
        "error": {"message": 'what "happened"\n', "type": error.type, "param": "p", "code": error.code}
    }
    start, *lines = head.decode().split("\r\n")
    assert start.startswith(f"HTTP/1.1 {error.status} ")
    assert f"x-narrows-error: {error.code}" in lines
    assert f"Content-Length: {len(body)}" in lines
    assert "x-narrows-request-id: id-1" in lines
    assert not any(line.startswith("Retry-After") for line in lines)
    assert ("WWW-Authenticate: Bearer" in lines) is (error.status == 401)


def test_an_error_that_passes_says_when_to_try_again() -> None:
    reply = error_reply(Overloaded("full", retry_after_s=7))
    assert b"\r\nRetry-After: 7\r\n" in reply.to_bytes("x", keep_alive=False)
    assert json.loads(reply.body)["error"]["param"] is None


def test_the_connection_and_head_are_said_plainly() -> None:
    reply = Reply(200, "text/plain", b"body", b"X-Extra: 1\r\n")
    assert reply.to_bytes("a", keep_alive=False, head_only=True) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nx-narrows-request-id: a\r\n"
        b"X-Extra: 1\r\nConnection: close\r\n\r\n"
    )
    assert reply.to_bytes("a", keep_alive=True).endswith(b"Connection: keep-alive\r\n\r\nbody")


def test_what_an_agent_may_have_done_is_not_to_be_asked_for_again() -> None:
    """Official SDKs repeat a 502 by themselves, unless they are told not to."""
    for acted in (False, True):
        reply = error_reply(AgentFailed("it failed; look at its log", may_have_acted=acted))
        assert (b"x-should-retry: false\r\n" in reply.extra) is acted
