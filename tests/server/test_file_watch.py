from __future__ import annotations

import os
from pathlib import Path

from narrows.server.file_watch import FileWatch


def write(path: Path, text: str, at_s: int) -> None:
    path.write_text(text)
    os.utime(path, (at_s, at_s))


def test_a_change_is_told_once_and_when_it_has_come_to_rest(tmp_path: Path) -> None:
    path = tmp_path / "narrows.toml"
    write(path, "a", 1)
    watch = FileWatch(path)
    assert [watch.changed(), watch.changed()] == [False, False]
    write(path, "ab", 2)
    assert not watch.changed(), "it may still be being written"
    write(path, "abc", 3)
    assert [watch.changed(), watch.changed(), watch.changed()] == [False, True, False]


def test_a_file_that_comes_or_goes_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "narrows.toml"
    watch = FileWatch(path)
    assert [watch.changed(), watch.changed()] == [False, False]
    write(path, "", 1)
    assert [watch.changed(), watch.changed(), watch.changed()] == [False, True, False]
    path.unlink()
    assert [watch.changed(), watch.changed(), watch.changed()] == [False, True, False]
