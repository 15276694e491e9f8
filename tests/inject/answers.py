"""What the tests of answers share: a filter that is fed, and a record of what it passed on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from openai import omit
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ParsedResponse, ResponseStreamEvent

from narrows.inject.events import EventCutter
from narrows.inject.types import AnswerFilter
from narrows.wire.types import ResponseRecord, Wire


def through(answer: AnswerFilter, pieces: Iterable[bytes]) -> bytes:
    """All that an agent gets of an answer that comes in these pieces."""
    return b"".join([*map(answer.receive_data, pieces), answer.receive_eof()])


def observed(wire: Wire, pieces: Iterable[bytes], content_type: str = "text/event-stream") -> ResponseRecord:
    """What a client's reading of an answer comes to."""
    observer = wire.observer(content_type)
    for piece in pieces:
        observer.receive_data(piece)
    observer.receive_eof()
    return observer.record()


def parsed_response(stream: bytes) -> ParsedResponse[Any]:
    """What openai-python makes of a stream of the Responses format; it refuses one that is not in order."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in EventCutter().receive_data(stream):
        state.handle_event(cast(Any, construct_type(type_=ResponseStreamEvent, value=json.loads(event.data))))
    assert state._completed_response is not None
    return state._completed_response
