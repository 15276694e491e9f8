from __future__ import annotations

import pytest

from narrows.errors import MalformedRequest, SettingsError
from narrows.upstream.target import parse_target


@pytest.mark.parametrize(
    ("url", "asked", "sent", "relative"),
    [
        ("http://h", b"/v1/models", b"/v1/models", "/v1/models"),
        ("http://h/", b"/v1/models?a=/../b", b"/v1/models?a=/../b", "/v1/models"),
        ("http://h/v1", b"/v1/models", b"/v1/models", "/models"),
        ("http://h/v1/", b"/models", b"/v1/models", "/models"),
        ("http://h/v1", b"/v1", b"/v1", ""),
        ("http://h/v1", b"/v1?x=1", b"/v1?x=1", ""),
        ("http://h/v1", b"/v10/models", b"/v1/v10/models", "/v10/models"),
        ("http://h/api/v1", b"/v1/models", b"/api/v1/models", "/models"),
        ("http://h/api/v1", b"/api/v1/models", b"/api/v1/models", "/models"),
        ("http://h/api/v1", b"/api/models", b"/api/v1/api/models", "/api/models"),
        ("http://h/a/a", b"/a/x", b"/a/a/x", "/x"),
        ("http://h/v1", b"/files/a..b?c=..", b"/v1/files/a..b?c=..", "/files/a..b"),
        ("http://h/v1", b"*", b"*", "*"),
        ("http://h/v1", b"/v1/a%2Fb//c", b"/v1/a%2Fb//c", "/a%2Fb//c"),
    ],
)
def test_a_shared_trailing_segment_is_joined_once(url: str, asked: bytes, sent: bytes, relative: str) -> None:
    target = parse_target(url)
    assert target.join(asked) == sent
    assert target.relative_path(asked) == relative


CLIMBS = [b"/../x", b"/v1/../x", b"/v1/%2E%2e/x", b"/v1/.%2e", b"/v1/..\\x", b"/v1/..?q"]
READ_AS_CLIMBS = [
    b"/v1/..%2fx", b"/v1/%2e%2e%2Fx", b"/v1%2f../x", b"/v1/..%5cx", b"/v1%5C..", b"/v1/..;/x", b"/v1/..;a=b", b"/..%3bx"
]  # fmt: skip


@pytest.mark.parametrize("path", CLIMBS + READ_AS_CLIMBS)
def test_no_path_leaves_the_base_path(path: bytes) -> None:
    with pytest.raises(MalformedRequest, match="base path"):
        parse_target("http://h/v1").join(path)
    assert parse_target("http://h").join(path) == path, "without a base path there is nothing to leave"


@pytest.mark.parametrize("path", [b"/v1/a..b", b"/v1/...", b"/v1/a%2fb", b"/v1/..a/x", b"/v1/a;b/c..;d", b"/v1/.%2f"])
def test_other_dots_and_slashes_are_no_climbing(path: bytes) -> None:
    assert parse_target("http://h/v1").join(path) == path


@pytest.mark.parametrize(
    ("url", "authority", "host", "port", "tls"),
    [
        ("http://h", b"h", "h", 80, False),
        ("http://h:80", b"h", "h", 80, False),
        ("http://h:8080/v1", b"h:8080", "h", 8080, False),
        ("https://api.openai.com/v1", b"api.openai.com", "api.openai.com", 443, True),
        ("https://h:80", b"h:80", "h", 80, True),
        ("http://[::1]:9000", b"[::1]:9000", "::1", 9000, False),
        ("https://[::1]", b"[::1]", "::1", 443, True),
    ],
)
def test_the_host_field_names_the_port_only_where_it_is_not_the_schemes(
    url: str, authority: bytes, host: str, port: int, tls: bool
) -> None:
    target = parse_target(url)
    assert (target.authority, target.host, target.port, target.tls) == (authority, host, port, tls)


@pytest.mark.parametrize("url", ["", "api.openai.com", "ftp://h", "http://", "http://h:x", "https:///v1"])
def test_what_is_no_upstream_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="upstream"):
        parse_target(url)
