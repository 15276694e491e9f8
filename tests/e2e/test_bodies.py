"""Every body of the corpus through the running gateway: captured ones, recorded ones, and those made to break things.

A body that its sidecar calls identical arrives identical; every body arrives as the library forwards it, whose edits
tests/corpus holds against the sidecars. So what the gateway adds to the library is shown to be nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

from narrows.core.edits import apply_edits
from narrows.core.tokens import TOKENIZER
from narrows.plan import plan_body
from narrows.wire.registry import wire_named
from tests.e2e.conversations import RawClient
from tests.e2e.material import orders, tool_turn
from tests.gateways import settings_for
from tests.scripted_upstream import ScriptedUpstream, whole

ANSWER = whole(b"{}")


def library_forwards(body: bytes) -> bytes:
    policy = settings_for("http://127.0.0.1:1").policy("none", TOKENIZER)
    return apply_edits(body, plan_body(body, wire_named("openai_chat"), policy).edits)


async def forward(gateway: str, upstream: ScriptedUpstream, bodies: list[bytes]) -> list[bytes]:
    """What arrives when these are sent on one connection."""
    upstream.otherwise = lambda request: ANSWER
    client = await RawClient.to(gateway)
    for body in bodies:
        assert (await client.post(body, "body"))[0] == 200
    client.close()
    return [request.body for request in upstream.requests]


async def test_bodies_of_real_clients(corpus: Path, scripted_upstream: ScriptedUpstream, gateway: str) -> None:
    folder = corpus / "bodies"
    files = [json.loads(line)["file"] for line in (folder / "index.jsonl").read_text().splitlines()]
    bodies = [(folder / file).read_bytes() for file in files]
    arrived = await forward(gateway, scripted_upstream, bodies)
    assert len(arrived) == len(bodies) == 66
    for file, sent, got in zip(files, bodies, arrived, strict=True):
        assert got == library_forwards(sent), file


async def test_hostile_bodies(corpus: Path, scripted_upstream: ScriptedUpstream, gateway: str) -> None:
    folder = corpus / "bodies" / "hostile"
    expectations = [json.loads(line) for line in (folder / "expectations.jsonl").read_text().splitlines()]
    bodies = [(folder / one["file"]).read_bytes() for one in expectations]
    arrived = await forward(gateway, scripted_upstream, bodies)
    assert len(arrived) == len(bodies) == 65
    for one, sent, got in zip(expectations, bodies, arrived, strict=True):
        assert got == (sent if one["forward"] == "identical" else library_forwards(sent)), one["file"]


async def test_a_body_of_over_5_mb(scripted_upstream: ScriptedUpstream, gateway: str) -> None:
    messages = [message for number in range(24) for message in tool_turn(orders(1_500 + number), f"call_{number}")]
    body = json.dumps({"model": "gpt-4o", "messages": messages}).encode()
    assert len(body) > 5_000_000
    expected = library_forwards(body)
    assert len(expected) < 0.6 * len(body)
    assert await forward(gateway, scripted_upstream, [body, body]) == [expected, expected]
