"""Law 8, transparency, for any answer: whatever its framing, its cuts and its fields, and wherever the observer fails,
the client gets the upstream's bytes."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.records.types import ExchangeRecord
from narrows.server import admission
from narrows.wire.types import Wire
from tests.raw_client import chat, request
from tests.scripted_upstream import LAST_CHUNK, Ending, ScriptedUpstream, chunk, head, in_pieces, raw
from tests.server.faulty_wire import STEPS, FaultyObserver, FaultyWire
from tests.stage import stage_before

WIRES = st.builds(
    FaultyWire,
    st.sampled_from([*STEPS, "none"]),
    st.sampled_from([ValueError("bad"), MemoryError(), RecursionError(), AttributeError("gone"), StopIteration()]),
)
FIELDS = st.lists(
    st.sampled_from(
        [
            ("Content-Type", "text/event-stream"),
            ("Content-Type", "?"),
            ("Content-Encoding", "gzip"),
            ("Content-Encoding", "br"),
            ("Content-Encoding", "unheard-of"),
            ("X-Odd", "a, b"),
        ]
    ),
    max_size=3,
)


def answer_of(fields: list[tuple[str, str]], framing: str, payload: list[bytes]) -> bytes:
    """The bytes of an answer."""
    body = b"".join(payload)
    match framing:
        case "sized":
            return head([*fields, ("Content-Length", str(len(body)))]) + body
        case "chunked":
            return head([*fields, ("Transfer-Encoding", "chunked")]) + b"".join(map(chunk, payload)) + LAST_CHUNK
        case _:
            return head(fields) + body


async def exchanged(wire: Wire, sent: bytes, size: int, ending: Ending) -> tuple[bytes, ExchangeRecord]:
    """What the client gets of an answer after its head, and the record, with `wire` in the gateway."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admission, "wire_for", lambda _method, _path: wire)
        async with ScriptedUpstream() as upstream, stage_before(upstream) as stage:
            upstream.play(raw(*in_pieces(sent, size), ending=ending))
            gateway = await stage.gateway()
            client = await stage.client(gateway)
            await client.send(request("POST", "/v1/chat/completions", "Connection: close", body=chat()))
            received = await client.rest()
            return received.partition(b"\r\n\r\n")[2], await stage.record(gateway)


@settings(max_examples=40)
@given(
    wire=WIRES,
    fields=FIELDS,
    framing=st.sampled_from(["sized", "chunked", "until close"]),
    payload=st.lists(st.binary(min_size=1, max_size=200) | st.just(b"data: {}\n\n"), max_size=6),
    size=st.integers(1, 400),
)
def test_whatever_an_observer_does_the_bytes_are_the_upstreams(
    wire: FaultyWire, fields: list[tuple[str, str]], framing: str, payload: list[bytes], size: int
) -> None:
    sent = answer_of(fields, framing, payload)
    ending = Ending.CLOSE if framing == "until close" else Ending.KEEP
    received, record = asyncio.run(exchanged(wire, sent, size, ending))
    assert received == sent.partition(b"\r\n\r\n")[2]
    assert (record.status, record.outcome) == (200, "answered")


def test_an_observer_that_holds_the_loop_is_given_up() -> None:
    class Slow(FaultyWire):
        def observer(self, content_type: str, *, texts: bool = True) -> SlowObserver:
            return SlowObserver("none", self.error)

    payload = [b"data: %d\n\n" % number * 2000 for number in range(9)]
    sent = answer_of([], "chunked", payload)
    received, record = asyncio.run(exchanged(Slow("none"), sent, 20_000, Ending.KEEP))
    assert received == sent.partition(b"\r\n\r\n")[2]
    assert record.response is not None
    assert record.response.dropped == "lagging"


class SlowObserver(FaultyObserver):
    """Takes longer for a batch than the event loop can be held."""

    def receive_data(self, data: bytes) -> None:
        until_s = time.thread_time() + 0.3
        while time.thread_time() < until_s:
            pass
