"""Who may come in, and what of a request stays here."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.http1 import parse_request_head
from narrows.errors import InvalidKey
from narrows.server.keys import Entry, Keyring
from narrows.settings import GatewayKey, KeyField, KeyLimits, Settings
from narrows.settings.keys import key_digest
from narrows.upstream.target import parse_target

ALICE, BOB, NOBODY = ("nrw_" + letter * 43 for letter in "abn")
FIELDS = ("Authorization: Bearer {}", "authorization:bearer  {} ", "X-Api-Key: {}", "x-goog-api-key: {}",
          "Api-Key: {}", "x-narrows-key: {}", "Authorization: {}")  # fmt: skip


def holder(name: str, key: str, **limits: int) -> GatewayKey:
    digest = key_digest(key.encode())
    assert digest is not None
    return GatewayKey(name, digest, KeyLimits(**limits))


def keyring(url: str = "https://models.example", **changes: Any) -> Keyring:
    chosen = {"keys": (holder("alice", ALICE), holder("bob", BOB))} | changes
    return Keyring(Settings(upstream=url, **chosen), parse_target(url), 0)


def enter(ring: Keyring, *fields: str, target: str = "/v1/x") -> Entry:
    lines = "".join(f"{line}\r\n" for line in ("Host: localhost", *fields))
    head = parse_request_head(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode())
    return ring.enter(head, head.origin_form)


def name_of(entry: Entry) -> str | None:
    return None if entry.holder is None else entry.holder.name


@pytest.mark.parametrize(("host", "lends"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_what_is_lent_on_this_machine_is_not_lent_to_web_pages(host: str, lends: bool) -> None:
    """Beyond it something else decides who may come in, and under which name."""
    ring = keyring(keys=(), upstream_key="sk-up", host=host, allow_open=True)
    if lends:
        with pytest.raises(InvalidKey):
            enter(ring, "Origin: https://site.example")
    else:
        assert enter(ring, "Origin: https://site.example").holder is None


@pytest.mark.parametrize("field", FIELDS)
def test_a_key_is_known_wherever_clients_put_it(field: str) -> None:
    ring = keyring()
    for _ in range(2):
        entry = enter(ring, field.format(ALICE))
        assert name_of(entry) == "alice"
        assert field.partition(":")[0].lower().encode() in entry.drop
        assert name_of(enter(ring, field.format(BOB))) == "bob"
        with pytest.raises(InvalidKey):
            enter(ring, field.format(NOBODY))


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("Authorization: Basic " + ALICE,),
        ("Authorization: Bearer",),
        ("Authorization: Bearer " + ALICE[:-1],),
        ("Authorization: Bearer " + ALICE + "a",),
        ("Authorization: Bearer " + ALICE.upper(),),
        ("Authorization: Bearer x " + ALICE,),
        ("X-Other: " + ALICE,),
        ("Cookie: key=" + ALICE,),
        ("x-api-key: sha256:" + "0" * 64,),
    ],
)
def test_without_a_right_key_nobody_comes_in(fields: tuple[str, ...]) -> None:
    with pytest.raises(InvalidKey) as raised:
        enter(keyring(), *fields)
    assert ALICE not in raised.value.message


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60), st.sampled_from(FIELDS))
def test_no_other_text_is_a_key(text: str, field: str) -> None:
    with pytest.raises(InvalidKey):
        enter(keyring(), field.format(text))


NAMES = st.sampled_from(["Authorization", "x-api-key", "X-GOOG-API-KEY", "api-key", "x-narrows-key", "X-Other", "nrw_"])
VALUES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "Bearer ", "bearer\t", "Basic ", "nrw_ ", "x"]),
    st.sampled_from([ALICE, BOB, NOBODY, "sk-own", ""]),
    st.sampled_from(["", " ", "a", " x"]),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_what_shows_a_key_is_found_as_a_plain_reading_finds_it(lines: list[tuple[str, str]]) -> None:
    shown = []
    for name, value in lines:
        words = value.strip(" \t").split(maxsplit=1)
        key = words[1] if len(words) == 2 and words[0].lower() == "bearer" else value.strip(" \t")
        if name.lower() not in {"x-other", "nrw_"} and key in {ALICE, BOB}:
            shown.append((name.lower().encode(), "alice" if key == ALICE else "bob"))
    fields = [f"{name}: {value}" for name, value in lines]
    if not shown:
        with pytest.raises(InvalidKey):
            enter(keyring(), *fields)
        return
    entry = enter(keyring(), *fields)
    assert name_of(entry) == shown[0][1]
    assert entry.drop == {b"x-narrows-key", *(name for name, _ in shown)}


def test_the_digest_of_a_key_is_no_key() -> None:
    digest = key_digest(ALICE.encode())
    assert digest is not None
    for shown in (digest.hex(), f"sha256:{digest.hex()}"):
        with pytest.raises(InvalidKey):
            enter(keyring(), f"x-api-key: {shown}")


def test_what_shows_a_gateway_key_stays_here_and_a_providers_key_goes_on() -> None:
    entry = enter(keyring(), f"x-api-key: {ALICE}", "Authorization: Bearer sk-provider")
    assert entry.drop == {b"x-api-key", b"x-narrows-key"}
    entry = enter(keyring(), "X-Other: nrw_", f"x-narrows-key: {ALICE}", f"Authorization: Bearer {BOB}")
    assert name_of(entry) == "alice", "the first that is shown"
    assert entry.drop == {b"x-narrows-key", b"authorization"}
    assert enter(keyring(forward_gateway_key=True), f"x-api-key: {ALICE}").drop == set()


@pytest.mark.parametrize(
    ("target", "forwarded"),
    [
        (f"/v1/x?key={ALICE}", "/v1/x"),
        (f"/v1/x?alt=sse&key={ALICE}", "/v1/x?alt=sse"),
        (f"/v1/x?key={ALICE}&alt=sse&key={BOB}", "/v1/x?alt=sse"),
        (f"/v1/x?a=%20&key={ALICE.replace('a', '%61')}&b", "/v1/x?a=%20&b"),
        (f"/v1/x?key=provider&key={ALICE}", "/v1/x?key=provider"),
    ],
)
def test_a_key_in_the_query_is_taken_out_and_nothing_else(target: str, forwarded: str) -> None:
    entry = enter(keyring(), target=target)
    assert name_of(entry) == "alice"
    assert entry.origin_form == forwarded.encode()
    assert enter(keyring(forward_gateway_key=True), target=target).origin_form == target.encode()


def test_a_key_in_the_query_is_taken_out_beside_one_in_a_field() -> None:
    entry = enter(keyring(), f"x-api-key: {BOB}", target=f"/x?key={ALICE}")
    assert (name_of(entry), entry.origin_form) == ("bob", b"/x")


def test_every_key_is_compared_whole_and_none_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = keyring()
    everybody = [key_digest(ALICE.encode()), key_digest(BOB.encode())]
    enter(ring, f"x-api-key: {ALICE}")
    assert compared == everybody
    with pytest.raises(InvalidKey):
        enter(ring, f"x-api-key: {NOBODY}")
    assert compared == everybody * 2


def test_only_right_keys_are_remembered_once_each() -> None:
    ring = keyring()
    for number in range(500):
        with pytest.raises(InvalidKey):
            enter(ring, f"x-api-key: nrw_{number:043d}")
    for field in FIELDS:
        enter(ring, field.format(ALICE))
    assert list(ring._known) == [ALICE.encode()]


def test_an_upstream_key_takes_the_place_of_every_credential() -> None:
    for ring in (keyring(upstream_key="sk-up"), keyring(upstream_key="sk-up", keys=())):
        entry = enter(ring, f"x-api-key: {ALICE}", "Authorization: Bearer sk-own", target="/x?key=own&a=1")
        assert entry.drop >= {b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"x-narrows-key"}
        assert entry.origin_form == b"/x?a=1"
        assert ring.upstream_line == b"authorization: Bearer sk-up\r\n"
    assert name_of(enter(keyring(upstream_key="sk-up", keys=()))) is None, "clients need none"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://api.openai.com/v1", b"authorization: Bearer k\r\n"),
        ("https://API.anthropic.com", b"x-api-key: k\r\n"),
        ("https://api.anthropic.com.evil.example", b"authorization: Bearer k\r\n"),
        ("https://generativelanguage.googleapis.com", b"x-goog-api-key: k\r\n"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", b"authorization: Bearer k\r\n"),
        ("https://mine.openai.azure.com", b"api-key: k\r\n"),
    ],
)
def test_the_upstreams_key_goes_where_its_server_looks(url: str, line: bytes) -> None:
    assert keyring(url, upstream_key="k").upstream_line == line
    chosen = keyring(url, upstream_key="k", upstream_key_header=KeyField.X_API_KEY)
    assert chosen.upstream_line == b"x-api-key: k\r\n"


def test_limits_belong_to_the_key_and_not_to_where_it_was_shown() -> None:
    ring = keyring(keys=(holder("alice", ALICE, max_in_flight=1), holder("bob", BOB)), key_max_in_flight=5)
    first, second = enter(ring, f"x-api-key: {ALICE}").holder, enter(ring, target=f"/?key={ALICE}").holder
    assert first is second
    assert first is not None
    assert first.allowance.begin(0, 0) is None
    assert first.allowance.begin(0, 0) is not None
