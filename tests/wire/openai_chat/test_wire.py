from __future__ import annotations

import pytest

from narrows.policy import Scope
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Located


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/chat/completions", True),
        ("POST", "/chat/completions", True),
        ("POST", "/chat/completions/", True),
        ("POST", "/openai/deployments/gpt/chat/completions", True),
        ("GET", "/v1/chat/completions", False),
        ("post", "/v1/chat/completions", False),
        ("POST", "/v1/completions", False),
        ("POST", "/v1/chat/completions/abc", False),
        ("POST", "/v1/xchat/completions", False),
        ("POST", "/v1/responses", False),
    ],
)
def test_which_requests_are_chat_completions(method: str, path: str, expected: bool) -> None:
    assert WIRE.matches(method, path) is expected


def test_it_locates_and_observes() -> None:
    assert WIRE.name == "openai_chat"
    assert WIRE.locate(b'{"messages":[]}', Scope.STABLE) == Located((), 0, start=12)
    observer = WIRE.observer("text/event-stream")
    observer.receive_data(b"data: [DONE]\n\n")
    observer.receive_eof()
    assert observer.record().done
