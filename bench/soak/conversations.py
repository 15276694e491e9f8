"""Conversations that grow turn by turn, re-sent whole each time, as agents send them."""

from __future__ import annotations

import json
from random import Random

MODELS = ("gpt-4o", "gpt-4-turbo", "mystery-1")


def _rows(random: Random) -> str:
    name = random.choice(("server", "été", "invoice"))
    return json.dumps(
        [{"id": i, "name": f"{name}-{i}", "state": "open", "at": random.random()} for i in range(random.randint(3, 90))]
    )


def _log(random: Random) -> str:
    count, seed = random.randint(5, 200), random.randint(0, 9999)
    lines = [f"[{i:4d}/{count}] Compiling module_{seed}_{i} v0.{i}.0 (/home/dev/tree/{seed})" for i in range(count)]
    lines.insert(count // 2, f"error[E0308]: mismatched types\n  --> src/main_{seed}.rs:14:5")
    return "\n".join(lines)


def _diff(random: Random) -> str:
    seed, count = random.randint(0, 9999), random.randint(10, 120)
    body = "".join(f" line {seed} {i}\n" if i % 7 else f"-old {i}\n+new {seed} {i}\n" for i in range(count))
    return f"diff --git a/x.py b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n@@ -1,{count} +1,{count} @@\n{body}"


def _matches(random: Random) -> str:
    seed, count = random.randint(0, 999), random.randint(5, 150)
    return "\n".join(f"src/module_{i // 6}.py:{i}:    return value_{seed}_{i}" for i in range(1, count))


def _prose(random: Random) -> str:
    return " ".join(random.choice(("the", "parser", "reads", "a", "field", "😀", "\\", '"')) for _ in range(300))


_TEXTS = (_rows, _log, _diff, _matches, _prose)


class Conversation:
    """One conversation. Its body is the messages so far between two ends that do not change, so what is forwarded of
    each turn must begin with what was forwarded of the turn before, less its end."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._start = f'{{"model":"{random.choice(MODELS)}","messages":['.encode()
        self.streams = random.random() < 0.6
        self._end = b'],"stream":%b}' % (b"true" if self.streams else b"false")
        self._messages = [b'{"role":"system","content":"You are an agent, number %d."}' % random.getrandbits(60)]
        self._settled = b""
        self._last = b""
        self.turns = 0
        self.shortened = 0

    @property
    def body(self) -> bytes:
        return self._start + b",".join(self._messages) + self._end

    def grow(self) -> None:
        """The model's call of a tool, and what the tool says."""
        self.turns += 1
        self._settled, self._last = self._last, b""
        call = {"id": f"call_{self.turns}", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
        content = self._random.choice(_TEXTS)(self._random)
        for message in (
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": content},
        ):
            self._messages.append(json.dumps(message, ensure_ascii=bool(self.turns % 2)).encode())

    def forwarded(self, body: bytes) -> str:
        """Compare what the gateway has sent upstream for the body with what it sent before; what is wrong, if any."""
        self.shortened += len(body) < len(self.body)
        if not body.endswith(self._end) or len(body) > len(self.body):
            return "the forwarded body is none of this conversation's"
        if self._last and body != self._last:
            return "the same turn was forwarded otherwise"
        if not body.startswith(self._settled.removesuffix(self._end)):
            return "the prefix of an earlier turn was forwarded otherwise"
        self._last = body
        return ""
