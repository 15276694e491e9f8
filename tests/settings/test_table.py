from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from narrows.policy import Level, Pages, Policy, Scope
from narrows.settings import SETTINGS, LogFormat, Settings


def test_names_are_the_same_everywhere() -> None:
    setting = next(setting for setting in SETTINGS if setting.name == "connect_timeout_s")
    assert (setting.flag, setting.variable) == ("--connect-timeout-s", "NARROWS_CONNECT_TIMEOUT_S")


def test_the_table_has_a_row_for_each_field() -> None:
    assert [setting.name for setting in SETTINGS] == list(asdict(Settings()))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_default_can_be_typed_as_it_is_shown(setting: object) -> None:
    row = next(row for row in SETTINGS if row is setting)
    if row.default != "" and not row.about.form.structured:
        assert row.about.form.read(row.show(row.default)) == row.default


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_row_has_help_that_ends(setting: object) -> None:
    row = next(row for row in SETTINGS if row is setting)
    assert row.about.help.endswith(".")
    assert row.about.group


def test_units_stand_in_names() -> None:
    for setting in SETTINGS:
        assert (setting.about.form.metavar == "TIME") == setting.name.endswith("_s"), setting.name
        assert (setting.about.form.metavar == "SIZE") == setting.name.endswith("_bytes"), setting.name


def test_the_default_policy_is_the_policys_own_default() -> None:
    assert Settings().policy("none", "") == Policy()


def test_every_policy_value_follows_the_settings() -> None:
    settings = replace(
        Settings(),
        level=Level.LOSSLESS,
        scope=Scope.LATEST,
        json_min_bytes=1,
        log_min_bytes=2,
        search_min_bytes=3,
        diff_min_bytes=4,
        repeat_min_bytes=5,
        table_min_bytes=6,
        blob_min_bytes=7,
        view_min_bytes=8,
        screen_min_bytes=11,
        html_min_bytes=10,
        html_pages=Pages.ALL,
        min_saved_tokens=9,
        min_saved_share=0.7,
        min_saved_share_assumed=0.8,
        cache_minimum_tokens=77,
    )
    policy = Policy(
        Level.LOSSLESS,
        Scope.LATEST,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        11,
        10,
        Pages.ALL,
        9,
        0.7,
        0.8,
        77,
        "magika-1.0.3",
        "toktok",
    )
    assert settings.policy("magika-1.0.3", "toktok") == policy


@pytest.mark.parametrize(
    ("log_format", "on_terminal", "elsewhere"),
    [(LogFormat.AUTO, True, False), (LogFormat.TEXT, True, True), (LogFormat.JSON, False, False)],
)
def test_logs_are_text_for_people(log_format: LogFormat, on_terminal: bool, elsewhere: bool) -> None:
    settings = replace(Settings(), log_format=log_format)
    assert settings.logs_as_text(terminal=True) is on_terminal
    assert settings.logs_as_text(terminal=False) is elsewhere
