"""Who may reach a gateway, and where its upstream's key comes from."""

from __future__ import annotations

import pytest

from narrows.errors import SettingsError
from narrows.settings import KeyField, ParsedSettings, parse

UPSTREAM = {"upstream": "https://models.example"}
KEYS: dict[str, object] = {"keys": {"alice": "sha256:" + "0" * 64}}
SECRET = "sk-S3CR3T"


def problem_of(flags: dict[str, str], environ: dict[str, str] | None = None, toml: object = None) -> str:
    with pytest.raises(SettingsError) as raised:
        parse(UPSTREAM | flags, environ or {}, toml if isinstance(toml, dict) else {})
    (problem,) = raised.value.problems
    return problem


def shown(parsed: ParsedSettings) -> str:
    return "\n".join(" ".join(row) for row in parsed.rows())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.lan"])
def test_beyond_loopback_there_are_keys_or_somebody_said_there_need_be_none(host: str) -> None:
    problem = problem_of({"host": host})
    assert "narrows key new" in problem
    assert "--allow-open" in problem
    assert parse(UPSTREAM | {"host": host}, {}, KEYS).settings.host == host
    assert parse(UPSTREAM | {"host": host, "allow_open": "true"}, {}, {}).settings.host == host
    assert "no client would need a key" in problem_of({"host": host}, {}, {"keys": {}})


def test_keys_stand_in_the_file_alone_and_show_their_names_alone() -> None:
    parsed = parse(UPSTREAM, {}, KEYS, file="a.toml")
    assert [key.name for key in parsed.settings.keys] == ["alice"]
    assert "keys alice file a.toml" in shown(parsed)
    assert "0000" not in shown(parsed)
    assert "in the TOML file only" in problem_of({"keys": "x"})
    assert "in the TOML file only" in problem_of({}, {"NARROWS_KEYS": "x"})
    problem = problem_of({}, {}, {"keys": {"alice": SECRET}})
    assert problem.startswith("keys in narrows.toml: alice: needs")
    assert SECRET not in problem


@pytest.mark.parametrize(
    "name", ["forward_gateway_key", "key_max_in_flight", "key_requests_per_minute", "key_body_bytes_per_minute"]
)
def test_what_is_about_keys_needs_some(name: str) -> None:
    assert f"{name} (flag" in problem_of({name: "1"})
    assert getattr(parse(UPSTREAM | {name: "1"}, {}, KEYS).settings, name) == 1


def test_the_header_of_the_upstreams_key_needs_that_key() -> None:
    named = {"upstream_key_header": "x-api-key"}
    assert "NARROWS_UPSTREAM_KEY" in problem_of(named)
    for more, environ in (({}, {"NARROWS_UPSTREAM_KEY": SECRET}), ({"upstream_key_file": "f"}, {})):
        settings = parse(UPSTREAM | named | more, environ, {}).settings
        assert settings.upstream_key_header is KeyField.X_API_KEY


def test_the_upstreams_key_comes_from_the_environment_and_is_never_shown() -> None:
    own = parse(UPSTREAM, {"NARROWS_UPSTREAM_KEY": SECRET}, {})
    named = parse(UPSTREAM | {"upstream_key_env": "OPENAI_API_KEY"}, {"OPENAI_API_KEY": f" {SECRET}\n"}, {})
    for parsed in (own, named):
        assert parsed.settings.upstream_key == SECRET
        assert SECRET not in shown(parsed)
    assert own.settings.upstream_key_header is KeyField.AUTO
    assert "upstream_key set (from NARROWS_UPSTREAM_KEY) environment" in shown(own)


def test_the_upstreams_key_is_in_no_flag_and_no_file() -> None:
    assert "NARROWS_UPSTREAM_KEY only" in problem_of({"upstream_key": SECRET})
    problem = problem_of({}, {}, {"upstream_key": SECRET})
    assert "NARROWS_UPSTREAM_KEY only" in problem
    assert SECRET not in problem


@pytest.mark.parametrize("value", ["", "two words", "line\nline", "schlüssel", "tab\there"])
def test_what_no_header_can_carry_is_refused_unrepeated(value: str) -> None:
    problem = problem_of({"upstream_key_env": "A_KEY"}, {"A_KEY": value})
    assert "names the variable A_KEY: it " in problem
    assert not value or value not in problem
    if value:
        assert value not in problem_of({}, {"NARROWS_UPSTREAM_KEY": value})
    assert "and not the key itself" in problem_of({"upstream_key_env": "sk-proj-123"})


def test_one_key_goes_upstream() -> None:
    problem = problem_of({"upstream_key_env": "A", "upstream_key_file": "f"}, {"A": SECRET})
    assert "given more than once" in problem
    problem = problem_of({"forward_gateway_key": "true"}, {"NARROWS_UPSTREAM_KEY": SECRET}, KEYS)
    assert "leave one of them" in problem
