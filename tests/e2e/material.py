"""Requests that clients send in these tests: conversations whose tool outputs are large and machine-written."""

from __future__ import annotations

import json
from typing import Any

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "list_orders",
            "description": "Every order, as JSON. \u00fc \\ / \u2028",
            "parameters": {"type": "object", "properties": {"limit": {"type": "integer"}}, "required": []},
        },
    },
    {"type": "function", "function": {"name": "ship", "parameters": {"type": "object", "properties": {}}}},
]


def orders(count: int) -> str:
    """A JSON array of `count` rows, as an order service lists them."""
    cities = ("Lyon", "K\u00f6ln", "Oslo", "Porto", "Graz")
    return json.dumps(
        [
            {
                "id": f"ord-{number:05}",
                "status": ("paid", "shipped", "open")[number % 3],
                "customer": {"name": f"Customer {number * 37 % 900}", "city": cities[number % 5]},
                "total": round(number * 7.35 % 500, 2),
                "express": number % 7 == 0,
                "note": None if number % 4 else f"call before {number % 12 + 8}:00",
            }
            for number in range(count)
        ],
        ensure_ascii=False,
    )


def tool_turn(content: str | list[dict[str, str]], call_id: str = "call_1") -> list[dict[str, Any]]:
    """A user's question, the call it led to, and what the tool said."""
    call = {"id": call_id, "type": "function", "function": {"name": "list_orders", "arguments": '{"limit": 1500}'}}
    return [
        {"role": "user", "content": "Which orders are late?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": content},
    ]
