from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.policy import Level
from narrows.settings.forms import (
    COUNT,
    DURATION,
    HOST,
    PATH,
    PORT,
    PROCESSES,
    SHARE,
    SIZE,
    SWITCH,
    TOKENS,
    URL,
    WHOLE,
    Form,
    one_of,
)

FORMS = [COUNT, DURATION, HOST, PATH, PORT, PROCESSES, SHARE, SIZE, SWITCH, URL, WHOLE, one_of(Level)]


@given(st.sampled_from(FORMS), st.text(max_size=30))
def test_any_text_is_refused_or_read_and_shown(form: Form, text: str) -> None:
    try:
        value = form.read(text)
    except ValueError:
        return
    assert form.read(form.show(value)) == value


@given(st.integers(0, 999_999).map(lambda share: f"0.{share:06d}"))
def test_a_share_is_the_number_written(text: str) -> None:
    assert SHARE.read(text) == float(text)


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        (PORT, "0", 0),
        (PORT, "65535", 65535),
        (COUNT, "1", 1),
        (PROCESSES, "256", 256),
        (WHOLE, "0", 0),
        (TOKENS, "0", 0),
        (TOKENS, "4096", 4096),
        (TOKENS, "auto", None),
        (SIZE, "64MiB", 64 << 20),
        (DURATION, "2m", 120.0),
        (SHARE, "10%", 0.1),
        (SHARE, "0", 0.0),
        (SHARE, "12.5%", 0.125),
        (SWITCH, "Yes", True),
        (SWITCH, "off", False),
        (HOST, "::1", "::1"),
        (PATH, "", ""),
        (PATH, "/_gateway", "/_gateway"),
        (URL, "https://api.openai.com/", "https://api.openai.com"),
        (URL, "http://[::1]:8080/base/v1", "http://[::1]:8080/base/v1"),
        (one_of(Level), "lossless", Level.LOSSLESS),
    ],
)
def test_what_is_read(form: Form, text: str, value: object) -> None:
    assert form.read(text) == value


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        (PORT, "65536", "from 0 to 65535"),
        (PORT, "-1", "whole number"),
        (PORT, "8_0", "whole number"),
        (COUNT, "0", "of 1 or more"),
        (PROCESSES, "0", "from 1 to 256"),
        (PROCESSES, "257", "from 1 to 256"),
        (TOKENS, "-1", "of 0 or more, or auto"),
        (SIZE, "0", "over 0"),
        (DURATION, "0s", "over 0"),
        (SHARE, "1", "under 1"),
        (SHARE, "100%", "under 1"),
        (SHARE, "nan", "share"),
        (SHARE, ".", "share"),
        (SHARE, "0.1234567", "share"),
        (SWITCH, "maybe", "true or false"),
        (HOST, "", "host name"),
        (HOST, "[::1]", "host name"),
        (PATH, "gateway", "starts with /"),
        (PATH, "/gateway/", "does not end"),
        (PATH, "/", "does not end"),
        (URL, "api.openai.com", "http:// or https://"),
        (URL, "ftp://host", "http:// or https://"),
        (URL, "https://", "and a host"),
        (URL, "http://host:0", "and a host"),
        (URL, "http://host:99999", "not a URL"),
        (URL, "http://[::1", "not a URL"),
        (URL, "https://user:key@host", "user name or password"),
        (URL, "https://@host", "user name or password"),
        (URL, "https://host/?", "query"),
        (URL, "https://host/#part", "fragment"),
        (URL, "https://host/a b", "without spaces"),
        (URL, "https://höst", "plain ASCII"),
        (one_of(Level), "max", "off, lossless, balanced"),
    ],
)
def test_what_is_refused(form: Form, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        form.read(text)


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=12))
def test_an_accepted_url_has_only_scheme_host_port_and_path(tail: str) -> None:
    try:
        url = URL.read(f"http://host{tail}")
    except ValueError:
        return
    parts = urlsplit(str(url))
    assert parts.hostname
    assert not any((parts.query, parts.fragment, parts.username, parts.password))
