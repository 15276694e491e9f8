"""How keys look and how they are kept."""

from __future__ import annotations

import hashlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.settings import KeyLimits, Settings
from narrows.settings.keys import KEY_PREFIX, GatewayKey, key_digest, key_line, read_keys, show_keys

KEY = KEY_PREFIX + "a" * 43
HASH = "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()
OTHER = "sha256:" + "0" * 64


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True), st.from_regex(r"[\w-]{43}", fullmatch=True))
def test_a_printed_line_is_read_as_the_key_it_was_made_for(name: str, random: str) -> None:
    key = KEY_PREFIX + random
    if not key.isascii() or not name.isascii():
        return
    (read,) = read_keys(tomllib.loads("[keys]\n" + key_line(name, key))["keys"])
    assert (read.name, read.digest) == (name, hashlib.sha256(key.encode()).digest())
    assert key not in key_line(name, key)


@pytest.mark.parametrize("text", [b"", b"password", KEY.encode()[:-1], KEY.encode() + b"a", b"sk-" + KEY.encode()[3:]])
def test_what_has_not_the_form_of_a_key_is_none(text: bytes) -> None:
    assert key_digest(text) is None


def test_keys_with_limits_of_their_own() -> None:
    table = {"alice": HASH, "ci": {"hash": OTHER, "max_in_flight": 4, "requests_per_minute": 0}}
    alice, ci = read_keys(table)
    assert alice == GatewayKey("alice", hashlib.sha256(KEY.encode()).digest())
    assert ci.limits == KeyLimits(max_in_flight=4, requests_per_minute=0)
    settings = Settings(key_max_in_flight=2, key_requests_per_minute=60, key_body_bytes_per_minute=9)
    assert settings.limits_of(alice) == KeyLimits(2, 60, 9)
    assert settings.limits_of(ci) == KeyLimits(4, 0, 9)
    assert show_keys((alice, ci)) == "alice, ci"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("alice", "needs a table"),
        ({"alice": KEY}, "alice: needs \"sha256:\" and 64"),
        ({"alice": "sha256:" + "A" * 64}, "alice: needs"),
        ({"port": 1}, "settings that are not keys stand above"),
        ({"a b": HASH}, "a key's name needs"),
        ({"": HASH}, "a key's name needs"),
        ({"alice": {}}, "alice: needs"),
        ({"alice": {"hash": HASH, "rpm": 1}}, "alice: there is no rpm; known are body_bytes_per_minute, hash"),
        ({"alice": {"hash": HASH, "max_in_flight": -1}}, "max_in_flight needs a whole number"),
        ({"alice": {"hash": HASH, "max_in_flight": True}}, "max_in_flight needs a whole number"),
        ({"alice": HASH, "bob": HASH}, "bob: another name has the same key"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_said_without_repeating_it(table: object, words: str) -> None:
    with pytest.raises(ValueError, match=r"alice|needs|name|above") as raised:
        read_keys(table)
    assert words in str(raised.value)
    assert KEY not in str(raised.value)


def test_all_problems_of_a_table_are_said_at_once() -> None:
    with pytest.raises(ValueError, match=r"a: .*; b: .*"):
        read_keys({"a": "x", "b": "y"})


def test_a_key_cannot_be_named_badly() -> None:
    with pytest.raises(ValueError, match="name"):
        key_line('"] = 1', KEY)
