"""Chat Completions conversations for the laws: messages of every shape, written in every style a client may have,
hostile messages, and the recorded conversations of the shared corpus."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from narrows.core.edits import apply_edits
from narrows.plan import DecisionCache, plan_body
from narrows.policy import Policy
from narrows.wire.openai_chat import WIRE

Message = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def rows(count: int, name: str = "item", **more: object) -> str:
    """A JSON listing, as an API tool returns it."""
    return json.dumps(
        [
            {"id": 1000 + i, "name": f"{name}-{i}", "state": "open", "path": f"src/a/{name}.py", **more}
            for i in range(count)
        ],
        ensure_ascii=False,
    )


def log(count: int) -> str:
    """A build's output, with one thing in it that matters."""
    lines = [f"[{i:4d}/{count}] Compiling module_{i} v0.{i}.0 (/home/dev/tree/module_{i})" for i in range(count)]
    lines.insert(count // 2, "error[E0308]: mismatched types\n  --> src/main.rs:14:5")
    return "\n".join(lines)


def diff(count: int) -> str:
    body = "".join(f" line {i}\n" if i % 7 else f"-old {i}\n+new {i}\n" for i in range(count))
    head = "diff --git a/x.py b/x.py\nindex 1111111..2222222 100644\n--- a/x.py\n+++ b/x.py\n"
    return f"{head}@@ -1,{count} +1,{count} @@\n{body}"


TEXTS = (
    "",
    "ok",
    'é \u2028 😀 \x00 / \\ " \t',
    rows(20),
    rows(45, "été", note='a/b \\ "q" 😀'),
    rows(30, "tab\t", deep={"x": [1.0, None, 10**20]}),
    rows(12)[:-7],
    log(90),
    diff(120),
    "\n".join(f"src/module_{i % 4}.py:{i}:    return value_{i}  # é" for i in range(1, 90)),
    "It was the best of times, it was the worst of times. " * 40,
    "[narrows: 3 lines left out]\n" + rows(20),
    "def f(x):\n    return x + 1\n\n" * 60,
    "x" * 3_000,
    json.dumps({"output": log(60), "metadata": {"exit_code": 1}}),
    '{\n  "returncode": 0,\n  "output": "' + "a line of a page\\n" * 40 + '"\n}',
)
"""Long and short, of every kind, and of none."""

SHORTENED = rows(20)
"""A text that must be shortened, so that no law can hold because nothing is ever edited."""

CALLS = (
    ("bash", '{"cmd": "make -j8"}'),
    ("bash", '{"cmd": "cat src/main.py"}'),
    ("read_file", '{"path": "src/main.py"}'),
    ("list_items", "{}"),
    ("grep", "not JSON"),
)

text = st.one_of(st.sampled_from(TEXTS), st.text(max_size=30))
parts = st.lists(
    st.one_of(
        st.builds(lambda one: {"type": "text", "text": one}, text),
        st.builds(lambda one: {"text": one, "type": "text", "cache_control": {"type": "ephemeral"}}, text),
        st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 80}}),
        st.builds(lambda one: {"type": "refusal", "text": one}, text),
        st.just({"type": "text"}),
    ),
    max_size=3,
)
content = st.one_of(text, text, parts, st.none())
identity = st.sampled_from(("call_0", "call_1", "call_é"))


def _call(of: tuple[str, str], id_: str) -> Message:
    return {"id": id_, "type": "function", "function": {"name": of[0], "arguments": of[1]}}


message = st.one_of(
    st.builds(lambda one: {"role": "system", "content": one}, text),
    st.builds(lambda one: {"role": "user", "content": one}, content),
    st.builds(lambda one, id_: {"role": "tool", "tool_call_id": id_, "content": one}, content, identity),
    st.builds(lambda one, id_: {"content": one, "tool_call_id": id_, "role": "tool"}, text, identity),
    st.builds(lambda one: {"role": "function", "name": "list_items", "content": one}, text),
    st.builds(
        lambda calls: {"role": "assistant", "content": None, "tool_calls": calls},
        st.lists(st.builds(_call, st.sampled_from(CALLS), identity), max_size=3),
    ),
    st.builds(lambda one: {"role": "assistant", "content": one}, text),
)
conversations: st.SearchStrategy[list[Message]] = st.lists(message, min_size=1, max_size=7)
models = st.sampled_from(("gpt-4o", "gpt-4-turbo", "openai/gpt-5.6", "mystery-1", "é"))


@dataclass(frozen=True, slots=True)
class Style:
    """How a client writes JSON. `spaces` stand, in turn, wherever white space may."""

    ascii_only: bool = False
    spaces: tuple[str, ...] = ("",)
    solidus: bool = False
    backwards: bool = False

    def write(self, value: object) -> str:
        """`value` as JSON text, the same every time."""
        return self._value(value, cycle(self.spaces))

    def _value(self, value: object, space: Iterator[str]) -> str:
        if isinstance(value, dict):
            pairs = list(value.items())
            items = [
                f"{self._string(key)}{next(space)}:{next(space)}{self._value(one, space)}"
                for key, one in (reversed(pairs) if self.backwards else pairs)
            ]
            return self._joined(items, "{}", space)
        if isinstance(value, list):
            return self._joined([self._value(one, space) for one in value], "[]", space)
        return self._string(value) if isinstance(value, str) else json.dumps(value)

    def _joined(self, items: list[str], brackets: str, space: Iterator[str]) -> str:
        inner = ",".join(f"{next(space)}{item}{next(space)}" for item in items)
        return f"{brackets[0]}{inner}{brackets[1]}"

    def _string(self, value: str) -> str:
        literal = json.dumps(value, ensure_ascii=self.ascii_only)
        # UTF-8 has no letters for half a pair: however a client writes, those it must escape.
        literal = re.sub(r"[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", literal)
        return literal.replace("/", "\\/") if self.solidus else literal


styles = st.builds(
    Style,
    ascii_only=st.booleans(),
    spaces=st.sampled_from((("",), ("", " "), (" ", "\n", "", "\t\r\n"))),
    solidus=st.booleans(),
    backwards=st.booleans(),
)

_SHORT = json.dumps(SHORTENED)
HOSTILE = (
    "17",
    "null",
    '"tool"',
    "[[]]",
    "{}",
    '{"role":5,"content":[1,null,"x"]}',
    f'{{"role":"TOOL","content":{_SHORT}}}',
    f'{{"role":"tool","tool_call_id":"call_0","content":{_SHORT},"content":""}}',
    f'{{"role":"tool","role":"user","content":{_SHORT}}}',
    f'{{"role":"user","\\u0072ole":"tool","content":{_SHORT}}}',
    f'{{"\\u0072ole":"\\u0074ool","\\u0063ontent":{_SHORT}}}',
    '{"role":"tool","content":"\\ud800 ' + "x" * 600 + '"}',
    '{"role":"user","content":[{"type":"text","text":"\\udc00"},{"type":"text","text":"ok","text":"ok"}]}',
    f'{{"role":"tool","content":[{{"type":"text","type":"image","text":{_SHORT}}}]}}',
    '{"role":"assistant","tool_calls":[{"id":"call_0","function":{"name":"read_file","arguments":"{}"}}]}',
    '{"role":"assistant","tool_calls":{"id":"call_0"},"function_call":7}',
    '{"role":"assistant","tool_calls":[3,{"id":"call_0","id":"call_1","function":{"name":"\\ud800"}}]}',
    '{"role":"assistant","content":' + "[" * 1_500 + "]" * 1_500 + "}",
    '{"role":"tool","content":' + '{"a":' * 4_000 + "1" + "}" * 4_000 + "}",
    '{"role":"user","content":"[narrows: 9 lines left out]\\n[narrows: x"}',
    '{"role":"tool","tool_call_id":null,"content":"' + "\\u0000" * 700 + '"}',
)
"""Messages, as JSON text, that break what reads them carelessly. None is a reason to give up a whole body."""


def body_of(messages: list[str], head: str = '{"model":"gpt-4o","messages":[', tail: str = "]}") -> bytes:
    """The request around messages that are written already."""
    return f"{head}{','.join(messages)}{tail}".encode()


def forwarded(body: bytes, policy: Policy, cache: DecisionCache | None = None) -> bytes:
    """What goes upstream in place of `body`."""
    return apply_edits(body, plan_body(body, WIRE, policy, cache=cache).edits)


def corpus_conversations(corpus: Path) -> Iterator[tuple[str, list[Message]]]:
    """Every recorded conversation, with a name for it."""
    for collection in ("tau-airline", "toolbench"):
        for line in (corpus / "conversations" / collection / "conversations.jsonl").read_bytes().splitlines():
            record = json.loads(line)
            yield f"{collection}/{record.get('id', record.get('task_id'))}", record["messages"]
    for path in sorted((corpus / "conversations" / "swe-agent").rglob("*.traj")):
        yield f"swe-agent/{path.stem}", json.loads(path.read_bytes())["history"]
