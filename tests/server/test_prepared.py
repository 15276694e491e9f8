"""A head that is remembered is the head that would be read: whatever stands in its place, and whatever its length."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from narrows.core.http1 import FramingError, RequestHead, Sized, head_end, parse_request_head
from narrows.errors import MalformedRequest
from narrows.server.admission import Passed
from narrows.server.prepared import MAX_REMEMBERED_BYTES, Prepared, Remembered, prepare, remembered, uncoded
from tests.raw_client import request
from tests.stage import Stage

PASSED = Passed(None, None, frozenset())
LINES = (b"X-A: content-length: 9", b"content-lengthy: 7", b"Authorization: Bearer k", b"Connection: keep-alive")


def block_of(length: bytes, lines: Iterable[bytes], at: int, name: bytes = b"Content-Length: ") -> bytes:
    lines = [b"Host: a.test", *lines]
    lines.insert(at % (len(lines) + 1), name + length)
    return b"\r\n".join((b"POST /v1/x HTTP/1.1", *lines)) + b"\r\n\r\n"


def memory_of(block: bytes) -> Remembered | None:
    return remembered(block, Prepared(parse_request_head(block), "POST", "/v1/x", None, PASSED))


def read_anew(buffer: bytes) -> tuple[RequestHead, int] | None:
    try:
        end = head_end(buffer, 65_536)
        return None if end < 0 else (parse_request_head(buffer[:end]), end)
    except FramingError:
        return None


NUMBERS = st.integers(0, 10**18 - 1).map(lambda number: b"%d" % number)
PLACES = st.tuples(st.lists(st.sampled_from(LINES), unique=True), st.integers(0, 4))


CODINGS = (b"Accept-Encoding: gzip, br", b"accept-encoding:gzip", b"X-Accept-Encoding: y")
FRAMINGS = (b"Content-Length: 7", b"content-length:\t7", b"Transfer-Encoding: chunked")


@given(st.lists(st.sampled_from(LINES + CODINGS), unique=True), st.sampled_from(FRAMINGS), st.integers(0, 9), NUMBERS)
def test_a_head_for_another_body_whose_answer_can_be_read(
    lines: list[bytes], framing: bytes, at: int, size: bytes
) -> None:
    rest = [b"Host: a.test", *lines]
    rest.insert(at % (len(rest) + 1), framing)
    block = b"\r\n".join((b"POST /v1/x HTTP/1.1", *rest)) + b"\r\n\r\n"
    cut = block.find(b"7\r", block.lower().find(b"\ncontent-length:")) if b"7" in framing else len(block)
    before, after = block[:cut], block[cut + 1 :]
    made = Prepared(parse_request_head(block), "POST", "/v1/x", None, PASSED, False, before, after)
    head = parse_request_head(uncoded(made).upstream_head(int(size)))
    assert head.framing == Sized(int(size))
    kept = [line for line in rest if not line.lower().startswith(b"accept-encoding:") and line != framing]
    found = head.fields.split(b"\r\n")[:-1]
    assert [line for line in found if not line.lower().startswith((b"accept-encoding:", b"content-length:"))] == kept
    assert [line for line in found if line.lower().startswith(b"accept-encoding:")] == [b"Accept-Encoding: identity"]


@given(PLACES, NUMBERS, NUMBERS, st.binary(max_size=8), st.sampled_from([b"Content-Length: ", b"content-length:\t"]))
def test_the_same_head_with_another_length_is_known_again(
    place: tuple[list[bytes], int], first: bytes, second: bytes, rest: bytes, name: bytes
) -> None:
    known = memory_of(block_of(first, *place, name=name))
    block = block_of(second, *place, name=name)
    assert known is not None
    assert known.again_in(block + rest) == (Sized(int(second)), len(block))
    assert all(known.again_in(block[:cut]) is None for cut in range(len(block)))


@given(PLACES, NUMBERS, st.data())
def test_whatever_is_known_again_would_be_read_the_same(
    place: tuple[list[bytes], int], number: bytes, data: st.DataObject
) -> None:
    block = block_of(number, *place)
    known = memory_of(block)
    assert known is not None
    start = data.draw(st.integers(0, len(block)))
    stop = data.draw(st.integers(start, min(len(block), start + 12)))
    put = data.draw(
        st.sampled_from([b"", b"0", b"00", b"+1", b"1" * 19, b" 1", b"1 ", b"\r\n", b"\n", b"\x00"]) | NUMBERS
    )
    other = block[:start] + put + block[stop:]
    again = known.again_in(other)
    if again is None:
        assume(other != block)
        return
    anew = read_anew(other)
    assert anew is not None
    head, end = anew
    kept = known.prepared.head
    assert again == (head.framing, end)
    assert head._replace(framing=kept.framing, fields=kept.fields) == kept


@pytest.mark.parametrize("number", [b"", b"007", b"+1", b"-1", b"1_0", b"1" * 19, b"\xb2", "٣".encode(), b"1 ", b"0x1"])
def test_a_length_that_is_none_is_read_anew(number: bytes) -> None:
    known = memory_of(block_of(b"12", LINES, 2))
    assert known is not None
    assert known.again_in(block_of(number, LINES, 2)) is None


def test_heads_without_a_length_are_known_by_all_their_bytes() -> None:
    for lines in ((), (b"Transfer-Encoding: chunked",)):
        block = b"\r\n".join((b"GET /v1/models HTTP/1.1", b"Host: a.test", *lines)) + b"\r\n\r\n"
        known = memory_of(block)
        assert known is not None
        assert known.again_in(block + b"GET") == (parse_request_head(block).framing, len(block))
        assert known.again_in(block[:-2] + b"X: 1\r\n\r\n") is None


def test_long_heads_are_not_held() -> None:
    assert memory_of(block_of(b"1", [b"X: " + b"x" * MAX_REMEMBERED_BYTES], 0)) is None


async def test_the_upstreams_head_has_the_bodys_length_and_nothing_else_of_it(stage: Stage) -> None:
    gateway = (await stage.gateway()).gateway
    head = parse_request_head(block_of(b"12", LINES, 0))
    prepared = prepare(head, gateway)
    assert parse_request_head(prepared.upstream_head(34)).framing == Sized(34)
    assert b"Content-Length: 34\r\n" in prepared.upstream_head(34)
    assert prepared.upstream_head(12).replace(b": 12\r\n", b": 34\r\n") == prepared.upstream_head(34)


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t  "])
async def test_blanks_behind_a_length_are_no_part_of_it(stage: Stage, blanks: bytes) -> None:
    """They are allowed there (RFC 9112 section 5.1). A length that was left as it came would take the next request on
    the upstream's connection for the rest of a shortened body."""
    gateway = (await stage.gateway()).gateway
    prepared = prepare(parse_request_head(block_of(b"12" + blanks, LINES, 0)), gateway)
    assert b"Content-Length: 34" + blanks + b"\r\n" in prepared.upstream_head(34)
    assert parse_request_head(prepared.upstream_head(34)).framing == Sized(34)


async def test_errors_are_part_of_the_result(stage: Stage) -> None:
    gateway = (await stage.gateway()).gateway
    wrong = request("POST", "/v1/chat/completions", "x-narrows-policy: sideways", body=b"{}")
    prepared = prepare(parse_request_head(wrong[: head_end(wrong, 65_536)]), gateway)
    assert isinstance(prepared.admitted, MalformedRequest)
    client = await stage.client(await stage.gateway())
    for _ in range(2):
        await client.send(wrong)
        assert (await client.answer()).error_code == "malformed_request"
        client = await stage.client(stage.gateways[-1])


async def test_a_connection_goes_from_head_to_head(stage: Stage) -> None:
    """Same, longer, shorter, another, and the first again: each reaches the upstream as it was sent."""
    gateway = await stage.gateway()
    client = await stage.client(gateway)
    bodies = [b"x" * size for size in (5, 5, 1000, 0, 17)]
    for body in bodies:
        await client.send(request("POST", "/v1/embeddings", "X-Same: 1", body=body))
        assert (await client.answer()).status == 200
    await client.send(request("POST", "/v1/embeddings", "X-Other: 1", body=b"other"))
    assert (await client.answer()).status == 200
    await client.send(request("POST", "/v1/embeddings", "X-Same: 1", body=b"again"))
    assert (await client.answer()).status == 200
    assert [seen.body for seen in stage.upstream.requests] == [*bodies, b"other", b"again"]
