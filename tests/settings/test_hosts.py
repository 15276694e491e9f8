from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.settings import is_listed, is_loopback, local_url, names_listener


@pytest.mark.parametrize(
    ("url", "host", "port", "ours"),
    [
        ("http://localhost:8787", "127.0.0.1", 8787, True),
        ("http://127.0.0.2:8787", "0.0.0.0", 8787, True),
        ("http://[::1]:8787", "::", 8787, True),
        ("http://LOCALHOST", "localhost", 80, True),
        ("https://localhost", "localhost", 443, True),
        ("http://gateway.lan:8787", "gateway.lan", 8787, True),
        ("http://localhost:8788", "127.0.0.1", 8787, False),
        ("http://models.example:8787", "127.0.0.1", 8787, False),
        ("http://localhost:8787", "192.0.2.1", 8787, False),
    ],
)
def test_which_urls_name_our_listener(url: str, host: str, port: int, ours: bool) -> None:
    assert names_listener(url, host, port) is ours


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("Localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@given(st.text(), st.text(max_size=20))
def test_any_list_is_read(no_proxy: str, host: str) -> None:
    assert is_listed(host, 443, no_proxy) in {True, False}


def test_a_name_lists_itself_and_all_below_it_and_nothing_beside_it() -> None:
    assert is_listed("a.example", 443, "example")
    assert is_listed("example", 443, "b,example:443")
    assert not is_listed("anexample", 443, "example")
    assert not is_listed("example", 443, "example:80")


def test_where_programs_on_this_machine_find_a_listener() -> None:
    assert local_url("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert local_url("::", 1) == "http://[::1]:1"
    assert local_url("localhost", 80) == "http://localhost:80"
    assert local_url("fe80::1", 80) == "http://[fe80::1]:80"
