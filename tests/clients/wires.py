"""How the scripted model reads a request and answers on each wire, as the providers document them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Call = tuple[str, Json]
"""A tool's name and its arguments."""
MODEL = "scripted-1"
STREAM, JSON = "text/event-stream", "application/json"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says, whatever its wire. `outputs` are the texts of the tool outputs in it, in order."""

    path: str
    body: bytes
    outputs: tuple[str, ...] = ()
    tools: tuple[Json, ...] = ()
    """Each with `name` and `schema`."""
    stream: bool = False

    @property
    def call_id(self) -> str:
        """For the call that answers this."""
        return f"call_{len(self.outputs) + 1}"


@dataclass(frozen=True, slots=True)
class Speaker:
    """One wire: which paths it takes, how it reads, and what it says."""

    takes: Callable[[str], bool]
    read: Callable[[str, bytes], Asked]
    answer: Callable[[Asked, Call | None, str], tuple[str, bytes]]


def _texts(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _sse(events: Iterable[Json], *, named: bool = False, end: bytes = b"\n") -> bytes:
    frames = []
    for event in events:
        name = b"event: %b%b" % (event["type"].encode(), end) if named else b""
        frames.append(name + b"data: " + json.dumps(event).encode() + end + end)
    return b"".join(frames)


# Chat Completions


def _read_chat(path: str, body: bytes) -> Asked:
    said = json.loads(body)
    outputs = tuple(_texts(one.get("content")) for one in said["messages"] if one["role"] == "tool")
    functions = [tool["function"] for tool in said.get("tools") or () if tool.get("type") == "function"]
    tools = tuple({"name": one["name"], "schema": one.get("parameters")} for one in functions)
    return Asked(path, body, outputs, tools, bool(said.get("stream")))


def _say_chat(asked: Asked, call: Call | None, text: str) -> tuple[str, bytes]:
    usage = {"prompt_tokens": 100, "completion_tokens": 9, "total_tokens": 109}
    message: Json = {"role": "assistant", "content": None if call else text, "refusal": None}
    if call:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        message["tool_calls"] = [{"index": 0, "id": asked.call_id, "type": "function", "function": function}]
    finish = "tool_calls" if call else "stop"
    head = {"id": "chatcmpl-1", "created": 1, "model": MODEL}
    if not asked.stream:
        for one in message.get("tool_calls", ()):
            del one["index"]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return JSON, json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    head["object"] = "chat.completion.chunk"
    chunks: list[Json] = [
        {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        {**head, "choices": [], "usage": usage},
    ]
    return STREAM, _sse(chunks) + b"data: [DONE]\n\n"


# Responses


def _read_responses(path: str, body: bytes) -> Asked:
    said = json.loads(body)
    items = said["input"] if isinstance(said["input"], list) else []
    outputs = tuple(_texts(one.get("output")) for one in items if str(one.get("type", "")).endswith("call_output"))
    tools = tuple(
        {"name": tool["name"], "schema": tool.get("parameters")}
        for tool in said.get("tools") or ()
        if tool.get("type") == "function"
    )
    return Asked(path, body, outputs, tools, bool(said.get("stream")))


def _say_responses(asked: Asked, call: Call | None, text: str) -> tuple[str, bytes]:
    item: Json
    if call:
        item = {"type": "function_call", "id": f"fc_{asked.call_id}", "call_id": asked.call_id, "name": call[0]}
        item |= {"arguments": json.dumps(call[1]), "status": "completed"}
    else:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    usage: Json = {"input_tokens": 100, "output_tokens": 9, "total_tokens": 109}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    response: Json = {
        "id": f"resp_{len(asked.outputs) + 1}",
        "object": "response",
        "created_at": 1,
        "model": MODEL,
        "status": "completed",
        "output": [item],
        "usage": usage,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }
    if not asked.stream:
        return JSON, json.dumps(response).encode()
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": _emptied(item)},
        *_deltas(item),
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]
    return STREAM, _sse(({**one, "sequence_number": number} for number, one in enumerate(events)), named=True)


def _emptied(item: Json) -> Json:
    empty: Json = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    return {**item, **empty, "status": "in_progress"}


def _deltas(item: Json) -> list[Json]:
    place: Json = {"item_id": item["id"], "output_index": 0}
    if item["type"] == "function_call":
        kind = "response.function_call_arguments"
        return [
            {"type": f"{kind}.delta", **place, "delta": item["arguments"]},
            {"type": f"{kind}.done", **place, "name": item["name"], "arguments": item["arguments"]},
        ]
    place["content_index"] = 0
    part = item["content"][0]
    text = {"text": part["text"], "logprobs": []}
    return [
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": part["text"], "logprobs": []},
        {"type": "response.output_text.done", **place, **text},
        {"type": "response.content_part.done", **place, "part": part},
    ]


# Anthropic Messages


def _read_anthropic(path: str, body: bytes) -> Asked:
    said = json.loads(body)
    blocks = [block for one in said["messages"] if isinstance(one["content"], list) for block in one["content"]]
    outputs = tuple(_texts(block.get("content")) for block in blocks if block.get("type") == "tool_result")
    tools = tuple(
        {"name": tool["name"], "schema": tool.get("input_schema")} for tool in said.get("tools") or () if "name" in tool
    )
    return Asked(path, body, outputs, tools, bool(said.get("stream")))


THINKING = {"type": "thinking", "thinking": "The rows are read twice.", "signature": "EqQBCgIYAhIkNzY="}


def _say_anthropic(asked: Asked, call: Call | None, text: str) -> tuple[str, bytes]:
    if asked.path.partition("?")[0].endswith("/count_tokens"):
        return JSON, json.dumps({"input_tokens": len(asked.body) // 4}).encode()
    block: Json = {"type": "text", "text": text}
    if call:
        block = {"type": "tool_use", "id": asked.call_id, "name": call[0], "input": call[1]}
    thinks = b'"thinking"' in asked.body and b'"budget_tokens"' in asked.body
    content = [THINKING, block] if thinks else [block]
    stop = "tool_use" if call else "end_turn"
    message: Json = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_sequence": None}
    if not asked.stream:
        usage = {"input_tokens": 100, "output_tokens": 9}
        return JSON, json.dumps({**message, "content": content, "stop_reason": stop, "usage": usage}).encode()
    started = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 100, "output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": started}, {"type": "ping"}]
    for index, one in enumerate(content):
        events += _block_events(index, one)
    delta = {"stop_reason": stop, "stop_sequence": None}
    events += [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}, {"type": "message_stop"}]
    return STREAM, _sse(events, named=True)


def _block_events(index: int, block: Json) -> list[Json]:
    match block["type"]:
        case "tool_use":
            start = {**block, "input": {}}
            deltas: list[Json] = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        case "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case _:
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": block["text"]}]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


# Gemini


def _read_gemini(path: str, body: bytes) -> Asked:
    said = json.loads(body)
    parts = [part for content in said["contents"] for part in content.get("parts") or ()]
    given = [part.get("functionResponse") or part.get("function_response") for part in parts]
    outputs = tuple(json.dumps(one["response"]) for one in given if one)
    tools = []
    for tool in said.get("tools") or ():
        for one in tool.get("functionDeclarations") or tool.get("function_declarations") or ():
            schema = one.get("parametersJsonSchema") or one.get("parameters_json_schema") or one.get("parameters")
            tools.append({"name": one["name"], "schema": schema})
    return Asked(path, body, outputs, tuple(tools), ":streamGenerateContent" in path)


def _say_gemini(asked: Asked, call: Call | None, text: str) -> tuple[str, bytes]:
    if ":countTokens" in asked.path:
        return JSON, json.dumps({"totalTokens": len(asked.body) // 4}).encode()
    part: Json = {"text": text}
    if call:
        part = {"functionCall": {"id": asked.call_id, "name": call[0], "args": call[1]}, "thoughtSignature": "EpYSCpM="}
    candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 9, "totalTokenCount": 109}
    answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "r1"}
    if not asked.stream:
        return JSON, json.dumps(answer).encode()
    if "alt=sse" in asked.path:
        return STREAM, _sse([answer], end=b"\r\n")
    return JSON, b"[" + json.dumps(answer).encode() + b"\n]"


SPEAKERS = (
    Speaker(lambda path: path.endswith("/chat/completions"), _read_chat, _say_chat),
    Speaker(lambda path: path.endswith("/responses"), _read_responses, _say_responses),
    Speaker(lambda path: path.endswith(("/messages", "/messages/count_tokens")), _read_anthropic, _say_anthropic),
    Speaker(
        lambda path: path.rpartition(":")[2] in ("generateContent", "streamGenerateContent", "countTokens"),
        _read_gemini,
        _say_gemini,
    ),
)
