"""Google's Gemini format, as its developer API and Vertex AI speak it.

Requests to `models/NAME:generateContent` and `:streamGenerateContent` are its own, and those to `:countTokens`: what a
client counts must be what it will be billed. The model stands in the path.
"""

from __future__ import annotations

from narrows.wire.failures import google_error
from narrows.wire.format import Format
from narrows.wire.gemini import request, response
from narrows.wire.types import Wire

_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


def _takes(path: str) -> bool:
    return path.rpartition(":")[2] in _METHODS and ":" in path


def _model(path: str) -> str | None:
    return path.rpartition(":")[0].rpartition("/")[2] or None


WIRE: Wire = Format("gemini", _takes, request.locate, response.observer, google_error, name_model=_model)
