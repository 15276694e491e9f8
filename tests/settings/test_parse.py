from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.errors import SettingsError
from narrows.settings import SETTINGS, Group, LogLevel, parse
from narrows.settings.forms import SIZE
from narrows.settings.parse import _quoted, shown
from narrows.settings.table import About, Setting

UPSTREAM = {"upstream": "https://models.example"}


def problems_of(
    flags: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    toml: dict[str, object] | None = None,
) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        parse(flags or {}, environ or {}, toml or {})
    return raised.value.problems


def test_defaults_need_only_an_upstream() -> None:
    parsed = parse(UPSTREAM, {}, {})
    assert parsed.settings.upstream == "https://models.example"
    assert parsed.settings.host == "127.0.0.1"
    assert parsed.sources["upstream"] == "flag --upstream"
    assert parsed.sources["port"] == "default"


@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_flag_beats_environment_beats_file_beats_default(given_in: list[bool]) -> None:
    flags = UPSTREAM | ({"port": "1001"} if given_in[0] else {})
    environ = {"NARROWS_PORT": "1002"} if given_in[1] else {}
    toml: dict[str, object] = {"port": 1003} if given_in[2] else {}
    parsed = parse(flags, environ, toml, file="some.toml")
    places = ["flag --port", "environment NARROWS_PORT", "file some.toml"]
    expected = [(1001, places[0]), (1002, places[1]), (1003, places[2]), (8787, "default")]
    first = next((pair for pair, here in zip(expected, [*given_in, True], strict=True) if here))
    assert (parsed.settings.port, parsed.sources["port"]) == first


@given(
    st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none()))
)
def test_anything_parses_or_raises_our_error(texts: dict[str, str], toml: dict[str, object]) -> None:
    with suppress(SettingsError):
        parse(texts, texts, toml)


def test_every_problem_is_reported_at_once() -> None:
    problems = problems_of(
        {"port": "http", "level": "max"},
        {"NARROWS_MAX_BODY_BYTES": "lots", "NARROWS_POTR": "1"},
        {"plan_worker": 2, "host": "0.0.0.0"},
    )
    assert len(problems) == 7
    text = "\n".join(problems)
    assert "NARROWS_POTR: there is no such setting; did you mean NARROWS_PORT?" in text
    assert "plan_worker in narrows.toml: there is no such setting; did you mean plan_workers?" in text
    assert "--port 'http': needs a whole number from 0 to 65535" in text
    assert "--level 'max': needs one of off, lossless, balanced" in text
    assert "NARROWS_MAX_BODY_BYTES 'lots': a size is" in text
    assert "host '0.0.0.0' (file narrows.toml) can be reached from other machines" in text
    assert "no upstream" in text


def test_settings_under_a_heading_are_told_where_they_stand() -> None:
    (problem,) = problems_of({"upstream": "http://127.0.0.1:9000"}, toml={"serve": {"port": 1}})
    assert problem == (
        "serve in narrows.toml: there is no such table; settings stand at the top of the file,"
        " under no heading like [serve]"
    )


def test_a_missing_upstream_shows_an_example() -> None:
    (problem,) = problems_of()
    assert "narrows serve --upstream https://api.openai.com" in problem


def test_an_unreadable_upstream_is_one_problem() -> None:
    (problem,) = problems_of({"upstream": "models.example"})
    assert problem.startswith("--upstream 'models.example': needs http:// or https://")


def test_openai_base_url_is_the_last_resort_for_upstream() -> None:
    environ = {"OPENAI_BASE_URL": "https://base.example/v1"}
    parsed = parse({}, environ, {})
    assert parsed.settings.upstream == "https://base.example/v1"
    assert parsed.sources["upstream"] == "environment OPENAI_BASE_URL"
    assert parse({}, environ, {"upstream": "https://file.example"}).settings.upstream == "https://file.example"
    assert parse({}, environ | {"NARROWS_UPSTREAM": "http://env"}, {}).settings.upstream == "http://env"


@pytest.mark.parametrize("url", ["http://localhost:8787/v1", "http://127.0.0.1:8787", "http://[::1]:8787/v1"])
def test_openai_base_url_that_names_us_is_explained(url: str) -> None:
    (problem,) = problems_of({}, {"OPENAI_BASE_URL": url})
    assert "points clients at the gateway" in problem
    assert "--upstream" in problem


def test_an_explicit_upstream_wins_over_a_base_url_that_names_us() -> None:
    parsed = parse(UPSTREAM, {"OPENAI_BASE_URL": "http://127.0.0.1:8787/v1"}, {})
    assert parsed.settings.upstream == "https://models.example"


def test_an_explicit_upstream_that_names_us_is_a_circle() -> None:
    (problem,) = problems_of({"upstream": "http://localhost:9000", "port": "9000"})
    assert "round in a circle" in problem


def test_a_body_limit_over_the_budget_is_a_problem() -> None:
    (problem,) = problems_of(UPSTREAM | {"max_body_bytes": "2GiB"})
    assert "could never be held" in problem


def test_toml_types_are_read_and_others_refused() -> None:
    toml: dict[str, object] = {"port": 1, "min_saved_share": 0.5, "allow_open": True, "log_level": "debug"}
    settings = parse(UPSTREAM, {}, toml).settings
    assert (settings.port, settings.min_saved_share, settings.allow_open) == (1, 0.5, True)
    assert settings.log_level is LogLevel.DEBUG
    (problem,) = problems_of(UPSTREAM, {}, {"port": [8787]})
    assert problem == "port in narrows.toml [8787]: needs a string, a number, or true or false"


def test_an_empty_variable_is_not_set() -> None:
    assert parse(UPSTREAM, {"NARROWS_PORT": ""}, {}).sources["port"] == "default"


def test_the_variable_that_names_the_file_is_known() -> None:
    assert parse(UPSTREAM, {"NARROWS_CONFIG": "other.toml"}, {}).settings.upstream


def test_only_a_server_needs_an_upstream_and_an_address() -> None:
    parsed = parse({"level": "lossless", "host": "0.0.0.0"}, {}, {}, serving=False)
    assert parsed.settings.level.value == "lossless"
    with pytest.raises(SettingsError):
        parse({"level": "max"}, {}, {}, serving=False)


def test_rows_show_values_and_sources_in_the_order_of_the_table() -> None:
    rows = parse(UPSTREAM, {"NARROWS_CACHE_BYTES": "1024KiB"}, {"drain_timeout_s": "1m"}).rows()
    assert [name for name, _, _ in rows] == [setting.name for setting in SETTINGS]
    assert ("upstream", "https://models.example", "flag --upstream") in rows
    assert ("cache_bytes", "1MiB", "environment NARROWS_CACHE_BYTES") in rows
    assert ("drain_timeout_s", "60s", "file narrows.toml") in rows
    assert ("level", "balanced", "default") in rows


def test_a_secret_is_shown_only_as_set() -> None:
    secret = Setting("key", "", About(Group.WHERE, SIZE, "A key.", secret=True))
    assert shown(secret, "sk-123", "environment NARROWS_KEY") == "set (from NARROWS_KEY)"


@pytest.mark.parametrize("url", ["https://user:sk-123@models.example", "https://models.example/?key=sk-123"])
def test_a_key_in_a_url_is_not_repeated(url: str) -> None:
    (problem,) = problems_of({"upstream": url})
    assert problem.startswith("--upstream: must not hold")
    assert "sk-123" not in problem


def test_an_unreadable_secret_is_not_repeated() -> None:
    secret = Setting("key", "", About(Group.WHERE, SIZE, "A key.", secret=True))
    assert _quoted(secret, "sk-123") == ""


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("upstream", "environ", "proxy"),
    [
        ("https://m.example", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://m.example", {"https_proxy": PROXY, "HTTPS_PROXY": "http://b"}, PROXY),
        ("https://m.example", {"HTTP_PROXY": PROXY}, ""),
        ("http://m.example", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": "http://b"}, PROXY),
        ("http://m.example", {"ALL_PROXY": "proxy.example:3128"}, PROXY),
        ("https://m.example", {"NARROWS_UPSTREAM_PROXY": "none", "HTTPS_PROXY": PROXY}, ""),
        ("https://localhost:9", {"HTTPS_PROXY": PROXY}, ""),
        ("http://127.0.0.1:9", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, ""),
        ("http://127.0.0.1:9", {"NARROWS_UPSTREAM_PROXY": PROXY}, PROXY),
    ],
)
def test_the_proxy_is_the_settings_or_the_environments(upstream: str, environ: dict[str, str], proxy: str) -> None:
    assert parse({"upstream": upstream}, environ, {}).settings.upstream_proxy == proxy


def test_who_needs_no_proxy_is_the_settings_or_the_environments() -> None:
    assert parse(UPSTREAM, {"NO_PROXY": "a,b"}, {}).settings.no_proxy == "a,b"
    assert parse(UPSTREAM | {"no_proxy": "c"}, {"NO_PROXY": "a,b"}, {}).settings.no_proxy == "c"


def test_a_proxys_password_is_in_no_flag_and_never_shown() -> None:
    url = "http://user:sk-123@proxy.example:3128"
    (problem,) = problems_of(UPSTREAM | {"upstream_proxy": url})
    assert "every user of this machine" in problem
    assert "sk-123" not in problem
    parsed = parse(UPSTREAM, {"HTTPS_PROXY": url}, {})
    assert parsed.settings.upstream_proxy == url
    assert ("upstream_proxy", PROXY, "environment HTTPS_PROXY") in parsed.rows()
    assert "sk-123" not in str(parsed.rows())


@pytest.mark.parametrize(
    "url", ["socks5://user:sk-123@p", "http://", "http://p/path", "http://a:sk-123@p:x", "http://p?a"]
)
def test_what_is_no_proxy_is_refused_unrepeated(url: str) -> None:
    (problem,) = problems_of(UPSTREAM, {"HTTPS_PROXY": url})
    assert problem.startswith("HTTPS_PROXY")
    assert "path" in problem or "--upstream-proxy none" in problem or "not a URL" in problem
    assert "sk-123" not in problem
