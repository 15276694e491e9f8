from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from narrows.backends.credentials import CommandToken, FileToken, GivenToken, NoToken
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


def command(code: str, timeout_s: float = 60.0) -> CommandToken:
    return CommandToken([sys.executable, "-c", code], timeout_s)


async def test_a_command_is_run_once_and_again_where_its_token_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "runs"
    file.write_text("")
    credentials = command(f"p = {str(file)!r}; open(p, 'a').write('x'); print('token-' + open(p).read())")
    assert await asyncio.gather(*(credentials.token() for _ in range(5))) == ["token-x"] * 5
    assert await asyncio.gather(*(credentials.token(again=True) for _ in range(5))) == ["token-xx"] * 5
    assert await credentials.token() == "token-xx"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('secret'); sys.exit(3)", "status 3"),
        ("pass", "wrote none"),
        ("print('two words')", "wrote none"),
        ("import os; os.write(1, bytes([255]))", "wrote none"),
        ("import time; print('secret', flush=True); time.sleep(60)", "within 0.5 s"),
    ],
)
async def test_a_command_that_gives_no_token_says_so_and_not_what_it_wrote(code: str, said: str) -> None:
    with pytest.raises(AgentCredentials, match=said) as caught:
        await command(code, 0.5 if "within" in said else 60.0).token()
    assert "secret" not in caught.value.message
    assert "two" not in caught.value.message


async def test_a_command_that_is_not_there() -> None:
    with pytest.raises(AgentCredentials, match="cannot be run"):
        await CommandToken(["/no/such/command"]).token()
