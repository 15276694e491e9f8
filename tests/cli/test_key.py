from __future__ import annotations

import re
import tomllib

import pytest

from narrows.cli.main import main
from narrows.settings.keys import key_digest, read_keys


def test_a_new_key_is_shown_once_with_the_line_that_lets_it_in(capsys: pytest.CaptureFixture[str]) -> None:
    keys = set()
    for _ in range(2):
        assert main(["key", "new", "alice"]) == 0
        shown = capsys.readouterr().out
        (key,) = re.findall(r"^  (nrw_\S+)$", shown, re.MULTILINE)
        (read,) = read_keys(tomllib.loads(shown[shown.index("[keys]") :])["keys"])
        assert (read.name, read.digest) == ("alice", key_digest(key.encode()))
        keys.add(key)
    assert len(keys) == 2


def test_a_bad_name_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "new", "a b"]) == 2
    assert "narrows key: a key's name needs" in capsys.readouterr().err
