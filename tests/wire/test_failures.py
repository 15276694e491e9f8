from __future__ import annotations

import pytest

from narrows import errors
from narrows.errors import GatewayError, Overloaded
from narrows.wire.failures import ErrorBody, anthropic_error, google_error, openai_error
from narrows.wire.registry import WIRES
from narrows.wire.types import Wire

EVERY = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, GatewayError) and one.status and "code" in vars(one)
]


def made(kind: type[GatewayError]) -> GatewayError:
    error = GatewayError.__new__(kind)
    Exception.__init__(error, "what happened")
    error.message = "what happened"
    error.param = None
    error.retry_after_s = None
    return error


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_says_its_message_on_every_wire(wire: Wire, kind: type[GatewayError]) -> None:
    assert detail(wire.error_body(made(kind)))["message"] == "what happened"


def test_openais_four_keys() -> None:
    error = Overloaded("wait", retry_after_s=1)
    assert openai_error(error) == {
        "error": {"message": "wait", "type": error.type, "param": None, "code": error.code},
    }


def test_anthropics_types_follow_the_status() -> None:
    assert anthropic_error(Overloaded("wait", retry_after_s=1)) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "wait"},
    }
    assert {kind.status: detail(anthropic_error(made(kind)))["type"] for kind in EVERY}.items() >= {
        400: "invalid_request_error",
        401: "authentication_error",
        408: "invalid_request_error",
        413: "request_too_large",
        429: "rate_limit_error",
        502: "api_error",
        504: "timeout_error",
    }.items()


def test_googles_status_names() -> None:
    assert google_error(Overloaded("wait", retry_after_s=1)) == {
        "error": {"code": 503, "message": "wait", "status": "UNAVAILABLE"},
    }
    assert {detail(google_error(made(kind)))["status"] for kind in EVERY} >= {
        "INVALID_ARGUMENT",
        "UNAUTHENTICATED",
        "RESOURCE_EXHAUSTED",
        "DEADLINE_EXCEEDED",
    }


def detail(body: ErrorBody) -> dict[str, object]:
    error = body["error"]
    assert isinstance(error, dict)
    return error
