"""What goes on to the next hop: the lines that stay are the sender's bytes, in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from narrows.core.headers import field, field_values, forward_request_fields, forward_response_fields
from narrows.core.http1 import HOP_BY_HOP, RequestHead, ResponseHead, parse_request_head, parse_response_head


def request(lines: list[bytes], start: bytes = b"POST / HTTP/1.1") -> RequestHead:
    return parse_request_head(b"\r\n".join([start, *lines]) + b"\r\n\r\n")


def response(lines: list[bytes], status: bytes = b"200", method: bytes = b"GET") -> ResponseHead:
    return parse_response_head(b"\r\n".join([b"HTTP/1.1 " + status + b" X", *lines]) + b"\r\n\r\n", method)


def lines_of(fields: bytes) -> list[bytes]:
    assert fields == b"" or fields.endswith(b"\r\n")
    return fields.split(b"\r\n")[:-1]


def mixed_case(name: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from([name, name.upper(), name.title()])


OTHERS = st.tuples(
    st.sampled_from(
        [b"X-A", b"x-a", b"Set-Cookie", b"Accept-Encoding", b"TE-x", b"X-Upgrade", b"x-narrows-policy", b"Keep"]
    ),
    st.sampled_from([b":", b": ", b":\t ", b":  "]),
    st.sampled_from([b"", b"a", b"a, b", b"connection: close", b"\xff \t!", b"te:"]),
    st.sampled_from([b"", b" ", b"\t"]),
).map(b"".join)
HOPS = (
    st.sampled_from(sorted(HOP_BY_HOP - {b"transfer-encoding", b"connection"}))
    .flatmap(mixed_case)
    .map(lambda name: name + b": a")
)
CONNECTION = st.sampled_from(
    [b"Connection: keep-alive", b"connection: X-A, close", b"Connection: x-upgrade,Set-Cookie"]
)
NAMED = {b"connection: X-A, close": {b"x-a"}, b"Connection: x-upgrade,Set-Cookie": {b"x-upgrade", b"set-cookie"}}


@given(st.lists(OTHERS | HOPS | CONNECTION, max_size=12))
def test_the_rest_is_kept_in_order_to_the_byte(lines: list[bytes]) -> None:
    gone = HOP_BY_HOP.union(*(NAMED.get(line, set()) for line in lines))
    kept = [line for line in lines if line.partition(b":")[0].lower() not in gone]
    assert lines_of(forward_response_fields(response(lines))) == kept
    host = len(lines) // 2
    with_host = [*lines[:host], b"hOST:  old ", *lines[host:]]
    expected = [
        b"hOST:  new.test" if line.startswith(b"hOST") else line
        for line in with_host
        if line.partition(b":")[0].lower() not in gone
    ]
    assert lines_of(forward_request_fields(request(with_host), host=b"new.test")) == expected
    without_policy = [line for line in expected if not line.startswith(b"x-narrows-policy:")]
    dropped = forward_request_fields(request(with_host), host=b"new.test", drop=frozenset({b"x-narrows-policy"}))
    assert lines_of(dropped) == without_policy


def test_a_dropped_name_matches_in_any_case_and_only_whole() -> None:
    head = request([b"Host: a", b"X-Narrows-POLICY: off", b"x-narrows-policy-2: b", b"y: x-narrows-policy:"])
    fields = forward_request_fields(head, host=b"b", drop=frozenset({b"x-narrows-policy"}))
    assert lines_of(fields) == [b"Host: b", b"x-narrows-policy-2: b", b"y: x-narrows-policy:"]


def test_a_dropped_name_of_a_response_goes_wherever_it_stands() -> None:
    head = response([b"X-Ours: 1", b"A: b", b"x-ours:2", b"x-ours-2: c", b"d: x-ours:"])
    fields = forward_response_fields(head, drop=frozenset({b"x-ours"}), add=b"x-ours: 3\r\n")
    assert lines_of(fields) == [b"A: b", b"x-ours-2: c", b"d: x-ours:", b"x-ours: 3"]


def test_nothing_to_drop_gives_equal_bytes() -> None:
    head = response([b"Content-Length: 3", b"set-cookie: a", b"Set-Cookie: b"])
    assert forward_response_fields(head) == head.fields


def test_a_host_that_looks_like_a_replacement_pattern_is_literal() -> None:
    assert forward_request_fields(request([b"Host: a"]), host=rb"\1\g<1>") == b"Host: \\1\\g<1>\r\n"


def test_a_missing_host_is_put_first() -> None:
    head = request([b"A: b"], start=b"GET / HTTP/1.0")
    assert forward_request_fields(head, host=b"c.test:8080") == b"Host: c.test:8080\r\nA: b\r\n"


def test_the_length_is_replaced_in_place_only_if_given() -> None:
    head = request([b"A: content-length: 7", b"content-LENGTH:   12 ", b"Host: a", b"B: c"])
    assert lines_of(forward_request_fields(head, host=b"a"))[1] == b"content-LENGTH:   12 "
    fields = forward_request_fields(head, host=b"a", content_length=1_000)
    assert lines_of(fields) == [b"A: content-length: 7", b"content-LENGTH:   1000", b"Host: a", b"B: c"]


def test_a_length_takes_the_place_of_the_chunks() -> None:
    head = request([b"Host: a", b"Transfer-Encoding: chunked", b"Trailer: x", b"B: c"])
    assert lines_of(forward_request_fields(head, host=b"a")) == [b"Host: a", b"Transfer-Encoding: chunked", b"B: c"]
    fields = forward_request_fields(head, host=b"a", content_length=0)
    assert lines_of(fields) == [b"Host: a", b"Content-Length: 0", b"B: c"]


def test_a_length_that_was_in_no_head_is_added() -> None:
    fields = forward_request_fields(request([b"Host: a"]), host=b"a", content_length=4, add=b"Z: z\r\n")
    assert lines_of(fields) == [b"Host: a", b"Content-Length: 4", b"Z: z"]


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_the_coding_of_a_response(method: bytes) -> None:
    head = response([b"A: b", b"transfer-Encoding: chunked", b"C: d"], b"200", method)
    assert lines_of(forward_response_fields(head)) == [b"A: b", b"transfer-Encoding: chunked", b"C: d"]
    assert lines_of(forward_response_fields(head, dechunked=True)) == [b"A: b", b"C: d"]


def test_lines_are_added_last() -> None:
    assert forward_response_fields(response([b"A: b"]), add=b"x-narrows-request-id: 1\r\n").endswith(
        b"A: b\r\nx-narrows-request-id: 1\r\n"
    )


def test_looking_up_fields() -> None:
    fields = b"Set-Cookie:  a \r\nX: set-cookie: no\r\nset-cookie:b\r\nEmpty:\r\n"
    assert field_values(fields, b"SET-Cookie") == (b"a", b"b")
    assert field(fields, b"set-cookie") == b"a"
    assert field(fields, b"empty") == b""
    assert field(fields, b"cookie") is None
    assert field(b"", b"a") is None


ANSWER_LINES = (
    b"Content-Length: 5",
    b"content-type: application/json; charset=UTF-8",
    b"Content-Encoding: GZIP",
    b"Content-Encoding: br ",
    b"Connection: keep-alive",
    b"Connection: X-Mine",
    b"X-Mine: 1",
    b"x-narrows-error: mine",
    b"X-Says: x-narrows-error: no",
    b"Keep-Alive: timeout=5",
    b"Trailer: X-T",
    b"Date: today",
)


@given(st.lists(st.sampled_from(ANSWER_LINES), unique=True), st.booleans())
def test_an_answer_of_end_to_end_fields_goes_on_as_any_other(lines: list[bytes], dechunked: bool) -> None:
    head = parse_response_head(b"\r\n".join((b"HTTP/1.1 200 OK", *lines)) + b"\r\n\r\n", b"POST")
    drop, add = frozenset({b"x-narrows-error"}), b"X-Own: 1\r\n"
    expected = forward_response_fields(structs.replace(head, end_to_end=False), drop=drop, add=add, dechunked=dechunked)
    assert forward_response_fields(head, drop=drop, add=add, dechunked=dechunked) == expected
    hop_by_hop = [line for line in lines if line.startswith((b"Connection", b"Keep-Alive", b"Trailer"))]
    assert head.end_to_end is (hop_by_hop == [])
    types = [line for line in lines if line.startswith(b"content-type")]
    assert head.content_type == (b"application/json; charset=utf-8" if types else b"")
    codings = [line.partition(b": ")[2].lower() for line in lines if line.startswith(b"Content-Encoding")]
    assert head.content_codings == b",".join(codings)
