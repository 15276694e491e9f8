"""A head of a known shape is read as `parse_response_head` reads it, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import MAX_HEAD_BYTES, FramingError, KnownHeads, ResponseHead, Sized, parse_response_head
from narrows.core.http1.known import MAX_SHAPES, MAX_STUDIED, MAX_STUDIED_BYTES

START = b"HTTP/1.1 200 OK\r\n"
NAMES = [
    b"Date",
    b"x-request-id",
    b"X.Y",
    b"Content-Type",
    b"content-encoding",
    b"Connection",
    b"Keep-Alive",
    b"Content-Length",
    b"Transfer-Encoding",
    b"TE",
    b"Upgrade",
]
VALUES = [
    b"",
    b" 1",
    b" 12",
    b" 0",
    b" 007",
    b"\t5 ",
    b" chunked",
    b" close",
    b" keep-alive, x-y",
    b" text/plain",
    b" gzip",
    b" a\x80(b)[c]\t",
    b" \x00",
    b" a\nb",
    b" \r",
    b" 99999999999999999999",
]
STARTS = [
    START,
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 200 \r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 100 Continue\r\n",
]
LINE = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(b":".join)
HEAD = st.tuples(st.sampled_from(STARTS), st.lists(LINE, max_size=4)).map(
    lambda parts: parts[0] + b"".join(line + b"\r\n" for line in parts[1]) + b"\r\n"
)


def read(block: bytes) -> ResponseHead | None:
    try:
        return parse_response_head(block, b"POST")
    except FramingError:
        return None


def knowing(*blocks: bytes) -> KnownHeads:
    known = KnownHeads()
    for block in blocks:
        head = read(block)
        if head is not None:
            known.learn(block, head)
            known.learn(block, head)
    return known


def head(*lines: bytes) -> bytes:
    return START + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@given(st.lists(HEAD, min_size=1, max_size=3), HEAD, st.sampled_from([b"", b"body", b"\r\n"]), st.data())
def test_what_is_known_is_read_alike(before: list[bytes], block: bytes, rest: bytes, data: st.DataObject) -> None:
    known = knowing(*before)
    found = known.read(block + rest)
    assert found is None or found == (read(block), len(block))
    like = data.draw(st.sampled_from(before))
    values = [line.partition(b":")[0] + b":" + data.draw(st.sampled_from(VALUES)) for line in like.split(b"\r\n")[1:-2]]
    changed = like.partition(b"\r\n")[0] + b"\r\n" + b"".join(line + b"\r\n" for line in values) + b"\r\n"
    found = known.read(changed + rest)
    assert found is None or found == (read(changed), len(changed))


def test_dates_ids_and_lengths_may_change() -> None:
    known = knowing(head(b"Date: Sat", b"Content-Type: a/b", b"Content-Length: 12", b"x-id: 1"))
    block = head(b"Date: Sun", b"Content-Type: a/b", b"Content-Length: 0", b"x-id:")
    found = known.read(block + b"rest")
    assert found == (read(block), len(block))
    assert found[0].framing == Sized(0)
    chunked = knowing(head(b"Transfer-Encoding: chunked", b"Date: Sat"))
    block = head(b"Transfer-Encoding: chunked", b"Date: Sun")
    assert chunked.read(block) == (read(block), len(block))


@pytest.mark.parametrize(
    "line",
    [b"Content-Length: 01", b"Content-Length: -1", b"Content-Length: 1, 1", b"Content-Length:", b"Content-length: 1"],
)
def test_no_other_length_passes(line: bytes) -> None:
    assert knowing(head(b"Content-Length: 12")).read(head(line)) is None


def test_a_shape_has_to_come_twice_in_a_row_and_few_are_kept() -> None:
    blocks = [head(b"Content-Length: 1", b"x-%d: 1" % number) for number in range(MAX_SHAPES + 1)]
    known = KnownHeads()
    for block in [*blocks, *blocks]:
        known.learn(block, parse_response_head(block, b"POST"))
    assert not any(map(known.read, blocks))
    known = knowing(*blocks)
    assert [known.read(block) is not None for block in blocks] == [False, *[True] * MAX_SHAPES]


def test_a_server_whose_heads_never_settle_is_not_studied_for_ever() -> None:
    known = KnownHeads()
    block = head(b"Content-Length: 1")
    for number in range(MAX_STUDIED):
        other = head(b"Content-Length: 1", b"x-%d: 1" % number)
        known.learn(other, parse_response_head(other, b"POST"))
    known.learn(block, parse_response_head(block, b"POST"))
    known.learn(block, parse_response_head(block, b"POST"))
    assert known.read(block) is None


def test_a_head_that_is_too_long_is_not_known() -> None:
    known = knowing(head(b"Content-Length: 1", b"a: 1", b"b: 1", b"c: 1"))
    long = b"x" * (MAX_HEAD_BYTES // 3)
    assert known.read(head(b"Content-Length: 1", b"a: " + long, b"b: 1", b"c: 1")) is not None
    assert known.read(head(b"Content-Length: 1", b"a: " + long, b"b: " + long, b"c: " + long)) is None


def test_a_long_head_is_not_studied() -> None:
    """To compile its pattern would hold up everybody else."""
    lines = b"Content-Length: 1", b"Content-Type: a/b"
    room = MAX_STUDIED_BYTES - len(head(*lines))
    for more, studied in ((room, True), (room + 1, False)):
        block = head(*lines[:1], lines[1] + b"x" * more)
        assert (knowing(block).read(block) is not None) is studied


def test_a_shape_that_is_learned_again_drives_no_other_out() -> None:
    first, second = head(b"Content-Length: 1"), head(b"Content-Length: 1", b"x-id: 1")
    known = knowing(first, *[second] * MAX_SHAPES)
    assert known.read(first) is not None
    assert known.read(second) is not None
