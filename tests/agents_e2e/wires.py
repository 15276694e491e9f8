"""What an agent's model is told, and how it answers, in the formats in which agents here ask.

A conversation is read as messages in the manner of Chat Completions, whatever the format, without what the agent itself
tells its model beside it: system text, and the surroundings that Gemini CLI puts before the first message.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from tests.agents_e2e.responses import heard_in_responses, said_in_responses
from tests.scripted_upstream import Answer, Recorded, Step, events, frame

Json = dict[str, Any]
GEMINI_SURROUNDINGS = "<session_context>"
GEMINI_OUTPUT = ("<untrusted_context>\n", "Output: ", "\n</untrusted_context>")


def speaks_gemini(request: Recorded) -> bool:
    return "contents" in request.json


def conversation(request: Recorded) -> list[Json]:
    """The messages."""
    if speaks_gemini(request):
        return [message for content in request.json["contents"] for message in _of_content(content)]
    asked = request.json
    heard = heard_in_responses(asked["input"]) if "input" in asked else asked["messages"]
    return [message for message in heard if message["role"] not in {"system", "developer"}]


def declared(request: Recorded) -> dict[str, Json]:
    """The schemas of the tools, by name."""
    if speaks_gemini(request):
        listed = [one for tool in request.json.get("tools", []) for one in tool.get("functionDeclarations", [])]
        return {one["name"]: one.get("parametersJsonSchema") or one.get("parameters") or {} for one in listed}
    listed = [one.get("function", one) for one in request.json.get("tools", [])]
    return {one["name"]: one.get("parameters") or {} for one in listed}


def text_of(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def images_of(message: Json) -> list[str]:
    """Its pictures, as data URLs."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]


def said(request: Recorded, usage: Json, pieces: Sequence[Json | asyncio.Event]) -> Answer:
    """A stream of these texts and calls (`text`, or `name` and `arguments`); a gate among them is waited for."""
    if "input" in request.json:
        return said_in_responses(usage, pieces)
    return (_said_in_gemini if speaks_gemini(request) else _said_in_chat)(usage, pieces)


def half(request: Recorded) -> Answer:
    """The first half of something, and nothing more."""
    if speaks_gemini(request):
        return events(_gemini([{"text": "Half"}]), asyncio.Event())
    if "input" in request.json:
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return said_in_responses(usage, [{"text": "Half"}, asyncio.Event()])
    return events(frame({"role": "assistant", "content": "Half"}), asyncio.Event())


def _said_in_chat(usage: Json, pieces: Sequence[Json | asyncio.Event]) -> Answer:
    steps: list[Step] = [frame({"role": "assistant", "content": ""})]
    calls = 0
    for piece in pieces:
        if isinstance(piece, asyncio.Event):
            steps.append(piece)
        elif "text" in piece:
            steps.append(frame({"content": piece["text"]}))
        else:
            call = {"index": calls, "id": f"native-{calls}", "type": "function", "function": piece}
            steps.append(frame({"tool_calls": [call]}))
            calls += 1
    finish = "tool_calls" if calls else "stop"
    return events(*steps, frame({}, finish_reason=finish), frame(None, usage=usage), b"data: [DONE]\n\n")


def _said_in_gemini(usage: Json, pieces: Sequence[Json | asyncio.Event]) -> Answer:
    steps: list[Step] = []
    for piece in pieces:
        if isinstance(piece, asyncio.Event):
            steps.append(piece)
        elif "text" in piece:
            steps.append(_gemini([{"text": piece["text"]}]))
        else:
            call = {"name": piece["name"], "args": json.loads(piece["arguments"])}
            steps.append(_gemini([{"functionCall": call, "thoughtSignature": "EpYSCpM="}]))
    figures = {
        "promptTokenCount": usage["prompt_tokens"],
        "candidatesTokenCount": usage["completion_tokens"],
        "totalTokenCount": usage["total_tokens"],
    }
    return events(*steps, _gemini([{"text": ""}], figures))


def _gemini(parts: list[Json], usage: Json | None = None) -> bytes:
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}}
    chunk: Json = {"candidates": [candidate], "modelVersion": "scripted"}
    if usage is not None:
        candidate["finishReason"] = "STOP"
        chunk["usageMetadata"] = usage
    return b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


def _of_content(content: Json) -> list[Json]:
    parts = [part for part in content["parts"] if not str(part.get("text", "")).startswith(GEMINI_SURROUNDINGS)]
    outputs = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if outputs:
        return [
            {"role": "tool", "tool_call_id": one["id"], "content": _gemini_output(one["response"])} for one in outputs
        ]
    message: Json = {"role": "assistant" if content.get("role") == "model" else "user"}
    pictures = [part["inlineData"] for part in parts if "inlineData" in part]
    text = "".join(part.get("text", "") for part in parts)
    message["content"] = text
    if pictures:
        urls = [f"data:{one['mimeType']};base64,{one['data']}" for one in pictures]
        message["content"] = [{"text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    if calls:
        message["tool_calls"] = [{"id": call.get("id"), "function": {"name": call["name"]}} for call in calls]
    return [message] if text or calls or pictures else []


def _gemini_output(response: Json) -> str:
    output = str(response.get("output", response))
    for wrapping in GEMINI_OUTPUT:
        output = output.replace(wrapping, "")
    return output
