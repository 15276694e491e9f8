"""Anthropic's Messages format.

Requests to any path that ends in `/messages` are its own, and those to `/messages/count_tokens`: what a client counts
must be what it will be billed.
"""

from __future__ import annotations

from narrows.wire.anthropic import request, response
from narrows.wire.failures import anthropic_error
from narrows.wire.format import Format, ends_with
from narrows.wire.types import Wire

WIRE: Wire = Format(
    "anthropic", ends_with("/messages", "/messages/count_tokens"), request.locate, response.observer, anthropic_error
)
