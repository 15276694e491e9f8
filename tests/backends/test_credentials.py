from __future__ import annotations

from pathlib import Path

import pytest

from narrows.backends.credentials import FileToken, GivenToken, NoToken
from narrows.errors import AgentCredentials


async def test_none_is_needed() -> None:
    assert await NoToken().token() == await NoToken().token(again=True) == ""


async def test_a_variable_that_was_not_set_is_named() -> None:
    assert await GivenToken("secret", "CODER_TOKEN").token(again=True) == "secret"
    with pytest.raises(AgentCredentials, match=r"CODER_TOKEN.*token_env"):
        await GivenToken("", "CODER_TOKEN").token()


async def test_a_file_is_read_once_and_again_where_asked(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    credentials = FileToken(str(file))
    assert await credentials.token() == "one"
    file.write_text("two\n")
    assert await credentials.token() == "one"
    assert await credentials.token(again=True) == "two"
    assert await credentials.token() == "two"


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff", "é".encode()])
async def test_a_file_without_a_token_says_so_and_not_what_it_holds(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(AgentCredentials, match="token_file") as caught:
        await FileToken(str(file)).token()
    assert "lines" not in caught.value.message
    with pytest.raises(AgentCredentials, match="FileNotFoundError"):
        await FileToken(str(tmp_path / "absent")).token()
