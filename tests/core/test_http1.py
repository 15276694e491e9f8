"""Heads: what is accepted, what it means, and every shape that must be refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import (
    Chunked,
    Fault,
    Framing,
    FramingError,
    NoBody,
    Sized,
    UntilClose,
    head_end,
    parse_request_head,
    parse_response_head,
)

LIMIT = 65_536


def request(*lines: bytes, start: bytes = b"POST /v1/x HTTP/1.1", host: bytes = b"Host: a.test") -> bytes:
    return b"\r\n".join((start, *((host,) if host else ()), *lines)) + b"\r\n\r\n"


def response(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join((start, *lines)) + b"\r\n\r\n"


def refusal(block: bytes, *, of_response: bool = False) -> Fault:
    with pytest.raises(FramingError) as caught:
        _ = parse_response_head(block, b"POST") if of_response else parse_request_head(block)
    return caught.value.reason


# The end of a head


@given(st.binary(max_size=20))
def test_the_end_is_found_whole_byte_by_byte_and_with_rest(rest: bytes) -> None:
    block = request(b"Content-Length: 3")
    assert head_end(block, LIMIT) == len(block)
    assert head_end(bytearray(block + rest), LIMIT) == len(block)
    buffer = bytearray()
    scanned = 0
    for index in range(len(block)):
        buffer += block[index : index + 1]
        expected = len(block) if index == len(block) - 1 else -1
        assert head_end(buffer, LIMIT) == expected
        assert head_end(buffer, LIMIT, scanned) == expected
        scanned = len(buffer)


def test_a_head_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    block = request()
    assert head_end(block, len(block)) == len(block)
    with pytest.raises(FramingError) as caught:
        head_end(block, len(block) - 1)
    assert caught.value.reason is Fault.HEAD_TOO_LARGE


def test_an_unfinished_head_over_the_limit_is_refused() -> None:
    with pytest.raises(FramingError) as caught:
        head_end(b"GET /" + b"a" * 100, 100)
    assert caught.value.reason is Fault.HEAD_TOO_LARGE


@pytest.mark.parametrize(
    ("buffer", "reason"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", Fault.LINE_END),
        (b"GET / HTTP/1.1\r\nHost: a\rX: b", Fault.LINE_END),
        (b"GET / HTTP/1.1\r\nHost: a\r\rX: b", Fault.LINE_END),
        (b"\n", Fault.LINE_END),
        (b"\x16\x03\x01\x02\x00\x01", Fault.CONTROL_CHARACTER),
        (b"GET / HTTP/1.1\r\nA: \x00", Fault.CONTROL_CHARACTER),
    ],
)
def test_what_can_never_become_a_head_is_refused_before_it_ends(buffer: bytes, reason: Fault) -> None:
    with pytest.raises(FramingError) as caught:
        head_end(buffer, LIMIT)
    assert caught.value.reason is reason


def test_a_cr_at_the_very_end_may_still_become_a_line_end() -> None:
    assert head_end(b"GET / HTTP/1.1\r", LIMIT) == -1


def test_a_bare_lf_right_after_what_was_scanned_is_seen() -> None:
    with pytest.raises(FramingError):
        head_end(b"GET / HTTP/1.1\n", LIMIT, scanned=14)
    assert head_end(b"GET / HTTP/1.1\r\n", LIMIT, scanned=15) == -1


# Requests


def test_a_plain_request() -> None:
    head = parse_request_head(request(b"content-LENGTH: 12", b"X-A:  b ", b"X-A: c"))
    assert (head.method, head.target, head.minor) == (b"POST", b"/v1/x", 1)
    assert head.fields == b"Host: a.test\r\ncontent-LENGTH: 12\r\nX-A:  b \r\nX-A: c\r\n"
    assert head.framing == Sized(12)
    assert head.keep_alive
    assert not head.expect_continue
    assert not head.upgrade
    assert head.connection_names == frozenset()


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"])
def test_the_methods_of_the_closed_set(method: bytes) -> None:
    head = parse_request_head(request(start=method + b" / HTTP/1.1"))
    assert head.method == method
    assert head.framing == NoBody()


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE", b"get", b"BREW", b"PO ST", b"G\xc3\x8bT", b""])
def test_other_methods_are_refused(method: bytes) -> None:
    assert refusal(request(start=method + b" / HTTP/1.1")) in {Fault.METHOD, Fault.REQUEST_LINE}


@pytest.mark.parametrize(
    ("target", "origin_form"),
    [
        (b"/", b"/"),
        (b"/v1/models/gpt%2F4?a=b&c=[d]|{e}", b"/v1/models/gpt%2F4?a=b&c=[d]|{e}"),
        (b"//double", b"//double"),
        (b"http://a.test/v1/x?y", b"/v1/x?y"),
        (b"HTTPS://[::1]:8787", b"/"),
        (b"http://a.test:80?q=/", b"/?q=/"),
    ],
)
def test_targets(target: bytes, origin_form: bytes) -> None:
    head = parse_request_head(request(start=b"POST " + target + b" HTTP/1.1"))
    assert head.target == target
    assert head.origin_form == origin_form


def test_the_asterisk_is_for_options() -> None:
    assert parse_request_head(request(start=b"OPTIONS * HTTP/1.1")).origin_form == b"*"
    assert refusal(request(start=b"GET * HTTP/1.1")) is Fault.TARGET


@pytest.mark.parametrize(
    "target",
    [
        b"a.test:443", b"v1/x", b"ftp://a/", b"http://", b"http:///x", b"http://u:p@a/", b"/a#b", b'/a"', b"/<", b"/\\",
        b"/\xc3\xa9", b"/a\x7f", b"**", b"http://a b/",
    ],
)  # fmt: skip
def test_other_targets_are_refused(target: bytes) -> None:
    assert refusal(request(start=b"OPTIONS " + target + b" HTTP/1.1")) in {
        Fault.TARGET,
        Fault.REQUEST_LINE,
        Fault.CONTROL_CHARACTER,
    }


@pytest.mark.parametrize(
    "version", [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1", b"HTTP/1.10", b"HTTP/11"]
)
def test_other_versions_are_refused(version: bytes) -> None:
    assert refusal(request(start=b"GET / " + version)) is Fault.VERSION
    assert refusal(response(start=version + b" 200 OK"), of_response=True) is Fault.VERSION


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b" GET / HTTP/1.1",
        b"GET\t/\tHTTP/1.1",
        b"",
        b"GET / HTTP/1.1 x",
    ],
)
def test_bad_request_lines_are_refused(start: bytes) -> None:
    assert refusal(request(start=start)) is Fault.REQUEST_LINE


def test_an_empty_line_before_the_request_is_refused() -> None:
    assert refusal(b"\r\n" + request()) is Fault.REQUEST_LINE


@pytest.mark.parametrize(
    "host", [b"Host:", b"host: a", b"HOST: a:80", b"Host: [::1]:80", b"Host:a.b-c_d~%41", b"Host: a \t"]
)
def test_hosts(host: bytes) -> None:
    assert parse_request_head(request(host=host)).fields == host + b"\r\n"


@pytest.mark.parametrize(
    "host",
    [b"", b"Host: a\r\nHost: a", b"Host: a, b", b"Host: u@a", b"Host: a/b", b"Host: a b", b"Host: [a", b"Host: a:b"],
)
def test_no_host_several_and_bad_ones_are_refused(host: bytes) -> None:
    assert refusal(request(host=host)) is Fault.HOST


def test_http_1_0_needs_no_host_and_closes_unless_it_says_otherwise() -> None:
    start = b"GET / HTTP/1.0"
    head = parse_request_head(request(start=start, host=b""))
    assert (head.minor, head.keep_alive) == (0, False)
    assert parse_request_head(request(b"Connection: Keep-Alive", start=start)).keep_alive
    assert refusal(request(start=start, host=b"Host: a\r\nHost: b")) is Fault.HOST


# Fields, in both directions


@pytest.mark.parametrize("of_response", [False, True])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Content-Length: 1\r\nContent-Length: 1", Fault.CONTENT_LENGTH),
        (b"Content-Length: 1\r\ncontent-length: 2", Fault.CONTENT_LENGTH),
        (b"Content-Length: 1, 1", Fault.CONTENT_LENGTH),
        (b"Content-Length: +1", Fault.CONTENT_LENGTH),
        (b"Content-Length: -1", Fault.CONTENT_LENGTH),
        (b"Content-Length: 1 1", Fault.CONTENT_LENGTH),
        (b"Content-Length: 0x1", Fault.CONTENT_LENGTH),
        (b"Content-Length: 1_0", Fault.CONTENT_LENGTH),
        (b"Content-Length: 01", Fault.CONTENT_LENGTH),
        (b"Content-Length:", Fault.CONTENT_LENGTH),
        (b"Content-Length: " + b"9" * 19, Fault.CONTENT_LENGTH),
        (b"Content-Length: \xb2", Fault.CONTENT_LENGTH),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked", Fault.BOTH_LENGTHS),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 0", Fault.BOTH_LENGTHS),
        (b"Transfer-Encoding: gzip, chunked", Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding: chunked, chunked", Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding: identity", Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding: xchunked", Fault.TRANSFER_ENCODING),
        (b'Transfer-Encoding: "chunked"', Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding: chunked;a=b", Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding:", Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding: chunked\t", Fault.TRANSFER_ENCODING),
        (b"Transfer-Encoding: \x0bchunked", Fault.CONTROL_CHARACTER),
        (b"Transfer-Encoding : chunked", Fault.FIELD_NAME),
        (b"Content-Length : 1", Fault.FIELD_NAME),
        (b"X-A\t: b", Fault.FIELD_NAME),
        (b" X: folded", Fault.FOLDED_LINE),
        (b"\tX: folded", Fault.FOLDED_LINE),
        (b"X: a\r\n b", Fault.FOLDED_LINE),
        (b": no name", Fault.FIELD_NAME),
        (b"no colon", Fault.FIELD_NAME),
        (b"X(A): b", Fault.FIELD_NAME),
        (b"X\xe4: b", Fault.FIELD_NAME),
        (b"X: a\x00b", Fault.CONTROL_CHARACTER),
        (b"X: a\x7fb", Fault.CONTROL_CHARACTER),
        (b"X: a\x1fb", Fault.CONTROL_CHARACTER),
        (b"X: a\nY: b", Fault.LINE_END),
        (b"X: a\rY: b", Fault.LINE_END),
        (b"X: a\r\r\nY: b", Fault.LINE_END),
        (b"Connection: content-length", Fault.CONNECTION),
        (b"Connection: close, Host", Fault.CONNECTION),
        (b"Connection: a b", Fault.CONNECTION),
        (b"Connection: close;x", Fault.CONNECTION),
        (b"X: " + b"a" * 32_768, Fault.LINE_TOO_LONG),
        (b"X" * 257 + b": a", Fault.LINE_TOO_LONG),
        (b"\r\n".join([b"X: a"] * 201), Fault.TOO_MANY_FIELDS),
    ],
)
def test_bad_fields_are_refused(line: bytes, reason: Fault, of_response: bool) -> None:
    assert refusal(response(line) if of_response else request(line), of_response=of_response) is reason


@pytest.mark.parametrize("value", [b"chunked", b"CHUNKED", b" chunked ", b"\tchunked"])
def test_exactly_chunked(value: bytes) -> None:
    assert parse_request_head(request(b"Transfer-Encoding:" + value)).framing == Chunked()
    assert parse_response_head(response(b"transfer-encoding:" + value), b"GET").framing == Chunked()


def test_chunks_in_http_1_0_are_refused() -> None:
    line = b"Transfer-Encoding: chunked"
    assert refusal(request(line, start=b"POST / HTTP/1.0")) is Fault.TRANSFER_ENCODING
    assert refusal(response(line, start=b"HTTP/1.0 200 OK"), of_response=True) is Fault.TRANSFER_ENCODING


def test_a_name_that_only_ends_like_one_of_framing_is_another_field() -> None:
    head = parse_request_head(
        request(b"X-Content-Length: 5", b"X-Transfer-Encoding: a", b"X: Host: b", b"X-Connection: close")
    )
    assert head.framing == NoBody()
    assert head.keep_alive


def test_200_fields_pass() -> None:
    assert parse_request_head(request(*[b"X: a"] * 199)).fields.count(b"\r\n") == 200


def test_values_may_hold_tabs_and_bytes_beyond_ascii() -> None:
    line = b"X: a\tb \xff\x80"
    assert parse_request_head(request(line)).fields.endswith(line + b"\r\n")


@pytest.mark.parametrize(
    ("lines", "keep_alive", "names"),
    [
        ([], True, set()),
        ([b"Connection: keep-alive"], True, set()),
        ([b"Connection: close"], False, set()),
        ([b"connection: Keep-Alive, CLOSE"], False, set()),
        ([b"Connection: X-A, keep-alive ,,\tx-b"], True, {b"x-a", b"x-b"}),
        ([b"Connection: TE", b"Connection: x-c", b"Connection:"], True, {b"x-c"}),
    ],
)
def test_connection_options(lines: list[bytes], keep_alive: bool, names: set[bytes]) -> None:
    head = parse_request_head(request(*lines))
    answer = parse_response_head(response(b"Content-Length: 0", *lines), b"GET")
    assert (head.keep_alive, head.connection_names) == (keep_alive, frozenset(names))
    assert (answer.keep_alive, answer.connection_names) == (keep_alive, frozenset(names))


def test_expect_and_upgrade() -> None:
    assert parse_request_head(request(b"Expect: 100-Continue")).expect_continue
    assert not parse_request_head(request(b"Expect: 100-continue", start=b"POST / HTTP/1.0")).expect_continue
    assert not parse_request_head(request(b"Expect: something")).expect_continue
    assert parse_request_head(request(b"Connection: Upgrade", b"Upgrade: websocket")).upgrade
    assert not parse_request_head(request(b"Upgrade: websocket")).upgrade
    assert not parse_request_head(request(b"Connection: upgrade")).upgrade


# Responses


@pytest.mark.parametrize(
    ("start", "method", "lines", "framing"),
    [
        (b"HTTP/1.1 200 OK", b"GET", [b"Content-Length: 3"], Sized(3)),
        (b"HTTP/1.1 200 OK", b"GET", [b"Transfer-Encoding: chunked"], Chunked()),
        (b"HTTP/1.1 200 OK", b"GET", [], UntilClose()),
        (b"HTTP/1.0 200 OK", b"GET", [], UntilClose()),
        (b"HTTP/1.1 200 OK", b"HEAD", [b"Content-Length: 3"], NoBody()),
        (b"HTTP/1.1 200 OK", b"HEAD", [b"Transfer-Encoding: chunked"], NoBody()),
        (b"HTTP/1.1 200 OK", b"HEAD", [], NoBody()),
        (b"HTTP/1.1 100 Continue", b"POST", [], NoBody()),
        (b"HTTP/1.1 103 Early Hints", b"POST", [b"Link: </a>"], NoBody()),
        (b"HTTP/1.1 204 No Content", b"DELETE", [b"Content-Length: 0"], NoBody()),
        (b"HTTP/1.1 304 Not Modified", b"GET", [b"Content-Length: 3"], NoBody()),
        (b"HTTP/1.1 205 Reset Content", b"GET", [b"Content-Length: 0"], Sized(0)),
    ],
)
def test_how_a_response_ends(start: bytes, method: bytes, lines: list[bytes], framing: Framing) -> None:
    head = parse_response_head(response(*lines, start=start), method)
    assert head.framing == framing
    assert head.status == int(start[9:12])
    assert head.fields == b"".join(line + b"\r\n" for line in lines)
    assert head.keep_alive == (start.startswith(b"HTTP/1.1") and framing != UntilClose())


@pytest.mark.parametrize("start", [b"HTTP/1.1 100 Continue", b"HTTP/1.1 199 X", b"HTTP/1.1 204 No Content"])
def test_a_body_announced_where_none_can_be_is_refused(start: bytes) -> None:
    assert refusal(response(b"Content-Length: 3", start=start), of_response=True) is Fault.CONTENT_LENGTH
    assert refusal(response(b"Transfer-Encoding: chunked", start=start), of_response=True) is Fault.TRANSFER_ENCODING


@pytest.mark.parametrize(
    ("start", "reason"),
    [(b"HTTP/1.1 200", b""), (b"HTTP/1.1 200 ", b""), (b"HTTP/1.1 429 Too  Many \xff", b"Too  Many \xff")],
)
def test_reason_phrases(start: bytes, reason: bytes) -> None:
    assert parse_response_head(response(start=start), b"GET").reason == reason


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 20", b"HTTP/1.1 2000", b"HTTP/1.1 099 X", b"HTTP/1.1  200 OK", b"HTTP/1.1 2x0 OK"]
)
def test_bad_status_lines_are_refused(start: bytes) -> None:
    assert refusal(response(start=start), of_response=True) is Fault.STATUS_LINE


def test_the_refusal_names_no_value() -> None:
    with pytest.raises(FramingError) as caught:
        parse_request_head(request(b"Authorization : sk-secret"))
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(block: bytes) -> None:
    for parse in (parse_request_head, lambda block: parse_response_head(block, b"GET")):
        with pytest.raises(FramingError):
            parse(block + b"\r\n\r\n")
