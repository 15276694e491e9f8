"""OpenAI's Responses format."""

from __future__ import annotations

from narrows.core.effort import Effort
from narrows.errors import GatewayError
from narrows.policy import Scope
from narrows.wire.failures import ErrorBody, openai_error
from narrows.wire.openai_responses import request, response
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, ResponseObserver, Untouched, Wire


class OpenAIResponses:
    """Requests to any path that ends in `/responses`, or in `/responses/input_tokens`: what a client counts must be
    what it will be billed. Compaction (`/responses/compact`) reads the conversation whole, and is left alone."""

    name = "openai_responses"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.removesuffix("/").endswith(("/responses", "/responses/input_tokens"))

    def locate(
        self, body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
    ) -> Located | Untouched:
        return request.locate(body, scope, memory, effort)

    def observer(self, content_type: str) -> ResponseObserver:
        return response.observer(content_type)

    def error_body(self, error: GatewayError) -> ErrorBody:
        return openai_error(error)


WIRE: Wire = OpenAIResponses()
