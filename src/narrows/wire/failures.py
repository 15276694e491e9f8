"""How an error of the gateway's own is said on a wire: in the shape that the wire's clients read.

OpenAI's object is what a client gets whose wire is not known.
"""

from __future__ import annotations

from narrows.errors import GatewayError

ErrorBody = dict[str, object]


def openai_error(error: GatewayError) -> ErrorBody:
    """OpenAI's object: four keys, all of them always there."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def anthropic_error(error: GatewayError) -> ErrorBody:
    """Anthropic's object, with its types by status; its API page on errors lists them."""
    fallback = "api_error" if error.status >= 500 else "invalid_request_error"
    return {"type": "error", "error": {"type": _ANTHROPIC.get(error.status, fallback), "message": error.message}}


_GOOGLE = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def google_error(error: GatewayError) -> ErrorBody:
    """Google's object (google.rpc.Status as its JSON APIs write it)."""
    status = _GOOGLE.get(error.status, "INVALID_ARGUMENT")
    return {"error": {"code": error.status, "message": error.message, "status": status}}
