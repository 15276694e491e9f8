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


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/gemini-3-pro:generateContent", "gemini-3-pro"),
        ("/v1/projects/p/publishers/google/models/g:streamGenerateContent", "g"),
        ("/v1beta/models/:generateContent", None),
    ],
)
def test_the_path_names_the_model(path: str, model: str | None) -> None:
    assert WIRE.model_in(path) == model


@pytest.mark.parametrize("name", ["cachedContent", "cached_content"])
def test_contents_that_the_provider_holds_stand_before_the_others(name: str) -> None:
    for value, complete in ((b'"cachedContents/1"', False), (b"null", True)):
        found = WIRE.locate(b'{"%b":%b,"contents":[]}' % (name.encode(), value), Scope.STABLE)
        assert isinstance(found, Located)
        assert found.history_complete is complete
        assert (found.before is not None) is complete


def test_it_locates_and_observes() -> None:
    assert WIRE.name == "gemini"
    assert WIRE.locate(b'{"contents":[]}', Scope.STABLE) == Located((), 0, start=12)
    observer = WIRE.observer("text/event-stream")
    observer.receive_data(b'data: {"candidates":[{"finishReason":"STOP"}]}\r\n\r\n')
    observer.receive_eof()
    assert observer.record().done
