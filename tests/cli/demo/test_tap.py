from __future__ import annotations

import urllib.request

import pytest

from narrows.cli.demo.models import scripted_model
from narrows.cli.demo.tap import RequestBodies, Tap

TWO = (
    b"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirst"
    b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    b"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nsecond"
)


@pytest.mark.parametrize("step", [1, 2, 7, 50, len(TWO)])
def test_bodies_are_cut_the_same_however_the_bytes_come(step: int) -> None:
    bodies: list[bytes] = []
    reader = RequestBodies(bodies)
    for start in range(0, len(TWO), step):
        reader.receive_data(TWO[start : start + step])
    assert bodies == [b"first", b"second"]


def test_the_tap_relays_both_ways_and_keeps_the_body() -> None:
    with scripted_model() as model:
        tap = Tap(model.base_url)
        request = urllib.request.Request(f"{tap.base_url}/chat/completions", b'{"messages": []}')
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.read().endswith(b"data: [DONE]\n\n")
        tap.close()
    assert tap.bodies == [b'{"messages": []}']
