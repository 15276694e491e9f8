"""The wires beside Chat Completions for the laws: for each a strategy of conversations, the rule for its parts written
again over parsed values, and items that break what reads them carelessly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from narrows.wire.registry import wire_named
from narrows.wire.types import Role, Wire
from tests.laws.conversations import CALLS, SHORTENED, Style, text

Item = dict[str, Any]
Expected = tuple[str, Role, str]
"""A pointer, whose text it is, and the text."""

_SHORT = json.dumps(SHORTENED)
_ids = st.sampled_from(("call_0", "call_1", "call_é"))
_calls = st.sampled_from(CALLS)


@dataclass(frozen=True, slots=True)
class WireCase:
    """A wire to test. `key` holds the items; `item` makes one; `parts` lists what an item's parts are."""

    wire: Wire
    key: str
    item: st.SearchStrategy[Item]
    parts: Callable[[str, Item], Iterator[Expected]]
    hostile: tuple[str, ...]
    shortened: Item
    """An item whose text must be shortened, so that no law can hold because nothing is ever edited."""

    @property
    def conversations(self) -> st.SearchStrategy[list[Item]]:
        """Lists of items."""
        return st.lists(self.item, min_size=1, max_size=6)

    def body(self, items: list[Item], style: Style | None = None, **more: Any) -> bytes:
        """A request with these items."""
        return (style or Style()).write({"model": "m", **more, self.key: items, "temperature": 1.0}).encode()

    def body_of(self, written: list[str], head: str = "") -> bytes:
        """A request with these items as JSON text, hostile ones too."""
        return f'{{{head}"{self.key}": [{", ".join(written)}]}}'.encode()

    def expected(self, items: list[Item]) -> list[Expected]:
        """The parts of a request with these items, in order."""
        found = (self.parts(f"/{self.key}/{index}", item) for index, item in enumerate(items))
        return [part for parts in found for part in parts]


def _texts(pointer: str, content: Any, role: Role, kind: str) -> Iterator[Expected]:
    if isinstance(content, str):
        yield pointer, role, content
    for number, one in enumerate(content if isinstance(content, list) else []):
        if isinstance(one, dict) and one.get("type") == kind and "text" in one:
            yield f"{pointer}/{number}/text", role, one["text"]


def _element(kind: str) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda one: {"type": kind, "text": one}, text),
        st.builds(lambda one: {"text": one, "type": kind, "cache_control": {"type": "ephemeral"}}, text),
        st.just({"type": "image", "source": {"type": "base64", "data": "iVBORw0KGgo" * 60}}),
        st.builds(lambda one: {"type": "document", "text": one}, text),
        st.just({"type": kind}),
    )


# Anthropic Messages

_blocks = st.one_of(
    _element("text"),
    st.builds(
        lambda id_, content, more: {"type": "tool_result", "tool_use_id": id_, "content": content, **more},
        _ids,
        st.one_of(text, st.lists(_element("text"), max_size=2)),
        st.sampled_from(({}, {"is_error": False}, {"is_error": True}, {"cache_control": {"type": "ephemeral"}})),
    ),
    st.just({"type": "tool_result", "tool_use_id": "call_0"}),
)
_said = st.one_of(
    _element("text"),
    st.builds(
        lambda call, id_: {"type": "tool_use", "id": id_, "name": call[0], "input": {"command": call[1]}}, _calls, _ids
    ),
    st.builds(lambda one: {"type": "thinking", "thinking": one, "signature": "Eo8="}, text),
)
_message = st.one_of(
    st.builds(lambda content: {"role": "user", "content": content}, st.one_of(text, st.lists(_blocks, max_size=3))),
    st.builds(lambda content: {"role": "assistant", "content": content}, st.one_of(text, st.lists(_said, max_size=3))),
    st.builds(lambda one: {"role": "system", "content": one}, text),
)


def _anthropic_parts(pointer: str, message: Item) -> Iterator[Expected]:
    content = message["content"]
    if message["role"] != "user":
        return
    if isinstance(content, str):
        yield f"{pointer}/content", Role.USER, content
        return
    for number, block in enumerate(content):
        place = f"{pointer}/content/{number}"
        if block["type"] == "text" and "text" in block:
            yield f"{place}/text", Role.USER, block["text"]
        elif block["type"] == "tool_result" and not block.get("is_error"):
            yield from _texts(f"{place}/content", block.get("content"), Role.TOOL, "text")


ANTHROPIC = WireCase(
    wire_named("anthropic"),
    "messages",
    _message,
    _anthropic_parts,
    (
        "17",
        "{}",
        '{"role":"user","content":7}',
        '{"role":"user","content":[null,[],"x",{"type":7}]}',
        f'{{"role":"user","content":[{{"type":"tool_result","content":{_SHORT},"is_error":true}}]}}',
        f'{{"role":"user","content":[{{"type":"tool_result","content":{_SHORT},"content":"x"}}]}}',
        f'{{"role":"user","role":"user","content":[{{"type":"tool_result","content":{_SHORT}}}]}}',
        f'{{"role":"user","content":[{{"type":"document","source":{{"type":"text","data":{_SHORT}}}}}]}}',
        f'{{"role":"user","content":[{{"type":"search_result","content":[{{"type":"text","text":{_SHORT}}}]}}]}}',
        f'{{"role":"assistant","content":[{{"type":"tool_result","content":{_SHORT}}}]}}',
        '{"role":"assistant","content":[{"type":"tool_use","id":"call_0","name":"\\ud800","input":"{}"}]}',
        f'{{"role":"assistant","content":[{{"type":"thinking","thinking":{_SHORT},"signature":"x"}}]}}',
        '{"role":"user","content":[{"type":"tool_result","content":"\\ud800 ' + "x" * 600 + '"}]}',
        '{"role":"user","content":' + "[" * 900 + "]" * 900 + "}",
    ),
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_9", "content": SHORTENED}]},
)


# OpenAI Responses

_OUTPUTS = (
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "apply_patch_call_output",
)
_item = st.one_of(
    st.builds(
        lambda kind, id_, output: {"type": kind, "call_id": id_, "output": output},
        st.sampled_from(_OUTPUTS),
        _ids,
        st.one_of(text, st.lists(_element("input_text"), max_size=2)),
    ),
    st.builds(
        lambda id_, out, err: {
            "type": "shell_call_output",
            "call_id": id_,
            "output": [{"stdout": out, "stderr": err, "outcome": {"type": "exit", "exit_code": 0}}],
        },
        _ids,
        text,
        text,
    ),
    st.builds(
        lambda more, content: {**more, "role": "user", "content": content},
        st.sampled_from(({}, {"type": "message"})),
        st.one_of(text, st.lists(_element("input_text"), max_size=2)),
    ),
    st.builds(lambda role, one: {"role": role, "content": one}, st.sampled_from(("system", "developer")), text),
    st.builds(
        lambda one: {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": one}]}, text
    ),
    st.builds(
        lambda call, id_: {"type": "function_call", "call_id": id_, "name": call[0], "arguments": call[1]},
        _calls,
        _ids,
    ),
    st.just({"type": "local_shell_call", "call_id": "call_0", "action": {"type": "exec", "command": ["make"]}}),
    st.builds(lambda one: {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": one}, text),
    st.builds(lambda one: {"type": "mcp_call", "id": "mcp_1", "name": "f", "output": one}, text),
    st.builds(lambda one: {"type": "unheard_of", "output": one, "content": one}, text),
    st.just({"type": "item_reference", "id": "msg_1"}),
)


def _responses_parts(pointer: str, item: Item) -> Iterator[Expected]:
    kind = item.get("type", "message")
    if kind == "message" and item["role"] == "user":
        yield from _texts(f"{pointer}/content", item["content"], Role.USER, "input_text")
    elif kind in _OUTPUTS:
        yield from _texts(f"{pointer}/output", item["output"], Role.TOOL, "input_text")
    elif kind == "shell_call_output":
        for number, command in enumerate(item["output"]):
            for stream in ("stdout", "stderr"):
                yield f"{pointer}/output/{number}/{stream}", Role.TOOL, command[stream]


RESPONSES = WireCase(
    wire_named("openai_responses"),
    "input",
    _item,
    _responses_parts,
    (
        "17",
        '"x"',
        "{}",
        '{"type":7,"output":"x"}',
        f'{{"type":"function_call_output","output":{_SHORT},"output":"x"}}',
        f'{{"type":"function_call_output","type":"reasoning","output":{_SHORT}}}',
        f'{{"type":"function_call_output","output":{{"text":{_SHORT}}}}}',
        f'{{"type":"function_call_output","output":[{{"type":"output_text","text":{_SHORT}}},null,7]}}',
        f'{{"type":"mcp_call","output":{_SHORT}}}',
        f'{{"type":"compaction","encrypted_content":{_SHORT}}}',
        f'{{"type":"shell_call_output","output":{_SHORT}}}',
        f'{{"type":"shell_call_output","output":[7,{{"stdout":[{_SHORT}]}}]}}',
        f'{{"type":"shell_call_output","output":[{{"stdout":{_SHORT},"stdout":"x"}}]}}',
        f'{{"type":"apply_patch_call","call_id":"call_0","operation":{{"diff":{_SHORT}}}}}',
        '{"type":"function_call","call_id":"call_0","name":"\\ud800","arguments":{"a":1}}',
        '{"type":"function_call_output","output":"\\ud800 ' + "x" * 600 + '"}',
    ),
    {"type": "function_call_output", "call_id": "call_9", "output": SHORTENED},
)


# Gemini

_responses = st.one_of(
    st.builds(lambda one: {"output": one}, text),
    st.builds(lambda one, other: {"result": {"a/b~": [one, {"text": other}], "n": 1.0}, "ok": True}, text, text),
    st.builds(lambda one: {"error": one}, text),
    st.just({}),
)
_part = st.one_of(
    st.builds(lambda one: {"text": one}, text),
    st.builds(lambda one: {"text": one, "thought": True}, text),
    st.builds(
        lambda key, more, response: {key: {**more, "name": "list_items", "response": response}},
        st.sampled_from(("functionResponse", "function_response")),
        st.sampled_from(({}, {"id": "call_0"})),
        _responses,
    ),
    st.just({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo" * 60}}),
)
_content = st.one_of(
    st.builds(
        lambda role, parts: {**role, "parts": parts},
        st.sampled_from(({}, {"role": "user"}, {"role": "function"})),
        st.lists(_part, max_size=3),
    ),
    st.builds(
        lambda call, more: {
            "role": "model",
            "parts": [
                {"functionCall": {**more, "name": call[0], "args": {"cmd": call[1]}}, "thoughtSignature": "Eo8="},
                {"function_call": {"name": "list_items", "args": {}}},
            ],
        },
        _calls,
        st.sampled_from(({}, {"id": "call_0"})),
    ),
    st.builds(lambda one: {"role": "model", "parts": [{"text": one}]}, text),
)


def _strings(pointer: str, value: Any, *, inside: bool = True) -> Iterator[Expected]:
    if isinstance(value, str):
        yield pointer, Role.TOOL, value
    elif len(json.dumps(value, ensure_ascii=False).encode()) < 512:  # too little to hold a text worth shortening
        return
    elif isinstance(value, dict):
        for key, one in value.items():
            if inside or key != "error":
                yield from _strings(f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", one)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _strings(f"{pointer}/{number}", one)


def _gemini_parts(pointer: str, content: Item) -> Iterator[Expected]:
    if content.get("role", "user") not in ("user", "function"):
        return
    for number, part in enumerate(content["parts"]):
        place = f"{pointer}/parts/{number}"
        if "text" in part and not part.get("thought"):
            yield f"{place}/text", Role.USER, part["text"]
        for key in ("functionResponse", "function_response"):
            if key in part:
                yield from _strings(f"{place}/{key}/response", part[key]["response"], inside=False)


GEMINI = WireCase(
    wire_named("gemini"),
    "contents",
    _content,
    _gemini_parts,
    (
        "17",
        "{}",
        '{"role":"user","parts":7}',
        '{"role":"user","parts":[null,[],"x",{"text":7}]}',
        f'{{"role":"user","parts":[{{"functionResponse":{{"response":{_SHORT}}}}}],"parts":[]}}',
        f'{{"role":"user","parts":[{{"functionResponse":{{"response":{{"a":{_SHORT},"a":"x"}}}}}}]}}',
        f'{{"role":"user","parts":[{{"functionResponse":{{"response":{{"error":{_SHORT}}}}}}}]}}',
        f'{{"role":"user","parts":[{{"functionResponse":[{{"response":{{"a":{_SHORT}}}}}]}}]}}',
        f'{{"role":"model","parts":[{{"functionResponse":{{"response":{{"a":{_SHORT}}}}}}}]}}',
        f'{{"role":"model","parts":[{{"executableCode":{{"code":{_SHORT}}}}}]}}',
        f'{{"role":"user","parts":[{{"text":{_SHORT},"text":"x"}}]}}',
        '{"role":"user","parts":[{"functionResponse":{"response":{"a":"\\ud800 ' + "x" * 600 + '"}}}]}',
        '{"role":"user","parts":[{"functionResponse":{"response":' + '{"a":' * 900 + "1" + "}" * 900 + "}}]}",
        '{"role":"model","parts":[{"functionCall":{"name":"\\ud800","args":7}}]}',
    ),
    {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": SHORTENED}}}]},
)

CASES = (ANTHROPIC, RESPONSES, GEMINI)
