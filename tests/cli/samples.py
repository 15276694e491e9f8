"""A request body in which something is shortened and something is not, made of plain parts."""

from __future__ import annotations

import json

ROWS = json.dumps([{"id": number, "name": f"user {number}", "active": True, "team": "blue"} for number in range(300)])
"""A tool's output that has a lossless shorter form."""


def chat_body(*contents: str, model: str = "gpt-4o") -> bytes:
    """A conversation in which a tool called `list_users` gave each of these outputs."""
    messages: list[dict[str, object]] = [{"role": "user", "content": "Who is active?"}]
    for number, content in enumerate(contents):
        call = {"id": f"call_{number}", "type": "function", "function": {"name": "list_users", "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{number}", "content": content},
        ]
    return json.dumps({"model": model, "messages": messages}).encode()
