from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from narrows.cli.failure import Failure
from narrows.cli.sources import read_bytes, read_text, write_text


def test_a_file_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("a\r\nb\rc\u2028é\n".encode())
    assert read_text(str(path)) == "a\r\nb\rc\u2028é\n"


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\x00\xff")))
    assert read_bytes("-") == b"\x00\xff"


def test_text_is_written_exactly(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_text("a\r\nb\u2028é")
    assert capfdbinary.readouterr().out == "a\r\nb\u2028é".encode()


def test_what_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="gone: cannot be read"):
        read_bytes(str(tmp_path / "gone"))
    path = tmp_path / "binary"
    path.write_bytes(b"ab\xff")
    with pytest.raises(Failure, match=r"is not UTF-8 \(byte 2\)"):
        read_text(str(path))
