"""OpenAI's Responses format.

Requests to any path that ends in `/responses` are its own, and those to `/responses/input_tokens`: what a client counts
must be what it will be billed. Compaction (`/responses/compact`) reads the conversation whole, and is left alone.
"""

from __future__ import annotations

from narrows.wire.failures import openai_error
from narrows.wire.format import Format, ends_with
from narrows.wire.openai_responses import request, response
from narrows.wire.types import Wire

WIRE: Wire = Format(
    "openai_responses",
    ends_with("/responses", "/responses/input_tokens"),
    request.locate,
    response.observer,
    openai_error,
)
