"""The Chat Completions format, as OpenAI defines it and most servers speak it."""

from __future__ import annotations

from narrows.core.effort import Effort
from narrows.errors import GatewayError
from narrows.policy import Scope
from narrows.wire.failures import ErrorBody, openai_error
from narrows.wire.openai_chat import request, response
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, ResponseObserver, Untouched, Wire


class OpenAIChat:
    """Requests to any path that ends in `/chat/completions`; what stands before varies (`/v1`, Azure's deployments)."""

    name = "openai_chat"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.removesuffix("/").endswith("/chat/completions")

    def locate(
        self, body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
    ) -> Located | Untouched:
        return request.locate(body, scope, memory, effort)

    def observer(self, content_type: str) -> ResponseObserver:
        return response.observer(content_type)

    def error_body(self, error: GatewayError) -> ErrorBody:
        return openai_error(error)


WIRE: Wire = OpenAIChat()
