from __future__ import annotations

import pytest

from narrows.settings import is_loopback, names_listener


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
