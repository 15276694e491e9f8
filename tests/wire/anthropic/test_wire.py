from __future__ import annotations

import pytest

from narrows.policy import Scope
from narrows.wire.anthropic import WIRE
from narrows.wire.types import Located


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/messages", True),
        ("POST", "/v1/messages/", True),
        ("POST", "/anthropic/v1/messages", True),
        ("POST", "/v1/messages/count_tokens", True),
        ("GET", "/v1/messages", False),
        ("POST", "/v1/messages/batches", False),
        ("POST", "/v1/threads/t/xmessages", False),
        ("POST", "/v1/chat/completions", False),
    ],
)
def test_which_requests_are_messages(method: str, path: str, expected: bool) -> None:
    assert WIRE.matches(method, path) is expected


def test_it_locates_and_observes() -> None:
    assert WIRE.name == "anthropic"
    assert WIRE.locate(b'{"messages":[]}', Scope.STABLE) == Located((), 0, start=12)
    observer = WIRE.observer("text/event-stream")
    observer.receive_data(b'data: {"type":"message_stop"}\n\n')
    observer.receive_eof()
    assert observer.record().done
