"""Offers tools in Google's Gemini format."""

from __future__ import annotations

from narrows.inject.gemini import replay, request, response
from narrows.inject.injector import Injector

INJECTOR = Injector(
    name=request.NAME,
    key="contents",
    declared=request.declare,
    inserting=request.insert,
    understand=response.GenerateAnswer,
    result=replay.result,
    result_messages=replay.result_messages,
    within=replay.within,
)
