"""Offers tools in the format of Anthropic's Messages API."""

from __future__ import annotations

from narrows.inject.anthropic import replay, request, response
from narrows.inject.injector import Injector

INJECTOR = Injector(
    name=request.NAME,
    key="messages",
    declared=request.declare,
    inserting=request.insert,
    understand=response.MessagesAnswer,
    result=replay.result,
    result_messages=replay.result_messages,
    within=replay.within,
)
