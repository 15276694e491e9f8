"""Offers tools in the chat-completions format."""

from __future__ import annotations

from narrows.inject.injector import Injector
from narrows.inject.openai_chat import replay, request, response

INJECTOR = Injector(
    name=request.NAME,
    key="messages",
    declared=request.declare,
    inserting=request.insert,
    understand=response.ChatAnswer,
    result=replay.result,
    result_messages=replay.result_messages,
    within=replay.within,
)
