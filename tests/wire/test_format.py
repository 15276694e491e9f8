from __future__ import annotations

import pytest

from narrows.errors import Overloaded
from narrows.policy import Scope
from narrows.wire.format import Format, ends_with
from narrows.wire.openai_chat import request, response
from narrows.wire.types import Located

FORMAT = Format("test", ends_with("/a", "/a/b"), request.locate, response.observer, lambda error: {"said": error.code})


@pytest.mark.parametrize(
    ("method", "path", "own"),
    [
        ("POST", "/a", True),
        ("POST", "/v1/a/", True),
        ("POST", "/v1/a/b", True),
        ("POST", "/v1/xa", False),
        ("POST", "/a/c", False),
        ("GET", "/a", False),
    ],
)
def test_which_requests_are_its_own(method: str, path: str, own: bool) -> None:
    assert FORMAT.matches(method, path) is own


def test_each_piece_is_asked() -> None:
    assert FORMAT.locate(b'{"messages":[]}', Scope.STABLE) == Located((), 0, start=12)
    assert FORMAT.error_body(Overloaded("wait", retry_after_s=1)) == {"said": Overloaded.code}
    observer = FORMAT.observer("text/event-stream")
    observer.receive_data(b"data: [DONE]\n\n")
    assert observer.record().done
