"""Google's Gemini format, as its developer API and Vertex AI speak it."""

from __future__ import annotations

from narrows.core.effort import Effort
from narrows.errors import GatewayError
from narrows.policy import Scope
from narrows.wire.failures import ErrorBody, google_error
from narrows.wire.gemini import request, response
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, ResponseObserver, Untouched, Wire

_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


class Gemini:
    """Requests to `models/NAME:generateContent`, `:streamGenerateContent` and `:countTokens`: what a client counts must
    be what it will be billed. The model stands in the path, so the record has it from the answer."""

    name = "gemini"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.rpartition(":")[2] in _METHODS

    def locate(
        self, body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
    ) -> Located | Untouched:
        return request.locate(body, scope, memory, effort)

    def observer(self, content_type: str) -> ResponseObserver:
        return response.observer(content_type)

    def error_body(self, error: GatewayError) -> ErrorBody:
        return google_error(error)


WIRE: Wire = Gemini()
