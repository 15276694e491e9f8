"""The wires on which tools are offered, as the tests speak them: a model that answers, and an agent that reads the
answer and sends it back.

Model and agent are small real ones: the model writes each answer as its provider's servers do, the agent keeps it as
the wire's clients do, and is as strict as they are about the order of what it gets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from narrows.inject.events import EventCutter
from narrows.inject.injector import Injector
from narrows.inject.registry import injector_for

Value = dict[str, Any]


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Thought:
    text: str
    signature: str


@dataclass(frozen=True)
class Called:
    name: str
    arguments: Value
    id: str = ""


Said = Text | Thought | Called


@dataclass(frozen=True)
class Case:
    """A wire. `stream` and `whole` write an answer, given its number and why it ended (None: it made calls or stopped);
    `read` is the agent's message made of a stream, `read_whole` of a body; `asked` a request with these messages."""

    injector: Injector
    asked: Callable[[Sequence[Value]], Value]
    user: Value
    stream: Callable[[Sequence[Said], int, str | None], bytes]
    whole: Callable[[Sequence[Said], int, str | None], bytes]
    read: Callable[[bytes], Value]
    read_whole: Callable[[bytes], Value]
    answered: Callable[[Sequence[Called]], list[Value]]
    cut_short: str
    has_ids: bool = True

    @property
    def key(self) -> str:
        return self.injector.key


def dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def pieces_of(text: str) -> list[str]:
    return [text[place : place + 3] for place in range(0, len(text), 3)] or [""]


def events_of(stream: bytes) -> list[tuple[bytes, bytes]]:
    cutter = EventCutter()
    found = [(event.name, event.data) for event in cutter.receive_data(stream)]
    assert cutter.receive_eof() == b"", "a stream ends with a whole event"
    return found


def injector(name: str) -> Injector:
    found = injector_for(name)
    assert found is not None
    return found


# Chat Completions


def chat_request(messages: Sequence[Value]) -> Value:
    tool = {"type": "function", "function": {"name": "own", "parameters": {"type": "object"}}}
    system = {"role": "system", "content": "You are an agent."}
    return {"model": "m-1", "messages": [system, *messages], "tools": [tool], "stream": True}


def chat_call(index: int, call: Called) -> Value:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def chat_stream(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    deltas: list[Value] = [{"role": "assistant", "content": "", "refusal": None}]
    calls = [one for one in said if isinstance(one, Called)]
    for one in said:
        if isinstance(one, Text):
            deltas += [{"content": piece} for piece in pieces_of(one.text)]
        elif isinstance(one, Thought):
            deltas += [{"reasoning_content": piece} for piece in pieces_of(one.text)]
    for index, call in enumerate(calls):
        whole = chat_call(index, call)
        arguments = whole["function"]["arguments"]
        deltas.append({"tool_calls": [{**whole, "function": {"name": call.name, "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces_of(arguments)
        ]
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 100 + number, "model": "m-1"}
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    reason = finish or ("tool_calls" if calls else "stop")
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    chunks.append({**head, "choices": [], "usage": chat_usage(number)})
    return b"".join(b"data: %b\n\n" % dumped(chunk) for chunk in chunks) + b"data: [DONE]\n\n"


def chat_usage(number: int) -> Value:
    details = {"reasoning_tokens": number}
    return {"prompt_tokens": 100 * number, "completion_tokens": 10, "total_tokens": 100 * number + 10,
            "completion_tokens_details": details}  # fmt: skip


def chat_whole(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    message: Value = {"role": "assistant", "content": "".join(o.text for o in said if isinstance(o, Text)) or None}
    calls = [one for one in said if isinstance(one, Called)]
    if calls:
        whole = [chat_call(index, call) for index, call in enumerate(calls)]
        message["tool_calls"] = [{key: call[key] for key in ("id", "type", "function")} for call in whole]
    reason = finish or ("tool_calls" if calls else "stop")
    choice = {"index": 0, "message": message, "finish_reason": reason}
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 100 + number, "model": "m-1"}
    return dumped({**head, "choices": [choice], "usage": chat_usage(number)})


def chat_read(stream: bytes) -> Value:
    """As openai-python accumulates: texts are joined, roles and ids too."""
    *events, last = events_of(stream)
    assert last == (b"", b"[DONE]")
    message: Value = {"role": "", "content": ""}
    calls: list[Value] = []
    heads = set()
    ended = None
    usage = None
    for _, data in events:
        chunk = json.loads(data)
        heads.add((chunk["id"], chunk["created"], chunk["model"]))
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            assert ended is None, "nothing comes after the finish"
            ended = choice["finish_reason"]
            delta = choice["delta"]
            message["role"] += delta.get("role") or ""
            message["content"] += delta.get("content") or ""
            for call in delta.get("tool_calls") or ():
                if call["index"] == len(calls):
                    calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
                    calls[-1]["id"] = call["id"]
                    calls[-1]["function"]["name"] = call["function"]["name"]
                function = calls[call["index"]]["function"]
                function["arguments"] += call["function"].get("arguments") or ""
    assert message["role"] == "assistant"
    assert len(heads) == 1
    assert ended is not None
    assert usage is not None
    if calls:
        message["tool_calls"] = calls
    return {"message": message, "finish": ended, "usage": usage, "id": heads.pop()[0]}


def chat_read_whole(body: bytes) -> Value:
    answer = json.loads(body)
    (choice,) = answer["choices"]
    message = {**choice["message"], "content": choice["message"]["content"] or ""}
    if not message.get("tool_calls"):
        message.pop("tool_calls", None)
    return {"message": message, "finish": choice["finish_reason"], "usage": answer["usage"], "id": answer["id"]}


def chat_answered(calls: Sequence[Called]) -> list[Value]:
    return [{"role": "tool", "tool_call_id": call.id, "content": f"own {call.id}"} for call in calls]


# Anthropic


def messages_request(messages: Sequence[Value]) -> Value:
    tool = {"name": "own", "input_schema": {"type": "object"}}
    return {"model": "m-1", "max_tokens": 100, "messages": [*messages], "tools": [tool], "stream": True}


def block_of(one: Said) -> Value:
    match one:
        case Text(text):
            return {"type": "text", "text": text}
        case Thought(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature}
        case Called(name, arguments, call_id):
            return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def deltas_of(one: Said) -> tuple[Value, list[Value]]:
    match one:
        case Text(text):
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces_of(text)]
            return {"type": "text", "text": ""}, deltas
        case Thought(text, signature):
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces_of(text)]
            signed = {"type": "signature_delta", "signature": signature}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signed]
        case Called(name, arguments, call_id):
            pieces = pieces_of(json.dumps(arguments)) if arguments else [""]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            return {"type": "tool_use", "id": call_id, "name": name, "input": {}}, deltas


def messages_stream(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    usage = {"input_tokens": 100 * number, "output_tokens": 1}
    message: Value = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m-1", "content": [],
               "stop_reason": None, "usage": usage}  # fmt: skip
    events: list[Value] = [{"type": "message_start", "message": message}, {"type": "ping"}]
    for index, one in enumerate(said):
        start, deltas = deltas_of(one)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    reason = finish or ("tool_use" if any(isinstance(one, Called) for one in said) else "end_turn")
    delta = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 10}})
    events.append({"type": "message_stop"})
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), dumped(one)) for one in events)


def messages_whole(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    reason = finish or ("tool_use" if any(isinstance(one, Called) for one in said) else "end_turn")
    usage = {"input_tokens": 100 * number, "output_tokens": 10}
    return dumped({"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m-1",
                   "content": [block_of(one) for one in said], "stop_reason": reason, "usage": usage})  # fmt: skip


def messages_read(stream: bytes) -> Value:
    """As anthropic-sdk-python accumulates: a block's index is its place in the row."""
    events = [(name, json.loads(data)) for name, data in events_of(stream)]
    assert [event["type"] for _, event in events].count("message_start") == 1
    assert all(name.decode() == event["type"] for name, event in events)
    assert events[-1][1]["type"] == "message_stop"
    message = events[0][1]["message"]
    blocks: list[Value] = []
    inputs: dict[int, str] = {}
    ended, usage = None, {}
    for _, event in events[1:]:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(blocks)
                assert ended is None
                blocks.append(event["content_block"])
            case "content_block_delta":
                assert event["index"] == len(blocks) - 1
                delta = event["delta"]
                if "partial_json" in delta:
                    inputs[event["index"]] = inputs.get(event["index"], "") + delta["partial_json"]
                for key in ("text", "thinking", "signature"):
                    if key in delta:
                        blocks[-1][key] += delta[key]
            case "message_delta":
                ended, usage = event["delta"]["stop_reason"], event["usage"]
    for index, text in inputs.items():
        blocks[index]["input"] = json.loads(text or "{}")
    return {"message": {"role": "assistant", "content": blocks}, "finish": ended, "usage": usage, "id": message["id"]}


def messages_read_whole(body: bytes) -> Value:
    answer = json.loads(body)
    message = {"role": "assistant", "content": answer["content"]}
    return {"message": message, "finish": answer["stop_reason"], "usage": answer["usage"], "id": answer["id"]}


def messages_answered(calls: Sequence[Called]) -> list[Value]:
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": f"own {call.id}"} for call in calls]
    return [{"role": "user", "content": results}] if results else []


# Gemini


def gemini_request(contents: Sequence[Value]) -> Value:
    return {"contents": [*contents], "tools": [{"functionDeclarations": [{"name": "own"}]}]}


def part_of(one: Said) -> Value:
    match one:
        case Text(text):
            return {"text": text}
        case Thought(text, _):
            return {"text": text, "thought": True}
        case Called(name, arguments, call_id):
            named = {"id": call_id} if call_id else {}
            return {"functionCall": {**named, "name": name, "args": arguments}}


def gemini_parts(said: Sequence[Said]) -> list[Value]:
    parts: list[Value] = []
    signed = False
    for one in said:
        if isinstance(one, Text | Thought):
            wholes = [type(one)(piece, *([""] if isinstance(one, Thought) else [])) for piece in pieces_of(one.text)]
            parts += [part_of(whole) for whole in wholes]
        else:
            part = part_of(one)
            if not signed:  # of parallel calls the first carries the signature
                part["thoughtSignature"] = f"sig of {one.name} {one.arguments}"
            signed = True
            parts.append(part)
    return parts


def gemini_usage(number: int) -> Value:
    return {"promptTokenCount": 100 * number, "candidatesTokenCount": 10, "thoughtsTokenCount": 5,
            "totalTokenCount": 100 * number + 15}  # fmt: skip


def gemini_stream(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    head = {"modelVersion": "m-1", "responseId": f"r{number}", "usageMetadata": gemini_usage(number)}
    chunks = [
        {"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}], **head}
        for part in gemini_parts(said)
    ]
    end = {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": finish or "STOP", "index": 0}
    chunks.append({"candidates": [end], **head})
    return b"".join(b"data: %b\r\n\r\n" % dumped(chunk) for chunk in chunks)


def gemini_whole(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    content = {"parts": gemini_parts(said) or [{"text": ""}], "role": "model"}
    candidate = {"content": content, "finishReason": finish or "STOP", "index": 0}
    head = {"modelVersion": "m-1", "responseId": f"r{number}", "usageMetadata": gemini_usage(number)}
    return dumped({"candidates": [candidate], **head})


def gemini_read(stream: bytes) -> Value:
    """As google-genai's users do: the parts of all chunks in one content, texts beside each other joined."""
    return gemini_joined([json.loads(data) for _, data in events_of(stream)])


def gemini_read_whole(body: bytes) -> Value:
    return gemini_joined([json.loads(body)])


def gemini_joined(chunks: Sequence[Value]) -> Value:
    parts: list[Value] = []
    ended = None
    for chunk in chunks:
        (candidate,) = chunk["candidates"]
        assert ended is None, "nothing comes after the finish"
        ended = candidate.get("finishReason")
        for part in candidate["content"]["parts"]:
            if part == {"text": ""}:
                continue
            if set(part) == {"text"} and parts and set(parts[-1]) == {"text"}:
                parts[-1] = {"text": parts[-1]["text"] + part["text"]}
            else:
                parts.append(part)
    ids = {chunk["responseId"] for chunk in chunks}
    assert len(ids) == 1
    assert ended is not None
    message = {"role": "model", "parts": parts}
    return {"message": message, "finish": ended, "usage": chunks[-1]["usageMetadata"], "id": ids.pop()}


def gemini_answered(calls: Sequence[Called]) -> list[Value]:
    named = [({"id": call.id} if call.id else {}) | {"name": call.name} for call in calls]
    parts = [{"functionResponse": {**one, "response": {"output": "own"}}} for one in named]
    return [{"role": "user", "parts": parts}] if parts else []


# Responses


def responses_request(messages: Sequence[Value]) -> Value:
    """An answer, which is several items, is one message here."""
    items: list[Any] = []
    for message in messages:
        kept = isinstance(message, dict) and "items" in message
        items += message["items"] if kept else [message]
    tool = {"type": "function", "name": "own", "parameters": {"type": "object"}}
    return {"model": "m-1", "input": items, "tools": [tool, {"type": "web_search"}], "stream": True}


def item_of(one: Said) -> Value:
    match one:
        case Text(text):
            content = [{"type": "output_text", "text": text, "annotations": []}]
            named = {"id": f"msg_{text.encode().hex()}", "type": "message", "role": "assistant"}
            return {**named, "status": "completed", "content": content}
        case Thought(text, signature):
            summary = [{"type": "summary_text", "text": text}]
            return {"id": f"rs_{signature}", "type": "reasoning", "summary": summary, "encrypted_content": signature}
        case Called(name, arguments, call_id):
            named = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name}
            return {**named, "arguments": json.dumps(arguments), "status": "completed"}


def item_events(one: Said, index: int) -> list[Value]:
    item = item_of(one)
    at = {"item_id": item["id"], "output_index": index}
    match one:
        case Text(text):
            begun, kind, part = {**item, "content": []}, "output_text", {"content_index": 0}
            whole, pieces = {"text": text}, pieces_of(text)
        case Thought(text, _):
            begun, kind, part = {**item, "summary": []}, "reasoning_summary_text", {"summary_index": 0}
            whole, pieces = {"text": text}, pieces_of(text)
        case Called():
            begun, kind, part = {**item, "arguments": ""}, "function_call_arguments", {}
            whole, pieces = {"arguments": item["arguments"]}, pieces_of(item["arguments"])
    begun = {**begun, "status": "in_progress"} if "status" in item else begun
    inside: list[Value] = item.get("content") or item.get("summary") or []
    kind_of_part = "content_part"
    if "summary" in item:
        kind_of_part = "reasoning_summary_part"
    empty = [{**one, "text": ""} for one in inside]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        *({"type": f"response.{kind_of_part}.added", **at, **part, "part": one} for one in empty),
        *({"type": f"response.{kind}.delta", **at, **part, "delta": piece} for piece in pieces),
        {"type": f"response.{kind}.done", **at, **part, **whole},
        *({"type": f"response.{kind_of_part}.done", **at, **part, "part": one} for one in inside),
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def response_of(said: Sequence[Said], number: int, finish: str | None) -> Value:
    usage = {"input_tokens": 100 * number, "output_tokens": 10, "output_tokens_details": {"reasoning_tokens": 4},
             "total_tokens": 100 * number + 10}  # fmt: skip
    details = None if finish is None else {"reason": finish}
    return {"id": f"resp_{number}", "object": "response", "created_at": 100 + number, "model": "m-1",
            "status": "completed" if finish is None else "incomplete", "error": None, "incomplete_details": details,
            "output": [item_of(one) for one in said], "usage": usage}  # fmt: skip


def responses_stream(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    whole = response_of(said, number, finish)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events = [{"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")]
    events += [event for index, one in enumerate(said) for event in item_events(one, index)]
    events.append({"type": f"response.{whole['status']}", "response": whole})
    numbered: list[Value] = [{"type": one.pop("type"), "sequence_number": at, **one} for at, one in enumerate(events)]
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), dumped(one)) for one in numbered)


def responses_whole(said: Sequence[Said], number: int, finish: str | None) -> bytes:
    return dumped(response_of(said, number, finish))


def responses_read(stream: bytes) -> Value:
    """As openai-python accumulates: an item's place is its index, and the last event says all of it again."""
    events = [(name.decode(), json.loads(data)) for name, data in events_of(stream)]
    assert [event["sequence_number"] for _, event in events] == list(range(len(events)))
    assert all(name == event["type"] for name, event in events)
    assert [name for name, _ in events[:2]] == ["response.created", "response.in_progress"]
    items: list[Value] = []
    texts: dict[int, str] = {}
    for name, event in events[2:-1]:
        assert name not in ("response.created", "response.in_progress", "response.completed", "response.incomplete")
        index = event["output_index"]
        if name == "response.output_item.added":
            assert index == len(items)
            items.append(event["item"])
        assert index == len(items) - 1
        assert event.get("item_id", items[index]["id"]) == items[index]["id"]
        texts[index] = texts.get(index, "") + event.get("delta", "")
        if name == "response.output_item.done":
            items[index] = event["item"]
    for index, item in enumerate(items):
        parts: list[Value] = item.get("content") or item.get("summary") or [{"text": item.get("arguments")}]
        assert [part["text"] for part in parts] == [texts[index]]
    final = events[-1][1]["response"]
    assert final["output"] == items
    assert {key: final[key] for key in ("id", "created_at", "model")} == {
        key: events[0][1]["response"][key] for key in ("id", "created_at", "model")
    }
    return responses_read_whole(dumped(final))


def responses_read_whole(body: bytes) -> Value:
    answer = json.loads(body)
    finish = (answer["incomplete_details"] or {"reason": answer["status"]})["reason"]
    message = {"role": "assistant", "items": answer["output"]}
    return {"message": message, "finish": finish, "usage": answer["usage"], "id": answer["id"]}


def responses_answered(calls: Sequence[Called]) -> list[Value]:
    return [{"type": "function_call_output", "call_id": call.id, "output": f"own {call.id}"} for call in calls]


CHAT = Case(
    injector("openai_chat"), chat_request, {"role": "user", "content": "Go."}, chat_stream, chat_whole, chat_read,
    chat_read_whole, chat_answered, "length",
)  # fmt: skip
ANTHROPIC = Case(
    injector("anthropic"), messages_request, {"role": "user", "content": "Go."}, messages_stream, messages_whole,
    messages_read, messages_read_whole, messages_answered, "max_tokens",
)  # fmt: skip
GEMINI = Case(
    injector("gemini"), gemini_request, {"role": "user", "parts": [{"text": "Go."}]}, gemini_stream, gemini_whole,
    gemini_read, gemini_read_whole, gemini_answered, "MAX_TOKENS", has_ids=False,
)  # fmt: skip
RESPONSES = Case(
    injector("openai_responses"), responses_request, {"role": "user", "content": "Go."}, responses_stream,
    responses_whole, responses_read, responses_read_whole, responses_answered, "max_output_tokens",
)  # fmt: skip
CASES = (CHAT, ANTHROPIC, GEMINI, RESPONSES)
