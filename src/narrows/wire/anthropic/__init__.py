"""Anthropic's Messages format."""

from __future__ import annotations

from narrows.core.effort import Effort
from narrows.errors import GatewayError
from narrows.policy import Scope
from narrows.wire.anthropic import request, response
from narrows.wire.failures import ErrorBody, anthropic_error
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, ResponseObserver, Untouched, Wire


class AnthropicMessages:
    """Requests to any path that ends in `/messages`, or in `/messages/count_tokens`: what a client counts must be what
    it will be billed, so a count is planned like the request it is for."""

    name = "anthropic"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.removesuffix("/").endswith(("/messages", "/messages/count_tokens"))

    def locate(
        self, body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
    ) -> Located | Untouched:
        return request.locate(body, scope, memory, effort)

    def observer(self, content_type: str) -> ResponseObserver:
        return response.observer(content_type)

    def error_body(self, error: GatewayError) -> ErrorBody:
        return anthropic_error(error)


WIRE: Wire = AnthropicMessages()
