from __future__ import annotations

from pathlib import Path

import pytest

from narrows.cli.main import main
from tests.cli.samples import ROWS

Captured = pytest.CaptureFixture[bytes]


@pytest.fixture(autouse=True)
def in_an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def file_with(text: str) -> str:
    Path("text").write_bytes(text.encode())
    return "text"


def test_the_shortened_text_is_on_standard_output_and_the_decision_on_standard_error(capfdbinary: Captured) -> None:
    assert main(["compress", file_with(ROWS), "--model", "gpt-4o"]) == 0
    said = capfdbinary.readouterr()
    assert said.out.startswith(b"[narrows: ")
    assert len(said.out) < len(ROWS) / 2
    assert said.err.startswith(b"narrows: json, shortened")
    assert b"(o200k_base)" in said.err


@pytest.mark.parametrize("text", ["short", "", "a\r\nb\n", "Only some prose. " * 100])
def test_a_text_that_is_kept_comes_out_as_it_went_in(text: str, capfdbinary: Captured) -> None:
    assert main(["compress", file_with(text), "--classifier", "none"]) == 0
    said = capfdbinary.readouterr()
    assert said.out == text.encode()
    assert b"kept" in said.err


def test_the_exit_code_tells_kept_from_shortened_where_asked(capfdbinary: Captured) -> None:
    assert main(["compress", file_with("short"), "--exit-code"]) == 3
    assert main(["compress", file_with(ROWS), "--exit-code"]) == 0


def test_the_tool_is_evidence(capfdbinary: Captured) -> None:
    assert main(["compress", file_with(ROWS), "--tool", "read_file", "--arguments", '{"path": "a.json"}']) == 0
    said = capfdbinary.readouterr()
    assert said.out == ROWS.encode()
    assert b"never_shortened" in said.err


def test_the_level_is_a_flag(capfdbinary: Captured) -> None:
    assert main(["compress", file_with(ROWS), "--level", "off"]) == 0
    assert b"kept, policy_off" in capfdbinary.readouterr().err


def test_the_policy_is_the_gateways(capfdbinary: Captured) -> None:
    Path("narrows.toml").write_text('level = "off"\nhost = "0.0.0.0"\n')
    assert main(["compress", file_with(ROWS)]) == 0
    assert b"policy_off" in capfdbinary.readouterr().err


def test_a_wrong_setting_and_a_missing_file_are_told_apart(capfdbinary: Captured) -> None:
    assert main(["compress", file_with(ROWS), "--level", "max"]) == 2
    assert main(["compress", "gone"]) == 1
    assert b"gone: cannot be read" in capfdbinary.readouterr().err
