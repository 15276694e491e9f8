from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

import pytest

from narrows.cli.configuration import add_setting_flags, read_settings
from narrows.errors import SettingsError
from narrows.settings import SETTINGS, Group, ParsedSettings


@pytest.fixture(autouse=True)
def in_an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    for name in ("NARROWS_CONFIG", "NARROWS_PORT", "NARROWS_UPSTREAM", "OPENAI_BASE_URL", *proxies):
        monkeypatch.delenv(name, raising=False)


def settings_of(*words: str, serving: bool = True) -> ParsedSettings:
    parser = ArgumentParser()
    add_setting_flags(parser)
    return read_settings(parser.parse_args(words), serving=serving)


UPSTREAM = ("--upstream", "https://models.example")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_flag(setting: object) -> None:
    row = next(row for row in SETTINGS if row is setting)
    shown = row.show(row.default)
    if shown and row.has_flag:
        parsed = settings_of(*UPSTREAM, row.flag, shown)
        assert getattr(parsed.settings, row.name) == row.default
        assert parsed.sources[row.name] == f"flag {row.flag}"


def test_a_switch_may_stand_alone_or_be_said() -> None:
    assert settings_of(*UPSTREAM, "--allow-open").settings.allow_open is True
    assert settings_of(*UPSTREAM, "--allow-open", "false").settings.allow_open is False


def test_flags_of_some_groups_only() -> None:
    parser = ArgumentParser()
    add_setting_flags(parser, groups=[Group.EDITS])
    assert "--level" in parser.format_help()
    assert "--port" not in parser.format_help()


def test_flag_then_environment_then_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("narrows.toml").write_text("port = 3\n")
    assert settings_of(*UPSTREAM).sources["port"] == "file narrows.toml"
    monkeypatch.setenv("NARROWS_PORT", "2")
    assert settings_of(*UPSTREAM).settings.port == 2
    assert settings_of(*UPSTREAM, "--port", "1").settings.port == 1


def test_the_file_is_the_flags_then_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("a.toml").write_text("port = 1\n")
    tmp_path.joinpath("b.toml").write_text("port = 2\n")
    monkeypatch.setenv("NARROWS_CONFIG", "b.toml")
    assert settings_of(*UPSTREAM).settings.port == 2
    parsed = settings_of(*UPSTREAM, "--config", "a.toml")
    assert (parsed.settings.port, parsed.sources["port"]) == (1, "file a.toml")


def test_without_a_file_there_are_defaults() -> None:
    assert settings_of(*UPSTREAM).sources["port"] == "default"


def test_a_named_file_must_be_there_and_the_rest_is_judged_too() -> None:
    with pytest.raises(SettingsError) as raised:
        settings_of("--config", "gone.toml", "--port", "http")
    assert raised.value.problems[0] == "gone.toml: cannot be read (No such file or directory)"
    assert raised.value.problems[1].startswith("--port 'http'")
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize("content", [b"port = \n", b"\xff\n", b"port = " + b"[" * 5000, b"port = " + b"9" * 5000])
def test_what_is_not_toml_is_said(tmp_path: Path, content: bytes) -> None:
    tmp_path.joinpath("narrows.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"narrows\.toml: is not TOML"):
        settings_of(*UPSTREAM)


def test_commands_that_serve_nothing_need_no_upstream() -> None:
    assert settings_of("--level", "lossless", serving=False).settings.level.value == "lossless"


def test_the_upstreams_key_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk-S3CR3T\n")
    parsed = settings_of(*UPSTREAM, "--upstream-key-file", str(path))
    assert parsed.settings.upstream_key == "sk-S3CR3T"
    assert "sk-S3CR3T" not in str(parsed.rows())


@pytest.mark.parametrize("content", [b"", b"sk-1\nsk-2", b"\xff\xfe", None])
def test_a_file_without_one_key_is_refused_unrepeated(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        settings_of(*UPSTREAM, "--upstream-key-file", str(path))
    (problem,) = raised.value.problems
    assert problem.startswith(f"upstream_key_file {path}: ")
    assert "sk-1" not in problem


def test_secrets_have_no_flag() -> None:
    parser = ArgumentParser()
    add_setting_flags(parser)
    assert "--upstream-key " not in parser.format_help()
    assert "--keys" not in parser.format_help()
