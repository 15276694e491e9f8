from __future__ import annotations

import json
from pathlib import Path

import pytest

from narrows.cli.main import main
from tests.cli.samples import ROWS

Captured = pytest.CaptureFixture[bytes]


def test_expand_undoes_a_lossless_compress(tmp_path: Path, capfdbinary: Captured) -> None:
    source, short = tmp_path / "source", tmp_path / "short"
    source.write_text(json.dumps(json.loads(ROWS), separators=(",", ":")))
    assert main(["compress", str(source), "--level", "lossless"]) == 0
    short.write_bytes(capfdbinary.readouterr().out)
    assert short.read_bytes() != source.read_bytes()
    assert main(["expand", str(short)]) == 0
    assert capfdbinary.readouterr().out == source.read_bytes()


def test_what_is_no_lossless_output_gives_nothing(tmp_path: Path, capfdbinary: Captured) -> None:
    source = tmp_path / "source"
    source.write_bytes(ROWS.encode())
    assert main(["expand", str(source)]) == 3
    said = capfdbinary.readouterr()
    assert said.out == b""
    assert b"not a lossless output" in said.err
