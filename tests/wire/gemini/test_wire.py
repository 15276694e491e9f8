from __future__ import annotations

import pytest

from narrows.policy import Scope
from narrows.wire.gemini import WIRE
from narrows.wire.types import Located


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1beta/models/gemini-3-pro:generateContent", True),
        ("POST", "/v1beta/models/gemini-3-pro:streamGenerateContent", True),
        ("POST", "/v1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent", True),
        ("POST", "/v1beta/tunedModels/t:generateContent", True),
        ("POST", "/v1beta/models/gemini-3-pro:countTokens", True),
        ("POST", "/v1beta/models/gemini-3-pro:embedContent", False),
        ("POST", "/v1beta/models/gemini-3-pro:generateContent/x", False),
        ("GET", "/v1beta/models/gemini-3-pro:generateContent", False),
        ("POST", "/generateContent", False),
        ("POST", "/v1/messages", False),
    ],
)
def test_which_requests_are_gemini(method: str, path: str, expected: bool) -> None:
    assert WIRE.matches(method, path) is expected


def test_it_locates_and_observes() -> None:
    assert WIRE.name == "gemini"
    assert WIRE.locate(b'{"contents":[]}', Scope.STABLE) == Located((), 0)
    observer = WIRE.observer("text/event-stream")
    observer.receive_data(b'data: {"candidates":[{"finishReason":"STOP"}]}\r\n\r\n')
    observer.receive_eof()
    assert observer.record().done
