from __future__ import annotations

import pytest

from narrows.policy import Scope
from narrows.wire.openai_responses import WIRE
from narrows.wire.types import Located


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/responses", True),
        ("POST", "/responses/", True),
        ("POST", "/openai/v1/responses", True),
        ("POST", "/v1/responses/input_tokens", True),
        ("GET", "/v1/responses", False),
        ("POST", "/v1/responses/resp_1/cancel", False),
        ("POST", "/v1/responses/compact", False),
        ("POST", "/v1/xresponses", False),
        ("POST", "/v1/chat/completions", False),
    ],
)
def test_which_requests_are_responses(method: str, path: str, expected: bool) -> None:
    assert WIRE.matches(method, path) is expected


def test_it_locates_and_observes() -> None:
    assert WIRE.name == "openai_responses"
    assert WIRE.locate(b'{"input":[]}', Scope.STABLE) == Located((), 0, start=9)
    observer = WIRE.observer("text/event-stream")
    observer.receive_data(b'data: {"type":"response.completed"}\n\n')
    observer.receive_eof()
    assert observer.record().done
