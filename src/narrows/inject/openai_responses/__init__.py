"""Offers tools in OpenAI's Responses format."""

from __future__ import annotations

from narrows.inject.injector import Injector
from narrows.inject.openai_responses import replay, request, response

INJECTOR = Injector(
    name=request.NAME,
    key="input",
    declared=request.declare,
    inserting=request.insert,
    understand=response.ResponsesAnswer,
    result=replay.result,
    result_messages=replay.result_messages,
    within=replay.within,
)
