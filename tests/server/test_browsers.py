"""Requests of web pages are told from those of programs."""

from __future__ import annotations

import pytest

from narrows.core.http1 import RequestHead, parse_request_head
from narrows.server.browsers import comes_from_another_site, names_another_host


def head_with(*lines: str) -> RequestHead:
    return parse_request_head("\r\n".join(("GET / HTTP/1.0", *lines, "", "")).encode())


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]", "[2001:db8::1]:8787", "10.0.0.1"]
)
def test_an_address_and_localhost_are_no_other_host(host: str) -> None:
    assert not names_another_host(head_with(f"Host: {host}"))
    assert not comes_from_another_site(head_with(f"Origin: http://{host}"))
    assert not comes_from_another_site(head_with(f"origin: HTTPS://{host}"))


@pytest.mark.parametrize(
    "host", ["evil.test", "localhost.", "localhost.evil.test", "127.0.0.1.evil.test", "1.2.3", "xn--a"]
)
def test_any_other_name_is_one(host: str) -> None:
    assert names_another_host(head_with(f"Host: {host}"))
    assert comes_from_another_site(head_with(f"Origin: https://{host}:443"))


@pytest.mark.parametrize("origin", ["null", "", "file://", "chrome-extension://abc", "http://a@localhost", "localhost"])
def test_an_origin_that_is_none_of_a_local_page_is_foreign(origin: str) -> None:
    assert comes_from_another_site(head_with(f"Origin: {origin}"))


def test_programs_send_neither() -> None:
    assert not names_another_host(head_with())
    assert not comes_from_another_site(head_with("Host: localhost"))
