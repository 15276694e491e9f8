"""The Chat Completions format, as OpenAI defines it and most servers speak it.

Requests to any path that ends in `/chat/completions` are its own; what stands before varies (`/v1`, Azure's
deployments).
"""

from __future__ import annotations

from narrows.wire.failures import openai_error
from narrows.wire.format import Format, ends_with
from narrows.wire.openai_chat import request, response
from narrows.wire.openai_chat.whole import read_whole
from narrows.wire.types import Wire

WIRE: Wire = Format(
    "openai_chat", ends_with("/chat/completions"), request.locate, response.observer, openai_error, read_whole
)
