"""Which codes are a terminal's, and which of them only say how text looks."""

from __future__ import annotations

import pytest

from narrows.compressors.control_codes import CODE, of_looks_only


@pytest.mark.parametrize(
    "code",
    [
        "\x1b[0m",
        "\x1b[38;2;1;2;3m",
        "\x1b[4:3m",
        "\x1b[K",
        "\x1b[?25l",
        "\x1b(B",
        "\x1b=",
        "\x1b]0;title\x07",
        "\x1b]133;A\x1b\\",
    ],
)
def test_a_code_of_looks(code: str) -> None:
    assert CODE.sub("", f"a{code}b") == "ab"
    assert of_looks_only(f"a{code}b")


@pytest.mark.parametrize("code", ["\x1b[2J", "\x1b[10;3H", "\x1b[3A", "\x1b[1K", "\x1bM", "\x1b]8;;http://x\x07"])
def test_a_code_that_says_more(code: str) -> None:
    assert CODE.sub("", f"a{code}b") == "ab"
    assert not of_looks_only(f"a{code}b\x1b[0m")


@pytest.mark.parametrize("text", ["", "plain [0m", "\x1b", "\\x1b[0m", "\x1b[0"])
def test_what_is_no_code_stays(text: str) -> None:
    assert CODE.sub("", text) == text
    assert of_looks_only(text)
